"""`mask_secrets`: find credentials with every rule, and replace them by markers.

Clean text must be nearly free. Each rule has anchors; one pass over the text finds where any of them stands
(``prefilter``), and only there rules are tried.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from aurora_dev.core.text.secrets import assignments, commands, manifests, phrases, prose, tables, tokens
from aurora_dev.core.text.secrets.edits import MARKER, MARKERS, Edit
from aurora_dev.core.text.secrets.prefilter import Anchor, Prefilter, literal, spread
from aurora_dev.core.text.secrets.private_keys import pem_edits, putty_edits
from aurora_dev.core.text.secrets.urls import at_host_edits, curl_edits, url_edits
from aurora_dev.log import mask_logged_texts

__all__ = ["LABELS", "MASKING_VERSION", "mask_content", "mask_named", "mask_secrets"]

MASKING_VERSION: Final = 5
"""Raised whenever the same text may be masked differently, so that stored files are indexed again."""

LABELS: Final = (
    tokens.LABELS
    | assignments.LABELS
    | commands.LABELS
    | prose.LABELS
    | manifests.LABELS
    | phrases.LABELS
    | tables.LABELS
    | {"private-key", "url-password"}
)

_Rule = Callable[[str, int], Iterable[Edit]]


def _url(text: str, at: int) -> Iterable[Edit]:
    return url_edits(text, at + 3)


def _curl(text: str, at: int) -> Iterable[Edit]:
    return curl_edits(text, at)


def _manifest(_text: str, _at: int) -> Iterable[Edit]:
    """Mark the kind of a manifest; `_find` reads each manifest once."""
    return ()


def _all_rules() -> Iterator[tuple[Anchor, _Rule]]:
    """Yield every rule with an anchor; of two edits of one span the earlier rule's counts."""
    yield from tokens.rules()
    yield literal("PRIVATE KEY"), pem_edits
    yield literal("Private-Lines:"), putty_edits
    for anchor in spread(":", "/", "/", map(chr, range(33, 127))):
        yield anchor, _url
    yield literal("curl"), _curl
    yield literal("Secr"), _manifest
    yield from commands.rules()
    yield from assignments.rules()
    yield from prose.rules()
    yield from tables.rules()
    yield from phrases.rules()


@cache
def _prefilter() -> Prefilter[tuple[int, _Rule]]:
    ranks: dict[_Rule, int] = {}
    return Prefilter((anchor, (ranks.setdefault(rule, len(ranks)), rule)) for anchor, rule in _all_rules())


_DIGIT_REACH: Final = 110  # characters between a name and the first digit of its value
_DIGITS: Final = bytes(ord("0") if chr(code) in "0123456789" else code for code in range(256))

# Words beyond ASCII that name a password; the prefilter sees ASCII alone.
_FOREIGN: Final = ("парол", "Парол", "密码", "パスワード", "비밀번호")


def _find(text: str) -> list[Edit]:
    edits: list[tuple[int, Edit]] = []
    # One byte per character of any kind, so that positions in one are positions in the other.
    manifest_end = -1
    ascii_text = text.encode("ascii", "replace")
    digits = b""
    for at, (rank, rule) in _prefilter().candidates(ascii_text):
        if rule is assignments.guarded_edits:  # every second place
            digits = digits or ascii_text.translate(_DIGITS)
            digit = digits.find(b"0", at, at + _DIGIT_REACH)
            has_digit = digit >= 0 and digits.find(b"\n", at, digit) < 0
            for edit in assignments.guarded_edits(text, at, has_digit=has_digit):
                edits.append((rank, edit))
        elif rule is _manifest and at >= manifest_end:
            span = manifests.manifest_span(text, at)
            if span is not None:
                edits.extend(
                    (rank, edit) for edit in manifests.manifest_edits(text, max(span[0], manifest_end), span[1])
                )
                manifest_end = span[1]
        else:
            for edit in rule(text, at):
                edits.append((rank, edit))
    if text[:2].lower() == "pw":  # the anchors have a character before it
        edits.extend((1 << 19, edit) for edit in prose.prose_edits(text, 0))
    edits.extend((1 << 19, edit) for edit in at_host_edits(text))
    edits.extend((1 << 19, edit) for edit in tokens.run_edits(text, ascii_text))
    if not text.isascii() and _has_foreign(text, ascii_text):
        edits.extend((1 << 20, edit) for edit in _foreign(text))
    if not edits:
        return []
    edits.sort()
    found = [edit for _, edit in edits]
    return _without_markers(text, found) if MARKER in text else found


def _has_foreign(text: str, ascii_text: bytes) -> bool:
    """Return whether two characters beyond ASCII stand side by side, as in each of those words."""
    at = ascii_text.find(b"??")
    while at >= 0 and text[at] == "?":
        at = ascii_text.find(b"??", at + 1)
    return at >= 0


def _foreign(text: str) -> Iterator[Edit]:
    for word in _FOREIGN:
        at = text.find(word)
        while at >= 0:
            yield from assignments.assignment_edits(text, at)
            yield from prose.prose_edits(text, at)
            at = text.find(word, at + 1)


def _without_markers(text: str, edits: list[Edit]) -> list[Edit]:
    """Return the edits that touch no marker."""
    markers = [match.span() for match in MARKERS.finditer(text)]
    ends = [end for _, end in markers]
    kept = []
    for edit in edits:
        at = bisect_right(ends, edit.start)
        if at == len(markers) or markers[at][0] >= edit.end:
            kept.append(edit)
    return kept


def _apply(text: str, edits: list[Edit]) -> tuple[str, int]:
    parts: list[str] = []
    done = count = 0
    # Of two overlapping edits the longer one covers the other (a token inside a password).
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        if edit.start < done:
            if edit.end > done:  # overlaps only in part: remove its rest as well
                done = edit.end
            continue
        parts += (text[done : edit.start], edit.replacement)
        done = edit.end
        count += edit.number
    parts.append(text[done:])
    return "".join(parts), count


def mask_secrets(text: str) -> tuple[str, int]:
    """Replace credentials with markers such as ``[masked: aws-access-key]``.

    Masks access keys and tokens of about a hundred providers, private keys (PEM, PuTTY, age), JSON web tokens,
    passwords in URLs, in headers and after ``curl -u``, Kubernetes secrets, and values that are assigned to a name that
    says that they are secret.

    Args:
        text: Any text. Clean text costs a few microseconds per kilobyte.

    Returns:
        The masked text and the number of masked credentials. The number of lines stays the same (a private key keeps
        its line breaks and its BEGIN and END lines). Masking the result again changes nothing.
    """
    total = 0
    # Repeat until nothing is found: a marker is shorter than most secrets, so masking one secret can move a provider's
    # name near another. It ends because no round changes a marker, and each removes characters that are in none.
    while edits := _find(text):
        text, count = _apply(text, edits)
        total += count
    return text, total


def mask_named(name: str, value: str) -> tuple[str, int]:
    """Mask a value that has a name, as in metadata: ``{"password": "…"}`` is a credential by its name alone.

    Args:
        name: Name of the value.
        value: Any text.

    Returns:
        The masked value and the number of masked credentials.
    """
    clean, count = mask_secrets(value)
    if count or len(value) > _LONGEST_NAMED or '"' in value:
        return clean, count
    head = f'{name} = "'
    shown, count = mask_secrets(f'{head}{value}"')
    if count and shown.startswith(head) and shown.endswith('"'):
        return shown[len(head) : -1], count
    return value, 0


_LONGEST_NAMED: Final = 4_000

mask_logged_texts(lambda text: mask_secrets(text)[0])


def mask_content(content: str, metadata: Mapping[str, Any]) -> tuple[str, dict[str, Any], int]:
    """Mask the credentials in a text and its metadata: a URL with a password may be in either.

    Returns:
        The masked text, the masked metadata, and the number of masked credentials.
    """
    content, count = mask_secrets(content)
    clean: dict[str, Any] = {}
    for key, value in metadata.items():
        if isinstance(value, str):
            value, found = mask_named(key, value)
            count += found
        elif isinstance(value, list) and all(isinstance(part, str) for part in value):
            parts = [mask_named(key, part) for part in value]
            value = [part for part, _ in parts]
            count += sum(found for _, found in parts)
        clean[key] = value
    return content, clean, count
