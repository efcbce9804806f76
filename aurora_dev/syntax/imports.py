"""What a source file imports, read line by line; a leaf that knows nothing of the rest of Aurora.

Import statements are the one part of most languages that stands at the beginning of a line and is written in one way,
so that patterns find them in any fragment of a file, whatever is broken around it. A statement inside a string or a
comment is found too: whoever resolves it to a file of the project loses little by one edge too many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

__all__ = ["Import", "imports"]


class Import(NamedTuple):
    """One import.

    Attributes:
        module: As it is written: ``..models``, ``./utils.js``, ``crate::net``, ``net/http``, ``foo.h``.
        names: What is taken out of it, by the names that it has there; empty where the module itself is imported, and
            ``("*",)`` where everything is.
    """

    module: str
    names: tuple[str, ...] = ()


_WORD: Final = re.compile(r"[A-Za-z_$][\w$]*")
_MOST_NAMES: Final = 200  # of one statement; more are a generated list

_PYTHON: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<module>\.*[\w.]*)[ \t]+import[ \t]*(?:\((?P<block>[^)]{0,8000})\)|(?P<names>[^\n#;]+))"
    r"|import[ \t]+(?P<plain>[\w., \t]+))",
    re.MULTILINE,
)
_AS: Final = re.compile(r"\s+as\s+\w+")
_COMMENT: Final = re.compile(r"(?:#|//)[^\n]*")

_SCRIPT: Final = re.compile(
    r"""(?:^|[;}\s])(?:import|export)[ \t]+(?:type[ \t]+)?(?P<what>[^\n{"';]{0,200}(?:\{[^}]{0,2000}\})?)"""
    r"""[ \t\r\n]*from[ \t]*["'](?P<from>[^"'\n]+)["']"""
    r"""|^[ \t]*import\s*["'](?P<bare>[^"'\n]+)["']"""
    r"""|(?:(?:const|let|var)[ \t]+(?P<bound>[\w$]+|\{[^}]{0,2000}\})[ \t]*=[ \t]*)?"""
    r"""(?:\brequire|\bimport)[ \t]*\([ \t]*["'](?P<call>[^"'\n]+)["']\s*\)""",
    re.MULTILINE,
)
_BRACES: Final = re.compile(r"\{([^}]*)\}")


def _python(source: str) -> Iterator[Import]:
    for match in _PYTHON.finditer(source):
        if match["plain"] is not None:
            for part in match["plain"].split(","):
                module = part.split(" as ")[0].strip()
                if module:
                    yield Import(module)
            continue
        listed = _COMMENT.sub("", match["block"] if match["block"] is not None else match["names"])
        if "*" in listed:
            yield Import(match["module"], ("*",))
        else:
            yield Import(match["module"], _words(_AS.sub("", listed)))


def _script(source: str) -> Iterator[Import]:
    for match in _SCRIPT.finditer(source):
        if match["bare"] is not None:
            yield Import(match["bare"])
        elif match["call"] is not None:
            bound = match["bound"] or ""
            names = _words(re.sub(r":\s*[\w$]+", "", bound)) if bound.startswith("{") else ()
            yield Import(match["call"], names)
        else:
            what = match["what"]
            braces = _BRACES.search(what)
            names = _words(_AS.sub("", braces[1].replace("type ", ""))) if braces else ()
            yield Import(match["from"], names or (("*",) if "*" in what else ()))


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text)[:_MOST_NAMES])


def _each(pattern: str, flags: int = re.MULTILINE) -> Callable[[str], Iterator[Import]]:
    """Return a finder whose pattern has a group ``m`` (the module) and perhaps a group ``n`` (names)."""
    compiled = re.compile(pattern, flags)
    named = "n" in compiled.groupindex

    def find(source: str) -> Iterator[Import]:
        for match in compiled.finditer(source):
            names = _words(_AS.sub("", match["n"])) if named and match["n"] else ()
            yield Import(match["m"].strip(), names)

    return find


_GO_BLOCK: Final = re.compile(r"^import\s*\(([^)]{0,8000})\)|^import\s+([^\n(]+)$", re.MULTILINE)
_QUOTED: Final = re.compile(r'"([^"\n]+)"')
_RUST: Final = re.compile(
    r"^[ \t]*(?:pub(?:\([^)]*\))?\s+)?(?:use\s+(?P<path>[\w:]+?)(?:::(?P<last>\w+)|::\{(?P<names>[^;]{0,4000})\}|::\*)?"
    r"(?:\s+as\s+\w+)?\s*;|mod\s+(?P<mod>\w+)\s*;)",
    re.MULTILINE,
)


def _go(source: str) -> Iterator[Import]:
    for match in _GO_BLOCK.finditer(source):
        for module in _QUOTED.findall(match[1] or match[2]):
            yield Import(module)


def _rust(source: str) -> Iterator[Import]:
    for match in _RUST.finditer(source):
        if match["mod"]:
            yield Import(f"self::{match['mod']}")
        elif match["names"]:
            yield Import(match["path"], _words(_AS.sub("", match["names"])))
        else:
            yield Import(match["path"], (match["last"],) if match["last"] else ())


_JVM: Final = _each(r"^[ \t]*import\s+(?:static\s+)?(?P<m>\w+(?:\.\w+)*(?:\.\*)?)(?:\.\{(?P<n>[^}]*)\})?")
_C: Final = _each(r'^[ \t]*#\s*(?:include|import)\s*["<](?P<m>[^">\n]+)[">]')

_FINDERS: Final[dict[str, Callable[[str], Iterator[Import]]]] = {
    "python": _python,
    **dict.fromkeys(("javascript", "typescript", "tsx"), _script),
    **dict.fromkeys(("vue", "svelte", "html", "astro"), _script),
    "go": _go,
    "rust": _rust,
    **dict.fromkeys(("java", "kotlin", "scala", "groovy"), _JVM),
    **dict.fromkeys(("c", "cpp", "objc", "cuda"), _C),
    "csharp": _each(r"^[ \t]*(?:global\s+)?using\s+(?:static\s+)?(?:\w+\s*=\s*)?(?P<m>[\w.]+)\s*;"),
    "ruby": _each(r"^[ \t]*(?:require|require_relative|load|autoload\s+:\w+,)\s*\(?\s*['\"](?P<m>[^'\"\n]+)['\"]"),
    "php": _each(
        r"^[ \t]*(?:use\s+(?:function\s+|const\s+)?|(?:require|include)(?:_once)?\s*\(?\s*(?:__DIR__\s*\.\s*)?['\"]/?)"
        r"(?P<m>[\w\\./-]+)(?:\\?\{(?P<n>[^}]*)\})?"
    ),
    "swift": _each(r"^[ \t]*(?:@\w+\s+)?import\s+(?:\w+\s+)?(?P<m>[\w.]+)"),
    "dart": _each(r"^[ \t]*(?:import|export|part)\s+['\"](?P<m>[^'\"\n]+)['\"](?:\s+show\s+(?P<n>[\w, ]+))?"),
    "lua": _each(r"require\s*\(?\s*[\"'](?P<m>[^\"'\n]+)[\"']"),
    "elixir": _each(r"^[ \t]*(?:alias|import|use|require)\s+(?P<m>[A-Z]\w*(?:\.\w+)*)(?:\.\{(?P<n>[^}]*)\})?"),
    "haskell": _each(r"^[ \t]*import\s+(?:qualified\s+)?(?P<m>[A-Z][\w.]*)(?:[^(\n]*\((?P<n>[^)\n]*)\))?"),
    "ocaml": _each(r"^[ \t]*(?:open|include)\s+(?P<m>[A-Z][\w.]*)"),
    "zig": _each(r"@import\(\s*\"(?P<m>[^\"\n]+)\"\s*\)"),
    "julia": _each(r"^[ \t]*(?:using|import|include)\s*\(?\s*\"?(?P<m>[\w./]+)"),
    "r": _each(r"^[ \t]*(?:library|require|source)\s*\(\s*[\"']?(?P<m>[\w./-]+)"),
    "perl": _each(r"^[ \t]*(?:use|require)\s+(?P<m>[A-Z][\w:]*)"),
    "bash": _each(r"^[ \t]*(?:source|\.)\s+[\"']?(?:\$\{?\w+\}?/)?(?P<m>[\w./-]+)"),
    "css": _each(r"^[ \t]*@import\s+(?:url\()?[\"'](?P<m>[^\"'\n]+)[\"']"),
    "scss": _each(r"^[ \t]*@(?:import|use|forward)\s+[\"'](?P<m>[^\"'\n]+)[\"']"),
    "proto": _each(r"^[ \t]*import\s+(?:public\s+)?\"(?P<m>[^\"\n]+)\""),
}


def imports(source: str, language: str) -> list[Import]:
    """Find the imports of a source file, or of a fragment of one.

    Args:
        source: The text; nothing is raised for any input.
        language: As `language_of` names it; one without import statements, or an unknown one, gives an empty list.

    Returns:
        In the order of the text, each once.
    """
    finder = _FINDERS.get(language)
    return list(dict.fromkeys(finder(source))) if finder is not None else []
