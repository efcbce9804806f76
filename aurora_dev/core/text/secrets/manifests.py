"""The values of Kubernetes secrets (``kind: Secret``)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from aurora_dev.core.text.secrets.edits import Edit, masked
from aurora_dev.core.text.secrets.placeholders import is_placeholder_password, is_template
from aurora_dev.lazy import lazy_pattern

__all__ = ["LABELS", "manifest_edits", "manifest_span"]

LABELS: Final = frozenset(("kubernetes-secret",))

_REACH: Final = 20_000  # characters of a manifest before and after its kind
_KIND: Final = lazy_pattern(r"kind[\"']?:[ \t]{0,8}[\"']?\Z")
_BREAK: Final = lazy_pattern(r"^---", re.MULTILINE)
_BLOCK: Final = lazy_pattern(r"^([ \t]{0,40})[\"']?(data|stringData)[\"']?:[ \t]{0,8}\{?[ \t]{0,8}$", re.MULTILINE)
_LINE: Final = lazy_pattern(
    r"([ \t]{0,60})(?:[\"']?[\w.-]{1,200}[\"']?:[ \t]{0,8}(?P<value>[^\r\n]{0,8000})|(?P<more>[^\r\n]{0,8000}))"
    r"(?:\r\n|\n|\r|$)"
)
_MOST_LINES: Final = 200
_BLOCK_SCALAR: Final = lazy_pattern(r"[|>][+-]?\d?[ \t]*")


def manifest_span(text: str, at: int) -> tuple[int, int] | None:
    """Return the span of the manifest around the word "Secret" at ``at``, or ``None`` if that is not its kind."""
    if _KIND.search(text[max(0, at - 16) : at]) is None:
        return None
    before = text[max(0, at - _REACH) : at]
    breaks = [match.end() for match in _BREAK.finditer(before)]
    start = at - len(before) + (breaks[-1] if breaks else 0)
    stop = min(len(text), at + _REACH)
    found = _BREAK.search(text, at, stop)
    return start, found.start() if found else stop


def manifest_edits(text: str, start: int, end: int) -> Iterator[Edit]:
    """Yield the edits of the values in the ``data`` and ``stringData`` of a manifest."""
    for block in _BLOCK.finditer(text, start, end):
        yield from _block_edits(text, block.end() + 1, end, len(block[1]), encoded=block[2] == "data")


def _block_edits(text: str, place: int, end: int, indent: int, *, encoded: bool) -> Iterator[Edit]:
    in_scalar = False
    for _ in range(_MOST_LINES):
        line = _LINE.match(text, place, end)
        if line is None or line.end() == place:
            return
        place = line.end()
        if len(line[1]) <= indent and (line["value"] or line["more"]):
            return
        group = "value" if line["value"] is not None and not in_scalar else "more"
        if line[group] is None:
            group = "value" if line["value"] is not None else "more"
        value = line[group] or ""
        if group == "value" and _BLOCK_SCALAR.fullmatch(value):
            in_scalar = True
            continue
        if group == "value":
            in_scalar = False
        left, right = line.span(group)
        stripped = value.strip().rstrip(",")
        left += len(value) - len(value.lstrip())
        right = left + len(stripped)
        if stripped[:1] in {'"', "'"} and stripped[-1:] == stripped[:1] and len(stripped) > 2:
            stripped, left, right = stripped[1:-1], left + 1, right - 1
        if _is_secret(stripped, encoded):
            yield masked(left, right, "kubernetes-secret")


def _is_secret(value: str, encoded: bool) -> bool:
    if len(value) < 6 or is_template(value):
        return False
    if encoded:
        try:
            plain = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return False
        # Names of users and hosts, and whole files of settings, are no credentials.
        return not is_placeholder_password(plain) and not plain.isalpha()
    return not is_placeholder_password(value) and not value.isalpha() and _HOST.fullmatch(value) is None


_HOST: Final = lazy_pattern(r"[\w.-]+:\d+|[a-z.-]+")
