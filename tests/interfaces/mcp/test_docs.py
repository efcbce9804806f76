"""The documentation of the MCP server agrees with the code."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("name", [name for name, client in CLIENTS.items() if "project" in client.files])
def test_the_snippet_of_each_client_is_the_entry_that_install_writes(name: str) -> None:
    client = CLIENTS[name]
    assert _snippet(client.title) == {client.servers: {SERVER_NAME: client.entry(["aurora"], "project", Path())}}
    assert str(client.files["project"]) in _section(client.title)


def test_clients_with_one_configuration_for_all_projects_share_a_snippet() -> None:
    clients = [client for client in CLIENTS.values() if "project" not in client.files]
    assert len(clients) == 4
    title = next(line[4:] for line in PAGE.splitlines() if line.startswith("### ") and clients[0].title in line)
    for client in clients:
        assert client.title in title
        assert f"| {client.title} |" in _section(title)
        assert f"`{client.servers}`" in _section(title)
        entry = client.entry(["aurora"], "user", Path("path/to/project"))
        assert _snippet(title) == {"mcpServers": {SERVER_NAME: entry}}


def _section(title: str) -> str:
    return PAGE.split(f"### {title}\n", 1)[1].split("\n##", 1)[0]


def _snippet(title: str) -> Any:
    found = re.search(r"```(json|toml)\n(.*?)```", _section(title), re.DOTALL)
    assert found is not None
    return json.loads(found[2]) if found[1] == "json" else tomllib.loads(found[2])


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
