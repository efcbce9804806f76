"""Choose the symbol of a search result that its query names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aurora_dev.core.text.terms import STOP_WORDS

_find_words = re.compile(r"\w+").findall
_MOST_WORDS = 64  # words of a query that are read; a pasted page names no symbol in particular
_LONGEST_NAME = 6  # words that are joined to one name: ``crlf function`` for ``crlf_function``


def symbol_for_query(query: str, metadata: Mapping[str, Any]) -> str:
    """Return the qualified name in ``metadata["symbols"]`` that the query names, else ``metadata["symbol"]``.

    A chunk with several definitions is stored under its outermost and largest, which need not be what was found. Names
    are compared without case and punctuation: ``crlf function`` and ``crlfFunction`` both name ``crlf_function``. The
    longest name wins; on a tie, the stored symbol wins.

    Args:
        query: The query of the search.
        metadata: The metadata of a result; a missing ``symbol`` counts as empty.
    """
    label = str(metadata.get("symbol") or "")
    symbols = metadata.get("symbols")
    if not isinstance(symbols, list):
        return label
    named = _names_in(query)
    if not named:
        return label
    names = [str(symbol) for symbol in symbols]
    best, most = label, 0
    for position, name in enumerate(names):
        joined = _joined(name)
        if joined not in named:
            continue
        # Each bare name is followed by its qualified name, if that differs.
        forms = (label, names[position + 1] if position + 1 < len(names) else "")
        whole = next((form for form in forms if form.endswith((f".{name}", f"> {name}"))), name)
        if len(joined) > most or (len(joined) == most and whole == label):
            best, most = whole, len(joined)
    return best


def _names_in(query: str) -> set[str]:
    """Return the words of a query, alone and joined to the words after them."""
    words = _find_words(query)[:_MOST_WORDS]
    names = {
        _joined("".join(words[start:stop]))
        for start in range(len(words))
        for stop in range(start + 1, min(start + _LONGEST_NAME, len(words)) + 1)
        # "how is a …" does not name a function "is", but a query of that one word does.
        if stop - start > 1 or len(words) == 1 or words[start].lower() not in STOP_WORDS
    }
    return names - {""}


def _joined(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()
