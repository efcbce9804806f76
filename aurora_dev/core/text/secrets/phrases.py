"""Credentials that are lists: the words of a mnemonic (BIP 39), and recovery codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from aurora_dev.core.text.secrets.edits import Edit, LazyPattern, masked
from aurora_dev.core.text.secrets.placeholders import PLACEHOLDER
from aurora_dev.core.text.secrets.prefilter import Anchor, any_case
from aurora_dev.lazy import lazy_pattern

__all__ = ["LABELS", "rules"]

LABELS: Final = frozenset(("seed-phrase", "recovery-code"))

# --- mnemonics --------------------------------------------------------------------------------------------------------

# The words of BIP 39 have three to eight letters.
_WORDS: Final = lazy_pattern(r"(?<![A-Za-z-])[a-z]{3,8}(?:[\s,\"']{1,6}[a-z]{3,8}){11,23}(?![A-Za-z-])")
_PHRASE_REACH: Final = 80  # characters between the noun and the words
_LONGEST_PHRASE: Final = 24 * 14
# Words that no list has, and that nearly every sentence of twelve words has.
_PROSE: Final = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "from",
        "are",
        "was",
        "were",
        "this",
        "these",
        "those",
        "which",
        "when",
        "where",
        "then",
        "than",
        "has",
        "have",
        "had",
        "been",
        "will",
        "would",
        "must",
        "should",
        "could",
        "into",
        "its",
        "not",
        "but",
        "any",
        "all",
        "each",
        "your",
        "our",
        "their",
        "his",
        "her",
        "you",
        "they",
        "words",
        "keys",
        "per",
    ]
)


def _phrase_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of the words after "mnemonic", "seed phrase" and the like."""
    start = at + 8  # the shortest noun
    match = _WORDS.search(text, start, min(len(text), start + _PHRASE_REACH + _LONGEST_PHRASE))
    if match is None or match.start() > start + _PHRASE_REACH:
        return
    words = re.findall(r"[a-z]+", match[0])
    if len(set(words)) >= 8 and not _PROSE.intersection(words) and "\n\n" not in match[0]:
        yield masked(*match.span(), "seed-phrase")


# --- recovery codes ---------------------------------------------------------------------------------------------------

_HEAD: Final = LazyPattern(
    r"(?:recovery|backup|rescue|scratch|emergency|one-time|2fa|mfa)[_ -]?(?:[\w-]{1,16}[ ])?(?:code|key|login)s?\b",
    re.IGNORECASE,
)
_CODE_REACH: Final = 1_200
_FIRST_REACH: Final = 160
_CODE: Final = lazy_pattern(
    r"(?<![\w.:/-])(?:[A-Za-z0-9]{4,8}(?:-[A-Za-z0-9]{4,8}){1,5}|\d{4}[ ]\d{4}|"
    r"[a-z0-9]{8,12}|[A-Z0-9]{8,12})(?![\w:/-]|\.\w)"
)
_BETWEEN: Final = lazy_pattern(r"[\s,;|\"'`*\[\]()•·-]{0,40}(?:\d{1,2}[.):][ \t]{1,4})?[\s,;|\"'`*\[\]()•·-]{0,12}")


def _code_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edits of two or more codes that follow each other after "recovery codes"."""
    head = _HEAD.match(text, at)
    if head is None:
        return
    first = _CODE.search(text, head.end(), min(len(text), head.end() + _FIRST_REACH))
    while first is not None and not _is_code(first[0]):
        first = _CODE.search(text, first.end(), min(len(text), head.end() + _FIRST_REACH))
    codes: list[tuple[int, int]] = []
    code = first
    while code is not None and _is_code(code[0]) and code.end() < at + _CODE_REACH:
        codes.append(code.span())
        gap = _BETWEEN.match(text, code.end())
        code = _CODE.match(text, gap.end()) if gap is not None and gap.end() > code.end() else None
    if len(codes) > 1 or (codes and "-" in text[slice(*codes[0])] and text[codes[0][0] - 2 : codes[0][0]] == ": "):
        for start, end in codes:
            yield masked(start, end, "recovery-code")


def _is_code(value: str) -> bool:
    """Return whether a value has digits as no word has, and is no date."""
    digits = sum(c.isdigit() for c in value)
    if PLACEHOLDER.search(value) or re.match(r"(?:19|20)\d\d-", value):
        return False
    return digits >= 2 and len(set(value)) > 3 and not re.fullmatch(r"[a-z]+-?\d{1,4}|v?\d{1,7}", value)


def rules() -> Iterator[tuple[Anchor, Callable[[str, int], Iterable[Edit]]]]:
    """Yield the rules for phrases and codes, each with an anchor."""
    words: tuple[str, ...] = ("mnemonic", "seed phrase", "seed_phrase", "seedphrase", "seed-phrase", "recovery phrase")
    words += (
        "backup phrase",
        "secret phrase",
        "secret recovery",
        "fromphrase(",
        "seed words",
        "recovery_phrase",
        "wallet seed",
    )
    for word in words:
        yield any_case(word), _phrase_edits
    for head in ("recovery", "backup", "rescue", "scratch", "emergency"):
        for tail in (" code", "_code", "-code", "code", " key", "_key"):
            yield any_case(head + tail), _code_edits
