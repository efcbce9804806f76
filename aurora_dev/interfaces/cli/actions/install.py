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
from aurora_dev.interfaces.install.hook_files import (
    MARK,
    HookFiles,
    has_hooks,
    own_files,
    with_hooks,
    without_hooks,
)
from aurora_dev.interfaces.install.own_files import read_text, write_text

_LARGEST_FILE = 16 * 1024 * 1024  # bytes; a configuration takes a few kilobytes, but one client stores more in it


def run_install(
    name: str | None,
    path: Path | None,
    *,
    scope: Scope | None,
    command: list[str],
    rules: bool,
    hooks: bool,
    dry_run: bool,
    print_only: bool,
) -> int:
    """Add Aurora to a client's configuration, or print what would be added; without a client, list what is found."""
    root = _project_root(path)
    if name is None:
        return list_clients(root)
    client = _client(name)
    scope = _scope(client, scope)
    program = command or _own_command()
    entry = client.entry(program, scope, root)
    if print_only:
        _print_all(client, entry, program, scope, root, rules=rules, hooks=hooks)
        return EXIT_OK
    if hooks and client.hooks is None:
        raise InvalidRequestError(
            f"{client.title} has no hooks that Aurora can use: nothing was done. Leave out --hooks"
        )
    if rules and client.rules is None:
        raise InvalidRequestError(f"{client.title} has no file for rules: nothing was done. Leave out --rules")
    target = client.file(scope, root)
    _edit_file(target, lambda text: _with_entry(client, text, entry), dry_run=dry_run)
    if rules and client.rules is not None:
        header = client.rules_header
        _edit_file(root / client.rules, lambda text: agent_rules.with_rules(text, header), dry_run=dry_run)
    if hooks and client.hooks is not None:
        _add_hooks(client, client.hooks, client.hooks.file(scope, root), program, dry_run=dry_run)
    if dry_run:
        return EXIT_OK
    say(f"next: {client.next_step}")
    if scope == "project" and Path(program[0]).is_absolute():
        say("note: the entry has a path of this machine. If others share the file, use: --command aurora")
    if client.note and scope in client.note:
        say(f"note: {client.note[scope]}")
    if hooks and client.hooks is not None and client.hooks.note:
        say(f"note: {client.hooks.note}")
    if find_project(root) is None:
        say("note: this project has no index yet. Make one with: aurora index")
    if not rules and client.rules is not None:
        say(f"note: to tell {client.title} when to search and remember, add --rules")
    if not hooks and client.hooks is not None:
        say("note: to bring back what is known without being asked, and to keep what sessions did, add --hooks")
    if importlib.util.find_spec("mcp") is None:
        say("note: the server needs the mcp extra: pip install 'aurora-dev[mcp]'")
    return EXIT_OK


def run_uninstall(name: str, path: Path | None, *, scope: Scope | None, dry_run: bool) -> int:
    """Remove Aurora from a client's configuration, instructions and hooks."""
    client = _client(name)
    root = _project_root(path)
    scope = _scope(client, scope)
    found = _edit_file(client.file(scope, root), lambda text: _without_entry(client, text), dry_run=dry_run)
    header = client.rules_header
    if client.rules is not None and (root / client.rules).is_file():
        found |= _edit_file(root / client.rules, lambda text: agent_rules.without_rules(text, header), dry_run=dry_run)
    if client.hooks is not None:
        found |= _remove_hooks(client.hooks, client.hooks.file(scope, root), dry_run=dry_run)
    if not found:
        say(f"{client.title} is not connected to Aurora here: nothing was changed")
    return EXIT_OK


def list_clients(root: Path) -> int:
    """Print the clients that this machine has, and what of Aurora each has."""
    home = Path.home()
    rows = []
    for client in CLIENTS.values():
        connected = [scope for scope in client.scopes if is_connected(client, scope, root)]
        hooked = client.hooks is not None and any(
            has_hooks(client.hooks, client.hooks.file(each, root)) for each in client.hooks.files
        )
        on_machine = any((home / mark).exists() for mark in client.marks) or bool(
            client.program and shutil.which(client.program)
        )
        if on_machine or connected or hooked:
            state = f"connected ({', '.join(connected)})" if connected else "not connected"
            rows.append((client.name, f"{state}{', hooks' if hooked else ''}"))
    if not rows:
        say("no assistant was found on this machine")
    width = max((len(name) for name, _ in rows), default=0)
    for name, state in rows:
        print_text(f"{name:<{width}}  {state}")
    say(f"connect one with: aurora install CLIENT --hooks --rules. The clients are: {', '.join(CLIENTS)}")
    return EXIT_OK


def is_connected(client: Client, scope: Scope, root: Path) -> bool:
    """Return whether a configuration file of a client seems to hold Aurora's entry."""
    try:
        text = client.file(scope, root).read_text("utf-8", errors="replace")
    except OSError:
        return False
    return client.servers in text and SERVER_NAME in text


def _scope(client: Client, scope: Scope | None) -> Scope:
    if scope is None:
        return client.scopes[0]
    if scope not in client.files:
        raise InvalidRequestError(
            f"{client.title} has no configuration file for a project: nothing was done. Use: --scope user"
        )
    return scope


def _print_all(
    client: Client, entry: dict[str, Any], program: list[str], scope: Scope, root: Path, *, rules: bool, hooks: bool
) -> None:
    print_text(_snippet(client, entry), end="")
    if rules:
        print_text(f"\n{agent_rules.RULES}", end="")
    if hooks and client.hooks is not None:
        file = client.hooks.file(scope, root)
        own = own_files(client.hooks, client.name, file, program)
        texts = own or {file: with_hooks(client.hooks, client.name, "", program)}
        for each, text in texts.items():
            print_text(f"\n{visible(shown_path(each))}:\n{text}", end="")


def _add_hooks(client: Client, hooks: HookFiles, file: Path, program: list[str], *, dry_run: bool) -> None:
    own = own_files(hooks, client.name, file, program)
    for each, text in own.items():
        present = read_text(each, _LARGEST_FILE)
        if present is not None and present.strip() and MARK not in present:
            say(f"note: {visible(shown_path(each))} is a hook of somebody else and was left as it is")
            continue
        _edit_file(each, lambda _, text=text: text, dry_run=dry_run)  # type: ignore[misc]
        if hooks.form == "scripts" and not dry_run:
            each.chmod(each.stat().st_mode | 0o111)
    if not own:
        _edit_file(file, lambda text: with_hooks(hooks, client.name, text, program), dry_run=dry_run)


def _remove_hooks(hooks: HookFiles, file: Path, *, dry_run: bool) -> bool:
    if hooks.form not in ("scripts", "plugin"):
        return file.is_file() and _edit_file(file, lambda text: without_hooks(hooks, text), dry_run=dry_run)
    found = False
    for each in [file / name for name in hooks.events] if hooks.form == "scripts" else [file]:
        text = read_text(each, _LARGEST_FILE)
        if text is not None and MARK in text:
            found |= _edit_file(each, lambda _: "", dry_run=dry_run)
    return found


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
    if own.is_file():
        return [str(own)]
    # Clients start it in the project, whose files must not be taken for modules.
    return [sys.executable, *(["-P"] if sys.version_info >= (3, 11) else []), "-m", "aurora_dev"]


def _snippet(client: Client, entry: dict[str, Any]) -> str:
    if client.is_toml:
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
    if client.is_toml:
        from aurora_dev.interfaces.install import toml_members

        return toml_members.set_table(text, (client.servers, SERVER_NAME), entry)
    data = json_members.read(text) if text.strip() else {}
    servers = data.get(client.servers) if isinstance(data, dict) else None
    existing = servers.get(SERVER_NAME) if isinstance(servers, dict) else None
    # Keep what a person added to the entry, such as an environment or a timeout.
    merged = {**existing, **entry} if isinstance(existing, dict) else entry
    return text if merged == existing else json_members.set_member(text, (client.servers, SERVER_NAME), merged)


def _without_entry(client: Client, text: str) -> str:
    if client.is_toml:
        from aurora_dev.interfaces.install import toml_members

        return toml_members.remove_table(text, (client.servers, SERVER_NAME))
    return json_members.remove_member(text, (client.servers, SERVER_NAME))
