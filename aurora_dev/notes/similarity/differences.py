"""What tells two similar texts apart, as far as words show it: negations, numbers, opposites, order and names.

No model is asked: two short texts about the same thing that differ in one of these ways say different things, and the
way in which they differ can be named to a person. ``benchmarks/notes.py`` measures how often that is right.
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
_OPPOSITES: Final = (
    "always never|enable disable|allow forbid|allow deny|permit forbid|require forbid|must may|mandatory optional"
    "|required optional|sync async|synchronous async|synchronous asynchronous|before after|first last|include exclude"
    "|accept reject|accept refuse|public private|internal external|local remote|global local|static dynamic|soft hard"
    "|optimistic pessimistic|eager lazy|strict lenient|mutable immutable|singular plural|manual automatic|tab space"
    "|ascending descending|client server|on off|true false|keep remove|add remove|start stop|more less|most least"
    "|minimum maximum|old new|up down|push pull|read-only writable|stateless stateful|single multiple|all none"
    "|encrypt plain|centralized decentralized|monolith microservice|monorepo polyrepo|upper lower"
    "|blacklist whitelist|opt-in opt-out|blocking non-blocking|nullable non-nullable|prefer avoid|use avoid"
)
# "X over Y" and "Y over X" have the same words: what follows these decides.
_PIVOTS: Final = frozenset(_words("over instead before after than rather not"))
# What follows these is the one thing that holds: "signed with …", "stored in …", "we use …", "the limit is …".
_EXCLUSIVE: Final = frozenset(
    _words(
        "is are be use uses using with in into on onto as from by to via per through at under than called",
        "named runs",
    )
)
_COPULAS: Final = frozenset(_words("is are be"))
# Words that may come and go without saying anything else.
_SOFT: Final = frozenset(
    fold_word(word)
    for word in _words(
        "use uses used using get gets got must need needs only just also then please note remember our all every",
        "each always currently now via keep kept make made go goes happen happens live lives way done per",
    )
)
_MOST_REPLACED: Final = 3  # content words on each side; more is another statement, not another value
_SHARED_FOR_A_REASON: Final = 0.2  # of the content words (Jaccard); with less in common nothing contradicts anything
_SHARED_FOR_A_NAME: Final = 0.3


@dataclass(frozen=True, slots=True)
class _Read:
    """A text as it is compared: its words in order, its content words, its numbers."""

    words: tuple[str, ...]
    content: frozenset[str]
    numbers: frozenset[str]
    negated: tuple[str, ...]


@lru_cache(maxsize=1024)
def _read(text: str) -> _Read:
    words = tuple(_NUMBER_WORDS.get(word, word) for word in tokens(text))
    content = frozenset(fold_word(w) for w in words if w not in STOP_WORDS and w not in _NEGATIONS)
    numbers = frozenset(w for w in words if w.replace(".", "").replace(",", "").isdigit())
    return _Read(words, content, numbers, tuple(_after(words, n) for n, w in enumerate(words) if w in _NEGATIONS))


def differs(one: str, other: str) -> bool:
    """Whether a number, a negation, an opposite, the order or a name tells two texts apart."""
    a, b = _read(one), _read(other)
    if a.numbers != b.numbers or bool(a.negated) != bool(b.negated):
        return True
    if _opposite(a, b) or _swapped(a, b) or _turned(one, other, a, b):
        return True
    return bool(a.content - b.content - _SOFT) and bool(b.content - a.content - _SOFT)


def reason(new: str, old: str) -> str | None:
    """Say why two texts about the same thing contradict each other; ``None`` where their words show nothing.

    Args:
        new: What is said now.
        old: What was said before.
    """
    a, b = _read(new), _read(old)
    union = len(a.content | b.content)
    shared = len(a.content & b.content) / union if union else 0.0
    if shared < _SHARED_FOR_A_REASON:
        return None
    if pair := _opposite(a, b):
        return f"says '{pair[0]}' where the earlier one says '{pair[1]}'"
    if _contradicted(a, b):
        return "says no to what the earlier one says"
    if _contradicted(b, a):
        return "says what the earlier one says no to"
    if pair := _swapped(a, b):
        return f"puts '{pair[0]}' where the earlier one puts '{pair[1]}'"
    here, there = sorted(a.numbers - b.numbers), sorted(b.numbers - a.numbers)
    if here and there:
        return f"says {', '.join(here)} where the earlier one says {', '.join(there)}"
    if shared >= _SHARED_FOR_A_NAME and (named := _replaced(a, b)):
        return f"says '{named[0]}' where the earlier one says '{named[1]}'"
    return None


def _after(words: Sequence[str], place: int) -> str:
    """Return the first content word after a place, folded; empty at the end."""
    following = (w for w in words[place + 1 :] if w not in STOP_WORDS and w not in _NEGATIONS)
    return fold_word(next(following, ""))


@lru_cache(maxsize=1)
def _opposites() -> frozenset[tuple[str, str]]:
    pairs = [pair.split() for pair in _OPPOSITES.split("|")]
    return frozenset((fold_word(a), fold_word(b)) for a, b in [*pairs, *(pair[::-1] for pair in pairs)])


def _opposite(a: _Read, b: _Read) -> tuple[str, str] | None:
    mine, theirs = ({fold_word(word): word for word in one.words} for one in (a, b))
    here, there = mine.keys() - theirs.keys(), theirs.keys() - mine.keys()
    found = sorted((mine[x], theirs[y]) for x in here for y in there if (x, y) in _opposites())
    return found[0] if found else None


def _contradicted(a: _Read, b: _Read) -> bool:
    """Whether a text denies what the other one affirms: what it says no to is there, and not denied."""
    return any(word and word in b.content and word not in b.negated for word in a.negated)


def _swapped(a: _Read, b: _Read) -> tuple[str, str] | None:
    """Return what stands behind a pivot in each of two texts where it is not the same, and both texts have both."""
    both = a.content & b.content
    for pivot in _PIVOTS.intersection(a.words).intersection(b.words):
        mine = {_after(a.words, n) for n, w in enumerate(a.words) if w == pivot}
        theirs = {_after(b.words, n) for n, w in enumerate(b.words) if w == pivot}
        here, there = sorted((mine - theirs) & both), sorted((theirs - mine) & both)
        if here and there:
            return here[0], there[0]
    return None


def _turned(one: str, other: str, a: _Read, b: _Read) -> bool:
    """Whether two texts are the same words in another order, with nothing that says why: who does what to whom."""
    if a.words == b.words or sorted(a.words) != sorted(b.words) or one.count(",") != other.count(","):
        return False
    # "Every night it is rebuilt", "it is rebuilt every night": a part that is moved to the other end says the same.
    return not any(a.words[place:] + a.words[:place] == b.words for place in range(1, len(a.words)))


def _replaced(a: _Read, b: _Read) -> tuple[str, str] | None:
    """Return the name in each of two texts that are the same but for it."""
    matcher = SequenceMatcher(None, a.words, b.words, autojunk=False)
    found: tuple[str, str] | None = None
    for operation, a1, a2, b1, b2 in matcher.get_opcodes():
        if operation == "equal":
            continue
        here, there = _content(a.words[a1:a2]), _content(b.words[b1:b2])
        if not here or not there:
            continue  # one of them says more, which contradicts nothing
        if found is not None or max(len(here), len(there)) > _MOST_REPLACED or a1 == 0:
            return None
        before = a.words[a1 - 1]
        inner = {a.words[a1], b.words[b1]} & _EXCLUSIVE
        if before not in _EXCLUSIVE and not inner:
            return None
        if before in _COPULAS and any(word.endswith("ed") for word in (a.words[a1], b.words[b1])):
            return None  # "are resized …", "are served …": two things that may both happen
        if not _content(a.words[:a1]):
            subject = _content(a.words[a2:])
            if not subject:
                return None
        found = " ".join(a.words[a1:a2]), " ".join(b.words[b1:b2])
    return found


def _content(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in STOP_WORDS]
