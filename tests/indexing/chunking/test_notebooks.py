"""Notebooks are cut cell by cell, without outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.types import Document
from aurora_dev.indexing.chunking.chunker import chunk_text
from aurora_dev.indexing.chunking.notebooks import read_notebook
from aurora_dev.indexing.filetypes import content_reason
from aurora_dev.indexing.walker import walk

PICTURE = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo" * 2_000}}


def cell(kind: str, *lines: str, **more: Any) -> dict[str, Any]:
    outputs = {"outputs": [PICTURE, {"text": ["secret_output\n"]}]} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": [f"{line}\n" for line in lines], **outputs, **more}


def notebook(*cells: dict[str, Any], language: str | None = "python", **options: Any) -> str:
    metadata = {} if language is None else {"kernelspec": {"language": language}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4}, **{"indent": 1, **options})


CHURN = notebook(
    cell("markdown", "# Churn analysis", "", "Why customers *leave*."),
    cell("code", "%matplotlib inline", "def churn_rate(lost, total):", "    return lost / total"),
    cell("code", 'print("quoted \\n text")'),
    cell("markdown", "## Result"),
)


def by_text(documents: list[Document], text: str) -> Document:
    (found,) = [document for document in documents if text in document.content]
    return found


@pytest.mark.parametrize("options", [{}, {"indent": 4}, {"indent": None}, {"ensure_ascii": False}])
def test_code_cells_have_the_language_and_symbols_of_the_kernel(options: dict[str, Any]) -> None:
    text = notebook(cell("code", "def größe(x):", "    return x"), **options)
    (document,) = chunk_text(text, "a.ipynb")
    assert document.content == "def größe(x):\n    return x"
    assert (document.metadata["language"], document.metadata["symbol"]) == ("python", "größe")


def test_markdown_cells_are_prose_and_outputs_are_left_out() -> None:
    documents = chunk_text(CHURN, "a.ipynb")
    assert by_text(documents, "Churn analysis").metadata["language"] == "markdown"
    assert by_text(documents, "Churn analysis").metadata["symbol"] == "Churn analysis"
    assert not any("iVBOR" in each.content or "secret_output" in each.content for each in documents)
    assert by_text(documents, "churn_rate").metadata["file_symbols"] == ["Churn analysis", "churn_rate", "Result"]


def test_the_lines_of_a_chunk_are_those_of_the_file() -> None:
    rows = CHURN.split("\n")
    documents = chunk_text(CHURN, "a.ipynb")
    code = by_text(documents, "churn_rate").metadata
    assert "%matplotlib" in rows[int(str(code["start_line"])) - 1]
    assert "quoted" in rows[int(str(code["end_line"])) - 1]
    prose = by_text(documents, "Why customers").metadata
    assert "# Churn" in rows[int(str(prose["start_line"])) - 1]


def test_a_source_of_one_string_or_of_broken_lines_is_read() -> None:
    one = cell("code")
    one["source"] = "def a():\n    return 1\n"
    other = cell("code")
    other["source"] = ["def ", "b():\n    re", "turn 2"]
    groups = read_notebook(notebook(one, other))
    assert groups is not None
    assert groups[0].lines == ["def a():", "    return 1", "", "def b():", "    return 2"]
    rows = notebook(one, other).split("\n")
    assert [rows[row].strip()[:12] for row in groups[0].rows[:2]] == ['"source": "d'] * 2


@pytest.mark.parametrize(
    ("kernel", "more", "line", "language"),
    [
        ("R", {}, "f <- function(x) x", "r"),
        ("julia", {}, "f(x) = x", "julia"),
        ("C++17", {}, "int f() { return 1; }", "cpp"),
        (None, {}, "def f(): pass", "python"),
        ("python", {}, "%%bash\nls", "bash"),
        ("python", {"metadata": {"vscode": {"languageId": "sql"}}}, "select 1", "sql"),
        ("../../x", {}, "x = 1", "python"),
    ],
)
def test_the_language_of_a_cell(kernel: str | None, more: dict[str, Any], line: str, language: str) -> None:
    (document,) = chunk_text(notebook(cell("code", line, **more), language=kernel), "a.ipynb")
    assert document.metadata["language"] == language


def test_the_third_format_is_read() -> None:
    old = {"cell_type": "code", "input": ["def old():\n", "    return 1"], "language": "python", "outputs": []}
    text = json.dumps({"worksheets": [{"cells": [{"cell_type": "heading", "source": ["Title"]}, old]}]})
    assert [each.content for each in chunk_text(text, "a.ipynb")] == ["Title", "def old():\n    return 1"]


def test_sources_elsewhere_in_the_file_are_no_cells() -> None:
    text = json.dumps({"metadata": {"cells": [{"source": ["no"]}], "source": "no"}, "cells": [cell("code", "yes")]})
    assert [each.content for each in chunk_text(text, "a.ipynb")] == ["yes"]


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"cells": 3}', '{"cells": [3]}', "[" * 100_000, '{"cells": [{"source": 3}]}', '"cells"']
)
def test_a_file_that_is_no_notebook_is_cut_as_text(text: str) -> None:
    assert read_notebook(text) is None
    assert chunk_text(f"\n{text}\n" * 2, "a.ipynb") or len(text) > 1_000


def test_a_damaged_notebook_with_pictures_gives_no_text() -> None:
    assert chunk_text("<<<<<<<\n" + CHURN.replace("\n", " "), "a.ipynb") == []


def test_a_notebook_with_pictures_is_neither_minified_nor_too_large(tmp_path: Path) -> None:
    assert content_reason("a.ipynb", CHURN.encode()) is None
    (tmp_path / "a.ipynb").write_text(notebook(*[cell("code", "x = 1") for _ in range(60)]))
    assert (tmp_path / "a.ipynb").stat().st_size > 1 << 20
    assert [file.path for file in walk(tmp_path)] == ["a.ipynb"]


def test_half_of_a_surrogate_pair_in_a_notebook_is_read_as_a_replacement_character() -> None:
    (document,) = chunk_text(notebook(cell("markdown", "# cut \ud83d and whole \U0001f600")), "a.ipynb")
    assert document.content == "# cut \ufffd and whole \U0001f600"


def test_a_number_of_many_digits_does_not_damage_a_notebook() -> None:
    text = notebook(cell("code", "def kept(): ..."), indent=None).replace('"nbformat": 4', f'"nbformat": {"9" * 9_000}')
    assert by_text(chunk_text(text, "a.ipynb"), "kept").metadata["symbol"] == "kept"
