"""Gemini CLI: ``~/.gemini/tmp/<project>/chats/session-<time>-<id>.json`` or, since 2026, ``.jsonl``.

Gemini CLI is open source. ``<project>`` was the SHA-256 of the project's path; now it is a name, and the file
``.project_root`` in it holds the path. A message has ``id``, ``timestamp``, ``type`` (``user``, ``gemini``, ``info``,
…), ``content`` (a text or parts) and, from the model, ``toolCalls`` with their results.

The older file is one object with ``messages``, and is written anew with every message. The newer one begins with a line
about the session; a message that has changed is appended again in full, ``{"$set": …}`` changes what the first line
says, and ``{"$rewindTo": ID}`` takes back everything from a message on. What was taken back is remembered all the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aurora_dev.regular_files import read_regular
from aurora_dev.sessions.formats.clients import Client
from aurora_dev.sessions.formats.events import (
    Answer,
    AssistantFolders,
    Event,
    Outcome,
    Place,
    Request,
    Title,
    as_list,
    as_mapping,
    as_text,
    seconds_of,
)
from aurora_dev.sessions.formats.files import regular_files, stamp_of
from aurora_dev.sessions.formats.tools import call_of, exit_code_of

__all__ = ["Gemini", "GeminiDocuments"]

_CHATS: Final = "chats"
_ROOT_FILE: Final = ".project_root"
_MOST_ROOT: Final = 4_096  # bytes
_MOST_DOCUMENT: Final = 64 * 1024 * 1024  # bytes
_MOST_SEEN: Final = 500  # messages that may be appended again
_ADDED: Final = ("This is the Gemini CLI. We are setting up the context", "<session_context>")


class Gemini:
    """The newer transcripts, with a message on each line."""

    client: Client = "gemini-cli"
    grows = True
    suffix = ".jsonl"

    def find(self, folders: AssistantFolders, projects: Sequence[Path]) -> Iterator[Path]:  # noqa: ARG002 - a protocol
        """Yield every transcript."""
        root = None if folders.gemini is None else folders.gemini / "tmp"
        for path in regular_files(root, lambda name: name.startswith("session-") and name.endswith(self.suffix), 4):
            if _CHATS in path.parts:
                yield path

    def beside(self, path: Path) -> Iterator[Path]:  # noqa: ARG002 - a protocol
        """Yield nothing: what a subagent did is told in the session."""
        yield from ()

    def is_mine(self, path: Path, folders: AssistantFolders) -> bool:
        """Return whether a path is a transcript below Gemini CLI's folder."""
        return folders.gemini is not None and path.is_relative_to(folders.gemini) and path.name.endswith(self.suffix)

    def stamp(self, path: Path) -> tuple[float, int]:
        """Return the time of the last change and the size."""
        return stamp_of(path)

    def start(self, path: Path) -> dict[str, Any]:
        """Return the id in the file's name and, if the folder tells it, the project's folder."""
        memory: dict[str, Any] = {"session": path.stem}
        folder = next((parent.parent for parent in path.parents if parent.name == _CHATS), None)
        if folder is not None:
            try:
                memory["cwd"] = (
                    read_regular(folder / _ROOT_FILE, _MOST_ROOT, cut=True).decode("utf-8", "replace").strip()
                )
            except OSError:
                memory["hash"] = folder.name
        return memory

    def project_of(self, memory: Mapping[str, Any], projects: Sequence[Path]) -> str | None:
        """Return the project's folder, as the transcript's place tells it."""
        if memory.get("cwd"):
            return str(memory["cwd"])
        named = memory.get("hash")
        return next((str(p) for p in projects if hashlib.sha256(str(p).encode()).hexdigest() == named), None)

    def values(self, path: Path) -> Iterator[Any]:  # noqa: ARG002 - a protocol
        """Yield nothing: the file is read by lines."""
        yield from ()

    def events(self, line: Any, memory: dict[str, Any]) -> Iterator[Event]:
        """Yield what a line says."""
        line = as_mapping(line)
        if "sessionId" in line and "type" not in line:
            yield Place(session=as_text(line.get("sessionId")) or None, at=seconds_of(line.get("startTime")))
            if line.get("summary"):
                yield Title(as_text(line.get("summary")))
        elif "$set" in line:
            if summary := as_text(as_mapping(line.get("$set")).get("summary")):
                yield Title(summary)
        elif line.get("type") in ("user", "gemini"):
            yield from self._message(line, memory)

    def _message(self, line: Mapping[str, Any], memory: dict[str, Any]) -> Iterator[Event]:
        at, identifier = seconds_of(line.get("timestamp")), as_text(line.get("id"))
        seen: dict[str, list[int]] = memory.setdefault("seen", {})
        before = seen.pop(identifier, [0, 0]) if identifier else [0, 0]
        text = _text_of(line.get("content")).strip()
        calls = as_list(line.get("toolCalls"))
        if identifier:
            seen[identifier] = [len(text), len(calls)]
            if len(seen) > _MOST_SEEN:
                del seen[next(iter(seen))]
        yield Place(at=at)
        if line.get("type") == "user":
            if text and not before[0] and not text.startswith(_ADDED):
                yield Request(text, at, identifier)
            return
        if text and len(text) > before[0]:
            yield Answer(text, at)
        for call in map(as_mapping, calls[before[1] :]):
            number = as_text(call.get("id"))
            yield call_of(number, as_text(call.get("name")), call.get("args"))
            result = _result_of(call)
            status = call.get("status")
            code = exit_code_of(result)
            failed = status == "error" if code is None else code != 0
            yield Outcome(number, failed, result, refused=status == "cancelled")


class GeminiDocuments(Gemini):
    """The older transcripts, one object each."""

    grows = False
    suffix = ".json"

    def values(self, path: Path) -> Iterator[Any]:
        """Yield what the lines of a newer transcript would hold.

        Raises:
            OSError: The file cannot be read, or is too large.
            ValueError: It is not JSON.
        """
        whole = as_mapping(json.loads(read_regular(path, _MOST_DOCUMENT)))
        yield {name: whole.get(name) for name in ("sessionId", "startTime", "summary")}
        yield from as_list(whole.get("messages"))


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = [content] if isinstance(content, dict) else as_list(content)
    return "\n".join(part if isinstance(part, str) else as_text(as_mapping(part).get("text")) for part in parts)


def _result_of(call: Mapping[str, Any]) -> str:
    shown = call.get("resultDisplay")
    if isinstance(shown, str) and shown:
        return shown
    for part in as_list(call.get("result")):
        response = as_mapping(as_mapping(as_mapping(part).get("functionResponse")).get("response"))
        if text := as_text(response.get("output")) or as_text(response.get("error")):
            return text
    return ""
