"""The text that hooks add: what is in it, and that it stays within its budget."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dev import Memory
from aurora_dev.core.tokens import create_counter
from aurora_dev.interfaces.hooks.briefing import text_for_start
from aurora_dev.interfaces.hooks.formats import HookInput
from aurora_dev.interfaces.hooks.place import Place, find_place
from aurora_dev.interfaces.hooks.prompt import text_for_prompt
from aurora_dev.interfaces.hooks.texts import START_BUDGET, note_line, one_line, within_budget

COUNT = create_counter().count


@given(st.lists(st.text(max_size=200), max_size=20), st.integers(min_value=0, max_value=600))
@settings(max_examples=60, deadline=None)
def test_any_lines_stay_within_the_budget_and_cannot_close_the_fence(texts: list[str], budget: int) -> None:
    lines = [(note_line(text, {"kind": text[:10]}), str(number)) for number, text in enumerate(texts)]
    text, ids = within_budget("title", [("Heading:", ""), *lines], budget)
    assert COUNT(text) <= budget or not text
    assert bool(text) == bool(ids)
    if text:
        shown = text.splitlines()
        fence = shown[1].partition("data")[0]
        assert [number for number, line in enumerate(shown) if line.startswith(fence)] == [1, len(shown) - 1]
        assert "Heading:" in shown


def test_a_line_that_does_not_fit_leaves_room_for_a_shorter_one() -> None:
    text, ids = within_budget("t", [("Notes:", ""), ("- " + "word " * 400, "long"), ("- short", "short")], 200)
    assert ids == ["short"]
    assert "Notes:\n- short\n" in text
    assert within_budget("t", [("Notes:", "")], 200) == ("", [])


def test_a_text_becomes_one_line_without_hidden_characters() -> None:
    assert one_line(" a\n\tb\r\n c\x1b[31m\u202e ", 100) == "a b c\\x1b[31m\\u202e"
    assert one_line("word " * 100, 20) == "word word word word…"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "auth.py").write_text("def verify(token):\n    return token == 'ok'\n", "utf-8")
    return root


def make(root: Path, *notes: dict[str, Any]) -> None:
    async def work() -> None:
        async with Memory.open(root, user_store="none") as memory:
            await memory.index()
            for note in notes:
                await memory.remember(**note)

    asyncio.run(work())


def place_of(root: Path) -> Place:
    place = find_place(str(root))
    assert place is not None
    return place._replace(user=None)


def start(root: Path, session: str = "s", source: str = "startup") -> str:
    call = HookInput("session-start", "plain", session, str(root), "", None, source)
    return text_for_start(place_of(root), call)[0]


def ask(root: Path, prompt: str, session: str = "s") -> str:
    call = HookInput("prompt", "plain", session, str(root), prompt, None, "")
    return text_for_prompt(place_of(root), call)[0]


def test_a_start_shows_what_stands_and_leaves_out_what_does_not(project: Path) -> None:
    make(
        project,
        {"content": "Tokens are verified in one place only", "kind": "decision", "path": "auth.py", "symbol": "verify"},
        {"content": "Ada looked at the colours of the logo", "kind": "note"},
        {"content": "The release is on Monday, come what may", "kind": "note", "importance": 9},
        {"content": "The cache was warmed by hand last week", "kind": "lesson", "expires_in": 1e-6},
        {"content": "Deployments are made at ten o'clock", "kind": "convention"},
        {"content": "Deployments are never made at ten o'clock", "kind": "convention"},
    )

    async def change() -> None:
        async with Memory.open(project, user_store="none") as memory:
            (project / "auth.py").write_text("def verify(token, key):\n    return check(token, key)\n", "utf-8")
            await memory.index()

    asyncio.run(change())
    text = start(project)
    assert "auth.py, stale: its code has changed] Tokens are verified" in text
    assert "come what may" in text
    assert "logo" not in text
    assert "cache was warmed" not in text
    conflicts, _, rest = text.partition("Decisions, conventions and lessons:")
    assert conflicts.count("ten o'clock") == 2
    assert "ten o'clock" not in rest


def test_a_start_with_many_notes_stays_within_its_budget(project: Path) -> None:
    make(project, *({"content": f"Rule {n}: " + f"w{n}ord{n * 7} " * 60, "kind": "decision"} for n in range(15)))
    text = start(project)
    assert 200 < COUNT(text) <= START_BUDGET


def test_what_the_start_has_shown_is_not_added_to_a_prompt_until_it_may_be_gone(project: Path) -> None:
    make(project, {"content": "Login sessions expire after 30 minutes", "kind": "decision"})
    prompt = "when do login sessions expire?"
    assert "30 minutes" in start(project)
    assert ask(project, prompt) == ""
    assert "30 minutes" in ask(project, prompt, "another session")
    assert "30 minutes" in start(project, source="compact")
    assert ask(project, prompt) == ""


def test_the_notes_of_the_user_count_too(project: Path, tmp_path: Path) -> None:
    make(project)

    async def remember() -> None:
        async with Memory.open(project, user_store=str(tmp_path / "user")) as memory:
            await memory.remember("I prefer tabs in every Makefile recipe", kind="convention", scope="user")

    asyncio.run(remember())
    place = place_of(project)._replace(user=str(tmp_path / "user"))
    call = HookInput("session-start", "plain", "s", str(project), "", None, "startup")
    assert "tabs in every Makefile" in text_for_start(place, call)[0]
    call = HookInput("prompt", "plain", "t", str(project), "which tabs does a Makefile recipe need?", None, "")
    assert "tabs in every Makefile" in text_for_prompt(place, call)[0]


def test_an_environment_or_a_file_with_settings_is_read_and_defaults_are_guessed_right(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aurora_dev.config import Settings

    make(project)
    monkeypatch.delenv("AURORA_USER_STORE", raising=False)
    for home in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(home, str(tmp_path / "data"))
    place = find_place(str(project))
    user = Settings.load(project).user_store_path()
    assert place == Place(str(project), str(project / ".aurora"), "default", "default", str(user))
    monkeypatch.setenv("AURORA_NAMESPACE", "docs")
    place = find_place(str(project / ".aurora"))
    assert place is not None
    assert (place.root, place.namespace) == (str(project), "docs")
    monkeypatch.setenv("AURORA_BACKEND", "pinecone")
    assert find_place(str(project)) is None, "a remote store takes longer than a hook may"
    assert find_place("relative") is None
