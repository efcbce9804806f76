"""Use counts: shared between processes, bounded, and never a reason for an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aurora_dev.notes.uses import FILE, Uses


def test_the_counts_of_two_processes_are_added(tmp_path: Path) -> None:
    one, other = Uses(tmp_path), Uses(tmp_path)
    one.add(["a", "b"])
    other.add(["a"])
    one.flush()
    other.flush()
    assert Uses(tmp_path).counts() == {"a": 2, "b": 1}
    assert one.counts() == {"a": 2, "b": 1}


def test_counts_are_written_when_many_have_been_collected(tmp_path: Path) -> None:
    uses = Uses(tmp_path)
    uses.add(["a"])
    assert not (tmp_path / FILE).exists()
    for _ in range(100):
        uses.add(["a"])
    assert Uses(tmp_path).counts()["a"] >= 64
    assert list(tmp_path.iterdir()) == [tmp_path / FILE]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": -1, "b": "x", "c": true, "d": 2}', "[" * 100_000])
def test_a_damaged_file_does_not_stop_counting(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    uses = Uses(tmp_path)
    uses.add(["a"])
    uses.flush()
    assert Uses(tmp_path).counts()["a"] == 1


def test_without_a_folder_counts_last_as_long_as_the_process(tmp_path: Path) -> None:
    uses = Uses(tmp_path / "missing")
    uses.add(["a"])
    uses.flush()
    assert uses.counts() == {"a": 1}
    assert not (tmp_path / "missing").exists()


def test_pending_counts_are_included_before_they_are_written(tmp_path: Path) -> None:
    uses = Uses(tmp_path)
    uses.add(["a"])
    uses.flush()
    uses.add(["a", "b"])
    assert uses.counts() == {"a": 2, "b": 1}
    assert Uses(tmp_path).counts() == {"a": 1}


@pytest.mark.parametrize(("count", "written"), [(63, False), (64, True)])
def test_the_file_is_written_at_the_64th_count(tmp_path: Path, count: int, written: bool) -> None:
    Uses(tmp_path).add(["a"] * count)
    assert (tmp_path / FILE).exists() is written


def test_a_file_that_another_process_writes_is_read_again(tmp_path: Path) -> None:
    uses = Uses(tmp_path)
    assert uses.counts() == {}
    (tmp_path / FILE).write_text('{"a": 3}')
    assert uses.counts() == {"a": 3}


def test_counts_and_ids_in_the_file_are_bounded(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({"a": 2_000_000, **{f"id{number}": 2 for number in range(9_999)}}))
    uses = Uses(tmp_path)
    assert uses.counts()["a"] == 1_000_000
    uses.add(["rare"])
    uses.flush()
    kept = json.loads((tmp_path / FILE).read_text())
    assert len(kept) == 10_000
    assert "rare" not in kept


def test_counts_that_cannot_be_written_stay_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uses = Uses(tmp_path)
    uses.add(["a"])

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        uses.flush()
    assert (uses.counts(), list(tmp_path.iterdir())) == ({"a": 1}, [])
    uses.flush()
    assert Uses(tmp_path).counts() == {"a": 1}
