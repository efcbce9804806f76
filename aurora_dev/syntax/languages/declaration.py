"""The parts of a language's declaration: names, comment syntax, definition query, naming rule and import syntax.

The definition query is a tree-sitter query. Each pattern captures ``@name`` and, under the name of its kind
(``@function``, ``@class`` …), the node that is defined. If two patterns match one name, the earlier one wins. The other
captures:

- ``@scope``: text that qualifies the name instead of the enclosing definition (a Go receiver, ``app`` of ``app.use``).
- ``@value``: the value of a constant; a ``require(…)`` or ``@import(…)`` there is an import, not a definition.
- ``@tail``: a following node that belongs to the definition (a Dart body).
- ``@wrap`` around ``@inner``: the definition ``@inner`` begins where ``@wrap`` begins (decorators, C++ templates).
- ``@lead``: belongs to the definition that begins on the next line (Rust attributes, JavaScript decorators).
- ``@namespace`` is listed as a module but does not qualify names, like a package in Java; ``@impl`` qualifies names but
  defines none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from aurora_dev.lazy import lazy_pattern

_WORD = lazy_pattern(r"[A-Za-z_$][\w$]*")
_AS = lazy_pattern(r"(?<!\s)\s+as\s+\w+")  # one attempt per run of blanks: linear
_MAX_NAMES = 200  # per statement; more are a generated list


class Import(NamedTuple):
    """One import.

    Attributes:
        module: As written in the source: ``..models``, ``./utils.js``, ``crate::net``, ``net/http``, ``foo.h``.
        names: The names taken from the module, as they are called there; empty if the module itself is imported,
            ``("*",)`` if everything is.
    """

    module: str
    names: tuple[str, ...] = ()


class FoundName(NamedTuple):
    """The name of a definition, as the query captured it.

    Attributes:
        name: Text of ``@name``.
        scope: Text of ``@scope``; empty without one.
        kind: The capture of the definition, such as ``function``.
    """

    name: str
    scope: str
    kind: str


ImportFinder: TypeAlias = Callable[[str], Iterator[Import]]
"""Yields the imports of a source text, or of a fragment of one; raises for no input."""

NameRule: TypeAlias = Callable[[FoundName], FoundName | None]
"""Adapts a captured name to the language's conventions; ``None`` drops the definition."""


class Comments(NamedTuple):
    """Comment syntax, as far as comments can stand above a definition.

    Attributes:
        line: What a comment line, or a one-line annotation, begins with.
        blocks: Opening and closing mark of comments of several lines; docstrings above a definition count.
    """

    line: tuple[bytes, ...] = (b"//",)
    blocks: tuple[tuple[bytes, bytes], ...] = ((b"/*", b"*/"),)


C_COMMENTS = Comments()
HASH_COMMENTS = Comments((b"#",), ())


class Language(NamedTuple):
    """The declaration of one language: how files are recognised, and how their source is read.

    Attributes:
        name: The name of the language in tree-sitter-language-pack.
        suffixes: Suffixes of file names, without the dot, lower-case, separated by blanks.
        file_names: Whole file names, lower-case.
        file_name_prefixes: Beginnings of file names up to the first dot: ``dockerfile`` for ``Dockerfile.dev``.
        interpreters: Programs of a ``#!`` line, without a version.
        prose_suffixes: Those suffixes whose files are prose: no heuristic for generated or minified code applies.
        data: Whether files hold data rather than code.
        definitions: The tree-sitter query of definitions; empty if the language has none.
        depth: The depth of the syntax tree down to which definitions are searched.
        depth_in_large_nodes: For languages in which anything may contain anything: large nodes are searched again,
            down to this depth. ``None`` searches once.
        name_rule: See `NameRule`.
        comments: Comment syntax.
        chained_assignments: Whether ``a.set =`` on the line above ``a.get = function …`` defines the same thing.
        imports: Finds the import statements; ``None`` if the language has none.

    A tuple, since `dataclasses` takes a third of the time in which the worker process starts.
    """

    name: str
    suffixes: str = ""
    file_names: str = ""
    file_name_prefixes: str = ""
    interpreters: str = ""
    prose_suffixes: str = ""
    data: bool = False
    definitions: str = ""
    # Walking whole function bodies costs half as much as parsing. A closure in a method of a class is at depth 8.
    depth: int = 8
    depth_in_large_nodes: int | None = None
    name_rule: NameRule | None = None
    comments: Comments = C_COMMENTS
    chained_assignments: bool = False
    imports: ImportFinder | None = None


def import_pattern(pattern: str) -> ImportFinder:
    """Return a finder that matches a pattern, line by line.

    Args:
        pattern: A regular expression with a group ``module`` and optionally a group ``names``. It is compiled on first
            use. It must be linear in a text without line breaks.
    """

    def find(source: str) -> Iterator[Import]:
        compiled = re.compile(pattern, re.MULTILINE)
        has_names = "names" in compiled.groupindex
        for match in compiled.finditer(source):
            names = words_of(without_aliases(match["names"])) if has_names and match["names"] else ()
            yield Import(match["module"].strip(), names)

    return find


def words_of(text: str) -> tuple[str, ...]:
    """Return the identifiers in a list of imported names."""
    return tuple(_WORD.findall(text)[:_MAX_NAMES])


def without_aliases(text: str) -> str:
    """Remove every ``as alias`` from a list of imported names."""
    return _AS.sub("", text)


def last_word_of_impl(found: FoundName) -> FoundName:
    """Name an ``@impl`` by the last word of its type, without type arguments: ``Point`` for ``geo::Point<T>``."""
    if found.kind != "impl" or found.name.isidentifier():
        return found
    words = re.findall(r"\w+", found.name.partition("<")[0]) or re.findall(r"\w+", found.name)
    return found._replace(name=words[-1] if words else "")
