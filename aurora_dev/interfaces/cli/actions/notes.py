"""The actions of the note commands: from arguments to printed text and exit codes."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from aurora_dev.config import Settings, editor_command
from aurora_dev.core.record_kinds import COMMIT_KIND
from aurora_dev.core.text.visible import visible
from aurora_dev.core.types import SearchResults
from aurora_dev.errors import ConfigurationError, IndexingError, InvalidRequestError
from aurora_dev.interfaces.cli.actions.project import indexed_project, project_to_begin
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_NOTHING_FOUND, EXIT_OK, EXIT_USAGE
from aurora_dev.interfaces.cli.output.render_notes import note_block, note_line, shown_note
from aurora_dev.interfaces.cli.output.streams import print_text, say
from aurora_dev.lazy import lazy_pattern
from aurora_dev.memory import Memory
from aurora_dev.notes.model.types import DEFAULT_IMPORTANCE, KINDS, NewNote, Note, NoteChanges, OpenConflict, Scope

_Result = TypeVar("_Result")

_DURATION: Final = lazy_pattern(r"(\d+(?:\.\d+)?)\s*([smhdw]?)", re.IGNORECASE)
_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_NEVER: Final = "never"
_STDIN: Final = "-"
_MOST_NOTICES: Final = 20  # about fields of files that are imported
DEFAULT_LIMIT: Final = 50  # notes on a page of ``aurora list``
_MOST_SIMILAR: Final = 3  # similar notes that are shown after one is stored
_MOST_LISTED: Final = 20  # notes that are shown before they are removed; the rest is counted


def run_remember(new: NewNote, path: Path | None, *, expires: str | None, as_json: bool) -> int:
    """Store a note and print its id; report duplicates and contradictions.

    Args:
        new: The note, whose content may be ``-`` and whose path may be relative to the current folder.
        path: A folder of the project.
        expires: Lifetime as it was typed.
        as_json: Whether to print JSON.
    """
    text = _text(new.content)
    user = new.scope == "user"
    root, settings = project_of_notes(path, user=user, may_begin=True)
    expires_in = None if expires is None else _duration(expires)
    new = replace(new, content=text, expires_in=expires_in, path=_project_path(new.path, root))
    note = call_with_memory(root, settings, lambda memory: memory.remember_note(new))
    if as_json:
        print_text(render.to_json(asdict(note)))
        return EXIT_OK
    where = "your own notes" if user else visible(render.shown_path(root))
    what = "remembered" if note.is_new else f"already known, said {note.said} times:"
    print_text(f"{what} {note.id} ({visible(note.kind)}) in {where}")
    if note.is_new and note.content != text:
        say("note: credentials in the text were masked before it was stored")
    elif not note.is_new and note.content != text:
        say(f"note: the stored text is: {visible(note.content)}")
    edit = follow_up("edit", path)
    if (known := similar_kind(note.kind)) is not None:
        say(f"note: the kind '{note.kind}' is not known; did you mean '{known}'? {edit} {note.id[:8]} --kind {known}")
    for near in note.similar[:_MOST_SIMILAR]:
        say(f"note: similar to {near.id[:8]} ({near.kind}), both are kept: {near.content}")
    for conflict in note.conflicts:
        say(f"note: may contradict {conflict.id[:8]} ({conflict.kind}): {conflict.reason}: {conflict.content}")
    if note.conflicts:
        other = note.conflicts[0].id[:8]
        again = follow_up("remember ...", path, user=user)
        say(
            f"check which holds. If this note replaces the earlier one: {again} --supersedes {other}. If both hold: "
            f"{edit} {note.id[:8]} --keep-both {other}"
        )
    return EXIT_OK


def run_recall(
    query: str,
    path: Path | None,
    *,
    kinds: Sequence[str] | None,
    tags: Sequence[str] | None,
    since: str | None,
    top_k: int,
    user: bool,
    as_json: bool,
) -> int:
    """Search notes only, and print the results."""
    root, settings = project_of_notes(path, user=user)
    start = None if since is None else _since(since)

    async def call(memory: Memory) -> SearchResults:
        scope: Scope | None = "user" if user else None
        return await memory.recall(query, kinds=kinds, tags=tags, since=start, top_k=top_k, scope=scope)

    results = call_with_memory(root, settings, call)
    if as_json:
        from aurora_dev.interfaces.cli.output.search_results import results_as_data

        print_text(render.to_json(results_as_data(query, [root], results)))
        return EXIT_OK if results else EXIT_NOTHING_FOUND
    if results:
        print_text("\n\n".join(note_block(result) for result in results))
    for notice in results.notices:
        say(f"note: {notice.text}")
    if not results:
        say(f"no note matches; list all notes with: {follow_up('list', path, user=user)}")
        _say_similar_kinds(kinds)
        return EXIT_NOTHING_FOUND
    return EXIT_OK


def run_list(
    path: Path | None,
    *,
    kinds: Sequence[str] | None,
    tags: Sequence[str] | None,
    limit: int,
    cursor: str | None,
    user: bool,
    as_json: bool,
) -> int:
    """Print a page of notes."""
    root, settings = project_of_notes(path, user=user)
    page = call_with_memory(
        root,
        settings,
        lambda memory: memory.list(kinds=kinds, tags=tags, limit=limit, cursor=cursor, scope=_scope(user)),
    )
    if as_json:
        print_text(render.to_json(asdict(page)))
        return EXIT_OK if page.notes else EXIT_NOTHING_FOUND
    if page.notes:
        print_text("\n".join(note_line(note) for note in page.notes))
    if page.next_cursor is not None:
        command = follow_up(f"list --cursor {page.next_cursor}", path, user=user, kinds=kinds, tags=tags, limit=limit)
        say(f"{len(page.notes)} of {page.total:,} notes; next page: {command}")
    if not page.notes:
        others = 0
        if kinds or tags:
            others = call_with_memory(root, settings, lambda memory: memory.list(limit=1, scope=_scope(user))).total
        if others:
            command = follow_up("list", path, user=user)
            say(f"no note has these kinds and tags, but there are others ({others:,} in all): {command}")
        else:
            say(f"there are no notes; store one with: {follow_up('remember TEXT', path, user=user)}")
        _say_similar_kinds(kinds)
        return EXIT_NOTHING_FOUND
    return EXIT_OK


def run_show(id: str, path: Path | None, *, as_json: bool) -> int:
    """Print a note with its history."""
    root, settings = project_of_notes(path, user=False, may_be_own=True)

    async def call(memory: Memory) -> tuple[Note, list[Note], list[OpenConflict]]:
        note = await _existing(memory, id)
        return note, await memory.history(note.id), await memory.conflicts(note.id)

    note, history, conflicts = call_with_memory(root, settings, call)
    if as_json:
        more = {
            "history": [asdict(earlier) for earlier in history],
            "conflicts": [asdict(conflict) for conflict in conflicts],
        }
        print_text(render.to_json({**asdict(note), **more}))
    else:
        print_text(shown_note(note, history, conflicts))
    return EXIT_OK


def run_edit(
    id: str,
    path: Path | None,
    changes: NoteChanges,
    *,
    expires: str | None,
    keep_both: Sequence[str] = (),
    as_json: bool,
) -> int:
    """Correct a note, in the user's editor if no change is given.

    Args:
        id: Id of the note, or its beginning.
        path: A folder of the project.
        changes: Changes, whose content may be ``-`` and whose path may be relative to the current folder.
        expires: Lifetime from now as it was typed.
        keep_both: Ids of other notes, where both hold.
        as_json: Whether to print JSON.
    """
    root, settings = project_of_notes(path, user=False, may_be_own=True)
    changes = replace(
        changes,
        content=None if changes.content is None else _text(changes.content),
        expires_in=None if expires is None else _duration(expires, allow_never=True),
        path=_project_path(changes.path, root),
    )
    note = call_with_memory(root, settings, lambda memory: _existing(memory, id))
    if changes == NoteChanges() and not keep_both:
        # The memory is closed meanwhile: an editor is open for minutes, and other processes need the store.
        changes = _changes_in_editor(note)
        if changes == NoteChanges():
            say("nothing was changed")
            return EXIT_OK

    async def change(memory: Memory) -> tuple[Note, list[OpenConflict]]:
        changed = note if changes == NoteChanges() else await memory.update_note(note.id, changes)
        for other in keep_both:
            changed = await memory.keep_both(note.id, other)
        return changed, await memory.conflicts(note.id) if changes.content is not None else []

    changed, conflicts = call_with_memory(root, settings, change)
    print_text(render.to_json(asdict(changed)) if as_json else f"changed {changed.id} ({visible(changed.kind)})")
    if not as_json:
        _say_conflicts(changed.id, conflicts, follow_up("edit", path))
    return EXIT_OK


def _say_conflicts(id: str, conflicts: Sequence[OpenConflict], edit: str) -> None:
    """Name the conflicts of a corrected note; ``edit`` is the command that corrects one."""
    for each in conflicts:
        other = each.other if each.note.id == id else each.note
        say(f"note: may contradict {other.id[:8]} ({other.kind}): {each.reason}: {other.content}")
        say(f"check which holds. If both hold: {edit} {id[:8]} --keep-both {other.id[:8]}")


def run_forget(
    ids: Sequence[str],
    path: Path | None,
    *,
    kinds: Sequence[str] | None,
    tags: Sequence[str] | None,
    user: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Remove notes after asking."""
    if bool(ids) == bool(kinds or tags):
        raise InvalidRequestError("forget takes either ids or --kind and --tag: nothing was removed. Give one of them")
    root, settings = project_of_notes(path, user=user, may_be_own=True)

    async def found(memory: Memory) -> list[Note]:
        if ids:
            return [await _existing(memory, id) for id in dict.fromkeys(ids)]
        notes: list[Note] = []
        cursor = None
        while True:
            page = await memory.list(kinds=kinds, tags=tags, limit=1_000, cursor=cursor, scope=_scope(user))
            notes += page.notes
            cursor = page.next_cursor
            if cursor is None:
                return notes

    notes = list({note.id: note for note in call_with_memory(root, settings, found)}.values())
    if notes and not yes:
        for note in notes[:_MOST_LISTED]:
            say(note_line(note))
        if len(notes) > _MOST_LISTED:
            say(f"... and {len(notes) - _MOST_LISTED:,} more")
        if not _confirm(f"Remove {render.counted(len(notes), 'note')} for good?"):
            say("nothing was removed")
            return EXIT_OK
    count = call_with_memory(root, settings, lambda memory: memory.forget([note.id for note in notes])) if notes else 0
    if as_json:
        print_text(render.to_json({"removed": count, "ids": [note.id for note in notes]}))
    elif count:
        print_text(f"removed {render.counted(count, 'note')}")
    if not count:
        say("no note matches: nothing was removed")
        _say_similar_kinds(kinds)
        return EXIT_NOTHING_FOUND
    return EXIT_OK


def run_prune(path: Path | None, *, user: bool, yes: bool, as_json: bool) -> int:
    """Show expired and long superseded notes, and remove them if ``yes`` is set."""
    root, settings = project_of_notes(path, user=user)
    pruned = call_with_memory(root, settings, lambda memory: memory.prune(dry_run=not yes, scope=_scope(user)))
    if as_json:
        print_text(render.to_json({**asdict(pruned), "count": pruned.count}))
        return EXIT_OK
    for what, notes in (("expired", pruned.expired), ("superseded", pruned.superseded)):
        for note in notes:
            print_text(f"{what:<10}  {note_line(note)}")
    counted = render.counted(pruned.count, "note")
    if not pruned.count:
        say("nothing to remove")
    elif pruned.dry_run:
        say(f"{counted} would be removed; remove them with: {follow_up('prune --yes', path, user=user)}")
    else:
        say(f"removed {counted}")
    return EXIT_OK


def run_export(target: Path, path: Path | None, *, user: bool, force: bool, as_json: bool) -> int:
    """Write notes as Markdown."""
    root, settings = project_of_notes(path, user=user)
    report = call_with_memory(
        root, settings, lambda memory: memory.export_notes(target, scope=_scope(user), replace=force)
    )
    if as_json:
        print_text(render.to_json(asdict(report)))
        return EXIT_OK
    print_text(f"wrote {render.counted(report.notes, 'note')} to {visible(report.target)}")
    for file in report.left:
        say(f"note: left {file} unchanged: its note is not in the store; import the file or delete it")
    return EXIT_OK


def run_import(source: Path, path: Path | None, *, user: bool, as_json: bool) -> int:
    """Read notes from Markdown."""
    root, settings = project_of_notes(path, user=user, may_begin=True)
    done = call_with_memory(root, settings, lambda memory: memory.import_notes(source, scope=_scope(user)))
    if as_json:
        print_text(render.to_json(asdict(done)))
    else:
        print_text(f"{len(done.added):,} added, {len(done.updated):,} updated, {len(done.unchanged):,} unchanged")
    for notice in done.notices[:_MOST_NOTICES]:
        say(f"note: {notice}")
    if len(done.notices) > _MOST_NOTICES:
        say(f"note: and {len(done.notices) - _MOST_NOTICES:,} fields more")
    for failure in done.failed[:_MOST_NOTICES]:
        say(f"not imported: {visible(failure)}")
    if len(done.failed) > _MOST_NOTICES:
        say(f"not imported: {len(done.failed) - _MOST_NOTICES:,} notes more")
    return EXIT_USAGE if done.failed else EXIT_OK


# -- parts -------------------------------------------------------------------------------------------------------------


def follow_up(
    command: str,
    path: Path | None,
    *,
    user: bool = False,
    kinds: Sequence[str] | None = None,
    tags: Sequence[str] | None = None,
    limit: int = DEFAULT_LIMIT,
) -> str:
    """Return a command to type next, with the options of the command that prints it."""
    words = [f"aurora {command}"]
    if path is not None:
        words.append(f"--path {shlex.quote(str(path))}")
    words += [f"--kind {shlex.quote(kind)}" for kind in kinds or ()]
    words += [f"--tag {shlex.quote(tag)}" for tag in tags or ()]
    words += [f"--limit {limit}"] if limit != DEFAULT_LIMIT else []
    words += ["--user"] if user else []
    return visible(" ".join(words))


def similar_kind(kind: str) -> str | None:
    """Return the known kind that a kind is a slip of; ``None`` if it is known or another name."""
    if kind in (*KINDS, COMMIT_KIND):
        return None
    return next((known for known in KINDS if _differ_in_one_slip(kind.casefold(), known)), None)


def _differ_in_one_slip(a: str, b: str) -> bool:
    """Return whether one letter of two words is wrong, missing or added, or two are swapped."""
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return max(len(a), len(b)) <= 1 or (len(a) == 2 and a == b[::-1])


def _say_similar_kinds(kinds: Sequence[str] | None) -> None:
    for kind in kinds or ():
        if (known := similar_kind(kind)) is not None:
            say(f"note: the kind '{kind}' is not known; did you mean '{known}'?")


def call_with_memory(root: Path, settings: Settings, call: Callable[[Memory], Awaitable[_Result]]) -> _Result:
    """Open the memory of a project for one call."""

    async def work() -> _Result:
        async with Memory.open(root, settings=settings) as memory:
            return await call(memory)

    return asyncio.run(work())


def project_of_notes(
    path: Path | None, *, user: bool, may_begin: bool = False, may_be_own: bool = False
) -> tuple[Path, Settings]:
    """Return the root and the settings of the project that a command is about.

    Args:
        path: A folder of the project; ``None`` for the current one.
        user: Whether the command is about the user's own notes, which need no project.
        may_begin: Whether the folder may become a project.
        may_be_own: Whether the user's own notes stand in where there is no project.
    """
    if may_begin and not user:
        return project_to_begin(path)
    try:
        return indexed_project(path)
    except IndexingError:
        if path is not None or not (user or may_be_own):
            raise
        settings = Settings.load()
        folder = settings.user_store_path()
        if folder is None:
            raise ConfigurationError(
                "there is no store for your own notes: user_store is 'none', or this account has no home folder. "
                "Nothing was done. Set AURORA_USER_STORE to a folder"
            ) from None
        if not user and not folder.is_dir():
            raise
        # An empty namespace of the user's store stands in for the missing project.
        folder.mkdir(parents=True, exist_ok=True)
        return folder, settings.model_copy(update={"store": folder})


def _scope(user: bool) -> Scope:
    return "user" if user else "project"


async def _existing(memory: Memory, id: str) -> Note:
    note = await memory.get(id)
    if note is None:
        from aurora_dev.notes.store import no_such_note

        raise no_such_note(id)
    return note


def _text(content: str) -> str:
    """Return a text, read from standard input where it is ``-``."""
    return sys.stdin.read().strip("\n") if content == _STDIN else content


def _project_path(path: str | None, root: Path) -> str | None:
    """Return a path relative to the project, which people may name relative to the folder that they are in."""
    if not path:
        return path
    file = Path(path)
    if not file.is_absolute() and (root / file).exists():
        return path
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except (ValueError, OSError):
        return path


def _duration(text: str, *, allow_never: bool = False) -> float:
    """Return a duration such as ``12h`` in seconds; ``never`` is 0."""
    if allow_never and text.strip().lower() == _NEVER:
        return 0.0
    found = _DURATION.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2].lower()] if found else 0.0
    if seconds <= 0:
        raise InvalidRequestError(f"'{text:.40}' is not a duration: nothing was done. Write it as 90m, 12h, 30d or 2w")
    return seconds


def _since(text: str) -> datetime | timedelta:
    """Return a date or time, or a duration that counts back from now."""
    if _DURATION.fullmatch(text.strip()) and not text.strip().isdigit():
        return timedelta(seconds=_duration(text))
    try:
        return datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise InvalidRequestError(
            f"'{text:.40}' is not a time: nothing was searched. Write it as 30d, 12h or 2026-11-01"
        ) from None


def _confirm(question: str) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidRequestError("not a terminal, so cannot ask: nothing was removed. Pass --yes to confirm")
    import typer

    return typer.confirm(question, err=True)


def _edit_text(text: str) -> str | None:
    """Return a text as the user's editor saved it; ``None`` if it was not changed."""
    import subprocess
    import tempfile

    command = editor_command()
    with tempfile.TemporaryDirectory(prefix="aurora-") as folder:
        file = Path(folder) / "note.md"
        file.write_bytes(text.encode("utf-8"))
        # The variable may hold arguments, as in EDITOR="code --wait"; on Windows shlex would eat the backslashes.
        words = [command] if os.name == "nt" else shlex.split(command)
        try:
            done = subprocess.run([*words, str(file)], check=False)
        except OSError as error:
            raise InvalidRequestError(
                f"the editor '{command}' could not be started ({error.strerror}): nothing was changed. Set EDITOR, or "
                f"use --content"
            ) from None
        if done.returncode:
            raise InvalidRequestError(f"the editor '{command}' exited with code {done.returncode}: nothing was changed")
        edited = file.read_bytes().decode("utf-8", "replace")
    return None if edited == text else edited


def _changes_in_editor(note: Note) -> NoteChanges:
    """Let the user edit a note as Markdown, and return what was changed."""
    from aurora_dev.notes.markdown import MarkdownError, parse_markdown, to_markdown

    text = _edit_text(to_markdown(note))
    if text is None:
        return NoteChanges()
    try:
        (edited,) = parse_markdown(text)
    except MarkdownError as error:
        raise InvalidRequestError(
            f"line {error.problem.line}: {error.problem.text}: nothing was changed. Your text:\n{text}"
        ) from None
    except ValueError:
        raise InvalidRequestError(
            f"a note cannot be split into several: nothing was changed. Your text:\n{text}"
        ) from None
    values = edited.values
    after: dict[str, Any] = {
        "content": edited.content,
        "kind": values.get("kind", note.kind),
        "tags": values.get("tags", ()),
        "importance": values.get("importance", DEFAULT_IMPORTANCE),
        "source": values.get("source") or "",
        "path": values.get("path") or "",
        "symbol": values.get("symbol") or "",
        "metadata": values.get("metadata", {}),
    }
    before = {**{name: getattr(note, name) for name in after}, "metadata": dict(note.metadata)}
    changed = {name: value for name, value in after.items() if value != (before[name] or type(value)())}
    expires = values.get("expires_at")
    if expires != note.expires_at:
        changed["expires_in"] = 0.0 if expires is None else max(0.001, expires - datetime.now().timestamp())
    return NoteChanges(**changed)
