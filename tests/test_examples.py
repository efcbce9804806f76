"""The programs of `examples/` run offline, with the real parts, and do what they are there to show."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def example(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the names of a script that was imported, not run."""
    return runpy.run_path(str(EXAMPLES / request.param), run_name="example")


@pytest.mark.parametrize("example", ["agent_loop.py"], indirect=True)
async def test_the_agent_recalls_in_the_second_task_what_it_learned_in_the_first(
    example: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "settlement.py").write_text(example["SETTLEMENT"], "utf-8")
    first, second = await example["run"](tmp_path)
    assert second == f"As learned before: {first}"
    printed = capsys.readouterr().out
    assert "new: True" in printed
    assert "reference: settlement.py" in printed
    assert re.search(r"notes: note \w+", printed)


@pytest.mark.parametrize("example", ["rerank_a_list.py"], indirect=True)
def test_the_best_answers_of_a_list_come_first(example: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    best = example["ranked"](example["QUESTION"])
    assert "reconnect" in best[0]
    assert "retry policy" in best[1]
    scores = [float(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("example", ["another_backend.py"], indirect=True)
async def test_a_backend_of_ones_own_gives_the_results_of_the_local_one(
    example: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    await example["main"]()
    blocks = re.split(r"^\w+: rrf_hybrid\n", capsys.readouterr().out, flags=re.MULTILINE)
    assert len(blocks) == 3
    assert blocks[1] == blocks[2]
    assert "Tokens are signed" in blocks[1].splitlines()[0]


def test_the_notebook_is_well_formed_and_its_cells_run_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text("utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = notebook["cells"]
    ids = [cell["id"] for cell in cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", identifier) for identifier in ids)
    names: dict[str, Any] = {"__name__": "notebook"}
    printed = {}
    for cell in cells:
        expected = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            assert (cell["execution_count"], cell["outputs"]) == (None, [])
            expected |= {"execution_count", "outputs"}
            exec("".join(cell["source"]), names)
            printed[cell["id"]] = capsys.readouterr().out
        assert set(cell) == expected
    assert printed["project"].startswith("2 files")
    assert "tokens.py:" in printed["results"]
    assert "of 400 tokens" in printed["build"]
    assert "since RSA was too slow" in printed["build"]
