"""Use counts: shared between processes, bounded, and never a reason for an error."""

from __future__ import annotations

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
