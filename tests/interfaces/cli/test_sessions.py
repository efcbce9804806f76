"""``aurora sessions``: what it lists, shows, takes in and removes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from transcripts import Claude
from typer.testing import Result

Run = Callable[..., Result]


def test_sessions_are_taken_in_listed_shown_searched_and_removed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    project.mkdir()
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    transcript = Claude(home, project).ask("why is the footer twice?").run("make test", "no", failed=True)
    transcript.edit("footer.py").answer("It was rendered by both templates.").ask("and the header?")

    done = run("sessions", "capture", cwd=project)
    assert done.stdout == (
        "1 transcript of this project, 1 with something new: 2 exchanges added, 0 updated in 1 session\n"
    )
    listed = run("sessions", cwd=project)
    assert listed.exit_code == 0
    head, changed, left = listed.stdout.splitlines()
    assert head.startswith("11111111  2026-11-02 ")
    assert head.endswith("claude-code  2 exchanges  why is the footer twice?")
    assert changed.strip() == "changed footer.py"
    assert left.strip() == "not answered: and the header?"
    shown = run("sessions", "show", "1111", cwd=project).stdout
    assert f"resume     claude --resume {transcript.session}\n" in shown
    assert "> why is the footer twice?\n\nIt was rendered by both templates.\n" in shown
    assert "> and the header?\n\n(not answered)" in shown
    found = run("search", "footer templates", "--only", "sessions", "--no-rerank", cwd=project)
    assert "session 11111111" in found.stdout
    data = json.loads(run("sessions", "list", "--json", cwd=project).stdout)
    assert data["sessions"][0]["open_ends"] == ["not answered: and the header?", "still failing: make test (no)"]

    due = run("sessions", "prune", "--all", cwd=project)
    assert due.stdout.startswith("11111111")
    assert run("sessions", "prune", "--all", "--yes", cwd=project).stdout == "removed 1 session (3 records)\n"
    assert run("sessions", cwd=project).exit_code == 1
    refused = run("sessions", "prune", "--all", "--keep", "1", cwd=project)
    assert refused.exit_code != 0
    missing = run("sessions", "show", "nothing", cwd=project)
    assert missing.exit_code != 0
