"""Light stemming of English endings, so that ``tokens`` finds ``token`` and ``routing`` finds ``route``.

It does far less than Porter's stemmer on purpose: names in code are short, and merging ``organization`` with ``organ``
loses more there than it gains. Folded forms are index terms. They are never shown and need not be words.
"""

from __future__ import annotations

FOLD_PLURALS = True  # tokens, dependencies, classes
FOLD_VERBS = True  # routing, parsed
FOLD_NOUNS = True  # validate, validation, validator; router and route stay apart, which ranked better

_LAST_LETTERS = frozenset("sgdentr")  # the last letters of all endings below; other words are returned at once
_VOWELS = frozenset("aeiouy")
_SHORTEST = 4  # characters; shorter words are not folded, except ``ids``
_SHORTEST_STEM = 3  # characters that must remain after an ending is removed
_KEPT_DOUBLE = frozenset("lsz")  # call-ing, pass-ing, buzz-ing: the stem itself ends in a double letter
_SHORTEST_NOUN_STEM = 5  # characters; create, format and relation stay whole
_NOUN_ENDINGS = ("ation", "ator", "ate", "at")  # the first match counts; "at" is left over from "validating"
_NOT_PLURAL = ("ss", "us", "is", "as", "os")  # class, status, axis, alias, chaos


def fold_word(word: str) -> str:
    """Return the form under which a word is indexed.

    Args:
        word: In lower case. Words with anything but ASCII letters are returned unchanged.

    Returns:
        The word without a plural, ``-ing``, ``-ed``, ``-ate`` or ``-ation`` ending and without a final ``e``. The
        constants ``FOLD_…`` of this module switch each rule.
    """
    if len(word) < _SHORTEST or not (word.isascii() and word.isalpha()):
        return "id" if FOLD_PLURALS and word == "ids" else word
    if word[-1] not in _LAST_LETTERS:
        return word
    if FOLD_PLURALS:
        word = _singular(word)
    if FOLD_VERBS:
        word = _without_verb_ending(word)
    if FOLD_NOUNS:
        word = _without_noun_ending(word)
    # Drop a final "e", so that caches (cach-es), cache and caching meet. The length check spares "use" and "code".
    if word.endswith("e") and len(word) > _SHORTEST:
        word = word[:-1]
    return word


def _singular(word: str) -> str:
    if not word.endswith("s") or word.endswith(_NOT_PLURAL):
        return word
    if word.endswith("ies") and len(word) > _SHORTEST:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return word[:-2]
    return word[:-1]


def _without_verb_ending(word: str) -> str:
    if word.endswith("ing"):
        stem = word[:-3]
    elif word.endswith("ed") and not word.endswith(("eed", "embed")):
        stem = word[:-2]
    else:
        return word
    if len(stem) < _SHORTEST_STEM or _VOWELS.isdisjoint(stem):
        return word
    if stem[-1] == stem[-2]:
        return stem if stem[-1] in _KEPT_DOUBLE or len(stem) == _SHORTEST_STEM else stem[:-1]
    return stem + "e" if len(stem) == _SHORTEST_STEM and _lost_an_e(stem) else stem


def _without_noun_ending(word: str) -> str:
    for ending in _NOUN_ENDINGS:
        if word.endswith(ending):
            stem = word[: -len(ending)]
            return stem if len(stem) >= _SHORTEST_NOUN_STEM else word
    return word


def _lost_an_e(stem: str) -> bool:
    """Return whether a stem of three letters lost an "e", as in cod-ing (Porter's ``*o``) but not in fix-ing."""
    return stem[0] not in _VOWELS and stem[1] in _VOWELS and stem[2] not in _VOWELS and stem[2] not in "wx"
