"""Files of notes: written without overwriting edits, and read either completely or not at all."""

from __future__ import annotations

import os
import re
import secrets
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.markdown import (
    MarkdownError,
    MarkdownNote,
    has_front_matter,
    join_markdown,
    note_from_markdown,
    parse_markdown,
    to_markdown,
)
from aurora_dev.notes.model.types import Note, NotesExported
from aurora_dev.target_file import check_target

SUFFIX: Final = ".md"
HISTORY: Final = "history"
"""Subfolder of superseded notes and earlier versions."""
_SLUG_WORDS: Final = 6
_SLUG_CHARS: Final = 48
_ID_CHARS: Final = 8
_MOST_PROBLEMS: Final = 5  # named in one error
_MOST_BYTES: Final = 64_000_000  # of a file; a thousand notes of the largest size are half of that


class MalformedNotesError(InvalidRequestError):
    """Raised when files in a place to write to are no files of notes."""


@dataclass(frozen=True, slots=True)
class FileNote:
    """A note in a file."""

    file: Path
    markdown: MarkdownNote

    @property
    def id(self) -> str | None:
        """The id in the file; ``None`` where the note was written by hand."""
        found = self.markdown.values.get("id")
        return found if isinstance(found, str) else None


def read_notes(source: Path) -> list[FileNote]:
    """Read the notes of a file, or of a folder with its subfolders.

    Raises:
        InvalidRequestError: The source does not exist, or files are malformed: the message names file and line of each
            problem.
    """
    if not source.exists():
        raise InvalidRequestError(f"there is no '{source}': nothing was imported")
    found: list[FileNote] = []
    problems: list[str] = []
    for file in _markdown_files(source):
        try:
            text = _read_text(file)
            # People explain such a folder in a README.
            if source.is_dir() and file.stem.lower() == "readme" and not has_front_matter(text):
                continue
            found += [FileNote(file, markdown) for markdown in parse_markdown(text)]
        except MarkdownError as error:
            problems.append(f"{file}, line {error.problem.line}: {error.problem.text}")
        except OSError as error:
            problems.append(f"{file}: cannot be read ({error.strerror})")
    by_id: dict[str, FileNote] = {}
    for note in found:
        if note.id is None:
            continue
        if note.id in by_id:
            other = by_id[note.id]
            problems.append(
                f"{note.file}, line {note.markdown.line}: the id {note.id} is also in {other.file}, line "
                f"{other.markdown.line}; remove the id of the copy to make it a note of its own"
            )
        by_id[note.id] = note
    _refuse_if_any(problems, "nothing was imported and nothing is lost; correct")
    return found


def write_notes(target: Path, notes: Sequence[Note], *, force: bool = False) -> NotesExported:
    """Write notes to a folder, one file each, or to a single file that ends in ``.md``.

    Args:
        target: The folder or file.
        notes: The notes.
        force: Whether to replace files that hold something else than these notes.

    Raises:
        InvalidRequestError: A file that would be replaced holds something else, was edited and not imported, or is
            malformed; nothing was written.
    """
    target = target.expanduser()
    if target.suffix.lower() == SUFFIX and not target.is_dir():
        return _write_single_file(target, notes, force=force)
    if target.exists() and not target.is_dir():
        raise InvalidRequestError(
            f"'{target}' is a file whose name does not end in {SUFFIX}: nothing was written. Name a folder or a "
            f"{SUFFIX} file"
        )
    existing = _read_existing(target, notes)
    _refuse_shared_files(existing)
    files = {note.id: note.file for note in existing if note.id is not None}
    plan: dict[Path, str] = {}
    for note in notes:
        folder = target / HISTORY if note.superseded_by is not None else target
        known = files.get(note.id)
        # A note keeps its file, so that version control shows an edit as an edit.
        file = known if known is not None and (known.parent.name == HISTORY) == (folder.name == HISTORY) else None
        if file is None:
            file = folder / _file_name(note)
        plan[file] = to_markdown(note)
    moved = [file for id, file in files.items() if file not in plan and any(note.id == id for note in notes)]
    own = set(files.values())
    for file in [*plan, *moved]:
        check_target(file, own.__contains__, kind="one of these notes", replace=force)
    for file, text in plan.items():
        _write_atomically(file, text)
    for file in moved:
        file.unlink(missing_ok=True)
    left = sorted(str(file) for file in files.values() if file not in plan and file not in moved)
    return NotesExported(str(target), tuple(sorted(map(str, plan))), len(plan), tuple(left))


def _write_single_file(target: Path, notes: Sequence[Note], *, force: bool) -> NotesExported:
    check_target(target, lambda file: has_front_matter(_decode(file)), kind="a file of notes", replace=force)
    try:
        existing = _read_existing(target, notes)
    except MalformedNotesError:
        if not force:
            raise
        existing = []
    ids = {note.id for note in notes}
    foreign = [note for note in existing if note.id not in ids]
    if foreign and not force:
        counted = "1 note that is" if len(foreign) == 1 else f"{len(foreign)} notes that are"
        raise InvalidRequestError(
            f"{target} holds {counted} not in the store and would be lost: nothing was written. Import the file first "
            f"(aurora notes import {target}), name another file, or replace it with --force (replace=True in Python)"
        )
    _write_atomically(target, join_markdown([to_markdown(note) for note in notes]))
    return NotesExported(str(target), (str(target),), len(notes))


def _read_existing(target: Path, notes: Iterable[Note]) -> list[FileNote]:
    """Return the notes in the files that exist already.

    Raises:
        InvalidRequestError: A note was edited and not imported.
        MalformedNotesError: Nothing was edited, but a file is malformed.
    """
    stored = {note.id: note for note in notes}
    problems: list[str] = []
    malformed: list[str] = []
    existing: list[FileNote] = []
    for file in _markdown_files(target) if target.exists() else ():
        try:
            text = _read_text(file)
            if not has_front_matter(text):
                continue
            found = [FileNote(file, markdown) for markdown in parse_markdown(text)]
        except MarkdownError as error:
            malformed.append(f"{file}, line {error.problem.line}: {error.problem.text}")
            continue
        except OSError as error:
            malformed.append(f"{file}: cannot be read ({error.strerror})")
            continue
        for each in found:
            note = stored.get(each.id or "")
            if note is not None and not each.markdown.intact and not says_the_same(note, each.markdown):
                problems.append(f"{file}, line {each.markdown.line}: was edited, and not imported")
        existing += found
    summary = "nothing was written and no edit is lost; import (aurora notes import) or correct these first"
    _refuse_if_any(malformed + problems if problems else [], summary)
    _refuse_if_any(malformed, summary, MalformedNotesError)
    return existing


def _refuse_shared_files(existing: Sequence[FileNote]) -> None:
    """Refuse a folder with a file of several notes: written as one file each, they would be in the folder twice."""
    counts = Counter(note.file for note in existing)
    _refuse_if_any(
        [f"{file} holds {count} notes" for file, count in counts.items() if count > 1],
        "nothing was written; a folder gets one file for each note, so move these files out of it, or export to a file",
    )


def says_the_same(note: Note, markdown: MarkdownNote) -> bool:
    """Return whether a file holds the same note as the store, apart from counts, staleness, hash and update time."""
    in_file = note_from_markdown(markdown, note, id=note.id, now=note.created_at)
    not_compared = ("stale", "uses", "scope", "updated_at", "said", "code_hash", "conflicts_with", "holds_with")
    return replace(in_file, **{name: getattr(note, name) for name in not_compared}) == note


def _markdown_files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    return sorted(
        Path(folder) / name
        for folder, _, names in os.walk(source)
        for name in names
        # A pipe would block for ever.
        if name.lower().endswith(SUFFIX) and not name.startswith(".") and _is_regular(Path(folder) / name)
    )


def _is_regular(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that may be listed but not entered; reading the file reports that
        return True


def _read_text(file: Path) -> str:
    with file.open("rb") as stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise MarkdownError(1, f"has more than {_MOST_BYTES:,} bytes, too many for a file of notes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MarkdownError(data.count(b"\n", 0, error.start) + 1, "is not UTF-8; save it as UTF-8") from None


def _decode(file: Path) -> str:
    try:
        return _read_text(file)
    except MarkdownError:
        return ""


def _file_name(note: Note) -> str:
    """Return a file name from the kind, the first words and the beginning of the id."""
    words = re.findall(r"[a-z0-9]+", unicodedata.normalize("NFKD", note.content[:400]).lower())[:_SLUG_WORDS]
    kind = "-".join(re.findall(r"[a-z0-9]+", note.kind.lower())) or "note"
    ending = "-".join(re.findall(r"[a-z0-9]+", note.id.lower()))[:_ID_CHARS] or "memory"
    name = "-".join(["-".join([kind, *words])[:_SLUG_CHARS].rstrip("-"), ending])
    return f"{name}{SUFFIX}"


def _write_atomically(file: Path, text: str) -> None:
    """Write a file so that readers see either the old or the new text; a file with this text is left alone."""
    data = text.encode("utf-8")
    mode = None
    with suppress(OSError):
        if file.read_bytes() == data:
            return
        mode = stat.S_IMODE(file.stat().st_mode)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())  # else a power failure could leave an empty file in place of the old one
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(file)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InvalidRequestError(
            f"{file} cannot be written ({error.strerror}): files that were written before it stay. Choose another "
            f"folder"
        ) from error


def _refuse_if_any(
    problems: Sequence[str], summary: str, kind: type[InvalidRequestError] = InvalidRequestError
) -> None:
    if not problems:
        return
    more = f" (and {len(problems) - _MOST_PROBLEMS} more)" if len(problems) > _MOST_PROBLEMS else ""
    raise kind(f"{summary}: {'; '.join(problems[:_MOST_PROBLEMS])}{more}")
