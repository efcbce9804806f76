"""The queries written for whole files, and the training lists made from them."""

from __future__ import annotations

import asyncio
import gzip
import importlib
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "train"))

asked = importlib.import_module("asked")
sources = importlib.import_module("sources")
source_table = importlib.import_module("source_table")

Make = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
WRITTEN = sorted(asked.FOLDER.glob("*.json"))


def files() -> list[tuple[str, str]]:
    """Return a small source of ten files with almost the same text."""
    things = ["key", "lock", "queue", "cache", "timer", "socket", "thread", "buffer", "cursor", "channel"]
    return [
        (
            f"pool/{thing}.py",
            f'"""The {thing}s of the pool."""\n\n\n'
            + "\n".join(
                f"def {verb}_{thing}(limit):\n    return pool.{verb}('{thing}', limit)\n" for verb in ("open", "close")
            ),
        )
        for thing in things
    ]


@pytest.fixture
def rows_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function that makes training lists from queries on the small source: chunks first, then outlines."""
    monkeypatch.setattr(asked, "FOLDER", tmp_path)

    def make(queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        (tmp_path / "small.json").write_text(json.dumps(queries), "utf-8")
        rows: list[dict[str, Any]] = asyncio.run(asked.asked_rows("small", files(), random.Random(1)))
        return rows

    return make


def test_the_answer_is_the_first_found_chunk_of_the_querys_files(rows_of: Make) -> None:
    row, _ = rows_of([{"query": "closing a socket of the pool", "kind": "phrase", "files": ["pool/socket.py"]}])
    assert row["kind"] == asked.KIND
    assert row["form"] == "phrase"
    assert row["positive"]["path"] == "pool/socket.py"
    assert row["positive"]["rank"] == 1
    assert len(row["negatives"]) >= 7
    assert not any(text.startswith("pool/socket.py") for text in row["negatives"])


def test_other_files_that_answer_are_not_negatives(rows_of: Make) -> None:
    rows = rows_of([{"query": "a lock or a key", "kind": "phrase", "files": ["pool/lock.py", "pool/key.py"]}])
    assert len(rows) == 2
    for row in rows:
        assert not any(text.startswith(("pool/lock.py", "pool/key.py")) for text in row["negatives"])


def test_an_outline_is_the_path_of_a_file_and_the_names_that_it_defines(rows_of: Make) -> None:
    _, row = rows_of([{"query": "closing a socket of the pool", "kind": "phrase", "files": ["pool/socket.py"]}])
    assert row["form"] == "outline"
    assert row["positive"]["text"] == "pool/socket.py\nopen_socket, close_socket"
    assert "pool/key.py\nopen_key, close_key" in row["negatives"]
    assert row["positive"]["text"] not in row["negatives"]


def test_a_query_whose_files_do_not_exist_is_left_out(rows_of: Make) -> None:
    assert rows_of([{"query": "closing a door", "kind": "phrase", "files": ["pool/door.py"]}]) == []


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_the_written_queries_belong_to_training_sources(path: Path) -> None:
    (source,) = [source for source in source_table.SOURCES if source.name == path.stem]
    assert source.role == "train"
    queries = json.loads(path.read_text("utf-8"))
    assert len({query["query"].lower() for query in queries}) == len(queries) > 100
    for query in queries:
        assert query["kind"] in ("phrase", "question")
        assert query["files"]
        assert len(query["query"].split()) >= 2
        assert all(sources.keeps(file) for file in query["files"])


@pytest.mark.parametrize("folder", ["repositories", "written"])
def test_benchmark_packages_are_excluded_from_training(folder: str) -> None:
    manifest = json.loads((ROOT / "benchmarks" / folder / "manifest.json").read_text("utf-8"))
    assert {package["name"].lower() for package in manifest} <= sources.EXCLUDED
    names = {path.stem for path in (ROOT / "benchmarks" / folder / "annotations").glob("*.json")}
    assert names == {package["name"] for package in manifest}


def test_the_queries_for_single_files_are_complete() -> None:
    folder = ROOT / "benchmarks" / "written" / "annotations"
    queries = [query for path in folder.glob("*.json") for query in json.loads(path.read_text("utf-8"))]
    assert len({query["query"].lower() for query in queries}) == len(queries) == 717
    for query in queries:
        assert query["category"] in ("phrase", "question")
        assert query["relevant"]
        assert query["secondary"] == []
        # A bare name would match every file of that name.
        assert all("/" in path and not path.startswith("/") for path in query["relevant"])


def test_lists_are_mixed_by_share() -> None:
    pytest.importorskip("torch")
    data = importlib.import_module("reranker_data")
    lists = [
        data.TrainingList(
            f"query {number}", "answer", ("other",), (False,), "asked" if number < 30 else "comment", "go"
        )
        for number in range(200)
    ]
    mixed = data.mix_by_share(lists, 0.6, seed=3)
    assert sum(each.kind == "asked" for each in mixed) == 30
    assert len(mixed) == 50
    assert mixed == data.mix_by_share(lists, 0.6, seed=3)
    assert len(data.mix_by_share(lists, 0.01, seed=3)) == 200
    for share in (0.0, 1.5):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            data.mix_by_share(lists, share, seed=3)
    with pytest.raises(ValueError, match="no list of the kind"):
        data.mix_by_share(lists[30:], 0.6, seed=3)


def test_joining_keeps_both_lists_of_a_query_and_drops_held_out_queries_from_training(tmp_path: Path) -> None:
    build = importlib.import_module("build_data")
    rows = [{"query": query, "form": form} for query in "ab" for form in ("phrase", "outline", "sentence")]
    build._write(tmp_path / "train-small.jsonl.gz", rows)
    build._write(tmp_path / "heldout-other.jsonl.gz", [{"query": "B", "form": "phrase"}])
    reports = [("small", "train"), ("other", "heldout")]
    build.join(
        tmp_path, tmp_path, [{"source": name, "role": role, "kinds": {}, "languages": {}} for name, role in reports]
    )
    kept = [json.loads(line) for line in gzip.decompress((tmp_path / "train.jsonl.gz").read_bytes()).splitlines()]
    assert sorted((row["query"], row["form"]) for row in kept) == [("a", "outline"), ("a", "phrase")]
