"""Differences in meaning that words show: negations, numbers, opposites, order and names.

No model is needed: two short texts about the same subject that differ in one of these ways say different things, and
the difference can be named to a person. ``benchmarks/notes.py`` measures how often that is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import STOP_WORDS
from aurora_dev.notes.model.words import tokens


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(word for line in lines for word in line.split())


def _pairs(*lines: str) -> tuple[tuple[str, str], ...]:
    return tuple((pair.split()[0], pair.split()[1]) for line in lines for pair in line.split("|"))


_NEGATIONS: Final = frozenset(
    _words(
        "not no never none neither nor without cannot can't don't doesn't didn't isn't aren't wasn't won't",
        "shouldn't mustn't avoid stop",
    )
)
_NUMBER_WORDS: Final = {
    word: str(number)
    for number, word in enumerate(_words("zero one two three four five six seven eight nine ten eleven twelve"))
}
OPPOSITES: Final = _pairs(
    "always never|enable disable|allow forbid|allow deny|permit forbid|require forbid|must may|mandatory optional",
    "required optional|sync async|synchronous async|synchronous asynchronous|before after|first last|include exclude",
    "accept reject|accept refuse|public private|internal external|local remote|global local|static dynamic|soft hard",
    "optimistic pessimistic|eager lazy|strict lenient|mutable immutable|singular plural|manual automatic|tab space",
    "ascending descending|client server|on off|true false|keep remove|add remove|start stop|more less|most least",
    "minimum maximum|old new|up down|push pull|read-only writable|stateless stateful|single multiple|all none",
    "encrypt plain|centralized decentralized|monolith microservice|monorepo polyrepo|upper lower",
    "blacklist whitelist|opt-in opt-out|blocking non-blocking|nullable non-nullable|prefer avoid|use avoid",
)
"""Pairs of words that contradict each other, in either direction."""
# "X over Y" and "Y over X" have the same words: the word after a pivot decides.
_PIVOTS: Final = frozenset(_words("over instead before after than rather not"))
# After these comes a single choice, which another choice contradicts: "signed with …", "stored in …", "we use …".
_EXCLUSIVE: Final = frozenset(
    _words(
        "is are be use uses using with in into on onto as from by to via per through at under than called",
        "named runs",
    )
)
_COPULAS: Final = frozenset(_words("is are be"))
# Words that a text may have or lack without a change of meaning.
_FILLERS: Final = frozenset(
    fold_word(word)
    for word in _words(
        "use uses used using get gets got must need needs only just also then please note remember our all every",
        "each always currently now via keep kept make made go goes happen happens live lives way done per",
    )
)
_MOST_REPLACED: Final = 3  # content words on each side; more make another statement, not another name
# The least share of common content words (Jaccard index) of any contradiction, and of one by another name.
_LEAST_SHARED: Final = 0.2
_LEAST_SHARED_FOR_A_NAME: Final = 0.3


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a text.

    Attributes:
        words: All words in order, number words as digits.
        content: Content words without negations, folded.
        numbers: The numbers.
        negated: For each negation the content word after it, folded; empty at the end.
    """

    words: tuple[str, ...]
    content: frozenset[str]
    numbers: frozenset[str]
    negated: tuple[str, ...]


@lru_cache(maxsize=1024)
def _words_of(text: str) -> _Words:
    words = tuple(_NUMBER_WORDS.get(word, word) for word in tokens(text))
    content = frozenset(fold_word(word) for word in words if word not in STOP_WORDS and word not in _NEGATIONS)
    numbers = frozenset(word for word in words if word.replace(".", "").replace(",", "").isdigit())
    negated = tuple(fold_word(_content_word_after(words, n)) for n, word in enumerate(words) if word in _NEGATIONS)
    return _Words(words, content, numbers, negated)


def differ_in_meaning(first: str, second: str) -> bool:
    """Return whether a number, a negation, an opposite, the order or a name tells two similar texts apart."""
    a, b = _words_of(first), _words_of(second)
    if a.numbers != b.numbers or bool(a.negated) != bool(b.negated):
        return True
    if _opposite_words(a, b) or _words_swapped_around_a_pivot(a, b):
        return True
    # A comma may set off a part that was moved, so word order is compared only between equally many commas.
    if first.count(",") == second.count(",") and _same_words_in_another_order(a, b):
        return True
    return bool(a.content - b.content - _FILLERS) and bool(b.content - a.content - _FILLERS)


def contradiction(new: str, old: str) -> str | None:
    """Return why two texts about the same subject contradict each other; ``None`` where their words show nothing.

    Args:
        new: The new text.
        old: The earlier text.
    """
    a, b = _words_of(new), _words_of(old)
    union = len(a.content | b.content)
    shared = len(a.content & b.content) / union if union else 0.0
    if shared < _LEAST_SHARED:
        return None
    if pair := _opposite_words(a, b):
        return f"says '{pair[0]}' where the earlier one says '{pair[1]}'"
    if _negates(a, b):
        return "negates what the earlier one says"
    if _negates(b, a):
        return "says what the earlier one negates"
    if pair := _words_swapped_around_a_pivot(a, b):
        return f"puts '{pair[0]}' where the earlier one puts '{pair[1]}'"
    only_new, only_old = sorted(a.numbers - b.numbers), sorted(b.numbers - a.numbers)
    if only_new and only_old:
        return f"says {', '.join(only_new)} where the earlier one says {', '.join(only_old)}"
    if shared >= _LEAST_SHARED_FOR_A_NAME and (pair := _replaced_name(a, b)):
        return f"says '{pair[0]}' where the earlier one says '{pair[1]}'"
    return None


def _content_word_after(words: Sequence[str], index: int) -> str:
    """Return the first content word after an index; an empty string at the end."""
    following = (word for word in words[index + 1 :] if word not in STOP_WORDS and word not in _NEGATIONS)
    return next(following, "")


def _content_words_after(text: _Words, pivot: str) -> list[str]:
    return [_content_word_after(text.words, n) for n, word in enumerate(text.words) if word == pivot]


@lru_cache(maxsize=1)
def _folded_opposites() -> frozenset[tuple[str, str]]:
    pairs = [(fold_word(a), fold_word(b)) for a, b in OPPOSITES]
    return frozenset([*pairs, *((b, a) for a, b in pairs)])


def _opposite_words(a: _Words, b: _Words) -> tuple[str, str] | None:
    """Return a pair of opposites of which each text has one word and lacks the other; the first in the alphabet."""
    of_a, of_b = ({fold_word(word): word for word in text.words} for text in (a, b))
    only_a, only_b = of_a.keys() - of_b.keys(), of_b.keys() - of_a.keys()
    found = sorted((of_a[x], of_b[y]) for x in only_a for y in only_b if (x, y) in _folded_opposites())
    return found[0] if found else None


def _negates(a: _Words, b: _Words) -> bool:
    """Return whether the first text negates a content word that the second one has without negation."""
    return any(word and word in b.content and word not in b.negated for word in a.negated)


def _words_swapped_around_a_pivot(a: _Words, b: _Words) -> tuple[str, str] | None:
    """Return the word after a pivot in each of two texts, where these differ and both texts have both words."""
    common = a.content & b.content
    for pivot in _PIVOTS.intersection(a.words).intersection(b.words):
        after_a, after_b = ({fold_word(word): word for word in _content_words_after(text, pivot)} for text in (a, b))
        only_a = sorted((after_a.keys() - after_b.keys()) & common)
        only_b = sorted((after_b.keys() - after_a.keys()) & common)
        if only_a and only_b:
            return after_a[only_a[0]], after_b[only_b[0]]
    return None


def _same_words_in_another_order(a: _Words, b: _Words) -> bool:
    """Return whether two texts are the same words in another order, as in "A calls B" and "B calls A"."""
    if a.words == b.words or sorted(a.words) != sorted(b.words):
        return False
    # "Every night it is rebuilt" and "it is rebuilt every night" mean the same: one part moved to the other end.
    return not any(a.words[start:] + a.words[:start] == b.words for start in range(1, len(a.words)))


def _replaced_name(a: _Words, b: _Words) -> tuple[str, str] | None:
    """Return the name in each of two texts that are the same apart from it."""
    matcher = SequenceMatcher(None, a.words, b.words, autojunk=False)
    found: tuple[str, str] | None = None
    for operation, a1, a2, b1, b2 in matcher.get_opcodes():
        if operation == "equal":
            continue
        only_a, only_b = _without_stop_words(a.words[a1:a2]), _without_stop_words(b.words[b1:b2])
        if not only_a or not only_b:
            continue  # one text says more, which contradicts nothing
        if found is not None or max(len(only_a), len(only_b)) > _MOST_REPLACED or a1 == 0:
            return None
        before = a.words[a1 - 1]
        if before not in _EXCLUSIVE and not {a.words[a1], b.words[b1]} & _EXCLUSIVE:
            return None
        if before in _COPULAS and any(word.endswith("ed") for word in (a.words[a1], b.words[b1])):
            return None  # "are resized …" and "are served …" may both be true
        has_subject = _without_stop_words(a.words[:a1]) or _without_stop_words(a.words[a2:])
        if not has_subject:
            return None
        found = " ".join(a.words[a1:a2]), " ".join(b.words[b1:b2])
    return found


def _without_stop_words(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in STOP_WORDS]
