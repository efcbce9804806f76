"""``aurora install`` and ``aurora uninstall``: the clients' own files, in a home folder of the test."""

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from typer.testing import CliRunner, Result

from aurora_dev.interfaces.cli.app import app
from aurora_dev.interfaces.install import agent_rules
from aurora_dev.interfaces.install.clients import CLIENTS

Run = Callable[..., Result]

FILES = {
    ("claude-code", "project"): "project/.mcp.json",
    ("claude-code", "user"): "home/.claude.json",
    ("cursor", "project"): "project/.cursor/mcp.json",
    ("cursor", "user"): "home/.cursor/mcp.json",
    ("vscode", "project"): "project/.vscode/mcp.json",
    ("codex", "project"): "project/.codex/config.toml",
    ("codex", "user"): "home/.codex/config.toml",
    ("gemini-cli", "project"): "project/.gemini/settings.json",
    ("gemini-cli", "user"): "home/.gemini/settings.json",
    ("opencode", "project"): "project/opencode.json",
    ("opencode", "user"): "home/.config/opencode/opencode.json",
    ("windsurf", "user"): "home/.codeium/windsurf/mcp_config.json",
    ("zed", "user"): "home/.config/zed/settings.json",
}
# Clients with a file for the user only, which start servers anywhere.
ANYWHERE = ("windsurf", "zed", "cline", "claude-desktop")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("project", "home"):
        (tmp_path / name).mkdir()
    (tmp_path / "project" / ".git").mkdir()
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.chdir(tmp_path / "project")
    return lambda *arguments: CliRunner().invoke(app, list(arguments), prog_name="aurora")


def entry_in(text: str, suffix: str) -> dict[str, Any]:
    data = tomlkit.parse(text).unwrap() if suffix == ".toml" else json.loads(text)
    (servers,) = data.values()
    entry: dict[str, Any] = servers["aurora"]
    if isinstance(entry["command"], list):  # opencode
        entry["command"], entry["args"] = entry["command"][0], entry["command"][1:]
    return entry


@pytest.mark.parametrize(("client", "scope"), FILES)
def test_install_writes_the_file_that_the_client_reads_and_uninstall_removes_it(
    run: Run, tmp_path: Path, client: str, scope: str
) -> None:
    file = tmp_path / FILES[client, scope]
    done = run("install", client, "--scope", scope, "--command", "aurora")
    assert done.exit_code == 0, done.stderr
    entry = entry_in(file.read_text(), file.suffix)
    folder = ["${workspaceFolder}"] if scope == "project" and client in ("cursor", "vscode") else []
    if client in ANYWHERE:
        folder = [str(tmp_path / "project")]
    assert (entry["command"], entry["args"]) == ("aurora", ["mcp", *folder])
    again = run("install", client, "--scope", scope, "--command", "aurora")
    assert again.exit_code == 0
    assert "already up to date" in again.stderr
    assert run("uninstall", client, "--scope", scope).exit_code == 0
    assert not file.exists()


def test_vs_code_keeps_its_own_key_and_its_user_file_where_vs_code_looks(run: Run, tmp_path: Path) -> None:
    run("install", "vscode")
    assert list(json.loads((tmp_path / "project/.vscode/mcp.json").read_text())) == ["servers"]
    run("install", "vscode", "--scope", "user")
    (file,) = (tmp_path / "home").rglob("mcp.json")
    assert file.parts[-3:-1] == ("Code", "User")


def test_the_rest_of_the_file_is_kept(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "home/.codex/config.toml"
    file.parent.mkdir()
    before = '# mine\nmodel = "o9"\n\n[mcp_servers.other]\ncommand = "x"  # keep\n\n[profiles.fast]\nmodel = "o8"\n'
    file.write_text(before)
    assert run("install", "codex", "--scope", "user").exit_code == 0
    text = file.read_text()
    assert all(line in text.splitlines() for line in before.splitlines())
    assert set(tomlkit.parse(text).unwrap()["mcp_servers"]) == {"other", "aurora"}
    assert run("uninstall", "codex", "--scope", "user").exit_code == 0
    assert tomlkit.parse(file.read_text()).unwrap() == tomlkit.parse(before).unwrap()
    assert "# keep" in file.read_text()


@pytest.mark.parametrize(("client", "file"), [("claude-code", ".mcp.json"), ("codex", ".codex/config.toml")])
def test_additions_of_a_person_to_the_entry_are_kept(run: Run, tmp_path: Path, client: str, file: str) -> None:
    target = tmp_path / "project" / file
    target.parent.mkdir(exist_ok=True)
    if target.suffix == ".toml":
        target.write_text('[mcp_servers.aurora]\ncommand = "old"\nargs = []\nstartup_timeout_sec = 20\n')
    else:
        target.write_text('{"mcpServers": {"aurora": {"command": "old", "startup_timeout_sec": 20}}}')
    assert run("install", client, "--command", "uv run aurora").exit_code == 0
    entry = entry_in(target.read_text(), target.suffix)
    assert (entry["command"], entry["args"], entry["startup_timeout_sec"]) == ("uv", ["run", "aurora", "mcp"], 20)


def test_without_a_command_the_entry_starts_this_installation(run: Run, tmp_path: Path) -> None:
    run("install", "claude-code")
    command = json.loads((tmp_path / "project/.mcp.json").read_text())["mcpServers"]["aurora"]["command"]
    assert command == "aurora" or Path(command).is_file()


def test_a_dry_run_shows_the_change_and_makes_none(run: Run, tmp_path: Path) -> None:
    done = run("install", "cursor", "--rules", "--dry-run")
    assert done.exit_code == 0
    assert '+    "aurora": {' in done.stdout
    assert "alwaysApply" in done.stdout
    assert [path.name for path in (tmp_path / "project").iterdir()] == [".git"]
    run("install", "cursor")
    before = (tmp_path / "project/.cursor/mcp.json").read_bytes()
    assert '-    "aurora": {' in run("uninstall", "cursor", "--dry-run").stdout
    assert (tmp_path / "project/.cursor/mcp.json").read_bytes() == before


@pytest.mark.parametrize("client", CLIENTS)
def test_print_shows_an_entry_to_paste(run: Run, tmp_path: Path, client: str) -> None:
    done = run("install", client, "--print", "--command", "aurora")
    suffix = ".toml" if client == "codex" else ".json"
    assert entry_in(done.stdout, suffix)["command"] == "aurora"
    assert [path.name for path in (tmp_path / "project").iterdir()] == [".git"]


@pytest.mark.parametrize("client", [name for name, client in CLIENTS.items() if client.rules is not None])
def test_rules_are_added_once_and_leave_the_rest_alone(run: Run, tmp_path: Path, client: str) -> None:
    file = tmp_path / "project" / (CLIENTS[client].rules or "")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# Our rules\n\nUse tabs.\n")
    for _ in range(2):
        assert run("install", client, "--rules").exit_code == 0
    text = file.read_text()
    assert text.startswith("# Our rules\n\nUse tabs.\n\n")
    assert text.count(agent_rules.BEGIN) == text.count("build_context") == 1
    assert run("uninstall", client).exit_code == 0
    assert file.read_text() == "# Our rules\n\nUse tabs.\n"


def test_a_new_rules_file_has_the_header_of_the_client_and_is_removed_with_the_rules(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "project/.cursor/rules/aurora.mdc"
    run("install", "cursor", "--rules")
    assert file.read_text().startswith("---\n")
    assert "alwaysApply: true" in file.read_text().split("---")[1]
    run("uninstall", "cursor")
    assert not file.exists()


def test_rules_of_an_older_version_are_replaced_where_they_stand() -> None:
    old = f"a\n\n{agent_rules.BEGIN}\nold\n{agent_rules.END}\n\nb\n"
    assert agent_rules.with_rules(old) == f"a\n\n{agent_rules.BEGIN}\n{agent_rules.RULES}{agent_rules.END}\n\nb\n"
    assert agent_rules.without_rules(old) == "a\n\nb\n"


@pytest.mark.parametrize(
    ("client", "file", "text", "words"),
    [
        ("claude-code", ".mcp.json", b"{oops", "line 1"),
        ("claude-code", ".mcp.json", b'{"mcpServers": []}', "'mcpServers' is not an object"),
        ("claude-code", ".mcp.json", b'{"a": "\xff"}', "UTF-8"),
        ("claude-code", ".mcp.json", b"[]", "outermost"),
        ("codex", ".codex/config.toml", b"a = [", "not TOML"),
        ("codex", ".codex/config.toml", b"mcp_servers = 1\n", "not a table"),
    ],
)
def test_a_file_that_cannot_be_edited_is_not_changed(
    run: Run, tmp_path: Path, client: str, file: str, text: bytes, words: str
) -> None:
    target = tmp_path / "project" / file
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(text)
    done = run("install", client)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "nothing was changed" in done.stderr
    assert target.read_bytes() == text


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes of POSIX")
def test_links_and_permissions_are_kept(run: Run, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text('model = "o9"\n')
    real.chmod(0o600)
    link = tmp_path / "home/.codex/config.toml"
    link.parent.mkdir()
    link.symlink_to(real)
    assert run("install", "codex", "--scope", "user").exit_code == 0
    assert link.is_symlink()
    assert "aurora" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_file_that_cannot_be_written_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "project").chmod(0o500)
    done = run("install", "claude-code")
    (tmp_path / "project").chmod(0o700)
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr


def test_install_in_a_subfolder_connects_the_project_around_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project/.aurora").mkdir()
    (tmp_path / "project/src").mkdir()
    monkeypatch.chdir(tmp_path / "project/src")
    run("install", "claude-code")
    assert (tmp_path / "project/.mcp.json").exists()
    assert "is not a folder" in run("install", "claude-code", "-p", "missing").stderr


def test_uninstalling_a_client_that_is_not_connected_is_reported(run: Run) -> None:
    done = run("uninstall", "vscode")
    assert done.exit_code == 0
    assert "nothing was changed" in done.stderr


HOOKED = [name for name, client in CLIENTS.items() if client.hooks is not None]
EVENTS = {"session-start", "prompt", "pre-compact", "stop", "session-end"}


def commands_in(value: Any) -> list[str]:
    """Return every command in a file of hooks."""
    if isinstance(value, dict):
        own = [value["command"]] if isinstance(value.get("command"), str) else []
        return own + [command for each in value.values() for command in commands_in(each)]
    return [command for each in value for command in commands_in(each)] if isinstance(value, list) else []


@pytest.mark.parametrize("scope", ["project", "user"])
@pytest.mark.parametrize("client", HOOKED)
def test_hooks_are_added_once_and_removed_with_the_client(run: Run, tmp_path: Path, client: str, scope: str) -> None:
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    arguments = () if scope not in CLIENTS[client].files else ("--scope", scope)
    if scope == "project" and not arguments:
        pytest.skip("the client has no configuration file for a project")
    for _ in range(2):
        done = run("install", client, *arguments, "--hooks", "--command", "uv run aurora")
        assert done.exit_code == 0, done.stderr
    assert "already up to date" in done.stderr
    written = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    texts = "\n".join(path.read_text() for path in written)
    assert texts.count("session-start") == (2 if client == "cline" else 1)
    assert "session-start --client" in texts or client == "opencode"
    done = run("uninstall", client, *arguments)
    assert done.exit_code == 0, done.stderr
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before


def test_hooks_have_the_format_that_each_client_documents(run: Run, tmp_path: Path) -> None:
    for client in ("claude-code", "codex", "gemini-cli", "cursor", "vscode"):
        assert run("install", client, "--hooks", "--command", "aurora").exit_code == 0
    project = tmp_path / "project"
    claude = json.loads((project / ".claude/settings.json").read_text())["hooks"]
    assert set(claude) == {"SessionStart", "UserPromptSubmit", "PreCompact", "Stop", "SessionEnd"}
    command = "aurora hook prompt --client claude-code"
    assert claude["UserPromptSubmit"] == [{"hooks": [{"type": "command", "command": command, "timeout": 5}]}]
    codex = json.loads((project / ".codex/hooks.json").read_text())["hooks"]
    assert set(codex) == {"SessionStart", "UserPromptSubmit", "PreCompact", "Stop"}
    gemini = json.loads((project / ".gemini/settings.json").read_text())
    assert gemini["mcpServers"]["aurora"]["command"] == "aurora"
    assert gemini["hooks"]["BeforeAgent"][0]["hooks"][0]["timeout"] == 5_000  # milliseconds
    cursor = json.loads((project / ".cursor/hooks.json").read_text())
    assert cursor["version"] == 1
    assert cursor["hooks"]["sessionStart"] == [{"command": "aurora hook session-start --client cursor", "timeout": 10}]
    vscode = json.loads((project / ".github/hooks/aurora.json").read_text())["hooks"]
    assert vscode["SessionStart"][0]["type"] == "command"


def test_hooks_of_others_and_the_rest_of_the_settings_stay(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "project/.claude/settings.json"
    file.parent.mkdir()
    before = (
        '{\n  "model": "opus",\n  "hooks": {\n    "Stop": [\n      { "hooks": [ { "type": "command", '
        '"command": "say done" } ] }\n    ],\n    "PostToolUse": []\n  }\n}\n'
    )
    file.write_text(before)
    assert run("install", "claude-code", "--hooks").exit_code == 0
    text = file.read_text()
    data = json.loads(text)
    assert '{ "hooks": [ { "type": "command", "command": "say done" } ] }' in text
    assert len(data["hooks"]["Stop"]) == 2
    assert (data["model"], data["hooks"]["PostToolUse"]) == ("opus", [])
    assert run("uninstall", "claude-code").exit_code == 0
    assert file.read_text() == before


def test_a_new_command_replaces_the_old_one_in_the_hooks(run: Run, tmp_path: Path) -> None:
    run("install", "claude-code", "--hooks", "--command", "old/aurora")
    run("install", "claude-code", "--hooks", "--command", "new/aurora")
    commands = commands_in(json.loads((tmp_path / "project/.claude/settings.json").read_text()))
    assert len(commands) == 5
    assert all(command.startswith("new/aurora hook ") for command in commands)


def test_a_script_of_somebody_else_is_left_alone(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "project/.clinerules/hooks/UserPromptSubmit"
    file.parent.mkdir(parents=True)
    file.write_text("#!/bin/sh\necho mine\n")
    done = run("install", "cline", "--hooks")
    assert done.exit_code == 0, done.stderr
    user = tmp_path / "home/Documents/Cline/Hooks"
    assert os.access(user / "TaskStart", os.X_OK) or sys.platform == "win32"
    (user / "UserPromptSubmit").write_text("#!/bin/sh\necho mine\n")
    assert "left as it is" in run("install", "cline", "--hooks").stderr
    assert run("uninstall", "cline").exit_code == 0
    assert [path.name for path in user.iterdir()] == ["UserPromptSubmit"]
    assert file.read_text() == "#!/bin/sh\necho mine\n"


def test_clients_without_hooks_or_a_file_for_the_project_are_refused(run: Run, tmp_path: Path) -> None:
    for arguments, words in (
        (("zed", "--hooks"), "no hooks"),
        (("claude-desktop", "--rules"), "no file for rules"),
        (("windsurf", "--scope", "project"), "--scope user"),
    ):
        done = run("install", *arguments)
        assert done.exit_code == 2
        assert words in done.stderr
        assert "nothing was done" in done.stderr
    assert not list((tmp_path / "home").iterdir())


def test_install_alone_lists_what_it_finds(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = run("install")
    assert done.exit_code == 0
    assert "no assistant was found" in done.stderr
    (tmp_path / "home/.gemini").mkdir()
    run("install", "claude-code", "--hooks")
    done = run("install")
    assert [line.split(maxsplit=1) for line in done.stdout.splitlines()] == [
        ["claude-code", "connected (project), hooks"],
        ["gemini-cli", "not connected"],
    ]


def test_a_dry_run_shows_hooks_and_print_has_them_to_paste(run: Run, tmp_path: Path) -> None:
    for client in HOOKED:
        done = run("install", client, "--hooks", "--dry-run", "--command", "aurora")
        assert done.exit_code == 0, done.stderr
        assert "session-start" in done.stdout
        assert "session-start" in run("install", client, "--hooks", "--print", "--command", "aurora").stdout
    assert [path.name for path in (tmp_path / "project").iterdir()] == [".git"]
    assert not list((tmp_path / "home").iterdir())
