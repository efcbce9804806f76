"""The formats in which assistants call a hook and read its answer.

Each assistant documents its own: Claude Code and Codex (``session_id``, ``cwd``, ``prompt``, ``transcript_path``; an
answer in ``hookSpecificOutput``), Gemini CLI and VS Code alike, Cursor (``conversation_id``, ``workspace_roots``;
``additional_context``), Cline (``taskId``, ``workspaceRoots``; ``contextModification``). opencode runs plugins instead
of commands, and ours asks for plain text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

__all__ = ["EVENTS", "Event", "HookInput", "read_input", "rendered"]

Event: TypeAlias = Literal["session-start", "prompt", "pre-compact", "stop", "session-end"]
EVENTS: Final[tuple[Event, ...]] = get_args(Event)

_SESSION_KEYS: Final = ("session_id", "sessionId", "sessionID", "conversation_id", "taskId", "thread_id")
_TRANSCRIPT_KEYS: Final = ("transcript_path", "transcriptPath")
_ROOTS_KEYS: Final = ("workspace_roots", "workspaceRoots")
_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "claude-code": {"session-start": "SessionStart", "prompt": "UserPromptSubmit"},
    "codex": {"session-start": "SessionStart", "prompt": "UserPromptSubmit"},
    "vscode": {"session-start": "SessionStart", "prompt": "UserPromptSubmit"},
    "gemini-cli": {"session-start": "SessionStart", "prompt": "BeforeAgent"},
}


class HookInput(NamedTuple):
    """A call of a hook.

    Attributes:
        event: The moment.
        client: The assistant.
        session: The assistant's id of the session; empty if it gave none.
        folder: The folder in which the assistant works.
        prompt: The prompt of the person; empty for other events.
        transcript: The path of the transcript, ``None`` if the assistant gave none.
        source: How the session began: ``startup``, ``resume``, ``clear`` or ``compact``; empty if unknown.
    """

    event: Event
    client: str
    session: str
    folder: str
    prompt: str
    transcript: str | None
    source: str


def read_input(client: str, event: Event, data: bytes) -> HookInput:
    """Return what an assistant wrote to the hook's standard input.

    Args:
        client: The assistant.
        event: The moment for which the hook was installed.
        data: A JSON object. Nothing at all counts as an empty one.

    Raises:
        ValueError: It is not a JSON object.
    """
    value = json.loads(data) if data.strip() else {}
    if not isinstance(value, dict):
        raise ValueError("the input of the hook is not a JSON object")
    folder = _text(value, ("cwd",)) or _first(value, _ROOTS_KEYS) or os.getcwd()  # noqa: PTH109
    return HookInput(
        event=event,
        client=client,
        session=_text(value, _SESSION_KEYS)[:200],
        folder=folder,
        prompt=_prompt(value),
        transcript=_text(value, _TRANSCRIPT_KEYS) or None,
        source=_text(value, ("source", "trigger")),
    )


def rendered(call: HookInput, text: str) -> str:
    """Return what to write to standard output, so that the assistant adds a text to the conversation.

    Args:
        call: The call that is answered.
        text: The text; empty to add nothing.
    """
    if call.client == "cline":
        answer: dict[str, Any] = {"cancel": False}
        if text:
            answer["contextModification"] = text
        return json.dumps(answer)
    if not text:
        return ""
    if call.client == "cursor":
        return json.dumps({"additional_context": text})
    names = _NAMES.get(call.client)
    if names is None:
        return text
    return json.dumps({"hookSpecificOutput": {"hookEventName": names.get(call.event, ""), "additionalContext": text}})


def _prompt(value: Mapping[str, Any]) -> str:
    """Return the prompt: Cline nests it by the name of its event."""
    if isinstance(value.get("prompt"), str):
        return str(value["prompt"])
    submitted, started = value.get("userPromptSubmit"), value.get("taskStart")
    if isinstance(submitted, dict):
        return _text(submitted, ("prompt",))
    if isinstance(started, dict):
        metadata = started.get("taskMetadata")
        return _text(metadata if isinstance(metadata, dict) else started, ("initialTask", "task"))
    return ""


def _text(value: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return next((value[key] for key in keys if isinstance(value.get(key), str) and value[key]), "")


def _first(value: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        roots = value.get(key)
        if isinstance(roots, list) and roots and isinstance(roots[0], str):
            return roots[0]
    return ""
