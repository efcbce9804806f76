"""The files in which assistants declare their hooks, and the hooks that Aurora adds to each.

Each assistant documents its own format: https://code.claude.com/docs/en/hooks (Claude Code),
https://developers.openai.com/codex/hooks (Codex), https://geminicli.com/docs/hooks (Gemini CLI),
https://cursor.com/docs/hooks (Cursor), https://code.visualstudio.com/docs/copilot/customization/hooks (VS Code),
https://docs.cline.bot/customization/hooks (Cline), https://opencode.ai/docs/plugins (opencode).
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, TypeAlias

from aurora_dev.interfaces.install import json_members

__all__ = ["HOOKS", "MARK", "HookFiles", "Scope", "has_hooks", "own_files", "with_hooks", "without_hooks"]

Scope: TypeAlias = Literal["project", "user"]

MARK: Final = "Written by: aurora install"
"""A line of the files that belong to Aurora alone."""

_START, _PROMPT, _OTHER = 10, 5, 10  # seconds that the assistant waits at most; the hook itself ends much earlier
_OURS: Final = re.compile(r"\bhook (?:session-start|prompt|pre-compact|stop|session-end) --client [a-z-]+\s*$")


@dataclass(frozen=True, slots=True)
class HookFiles:
    """The hooks of an assistant.

    Attributes:
        form: The format: ``groups`` (a list of groups with a list of hooks each), ``commands`` (a list of commands),
            ``scripts`` (an executable file per event), or ``plugin`` (a JavaScript module).
        files: The file of each scope, relative to the project or to the home folder; for ``scripts`` their folder.
        events: The event of ``aurora hook`` by the assistant's name of it.
        unit: How many of the assistant's units of time a second has.
        typed: Whether a command names its type.
        top: Members that the file needs beside ``hooks``.
        note: What else the person should know.
    """

    form: Literal["groups", "commands", "scripts", "plugin"]
    files: Mapping[Scope, PurePosixPath]
    events: Mapping[str, str]
    unit: int = 1
    typed: bool = True
    top: Mapping[str, Any] | None = None
    note: str = ""

    def file(self, scope: Scope, root: Path) -> Path:
        """Return the file, or the folder of scripts, of a scope."""
        return (root if scope == "project" else Path.home()) / self.files[scope]


HOOKS: Final[Mapping[str, HookFiles]] = {
    "claude-code": HookFiles(
        form="groups",
        files={"project": PurePosixPath(".claude/settings.json"), "user": PurePosixPath(".claude/settings.json")},
        events={
            "SessionStart": "session-start",
            "UserPromptSubmit": "prompt",
            "PreCompact": "pre-compact",
            "Stop": "stop",
            "SessionEnd": "session-end",
        },
    ),
    "codex": HookFiles(
        form="groups",
        files={"project": PurePosixPath(".codex/hooks.json"), "user": PurePosixPath(".codex/hooks.json")},
        events={
            "SessionStart": "session-start",
            "UserPromptSubmit": "prompt",
            "PreCompact": "pre-compact",
            "Stop": "stop",
        },
        note="Codex runs new hooks only after you have trusted them: see /hooks in Codex",
    ),
    "gemini-cli": HookFiles(
        form="groups",
        files={"project": PurePosixPath(".gemini/settings.json"), "user": PurePosixPath(".gemini/settings.json")},
        events={
            "SessionStart": "session-start",
            "BeforeAgent": "prompt",
            "PreCompress": "pre-compact",
            "AfterAgent": "stop",
            "SessionEnd": "session-end",
        },
        unit=1_000,
    ),
    "cursor": HookFiles(
        form="commands",
        files={"project": PurePosixPath(".cursor/hooks.json"), "user": PurePosixPath(".cursor/hooks.json")},
        events={
            "sessionStart": "session-start",
            "preCompact": "pre-compact",
            "stop": "stop",
            "sessionEnd": "session-end",
        },
        typed=False,
        top={"version": 1},
        note="Cursor's hooks cannot add to a prompt: what is known is added when a session starts",
    ),
    "vscode": HookFiles(
        form="commands",
        files={
            "project": PurePosixPath(".github/hooks/aurora.json"),
            "user": PurePosixPath(".copilot/hooks/aurora.json"),
        },
        events={"SessionStart": "session-start"},
        note="VS Code's hooks cannot add to a prompt: what is known is added when a session starts",
    ),
    "cline": HookFiles(
        form="scripts",
        files={"project": PurePosixPath(".clinerules/hooks"), "user": PurePosixPath("Documents/Cline/Hooks")},
        events={"TaskStart": "session-start", "TaskResume": "session-start", "UserPromptSubmit": "prompt"},
        note="switch the hooks on in Cline's Hooks tab",
    ),
    "opencode": HookFiles(
        form="plugin",
        files={
            "project": PurePosixPath(".opencode/plugins/aurora.js"),
            "user": PurePosixPath(".config/opencode/plugins/aurora.js"),
        },
        events={},
    ),
}


def with_hooks(hooks: HookFiles, client: str, text: str, command: Sequence[str]) -> str:
    """Return a file of hooks with Aurora's, in the place of those that it had.

    Args:
        hooks: The assistant's hooks, in JSON.
        client: The name of the assistant.
        text: The file; empty if there is none.
        command: A program that starts Aurora, and its first arguments.

    Raises:
        JSONTextError: The file is not JSON, or its hooks are not lists.
    """
    for name, event in hooks.events.items():
        entry: dict[str, Any] = {"type": "command"} if hooks.typed else {}
        entry["command"] = hook_command(command, event, client)
        seconds = {"session-start": _START, "prompt": _PROMPT}.get(event, _OTHER)
        entry["timeout"] = seconds * hooks.unit
        item = {"hooks": [entry]} if hooks.form == "groups" else entry
        if item not in _present(text, name):
            text = _without(text, name)
            text = json_members.append_item(text, ("hooks", name), item)
    for name, value in (hooks.top or {}).items():
        if not _has_member(text, name):
            text = json_members.set_member(text, (name,), value)
    return text


def without_hooks(hooks: HookFiles, text: str) -> str:
    """Return a file of hooks without Aurora's."""
    for name in hooks.events:
        text = _without(text, name)
    left = json_members.read(text) if text.strip() else {}
    return "" if left == dict(hooks.top or {}) else text


def has_hooks(hooks: HookFiles, file: Path) -> bool:
    """Return whether a file, or a folder of scripts, holds hooks of Aurora."""
    try:
        if hooks.form == "scripts":
            return any(
                MARK in (file / name).read_text("utf-8", "replace") for name in hooks.events if (file / name).is_file()
            )
        text = file.read_text("utf-8", "replace")
    except OSError:
        return False
    return MARK in text if hooks.form == "plugin" else "hook session-start --client" in text


def own_files(hooks: HookFiles, client: str, file: Path, command: Sequence[str]) -> dict[Path, str]:
    """Return the files that belong to Aurora alone, and their texts: scripts, or a plugin."""
    if hooks.form == "plugin":
        return {file: _PLUGIN.replace("COMMAND", json.dumps([*command, "hook"])).replace("MARK", MARK)}
    if hooks.form == "scripts":
        return {
            file / name: f"#!/bin/sh\n# {MARK} {client} --hooks\nexec {hook_command(command, event, client)}\n"
            for name, event in hooks.events.items()
        }
    return {}


def hook_command(command: Sequence[str], event: str, client: str) -> str:
    """Return the command line of a hook, quoted for the shell that the assistant uses."""
    words = [*command, "hook", event, "--client", client]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _present(text: str, name: str) -> list[Any]:
    data = json_members.read(text) if text.strip() else {}
    hooks = data.get("hooks") if isinstance(data, dict) else None
    found = hooks.get(name) if isinstance(hooks, dict) else None
    return found if isinstance(found, list) else []


def _has_member(text: str, name: str) -> bool:
    data = json_members.read(text) if text.strip() else {}
    return isinstance(data, dict) and name in data


def _without(text: str, name: str) -> str:
    return json_members.remove_items(text, ("hooks", name), _is_ours)


def _is_ours(item: Any) -> bool:
    """Return whether an item of a list of hooks runs Aurora and nothing else."""
    if not isinstance(item, dict):
        return False
    inner = item.get("hooks")
    if isinstance(inner, list):
        return bool(inner) and all(_is_ours(each) for each in inner)
    command = item.get("command")
    return isinstance(command, str) and _OURS.search(command) is not None


# opencode hands a message to the plugin, and builds the system prompt of each request after that.
_PLUGIN: Final = """\
// MARK opencode --hooks
import { spawn } from "node:child_process"

const command = COMMAND
const limit = 4000 // milliseconds

function run(event, input) {
  return new Promise((resolve) => {
    let text = ""
    const child = spawn(command[0], [...command.slice(1), event, "--client", "opencode"], {
      stdio: ["pipe", "pipe", "ignore"],
    })
    const timer = setTimeout(() => child.kill(), limit)
    child.on("error", () => resolve(""))
    child.stdin.on("error", () => {})
    child.stdout.on("data", (part) => (text += part))
    child.on("close", () => {
      clearTimeout(timer)
      resolve(text.trim())
    })
    child.stdin.end(JSON.stringify(input))
  })
}

export const Aurora = async ({ directory }) => {
  const known = new Map() // by session: the text of its start, and that of its last prompt

  async function entry(session) {
    if (!known.has(session)) {
      const start = await run("session-start", { session_id: session, cwd: directory, source: "startup" })
      known.set(session, { start, prompt: "" })
    }
    return known.get(session)
  }

  return {
    "chat.message": async (input, output) => {
      const prompt = output.parts
        .filter((part) => part.type === "text" && !part.synthetic)
        .map((part) => part.text)
        .join("\\n")
      const texts = await entry(input.sessionID)
      texts.prompt = await run("prompt", { session_id: input.sessionID, cwd: directory, prompt })
    },
    "experimental.chat.system.transform": async (input, output) => {
      const texts = known.get(input.sessionID)
      for (const text of texts ? [texts.start, texts.prompt] : []) if (text) output.system.push(text)
    },
    "experimental.session.compacting": async (input) => {
      await run("pre-compact", { session_id: input.sessionID, cwd: directory })
    },
    event: async ({ event }) => {
      if (event.type !== "session.idle") return
      await run("stop", { session_id: event.properties.sessionID, cwd: directory })
    },
  }
}
"""
