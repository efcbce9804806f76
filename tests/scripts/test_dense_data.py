"""Rows for the dense encoder from commits and from sources, and the comparison of models."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "train"))

import dense_data
import measure_dense
from pairs import Pair

from aurora_dev.core.text.document_text import dense_text
from aurora_dev.core.types import Record

FUNCTIONS = ("open_door", "close_window", "paint_wall", "lay_floor", "fix_roof", "light_fire", "dig_well")


def body(name: str, times: int) -> str:
    lines = [f"    {name}_{line} = measure({name!r}, {line}) * {times + line}" for line in range(30)]
    return "\n".join([f"def {name}(house):", *lines, "    return house", "", ""])


def commit(folder: Path, message: str) -> None:
    subprocess.run(["git", "-C", folder, "add", "-A"], check=True)
    settings = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", folder, *settings, "commit", "-qm", message], check=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", folder], check=True)
    source = folder / "house.py"
    source.write_text("\n".join(body(name, 1) for name in FUNCTIONS))
    (folder / "test_house.py").write_text("x = 1\n")
    commit(folder, "Build a house with all of its parts")
    source.write_text(source.read_text().replace(body("paint_wall", 1), body("paint_wall", 2)))
    commit(folder, "fix(house): paint the wall with a second coat (#12)")
    source.write_text(source.read_text().replace(body("dig_well", 1), body("dig_well", 3)))
    commit(folder, "bump the version of the well to 2")
    (folder / "test_house.py").write_text("x = 2\n")
    commit(folder, "Count the houses of the street twice")
    return folder


def test_a_commit_gives_its_subject_and_the_chunk_that_it_changes(clone: Path) -> None:
    (row,) = dense_data.commit_rows("a/house", clone, 10)
    assert row["query"] == "paint the wall with a second coat"
    assert row["positive"].startswith("house.py > paint_wall\n")
    assert "* 1" in row["positive"], "the text before the commit"
    assert len(row["negatives"]) == dense_data.NEGATIVES
    assert not any("paint_wall" in text for text in row["negatives"])


def test_files_are_written_once_and_evaluation_projects_are_refused(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a+house").mkdir()
    clone.rename(tmp_path / "a+house" / "repo")
    arguments = ["--output", str(tmp_path / "rows"), "--mirror", str(tmp_path), "--repositories", "a/house"]
    assert dense_data.main(arguments) == 0
    with gzip.open(tmp_path / "rows" / "dense-a+house.jsonl.gz", "rt") as lines:
        assert [json.loads(line)["source"] for line in lines] == ["a/house"]
    assert "1 rows" in capsys.readouterr().out
    assert dense_data.main(arguments) == 0
    assert capsys.readouterr().out == ""
    for wrong in (["--repositories", "tiangolo/fastapi"], ["--sources", "sqlalchemy"]):
        with pytest.raises(SystemExit):
            dense_data.main(["--output", str(tmp_path / "rows"), *wrong])


def test_negatives_are_near_and_neither_answers_nor_copies() -> None:
    records = [
        Record(f"{n}", f"text {n} about {'abcdefghijklmnop'[n % 16]}{n} only", {"symbol": f"f{n}"}) for n in range(12)
    ]
    records[3] = Record("3", records[0].content, {"symbol": "g"})
    records[4] = Record("4", "quite another text", {"symbol": "f0"})
    pair = Pair("query", "docstring", "sentence", "python", "a.py", "0", frozenset({"0", "2"}))
    by_id = {record.id: n for n, record in enumerate(records)}
    row = dense_data._row(pair, records, by_id, list(range(12)), random.Random(1))
    assert row is not None
    others = set(row["negatives"])
    assert not others & {dense_text(records[n].content, records[n].metadata) for n in (0, 1, 2, 3, 4)}
    assert dense_data._row(pair, records, by_id, [0, 1, 2, 3, 4, 5], random.Random(1)) is None


def test_the_rank_counts_within_the_source_of_a_question() -> None:
    chunks = [{"id": name, "source": source} for name, source in (("a", "s"), ("b", "s"), ("c", "t"), ("d", "s"))]
    questions = [
        measure_dense.Question("s", "", frozenset("b"), True),
        measure_dense.Question("t", "", frozenset("c"), True),
    ]
    scores = np.array([[3.0, 2.0, 9.0, 1.0], [9.0, 9.0, 1.0, 9.0]])
    assert measure_dense.reciprocal_ranks(scores, questions, chunks).tolist() == [0.5, 1.0]
    first = measure_dense.fused(scores, scores[:, ::-1], questions, chunks)
    assert first[0, 0] == pytest.approx(1 / 61 + 1 / 63)
    assert first[0, 2] == 0.0


def test_rare_words_of_a_query_weigh_more() -> None:
    scores = measure_dense.bm25(["openDoor wall"], ["the wall", "open the wall", "wall", "wall wall"])
    assert scores[0].argmax() == 1


def test_every_written_question_names_a_source_and_its_answers() -> None:
    lines = measure_dense.QUESTIONS.read_text("utf-8").splitlines()
    assert len(lines) > 90
    for line in lines:
        source, question, names = line.split("|")
        assert source in {"leaflet", "sphinx", "go-3", "java-compiler"}
        assert len(question.split()) >= 3
        assert names.split()
    found = measure_dense.questions_of(
        [{"id": "x", "source": "leaflet", "metadata": {"symbols": ["Map.fitBounds"]}}], []
    )
    assert [question.answers for question in found] == [frozenset("x")]
