"""Passwords in columns: ``INSERT INTO users (…, password) VALUES (…)``, and tables of Markdown.

The head of the column says that a value is a password. A value is read only if it has the place of that column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from aurora_dev.core.text.secrets.edits import Edit, LazyPattern, masked
from aurora_dev.core.text.secrets.prefilter import Anchor, any_case, literal
from aurora_dev.core.text.secrets.values import is_given_password
from aurora_dev.lazy import lazy_pattern

__all__ = ["LABELS", "rules"]

LABELS: Final = frozenset(("password",))

_MOST_ROWS: Final = 100
_LONGEST_ROW: Final = 2_000

_COLUMN: Final = lazy_pattern(
    r"[\s`\"'\[*]{0,8}(?:[\w-]{0,24}[_ -])?(?:password|passwd|passphrase|passcode|pass|pwd|pw|secret|passwort|token|"
    r"api[_ -]?key|secret[_ -]?key)[\s`\"'\]*]{0,8}",
    re.IGNORECASE,
)

# --- SQL --------------------------------------------------------------------------------------------------------------

_INSERT: Final = LazyPattern(
    r"(?:insert|replace)\s{1,8}(?:ignore\s{1,8})?into\s{1,8}[\w.`\"\[\]]{1,128}\s{0,8}\((?P<columns>[^()]{1,1000})\)\s{0,40}"
    r"values\s{0,40}",
    re.IGNORECASE,
)
_CELL: Final = lazy_pattern(
    r"\s{0,40}(?:[NE]?'(?P<quoted>(?:[^'\\\r\n]|''|\\.){0,1000})'|\"(?P<double>[^\"\r\n]{0,1000})\"|[^\s,()'\"]{1,200}"
    r"(?:\([^()]{0,200}\))?|\?)\s{0,40}(?P<end>[,)])"
)
_NEXT_ROW: Final = lazy_pattern(r"[\s,]{0,40}\(")


def _insert_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edits of the values in the columns of an INSERT that are named like a password."""
    match = _INSERT.match(text, at)
    if match is None:
        return
    secret = [_COLUMN.fullmatch(column) is not None for column in match["columns"].split(",")]
    if not any(secret):
        return
    place = match.end()
    for _ in range(_MOST_ROWS):
        row = _NEXT_ROW.match(text, place)
        if row is None:
            return
        place = row.end()
        for is_secret_column in secret:
            cell = _CELL.match(text, place)
            if cell is None:
                return
            place = cell.end()
            group = "quoted" if cell["quoted"] is not None else "double"
            if is_secret_column and is_given_password(cell[group] or ""):
                yield masked(*cell.span(group), "password")
            if cell["end"] == ")":
                break


# --- Markdown ---------------------------------------------------------------------------------------------------------

_RULER: Final = lazy_pattern(r"[ \t]{0,20}\|?[ \t:|+-]{3,400}\|?[ \t]{0,20}(?:\r?\n|\Z)")
_MARKS: Final = "`*_ \t"


def _markdown_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edits of the cells below a head such as ``| user | password |``; ``at`` is in the head."""
    start = text.rfind("\n", max(0, at - _LONGEST_ROW), at) + 1
    head_end = text.find("\n", at, at + _LONGEST_ROW)
    if head_end < 0 or text.count("|", start, head_end) < 1:
        return
    ruler = _RULER.match(text, head_end + 1)
    if ruler is None or "-" not in ruler[0]:
        return
    columns = text[start:head_end].split("|")
    wanted = [number for number, column in enumerate(columns) if _COLUMN.fullmatch(column)]
    if not wanted or not start <= at < head_end:
        return
    place = ruler.end()
    for _ in range(_MOST_ROWS):
        end = text.find("\n", place, place + _LONGEST_ROW)
        end = end if end >= 0 else min(len(text), place + _LONGEST_ROW)
        row = text[place:end]
        if "|" not in row:
            return
        cell_at = place
        for number, cell in enumerate(row.split("|")):
            value = cell.strip().strip(_MARKS)
            if number in wanted and value and _is_table_password(value):
                left = cell_at + cell.index(value)
                yield masked(left, left + len(value), "password")
            cell_at += len(cell) + 1
        place = end + 1


# --- CSV --------------------------------------------------------------------------------------------------------------

_CSV_HEAD: Final = lazy_pattern(
    r"[\w \"]{1,40}(?:(?P<sign>[,;\t])[\w \"]{1,40}(?:(?P=sign)[\w \"]{1,40}){0,30})[ \t]{0,4}\r?"
)


def _csv_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edits of the values below a head such as ``user,password``; ``at`` is in the head."""
    start = text.rfind("\n", max(0, at - _LONGEST_ROW), at) + 1
    end = text.find("\n", at, at + _LONGEST_ROW)
    head = _CSV_HEAD.fullmatch(text, start, end) if end >= 0 else None
    if head is None:
        return
    sign = head["sign"]
    columns = text[start:end].split(sign)
    wanted = [number for number, column in enumerate(columns) if _COLUMN.fullmatch(column)]
    for _ in range(_MOST_ROWS if wanted else 0):
        place = end + 1
        end = text.find("\n", place, place + _LONGEST_ROW)
        end = end if end >= 0 else min(len(text), place + _LONGEST_ROW)
        cells = text[place:end].split(sign)
        if len(cells) != len(columns):
            return
        for number, cell in enumerate(cells):
            value = cell.strip().strip('"')
            if number in wanted and value and _is_table_password(value):
                left = place + cell.index(value)
                yield masked(left, left + len(value), "password")
            place += len(cell) + 1


_PLAIN: Final = lazy_pattern(r"[^\W\d_]+[.:]?")


def _is_table_password(value: str) -> bool:
    """Return whether a cell is a password, and not the type or the description of one."""
    return (
        not any(c.isspace() for c in value)
        and _PLAIN.fullmatch(value) is None
        and any(c.isdigit() or c in "!#$%^&*+?~@" for c in value)
        and is_given_password(value)
    )


_HEAD_CELL: Final = lazy_pattern(r"[\w`*]{0,24}[ \t]{0,40}(?:\||\r?\n)")


_CSV_CELL: Final = lazy_pattern(r"\w{2,24}[\"]?(?:[,;\t]|\r?\n)")


_CELL_END: Final = lazy_pattern(r"[\w`*]{2,24}(?![\w`*])\"?[ \t]{0,40}(?:[,;\t|]|\r?\n)")


def _may_head(text: str, at: int) -> Iterable[Edit]:
    if not _CELL_END.match(text, at):
        return ()
    if _CSV_CELL.match(text, at):
        return _csv_edits(text, at)
    return _markdown_edits(text, at) if _HEAD_CELL.match(text, at) else ()


# --- a map of users to passwords --------------------------------------------------------------------------------------

_MAP: Final = LazyPattern(
    r"passw(?:ords|ds|d_map)[\"']?\s{0,4}(?::[^=\n]{0,60})?(?:=|:|=>)\s{0,4}[{(\[]\s{0,20}", re.IGNORECASE
)
_MAP_ENTRY: Final = lazy_pattern(
    r"[\"'][\w.@+-]{1,64}[\"']\s{0,4}(?::|=>|,)\s{0,4}[\"'](?P<value>[^\"'\r\n]{1,128})[\"'][\s,]{0,40}"
)


def _map_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edits of the values of ``passwords = {"user": "…"}``."""
    match = _MAP.match(text, at)
    place = match.end() if match is not None else -1
    for _ in range(_MOST_ROWS):
        entry = _MAP_ENTRY.match(text, place) if place >= 0 else None
        if entry is None:
            return
        value = entry["value"]
        if any(not c.isalpha() for c in value) and " " not in value and is_given_password(value):
            yield masked(*entry.span("value"), "password")
        place = entry.end()


def rules() -> Iterator[tuple[Anchor, Callable[[str, int], Iterable[Edit]]]]:
    """Yield the rules for tables, each with an anchor."""
    for word in ("insert into", "insert ignore into"):
        yield any_case(word), _insert_edits
    yield literal("REPLACE INTO"), _insert_edits
    yield any_case("passwords"), _map_edits
    yield any_case("pw |"), _may_head
    for word in ("password", "passwort"):
        yield any_case(word), _may_head
