"""Grammars, compiled definition queries and parsers, loaded on first use.

The grammars ship in the wheel of tree-sitter-language-pack.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from aurora_dev.syntax.languages import LANGUAGES

if TYPE_CHECKING:
    from tree_sitter import Parser, Query

__all__ = ["load_grammar", "parser_of_thread", "why_not_loaded"]

_local = threading.local()
_problems: dict[str, str] = {}  # by language


@cache
def load_grammar(language: str) -> tuple[Any, Query] | None:
    """Return the grammar of a language and its compiled definition query.

    Returns:
        ``None`` if the language has no query, or if the grammar cannot be loaded; see `why_not_loaded`.
    """
    declared = LANGUAGES.get(language)
    if declared is None or not declared.definitions:
        return None
    try:
        from tree_sitter import Query, QueryError
        from tree_sitter_language_pack import get_language
    except ImportError as error:
        _problems[language] = str(error)
        return None
    try:
        grammar = get_language(language)  # type: ignore[arg-type,unused-ignore]
        return grammar, Query(grammar, declared.definitions)
    except (LookupError, QueryError, ValueError) as error:
        # Another release of the grammars may lack a language or use other node names.
        _problems[language] = str(error)
        return None


def why_not_loaded(language: str) -> str:
    """Return why `load_grammar` could not load the grammar of a language; empty if it could, or was not asked."""
    return _problems.get(language, "")


def parser_of_thread(language: str, grammar: Any) -> Parser:
    """Return this thread's parser of a language: a parser has state and must not be shared between threads."""
    parsers: dict[str, Parser] | None = getattr(_local, "parsers", None)
    if parsers is None:
        parsers = _local.parsers = {}
    parser = parsers.get(language)
    if parser is None:
        from tree_sitter import Parser

        parser = parsers[language] = Parser(grammar)
    return parser
