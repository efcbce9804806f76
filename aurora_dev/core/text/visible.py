"""Escaping of control and hidden characters in untrusted text, before a person or a model sees it."""

from __future__ import annotations

import re
from typing import Final

from aurora_dev.lazy import lazy_pattern

# C0 and C1 control characters (they begin escape sequences), line and paragraph separators, marks that reorder text or
# are invisible, annotations, lone surrogates (which no encoding can write), and tag characters and supplementary
# variation selectors, which can hide whole sentences from a person but not from a model.
_HIDDEN: Final = (
    "\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e01ef"
)
_UNSAFE: Final = lazy_pattern(f"[\x00-\x1f{_HIDDEN}]")
_UNSAFE_WITHIN_LINES: Final = lazy_pattern(f"[\x00-\x09\x0b-\x1f{_HIDDEN}]")
_UNSAFE_IN_SOURCE: Final = lazy_pattern(f"[\x00-\x08\x0b-\x1f{_HIDDEN}]")
_TAB: Final = "    "


def visible(text: str, *, keep_newlines: bool = False) -> str:
    r"""Return the text with tabs as four spaces and every unsafe character escaped, as in ``\x1b``.

    Args:
        text: Any text.
        keep_newlines: Whether ``\n`` stays. By default it is escaped too, so that the result is one line.
    """
    pattern = _UNSAFE_WITHIN_LINES if keep_newlines else _UNSAFE
    return pattern.sub(_escape, text.replace("\t", _TAB))


def visible_source(text: str) -> str:
    r"""Return source text for a model: tabs and newlines stay, ``\r\n`` becomes ``\n``, the rest is escaped."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return _UNSAFE_IN_SOURCE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
