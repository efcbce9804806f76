"""The assistants that Aurora connects to: their configuration files, and the entry in each."""

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
        name: The name on the command line.
        title: The name for people.
        servers: The key of the object (JSON) or table (TOML) that holds the servers.
        files: The configuration file of each scope, relative to the project or to the home folder.
        project_argument: The placeholder for the project's folder; empty if the client starts servers there.
        typed: Whether an entry names its transport.
        rules: The file with the client's instructions for a project, relative to the project.
        rules_header: The start of that file when it is new.
        next_step: The action that makes a change take effect.
        note: Further advice, by scope.
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
        """Return the entry of the server in the client's configuration.

        Args:
            command: A program that starts Aurora, and its first arguments.
            scope: A project's file may name the folder; a user's file serves every project.
        """
        folder = [self.project_argument] if scope == "project" and self.project_argument else []
        entry: dict[str, Any] = {"type": "stdio"} if self.typed else {}
        return {**entry, "command": command[0], "args": [*command[1:], "mcp", *folder]}

    def file(self, scope: Scope, root: Path) -> Path:
        """Return the configuration file of a scope."""
        return (root if scope == "project" else Path.home()) / self.files[scope]


def _vscode_user_file() -> PurePosixPath:
    folders = {"win32": "AppData/Roaming/Code/User", "darwin": "Library/Application Support/Code/User"}
    return PurePosixPath(folders.get(sys.platform, ".config/Code/User"), "mcp.json")


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
            note={"project": "Codex reads this file only if it trusts the project; --scope user always works"},
        ),
    )
}
