"""The text of documents for embedders and rerankers."""

from __future__ import annotations

import pytest

from aurora_dev.core.text.document_text import embedding_text, outline_text, reranker_heading, reranker_text


@pytest.mark.parametrize(
    ("metadata", "heading"),
    [
        ({"path": "a/client.py", "symbol": "Client.send"}, "a/client.py > Client.send"),
        ({"path": "one/two/three/four/five.go"}, "two/three/four/five.go"),
        ({"symbol": "Guide > Install"}, "Guide > Install"),
        ({"kind": "decision", "tags": ["auth"]}, ""),
        ({"path": "docs/a.md", "symbol": "two\nlines"}, "docs/a.md > two lines"),
        ({"path": 7, "symbol": None}, ""),
    ],
)
def test_a_heading_names_path_and_symbol_on_one_line(metadata: dict[str, object], heading: str) -> None:
    assert reranker_heading(metadata) == heading
    assert reranker_text("body", metadata) == (f"{heading}\nbody" if heading else "body")


def test_a_long_generated_name_is_cut() -> None:
    heading = reranker_heading({"path": "x/" + "a" * 5_000, "symbol": "B" * 5_000 + ".end"})
    assert len(heading) < 300
    assert heading.endswith(".end")


def test_the_embedded_text_has_the_enclosing_lines_but_no_path() -> None:
    metadata = {"path": "a/client.py", "symbol": "Client.send", "context": "class Client(Base):"}
    assert embedding_text("body", metadata) == "class Client(Base):\nbody"
    assert embedding_text("body", {"path": "a/client.py"}) == "body"


def test_an_outline_is_the_end_of_the_path_and_the_names_in_the_file() -> None:
    metadata = {"path": "a/b/c/d/e.py", "symbol": "C.d", "file_symbols": ["C", "d", "Größe"]}
    assert outline_text(metadata) == "b/c/d/e.py\nC, d, Größe"
    assert len(outline_text({"path": "a.py", "file_symbols": ["name"] * 1_000_000}) or "") < 400


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"path": "a.py"},
        {"file_symbols": ["C"]},
        {"path": 3, "file_symbols": ["C"]},
        {"path": "a.py", "file_symbols": "C"},
        {"path": "a.py", "file_symbols": []},
        {"path": "a.py", "file_symbols": ["C", 3]},
    ],
)
def test_a_document_without_a_path_or_without_names_has_no_outline(metadata: dict[str, object]) -> None:
    assert outline_text(metadata) is None
