"""Private keys: PEM (PKCS, OpenSSH, PGP) and PuTTY."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aurora_dev.core.text.secrets.edits import Edit
from aurora_dev.core.text.secrets.placeholders import PLACEHOLDER, entropy
from aurora_dev.lazy import lazy_pattern

__all__ = ["pem_edits", "putty_edits"]

_MIN_ENTROPY: Final = 2.7
_PEM_BEGIN: Final = lazy_pattern(r"-----BEGIN [A-Z0-9 ]{0,40}\Z")
_PEM_HEAD_REACH: Final = 52  # the longest "-----BEGIN … " before the anchor
_PEM_BODY_REACH: Final = 20_000  # a 16,384-bit RSA key is 12.7 KB of base64
# The shortest private key (Ed25519 in PKCS #8) is one line of 64 characters.
_PEM_LINE_LENGTH: Final = 40
_PEM_LINE: Final = lazy_pattern(rf"[A-Za-z0-9+/=]{{{_PEM_LINE_LENGTH},}}")
# Runs of base64 inside a body; the letter of an escaped line break is not part of a run.
_PEM_RUN: Final = lazy_pattern(r"(?:(?<=\\)[nr])?([A-Za-z0-9+/=]{16,})")
_PEM_LAST: Final = lazy_pattern(
    r"(?:(?<=\\[nr])|(?<![A-Za-z0-9+/=\\]))([A-Za-z0-9+/=]{1,15})(?:\\[nr]|[\s\"'`+,;>#*])*\Z"
)


def _pem_body(text: str, start: int) -> tuple[int, bool]:
    """Return the end of a key's body, and whether the key is complete: not cut off before its END line."""
    reach = min(len(text), start + _PEM_BODY_REACH)
    end = text.find("-----END", start, reach)
    begin = text.find("-----BEGIN", start, reach)
    if end >= 0 and (begin < 0 or end < begin):
        return end, True
    # The key is cut off: take lines as long as they look like base64.
    stop = start
    found = False
    for line in text[start : begin if begin >= 0 else reach].splitlines(keepends=True):
        if _PEM_RUN.search(line):
            found = True
        elif found:
            break
        stop += len(line)
    return stop, False


def pem_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edits that replace a private key's first line by the marker and empty its other lines."""
    if _PEM_BEGIN.search(text[max(0, at - _PEM_HEAD_REACH) : at]) is None:
        return
    start = text.find("-----", at)
    if start < 0 or start - at > len("PRIVATE KEY BLOCK"):
        return
    start += len("-----")
    end, complete = _pem_body(text, start)
    if not any(_is_mixed_key(match[0]) for match in _PEM_LINE.finditer(text, start, end)):
        return
    spans = [match.span(1) for match in _PEM_RUN.finditer(text, start, end)]
    if complete and (last := _PEM_LAST.search(text, spans[-1][1], end)):
        spans.append(last.span(1))
    for number, (left, right) in enumerate(spans):
        yield Edit(left, right, "" if number else "[masked: private-key]", int(number == 0))


def _is_mixed_key(line: str) -> bool:
    return PLACEHOLDER.search(line.replace("A", "")) is None and entropy(line) >= _MIN_ENTROPY


# --- PuTTY ------------------------------------------------------------------------------------------------------------

_PUTTY: Final = lazy_pattern(r"Private-Lines:[ \t]{0,4}(\d{1,3})[ \t]{0,4}(?:\r\n|\n|\r)")
_PUTTY_LINE: Final = lazy_pattern(r"[ \t]{0,20}([A-Za-z0-9+/=]{4,200})[ \t]{0,4}(?:\r\n|\n|\r|$)")


def putty_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edits that empty the private lines of a PuTTY key after "Private-Lines:" at ``at``."""
    head = _PUTTY.match(text, at)
    if head is None:
        return
    place = head.end()
    for number in range(int(head[1])):
        line = _PUTTY_LINE.match(text, place)
        if line is None:
            return
        yield Edit(*line.span(1), "" if number else "[masked: private-key]", int(number == 0))
        place = line.end()
