"""Codex: ``~/.codex/sessions/YYYY/MM/DD/rollout-<time>-<id>.jsonl``, and those in ``archived_sessions``.

Codex is open source; the lines are its ``RolloutLine``: a ``timestamp``, a ``type`` and a ``payload``.

* ``session_meta`` begins a file: id, folder, git state. A fork or a subagent has further ones, of the session it came
  from; the first one counts.
* ``turn_context`` says the folder of a turn.
* ``response_item`` is what the model read and wrote: messages, calls and their results. Messages of the role ``user``
  also hold what Codex adds: instructions, the environment, the text of pictures.
* ``event_msg`` is what the person saw: the request itself (``user_message``), the end of a command with its exit code.
  A file has both; requests are taken from events, and from ``response_item`` if a file has no such events.
* ``compacted`` holds a summary.

Versions before September 2025 have no envelope: the first line is the payload of ``session_meta``, the others are
payloads of ``response_item`` or ``{"record_type": "state"}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from aurora_dev.lazy import lazy_pattern
from aurora_dev.sessions.formats.clients import Client
from aurora_dev.sessions.formats.events import (
    Answer,
    AssistantFolders,
    Event,
    Outcome,
    Place,
    Request,
    Summary,
    Tasks,
    as_list,
    as_mapping,
    as_text,
    seconds_of,
)
from aurora_dev.sessions.formats.files import regular_files, stamp_of
from aurora_dev.sessions.formats.tools import call_of, exit_code_of

__all__ = ["Codex"]

_FOLDERS: Final = ("sessions", "archived_sessions")
_ID: Final = lazy_pattern(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$")
_CWD: Final = lazy_pattern(r"<cwd>([^<>\n]{1,1000})</cwd>|Current working directory: ([^\n]{1,1000})")
# A message of the role "user" that begins so was written by Codex.
_ADDED: Final = (
    *("<environment_context>", "<user_instructions>", "# AGENTS.md instructions", "<permissions instructions>"),
    *("<turn_aborted>", "<INSTRUCTIONS>", "<skill>", "<skills_instructions>", "<collaboration_mode>", "<user_action>"),
    *("<app-context>", "<subagent_notification>", "<user_shell_command>", "Another language model started to solve"),
)
_JSON_EXIT_CODE: Final = lazy_pattern(r'"exit_code":\s{0,4}(-?\d{1,10})\b')
_MOST_SEARCHED: Final = 100_000  # characters
_IDE: Final = "## My request for Codex:"
_MOST_TASKS: Final = 100
_COPIED_SECONDS: Final = 2.0  # between two lines of a copy, at most


class Codex:
    """Transcripts of Codex; see the module."""

    client: Client = "codex"
    grows = True

    def find(self, folders: AssistantFolders, projects: Sequence[Path]) -> Iterator[Path]:  # noqa: ARG002 - a protocol
        """Yield every rollout, archived ones too: no name tells the project."""
        for name in _FOLDERS:
            yield from regular_files(None if folders.codex is None else folders.codex / name, _is_rollout)

    def beside(self, path: Path) -> Iterator[Path]:  # noqa: ARG002 - a protocol
        """Yield nothing: a subagent's rollout has its own place, which no name tells."""
        yield from ()

    def is_mine(self, path: Path, folders: AssistantFolders) -> bool:
        """Return whether a path is a rollout below Codex's folder."""
        return folders.codex is not None and path.is_relative_to(folders.codex) and _is_rollout(path.name)

    def stamp(self, path: Path) -> tuple[float, int]:
        """Return the time of the last change and the size."""
        return stamp_of(path)

    def start(self, path: Path) -> dict[str, Any]:
        """Return the id that the file's name ends with."""
        found = _ID.search(path.stem)
        return {"session": found[1] if found else path.stem}

    def project_of(self, memory: Mapping[str, Any], projects: Sequence[Path]) -> str | None:  # noqa: ARG002
        """Return nothing: the lines name the folder."""
        return None

    def values(self, path: Path) -> Iterator[Any]:  # noqa: ARG002 - a protocol
        """Yield nothing: the file is read by lines."""
        yield from ()

    def events(self, line: Any, memory: dict[str, Any]) -> Iterator[Event]:
        """Yield what a line says."""
        line = as_mapping(line)
        kind, payload = line.get("type"), line.get("payload")
        at = seconds_of(line.get("timestamp"))
        if self._is_copied(as_text(kind), payload, memory, at):
            return
        if not isinstance(payload, dict):
            # Without an envelope, a line is a payload itself.
            if "record_type" in line:
                return
            if kind is None and "id" in line and ("instructions" in line or "git" in line or "timestamp" in line):
                yield from self._meta(line, memory, at)
            elif kind is not None:
                yield from self._item(line, memory, at)
            return
        if kind == "session_meta":
            yield from self._meta(payload, memory, at)
        elif kind == "turn_context":
            yield Place(cwd=as_text(payload.get("cwd")) or None, at=at)
        elif kind == "response_item":
            yield from self._item(payload, memory, at)
        elif kind == "event_msg":
            yield from self._event(payload, memory, at)
        elif kind == "compacted" and (text := as_text(payload.get("message")).strip()):
            yield Summary(text)

    def _is_copied(self, kind: str, payload: Any, memory: dict[str, Any], at: float | None) -> bool:
        """Return whether a line is of the session that this one was forked from, which is read there.

        A fork begins with a copy of that session: its ``session_meta``, then its lines, all written within moments.
        """
        began = memory.get("forked_at")
        if began is None or kind == "session_meta":
            return False
        if at is not None and at < began - _COPIED_SECONDS:
            return True
        if not memory.get("copying"):
            return False
        turn = as_mapping(payload)
        started = seconds_of(turn.get("started_at")) if turn.get("type") == "task_started" else None
        before = memory.get("copied_at") or began
        if started is not None:
            memory["copying"] = started < began - _COPIED_SECONDS
        elif at is not None and at - before > _COPIED_SECONDS:
            memory["copying"] = False
        if at is not None:
            memory["copied_at"] = at
        return bool(memory["copying"])

    def _meta(self, payload: Mapping[str, Any], memory: dict[str, Any], at: float | None) -> Iterator[Event]:
        if memory.get("met"):
            if as_text(payload.get("id")) != memory["met"]:
                memory["copying"] = True
            return
        memory["met"] = as_text(payload.get("id")) or "?"
        git = as_mapping(payload.get("git"))
        source = as_mapping(as_mapping(payload.get("source")).get("subagent"))
        spawned = as_mapping(source.get("thread_spawn"))
        agent = as_text(payload.get("agent_nickname")) or as_text(spawned.get("agent_nickname"))
        if not agent and (source or as_text(payload.get("thread_source")) == "subagent"):
            agent = "subagent"
        if payload.get("forked_from_id") or spawned:
            memory["forked_at"] = at or seconds_of(payload.get("timestamp"))
        parent = as_text(spawned.get("parent_thread_id")) if agent else ""
        yield Place(
            session=parent or as_text(payload.get("id")) or None,
            cwd=as_text(payload.get("cwd")) or None,
            branch=as_text(git.get("branch")) or None,
            commit=as_text(git.get("commit_hash")) or None,
            agent=agent[:64] or None,
            at=seconds_of(payload.get("timestamp")) or at,
        )

    def _event(self, payload: Mapping[str, Any], memory: dict[str, Any], at: float | None) -> Iterator[Event]:
        kind = payload.get("type")
        if kind == "user_message":
            text = request_text(as_text(payload.get("message")))
            memory["shown"] = True
            if text:
                yield Request(text, at)  # in the place of a doubtful one, which is this one or was added by Codex
        elif kind == "agent_message":
            text = as_text(payload.get("message"))
            if text.strip() and memory.get("answered") != _mark(text):
                memory["answered"] = _mark(text)
                yield Answer(text, at)
        elif kind == "exec_command_end":
            code = payload.get("exit_code")
            text = as_text(payload.get("aggregated_output")) or (
                f"{as_text(payload.get('stdout'))}\n{as_text(payload.get('stderr'))}".strip()
            )
            failed = code != 0 if isinstance(code, int) and not isinstance(code, bool) else None
            yield Outcome(as_text(payload.get("call_id")), failed, text)
        elif kind == "patch_apply_end":
            yield Outcome(
                as_text(payload.get("call_id")), payload.get("success") is False, as_text(payload.get("stderr"))
            )

    def _item(self, payload: Mapping[str, Any], memory: dict[str, Any], at: float | None) -> Iterator[Event]:
        kind = payload.get("type")
        if kind == "message" or (kind is None and "role" in payload):
            yield from self._message(payload, memory, at)
        elif kind in ("function_call", "custom_tool_call", "local_shell_call"):
            name = as_text(payload.get("name")) or "shell"
            given = payload.get("arguments", payload.get("input", payload.get("action")))
            identifier = as_text(payload.get("call_id")) or as_text(payload.get("id"))
            if name == "update_plan":
                yield Tasks(_open_steps(given))
            else:
                yield call_of(identifier, name, given)
        elif kind in ("function_call_output", "custom_tool_call_output", "local_shell_call_output"):
            yield _outcome(payload)

    def _message(self, payload: Mapping[str, Any], memory: dict[str, Any], at: float | None) -> Iterator[Event]:
        content = payload.get("content")
        parts = (
            [content] if isinstance(content, str) else [as_text(as_mapping(p).get("text")) for p in as_list(content)]
        )
        if payload.get("role") == "assistant":
            text = "\n".join(filter(None, parts))
            if text.strip() and memory.get("answered") != _mark(text):
                memory["answered"] = _mark(text)
                yield Answer(text, at)
        elif payload.get("role") == "user":
            for part in parts:
                if (found := _CWD.search(part[:10_000])) is not None and part.lstrip().startswith(_ADDED):
                    yield Place(cwd=(found[1] or found[2]).strip(), at=at)
            text = request_text("\n".join(part for part in parts if not part.lstrip().startswith(_ADDED)))
            if text and not memory.get("shown"):
                yield Request(text, at, doubtful=True)


def request_text(text: str) -> str:
    """Return what a person wrote, without what an editor put before it."""
    if _IDE in text:
        text = text.partition(_IDE)[2]
    text = text.strip()
    return "" if text.startswith(_ADDED) else text


def _mark(text: str) -> str:
    """Return what tells a text from the one before it."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _open_steps(given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return ()
    steps = [as_mapping(step) for step in as_list(as_mapping(given).get("plan"))[:_MOST_TASKS]]
    return tuple(name for step in steps if step.get("status") != "completed" and (name := as_text(step.get("step"))))


def _outcome(payload: Mapping[str, Any]) -> Outcome:
    output = payload.get("output")
    failed: bool | None = None
    if isinstance(output, str) and output.startswith("{") and '"exit_code"' in output[-500:]:
        with suppress(ValueError, RecursionError):
            output = json.loads(output)
    if isinstance(output, dict):
        code = as_mapping(output.get("metadata")).get("exit_code")
        if isinstance(code, int):
            failed = code != 0
        if isinstance(output.get("success"), bool):
            failed = not output["success"]
        text = as_text(output.get("output")) or as_text(output.get("content"))
    elif isinstance(output, list):
        text = "\n".join(as_text(as_mapping(part).get("text")) for part in output)
        if (found := _JSON_EXIT_CODE.search(text[-_MOST_SEARCHED:])) is not None:
            failed = found[1] != "0"
    else:
        text = as_text(output)
    if failed is None and (code := exit_code_of(text)) is not None:
        failed = code != 0
    if failed:
        text = text.partition("\nOutput:\n")[2] or text
    return Outcome(as_text(payload.get("call_id")), failed, text)


def _is_rollout(name: str) -> bool:
    return name.startswith("rollout-") and name.endswith(".jsonl")
