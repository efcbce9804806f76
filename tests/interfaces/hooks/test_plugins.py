"""The plugins: the folder for Claude Code, from a clone, and the module that is installed for opencode."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aurora_dev import Memory
from aurora_dev.interfaces.install.hook_files import HOOKS, own_files

ROOT = Path(__file__).parents[3]
PLUGIN = ROOT / "plugins" / "claude-code"
NOTE = "Login sessions expire after 30 minutes, because stolen laptops kept users logged in"
PROMPT = "how long does a login session last until it expires?"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "a.py").write_text("def login():\n    return 1\n", "utf-8")

    async def make() -> None:
        async with Memory.open(root, user_store="none") as memory:
            await memory.index()
            await memory.remember(NOTE, kind="decision")

    asyncio.run(make())
    return root


def test_the_plugin_has_the_parts_that_claude_code_looks_for() -> None:
    marketplace = json.loads((ROOT / ".claude-plugin" / "marketplace.json").read_text("utf-8"))
    (entry,) = marketplace["plugins"]
    assert (ROOT / entry["source"]).resolve() == PLUGIN
    manifest = json.loads((PLUGIN / ".claude-plugin" / "plugin.json").read_text("utf-8"))
    assert manifest["name"] == entry["name"] == "aurora"
    assert f'version = "{manifest["version"]}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert json.loads((PLUGIN / ".mcp.json").read_text("utf-8"))["mcpServers"]["aurora"]["args"] == ["mcp"]
    skill = (PLUGIN / "skills" / "project-memory" / "SKILL.md").read_text("utf-8")
    assert skill.startswith("---\nname: project-memory\ndescription: ")
    hooks = json.loads((PLUGIN / "hooks" / "hooks.json").read_text("utf-8"))["hooks"]
    installed = HOOKS["claude-code"].events
    assert {name: group["hooks"][0]["command"].split()[-3] for name, (group,) in hooks.items()} == installed


@pytest.mark.skipif(sys.platform == "win32", reason="the plugin's program is a shell script")
def test_the_plugin_works_from_a_clone(project: Path, tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    shutil.copytree(PLUGIN, clone / "plugins" / "claude-code")
    (clone / "aurora_dev").symlink_to(ROOT / "aurora_dev")
    programs = tmp_path / "bin"  # without the command `aurora`
    programs.mkdir()
    for name in ("sh", "dirname"):
        (programs / name).symlink_to(str(shutil.which(name)))
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "python3").chmod(0o755)
    hooks = json.loads((clone / "plugins/claude-code/hooks/hooks.json").read_text("utf-8"))["hooks"]
    environment = {
        "PATH": str(programs),
        "HOME": str(tmp_path),
        "CLAUDE_PLUGIN_ROOT": str(clone / "plugins" / "claude-code"),
        "AURORA_USER_STORE": "none",
    }
    (project / "json.py").write_text("raise SystemExit(9)\n")  # is not taken for the module

    def run(event: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", hooks[event][0]["hooks"][0]["command"]],
            cwd=project,
            env=environment,
            input=json.dumps({"session_id": "s", "cwd": str(project), "prompt": PROMPT}),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    done = run("UserPromptSubmit")
    assert (done.returncode, done.stderr) == (0, "")
    assert NOTE in json.loads(done.stdout)["hookSpecificOutput"]["additionalContext"]
    (clone / "aurora_dev").unlink()  # nothing to run: silence
    done = run("UserPromptSubmit")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_the_module_for_opencode_adds_to_the_system_prompt(project: Path, tmp_path: Path) -> None:
    file = project / ".opencode" / "plugins" / "aurora.js"
    ((_, text),) = own_files(HOOKS["opencode"], "opencode", file, [sys.executable, "-m", "aurora_dev"]).items()
    (tmp_path / "aurora.mjs").write_text(text, "utf-8")
    (tmp_path / "run.mjs").write_text(
        """
import { Aurora } from "./aurora.mjs"

const [directory, prompt] = process.argv.slice(2)
const hooks = await Aurora({ directory })
const system = async (sessionID) => {
  const output = { system: [] }
  await hooks["experimental.chat.system.transform"]({ sessionID }, output)
  return output.system
}
const say = (sessionID, text) =>
  hooks["chat.message"]({ sessionID }, { message: {}, parts: [{ type: "text", text }, { type: "file" }] })
const found = [await system("one")]
await say("one", "run the tests")
found.push(await system("one"))
await say("two", prompt)
found.push(await system("two"))
await hooks["experimental.session.compacting"]({ sessionID: "one" }, { context: [] })
await hooks.event({ event: { type: "session.idle", properties: { sessionID: "one" } } })
console.log(JSON.stringify(found))
""",
        "utf-8",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AURORA_", "XDG_"))}
    done = subprocess.run(
        ["node", str(tmp_path / "run.mjs"), str(project), PROMPT],
        env={**kept, "HOME": str(tmp_path), "AURORA_USER_STORE": "none"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    before, first, second = json.loads(done.stdout)
    assert before == []
    assert len(first) == 1  # what is known at the start, which the prompt does not repeat
    assert NOTE in first[0]
    assert len(second) == 1
    assert NOTE in second[0]
