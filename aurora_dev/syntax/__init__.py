"""Definitions in a source file, found with tree-sitter; a leaf that knows nothing of the rest of Aurora.

The grammars come in the wheel of tree-sitter-language-pack. What counts as a definition is a query per language
(`aurora_dev.syntax.queries`), so that the tree is walked in C and only what matched becomes a Python object.
"""

from __future__ import annotations

import logging
import re
import threading
from bisect import bisect_left
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from aurora_dev.syntax.comments import extend_upwards
from aurora_dev.syntax.languages import language_of
from aurora_dev.syntax.queries import QUERIES

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Query

__all__ = ["Definition", "definitions", "language_of", "supported_languages"]

_log = logging.getLogger(__name__)

# Definitions are looked for down to this depth of the tree, because walking whole function bodies costs as much as half
# the parsing: a closure in a method of a class is at 8. C++ and C# put namespaces and include guards around everything;
# in Python a method is at 5 even where class and method are decorated and the class is in an `if`.
_MAX_DEPTH = 8
_MAX_DEPTH_OF = {"cpp": 12, "csharp": 12, "cuda": 12, "elixir": 12, "objc": 12, "python": 6, "zig": 12}
# In JavaScript anything may hold anything (`x = factory("X", () => { a.b = …`), and many files are full of
# callbacks: a shallow look at the file, and another one into what is large. Half the time, measured on zod and axios.
_SHALLOW_DEPTH = 5
_SECOND_DEPTH = 6
_LARGE_BYTES = 1_500
# A header of more lines is cut: it is context for a reader and a model, not a text of its own.
_MAX_HEADER_LINES = 8
_MAX_HEADER_CHARS = 300

_KINDS = frozenset(
    {
        *("class", "constant", "enum", "function", "impl", "interface", "macro", "method", "module", "namespace"),
        *("property", "struct", "table", "target", "trait", "type", "view"),
    }
)
# What a second look goes into, where it is large.
_HOLDERS = frozenset({"class", "constant", "function", "method", "module"})
_CLASSES = frozenset({"class", "interface", "struct", "trait", "enum", "impl"})
_EXPORTS = frozenset({"exports", "module.exports", "this", "self", "module", "globalThis", "window"})
_PLAIN_SCOPE = re.compile(r"[\w$]+(?:\.[\w$]+)*")
_WORD = re.compile(r"\w+")
_ECMASCRIPT = frozenset({"javascript", "typescript", "tsx"})
# `require("x")` and `@import("x")` name a module that is defined elsewhere.
_IMPORTS = (b"require(", b"require ", b"@import(", b"await import(")
# Annotations and attributes that the grammar puts inside the definition that they are about.
_ANNOTATIONS = (b"@", b"[", b"#[")


class Definition(NamedTuple):
    """One definition of a source file.

    Attributes:
        name: The bare name, ``send``; never empty.
        qualified: Joined by dots to the names of what encloses it, ``Client.send``.
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
    """Return the languages in which `definitions` finds something, sorted."""
    return sorted(QUERIES)


_local = threading.local()


@cache
def _grammar(language: str) -> tuple[Any, Query] | None:
    """Return the grammar and its compiled query, or ``None`` where either is missing; says so once in the log."""
    source = QUERIES.get(language)
    if source is None:
        return None
    try:
        from tree_sitter import Query, QueryError
        from tree_sitter_language_pack import get_language
    except ImportError as error:
        _log.warning("source is cut by lines, not along syntax: %s", error)
        return None
    try:
        grammar = get_language(language)  # type: ignore[arg-type,unused-ignore]
        return grammar, Query(grammar, source)
    except (LookupError, QueryError, ValueError) as error:
        # Another release of the grammars may lack a language or name its nodes otherwise.
        _log.warning("%s is cut by lines, not along syntax: %s", language, error)
        return None


def _parser(language: str, grammar: Any) -> Parser:
    """Return this thread's parser: a parser holds state and must not be shared."""
    parsers: dict[str, Parser] | None = getattr(_local, "parsers", None)
    if parsers is None:
        parsers = _local.parsers = {}
    parser = parsers.get(language)
    if parser is None:
        from tree_sitter import Parser

        parser = parsers[language] = Parser(grammar)
    return parser


class _Found:
    """A match before it is placed: byte span, rows (0-based), and what the query captured."""

    __slots__ = ("end", "first", "index", "kind", "last", "line", "name", "name_at", "prefix", "row", "scope", "start")

    def __init__(self, node: Node, kind: str, name: str, name_at: int) -> None:
        self.start = node.start_byte
        self.end = node.end_byte
        self.row = node.start_point[0]
        self.first = self.line = self.row
        row, column = node.end_point
        # A node that takes its final line break with it ends at column 0 of the next line.
        self.last = row - 1 if column == 0 and row > self.row else row
        self.kind = kind
        self.name = name
        self.name_at = name_at
        self.scope = ""
        self.prefix = ""
        self.index = -1


def definitions(source: bytes, language: str) -> list[Definition]:
    """Find the definitions of a source file.

    Damaged source gives what the error-tolerant parser could make of it; nothing is raised for any input. Closures deep
    within function bodies (by language, 5 to 12 nodes down) are left out. The tree is never walked by recursion, so
    that no nesting is too deep.

    Args:
        source: The file; UTF-8 is assumed, other bytes do no harm.
        language: As `language_of` names it; an unknown one gives an empty list.

    Returns:
        In the order of the file, each after the one that encloses it.
    """
    compiled = _grammar(language)
    if compiled is None or not source.strip():
        return []
    grammar, query = compiled
    tree = _parser(language, grammar).parse(source)
    matches = _matches(query, tree.root_node, language)
    found: list[_Found] = []
    seen: set[int] = set()
    wraps: dict[int, int] = {}
    leads: dict[int, int] = {}
    # Patterns that stand earlier in a query are the more telling ones; where two match one name, the earlier wins.
    for _, captures in sorted(matches, key=_pattern):
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
        if value is not None and source.startswith(_IMPORTS, value[0].start_byte):
            continue
        text = source[at : name.end_byte].decode("utf-8", "replace")
        kind = next(key for key in captures if key in _KINDS)
        seen.add(at)
        item = _Found(captures[kind][0], kind, text, at)
        scope = captures.get("scope")
        if scope is not None:
            item.scope = source[scope[0].start_byte : scope[0].end_byte].decode("utf-8", "replace")
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
    extend_upwards(found, lines, language, wraps, leads)
    return _place(found, lines, language)


def _matches(query: Query, root: Node, language: str) -> list[tuple[int, dict[str, list[Node]]]]:
    """Run a query as deep as the language needs it."""
    from tree_sitter import QueryCursor

    cursor = QueryCursor(query)
    if language not in _ECMASCRIPT:
        cursor.set_max_start_depth(_MAX_DEPTH_OF.get(language, _MAX_DEPTH))
        return cursor.matches(root)
    cursor.set_max_start_depth(_SHALLOW_DEPTH)
    matches = cursor.matches(root)
    large: list[Node] = []
    starts: list[int] = []
    for _, captures in matches:
        for kind in _HOLDERS & captures.keys():
            node = captures[kind][0]
            start = node.start_byte
            starts.append(start)
            if node.end_byte - start > _LARGE_BYTES:
                large.append(node)
    starts.sort()
    for node in root.children:
        start, end = node.start_byte, node.end_byte
        if end - start > _LARGE_BYTES:
            position = bisect_left(starts, start)
            if position == len(starts) or starts[position] >= end:
                large.append(node)  # a wrapper, a test suite: nothing found in it so far
    cursor.set_max_start_depth(_SECOND_DEPTH)
    for node in large:
        matches += cursor.matches(node)
    return matches


def _pattern(match: tuple[int, Any]) -> int:
    return match[0]


def _place(found: list[_Found], lines: list[bytes], language: str) -> list[Definition]:
    """Nest what was found by its byte spans, and name it."""
    result: list[Definition] = []
    stack: list[_Found] = []
    for item in found:
        while stack and (stack[-1].end < item.end or stack[-1].end <= item.start):
            stack.pop()
        # Two names of one node (`const a = 1, b = 2`) stand side by side; only a larger span encloses.
        outer = next((s for s in reversed(stack) if (s.start, s.end) != (item.start, item.end)), None)
        parent = outer.index if outer is not None else -1
        above = result[parent] if parent >= 0 else None
        name, qualified, kind = _name(item, outer.prefix if outer is not None else "", language)
        # Like a package in Java, a namespace is where things are, not a part of what they are called.
        item.prefix = qualified if item.kind != "namespace" else outer.prefix if outer is not None else ""
        if not name:
            continue
        if above is not None and above.name == name and outer is not None and outer.row == item.row:
            same = kind == above.kind or {kind, above.kind} <= {"function", "method", "constant"}
            if same and kind != "impl":
                continue  # `app.use = function use(` and `typedef struct S {…} S` define one thing
        if kind == "function" and above is not None and above.kind in _CLASSES:
            kind = "method"
        before = result[-1] if result else None
        if (
            before is not None
            and before.qualified == qualified
            and before.kind == kind
            and before.parent == parent
            and before.end_line == item.first
        ):
            # Clauses, equations and overloads that follow each other line by line are one definition.
            result[-1] = before._replace(end_line=max(before.end_line, item.last + 1))
            item.index = len(result) - 1
            stack.append(item)
            continue
        item.index = len(result)
        stack.append(item)
        header = _header(lines, item.line, item.last)
        result.append(Definition(name, qualified, kind, item.first + 1, item.last + 1, item.line + 1, header, parent))
    return result


def _name(item: _Found, prefix: str, language: str) -> tuple[str, str, str]:
    """Return the bare name, the qualified name and the kind."""
    kind = "module" if item.kind == "namespace" else item.kind
    name = item.name
    if not name.isidentifier():
        if language == "make" and name.startswith("."):
            return "", "", kind  # .PHONY and the like are instructions to make
        if kind == "function" and ("::" in name or (language == "lua" and ":" in name)):
            kind = "method"
        name = name.strip("\"'`").replace("::", ".").replace("\\", ".").replace("->", ".")
        if item.kind == "impl" and language != "elixir":
            words = _WORD.findall(name.partition("<")[0]) or _WORD.findall(name)
            name = words[-1] if words else ""
        elif language == "lua":
            name = name.replace(":", ".")
        name = " ".join(name.split()).strip(".")
    scope = item.scope
    if scope:
        if language in _ECMASCRIPT:
            if scope == "module" and name == "exports":
                return "", "", kind
            if scope.endswith(".prototype"):
                scope, kind = scope[: -len(".prototype")], "method"
            if scope in _EXPORTS or not _PLAIN_SCOPE.fullmatch(scope):
                scope = ""
            for receiver in ("exports.", "module.exports.", "this."):
                scope = scope.removeprefix(receiver)
        elif language == "go":
            word = _WORD.search(scope)
            scope = word.group() if word else ""
        else:
            scope = scope.strip("\"'")
    outer = scope or prefix
    qualified = f"{outer}.{name}" if outer else name
    if kind == "impl":
        return name, qualified, kind
    bare = name if name.startswith("operator") else name.rpartition(".")[2]
    return bare, qualified, kind


def _header(lines: list[bytes], row: int, last: int) -> str:
    """Return the line at ``row``, and those after it for as long as its brackets are open."""
    # Minified lines are long; the part that counts is not.
    line = lines[row][:_MAX_HEADER_CHARS]
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
