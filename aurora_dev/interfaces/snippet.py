"""Which lines of a result are shown, and which words in them the query is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aurora_dev.core.lexical import split_identifier
from aurora_dev.core.word_folding import fold_word

SNIPPET_LINES = 8  # five results with their headers fit on a screen of 50 lines

_WORD = re.compile(r"[^\W_]\w*")
_FREE_PREFIX = 4  # stems of this many characters match inside of words (verifyToken); shorter ones at a word's start
_ENDING = r"(?:i?e[sd]|y?ing|[sey])?"  # marked with its stem, so that no word is marked in part
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


def choose_lines(
    lines: Sequence[str], pattern: re.Pattern[str] | None, limit: int = SNIPPET_LINES, *, named: bool = True
) -> tuple[int | None, ...]:
    """Choose what to show of a result: the stretch that the query is about, and the line that names the whole.

    Args:
        lines: All lines of the result.
        pattern: What the query is about; see `query_pattern`.
        limit: Most lines that are shown, but for one or two where a mark would take as much room.
        named: Whether the first line says what the whole is (a definition, a heading), and is always shown.

    Returns:
        0-based indexes of lines, in order; ``None`` stands where lines were left out.
    """
    last = len(lines)
    while last > 1 and not lines[last - 1].strip():
        last -= 1
    if last <= limit + 1:  # a mark for one line would take the line's place
        return tuple(range(last))
    words = [{found.lower() for found in pattern.findall(line)} if pattern else set() for line in lines[:last]]
    first = 1 if named else 0
    width = limit - first

    def worth(start: int) -> int:
        return len(set().union(*words[start : start + width]))

    best = max(range(first, last - width + 1), key=lambda start: (worth(start), -start))
    if worth(best) <= worth(first):
        best = first
    elif best < last - width:
        # The stretch ends with the line that made it the best; move on, so that this line has some company.
        best = min(best + width // 2, next(row for row in range(best, last) if words[row]), last - width)
    head: tuple[int | None, ...] = (0,) if named else ()
    left_out = best - len(head)
    gap: tuple[int | None, ...] = (None,) if left_out > 1 else tuple(range(len(head), best))
    end = last if best + width == last - 1 else best + width
    tail: tuple[int | None, ...] = (None,) if end < last else ()
    return (*head, *gap, *range(best, end), *tail)
