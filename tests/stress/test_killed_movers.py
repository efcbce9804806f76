"""Killed exports, imports, copies, backups and restores end with the same result when they are run again."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.testing.contract_support import DIMENSION, EMBEDDER, record
from aurora_dev.transfer import check_file, export_records

RECORDS = 10_000
KILLS = 4
LONGEST_DELAY = 0.03  # seconds from a line that a child says to the kill

Start = Callable[..., Any]
Contents = dict[str, tuple[str, list[float] | None]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "store"
    rng = np.random.default_rng(4)
    vectors = rng.standard_normal((RECORDS, DIMENSION)).astype(np.float32)
    with closing(FAISSLocalStore(folder)) as store:
        store.set_embedder(EMBEDDER)
        store.write("n", [record(f"r{i:05}", f"text {i} {'x' * 200}", {"i": i}, v) for i, v in enumerate(vectors)])
    return folder


def held(folder: Path) -> Contents:
    with closing(FAISSLocalStore(folder)) as store:
        return {
            one.id: (one.content, None if one.vector is None else one.vector.tolist())
            for one in store.scan("n", vectors=True)
        }


def kill_again_and_again(start: Start, action: str, folder: Path, place: Path, after_kill: Callable[[], None]) -> int:
    """Begin an action, kill it at another place each time, and let the last one end; return how many were killed."""
    chance = random.Random(action)
    killed = 0
    following = start("killed_mover.py", action, folder, place)
    for attempt in range(5 * KILLS):
        if attempt >= KILLS and killed >= 2:
            break  # short actions often end before they are killed
        child, following = following, start("killed_mover.py", action, folder, place)
        assert child.line() == "ready"
        child.say("go")
        lines: list[str] = []
        for _ in range(chance.randint(0, 6)):
            lines.append(child.line())
            if lines[-1] == "done":
                break
        else:
            lines += child.lines_during(chance.uniform(0.0, LONGEST_DELAY))
        if "done" not in lines + child.kill():
            killed += 1
            after_kill()
    assert following.line() == "ready"
    following.say("go")
    assert following.end()[-1] == "done"
    return killed


@pytest.mark.parametrize("name", ["memory.jsonl", "memory.jsonl.gz"])
def test_a_killed_export_is_continued_to_the_same_file(source: Path, tmp_path: Path, start: Start, name: str) -> None:
    file, whole = tmp_path / name, tmp_path / f"whole-{name}"
    with closing(FAISSLocalStore(source)) as store:
        export_records(store, "n", whole)

    def no_half_file() -> None:
        assert not file.exists() or check_file(file).records == RECORDS

    assert kill_again_and_again(start, "export", source, file, no_half_file) >= 2
    unpack = gzip.decompress if name.endswith(".gz") else bytes
    assert unpack(file.read_bytes()) == unpack(whole.read_bytes())
    assert not file.with_name(f"{name}.part").exists()


def test_a_killed_import_loses_and_duplicates_nothing(source: Path, tmp_path: Path, start: Start) -> None:
    with closing(FAISSLocalStore(source)) as store:
        export_records(store, "n", tmp_path / "memory.jsonl")
    expected = held(source)
    counts: list[int] = []

    def every_record_is_right() -> None:
        found = held(tmp_path / "target")
        assert found.items() <= expected.items()
        counts.append(len(found))

    killed = kill_again_and_again(
        start, "import", tmp_path / "target", tmp_path / "memory.jsonl", every_record_is_right
    )
    assert killed >= 2
    assert counts == sorted(counts)
    assert held(tmp_path / "target") == expected


def test_a_killed_copy_loses_and_duplicates_nothing(source: Path, tmp_path: Path, start: Start) -> None:
    expected = held(source)

    def every_record_is_right() -> None:
        assert held(tmp_path / "target").items() <= expected.items()

    assert kill_again_and_again(start, "copy", source, tmp_path / "target", every_record_is_right) >= 2
    assert held(tmp_path / "target") == expected


def test_a_killed_backup_keeps_the_previous_one(source: Path, tmp_path: Path, start: Start) -> None:
    file = tmp_path / "backup.db"
    with closing(FAISSLocalStore(tmp_path / "small")) as store:
        store.write("n", [record("a", "alpha")])
        store.back_up(file)
    older = file.read_bytes()

    def one_or_the_other() -> None:
        if file.read_bytes() == older:
            return
        with closing(FAISSLocalStore(tmp_path / "check")) as check:
            assert check.restore(file).records == RECORDS

    assert kill_again_and_again(start, "backup", source, file, one_or_the_other) >= 2
    with closing(FAISSLocalStore(tmp_path / "target")) as target:
        target.restore(file)
    assert held(tmp_path / "target") == held(source)


def test_a_killed_restore_has_changed_everything_or_nothing(source: Path, tmp_path: Path, start: Start) -> None:
    with closing(FAISSLocalStore(source)) as store:
        store.back_up(tmp_path / "backup.db")
    expected = held(source)
    with closing(FAISSLocalStore(tmp_path / "target")) as target:
        target.write("n", [record(f"old{i}", f"older {i}") for i in range(500)])
    older = held(tmp_path / "target")
    kept: list[bool] = []

    def one_or_the_other() -> None:
        found = held(tmp_path / "target")
        assert found in (older, expected)
        kept.append(found == older)

    assert kill_again_and_again(start, "restore", tmp_path / "target", tmp_path / "backup.db", one_or_the_other) >= 2
    assert any(kept)
    assert held(tmp_path / "target") == expected
