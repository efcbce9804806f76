"""The assistants that Aurora connects to: where each keeps its configuration, and what its entry looks like."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

Scope = Literal["project", "user"]

SERVER_NAME = "aurora"

_ALWAYS_APPLIED = "---\ndescription: How to use the project's memory\nalwaysApply: true\n---\n\n"


@dataclass(frozen=True, slots=True)
class Client:
    """An assistant that speaks MCP.

    Attributes:
        title: Its name for people.
        servers: Key of the object (JSON) or table (TOML) that holds the servers.
        files: Its configuration by scope; relative to the project, or to the home folder.
        project_argument: How its configuration writes the folder of the project; empty where it starts servers there.
        typed: Whether an entry names its transport.
        rules: The file that its instructions for a project stand in; relative to the project.
        rules_header: What that file begins with where it is new.
        next_step: What a person does for the change to take effect.
        note: What else they should know, by scope.
    """

    name: str
    title: str
    servers: str
    files: Mapping[Scope, PurePosixPath]
    project_argument: str
    typed: bool
    rules: PurePosixPath
    next_step: str
    rules_header: str = ""
    note: Mapping[Scope, str] | None = None

    def entry(self, command: list[str], scope: Scope) -> dict[str, Any]:
        """Return what the client's configuration says of the server.

        Args:
            command: What starts Aurora: a program, and arguments that come first.
            scope: In a project's own file the folder may be named; a user's file serves every project.
        """
        folder = [self.project_argument] if scope == "project" and self.project_argument else []
        entry: dict[str, Any] = {"type": "stdio"} if self.typed else {}
        return {**entry, "command": command[0], "args": [*command[1:], "mcp", *folder]}

    def file(self, scope: Scope, root: Path) -> Path:
        """Return the configuration file of a scope."""
        return (root if scope == "project" else Path.home()) / self.files[scope]


def _vscode_user_file() -> PurePosixPath:
    places = {"win32": "AppData/Roaming/Code/User", "darwin": "Library/Application Support/Code/User"}
    return PurePosixPath(places.get(sys.platform, ".config/Code/User"), "mcp.json")


CLIENTS = {
    client.name: client
    for client in (
        Client(
            name="claude-code",
            title="Claude Code",
            servers="mcpServers",
            files={"project": PurePosixPath(".mcp.json"), "user": PurePosixPath(".claude.json")},
            project_argument="",
            typed=True,
            rules=PurePosixPath("CLAUDE.md"),
            next_step="start claude in the project and approve the server, or see it with /mcp",
        ),
        Client(
            name="cursor",
            title="Cursor",
            servers="mcpServers",
            files={"project": PurePosixPath(".cursor/mcp.json"), "user": PurePosixPath(".cursor/mcp.json")},
            project_argument="${workspaceFolder}",
            typed=True,
            rules=PurePosixPath(".cursor/rules/aurora.mdc"),
            rules_header=_ALWAYS_APPLIED,
            next_step="enable 'aurora' in Cursor's settings, under MCP",
        ),
        Client(
            name="vscode",
            title="VS Code",
            servers="servers",
            files={"project": PurePosixPath(".vscode/mcp.json"), "user": _vscode_user_file()},
            project_argument="${workspaceFolder}",
            typed=True,
            rules=PurePosixPath(".github/copilot-instructions.md"),
            next_step="run 'MCP: List Servers' from the command palette and start 'aurora'",
        ),
        Client(
            name="codex",
            title="Codex",
            servers="mcp_servers",
            files={"project": PurePosixPath(".codex/config.toml"), "user": PurePosixPath(".codex/config.toml")},
            project_argument="",
            typed=False,
            rules=PurePosixPath("AGENTS.md"),
            next_step="start codex in the project and see it with /mcp",
            note={"project": "Codex reads this file only where it trusts the project; --scope user always works"},
        ),
    )
}
