"""The documentation of the MCP server agrees with the code."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path, PurePosixPath

import pytest

from aurora_dev.interfaces.install.clients import CLIENTS, SERVER_NAME
from aurora_dev.interfaces.mcp.http import DEFAULT_PORT, TOKEN_FILE
from aurora_dev.interfaces.mcp.tools.registry import TOOLS
from aurora_dev.interfaces.mcp.tools.search import RecallArguments, SearchArguments

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = (Path(__file__).parents[3] / "docs" / "mcp.md").read_text("utf-8")


@pytest.mark.parametrize("name", CLIENTS)
def test_the_snippet_of_each_client_is_the_entry_that_install_writes(name: str) -> None:
    client = CLIENTS[name]
    section = PAGE.split(f"### {client.title}\n", 1)[1].split("\n##", 1)[0]
    found = re.search(r"```(json|toml)\n(.*?)```", section, re.DOTALL)
    assert found is not None
    shown = json.loads(found[2]) if found[1] == "json" else tomllib.loads(found[2])
    (scope, *_) = client.scopes
    entry = client.entry(["aurora"], scope, PurePosixPath("path/to/project"))
    assert shown == {client.servers: {SERVER_NAME: entry}}
    file = client.files[scope]
    # The folder of a user's settings differs between systems.
    assert str(file if scope == "project" else PurePosixPath(*file.parts[-2:])) in section


def test_the_tools_are_described_in_the_order_of_the_list() -> None:
    table = PAGE.split("## Tools\n", 1)[1].split("\n\n- ", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", table, re.MULTILINE)
    assert [name for name, _ in rows] == [tool.name for tool in TOOLS]
    assert {name for name, changes in rows if changes == "nothing"} == {t.name for t in TOOLS if t.read_only}
    destructive = re.search(r"may remove or overwrite \(([^)]*)\)", PAGE)
    assert destructive is not None
    assert re.findall(r"`(\w+)`", destructive[1]) == [tool.name for tool in TOOLS if tool.destructive]


def test_the_numbers_on_the_page_match_the_code() -> None:
    assert f"`max_tokens` ({SearchArguments.model_fields['max_tokens'].default:,} unless given)" in PAGE
    assert RecallArguments.model_fields["max_tokens"].default == SearchArguments.model_fields["max_tokens"].default
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", PAGE)) == {str(DEFAULT_PORT)}
    assert f".aurora/{TOKEN_FILE}" in PAGE


def test_entries_for_http_are_json() -> None:
    entries = re.findall(r'`("aurora": \{.*?\})`[,|\s]', PAGE)
    assert len(entries) == 3
    for entry in entries:
        assert json.loads(f"{{{entry}}}")["aurora"]["headers"]["Authorization"].startswith("Bearer ${")
