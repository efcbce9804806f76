"""Notes as Markdown with front matter, to read, commit and edit by hand.

::

    ---
    id: 3802d6fbb52471e074f2323e3b83002e
    kind: decision
    tags: [auth, crypto]
    importance: 8
    created: 2026-11-21T16:40:01.126215Z
    checksum: 5f1b0c2a9d33
    ---
    Tokens are signed with EdDSA.

Front matter is written as one ``name: value`` per line. A value is plain text, or JSON where plain text would be
ambiguous. What editors make of it is read too, see `front_matter`; fields that notes do not have become metadata. A
file that is written by hand needs only ``kind`` and the text. A file may hold several notes, with a line
``<!-- next memory -->`` between two. Reading a written file gives back exactly the notes.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final

from aurora_dev.core.types import MetadataValue
from aurora_dev.errors import InvalidRequestError
from aurora_dev.lazy import lazy_pattern
from aurora_dev.notes.front_matter import (
    Field,
    FieldError,
    is_empty,
    list_items,
    metadata_value,
    plain_text,
    read_fields,
)
from aurora_dev.notes.model import checks
from aurora_dev.notes.model.types import DEFAULT_IMPORTANCE, Note

SEPARATOR: Final = "<!-- next memory -->"
_FENCE: Final = "---"
# A line of the text that looks like the separator gets a backslash more when written, and one less when read.
_ESCAPED: Final = lazy_pattern(r"\\*" + re.escape(SEPARATOR))
_PLAIN_ITEM: Final = lazy_pattern(r"[^\W_][\w ./+@-]*")
_YAML_SIGNS: Final = tuple("\"'[]{}>|*&!%@`#-?:,")
_CHECKSUM_CHARS: Final = 12
_CONFLICT_MARKS: Final = ("<<<<<<< ", ">>>>>>> ")
_MOST_UNKNOWN: Final = 50  # fields of a note that become metadata
_SIMILAR: Final = 0.8  # a name this close to that of a field is probably misspelled


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in a file: its 1-based line, and what is wrong there."""

    line: int
    text: str


class MarkdownError(Exception):
    """Raised when a text is not in this format. Internal: `files` adds the file's name to the message."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.problem = Problem(line, text)


@dataclass(frozen=True, slots=True)
class MarkdownNote:
    """A note as a Markdown file holds it.

    Attributes:
        line: 1-based number of its first line in the file.
        content: The text.
        values: Values of the front matter, by field name of `Note`.
        intact: Whether the checksum matches; ``False`` where the note was edited or has no checksum.
        notices: Fields that were passed over, or that are probably misspelled.
    """

    line: int
    content: str
    values: Mapping[str, Any] = field(default_factory=dict)
    intact: bool = False
    notices: tuple[Problem, ...] = ()


def to_markdown(note: Note) -> str:
    """Return a note as Markdown, without uses and staleness, which belong to this machine."""
    fields: list[tuple[str, str]] = [("id", _scalar(note.id)), ("kind", _scalar(note.kind))]
    if note.tags:
        fields.append(("tags", _items(note.tags)))
    fields.append(("importance", str(note.importance)))
    for name, text in (("source", note.source), ("path", note.path), ("symbol", note.symbol), ("code", note.code_hash)):
        if text is not None:
            fields.append((name, _scalar(text)))
    fields.append(("created", _moment(note.created_at)))
    if note.updated_at != note.created_at:
        fields.append(("updated", _moment(note.updated_at)))
    if note.expires_at is not None:
        fields.append(("expires", _moment(note.expires_at)))
    if note.supersedes:
        fields.append(("supersedes", _items(note.supersedes)))
    if note.superseded_by is not None:
        fields.append(("superseded-by", _scalar(note.superseded_by)))
    for name, ids in (("conflicts-with", note.conflicts_with), ("holds-with", note.holds_with)):
        if ids:
            fields.append((name, _items(ids)))
    if note.said > 1:
        fields.append(("said", str(note.said)))
    if note.metadata:
        fields.append(("metadata", _json(dict(note.metadata))))
    body = note.content
    if "\r" in body or body != body.lstrip("\ufeff") or not body.strip("\n"):
        fields.append(("text", _json(body)))  # editors and git change carriage returns
        body = ""
    lines = [f"{name}: {value}" for name, value in fields]
    escaped = "\n".join(_escaped(line) for line in body.split("\n"))
    checksum = _checksum(lines, escaped)
    return "\n".join([_FENCE, *lines, f"checksum: {checksum}", _FENCE, escaped]) + "\n"


def join_markdown(texts: list[str]) -> str:
    """Return several notes as the text of one file."""
    return f"{SEPARATOR}\n".join(texts)


def parse_markdown(text: str) -> list[MarkdownNote]:
    """Return the notes in the text of a file, at least one.

    Raises:
        MarkdownError: The text is not in this format; the error holds the line.
    """
    text = text.removeprefix("\ufeff")
    if text.startswith(f"{_FENCE}\r\n"):
        text = text.replace("\r\n", "\n")  # a checkout on Windows
    lines = text.split("\n")
    starts = [0, *(n + 1 for n, line in enumerate(lines) if line == SEPARATOR)]
    ends = [*(start - 1 for start in starts[1:]), len(lines)]
    last = len(starts) - 1
    return [
        # The line break before a separator ends the text's last line; at the end of the file it leaves an empty one.
        _parse_note(lines[a : b - 1] if n == last and lines[b - 1] == "" else lines[a:b], a + 1)
        for n, (a, b) in enumerate(zip(starts, ends, strict=True))
    ]


def has_front_matter(text: str) -> bool:
    """Return whether the text of a file begins like a note."""
    return text.removeprefix("\ufeff").lstrip().startswith(_FENCE)


def _parse_note(lines: list[str], first: int) -> MarkdownNote:
    """Return the note in some lines, of which the first has the 1-based number ``first`` in the file."""
    for number, line in enumerate(lines):
        if line.startswith(_CONFLICT_MARKS):
            raise MarkdownError(first + number, "holds a merge conflict; resolve it first")
    if not lines:
        raise MarkdownError(max(1, first - 1), "no note follows; remove the line")  # a separator at the end
    if lines[0].rstrip() != _FENCE:
        raise MarkdownError(first, f"a note begins with a line '{_FENCE}', then its fields, then '{_FENCE}'")
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise MarkdownError(first, f"the front matter does not end: a line '{_FENCE}' is missing before the text")
    values: dict[str, Any] = {}
    kept: list[str] = []
    checksum = ""
    unknown: list[Field] = []
    seen: set[str] = set()
    try:
        for each in read_fields(lines[1:end]):
            if each.name == "checksum":
                checksum = each.value or ""
                continue
            kept += each.source
            if each.name in seen:
                raise FieldError(each.line, f"the field '{each.name}' is given twice")
            seen.add(each.name)
            if each.name in _READERS:
                _read_field(each, values)
            else:
                unknown.append(each)
    except FieldError as error:
        raise MarkdownError(first + 1 + error.line, str(error)) from None
    notices = tuple(Problem(first + 1 + line, text) for line, text in _add_unknown(unknown, values))
    body = lines[end + 1 :]
    intact = checksum == _checksum(kept, "\n".join(body))
    content = "\n".join(line[1:] if line.startswith("\\") and _ESCAPED.fullmatch(line) else line for line in body)
    if "text" in values:
        content = values.pop("text") if not content.strip() else content
    try:
        checks.checked_content(content)
    except InvalidRequestError as error:
        raise MarkdownError(first + min(end + 1, len(lines) - 1), str(error).partition(": nothing was")[0]) from None
    return MarkdownNote(first, content, values, intact, notices)


def _read_field(each: Field, values: dict[str, Any]) -> None:
    """Add the value of a field that notes have.

    Raises:
        FieldError: It is not a valid value.
    """
    if each.value is not None and is_empty(each.value):
        return  # editors leave an empty field behind
    key, read = _READERS[each.name]
    try:
        if each.value is None:
            raise ValueError("the value is nested; write it on one line")
        values[key] = read(each.value)
    except (ValueError, InvalidRequestError, RecursionError) as error:
        reason = str(error).partition(": nothing was")[0] or type(error).__name__
        raise FieldError(each.line, f"{each.name}: {reason}") from None


def _add_unknown(unknown: list[Field], values: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Add fields that notes do not have to the metadata; yield the line and a notice where one is not kept."""
    given = values.get("metadata", {})
    added: dict[str, MetadataValue] = {}
    if len(unknown) > _MOST_UNKNOWN:
        yield unknown[_MOST_UNKNOWN].line, f"the fields after the {_MOST_UNKNOWN}th unknown one were passed over"
    for each in unknown[:_MOST_UNKNOWN]:
        close = difflib.get_close_matches(each.name.lower(), list(_READERS), n=1, cutoff=_SIMILAR)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        if each.value is not None and is_empty(each.value):
            continue
        try:
            if each.value is None:
                raise ValueError("it is no text, number or list")
            if each.name in given:
                raise ValueError("it is also in 'metadata'")
            added |= checks.checked_metadata({each.name: metadata_value(each.value)})
        except InvalidRequestError:
            yield each.line, f"the field '{each.name:.80}' was passed over: the name is reserved{hint}"
        except (ValueError, RecursionError) as error:
            reason = "it is not valid YAML" if isinstance(error, json.JSONDecodeError) else str(error)
            yield each.line, f"the field '{each.name:.80}' was passed over: {reason}{hint}"
        else:
            if close:
                yield each.line, f"the field '{each.name:.80}' was kept as metadata{hint}"
    if added:
        values["metadata"] = {**added, **given}


# -- writing values --------------------------------------------------------------------------------------------------


def _escaped(line: str) -> str:
    return f"\\{line}" if _ESCAPED.fullmatch(line) else line


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _scalar(text: str) -> str:
    """Return a text unquoted where YAML and `parse_markdown` both read it back unchanged, else as a JSON string."""
    safe = (
        text.isprintable()
        and text == text.strip()
        and not text.startswith(_YAML_SIGNS)
        and ": " not in text
        and " #" not in text
        and not text.endswith(":")
        and not _is_yaml_value(text)
    )
    return text if safe else _json(text)


def _is_yaml_value(text: str) -> bool:
    """Return whether a YAML parser would take a text for a number, a boolean or null."""
    if text.lower() in ("", "true", "false", "null", "yes", "no", "on", "off", "~"):
        return True
    try:
        float(text.replace("_", ""))
    except ValueError:
        return False
    return True


def _items(values: tuple[str, ...]) -> str:
    plain = all(_PLAIN_ITEM.fullmatch(item) and item == item.strip() and not _is_yaml_value(item) for item in values)
    return f"[{', '.join(values)}]" if plain else _json(list(values))


def _moment(seconds: float) -> str:
    """Return seconds since the epoch as ISO 8601 with microseconds, or as a number where that would not be exact."""
    try:
        moment = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, OSError, ValueError):
        return repr(seconds)
    if moment.timestamp() != seconds:
        return repr(seconds)
    return moment.isoformat().replace("+00:00", "Z")


def _checksum(lines: list[str], body: str) -> str:
    # Editors and formatters strip spaces at the ends of lines: that is not an edit of the note.
    stripped = "\n".join(line.rstrip() for line in [*lines, "", *body.rstrip("\n").split("\n")])
    return hashlib.sha256(stripped.encode("utf-8", "surrogatepass")).hexdigest()[:_CHECKSUM_CHARS]


# -- reading values --------------------------------------------------------------------------------------------------


def _read_items(value: str) -> tuple[str, ...]:
    if value.startswith("["):
        return tuple(list_items(value))
    if value.startswith(('"', "'")):
        value = plain_text(value)
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _read_number(value: str) -> int:
    try:
        return int(plain_text(value))
    except ValueError:
        raise ValueError(f"must be a whole number, not '{value:.40}'") from None


def _read_moment(value: str) -> float:
    text = plain_text(value)
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
        except ValueError:
            raise ValueError(f"must be a time such as 2026-11-21T16:40:01Z, not '{text:.40}'") from None
        # A time without a zone is local.
        return moment.timestamp()
    if not math.isfinite(seconds):
        raise ValueError("must be a finite number of seconds") from None
    return seconds


def _read_metadata(value: str) -> dict[str, MetadataValue]:
    found = json.loads(value, parse_constant=_refuse_constant)
    if not isinstance(found, dict):
        raise ValueError('must be a JSON object, as in {"ticket": "A-1"}')
    for key, item in found.items():
        is_valid = isinstance(item, str | bool | int | float) or (
            isinstance(item, list) and all(isinstance(part, str) for part in item)
        )
        if not is_valid:
            raise ValueError(f"'{key}' must be a string, a number, true, false or a list of strings")
    return checks.checked_metadata(found)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} cannot be stored; use a finite number")


def _read_id(value: str) -> str:
    text = plain_text(value)
    if not 0 < len(text.encode("utf-8", "surrogatepass")) <= 512:
        raise ValueError("must have 1 to 512 bytes")
    return text


def _checked(read: Callable[[str], Any], check: Callable[[Any], Any]) -> Callable[[str], Any]:
    return lambda value: check(read(value))


_READERS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "id": ("id", _read_id),
    "kind": ("kind", _checked(plain_text, lambda value: checks.checked_name(value, "kind"))),
    "tags": ("tags", _checked(_read_items, lambda value: checks.checked_names(value, "tag"))),
    "importance": ("importance", _checked(_read_number, checks.checked_importance)),
    "source": ("source", _checked(plain_text, checks.checked_source)),
    "path": ("path", _checked(plain_text, checks.checked_path)),
    "symbol": ("symbol", _checked(plain_text, checks.checked_symbol)),
    "code": ("code_hash", plain_text),
    "created": ("created_at", _read_moment),
    "updated": ("updated_at", _read_moment),
    "expires": ("expires_at", _read_moment),
    "supersedes": ("supersedes", _read_items),
    "superseded-by": ("superseded_by", _read_id),
    "conflicts-with": ("conflicts_with", _read_items),
    "holds-with": ("holds_with", _read_items),
    "said": ("said", _checked(_read_number, lambda value: max(1, value))),
    "metadata": ("metadata", _read_metadata),
    "text": ("text", plain_text),
}


def note_from_markdown(markdown: MarkdownNote, stored: Note | None, *, id: str, now: float) -> Note:
    """Return the note that a file holds.

    Args:
        markdown: The note as the file holds it; a field that is left out has its default.
        stored: The stored note of that id, if there is one: it supplies what files do not hold.
        id: Id of the note.
        now: Seconds since the epoch, for a note without a time.
    """
    values = markdown.values
    created = values.get("created_at", stored.created_at if stored else now)
    return Note(
        id=id,
        content=markdown.content,
        kind=values.get("kind", "note"),
        tags=values.get("tags", ()),
        created_at=created,
        importance=values.get("importance", DEFAULT_IMPORTANCE),
        source=values.get("source"),
        path=values.get("path"),
        symbol=values.get("symbol"),
        updated_at=values.get("updated_at", created),
        expires_at=values.get("expires_at"),
        supersedes=values.get("supersedes", ()),
        superseded_by=values.get("superseded_by"),
        conflicts_with=values.get("conflicts_with", stored.conflicts_with if stored else ()),
        holds_with=values.get("holds_with", stored.holds_with if stored else ()),
        said=values.get("said", 1),
        uses=stored.uses if stored else 0,
        code_hash=values.get("code_hash"),
        stale=stored.stale if stored else None,
        scope=stored.scope if stored else "project",
        metadata=values.get("metadata", {}),
    )
