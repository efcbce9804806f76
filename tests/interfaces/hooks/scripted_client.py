"""A client that behaves as Claude Code does: it runs the hooks of its settings and writes a transcript."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any


@dataclass
class ScriptedClient:
    """One session after the other in one project.

    Args:
        home: The home folder of the person.
        project: The project, whose ``.claude/settings.json`` names the hooks.
        environment: The environment of the hooks.
    """

    home: Path
    project: Path
    environment: dict[str, str]
    session: str = ""
    clock: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=timezone.utc)
    context: list[str] = field(default_factory=list)  # what hooks added to the session
    codes: list[int] = field(default_factory=list)

    @property
    def transcript(self) -> Path:
        folder = "".join(letter if letter.isalnum() else "-" for letter in str(self.project))
        return self.home / ".claude" / "projects" / folder / f"{self.session}.jsonl"

    def start(self, source: str = "startup") -> str:
        """Begin a session, or resume the last one; return what its hook added."""
        if source == "startup":
            self.session = str(uuid.UUID(int=int(self.clock.timestamp())))
        return self._run("SessionStart", source=source)

    def ask(self, prompt: str, answer: str, *tools: dict[str, Any]) -> str:
        """Send a prompt and write the answer to the transcript; return what the hook added to the prompt."""
        added = self._run("UserPromptSubmit", prompt=prompt)
        self._write("user", prompt)
        for number, tool in enumerate(tools):
            use = {"type": "tool_use", "id": f"toolu_{number}", **tool}
            self._write("assistant", [use])
            self._write("user", [{"type": "tool_result", "tool_use_id": use["id"], "content": "ok"}])
        self._write("assistant", [{"type": "text", "text": answer}])
        self._run("Stop", stop_hook_active=False)
        return added

    def compact(self) -> str:
        """Compact the conversation; return what was added after it."""
        self._run("PreCompact", trigger="auto", custom_instructions="")
        return self.start("compact")

    def end(self) -> None:
        """End the session."""
        self._run("SessionEnd", reason="exit")
        self.clock += timedelta(hours=1)

    def _run(self, event: str, **more: Any) -> str:
        settings = json.loads((self.project / ".claude" / "settings.json").read_text("utf-8"))
        call = {
            "session_id": self.session,
            "transcript_path": str(self.transcript),
            "cwd": str(self.project),
            "permission_mode": "default",
            "hook_event_name": event,
            **more,
        }
        added = []
        for group in settings["hooks"].get(event, []):
            for hook in group["hooks"]:
                done = subprocess.run(
                    hook["command"],
                    shell=True,
                    cwd=self.project,
                    env=self.environment,
                    input=json.dumps(call).encode(),
                    capture_output=True,
                    timeout=60,
                )
                self.codes.append(done.returncode)
                if done.stdout.strip():
                    answer = json.loads(done.stdout)["hookSpecificOutput"]
                    assert answer["hookEventName"] == event
                    added.append(answer["additionalContext"])
        text = "\n".join(added)
        self.context += added
        return text

    def _write(self, kind: str, content: Any) -> None:
        self.clock += timedelta(seconds=30)
        message: dict[str, Any] = {"role": kind, "content": content}
        if kind == "assistant":
            message |= {"id": f"msg_{self.clock.timestamp():.0f}", "type": "message", "model": "claude"}
        line = {
            "parentUuid": None,
            "isSidechain": False,
            "userType": "external",
            "cwd": str(self.project),
            "sessionId": self.session,
            "version": "2.1.0",
            "gitBranch": "main",
            "type": kind,
            "message": message,
            "uuid": str(uuid.uuid4()),
            "timestamp": self.clock.isoformat().replace("+00:00", "Z"),
        }
        self.transcript.parent.mkdir(parents=True, exist_ok=True)
        with self.transcript.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + os.linesep)
