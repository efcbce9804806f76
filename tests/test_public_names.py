"""The public names, and the cost of importing them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import aurora_dev

PUBLIC_NAMES = [
    "AuroraError",
    "Capabilities",
    "Conflict",
    "Context",
    "ContextManager",
    "CrossEncoderReranker",
    "Document",
    "Embedder",
    "EmbedderInfo",
    "HTTPReranker",
    "IndexReport",
    "Indexer",
    "Match",
    "Memory",
    "MemoryStatus",
    "NamespaceStats",
    "NewNote",
    "Note",
    "NoteChanges",
    "NotePage",
    "NotesExported",
    "NotesImported",
    "Notice",
    "Pruned",
    "Record",
    "Remembered",
    "Reranker",
    "SearchOptions",
    "SearchResult",
    "SearchResults",
    "SearchScope",
    "Settings",
    "SyncMemory",
    "TokenCounter",
    "VectorBackend",
    "VectorStore",
    "__version__",
    "search_projects",
]
API_PAGE = Path(__file__).parent.parent / "docs" / "python-api.md"

# Loading one of these takes longer than all of Aurora may.
HEAVY = {
    "torch",
    "sentence_transformers",
    "faiss",
    "numpy",
    "tokenizers",
    "tree_sitter",
    "pydantic",
    "structlog",
    "asyncio",
}
MOST_SECONDS = 0.3
RUNS = 5


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, timeout=60)


def test_the_public_names_are_these() -> None:
    assert aurora_dev.__all__ == PUBLIC_NAMES


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_a_public_name_can_be_imported_and_is_documented(name: str) -> None:
    value = getattr(aurora_dev, name)
    assert value.__doc__
    assert name in dir(aurora_dev)
    assert f"### `{name}`\n" in API_PAGE.read_text("utf-8")


def test_type_checkers_see_the_same_names_as_programs() -> None:
    # Each name is imported when it is first used, from a table that type checkers do not read.
    tree = ast.parse(Path(str(aurora_dev.__file__)).read_text("utf-8"))
    imported = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {name: f"aurora_dev.{module}" for name, module in aurora_dev._MODULES.items()}
    assert sorted([*imported, "__version__"]) == aurora_dev.__all__


def test_a_name_that_does_not_exist_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="Memroy"):
        aurora_dev.Memroy  # noqa: B018


def test_a_star_import_gives_every_public_name() -> None:
    names: dict[str, object] = {}
    exec("from aurora_dev import *", names)
    assert set(PUBLIC_NAMES) <= set(names)


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = set(python("-c", "import aurora_dev, sys; print(*sys.modules)").stdout.split())
    assert "aurora_dev" in loaded
    assert not loaded & HEAVY


def test_the_types_of_the_api_load_neither_torch_nor_faiss() -> None:
    code = "from aurora_dev import *; import sys; print(*sys.modules)"
    loaded = set(python("-c", code).stdout.split())
    assert "aurora_dev.memory" in loaded
    assert not loaded & {"torch", "sentence_transformers", "faiss", "tokenizers", "structlog"}


def test_importing_the_package_takes_less_than_300_milliseconds() -> None:
    seconds = []
    for _ in range(RUNS):
        lines = python("-X", "importtime", "-c", "import aurora_dev").stderr
        found = re.search(r"^import time:\s+\d+ \|\s+(\d+) \| aurora_dev$", lines, re.MULTILINE)
        assert found is not None, lines
        seconds.append(int(found[1]) / 1e6)
    # The best of a few: the others say how busy the machine was.
    assert min(seconds) < MOST_SECONDS
