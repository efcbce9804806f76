"""Source code through tree-sitter: the language of a file, its definitions and its imports.

This package is a leaf: it imports nothing else of Aurora. `aurora_dev.syntax.languages` declares every language, and
`aurora_dev.syntax.imports` finds import statements.
"""

from aurora_dev.syntax.definition_finder import Definition, definitions, supported_languages
from aurora_dev.syntax.file_languages import language_of

__all__ = ["Definition", "definitions", "language_of", "supported_languages"]
