"""Checks of the arguments of embedders."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_dev.errors import InvalidRequestError

__all__ = ["checked_texts"]


def checked_texts(texts: Sequence[str]) -> list[str]:
    """Return the texts as a list.

    Raises:
        InvalidRequestError: ``texts`` is a single string, or holds something other than strings; nothing was embedded.
    """
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise InvalidRequestError("texts must be a list of strings; nothing was embedded")
    return list(texts)
