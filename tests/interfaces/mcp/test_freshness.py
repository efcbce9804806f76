"""Saved files and commits are found by the next search of a client."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

Connect = Callable[..., AbstractAsyncContextManager[Any]]


def text_of(result: Any) -> str:
    return str(result.content[0].text)


async def test_a_saved_file_is_found_by_the_next_search(project: Path, mcp_client: Connect) -> None:
    async with mcp_client(project) as client:
        await client.call_tool("index_project", {})
        (project / "src" / "auth" / "otp.py").write_text("def one_time_password():\n    return 123456\n", "utf-8")
        found = await client.call_tool("search_memory", {"query": "one_time_password", "sources": ["files"]})
        assert found.structured_content["results"][0]["path"] == "src/auth/otp.py"
        narrowed = await client.call_tool("search_memory", {"query": "password", "path": "src/auth/otp.py"})
        assert not narrowed.is_error, text_of(narrowed)
        (project / "src" / "auth" / "pin.py").write_text("def pin_number():\n    return 1234\n", "utf-8")
        narrowed = await client.call_tool("search_memory", {"query": "pin", "path": "src/auth/pin.py"})
        assert not narrowed.is_error, text_of(narrowed)


async def test_a_large_change_is_reported_with_the_tool_to_call(project: Path, mcp_client: Connect) -> None:
    async with mcp_client(project, freshness="notice") as client:
        await client.call_tool("index_project", {})
        (project / "src" / "auth" / "otp.py").write_text("def one_time_password():\n    return 123456\n", "utf-8")
        found = await client.call_tool("search_memory", {"query": "one_time_password"})
        nothing, notice, missing = found.structured_content["notices"]
        assert nothing.startswith("nothing matches well")
        assert missing == "`one_time_password` occurs nowhere in this project"
        assert "stale: 1" in notice
        assert "index_project" in notice
        assert f"note: {notice}" in text_of(found)
        assert not (await client.call_tool("index_project", {})).is_error
        found = await client.call_tool("search_memory", {"query": "one_time_password"})
        assert "notices" not in found.structured_content
        assert found.structured_content["results"][0]["path"] == "src/auth/otp.py"


async def test_commits_are_found_and_marked_as_commits(project: Path, mcp_client: Connect) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *arguments], cwd=project, check=True, capture_output=True, timeout=60)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "Sign tokens with EdDSA\n\nRSA was too slow on the phones.")
    async with mcp_client(project) as client:
        indexed = await client.call_tool("index_project", {})
        assert indexed.structured_content["commits_total"] == 1
        question = {"query": "why are tokens signed with EdDSA", "sources": ["commits"]}
        found = await client.call_tool("search_memory", question)
        (item,) = found.structured_content["results"]
        assert item["source"] == "commits"
        assert len(item["commit"]) == 40
        assert "phones" in item["content"]
        assert f"data commit {item['commit'][:12]} 20" in text_of(found)
        assert (await client.call_tool("memory_status", {})).structured_content["commits"] == 1
        (content,) = (await client.read_resource(f"aurora://memory/{item['id']}")).contents
        assert "phones" in content.text
