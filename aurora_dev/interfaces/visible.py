"""Text from files and models, made safe to show: nothing in it can drive the terminal."""

from __future__ import annotations

import re

# C0 and C1 control characters (escape sequences start with them), the line and paragraph separators, the marks that
# reorder text or hide in it, and halves of surrogate pairs, which no encoding can write.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_UNSAFE_WITHIN_LINES = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))
_TAB = "    "


def visible(text: str, *, keep_newlines: bool = False) -> str:
    r"""Return the text with tabs as four spaces and every other unsafe character as its escape, such as ``\x1b``."""
    pattern = _UNSAFE_WITHIN_LINES if keep_newlines else _UNSAFE
    return pattern.sub(_escape, text.replace("\t", _TAB))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def lines_of(content: str) -> list[str]:
    """Split as line numbers count: at newlines only, whatever else may look like one; each line made visible."""
    lines = content.split("\n")
    if lines[-1] == "" and len(lines) > 1:
        lines.pop()
    return [visible(line.removesuffix("\r")) for line in lines]


def cut(text: str, width: int, mark: str = "...") -> str:
    """Return the text in at most ``width`` characters, with a mark where something was cut off."""
    return text if len(text) <= width else text[: max(0, width - len(mark))] + mark
