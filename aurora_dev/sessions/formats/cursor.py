"""Cursor: ``~/.cursor/projects/<project>/agent-transcripts/<id>/<id>.jsonl``.

Cursor documents where its hooks find a transcript, not what is in it. A line has a ``role`` and a ``message`` whose
``content`` are blocks as of Claude: texts and uses of tools, without their results and without times. A request stands
between ``<user_query>`` tags. Cursor's databases, which also hold chats of the editor, are not read: their format is
not documented. ``<project>`` is the project's path with ``-`` in the place of other characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aurora_dev.lazy import lazy_pattern
from aurora_dev.sessions.formats.clients import Client
from aurora_dev.sessions.formats.events import (
    Answer,
    AssistantFolders,
    Event,
    Place,
    Request,
    as_list,
    as_mapping,
    as_text,
    seconds_of,
)
from aurora_dev.sessions.formats.files import regular_files, stamp_of
from aurora_dev.sessions.formats.tools import call_of

__all__ = ["Cursor"]

_FOLDER: Final = "agent-transcripts"
_SUFFIX: Final = ".jsonl"
_QUERY: Final = lazy_pattern(r"<user_query>(.*?)</user_query>", 16)  # re.DOTALL
_NOT_IN_NAMES: Final = lazy_pattern(r"[^A-Za-z0-9]+")
_ADDED: Final = ("<user_info>", "<rules>", "<system_reminder>", "<open_and_recently_viewed_files>")


class Cursor:
    """Transcripts of Cursor's agent; see the module."""

    client: Client = "cursor"
    grows = True

    def find(self, folders: AssistantFolders, projects: Sequence[Path]) -> Iterator[Path]:
        """Yield the transcripts in the folders of a project, those of subagents left out."""
        if folders.cursor is None:
            return
        for name in dict.fromkeys(map(folder_name, projects)):
            place = folders.cursor / "projects" / name / _FOLDER
            for path in regular_files(place, lambda name: name.endswith(_SUFFIX), 2):
                if "subagents" not in path.parts:
                    yield path

    def beside(self, path: Path) -> Iterator[Path]:  # noqa: ARG002 - a protocol
        """Yield nothing: what a subagent did is told in the session."""
        yield from ()

    def is_mine(self, path: Path, folders: AssistantFolders) -> bool:
        """Return whether a path is a transcript below Cursor's folder."""
        return folders.cursor is not None and path.is_relative_to(folders.cursor) and path.name.endswith(_SUFFIX)

    def stamp(self, path: Path) -> tuple[float, int]:
        """Return the time of the last change and the size."""
        return stamp_of(path)

    def start(self, path: Path) -> dict[str, Any]:
        """Return the id that the file's name is, and the name of the project's folder."""
        folder = next((parent.parent.name for parent in path.parents if parent.name == _FOLDER), "")
        return {"session": path.stem, "folder": folder}

    def project_of(self, memory: Mapping[str, Any], projects: Sequence[Path]) -> str | None:
        """Return the project's folder, as the transcript's place tells it."""
        return next((str(project) for project in projects if folder_name(project) == memory.get("folder")), None)

    def values(self, path: Path) -> Iterator[Any]:  # noqa: ARG002 - a protocol
        """Yield nothing: the file is read by lines."""
        yield from ()

    def events(self, line: Any, memory: dict[str, Any]) -> Iterator[Event]:  # noqa: ARG002 - a protocol
        """Yield what a line says."""
        line = as_mapping(line)
        message = as_mapping(line.get("message")) or line
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else as_list(content)
        at = seconds_of(line.get("timestamp", line.get("createdAt")))
        if at is not None:
            yield Place(at=at)
        for block in map(as_mapping, blocks):
            kind, text = block.get("type"), as_text(block.get("text"))
            if kind == "text" and line.get("role") == "user":
                query = _QUERY.search(text)
                asked = query[1].strip() if query else text.strip()
                if asked and not asked.startswith(_ADDED):
                    yield Request(asked, at)
            elif kind == "text" and line.get("role") == "assistant" and text.strip() not in ("", "[REDACTED]"):
                yield Answer(text.replace("[REDACTED]", ""), at)
            elif kind in ("tool_use", "tool-call"):
                name = as_text(block.get("name")) or as_text(block.get("toolName"))
                yield call_of("", name, block.get("input", block.get("args")))


def folder_name(project: Path) -> str:
    """Return the name of the folder in which Cursor keeps what belongs to a project."""
    return _NOT_IN_NAMES.sub("-", str(project)).strip("-")
