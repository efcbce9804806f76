"""The window of a long document that a cross-encoder reads: pure functions over text.

The time of a cross-encoder grows with the length of its input, and longer input is cut off. The windows:

- ``head``: the first characters. Costs nothing to choose; misses an answer further down.
- ``best``: the span with the most and the rarest words of the query.
- ``head+best``: one third head, two thirds best span, so that the model sees both the nature of the document (header,
  signature) and the reason why it was found. One pair for each document, like the other two.

Scoring the best span in place of the head follows Dai & Callan, "Deeper Text Understanding for IR with Contextual
Neural Language Modeling" (SIGIR 2019), who score each passage of a document. Here the words of the query choose the
span, so that each document is one pair.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Literal, TypeAlias

from aurora_dev.errors import InvalidRequestError
from aurora_dev.lazy import lazy_pattern

Window: TypeAlias = Literal["head", "best", "head+best"]
WINDOWS: tuple[Window, ...] = ("head", "best", "head+best")

# Stands between two parts of one document: short, and without a word that a model could match.
GAP = "\n…\n"
# The head's part of a head+best window: a header or a signature rarely needs more.
_HEAD_SHARE = 1 / 3
# The part of the free room that goes before the matched words: an answer more often follows its keywords.
_LEAD_SHARE = 0.25
# The last part of a span in which a boundary is looked for; without one (minified code, base64) the cut is hard.
_BOUNDARY_SHARE = 0.25
# The weight of repeats, which say less and less: they only order windows that cover the same words.
_REPEAT_WEIGHT = 0.05
# The characters of a document that are searched for the best span, so that a 100 MB log costs milliseconds.
_SEARCHED_CHARS = 200_000

# camelCase, snake_case and digits apart; one Chinese, Japanese or Korean character is a word of its own.
_WORD = lazy_pattern(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
    r"|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)
_SUFFIXES = ("ing", "ies", "ied", "es", "ed", "s", "y", "e")
_SHORTEST_STEM = 3
# Words that occur in every text; matching them would draw the window to prose.
_STOP_WORDS = frozenset(
    """a an and are as at be by can do does for from has have how i if in into is it its of on or that the their then
    there this to was we were what when where which who why will with you your""".split()  # noqa: SIM905
)


def check_window(window: object) -> None:
    """Raise `InvalidRequestError` if there is no window of that name."""
    if window not in WINDOWS:
        raise InvalidRequestError(f"window must be one of {', '.join(WINDOWS)}, not {window!r}")


def select_window(query: str, text: str, max_chars: int, window: Window) -> str:
    """Return the part of a document that is scored for a query.

    Args:
        query: The query, whose words choose the best span.
        text: The whole document.
        max_chars: Most characters of the result, at least 1; a text within it comes back whole.
        window: One of `WINDOWS`; see the module.

    Returns:
        Parts of ``text``, in its order, joined by `GAP` where something between them was left out. Without any
        word of the query in the text, every window is the head.
    """
    if len(text) <= max_chars:
        return text
    if window == "head":
        return head(text, max_chars)
    if window == "best":
        start, end = best_span(query, text, max_chars) or (0, 0)
        return text[start:end] if end else head(text, max_chars)
    head_chars = int(max_chars * _HEAD_SHARE)
    best_chars = max_chars - head_chars - len(GAP)
    hits = _best_hits(query, text, best_chars) if best_chars > 0 else None
    whole_head = head(text, max_chars)
    # Matches that the head holds anyway need no gap.
    if hits is None or hits[1] <= len(whole_head):
        return whole_head
    start, end = _around(text, *hits, best_chars)
    if start <= head_chars + len(GAP):
        return text[max(0, end - max_chars) : end]
    return head(text, head_chars) + GAP + text[start:end]


def head(text: str, max_chars: int) -> str:
    """Return the first ``max_chars`` characters, cut at the end of a near line or word."""
    return text[: _cut(text, 0, max_chars)]


def best_span(query: str, text: str, max_chars: int) -> tuple[int, int] | None:
    """Find the span that covers the most words of the query, rare ones first.

    Returns:
        0-based start and exclusive end, ``end - start <= max_chars``; the earliest of equals; ``None`` if the text
        holds no word of the query.
    """
    hits = _best_hits(query, text, max_chars)
    return None if hits is None else _around(text, *hits, max_chars)


def query_terms(query: str) -> frozenset[str]:
    """Return the stems of a query's words without stop words; of nothing but stop words, all of them."""
    words = [match.group() for match in _WORD.finditer(query)]
    return frozenset(_stem(word) for word in words if word.lower() not in _STOP_WORDS) or frozenset(map(_stem, words))


def _best_hits(query: str, text: str, max_chars: int) -> tuple[int, int] | None:
    """Return the start of the first matched word of the best span, and the end of the last one."""
    wanted = query_terms(query)
    hits = [
        (match.start(), match.end(), stem)
        for match in _WORD.finditer(text[:_SEARCHED_CHARS])
        if (stem := _stem(match.group())) in wanted and match.end() - match.start() <= max_chars
    ]
    if not hits:
        return None
    counts = Counter(stem for _, _, stem in hits)
    first, last = _densest(hits, {stem: _rarity(count) for stem, count in counts.items()}, max_chars)
    return hits[first][0], hits[last][1]


def _around(text: str, first: int, last: int, max_chars: int) -> tuple[int, int]:
    """Return the span of ``max_chars`` around ``first..last``, cut at lines or words if possible."""
    slack = max_chars - (last - first)
    start = _line_start(text, max(0, first - int(slack * _LEAD_SHARE)), first)
    return start, _cut(text, start, max_chars, at_least=last)


def _densest(hits: list[tuple[int, int, str]], weight: Mapping[str, float], max_chars: int) -> tuple[int, int]:
    """Return the first and the last hit of the window with the greatest weight, in one pass with two pointers."""
    inside: Counter[str] = Counter()
    best, best_score, first = (0, 0), -1.0, 0
    for last, (_, end, stem) in enumerate(hits):
        inside[stem] += 1
        while end - hits[first][0] > max_chars:
            leaving = hits[first][2]
            inside[leaving] -= 1
            if not inside[leaving]:
                del inside[leaving]
            first += 1
        score = sum(weight[term] * (1.0 + _REPEAT_WEIGHT * math.log(count)) for term, count in inside.items())
        if score > best_score + 1e-12:  # beyond rounding: the earliest of equals stays
            best, best_score = (first, last), score
    return best


def _rarity(count: int) -> float:
    """Return the weight of a word by its number in the document: repeated words weigh less."""
    return 1.0 / (1.0 + math.log(count))


def _stem(word: str) -> str:
    """Fold case and the commonest endings, so that "verified", "verifies" and "verify" meet."""
    word = word.lower()
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            return word[: -len(suffix)]
    return word


def _line_start(text: str, low: int, high: int) -> int:
    """Return the start of the first line within ``low..high``, else of the first word, else ``low``."""
    if low == 0:
        return 0
    for separator in ("\n", " "):
        found = text.find(separator, low - 1, high)
        if found >= 0:
            return found + 1
    return low


def _cut(text: str, start: int, max_chars: int, at_least: int = 0) -> int:
    """Return an end of at most ``start + max_chars``, at the end of a near line or word."""
    end = start + max_chars
    if end >= len(text):
        return len(text)
    low = max(at_least, end - int(max_chars * _BOUNDARY_SHARE), start + 1)
    for separator in ("\n", " "):
        found = text.rfind(separator, low, end + 1)
        if found >= 0:
            return found
    return end
