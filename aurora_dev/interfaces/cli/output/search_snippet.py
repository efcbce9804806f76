"""Choose the lines of a result to show, and the words in them to mark."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import split_identifier
from aurora_dev.lazy import lazy_pattern

SNIPPET_LINES = 8  # five results with their headers fit on a screen of 50 lines

# A pasted page names nothing in particular, and each word is tried at each position of each result.
_MOST_WORDS = 64
_MOST_QUERY_CHARS = 4_000
_WORD = lazy_pattern(r"[^\W_]\w*")
_FREE_PREFIX = 4  # stems of this length match inside words (verifyToken); shorter ones only at the start of a word
_ENDING = r"(?:i?e[sd]|y?ing|[sey])?"  # marked together with the stem, so that words are marked whole
_LAST_NAME = lazy_pattern(r"\w+")
# The start of a comment, a decorator, an attribute or a blank line; `#define` is a definition.
_COMMENT = lazy_pattern(r"\s*(?:/[/*]|\*|#(?!\s*define)|--|@|\{-|<#|%|;|$)")
_STOP_WORDS = frozenset(
    word
    for line in (
        "a an and are as at be been but by can do does for from had has have how i if in is it its of on or our",
        "so that the their them then there these they this to was we were what when where which who why will with",
        "you your",
    )
    for word in line.split()
)


def query_pattern(query: str) -> re.Pattern[str] | None:
    """Return a pattern for the words of a query, inflected and inside names; ``None`` if there are none."""
    stems = set()
    for word in _WORD.findall(query[:_MOST_QUERY_CHARS])[:_MOST_WORDS]:
        for part in {word, *split_identifier(word)}:
            lowered = part.lower()
            if len(lowered) > 1 and lowered not in _STOP_WORDS:
                stems.add(_stem(lowered))
    if not stems:
        return None
    # Longer stems first: "tokenizer" is marked whole even if the query also has "token".
    ordered = sorted(stems, key=lambda stem: (-len(stem), stem))
    free = [re.escape(stem) for stem in ordered if len(stem) >= _FREE_PREFIX]
    short = [rf"(?<![^\W_]){re.escape(stem)}" for stem in ordered if len(stem) < _FREE_PREFIX]
    return re.compile(f"(?:{'|'.join(free + short)}){_ENDING}", re.IGNORECASE)


def whole_part(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span of the word around a match, or of the part of a name: ``Token`` of ``verifyToken``."""
    while start and text[start - 1].isalnum() and not _begins_part(text, start):
        start -= 1
    while end < len(text) and text[end].isalnum() and not _begins_part(text, end):
        end += 1
    return start, end


def _begins_part(text: str, position: int) -> bool:
    before, here = text[position - 1], text[position]
    return not before.isalnum() or (here.isupper() and not before.isupper())


def _stem(word: str) -> str:
    """Return the text that all inflections of a word share: ``verif`` for verify, verifies, verified and verifying."""
    folded = fold_word(word)
    stem = folded if word.startswith(folded) else word
    return stem[:-1] if len(stem) > _FREE_PREFIX and stem[-1] in "eiy" else stem


def defining_row(lines: Sequence[str], symbol: str) -> int | None:
    """Return the 0-based row that defines a symbol, below the comment about it.

    Returns 0 if no row defines it, and ``None`` if ``symbol`` is empty.
    """
    if not symbol:
        return None
    name = _LAST_NAME.findall(symbol)
    if not name or not _COMMENT.match(lines[0]):
        return 0
    named = re.compile(rf"(?<!\w){re.escape(name[-1])}(?!\w)")
    return next((row for row, line in enumerate(lines) if not _COMMENT.match(line) and named.search(line)), 0)


def choose_lines(
    lines: Sequence[str], pattern: re.Pattern[str] | None, limit: int = SNIPPET_LINES, *, head: int | None = 0
) -> tuple[int | None, ...]:
    """Choose the lines to show: the stretch with the most query words, and the line that defines the result.

    Args:
        lines: All lines of the result.
        pattern: The words of the query; see `query_pattern`.
        limit: The number of lines to show. Up to three more are shown where a mark would take the same room.
        head: The row that is always shown, with a definition or heading; see `defining_row`.

    Returns:
        0-based indexes of lines, in order; ``None`` marks lines that were left out.
    """
    last = len(lines)
    while last > 1 and not lines[last - 1].strip():
        last -= 1
    if last <= limit + 1:  # a mark for one left-out line would take as much room as the line
        return tuple(range(last))
    words = [{found.lower() for found in pattern.findall(line)} if pattern else set() for line in lines[:last]]
    if head is not None and head >= last:
        head = None
    width = limit if head is None else limit - 1
    # Unless another stretch is better, show the lines after the head. A comment above it competes like other lines.
    first = 0 if head is None else min(head + 1, last - width)

    def word_count(start: int) -> int:
        return len(set().union(*words[start : start + width]))

    lowest = 1 if head == 0 else 0
    best = max(range(lowest, last - width + 1), key=lambda start: (word_count(start), -start))
    if word_count(best) <= word_count(first):
        best = first
    elif lowest < best < last - width:
        # The best stretch ends with the line that made it best. Move on, to show some lines after it.
        best = min(best + width // 2, next(row for row in range(best, last) if words[row]), last - width)
    shown = sorted({*range(best, best + width), *(() if head is None else (head,))})
    result: list[int | None] = []
    above = -1
    for row in (*shown, last):
        if row - above > 2:
            result.append(None)
        else:
            result += range(above + 1, row)
        if row < last:
            result.append(row)
        above = row
    return tuple(result)
