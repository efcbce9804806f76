"""Source code through tree-sitter: the language of a file, its definitions and its imports.

This package is a leaf: it imports nothing else of Aurora. `aurora_dev.syntax.languages` declares every language, and
`aurora_dev.syntax.imports` finds import statements. Definitions are found in a worker process (`guard`), because a
grammar may crash on a text. The names below are imported on first use, so that the worker does without the guard.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aurora_dev.syntax.definition_finder import Definition, supported_languages
    from aurora_dev.syntax.file_languages import language_of
    from aurora_dev.syntax.guard import (
        GrammarError,
        GrammarFailedError,
        GrammarUnavailableError,
        definitions,
        find_definitions,
        remember_failures,
    )

__all__ = [
    "Definition",
    "GrammarError",
    "GrammarFailedError",
    "GrammarUnavailableError",
    "definitions",
    "find_definitions",
    "language_of",
    "remember_failures",
    "supported_languages",
]

_MODULES = {
    "Definition": "definition_finder",
    "GrammarError": "guard",
    "GrammarFailedError": "guard",
    "GrammarUnavailableError": "guard",
    "definitions": "guard",
    "find_definitions": "guard",
    "language_of": "file_languages",
    "remember_failures": "guard",
    "supported_languages": "definition_finder",
}


def __getattr__(name: str) -> Any:
    """Import a name on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
