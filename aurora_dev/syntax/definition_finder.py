"""The definitions of a source file: functions, classes, constants …, with their names, spans and headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from aurora_dev.syntax.comments import extend_upwards
from aurora_dev.syntax.grammars import load_grammar, parser_of_thread
from aurora_dev.syntax.languages import LANGUAGES, Language
from aurora_dev.syntax.languages.declaration import FoundName
from aurora_dev.syntax.naming import resolve_name
from aurora_dev.syntax.query_runner import matches_of_query

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["Definition", "parse_definitions", "supported_languages"]

# A longer header is cut: it serves readers and models as context, not as a text of its own.
_MAX_HEADER_LINES = 8
_MAX_HEADER_CHARS = 300

_KINDS = frozenset(
    {
        *("class", "constant", "enum", "function", "impl", "interface", "macro", "method", "module", "namespace"),
        *("property", "struct", "table", "target", "trait", "type", "view"),
    }
)
_CLASSES = frozenset({"class", "interface", "struct", "trait", "enum", "impl"})
# `require("x")` and `@import("x")` name a module that is defined elsewhere.
_IMPORT_VALUES = (b"require(", b"require ", b"@import(", b"await import(")
# Annotations and attributes that the grammar puts inside the definition to which they apply.
_ANNOTATIONS = (b"@", b"[", b"#[")


class Definition(NamedTuple):
    """One definition of a source file.

    Attributes:
        name: The bare name, ``send``; never empty.
        qualified: The name joined by dots to the names of the enclosing definitions, ``Client.send``.
        kind: function, method, class, interface, struct, trait, enum, type, constant, property, macro, module, impl (a
            block that adds to a type and defines no name itself), table, view or target (of a makefile).
        start_line: 1-based; decorators, attributes and the comments above are included (see `extend_upwards`).
        end_line: 1-based, inclusive.
        line: The line on which the definition itself begins, after decorators and comments.
        header: From ``line`` on, without the body: ``class Client(BaseClient):``; signatures keep their line breaks.
        parent: Position of the enclosing definition in the list, or -1.
    """

    name: str
    qualified: str
    kind: str
    start_line: int
    end_line: int
    line: int
    header: str
    parent: int


def supported_languages() -> list[str]:
    """Return the languages in which `definitions` finds definitions, sorted."""
    return sorted(language.name for language in LANGUAGES.values() if language.definitions)


class _Found:
    """A match that is not nested yet: byte span, rows (0-based) and captured texts."""

    __slots__ = ("end", "first", "index", "kind", "last", "line", "name", "name_at", "prefix", "row", "scope", "start")

    def __init__(self, node: Node, kind: str, name: str, name_at: int) -> None:
        self.start = node.start_byte
        self.end = node.end_byte
        self.row = node.start_point[0]
        self.first = self.line = self.row
        row, column = node.end_point
        # A node that includes its final line break ends at column 0 of the next line.
        self.last = row - 1 if column == 0 and row > self.row else row
        self.kind = kind
        self.name = name
        self.name_at = name_at
        self.scope = ""
        self.prefix = ""
        self.index = -1


def parse_definitions(source: bytes, language: str) -> list[Definition]:
    """Parse a source file in this process and find its definitions; see `aurora_dev.syntax.definitions`.

    Only the worker process calls this: a grammar may end the process that it runs in. Nothing in Python recurses, so
    that no nesting is too deep for it.

    Args:
        source: The file, in UTF-8; other bytes do no harm.
        language: As returned by `language_of`; an unknown one gives an empty list.

    Returns:
        In the order of the file, each after the one that encloses it.
    """
    loaded = load_grammar(language)
    if loaded is None or not source.strip():
        return []
    grammar, query = loaded
    declared = LANGUAGES[language]
    tree = parser_of_thread(language, grammar).parse(source)
    matches = matches_of_query(query, tree.root_node, declared)
    found: list[_Found] = []
    seen: set[int] = set()
    wraps: dict[int, int] = {}
    leads: dict[int, int] = {}
    # If two patterns match one name, the one that comes first in the query wins.
    for _, captures in sorted(matches, key=_number_of_pattern):
        names = captures.get("name")
        if names is None:
            if "wrap" in captures:
                wraps[captures["inner"][0].start_byte] = captures["wrap"][0].start_point[0]
            elif "lead" in captures:
                lead = captures["lead"][0]
                leads[lead.end_point[0]] = lead.start_point[0]
            continue
        name = names[0]
        at = name.start_byte
        if at in seen:
            continue
        value = captures.get("value")
        if value is not None and source.startswith(_IMPORT_VALUES, value[0].start_byte):
            continue
        kind = next(key for key in captures if key in _KINDS)
        seen.add(at)
        item = _Found(captures[kind][0], kind, _text(source, name), at)
        scope = captures.get("scope")
        if scope is not None:
            item.scope = _text(source, scope[0])
        tail = captures.get("tail")
        if tail is not None:
            item.end, item.last = tail[0].end_byte, tail[0].end_point[0]
        found.append(item)
    if not found:
        return []
    found.sort(key=lambda item: (item.start, -item.end, item.name_at))
    lines = source.split(b"\n")
    for item in found:
        if lines[item.row].lstrip().startswith(_ANNOTATIONS):
            item.line += source.count(b"\n", item.start, item.name_at)
    extend_upwards(found, lines, declared, wraps, leads)
    return _nest(found, lines, declared)


def _number_of_pattern(match: tuple[int, Any]) -> int:
    return match[0]


def _text(source: bytes, node: Node) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _nest(found: list[_Found], lines: list[bytes], language: Language) -> list[Definition]:
    """Nest matches by their byte spans, and name them."""
    result: list[Definition] = []
    stack: list[_Found] = []
    for item in found:
        while stack and (stack[-1].end < item.end or stack[-1].end <= item.start):
            stack.pop()
        # Two names of one node (`const a = 1, b = 2`) are siblings; only a larger span encloses.
        outer = next((s for s in reversed(stack) if (s.start, s.end) != (item.start, item.end)), None)
        outer_prefix = outer.prefix if outer is not None else ""
        parent = outer.index if outer is not None else -1
        enclosing = result[parent] if parent >= 0 else None
        naming = resolve_name(FoundName(item.name, item.scope, item.kind), outer_prefix, language.name_rule)
        if naming is None or not naming.bare:
            continue
        name, qualified, kind = naming
        # Like a package in Java, a namespace contains definitions but is not part of their names.
        item.prefix = outer_prefix if item.kind == "namespace" else qualified
        if enclosing is not None and enclosing.name == name and outer is not None and outer.row == item.row:
            same = kind == enclosing.kind or {kind, enclosing.kind} <= {"function", "method", "constant"}
            if same and kind != "impl":
                continue  # `app.use = function use(` and `typedef struct S {…} S` define one thing
        if kind == "function" and enclosing is not None and enclosing.kind in _CLASSES:
            kind = "method"
        previous = result[-1] if result else None
        if (
            previous is not None
            and previous.qualified == qualified
            and previous.kind == kind
            and previous.parent == parent
            and previous.end_line == item.first
        ):
            # Clauses, equations and overloads on consecutive lines are one definition.
            result[-1] = previous._replace(end_line=max(previous.end_line, item.last + 1))
            item.index = len(result) - 1
            stack.append(item)
            continue
        item.index = len(result)
        stack.append(item)
        header = _header(lines, item.line, item.last)
        result.append(Definition(name, qualified, kind, item.first + 1, item.last + 1, item.line + 1, header, parent))
    return result


def _header(lines: list[bytes], row: int, last: int) -> str:
    """Return the line at ``row`` and the following ones until its brackets are closed."""
    line = lines[row][:_MAX_HEADER_CHARS]  # minified lines are long
    depth = line.count(b"(") - line.count(b")") if b"(" in line else 0
    limit = min(last + 1, row + _MAX_HEADER_LINES)
    stop = row + 1
    while depth > 0 and stop < limit and len(line) < _MAX_HEADER_CHARS:
        more = lines[stop][:_MAX_HEADER_CHARS]
        depth += more.count(b"(") - more.count(b")")
        line += b"\n" + more
        stop += 1
    header = line.decode("utf-8", "replace").strip("\r\n \t\ufeff")
    if len(line) >= _MAX_HEADER_CHARS:
        header = header[:_MAX_HEADER_CHARS].rstrip("\ufffd \t\r\n") + "…"
    return header[:-1].rstrip() if header.endswith("{") else header
