"""Text from files, notes and models, made safe to show to a person or a model: nothing in it hides or drives."""

from __future__ import annotations

import re
from typing import Final

# C0 and C1 control characters (escape sequences start with them), the line and paragraph separators, the marks that
# reorder text or hide in it, annotations, halves of surrogate pairs, which no encoding can write, and the tag
# characters and supplementary variation selectors, in which whole sentences can be hidden from a person but not from
# a model.
_HIDDEN: Final = (
    "\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e01ef"
)
_UNSAFE: Final = re.compile(f"[\x00-\x1f{_HIDDEN}]")
_UNSAFE_WITHIN_LINES: Final = re.compile(f"[\x00-\x09\x0b-\x1f{_HIDDEN}]")
_UNSAFE_IN_SOURCE: Final = re.compile(f"[\x00-\x08\x0b-\x1f{_HIDDEN}]")
_TAB: Final = "    "


def visible(text: str, *, keep_newlines: bool = False) -> str:
    r"""Return the text with tabs as four spaces and every other unsafe character as its escape, such as ``\x1b``."""
    pattern = _UNSAFE_WITHIN_LINES if keep_newlines else _UNSAFE
    return pattern.sub(_escape, text.replace("\t", _TAB))


def visible_source(text: str) -> str:
    r"""Return source text that a model may read: tabs and newlines stay, ``\r\n`` is a newline, the rest is escaped."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return _UNSAFE_IN_SOURCE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
