"""The actions of ``aurora sessions``: from arguments to printed text and exit codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from aurora_dev.core.text.visible import visible
from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.cli.actions.notes import call_with_memory
from aurora_dev.interfaces.cli.actions.project import indexed_project, project_to_begin
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_NOTHING_FOUND, EXIT_OK
from aurora_dev.interfaces.cli.output.streams import print_text, say
from aurora_dev.interfaces.cli.sessions.rendering import session_lines, shown_session

__all__ = ["run_capture", "run_forget", "run_list", "run_prune", "run_show"]

_MOST_SKIPPED: Final = 20  # transcripts that are named
_MOST_LISTED: Final = 20  # sessions that are shown before they are removed


def run_list(path: Path | None, *, limit: int, as_json: bool) -> int:
    """Print the newest sessions."""
    root, settings = indexed_project(path)
    found = call_with_memory(root, settings, lambda memory: memory.sessions(limit))
    if as_json:
        print_text(render.to_json({"sessions": [asdict(session) for session in found]}))
    elif found:
        print_text("\n".join("\n".join(session_lines(session)) for session in found))
    else:
        say("there are no sessions. Take them in with: aurora sessions capture")
    return EXIT_OK if found else EXIT_NOTHING_FOUND


def run_show(id: str, path: Path | None, *, as_json: bool) -> int:
    """Print a session with its exchanges."""
    root, settings = indexed_project(path)
    session = call_with_memory(root, settings, lambda memory: memory.session(id))
    print_text(render.to_json(asdict(session)) if as_json else shown_session(session))
    return EXIT_OK


def run_capture(transcript: Path | None, path: Path | None, *, clients: Sequence[str] | None, as_json: bool) -> int:
    """Take in transcripts and print what came of it."""
    root, settings = project_to_begin(path)
    report = call_with_memory(
        root, settings, lambda memory: memory.capture_sessions(transcript, clients=clients or None)
    )
    if as_json:
        print_text(render.to_json(asdict(report)))
        return EXIT_OK
    counted = render.counted
    exchanges = f"{counted(report.exchanges_added, 'exchange')} added, {report.exchanges_updated:,} updated"
    removed = f", {counted(report.removed, 'record')} removed" if report.removed else ""
    print_text(
        f"{counted(report.transcripts, 'transcript')} of this project, {report.read:,} with something new: {exchanges} "
        f"in {counted(report.sessions, 'session')}{removed}"
    )
    for skipped in report.skipped[:_MOST_SKIPPED]:
        say(
            f"note: {render.shown_path(Path(skipped.path)) if skipped.path else ''}: {skipped.reason}".replace(
                ": :", ":"
            )
        )
    if len(report.skipped) > _MOST_SKIPPED:
        say(f"note: {len(report.skipped) - _MOST_SKIPPED:,} more were left out")
    return EXIT_OK


def run_prune(path: Path | None, *, days: float | None, keep: int | None, every: bool, yes: bool, as_json: bool) -> int:
    """Print the sessions that are too old or too many, or remove them."""
    if every and (days is not None or keep is not None):
        raise InvalidRequestError("give --all, or --days and --keep, not both: nothing was removed")
    root, settings = indexed_project(path)
    if not yes:
        due = call_with_memory(
            root, settings, lambda memory: memory.session_service.due(days=days, keep=keep, everything=every)
        )
        if as_json:
            print_text(render.to_json({"due": [asdict(session) for session in due], "removed": False}))
        elif due:
            print_text("\n".join(session_lines(session)[0] for session in due[:_MOST_LISTED]))
            say(f"{render.counted(len(due), 'session')} would be removed. To remove: the same command with --yes")
        else:
            say("no session is too old, and there are not too many")
        return EXIT_OK if due else EXIT_NOTHING_FOUND
    done = call_with_memory(
        root, settings, lambda memory: memory.session_service.prune(days=days, keep=keep, everything=every)
    )
    if as_json:
        print_text(render.to_json({**asdict(done), "removed": True}))
    else:
        print_text(f"removed {render.counted(done.sessions, 'session')} ({render.counted(done.records, 'record')})")
    return EXIT_OK


def run_forget(id: str, path: Path | None, *, as_json: bool) -> int:
    """Remove a session for good."""
    root, settings = indexed_project(path)
    done = call_with_memory(root, settings, lambda memory: memory.forget_session(id))
    if as_json:
        print_text(render.to_json(asdict(done)))
    else:
        print_text(f"removed the session {visible(id)} ({render.counted(done.records, 'record')})")
    return EXIT_OK
