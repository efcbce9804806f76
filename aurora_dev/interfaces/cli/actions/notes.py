"""What the commands about memories do: from their arguments to what they print."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from aurora_dev.config import Settings, editor_command, find_project
from aurora_dev.core.text.visible import visible
from aurora_dev.core.types import SearchResults
from aurora_dev.errors import ConfigurationError, IndexingError, InvalidRequestError
from aurora_dev.interfaces.cli.actions.project import indexed_project, named_project
from aurora_dev.interfaces.cli.exit_codes import EXIT_NOTHING_FOUND, EXIT_OK
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.render_notes import note_block, note_line, shown_note
from aurora_dev.interfaces.cli.output.search_results import results_as_data
from aurora_dev.interfaces.cli.output.streams import print_text, say
from aurora_dev.memory import Memory
from aurora_dev.notes.markdown import MarkdownError, formatted, parsed
from aurora_dev.notes.model.types import DEFAULT_IMPORTANCE, Note, Scope

_T = TypeVar("_T")

_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)", re.IGNORECASE)
_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_NEVER: Final = "never"
_STDIN: Final = "-"
_MOST_LISTED: Final = 20  # of what is about to be removed; the rest is counted


def run_remember(
    content: str,
    path: Path | None,
    *,
    kind: str,
    tags: Sequence[str],
    importance: int | None,
    source: str | None,
    expires: str | None,
    supersedes: Sequence[str],
    about: str | None,
    symbol: str | None,
    user: bool,
    as_json: bool,
) -> int:
    """Store a memory and print its id; say what it repeats or contradicts."""
    text = _text(content)
    root, settings = _project(path, user=user, may_begin=True)

    async def call(memory: Memory) -> Any:
        return await memory.remember(
            text,
            kind=kind,
            tags=tags,
            importance=DEFAULT_IMPORTANCE if importance is None else importance,
            source=source,
            expires_in=None if expires is None else _length(expires),
            supersedes=list(supersedes) or None,
            path=_about(about, root),
            symbol=symbol,
            scope=_scope(user),
        )

    note = _with_memory(root, settings, call)
    if as_json:
        print_text(render.to_json(asdict(note)))
        return EXIT_OK
    where = "your own memories" if user else visible(render.shown_path(root))
    what = "remembered" if note.is_new else f"known already, said {note.said} times:"
    print_text(f"{what} {note.id} ({visible(note.kind)}) in {where}")
    if note.is_new and note.content != text:
        say("note: credentials in the text were masked before it was stored")
    elif not note.is_new and note.content != text:
        say(f"note: kept is: {visible(note.content)}")
    for conflict in note.conflicts:
        say(f"note: probably contradicts {conflict.id[:8]} ({conflict.kind}): {conflict.reason}: {conflict.content}")
    if note.conflicts:
        say(f"settle it: aurora edit ID, or: aurora remember ... --supersedes {note.conflicts[0].id[:8]}")
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
    """Search memories alone and print what was found."""
    root, settings = _project(path, user=user)
    start = None if since is None else _since(since)

    async def call(memory: Memory) -> SearchResults:
        scope = "user" if user else None
        return await memory.recall(query, kinds=kinds, tags=tags, since=start, top_k=top_k, scope=scope)  # type: ignore[arg-type]

    results = _with_memory(root, settings, call)
    if as_json:
        print_text(render.to_json(results_as_data(query, root, results)))
        return EXIT_OK if results else EXIT_NOTHING_FOUND
    if results:
        print_text("\n\n".join(note_block(result) for result in results))
    for notice in results.notices:
        say(f"note: {notice.text}")
    if not results:
        say("nothing was remembered about that; see what there is with: aurora list")
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
    """Print a page of memories."""
    root, settings = _project(path, user=user)
    page = _with_memory(
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
        say(f"{len(page.notes)} of {page.total:,}; the next page: aurora list --cursor {page.next_cursor}")
    if not page.notes:
        say("nothing is remembered here; remember something with: aurora remember TEXT")
        return EXIT_NOTHING_FOUND
    return EXIT_OK


def run_show(id: str, path: Path | None, *, as_json: bool) -> int:
    """Print a memory with its history."""
    root, settings = _project(path, user=False, may_be_own=True)

    async def call(memory: Memory) -> tuple[Note, list[Note]]:
        note = await _existing(memory, id)
        return note, await memory.history(note.id)

    note, history = _with_memory(root, settings, call)
    if as_json:
        print_text(render.to_json({**asdict(note), "history": [asdict(one) for one in history]}))
    else:
        print_text(shown_note(note, history))
    return EXIT_OK


def run_edit(
    id: str,
    path: Path | None,
    *,
    content: str | None,
    kind: str | None,
    tags: Sequence[str] | None,
    importance: int | None,
    source: str | None,
    expires: str | None,
    about: str | None,
    symbol: str | None,
    as_json: bool,
) -> int:
    """Correct a memory by options, or in the user's editor."""
    root, settings = _project(path, user=False, may_be_own=True)
    changes: dict[str, Any] = {
        "content": None if content is None else _text(content),
        "kind": kind,
        "tags": tags,
        "importance": importance,
        "source": source,
        "expires_in": None if expires is None else _length(expires, never=True),
        "path": _about(about, root),
        "symbol": symbol,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    note = _with_memory(root, settings, lambda memory: _existing(memory, id))
    if not changes:
        # Outside of the memory: an editor is open for minutes, and other processes need the store.
        changes = _in_editor(note)
        if not changes:
            say("nothing was changed")
            return EXIT_OK
    changed = _with_memory(root, settings, lambda memory: memory.update(note.id, **changes))
    print_text(render.to_json(asdict(changed)) if as_json else f"changed {changed.id} ({visible(changed.kind)})")
    return EXIT_OK


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
    """Remove memories after asking."""
    if bool(ids) == bool(kinds or tags):
        raise InvalidRequestError("forget takes either ids, or --kind and --tag: nothing was removed")
    root, settings = _project(path, user=user, may_be_own=True)

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

    notes = list({note.id: note for note in _with_memory(root, settings, found)}.values())
    if notes and not yes:
        for note in notes[:_MOST_LISTED]:
            say(note_line(note))
        if len(notes) > _MOST_LISTED:
            say(f"... and {len(notes) - _MOST_LISTED:,} more")
        if not _agreed(f"Remove {render.counted(len(notes), 'memory', 'memories')} for good?"):
            say("nothing was removed")
            return EXIT_OK
    count = _with_memory(root, settings, lambda memory: memory.forget([note.id for note in notes])) if notes else 0
    if as_json:
        print_text(render.to_json({"removed": count, "ids": [note.id for note in notes]}))
    elif count:
        print_text(f"removed {render.counted(count, 'memory', 'memories')}")
    if not count:
        say("no memory matches: nothing was removed")
        return EXIT_NOTHING_FOUND
    return EXIT_OK


def run_prune(path: Path | None, *, user: bool, yes: bool, as_json: bool) -> int:
    """Show what is over, and remove it where that was agreed to."""
    root, settings = _project(path, user=user)
    pruned = _with_memory(root, settings, lambda memory: memory.prune(dry_run=not yes, scope=_scope(user)))
    if as_json:
        print_text(render.to_json({**asdict(pruned), "count": pruned.count}))
        return EXIT_OK
    for what, notes in (("expired", pruned.expired), ("superseded", pruned.superseded)):
        for note in notes:
            print_text(f"{what:<10}  {note_line(note)}")
    counted = render.counted(pruned.count, "memory", "memories")
    if not pruned.count:
        say("nothing to remove")
    elif pruned.dry_run:
        say(f"{counted} would be removed; remove with: aurora prune --yes")
    else:
        say(f"removed {counted}")
    return EXIT_OK


def run_export(target: Path, path: Path | None, *, user: bool, as_json: bool) -> int:
    """Write memories as Markdown."""
    root, settings = _project(path, user=user)
    report = _with_memory(root, settings, lambda memory: memory.export_notes(target, scope=_scope(user)))
    if as_json:
        print_text(render.to_json(asdict(report)))
        return EXIT_OK
    print_text(f"wrote {render.counted(report.notes, 'memory', 'memories')} to {visible(report.target)}")
    for file in report.left:
        say(f"note: left alone: {file}, of a memory that is not stored here; import it, or delete the file")
    return EXIT_OK


def run_import(source: Path, path: Path | None, *, user: bool, as_json: bool) -> int:
    """Read memories from Markdown."""
    root, settings = _project(path, user=user, may_begin=True)
    done = _with_memory(root, settings, lambda memory: memory.import_notes(source, scope=_scope(user)))
    if as_json:
        print_text(render.to_json(asdict(done)))
    else:
        print_text(f"{len(done.added):,} added, {len(done.updated):,} updated, {len(done.unchanged):,} unchanged")
    return EXIT_OK


# -- parts -------------------------------------------------------------------------------------------------------------


def _with_memory(root: Path, settings: Settings, call: Callable[[Memory], Awaitable[_T]]) -> _T:
    async def work() -> _T:
        async with Memory.open(root, settings=settings) as memory:
            return await call(memory)

    return asyncio.run(work())


def _project(
    path: Path | None, *, user: bool, may_begin: bool = False, may_be_own: bool = False
) -> tuple[Path, Settings]:
    """Return the project that a command is about; the user's own memories need none.

    Args:
        path: As given.
        user: Whether the user's own memories are meant.
        may_begin: Whether a folder that is named on purpose may become a project.
        may_be_own: Whether the user's own memories will do where there is no project.
    """
    if may_begin and path is not None and not user and find_project(path) is None:
        return named_project(path)
    try:
        return indexed_project(path)
    except IndexingError:
        if path is not None or not (user or may_be_own):
            raise
        settings = Settings.load()
        folder = settings.user_store_path()
        if folder is None:
            raise ConfigurationError("there is no store for your own memories (user_store): nothing was done") from None
        if not user and not folder.is_dir():
            raise
        # An empty part of the user's store stands for the project that there is not.
        folder.mkdir(parents=True, exist_ok=True)
        return folder, settings.model_copy(update={"store": folder})


def _scope(user: bool) -> Scope:
    return "user" if user else "project"


async def _existing(memory: Memory, id: str) -> Note:
    note = await memory.get(id)
    if note is None:
        raise InvalidRequestError(f"there is no memory '{id:.80}': nothing was done. See: aurora list")
    return note


def _text(content: str) -> str:
    return sys.stdin.read().strip("\n") if content == _STDIN else content


def _about(about: str | None, root: Path) -> str | None:
    """Return a file as it stands in the project: people name it from the folder that they are in."""
    if not about:
        return about
    file = Path(about)
    if not file.is_absolute() and (root / file).exists():
        return about
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except (ValueError, OSError):
        return about


def _length(text: str, *, never: bool = False) -> float:
    if never and text.strip().lower() == _NEVER:
        return 0.0
    found = _LENGTH.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2].lower()] if found else 0.0
    if seconds <= 0:
        raise InvalidRequestError(
            f"'{text:.40}' is no length of time: nothing was done. Write it as 90m, 12h, 30d or 2w"
        )
    return seconds


def _since(text: str) -> float | datetime | timedelta:
    if _LENGTH.fullmatch(text.strip()) and not text.strip().isdigit():
        return timedelta(seconds=_length(text))
    try:
        return datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise InvalidRequestError(
            f"'{text:.40}' is no time: nothing was searched. Write it as 30d, 12h or 2026-11-01"
        ) from None


def _agreed(question: str) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidRequestError("nobody is there to be asked: nothing was removed. Say so with --yes")
    import typer

    return typer.confirm(question, err=True)


def _edited(text: str) -> str | None:
    """Return a text as the user's editor leaves it; ``None`` where it was not changed."""
    command = editor_command()
    with tempfile.TemporaryDirectory(prefix="aurora-") as folder:
        file = Path(folder) / "memory.md"
        file.write_bytes(text.encode("utf-8"))
        # The variable holds a command line, as in EDITOR="code --wait"; on Windows paths are full of backslashes.
        words = [command] if os.name == "nt" else shlex.split(command)
        try:
            done = subprocess.run([*words, str(file)], check=False)
        except OSError as error:
            raise InvalidRequestError(
                f"the editor '{command}' could not be started ({error.strerror}): nothing was changed. Set EDITOR, or "
                f"use --content"
            ) from None
        if done.returncode:
            raise InvalidRequestError(f"the editor '{command}' ended with {done.returncode}: nothing was changed")
        edited = file.read_bytes().decode("utf-8", "replace")
    return None if edited == text else edited


def _in_editor(note: Note) -> dict[str, Any]:
    """Let the user edit a memory as Markdown, and return what was changed."""
    text = _edited(formatted(note))
    if text is None:
        return {}
    try:
        (written,) = parsed(text)
    except MarkdownError as error:
        raise InvalidRequestError(
            f"line {error.problem.line}: {error.problem.text}: nothing was changed. What you wrote:\n{text}"
        ) from None
    except ValueError:
        raise InvalidRequestError("a memory cannot be split into several: nothing was changed") from None
    values = written.values
    changes: dict[str, Any] = {
        "content": written.content,
        "kind": values.get("kind", note.kind),
        "tags": values.get("tags", ()),
        "importance": values.get("importance", DEFAULT_IMPORTANCE),
        "source": values.get("source") or "",
        "path": values.get("path") or "",
        "symbol": values.get("symbol") or "",
        "metadata": values.get("metadata", {}),
    }
    before = {**{name: getattr(note, name) for name in changes}, "metadata": dict(note.metadata)}
    changed = {name: value for name, value in changes.items() if value != (before[name] or type(value)())}
    expires = values.get("expires_at")
    if expires != note.expires_at:
        changed["expires_in"] = 0.0 if expires is None else max(0.001, expires - datetime.now().timestamp())
    return changed
