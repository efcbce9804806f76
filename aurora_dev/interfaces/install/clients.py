"""The assistants that Aurora connects to: their configuration files, and the entry in each."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from aurora_dev.interfaces.install.hook_files import HOOKS, HookFiles, Scope

__all__ = ["CLIENTS", "SERVER_NAME", "Client", "Scope"]

SERVER_NAME = "aurora"

_ALWAYS_APPLIED = "---\ndescription: How to use the project's memory\nalwaysApply: true\n---\n\n"


@dataclass(frozen=True, slots=True)
class Client:
    """An assistant that speaks MCP.

    Attributes:
        name: The name on the command line.
        title: The name for people.
        servers: The key of the object (JSON) or table (TOML) that holds the servers.
        files: The configuration file of each scope, relative to the project or to the home folder. Some clients have
            one for the user only.
        project_argument: The placeholder for the project's folder; empty if the client starts servers there.
        typed: Whether an entry names its transport.
        next_step: The action that makes a change take effect.
        rules: The file with the client's instructions for a project, relative to the project; ``None`` if it has none.
        rules_header: The start of that file when it is new.
        note: Further advice, by scope.
        command_list: Whether an entry has its program and arguments in one list.
        anywhere: Whether the client starts servers in any folder and knows no placeholder for the project's, so that an
            entry has to name the folder.
        marks: Folders or files in the home folder that tell that the client is installed.
        program: Its command; empty if it has none.
    """

    name: str
    title: str
    servers: str
    files: Mapping[Scope, PurePosixPath]
    project_argument: str
    typed: bool
    next_step: str
    rules: PurePosixPath | None = None
    rules_header: str = ""
    note: Mapping[Scope, str] | None = None
    command_list: bool = False
    anywhere: bool = False
    marks: tuple[PurePosixPath, ...] = ()
    program: str = ""

    @property
    def hooks(self) -> HookFiles | None:
        """The client's hooks; ``None`` if it has none that Aurora can use."""
        return HOOKS.get(self.name)

    @property
    def is_toml(self) -> bool:
        """Return whether the configuration is TOML; otherwise it is JSON."""
        return all(file.suffix == ".toml" for file in self.files.values())

    @property
    def scopes(self) -> list[Scope]:
        """The scopes that the client has, the usual one first."""
        return list(self.files)

    def entry(self, command: list[str], scope: Scope, root: PurePath) -> dict[str, Any]:
        """Return the entry of the server in the client's configuration.

        Args:
            command: A program that starts Aurora, and its first arguments.
            scope: A project's file may name the folder; a user's file serves every project.
            root: The project's folder, for a client that starts servers anywhere.
        """
        folder = [self.project_argument] if scope == "project" and self.project_argument else []
        if self.anywhere:
            folder = [str(root)]
        if self.command_list:
            return {"type": "local", "command": [*command, "mcp", *folder], "enabled": True}
        entry: dict[str, Any] = {"type": "stdio"} if self.typed else {}
        return {**entry, "command": command[0], "args": [*command[1:], "mcp", *folder]}

    def file(self, scope: Scope, root: Path) -> Path:
        """Return the configuration file of a scope."""
        return (root if scope == "project" else Path.home()) / self.files[scope]


def _settings_folder(name: str) -> PurePosixPath:
    """Return the folder of a program's settings in the home folder."""
    folders = {"win32": "AppData/Roaming", "darwin": "Library/Application Support"}
    return PurePosixPath(folders.get(sys.platform, ".config"), name)


_VSCODE = _settings_folder("Code") / "User"
_CLINE = _VSCODE / "globalStorage" / "saoudrizwan.claude-dev"
_ZED = _settings_folder("Zed") if sys.platform == "win32" else PurePosixPath(".config/zed")
_CLAUDE_DESKTOP = _settings_folder("Claude")
_WINDSURF = PurePosixPath(".codeium/windsurf")
_OPENCODE = PurePosixPath(".config/opencode")
_ALWAYS_ON = "---\ntrigger: always_on\n---\n\n"
_ONE_PROJECT = "this file serves all projects, and its entry names this one"


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
            marks=(PurePosixPath(".claude.json"), PurePosixPath(".claude")),
            program="claude",
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
            marks=(PurePosixPath(".cursor"),),
            program="cursor",
        ),
        Client(
            name="vscode",
            title="VS Code",
            servers="servers",
            files={"project": PurePosixPath(".vscode/mcp.json"), "user": _VSCODE / "mcp.json"},
            project_argument="${workspaceFolder}",
            typed=True,
            rules=PurePosixPath(".github/copilot-instructions.md"),
            next_step="run 'MCP: List Servers' from the command palette and start 'aurora'",
            marks=(_VSCODE,),
            program="code",
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
            marks=(PurePosixPath(".codex"),),
            program="codex",
            note={"project": "Codex reads this file only if it trusts the project; --scope user always works"},
        ),
        Client(
            name="gemini-cli",
            title="Gemini CLI",
            servers="mcpServers",
            files={"project": PurePosixPath(".gemini/settings.json"), "user": PurePosixPath(".gemini/settings.json")},
            project_argument="",
            typed=False,
            rules=PurePosixPath("GEMINI.md"),
            next_step="start gemini in the project and see it with /mcp",
            marks=(PurePosixPath(".gemini"),),
            program="gemini",
        ),
        Client(
            name="opencode",
            title="opencode",
            servers="mcp",
            files={"project": PurePosixPath("opencode.json"), "user": _OPENCODE / "opencode.json"},
            project_argument="",
            typed=False,
            command_list=True,
            rules=PurePosixPath("AGENTS.md"),
            next_step="start opencode in the project",
            marks=(_OPENCODE,),
            program="opencode",
        ),
        Client(
            name="windsurf",
            title="Windsurf",
            servers="mcpServers",
            files={"user": _WINDSURF / "mcp_config.json"},
            project_argument="",
            typed=False,
            anywhere=True,
            rules=PurePosixPath(".windsurf/rules/aurora.md"),
            rules_header=_ALWAYS_ON,
            next_step="refresh the MCP servers in Windsurf's settings, under Cascade",
            note={"user": _ONE_PROJECT},
            marks=(_WINDSURF,),
            program="windsurf",
        ),
        Client(
            name="zed",
            title="Zed",
            servers="context_servers",
            files={"user": _ZED / "settings.json"},
            project_argument="",
            typed=False,
            anywhere=True,
            rules=PurePosixPath("AGENTS.md"),
            next_step="see the server in Zed's agent settings",
            note={"user": _ONE_PROJECT},
            marks=(_ZED,),
            program="zed",
        ),
        Client(
            name="cline",
            title="Cline",
            servers="mcpServers",
            files={"user": _CLINE / "settings" / "cline_mcp_settings.json"},
            project_argument="",
            typed=False,
            anywhere=True,
            rules=PurePosixPath(".clinerules/aurora.md"),
            next_step="see the server in Cline's MCP Servers tab",
            note={"user": _ONE_PROJECT},
            marks=(_CLINE,),
        ),
        Client(
            name="claude-desktop",
            title="Claude Desktop",
            servers="mcpServers",
            files={"user": _CLAUDE_DESKTOP / "claude_desktop_config.json"},
            project_argument="",
            typed=False,
            anywhere=True,
            next_step="quit Claude Desktop and start it again",
            note={"user": _ONE_PROJECT},
            marks=(_CLAUDE_DESKTOP,),
        ),
    )
}
