"""Differences in meaning that words show: opposites, negations, numbers, names of one set, order and signs.

No model is needed: two short texts about the same subject that differ in one of these ways, and in nothing else, say
different things, and the difference can be named to a person. Texts that differ in anything else, too, are about two
subjects: "access tokens expire after 15 minutes" and "refresh tokens expire after 30 days" both hold.
``benchmarks/notes.py`` measures how often that is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

from aurora_dev.core.text.folding import fold_word
from aurora_dev.lazy import lazy_pattern
from aurora_dev.notes.similarity import vocabulary
from aurora_dev.notes.similarity.statements import Statement, is_content, is_number, statement_of

_NEGATES: Final = "negates what the earlier one says"
_AFFIRMS: Final = "says what the earlier one negates"
_TURKISH: Final = lazy_pattern(vocabulary.TURKISH_NEGATION)
_LATE: Final = lazy_pattern(vocabulary.LATE_NEGATION)
_MOST_REPLACED: Final = 3  # content words of a name; more make another statement
_MOST_DETAILS: Final = 2  # content words that an affirmed statement may have more than the one that negates it
_LEAST_STEM: Final = 5  # characters that two forms of a word share
_MOST_ENDING: Final = 3
_LEAST_COMMON_START: Final = 0.6  # of the shorter text, where only the end of a sentence negates
_MOST_DIFFERENT_END: Final = 9  # characters
_MOST_ALIGNED: Final = 200  # words; aligning longer texts takes long, and they name more than one thing


def contradiction(new: str, old: str) -> str | None:
    """Return why two texts about the same subject contradict each other; ``None`` where their words show nothing.

    Args:
        new: The new text.
        old: The earlier text.
    """
    a, b = statement_of(new), statement_of(old)
    if a is None or b is None:
        return None
    only_a, only_b = _differences(a, b)
    if not set(a.content) - set(only_a):
        return None  # nothing in common
    rules = (_opposite, _negation, _late_negation, _order, _number, _alternative, _name, _sign)
    return next((reason for rule in rules if (reason := rule(a, b, only_a, only_b))), None)


def _differences(a: Statement, b: Statement) -> tuple[list[str], list[str]]:
    """Return the content words that only one of two statements has; forms of one word are the same."""
    only_a = [word for word in dict.fromkeys(a.content) if word not in b.content]
    only_b = [word for word in dict.fromkeys(b.content) if word not in a.content]
    for word in tuple(only_a):
        other = next((other for other in only_b if _is_form_of(word, other)), None)
        if other is not None:
            only_a.remove(word)
            only_b.remove(other)
    return only_a, only_b


def _is_form_of(word: str, other: str) -> bool:
    """Return whether two words differ only in a short ending that does not negate: "запускается", "запускаются"."""
    if not (word.isalpha() and other.isalpha()):
        return False
    shared = _common_start(word, other)
    if shared < _LEAST_STEM or max(len(word), len(other)) - shared > _MOST_ENDING:
        return False
    return not (_TURKISH.match(word[shared:]) or _TURKISH.match(other[shared:]))


def _common_start(a: str, b: str) -> int:
    shared = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        shared += 1
    return shared


def _instead(new: object, old: object) -> str:
    return f"says '{new}' where the earlier one says '{old}'"


def _opposite(a: Statement, b: Statement, only_a: Sequence[str], only_b: Sequence[str]) -> str | None:
    """Compare two opposites, where nothing else differs."""
    words_a, words_b = ({fold_word(word): word for word in text.words} for text in (a, b))
    for x in sorted(words_a.keys() - words_b.keys()):
        for y in sorted(words_b.keys() - words_a.keys()):
            rest = (set(only_a) - {x}) | (set(only_b) - {y})
            if rest or ({x, y} == {"must", "may"} and a.negated and b.negated):
                continue  # "may not" and "must not" are the same
            as_opposites = (x, y) in _folded(vocabulary.OPPOSITES) or _differ_in_prefix(x, y)
            as_subjects = (x, y) in _folded(vocabulary.SUBJECT_OPPOSITES)
            if as_opposites or (as_subjects and a.content[-1:] == (x,) and b.content[-1:] == (y,)):
                return _instead(words_a[x], words_b[y])
    return None


@lru_cache(maxsize=4)
def _folded(pairs: tuple[tuple[str, str], ...]) -> frozenset[tuple[str, str]]:
    found = [(fold_word(a), fold_word(b)) for a, b in pairs]
    return frozenset([*found, *((b, a) for a, b in found)])


def _differ_in_prefix(x: str, y: str) -> bool:
    short, long = sorted((x, y), key=len)
    if len(short) >= _LEAST_STEM - 1 and any(long == prefix + short for prefix in vocabulary.PREFIXES):
        return True
    return any(
        {x, y} == {one + rest, other + rest}
        for one, other in vocabulary.OTHER_PREFIXES
        for word in (x, y)
        if word.startswith(one) and len(rest := word[len(one) :]) >= _LEAST_STEM - 1
    )


def _negation(a: Statement, b: Statement, only_a: Sequence[str], only_b: Sequence[str]) -> str | None:
    """Compare a statement and its negation: the negated one may lack details of the other, not the reverse."""
    only_a, only_b = list(only_a), list(only_b)
    negated_a, negated_b = a.negated, b.negated
    for x in tuple(only_a):
        for y in tuple(only_b):
            shared = _common_start(x, y)
            of_a, of_b = _TURKISH.fullmatch(x[shared:]), _TURKISH.fullmatch(y[shared:])
            if shared >= 2 and bool(of_a) != bool(of_b):
                negated_a, negated_b = negated_a or bool(of_a), negated_b or bool(of_b)
                only_a.remove(x)
                only_b.remove(y)
    if negated_a == negated_b:
        return None
    of_negated, of_affirmed = (only_a, only_b) if negated_a else (only_b, only_a)
    if of_negated or len(of_affirmed) > _MOST_DETAILS:
        return None
    return _NEGATES if negated_a else _AFFIRMS


def _late_negation(a: Statement, b: Statement, only_a: Sequence[str], only_b: Sequence[str]) -> str | None:
    """Compare statements of which only the end differs, in languages that negate there."""
    negated_a, negated_b = bool(_LATE.search(a.text)), bool(_LATE.search(b.text))
    if negated_a == negated_b:
        return None
    text_a, text_b = ("".join(text.words) for text in (a, b))
    shared = _common_start(text_a, text_b)
    shorter = min(len(text_a), len(text_b))
    if shared < _LEAST_COMMON_START * shorter or max(len(text_a), len(text_b)) - shared > _MOST_DIFFERENT_END:
        return None
    return _NEGATES if negated_a else _AFFIRMS


def _order(a: Statement, b: Statement, only_a: Sequence[str], only_b: Sequence[str]) -> str | None:
    """Compare the same words, of which two are swapped around a word such as "over", "before" or "to"."""
    if len(a.words) != len(b.words):
        return None
    places = [n for n, (x, y) in enumerate(zip(a.words, b.words, strict=True)) if x != y]
    if len(places) != 2:
        return None
    first, second = places
    swapped = (a.words[first], a.words[second]) == (b.words[second], b.words[first])
    if not swapped or vocabulary.PIVOTS.isdisjoint(a.words[first + 1 : second]):
        return None
    return f"puts '{a.words[second]}' where the earlier one puts '{b.words[second]}'"


def _number(a: Statement, b: Statement, only_a: Sequence[str], only_b: Sequence[str]) -> str | None:
    """Compare numbers of the same thing, with or without units."""
    numbers_a, numbers_b = ([word for word in only if is_number(word)] for only in (only_a, only_b))
    if not numbers_a or not numbers_b or _without_quantities(only_a) or _without_quantities(only_b):
        return None
    if _names_subject(a, numbers_a) and _names_subject(b, numbers_b):
        return None
    return f"says {', '.join(numbers_a)} where the earlier one says {', '.join(numbers_b)}"


def _without_quantities(words: Iterable[str]) -> list[str]:
    return [word for word in words if not is_number(word) and word not in _folded_units()]


@lru_cache(maxsize=1)
def _folded_units() -> frozenset[str]:
    return frozenset(fold_word(unit) for unit in vocabulary.UNITS) | vocabulary.UNITS


def _names_subject(text: Statement, numbers: Sequence[str]) -> bool:
    """Return whether a number at the start names the subject: "Version 2 of the API"."""
    start = list(text.content[:2])
    return len(start) == 2 and start[1] in numbers and start[0] in vocabulary.LABELS and len(text.content) > 2


def _alternative(a: Statement, b: Statement, only_a: Sequence[str], only_b: Sequence[str]) -> str | None:
    """Compare two names of one set of alternatives, where nothing else differs."""
    for names in _alternatives():
        x, y = _longest_name(names, a, only_a), _longest_name(names, b, only_b)
        if not x or not y or x == y or _beside(only_a, x) or _beside(only_b, y):
            continue
        if a.content[: len(x)] == x and b.content[: len(y)] == y and not (_identifies(a) and _identifies(b)):
            continue  # "PostgreSQL backups are kept" and "Redis backups are kept": two subjects
        return _instead(_as_written(x, a), _as_written(y, b))
    return None


def _beside(only: Iterable[str], name: Sequence[str]) -> list[str]:
    """Return the words beside a name that are no numbers: "four spaces" is "spaces"."""
    return [word for word in only if word not in name and not is_number(word)]


@lru_cache(maxsize=1)
def _alternatives() -> tuple[tuple[tuple[str, ...], ...], ...]:
    return tuple(tuple(tuple(fold_word(word) for word in name) for name in names) for names in vocabulary.ALTERNATIVES)


def _longest_name(names: Iterable[tuple[str, ...]], text: Statement, only: Sequence[str]) -> tuple[str, ...]:
    """Return the longest of some names that a text has, of which the other text lacks a word; else an empty one."""
    content = {*text.content, *(fold_word(word) for word in text.words)}
    found = [name for name in names if content.issuperset(name) and not set(only).isdisjoint(name)]
    return max(found, key=len, default=())


def _identifies(text: Statement) -> bool:
    """Return whether a text says what something is or what is used: "Redis is the cache", "pnpm is used"."""
    return any(
        after in ("is", "are") and following in ("the", "our", "used")
        for after, following in zip(text.words, text.words[1:], strict=False)
    )


def _as_written(name: Sequence[str], text: Statement) -> str:
    words = {fold_word(word): word for word in text.words}
    return " ".join(words.get(word, word) for word in name)


def _name(a: Statement, b: Statement, only_a: Sequence[str], only_b: Sequence[str]) -> str | None:
    """Compare two unknown names at the place of a single choice, where all other words are equal."""
    if not only_a or not only_b or a.negated != b.negated or max(len(a.words), len(b.words)) > _MOST_ALIGNED:
        return None
    matcher = SequenceMatcher(None, a.words, b.words, autojunk=False)
    found: tuple[Sequence[str], Sequence[str]] | None = None
    for operation, a1, a2, b1, b2 in matcher.get_opcodes():
        if operation == "equal":
            continue
        of_a, of_b = a.words[a1:a2], b.words[b1:b2]
        content_a, content_b = ([word for word in words if is_content(word)] for words in (of_a, of_b))
        if not content_a and not content_b:
            continue
        if found is not None or not content_a or not content_b or max(len(content_a), len(content_b)) > _MOST_REPLACED:
            return None
        if not _is_choice(a, a1, a2) or not _is_choice(b, b1, b2) or _serve_other_purposes(a, b, content_a, content_b):
            return None
        found = of_a, of_b
    if found is None:
        return None
    return _instead(" ".join(found[0]), " ".join(found[1]))


def _serve_other_purposes(a: Statement, b: Statement, name_a: Sequence[str], name_b: Sequence[str]) -> bool:
    """Return whether two names are no alternatives: names of different sets, or a name and a number."""
    if any(map(is_number, name_a)) != any(map(is_number, name_b)):
        return True
    sets_a, sets_b = (
        {n for n, names in enumerate(_alternatives()) if not {tuple(map(fold_word, name))}.isdisjoint(names)}
        for name in (name_a, name_b)
    )
    depends = not vocabulary.DEPENDING.isdisjoint(a.words) and not vocabulary.DEPENDING.isdisjoint(b.words)
    return bool(sets_a) and bool(sets_b) and sets_a.isdisjoint(sets_b) and depends


def _is_choice(text: Statement, start: int, end: int) -> bool:
    """Return whether the words at a place are a single choice, which another choice contradicts."""
    words = text.words
    if start == 0:
        return words[end : end + 1] != () and words[end] in vocabulary.OWNING
    before = words[start - 1]
    if before not in vocabulary.EXCLUSIVE and words[start] not in vocabulary.EXCLUSIVE:
        return False
    if not vocabulary.EXCLUSIVE.isdisjoint(words[start + 1 : end]):
        return False  # "written in Go" is more than a name
    if before not in vocabulary.COPULAS:
        return True
    is_default = not vocabulary.DEFAULTS.isdisjoint(words[:start])
    return is_default or any(_is_name(word, text.text) for word in words[start:end])


def _is_name(word: str, text: str) -> bool:
    """Return whether a word is written as a name in a text: with a capital letter, a digit or a sign."""
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE)
    return found is not None and not (found[0].isalpha() and found[0].islower())


def _sign(a: Statement, b: Statement, only_a: Sequence[str], only_b: Sequence[str]) -> str | None:
    """Compare the signs and emoji of texts with the same words."""
    if a.words != b.words or a.signs == b.signs:
        return None
    new, old = ([sign for sign in x.signs if sign not in y.signs] for x, y in ((a, b), (b, a)))
    if not new and not old:
        return None
    if new and old:
        return _instead(" ".join(new), " ".join(old))
    return (
        f"has '{' '.join(new)}' and the earlier one has not" if new else f"lacks '{' '.join(old)}' of the earlier one"
    )
