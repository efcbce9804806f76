"""opencode: one SQLite database, ``~/.local/share/opencode/opencode.db``.

opencode is open source. ``session`` has a row for each conversation (``id``, ``directory``, ``title``, ``parent_id``
of a subagent's, ``time_created``, ``time_updated`` in milliseconds); ``message`` and ``part`` have JSON in ``data``. A
part is a text, a use of a tool with its result, or bookkeeping. A session stands for a transcript: its path is that of
the database and the session's id. The database is opened for reading only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.sessions.formats.clients import Client
from aurora_dev.sessions.formats.events import (
    Answer,
    AssistantFolders,
    Event,
    Outcome,
    Place,
    Request,
    Tasks,
    Title,
    as_list,
    as_mapping,
    as_text,
    seconds_of,
)
from aurora_dev.sessions.formats.tools import call_of

if TYPE_CHECKING:
    import sqlite3

__all__ = ["OpenCode"]

_DATABASE: Final = "opencode.db"
_MOST_SESSIONS: Final = 10_000
_PATIENCE: Final = 2.0  # seconds
_PLACEHOLDER: Final = "New session - "


class OpenCode:
    """Sessions of opencode; see the module."""

    client: Client = "opencode"
    grows = False

    def find(self, folders: AssistantFolders, projects: Sequence[Path]) -> Iterator[Path]:  # noqa: ARG002 - a protocol
        """Yield a path for every session; a database that cannot be read has none."""
        if folders.opencode is None or not (folders.opencode / _DATABASE).is_file():
            return
        database = folders.opencode / _DATABASE
        rows = _rows(database, "SELECT id FROM session ORDER BY time_updated DESC LIMIT ?", (_MOST_SESSIONS,))
        yield from (database / str(row[0]) for row in rows if row[0] and "/" not in str(row[0]))

    def beside(self, path: Path) -> Iterator[Path]:  # noqa: ARG002 - a protocol
        """Yield nothing: a subagent's session is found by itself."""
        yield from ()

    def is_mine(self, path: Path, folders: AssistantFolders) -> bool:
        """Return whether a path stands for a session in opencode's database."""
        return folders.opencode is not None and path.parent == folders.opencode / _DATABASE

    def stamp(self, path: Path) -> tuple[float, int]:
        """Return the time of a session's last change, and the number of its messages.

        Raises:
            OSError: The database or the session cannot be read.
        """
        query = "SELECT time_updated, (SELECT count(*) FROM message WHERE session_id = session.id) FROM session"
        rows = _rows(path.parent, f"{query} WHERE id = ?", (path.name,))
        if not rows:
            raise FileNotFoundError(f"{path.parent} has no session {path.name}")
        return seconds_of(rows[0][0]) or 0.0, int(rows[0][1])

    def start(self, path: Path) -> dict[str, Any]:
        """Return the session's id."""
        return {"session": path.name}

    def project_of(self, memory: Mapping[str, Any], projects: Sequence[Path]) -> str | None:  # noqa: ARG002
        """Return nothing: the session itself names its folder."""
        return None

    def values(self, path: Path) -> Iterator[Any]:
        """Yield the session, then its messages with their parts.

        Raises:
            OSError: The database cannot be read.
        """
        columns = "id, directory, title, parent_id, time_created, time_updated"
        for row in _rows(path.parent, f"SELECT {columns} FROM session WHERE id = ?", (path.name,)):
            yield {"session": dict(zip(columns.split(", "), row, strict=True))}
        parts: dict[str, list[Any]] = {}
        for message, data in _rows(
            path.parent, "SELECT message_id, data FROM part WHERE session_id = ? ORDER BY id", (path.name,)
        ):
            parts.setdefault(message, []).append(_json(data))
        query = "SELECT id, data, time_created FROM message WHERE session_id = ? ORDER BY time_created, id"
        for identifier, data, created in _rows(path.parent, query, (path.name,)):
            yield {"id": identifier, "info": _json(data), "created": created, "parts": parts.get(identifier, [])}

    def events(self, line: Any, memory: dict[str, Any]) -> Iterator[Event]:  # noqa: ARG002 - a protocol
        """Yield what the session or a message says."""
        line = as_mapping(line)
        if session := as_mapping(line.get("session")):
            parent = as_text(session.get("parent_id"))
            yield Place(
                session=parent or as_text(session.get("id")) or None,
                cwd=as_text(session.get("directory")) or None,
                agent="subagent" if parent else None,
                at=seconds_of(session.get("time_created")),
            )
            title = as_text(session.get("title"))
            if title and not title.startswith(_PLACEHOLDER):
                yield Title(title)
            return
        info = as_mapping(line.get("info"))
        at = seconds_of(as_mapping(info.get("time")).get("created")) or seconds_of(line.get("created"))
        yield Place(at=at)
        texts = []
        for part in map(as_mapping, as_list(line.get("parts"))):
            if part.get("type") == "text" and part.get("synthetic") is not True and part.get("ignored") is not True:
                text = as_text(part.get("text"))
                if info.get("role") == "user":
                    texts.append(text)
                elif text.strip():
                    yield Answer(text, at)
            elif part.get("type") == "tool":
                yield from _tool(part)
        if asked := "\n".join(filter(None, texts)).strip():
            yield Request(asked, at, as_text(line.get("id")))


def _tool(part: Mapping[str, Any]) -> Iterator[Event]:
    state, name = as_mapping(part.get("state")), as_text(part.get("tool"))
    given = as_mapping(state.get("input"))
    if name == "todowrite":
        todos = [as_mapping(entry) for entry in as_list(given.get("todos"))[:100]]
        done = ("completed", "cancelled")
        yield Tasks(tuple(as_text(todo.get("content")) for todo in todos if todo.get("status") not in done))
        return
    number = as_text(part.get("callID")) or as_text(part.get("id"))
    yield call_of(number, name, given)
    if state.get("status") in ("completed", "error"):
        code = as_mapping(state.get("metadata")).get("exit")
        failed = state.get("status") == "error" or (isinstance(code, int) and code != 0)
        yield Outcome(number, failed, as_text(state.get("output")) or as_text(state.get("error")))


def _json(data: object) -> Any:
    try:
        return json.loads(data) if isinstance(data, str | bytes) else None
    except (ValueError, RecursionError):
        return None


def _rows(database: Path, query: str, arguments: Sequence[Any]) -> list[Any]:
    """Return the rows of a query.

    Raises:
        OSError: The database is missing, damaged, or of another version.
    """
    import sqlite3

    try:
        with closing(_open(database)) as connection:
            return connection.execute(query, arguments).fetchall()
    except sqlite3.Error as error:
        raise OSError(f"the database of opencode cannot be read: {error}") from error


def _open(database: Path) -> sqlite3.Connection:
    import sqlite3

    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)
