"""Sessions through an MCP client: found by a search, and read as resources."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from transcripts import Claude

from aurora_dev import Memory

Connect = Callable[..., AbstractAsyncContextManager[Any]]


async def test_a_client_finds_sessions_and_reads_one_as_a_resource(
    tmp_path: Path, mcp_client: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    project.mkdir()
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    transcript = Claude(home, project).ask("why is the footer twice?").answer("Both templates ``` rendered it.")
    (project / "a.py").write_text("footer = 1\n", "utf-8")
    async with Memory.open(project, reranker="none", user_store="none") as memory:
        await memory.index()
        await memory.capture_sessions()
    async with mcp_client(project, reranker="none", user_store="none") as client:
        found = await client.call_tool("search_memory", {"query": "footer", "sources": ["sessions"]})
        items = found.structured_content["results"]
        assert {item["source"] for item in items} == {"sessions"}
        assert {(item["session"], item["client"]) for item in items} == {(transcript.session, "claude-code")}
        (listed,) = (await client.list_resources()).resources
        assert listed.title == "why is the footer twice?"
        (content,) = (await client.read_resource(listed.uri)).contents
        assert f"- resume: claude --resume {transcript.session}\n" in content.text
        assert "````data conclusion 1\nBoth templates ``` rendered it.\n````" in content.text
