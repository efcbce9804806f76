"""Which lines of a result are shown, and which words in them the query is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import split_identifier

SNIPPET_LINES = 8  # five results with their headers fit on a screen of 50 lines

_WORD = re.compile(r"[^\W_]\w*")
_FREE_PREFIX = 4  # stems of this many characters match inside of words (verifyToken); shorter ones at a word's start
_ENDING = r"(?:i?e[sd]|y?ing|[sey])?"  # marked with its stem, so that no word is marked in part
_LAST_NAME = re.compile(r"\w+")
# What a comment, a decorator, an attribute or a blank line begins with; `#define` defines something.
_COMMENT = re.compile(r"\s*(?:/[/*]|\*|#(?!\s*define)|--|@|\{-|<#|%|;|$)")
_SMALL_WORDS = frozenset(
    word
    for line in (
        "a an and are as at be been but by can do does for from had has have how i if in is it its of on or our",
        "so that the their them then there these they this to was we were what when where which who why will with",
        "you your",
    )
    for word in line.split()
)


def query_pattern(query: str) -> re.Pattern[str] | None:
    """Return a pattern that matches the query's words, in any inflection and inside of names; ``None`` without any."""
    stems = set()
    for word in _WORD.findall(query):
        for part in {word, *split_identifier(word)}:
            lowered = part.lower()
            if len(lowered) > 1 and lowered not in _SMALL_WORDS:
                stems.add(_stem(lowered))
    if not stems:
        return None
    # Longer ones first, so that "tokenizer" is marked whole where both it and "token" were asked for.
    ordered = sorted(stems, key=lambda stem: (-len(stem), stem))
    free = [re.escape(stem) for stem in ordered if len(stem) >= _FREE_PREFIX]
    short = [rf"(?<![^\W_]){re.escape(stem)}" for stem in ordered if len(stem) < _FREE_PREFIX]
    return re.compile(f"(?:{'|'.join(free + short)}){_ENDING}", re.IGNORECASE)


def _stem(word: str) -> str:
    """Return what the inflections of a word share as text: ``verif`` for verify, verifies, verified and verifying."""
    folded = fold_word(word)
    stem = folded if word.startswith(folded) else word
    return stem[:-1] if len(stem) > _FREE_PREFIX and stem[-1] in "eiy" else stem


def heading_row(lines: Sequence[str], symbol: str) -> int | None:
    """Return the row (0-based) that says what a result is: its symbol's definition, below the comment about it.

    The first row where no row tells, ``None`` where there is no symbol that one could tell.
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
    """Choose what to show of a result: the stretch that the query is about, and the line that names the whole.

    Args:
        lines: All lines of the result.
        pattern: What the query is about; see `query_pattern`.
        limit: Most lines that are shown, but for up to three where a mark would take as much room.
        head: The row that says what the whole is (a definition, a heading), which is always shown; see `heading_row`.

    Returns:
        0-based indexes of lines, in order; ``None`` stands where lines were left out.
    """
    last = len(lines)
    while last > 1 and not lines[last - 1].strip():
        last -= 1
    if last <= limit + 1:  # a mark for one line would take the line's place
        return tuple(range(last))
    words = [{found.lower() for found in pattern.findall(line)} if pattern else set() for line in lines[:last]]
    if head is not None and head >= last:
        head = None
    width = limit if head is None else limit - 1
    # Without a better stretch, what follows the head is shown; a comment before it competes like any other lines.
    first = 0 if head is None else min(head + 1, last - width)

    def worth(start: int) -> int:
        return len(set().union(*words[start : start + width]))

    lowest = 1 if head == 0 else 0
    best = max(range(lowest, last - width + 1), key=lambda start: (worth(start), -start))
    if worth(best) <= worth(first):
        best = first
    elif lowest < best < last - width:
        # The stretch ends with the line that made it the best; move on, so that this line has some company.
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
