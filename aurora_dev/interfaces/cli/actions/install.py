"""``aurora install`` and ``aurora uninstall``: edit the configuration file of an assistant."""

from __future__ import annotations

import difflib
import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aurora_dev.config import find_project
from aurora_dev.core.text.visible import visible
from aurora_dev.errors import ConfigurationError, InvalidRequestError
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_OK
from aurora_dev.interfaces.cli.output.render import shown_path, to_json
from aurora_dev.interfaces.cli.output.streams import print_text, say
from aurora_dev.interfaces.install import agent_rules, json_members
from aurora_dev.interfaces.install.clients import CLIENTS, SERVER_NAME, Client, Scope
from aurora_dev.interfaces.install.own_files import read_text, write_text

_LARGEST_FILE = 16 * 1024 * 1024  # bytes; a configuration takes a few kilobytes, but one client stores more in it


def run_install(
    name: str,
    path: Path | None,
    *,
    scope: Scope,
    command: list[str],
    rules: bool,
    dry_run: bool,
    print_only: bool,
) -> int:
    """Add Aurora to a client's configuration, or print what would be added."""
    client = _client(name)
    root = _project_root(path)
    entry = client.entry(command or _own_command(), scope)
    if print_only:
        print_text(_snippet(client, entry), end="")
        if rules:
            print_text(f"\n{agent_rules.RULES}", end="")
        return EXIT_OK
    target = client.file(scope, root)
    _edit_file(target, lambda text: _with_entry(client, text, entry), dry_run=dry_run)
    if rules:
        header = client.rules_header
        _edit_file(root / client.rules, lambda text: agent_rules.with_rules(text, header), dry_run=dry_run)
    if dry_run:
        return EXIT_OK
    say(f"next: {client.next_step}")
    if scope == "project" and Path(entry["command"]).is_absolute():
        say("note: the entry has a path of this machine. If others share the file, use: --command aurora")
    if client.note and scope in client.note:
        say(f"note: {client.note[scope]}")
    if find_project(root) is None:
        say("note: this project has no index yet. Make one with: aurora index")
    if not rules:
        say(f"note: to tell {client.title} when to search and remember, add --rules")
    if importlib.util.find_spec("mcp") is None:
        say("note: the server needs the mcp extra: pip install 'aurora-dev[mcp]'")
    return EXIT_OK


def run_uninstall(name: str, path: Path | None, *, scope: Scope, dry_run: bool) -> int:
    """Remove Aurora from a client's configuration and instructions."""
    client = _client(name)
    root = _project_root(path)
    found = _edit_file(client.file(scope, root), lambda text: _without_entry(client, text), dry_run=dry_run)
    header = client.rules_header
    if (root / client.rules).is_file():
        found |= _edit_file(root / client.rules, lambda text: agent_rules.without_rules(text, header), dry_run=dry_run)
    if not found:
        say(f"{client.title} is not connected to Aurora here: nothing was changed")
    return EXIT_OK


def _client(name: str) -> Client:
    client = CLIENTS.get(name)
    if client is None:
        raise InvalidRequestError(
            f"there is no client '{name}': nothing was done. The clients are: {', '.join(CLIENTS)}"
        )
    return client


def _project_root(path: Path | None) -> Path:
    if path is not None and not path.is_dir():
        raise InvalidRequestError(f"'{path}' is not a folder: nothing was done")
    here = (path or Path.cwd()).absolute()
    return find_project(here, within_repository=True) or here


def _own_command() -> list[str]:
    """Return a command that starts Aurora from anywhere: its script, or this interpreter with ``-m aurora_dev``."""
    found = shutil.which("aurora")
    own = Path(sys.executable).with_name("aurora.exe" if sys.platform == "win32" else "aurora")
    # A script in a virtual environment is on PATH only while that is active, and clients do not activate it.
    if found is not None and Path(found).absolute() != own.absolute():
        return ["aurora"]
    return [str(own)] if own.is_file() else [sys.executable, "-m", "aurora_dev"]


def _snippet(client: Client, entry: dict[str, Any]) -> str:
    if client.files["project"].suffix == ".toml":
        return _with_entry(client, "", entry)
    return to_json({client.servers: {SERVER_NAME: entry}}) + "\n"


def _edit_file(target: Path, edit: Callable[[str], str], *, dry_run: bool) -> bool:
    """Edit a file, or print a diff with ``dry_run``; return whether the file changes."""
    before = read_text(target, _LARGEST_FILE)
    try:
        after = edit(before or "")
    except json_members.JSONTextError as error:
        raise ConfigurationError(
            f"{target} cannot be edited ({error}): nothing was changed. Correct the file, or add the entry by hand: "
            f"aurora install CLIENT --print"
        ) from None
    shown = visible(shown_path(target))
    if after == (before or ""):
        if before is not None:
            say(f"{shown} is already up to date")
        return False
    if dry_run:
        lines = difflib.unified_diff(
            (before or "").splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"{shown} (now)",
            f"{shown} (after)",
        )
        print_text("".join(visible(line, keep_newlines=True) for line in lines), end="")
        return True
    if after.strip() in ("", "{}"):
        target.unlink()
        say(f"removed {shown}, which had no other content")
    else:
        write_text(target, after)
        say(f"{'changed' if before is not None else 'wrote'} {shown}")
    return True


def _with_entry(client: Client, text: str, entry: dict[str, Any]) -> str:
    if client.files["project"].suffix == ".toml":
        from aurora_dev.interfaces.install import toml_members

        return toml_members.set_table(text, (client.servers, SERVER_NAME), entry)
    data = json_members.read(text) if text.strip() else {}
    servers = data.get(client.servers) if isinstance(data, dict) else None
    existing = servers.get(SERVER_NAME) if isinstance(servers, dict) else None
    # Keep what a person added to the entry, such as an environment or a timeout.
    merged = {**existing, **entry} if isinstance(existing, dict) else entry
    return text if merged == existing else json_members.set_member(text, (client.servers, SERVER_NAME), merged)


def _without_entry(client: Client, text: str) -> str:
    if client.files["project"].suffix == ".toml":
        from aurora_dev.interfaces.install import toml_members

        return toml_members.remove_table(text, (client.servers, SERVER_NAME))
    return json_members.remove_member(text, (client.servers, SERVER_NAME))
