"""`mask_secrets`: find credentials with every rule, and replace them by markers.

Clean text must be nearly free. The rules of providers look only at long runs of base64 characters (``tokens``). The
rules of assignments look only where one of a few words stands. These are found by patterns that begin with one rare
letter, ``k`` for "token" and "key" and ``w`` for "password" and "pwd", since `re` skips to a first letter at the speed
of ``memchr`` but tries alternatives one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from aurora_dev.core.text.secrets import assignments, manifests, tokens
from aurora_dev.core.text.secrets.edits import MARKER, MARKERS, Edit
from aurora_dev.core.text.secrets.private_keys import pem_edits, putty_edits
from aurora_dev.core.text.secrets.urls import curl_edits, url_edits
from aurora_dev.lazy import lazy_pattern

__all__ = ["LABELS", "MASKING_VERSION", "mask_named", "mask_secrets"]

MASKING_VERSION: Final = 2
"""Raised whenever the same text may be masked differently, so that stored files are indexed again."""

LABELS: Final = tokens.LABELS | assignments.LABELS | manifests.LABELS | {"private-key", "url-password"}

# A key or a token that is worth a look has a digit on its line, or its name ends the line and the value is on the next.
# This ends the search on most lines of source code before any of the slower rules.
_GUARD: Final = rb"(?=[^\n0-9]{0,48}[0-9]|\w{0,24}[\"']?[, {}]{0,2}\r?\n)"
_WORDS: Final = (
    lazy_pattern(rb"k(?:(?<=tok)en(?!i)|(?<=[^a-z]k)ey|ey(?![a-z]))" + _GUARD),
    lazy_pattern(rb"w(?:(?<=pw)d|(?<=passw))"),
    lazy_pattern(rb"secret" + _GUARD),
    lazy_pattern(rb"pass(?:(?=[\"']?[ \t]{0,4}(?:[:=]|-p[ \t]))|(?<=requirepass))"),
)
_BACK: Final = {b"ken": 2, b"wd": 1, b"w": 4}  # bytes of the word before the match
_PEM_ANCHOR: Final = "PRIVATE KEY"
_PEM_LINE_LENGTH: Final = 40  # the shortest private key (Ed25519 in PKCS #8) is one line of 64 characters
_KEY_FILE: Final = "-File"  # "PuTTY-User-Key-File-3: ssh-ed25519"


def _word_edits(text: str, ascii_text: bytes) -> Iterator[Edit]:
    """Yield the edits where a word such as "key" or "password" stands."""
    manifest_end = -1
    lower = ascii_text.lower()
    for words in _WORDS:
        for match in words.finditer(lower):
            word = match[0]
            at = match.start() - _BACK.get(word, 0)
            if word == b"key":
                if text.startswith(_KEY_FILE, at + 3):
                    yield from putty_edits(text, at)
                    continue
            elif word == b"secret" and at >= manifest_end:
                span = manifests.manifest_span(text, at)
                if span is not None:
                    yield from manifests.manifest_edits(text, max(span[0], manifest_end), span[1])
                    manifest_end = span[1]
            yield from assignments.assignment_edits(text, at)


def _find(text: str) -> list[Edit]:
    edits: list[Edit] = []
    longest = 0
    # One byte per character of any kind, so that positions in one are positions in the other.
    ascii_text = text.encode("ascii", "replace")
    for start, end in tokens.runs(ascii_text):
        longest = max(longest, end - start)
        if tokens.may_hold_token(text, start, end):
            edits.extend(tokens.run_edits(text, start, end))
            edits.extend(assignments.header_edits(text, start))
    if longest >= _PEM_LINE_LENGTH:
        at = text.find(_PEM_ANCHOR)
        while at >= 0:
            edits.extend(pem_edits(text, at))
            at = text.find(_PEM_ANCHOR, at + 1)
    edits.extend(tokens.tilde_edits(text))
    at = text.find("://")
    has_user = at >= 0 and "@" in text
    has_curl = at >= 0 and "curl" in text
    while at >= 0 and (has_user or has_curl):
        if has_user:
            edits.extend(url_edits(text, at + 3))
        if has_curl:
            edits.extend(curl_edits(text, at))
        at = text.find("://", at + 3)
    edits.extend(_word_edits(text, ascii_text))
    if MARKER in text:
        edits = _without_markers(text, edits)
    return edits


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
