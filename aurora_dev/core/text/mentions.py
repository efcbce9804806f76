"""Find the file names and paths that a text mentions. Linear in the length of the text."""

from __future__ import annotations

from typing import Final

from aurora_dev.lazy import lazy_pattern

__all__ = ["EXTENSION", "EXTENSIONS", "find_paths", "is_file_name"]

EXTENSION: Final = r"[A-Za-z][A-Za-z0-9+]{0,9}"
"""The expression for the extension of a file, without its dot."""

EXTENSIONS: Final = frozenset(
    """
    adoc bash bat bzl c cc cfg cjs clj cljs cmake coffee conf cpp cr cs css csv cts cu cxx d dart dockerfile ejs el elm
    erb erl ex exs f90 fs fsx gleam go gradle graphql groovy h haml hbs hcl hh hpp hrl hs htm html hxx idl ini ipynb
    java jinja jl js json jsx kt kts less lhs lisp lock lua m mak markdown md mdx mjs mk ml mli mm mts nim nix nu php
    pl plist pm po proto ps1 psm1 py pyi pyx r rake rb re rego rs rst s sass sbt scala scm scss sh sol sql styl svelte
    svg swift t tcl templ tex tf thrift toml ts tsv tsx txt v vb vim vue wgsl x xaml xml xsd yaml yml zig zsh
    """.split()  # noqa: SIM905
)
"""Extensions of source, text and configuration files, in lower case."""

_MOST_PATHS = 24  # in one text; a log repeats them

_PATH = lazy_pattern(
    r"(?<![\w./\\@+~-])(?:[A-Za-z]:)?[\w.@+~-]*(?:[/\\][\w.@+~-]+)+"
    rf"|(?<![\w./\\@+~-])[\w@+-][\w.@+-]*\.{EXTENSION}\b"
)


def is_file_name(path: str) -> bool:
    """Return whether the last part of a path ends in a known extension."""
    name = path.rpartition("/")[2]
    return "." in name.strip(".") and name.rpartition(".")[2].lower() in EXTENSIONS


def find_paths(text: str) -> tuple[str, ...]:
    """Return the file names and paths in a text, each once, in order; at most 24.

    Args:
        text: Any text. A single word with a ``/`` or a dot may be a path even if it ends in no known extension.

    Returns:
        Paths as written, with ``/`` in place of a backslash.
    """
    found: dict[str, None] = {}
    alone = len(text.split(maxsplit=1)) == 1
    for match in _PATH.finditer(text):
        path = match[0].replace("\\", "/").strip(".,:;")
        if is_file_name(path) or (alone and ("/" in path.strip("/") or "." in path.strip("./"))):
            found[path] = None
        if len(found) == _MOST_PATHS:
            break
    return tuple(found)
