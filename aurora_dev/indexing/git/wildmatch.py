"""The wildcards of git's ignore patterns, matched as git's ``wildmatch`` with ``WM_PATHNAME`` does.

Git compares bytes: ``?`` is one byte of a name in UTF-8, and a character class has bytes. So patterns and paths are
compared as texts with one character per byte, see `byte_text`.
"""

from __future__ import annotations

import re
import string
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from aurora_dev.lazy import lazy_pattern

__all__ = ["byte_text", "compile_pattern"]

_SPECIAL: Final = lazy_pattern(r"[*?\[\\]")
_ALL: Final = frozenset(map(chr, range(256)))
_NO_SLASH: Final = _ALL - {"/"}
_CLASSES: Final = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": [chr(code) for code in (*range(32), 127)],
    "digit": string.digits,
    "graph": string.ascii_letters + string.digits + string.punctuation,
    "lower": string.ascii_lowercase,
    "print": string.ascii_letters + string.digits + string.punctuation + " ",
    "punct": string.punctuation,
    "space": " \t\n\v\f\r",
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}
# A regular expression with n of them may take len(path) ** n steps; patterns with more are matched state by state.
_MAX_STARS: Final = 2

# Tokens: a set of characters matches one of them; the others are these.
_STAR: Final = "*"  # within a folder
_STARS: Final = "**"  # anything
_FOLDERS: Final = "**/"  # nothing, or anything that ends with a slash
_Token = frozenset[str] | str


def byte_text(text: str, *, ignore_case: bool = False) -> str:
    """Return a name or pattern with one character per byte; in lower case (ASCII only) if ``ignore_case``."""
    if text.isascii():
        return text.lower() if ignore_case else text
    data = text.encode("utf-8", "surrogateescape")
    return (data.lower() if ignore_case else data).decode("latin-1")


def compile_pattern(pattern: str, *, ignore_case: bool = False) -> Callable[[str], object] | None:
    """Return a function that tells whether a path matches, or ``None`` for a pattern that git never matches.

    Args:
        pattern: As in an ignore file, without ``!``, the leading and the trailing slash.
        ignore_case: Whether ASCII letters match in either case; paths are then in lower case.

    Returns:
        A function of a `byte_text`. Its result is true if all of it matches.
    """
    text = byte_text(pattern, ignore_case=ignore_case) if not _SPECIAL.search(pattern) else byte_text(pattern)
    found = _SPECIAL.search(text)
    if found is None:
        return text.__eq__
    # Git compares the part before the first wildcard by itself, so "**" after it counts as the beginning: "a**/b" is
    # "a" and "**/b".
    literal = text[: found.start()]
    tokens = _tokens(text[found.start() :], ignore_case=ignore_case)
    if tokens is None:
        return None
    tokens = [*(_one(character, ignore_case=ignore_case) for character in literal), *tokens]
    if sum(isinstance(token, str) for token in tokens) > _MAX_STARS:
        return _States(tokens).match
    return re.compile("".join(map(_expression, tokens)), re.DOTALL).fullmatch


def _tokens(text: str, *, ignore_case: bool) -> list[_Token] | None:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character == "*":
            end = at + 1
            while text[end : end + 1] == "*":
                end += 1
            folders = end - at > 1 and (at == 0 or text[at - 1] == "/")
            if folders and text[end : end + 1] == "/":
                if tokens[-1:] != [_FOLDERS]:  # "**/**/" is "**/"
                    tokens.append(_FOLDERS)
                end += 1
            elif folders and (end == len(text) or text.startswith("\\/", end)):
                tokens.append(_STARS)
            else:
                tokens.append(_STAR)
            at = end
            continue
        if character == "[":
            found = _character_set(text, at + 1, ignore_case=ignore_case)
            if found is None:
                return None
            characters, at = found
            tokens.append(characters)
            continue
        if character == "?":
            tokens.append(_NO_SLASH)
        elif character != "\\":
            tokens.append(_one(character, ignore_case=ignore_case))
        elif at + 1 == len(text):
            return None
        else:
            at += 1
            tokens.append(_one(text[at], ignore_case=ignore_case))
        at += 1
    return tokens


def _one(character: str, *, ignore_case: bool) -> frozenset[str]:
    return frozenset((character.lower() if ignore_case and character.isascii() else character,))


def _character_set(text: str, at: int, *, ignore_case: bool) -> tuple[frozenset[str], int] | None:
    """Return the characters of a ``[...]`` from behind its ``[``, and the position after it; ``None`` if malformed."""
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    found: set[str] = set()
    previous = ""
    first = True
    while first or text[at : at + 1] != "]":
        first = False
        character = text[at : at + 1]
        if not character:
            return None
        if character == "\\":
            at += 1
            character = text[at : at + 1]
            if not character:
                return None
            found.add(character)
        elif character == "-" and previous and text[at + 1 : at + 2] not in ("", "]"):
            at += 1
            if text[at] == "\\":
                at += 1
            end = text[at : at + 1]
            if not end:
                return None
            found.update(map(chr, range(ord(previous), ord(end) + 1)))
            character = ""
        elif character == "[" and text[at + 1 : at + 2] == ":":
            end_of_class = text.find("]", at + 2)
            if end_of_class < 0:
                return None
            if end_of_class == at + 2 or text[end_of_class - 1] != ":":
                found.add("[")
            else:
                members: Iterable[str] | None = _CLASSES.get(text[at + 2 : end_of_class - 1])
                if members is None:
                    return None
                found.update(members)
                at = end_of_class
                character = ""
        else:
            found.add(character)
        previous = character
        at += 1
    if ignore_case:
        found |= {character.lower() for character in found if character.isascii()}
    return frozenset(_NO_SLASH - found if negated else found - {"/"}), at + 1


def _expression(token: _Token) -> str:
    if isinstance(token, str):
        return {_STAR: "[^/]*", _STARS: ".*", _FOLDERS: "(?:.*/)?"}[token]
    if len(token) == 1:
        return re.escape(next(iter(token)))
    if not token:
        return "(?!)"
    if token == _NO_SLASH:
        return "[^/]"
    return "[" + "".join(f"\\x{ord(character):02x}" for character in sorted(token)) + "]"


class _States:
    """Matches a pattern in time proportional to its length times that of the path: all states at the same time.

    A set of states is an integer with a bit for each. State n is the position before token n.
    """

    def __init__(self, tokens: list[_Token]) -> None:
        self._leads: dict[str, int] = defaultdict(int)  # states that a character leads to their next one
        self._stays: dict[str, int] = defaultdict(int)  # states that it leaves as they are
        self._skips = 0  # states that also count as the next one
        self._skips_two = 0  # states that also count as the next but one
        number = 0
        for token in tokens:
            state = 1 << number
            if token == _FOLDERS:
                self._skips |= state
                self._skips_two |= state
                self._add(self._leads, "/", state << 1)
                self._add(self._stays, _ALL, state << 1)
                number += 1
            elif isinstance(token, str):
                self._skips |= state
                self._add(self._stays, _NO_SLASH if token == _STAR else _ALL, state)
            else:
                self._add(self._leads, token, state)
            number += 1
        self._last = 1 << number

    @staticmethod
    def _add(table: dict[str, int], characters: Iterable[str], state: int) -> None:
        for character in characters:
            table[character] |= state

    def _enter(self, states: int) -> int:
        before = -1
        while states != before:
            before = states
            states |= (states & self._skips) << 1 | (states & self._skips_two) << 2
        return states

    def match(self, path: str) -> bool:
        leads, stays = self._leads, self._stays
        states = self._enter(1)
        for character in path:
            states = self._enter((states & leads.get(character, 0)) << 1 | states & stays.get(character, 0))
            if not states:
                return False
        return bool(states & self._last)
