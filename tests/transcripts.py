"""Transcripts in the shapes that assistants write, made of scenes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

START = datetime(2026, 11, 2, 9, 0, tzinfo=timezone.utc)


class Claude:
    """A transcript of Claude Code that grows with each call."""

    def __init__(self, home: Path, project: Path, session: str = "11111111-aaaa-4aaa-8aaa-000000000001") -> None:
        self.project = project
        self.session = session
        name = "".join(c if c.isascii() and c.isalnum() else "-" for c in str(project))
        self.path = home / ".claude" / "projects" / name / f"{session}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.moment = START
        self.last: str | None = None
        self._numbers = itertools.count(1)

    def line(self, kind: str, message: Any = None, **fields: Any) -> str:
        number = next(self._numbers)
        self.moment += timedelta(seconds=10)
        uuid = f"{self.session[:8]}-{number}"
        value = {
            "parentUuid": self.last,
            "isSidechain": False,
            "userType": "external",
            "cwd": str(self.project),
            "sessionId": self.session,
            "version": "2.1.0",
            "gitBranch": "main",
            "type": kind,
            "uuid": uuid,
            "timestamp": self.moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if message is not None:
            value["message"] = message
        value.update(fields)
        self.last = uuid
        return json.dumps(value, ensure_ascii=False) + "\n"

    def add(self, *lines: str) -> Claude:
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
        return self

    def ask(self, text: Any, **fields: Any) -> Claude:
        return self.add(self.line("user", {"role": "user", "content": text}, **fields))

    def answer(self, text: str) -> Claude:
        content = [{"type": "text", "text": text}]
        return self.add(self.line("assistant", {"role": "assistant", "content": content}))

    def use(self, tool: str, given: dict[str, Any], result: Any = None, *, failed: bool = False) -> Claude:
        identifier = f"toolu_{next(self._numbers)}"
        block = {"type": "tool_use", "id": identifier, "name": tool, "input": given}
        self.add(self.line("assistant", {"role": "assistant", "content": [block]}))
        if result is None:
            return self
        outcome = {"type": "tool_result", "tool_use_id": identifier, "content": result, "is_error": failed}
        return self.add(self.line("user", {"role": "user", "content": [outcome]}))

    def run(self, command: str, result: str = "ok", *, failed: bool = False) -> Claude:
        text = f"Exit code 1\n{result}" if failed else result
        return self.use("Bash", {"command": command}, text, failed=failed)

    def edit(self, path: str) -> Claude:
        return self.use("Edit", {"file_path": str(self.project / path), "old_string": "a", "new_string": "b"}, "done")


class Codex:
    """A rollout of Codex that grows with each call."""

    def __init__(
        self, home: Path, project: Path, session: str = "22222222-bbbb-4bbb-8bbb-000000000002", **meta: Any
    ) -> None:
        self.project = project
        self.path = home / ".codex" / "sessions" / "2026" / "11" / "02" / f"rollout-2026-11-02T09-00-00-{session}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.moment = START
        self._numbers = itertools.count(1)
        git = {"branch": "main", "commit_hash": "a" * 40}
        self.add("session_meta", {"id": session, "cwd": str(project), "cli_version": "0.99.0", "git": git, **meta})

    def add(self, kind: str, payload: dict[str, Any]) -> Codex:
        self.moment += timedelta(seconds=10)
        stamp = self.moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"timestamp": stamp, "type": kind, "payload": payload}) + "\n")
        return self

    def message(self, role: str, text: str) -> Codex:
        kind = "output_text" if role == "assistant" else "input_text"
        return self.add("response_item", {"type": "message", "role": role, "content": [{"type": kind, "text": text}]})

    def ask(self, text: str) -> Codex:
        return self.message("user", text).add("event_msg", {"type": "user_message", "message": text})

    def answer(self, text: str) -> Codex:
        return self.add("event_msg", {"type": "agent_message", "message": text}).message("assistant", text)

    def run(self, command: str, output: str = "ok", code: int = 0) -> Codex:
        number = f"call_{next(self._numbers)}"
        given = json.dumps({"cmd": command})
        self.add(
            "response_item", {"type": "function_call", "name": "exec_command", "arguments": given, "call_id": number}
        )
        end = {"type": "exec_command_end", "call_id": number, "exit_code": code, "aggregated_output": output}
        self.add("event_msg", end)
        text = f"Chunk ID: 1\nProcess exited with code {code}\nOutput:\n{output}"
        return self.add("response_item", {"type": "function_call_output", "call_id": number, "output": text})

    def patch(self, path: str) -> Codex:
        text = f"*** Begin Patch\n*** Update File: {path}\n@@\n-a\n+b\n*** End Patch"
        number = f"call_{next(self._numbers)}"
        call = {"type": "custom_tool_call", "name": "apply_patch", "input": text, "call_id": number}
        return self.add("response_item", call)


def request_of(session: str, number: int) -> str:
    """Return one of the requests of `days_of_work`."""
    return f"make part {number} of the exporter faster, please ({session[:8]})"


def days_of_work(transcript: Claude, count: int) -> Iterator[str]:
    """Add exchanges and yield their requests."""
    for number in range(count):
        request = request_of(transcript.session, number)
        transcript.ask(request).run(f"make bench-{number}").answer(f"Part {number} of the exporter is faster now.")
        yield request
