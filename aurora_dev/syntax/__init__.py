"""Source code through tree-sitter: the language of a file, its definitions and its imports.

This package is a leaf: it imports nothing else of Aurora. `aurora_dev.syntax.languages` declares every language, and
`aurora_dev.syntax.imports` finds import statements. Definitions are found in a worker process (`guard`), because a
grammar may crash on a text.
"""

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
