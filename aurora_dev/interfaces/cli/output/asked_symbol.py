"""Which of a result's names the query asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aurora_dev.core.text.terms import STOP_WORDS

_find_words = re.compile(r"\w+").findall
_MOST_WORDS = 64  # of a query that are looked at; a pasted page names nothing in particular
_LONGEST_NAME = 6  # words that are tried as one name: ``crlf function`` for ``crlf_function``


def asked_symbol(query: str, metadata: Mapping[str, Any]) -> str:
    """Return the name in ``metadata["symbols"]`` that the query names, qualified; else ``metadata["symbol"]``.

    A chunk of several definitions is stored under its outermost and largest, which need not be the one that was found.
    Names are compared without case and punctuation, so that ``crlf function`` and ``crlfFunction`` name
    ``crlf_function``. The longest name wins; where the stored symbol is named as well as another, it stays.

    Args:
        query: What was searched for.
        metadata: A result's; a missing ``symbol`` counts as empty.
    """
    label = str(metadata.get("symbol") or "")
    symbols = metadata.get("symbols")
    if not isinstance(symbols, list):
        return label
    spoken = _spoken_names(query)
    if not spoken:
        return label
    names = [str(symbol) for symbol in symbols]
    best, most = label, 0
    for position, name in enumerate(names):
        joined = _joined(name)
        if joined not in spoken:
            continue
        # Each bare name is followed by its qualified form, where that is another.
        forms = (label, names[position + 1] if position + 1 < len(names) else "")
        whole = next((form for form in forms if form.endswith((f".{name}", f"> {name}"))), name)
        if len(joined) > most or (len(joined) == most and whole == label):
            best, most = whole, len(joined)
    return best


def _spoken_names(query: str) -> set[str]:
    """Return what the query's words spell, alone and joined to those after them."""
    words = _find_words(query)[:_MOST_WORDS]
    spoken = {
        _joined("".join(words[start:stop]))
        for start in range(len(words))
        for stop in range(start + 1, min(start + _LONGEST_NAME, len(words)) + 1)
        # "how is a …" does not ask for a function called "is"; a query of that one word does.
        if stop - start > 1 or len(words) == 1 or words[start].lower() not in STOP_WORDS
    }
    return spoken - {""}


def _joined(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()
