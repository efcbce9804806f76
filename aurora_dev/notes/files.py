"""Memories as files: written so that nobody's edits are lost, and read all or not at all."""

from __future__ import annotations

import os
import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.markdown import MarkdownError, Written, formatted, has_front_matter, joined, note_of, parsed
from aurora_dev.notes.model.types import Note, NotesExported

SUFFIX: Final = ".md"
HISTORY: Final = "history"
"""Folder of superseded memories and earlier wordings, below that of the others."""
_SLUG_WORDS: Final = 6
_SLUG_CHARS: Final = 48
_ID_CHARS: Final = 8
_MOST_SHOWN: Final = 5  # problems in one error; the first few say what is wrong
_MOST_BYTES: Final = 64_000_000  # of a file; a thousand memories of the largest size are half of that


@dataclass(frozen=True, slots=True)
class Place:
    """A memory in a file."""

    file: Path
    written: Written

    @property
    def id(self) -> str | None:
        """The id that the file says; ``None`` where it was written by hand."""
        found = self.written.values.get("id")
        return found if isinstance(found, str) else None


def read(source: Path) -> list[Place]:
    """Read the memories of a folder (with those below it) or of a file.

    Raises:
        InvalidRequestError: Nothing is there, or files are not usable: the text names file and line of each problem.
    """
    if not source.exists():
        raise InvalidRequestError(f"there is no '{source}': nothing was imported")
    places: list[Place] = []
    problems: list[str] = []
    for file in _files(source):
        try:
            text = _text(file)
            # People explain such a folder in a README.
            if source.is_dir() and file.stem.lower() == "readme" and not has_front_matter(text):
                continue
            places += [Place(file, written) for written in parsed(text)]
        except MarkdownError as error:
            problems.append(f"{file}, line {error.problem.line}: {error.problem.text}")
        except OSError as error:
            problems.append(f"{file}: cannot be read ({error.strerror})")
    seen: dict[str, Place] = {}
    for place in places:
        if place.id is None:
            continue
        if place.id in seen:
            other = seen[place.id]
            problems.append(
                f"{place.file}, line {place.written.line}: the id {place.id} is in {other.file}, line "
                f"{other.written.line}, too; remove the id of a copy to make it a memory of its own"
            )
        seen[place.id] = place
    _raise(problems, "nothing was imported and nothing is lost; correct")
    return places


def write(target: Path, notes: Sequence[Note]) -> NotesExported:
    """Write memories to a folder, one file each, or to a single file that ends in ``.md``.

    Raises:
        InvalidRequestError: A file that would be replaced was edited and not imported, or is broken; nothing was
            written.
    """
    if target.suffix.lower() == SUFFIX and not target.is_dir():
        return _write_one(target, notes)
    if target.exists() and not target.is_dir():
        raise InvalidRequestError(f"'{target}' is a file whose name does not end in {SUFFIX}: nothing was written")
    there = {place.id: place.file for place in _untouched(target, notes) if place.id is not None}
    plan: dict[Path, str] = {}
    for note in notes:
        folder = target / HISTORY if note.superseded_by is not None else target
        known = there.get(note.id)
        # A file keeps its name, so that a change of the text is a change of the file.
        file = known if known is not None and (known.parent.name == HISTORY) == (folder.name == HISTORY) else None
        if file is None:
            file = folder / _name(note)
        plan[file] = formatted(note)
    moved = [file for id, file in there.items() if file not in plan and any(note.id == id for note in notes)]
    for file, text in plan.items():
        _replace(file, text)
    for file in moved:
        file.unlink(missing_ok=True)
    left = sorted(str(file) for file in there.values() if file not in plan and file not in moved)
    return NotesExported(str(target), tuple(sorted(map(str, plan))), len(plan), tuple(left))


def _write_one(target: Path, notes: Sequence[Note]) -> NotesExported:
    places = _untouched(target, notes) if target.exists() else []
    ids = {note.id for note in notes}
    kept = [place for place in places if place.id not in ids]
    if kept:
        raise InvalidRequestError(
            f"{target} holds {len(kept)} memories that are not stored here, and would lose them: nothing was written. "
            f"Import it first (aurora notes import {target}), or name another file"
        )
    _replace(target, joined([formatted(note) for note in notes]))
    return NotesExported(str(target), (str(target),), len(notes))


def _untouched(target: Path, notes: Iterable[Note]) -> list[Place]:
    """Return the memories in the files that are there already.

    Raises:
        InvalidRequestError: One was edited and not imported, or is broken.
    """
    stored = {note.id: note for note in notes}
    problems: list[str] = []
    places: list[Place] = []
    for file in _files(target) if target.exists() else ():
        try:
            text = _text(file)
            if not has_front_matter(text):
                continue
            found = [Place(file, written) for written in parsed(text)]
        except MarkdownError as error:
            problems.append(f"{file}, line {error.problem.line}: {error.problem.text}")
            continue
        for place in found:
            note = stored.get(place.id or "")
            if note is not None and not place.written.intact and not same(note, place.written):
                problems.append(f"{file}, line {place.written.line}: was edited, and not imported")
        places += found
    _raise(problems, "nothing was written and no edit is lost; import (aurora notes import) or correct these first")
    return places


def same(note: Note, written: Written) -> bool:
    """Whether a file says of a memory what is stored."""
    there = note_of(written, note, id=note.id, now=note.created_at)
    alike = ("stale", "uses", "scope", "updated_at", "said", "code_hash")
    values = {name: getattr(note, name) for name in alike}
    return replace(there, **values) == note


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    return sorted(
        Path(folder) / name
        for folder, _, names in os.walk(source)
        for name in names
        if name.lower().endswith(SUFFIX) and not name.startswith(".")
    )


def _text(file: Path) -> str:
    if file.stat().st_size > _MOST_BYTES:
        raise MarkdownError(1, f"has more than {_MOST_BYTES:,} bytes, which is no file of memories")
    data = file.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MarkdownError(data.count(b"\n", 0, error.start) + 1, "is not UTF-8; save it as UTF-8") from None


def _name(note: Note) -> str:
    words = re.findall(r"[a-z0-9]+", unicodedata.normalize("NFKD", note.content[:400]).lower())[:_SLUG_WORDS]
    kind = "-".join(re.findall(r"[a-z0-9]+", note.kind.lower())) or "note"
    ending = "-".join(re.findall(r"[a-z0-9]+", note.id.lower()))[:_ID_CHARS] or "memory"
    name = "-".join(["-".join([kind, *words])[:_SLUG_CHARS].rstrip("-"), ending])
    return f"{name}{SUFFIX}"


def _replace(file: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new one, and nothing in between."""
    data = text.encode("utf-8")
    with suppress(OSError):
        if file.read_bytes() == data:
            return
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(file)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InvalidRequestError(
            f"{file} cannot be written ({error.strerror}); what was written before it stays. Choose another folder"
        ) from error


def _raise(problems: Sequence[str], kept: str) -> None:
    if not problems:
        return
    more = f" (and {len(problems) - _MOST_SHOWN} more)" if len(problems) > _MOST_SHOWN else ""
    raise InvalidRequestError(f"{kept}: {'; '.join(problems[:_MOST_SHOWN])}{more}")
