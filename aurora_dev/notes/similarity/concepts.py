"""Concepts: words of one meaning in many languages, read from ``concepts.txt``, and found in a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from aurora_dev.lazy import lazy_pattern

_FILE: Final = Path(__file__).with_name("concepts.txt")
_MOST_WORDS: Final = 5  # of a phrase
_LEAST_STEM: Final = 2  # characters before a "*"
_MOST_STEM: Final = 32
_MARKS: Final = lazy_pattern("[\u0300-\u036f]+")
_LETTERS: Final = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
# Words of scripts without blanks, and of Korean, whose particles follow the word: found anywhere in a run.
_RUN: Final = "\u3040-\u30ff\u3005\u3400-\u9fff\uac00-\ud7af"
_VOWELS: Final = "\u064b-\u065f\u0900-\u0dff\u0e30-\u0ecf"  # signs within words of Arabic and Indian scripts and Thai
_IS_RUN: Final = lazy_pattern(f"[{_RUN}]")
_HANGUL: Final = lazy_pattern("[\uac00-\ud7af]")
_CONTENT: Final = lazy_pattern("[\u30a0-\u30ff]{2,}|[\u3400-\u9fff]")
_FUNCTION_SIGNS: Final = frozenset("的了在是中会总为和与或及而要都就也可这那个我们他她它其用使把被需要就行只每个请由人")
_HAN_DIGITS: Final = {sign: number for number, signs in enumerate(
    ("", "一", "二两兩두", "三세", "四네", "五", "六", "七", "八", "九", "十"))
    for sign in signs
}  # fmt: skip
# Numbers of one sign, before what they count.
_HAN_NUMBER: Final = lazy_pattern(
    "([一二两兩三四五六七八九十半])((?=[个人名年月天周次条つ日週時分秒小点]))|(두|세|네) ?(?=[명번개시주달])"
)
_TOKEN: Final = lazy_pattern(
    r"(?<![^\W\d_])\d+(?:[.,]\d+)*(?=(?:ms|s|sec|min|h|kb|mb|gb|tb|mib|gib|kib|mo|go)?\b)"
    rf"|(?<![^\W\d_])\d+(?:[.,]\d+)*(?=[{_RUN}])|%|[{_RUN}]+|(?:[^\W_{_RUN}]|[{_VOWELS}])+"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A concept in a text.

    Attributes:
        group: Its group, as in ``object`` or ``scope role``.
        name: Its name within the group.
        start: 0-based number of its first token.
        end: Number after its last token.
        text: The words that stand for it.
    """

    group: str
    name: str
    start: int
    end: int
    text: str


def folded(text: str) -> str:
    """Return a text in small letters without accents."""
    text = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", _MARKS.sub("", text)).translate(_LETTERS)


def tokens(text: str) -> list[str]:
    """Return the words, numbers and runs of a text, folded."""
    return _TOKEN.findall(_HAN_NUMBER.sub(_as_digits, folded(text)))


def _as_digits(match: re.Match[str]) -> str:
    sign = match[1] or match[3]
    return "0.5" if sign == "半" else str(_HAN_DIGITS[sign])


def is_run(word: str) -> bool:
    """Return whether a token is of a script without blanks, or Korean."""
    return _IS_RUN.match(word) is not None


def left_over(run: str) -> list[str]:
    """Return the parts of a run that no concept has: single Chinese characters, words in Katakana, Korean words."""
    for each in _in_run(run, 0, _lexicon()):
        run = run.replace(each.text, " ", 1)
    if _HANGUL.match(run):
        return [] if " " in run or len(run) < 2 else [run[:2]]
    return [part for part in _CONTENT.findall(run) if part not in _FUNCTION_SIGNS]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words and phrases with the group and the name of their concepts, by the way they are looked up."""

    exact: dict[str, tuple[tuple[str, str], ...]]
    stems: dict[str, tuple[tuple[str, str], ...]]
    runs: dict[str, tuple[tuple[str, str], ...]]
    longest_run: int


@lru_cache(maxsize=1)
def _lexicon() -> Lexicon:
    return lexicon_of(grouped(_FILE.read_text("utf-8")))


def grouped(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the group, the name and each word of the concepts of a file."""
    group = ""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            group = line[1:-1]
            continue
        name, _, words = line.partition(":")
        for word in words.split(","):
            yield group, name, word


def lexicon_of(words: Iterable[tuple[str, str, str]]) -> Lexicon:
    """Return words to look for, from the group and the name of the concept of each; a "*" at its end is any ending."""
    exact: dict[str, list[tuple[str, str]]] = {}
    stems: dict[str, list[tuple[str, str]]] = {}
    runs: dict[str, list[tuple[str, str]]] = {}
    for group, name, word in words:
        parts = " ".join(tokens(word))
        if not parts:
            continue
        table = runs if _IS_RUN.match(parts) else stems if word.endswith("*") else exact
        table.setdefault(parts.replace(" ", "") if table is runs else parts, []).append((group, name))

    def frozen(table: dict[str, list[tuple[str, str]]]) -> dict[str, tuple[tuple[str, str], ...]]:
        return {word: tuple(dict.fromkeys(found)) for word, found in table.items()}

    return Lexicon(frozen(exact), frozen(stems), frozen(runs), longest_run=max(map(len, runs), default=1))


def find_concepts(words: list[str], known: Lexicon | None = None) -> Iterator[Found]:
    """Yield the concepts of some tokens in order; the longest phrase at each place counts.

    Args:
        words: Tokens of a text.
        known: Words to look for; by default those of ``concepts.txt``.
    """
    known = known or _lexicon()
    place = 0
    while place < len(words):
        if _IS_RUN.match(words[place]):
            yield from _in_run(words[place], place, known)
            place += 1
            continue
        for count in range(min(_MOST_WORDS, len(words) - place), 0, -1):
            phrase = words[place : place + count]
            if any(_IS_RUN.match(word) for word in phrase):
                continue
            if found := _lookup(phrase, known):
                for group, name in found:
                    yield Found(group, name, place, place + count, " ".join(phrase))
                if count > 1 and all(not group.startswith(("object", "tool ")) for group, _ in found):
                    yield from _subjects_in(phrase, place, known)
                place += count
                break
        else:
            place += 1


def _subjects_in(phrase: list[str], place: int, known: Lexicon) -> Iterator[Found]:
    """Yield the subjects that single words of a phrase name: the session of a "session cookie"."""
    for number, word in enumerate(phrase):
        for group, name in _lookup([word], known):
            if group == "object":
                yield Found(group, name, place + number, place + number + 1, word)


def _lookup(phrase: list[str], known: Lexicon) -> tuple[tuple[str, str], ...]:
    found = known.exact.get(" ".join(phrase), ())
    *first, last = phrase
    before = " ".join([*first, ""])
    for length in range(min(len(last), _MOST_STEM), _LEAST_STEM - 1, -1):
        if stems := known.stems.get(before + last[:length]):
            return tuple(dict.fromkeys((*found, *stems)))
    return found


def _in_run(run: str, place: int, known: Lexicon) -> Iterator[Found]:
    start = 0
    while start < len(run):
        for length in range(min(known.longest_run, len(run) - start), 0, -1):
            if found := known.runs.get(run[start : start + length]):
                for group, name in found:
                    # A unit or a number of one sign means that only beside a number.
                    if length > 1 or not group.startswith(("unit", "number")) or start == 0:
                        yield Found(group, name, place, place + 1, run[start : start + length])
                start += length
                break
        else:
            start += 1
