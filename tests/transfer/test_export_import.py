"""Exports and imports: complete and without duplicates, or an error and nothing written."""

from __future__ import annotations

import base64
import gzip
import json
import os
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Record
from aurora_dev.errors import EmbedderMismatchError, InvalidRequestError, StoreError, StoreUnwritableError
from aurora_dev.testing.contract_support import DIMENSION, EMBEDDER, OTHER_EMBEDDER, WIDER_EMBEDDER, record, unit
from aurora_dev.transfer import ExportFileError, check_file, export_records, import_records

Some = Callable[..., list[Record]]
Read = Callable[..., Any]


class Interrupted(Exception):
    pass


def interrupt_after(calls: int) -> Callable[[str, int, int], None]:
    left = [calls]

    def progress(_stage: str, _done: int, _total: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted

    return progress


def lines_of(file: Path) -> list[bytes]:
    data = file.read_bytes()
    return (gzip.decompress(data) if file.suffix == ".gz" else data).splitlines(keepends=True)


@pytest.mark.parametrize("name", ["memory.jsonl", "memory.jsonl.gz"])
def test_an_import_restores_the_export_exactly(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some, contents: Read, tmp_path: Path, name: str
) -> None:
    source.write("n", some(1_300))
    report = export_records(source, "n", tmp_path / name)
    assert (report.records, report.vectors, report.resumed, report.changed) == (1_300, 1_170, 0, False)
    assert report.bytes == (tmp_path / name).stat().st_size
    assert lines_of(tmp_path / name)[0][:1] == b"{"
    assert len(lines_of(tmp_path / name)) == 1_302
    found = import_records(target, tmp_path / name)
    assert (found.namespace, found.records, found.written, found.vectors, found.left_without) == (
        "n",
        1_300,
        1_300,
        1_170,
        0,
    )
    assert contents(target) == contents(source)
    assert target.embedder() == EMBEDDER
    query = unit(1, 2, 3)
    assert [(m.record.id, m.score) for m in target.vector_query("n", query, 20)] == [
        (m.record.id, m.score) for m in source.vector_query("n", query, 20)
    ]


def test_an_export_is_private_and_replaces_the_file_atomically(
    source: FAISSLocalStore, some: Some, tmp_path: Path
) -> None:
    source.write("n", some(600))
    file = tmp_path / "memory.jsonl"
    export_records(source, "m", file)
    older = file.read_bytes()
    with pytest.raises(Interrupted):
        export_records(source, "n", file, progress=interrupt_after(1))
    assert file.read_bytes() == older
    export_records(source, "n", file)
    assert check_file(file).records == 600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["memory.jsonl", "source"]
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["memory.jsonl", "memory.jsonl.gz"])
@pytest.mark.parametrize("cut", [0, 1, 700])
def test_an_interrupted_export_continues(
    source: FAISSLocalStore, some: Some, tmp_path: Path, name: str, cut: int
) -> None:
    source.write("n", some(2_000))
    file, part = tmp_path / name, tmp_path / f"{name}.part"
    export_records(source, "n", file)
    expected = lines_of(file)
    file.unlink()
    with pytest.raises(Interrupted):
        export_records(source, "n", file, progress=interrupt_after(3))
    assert not file.exists()
    os.truncate(part, part.stat().st_size - cut)  # a killed process may leave half a line, or half a member
    report = export_records(source, "n", file)
    assert 0 < report.resumed < 2_000
    assert report.records == 2_000
    assert report.vectors == 1_800
    assert lines_of(file) == expected
    assert not part.exists()
    assert check_file(file).records == 2_000


def test_an_interrupted_export_starts_over_if_the_store_has_changed(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some, contents: Read, tmp_path: Path
) -> None:
    source.write("n", some(2_000))
    file = tmp_path / "memory.jsonl"
    with pytest.raises(Interrupted):
        export_records(source, "n", file, progress=interrupt_after(3))
    source.write("n", [record("r00001", "changed")], ["r00002"])
    report = export_records(source, "n", file)
    assert (report.resumed, report.records) == (0, 1_999)
    import_records(target, file)
    assert contents(target) == contents(source)


@pytest.mark.parametrize("rest", [b"", b'{"aurora_export": 1}\n'])
def test_a_part_file_of_another_export_is_overwritten(
    source: FAISSLocalStore, some: Some, tmp_path: Path, rest: bytes
) -> None:
    source.write("n", some(10))
    (tmp_path / "memory.jsonl.part").write_bytes(rest)
    assert export_records(source, "n", tmp_path / "memory.jsonl").resumed == 0
    assert check_file(tmp_path / "memory.jsonl").records == 10


@pytest.mark.parametrize("name", ["memory.jsonl", "memory.jsonl.part"])
@pytest.mark.parametrize(
    "content",
    [b"# Mine\n", b"\x00\x01", b'{"a": 1}\n', b"\x1f\x8bbroken", gzip.compress(b"mine"), gzip.compress(b"")],
)
def test_an_export_replaces_a_file_that_is_no_export_only_if_told_to(
    source: FAISSLocalStore, some: Some, tmp_path: Path, name: str, content: bytes
) -> None:
    source.write("n", some(10))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidRequestError, match=f"{name}' exists and is not an .*export of Aurora"):
        export_records(source, "n", tmp_path / "memory.jsonl")
    assert (tmp_path / name).read_bytes() == content
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("memory")] == [name]
    export_records(source, "n", tmp_path / "memory.jsonl", replace=True)
    assert check_file(tmp_path / "memory.jsonl").records == 10


def test_an_export_never_replaces_a_store(source: FAISSLocalStore, some: Some) -> None:
    source.write("n", some(10))
    for name in ("memory.db", "memory.db-wal"):
        before = (source.path / name).read_bytes()
        with pytest.raises(InvalidRequestError, match="belongs to a database in use; nothing was written"):
            export_records(source, "n", source.path / name, replace=True)
        assert (source.path / name).read_bytes() == before


def test_a_compressed_export_replaces_an_earlier_one(source: FAISSLocalStore, some: Some, tmp_path: Path) -> None:
    for number in (10, 20):
        source.write("n", some(number))
        export_records(source, "n", tmp_path / "memory.jsonl.gz")
    assert check_file(tmp_path / "memory.jsonl.gz").records == 20


def test_a_write_to_the_store_during_an_export_is_reported(source: FAISSLocalStore, some: Some, tmp_path: Path) -> None:
    source.write("n", some(1_200))

    def progress(_stage: str, done: int, _total: int) -> None:
        source.write("n", [record("z", f"written after {done}")])

    report = export_records(source, "n", tmp_path / "memory.jsonl", progress=progress)
    assert report.changed
    assert check_file(tmp_path / "memory.jsonl").records == report.records


def test_memory_does_not_grow_with_the_number_of_records(
    source: FAISSLocalStore, target: FAISSLocalStore, tmp_path: Path
) -> None:
    vector = unit(1)
    for start in range(0, 8_000, 1_000):
        source.write("n", [record(f"r{i:05}", "x" * 4_000, {"i": i}, vector) for i in range(start, start + 1_000)])
    tracemalloc.start()
    try:
        export_records(source, "n", tmp_path / "memory.jsonl")
        peak_of_export = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        import_records(target, tmp_path / "memory.jsonl")
        peak_of_import = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    size = (tmp_path / "memory.jsonl").stat().st_size
    assert size > 30_000_000
    assert peak_of_export < size / 3
    assert peak_of_import < size / 3


def test_an_interrupted_import_continues_without_duplicates(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some, contents: Read, tmp_path: Path
) -> None:
    source.write("n", some(3_500))
    file = tmp_path / "memory.jsonl"
    export_records(source, "n", file)
    with pytest.raises(Interrupted):  # three calls while the file is checked, then two batches
        import_records(target, file, progress=interrupt_after(4))
    assert 0 < target.count("n") < 3_500
    before = target.count("n")
    report = import_records(target, file)
    assert (report.records, report.written) == (3_500, 3_500 - before)
    assert contents(target) == contents(source)
    sequence = target.stats("n").sequence
    assert import_records(target, file).written == 0
    assert target.stats("n").sequence == sequence


def test_an_import_replaces_different_records_and_keeps_the_others(
    source: FAISSLocalStore, target: FAISSLocalStore, contents: Read, tmp_path: Path
) -> None:
    source.write("n", [record("a", "same", {"v": 1}), record("b", "new", {"v": 1}), record("c", "x", {"v": 1})])
    source.write("n", [record("d", "vector", {}, unit(1)), record("e", "vector", {}, unit(1))])
    export_records(source, "n", tmp_path / "m.jsonl")
    target.set_embedder(EMBEDDER)
    target.write("n", [record("a", "same", {"v": 1}, unit(1)), record("b", "old", {"v": 1}), record("z", "own")])
    target.write("n", [record("c", "x", {"v": 1.0}), record("d", "vector", {}, unit(0, 1)), record("e", "vector")])
    report = import_records(target, tmp_path / "m.jsonl")
    assert (report.records, report.written) == (5, 4)
    found = contents(target)
    texts = {"a": "same", "b": "new", "c": "x", "d": "vector", "e": "vector", "z": "own"}
    assert {name: one[0] for name, one in found.items()} == texts
    assert found["d"][2] == found["e"][2] == unit(1).tolist()
    assert found["a"][2] is not None  # a vector that the store has already is kept
    assert found["c"][1] == {"v": ("int", 1)}


def test_an_import_can_write_to_another_namespace(
    source: FAISSLocalStore, target: FAISSLocalStore, tmp_path: Path
) -> None:
    source.write("n", [record("a", "alpha")])
    export_records(source, "n", tmp_path / "m.jsonl")
    assert import_records(target, tmp_path / "m.jsonl", namespace="other").namespace == "other"
    assert target.namespaces() == ["other"]


def test_an_empty_namespace_can_be_exported_and_imported(
    source: FAISSLocalStore, target: FAISSLocalStore, tmp_path: Path
) -> None:
    assert export_records(source, "n", tmp_path / "m.jsonl.gz").records == 0
    assert import_records(target, tmp_path / "m.jsonl.gz").records == 0
    assert target.namespaces() == []


@pytest.mark.parametrize("embedder", [OTHER_EMBEDDER, WIDER_EMBEDDER])
def test_vectors_of_a_different_embedder_are_refused_or_left_out(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some, tmp_path: Path, embedder: Any
) -> None:
    source.write("n", some(30))
    export_records(source, "n", tmp_path / "m.jsonl")
    target.set_embedder(embedder)
    with pytest.raises(EmbedderMismatchError, match=r"nothing was written.*--without-vectors"):
        import_records(target, tmp_path / "m.jsonl")
    assert target.count("n") == 0
    assert target.embedder() == embedder
    report = import_records(target, tmp_path / "m.jsonl", vectors=False)
    assert (report.records, report.vectors, report.left_without) == (30, 0, 27)
    assert target.stats("n").vectors == 0
    assert target.count("n") == 30
    assert target.keyword_query("n", "f7", 1)[0].record.id == "r00007"


def test_an_export_without_vectors_needs_no_embedder(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some, tmp_path: Path
) -> None:
    source.write("n", some(30))
    assert export_records(source, "n", tmp_path / "m.jsonl", vectors=False).vectors == 0
    target.set_embedder(OTHER_EMBEDDER)
    assert import_records(target, tmp_path / "m.jsonl").records == 30
    assert target.embedder() == OTHER_EMBEDDER


def test_vectors_may_be_lists_of_numbers(target: FAISSLocalStore, tmp_path: Path) -> None:
    vector = unit(1, 2)
    header = {
        "aurora_export": 1,
        "namespace": "n",
        "embedder": {"name": "e", "dimension": DIMENSION, "fingerprint": "f"},
    }
    lines = [
        header,
        {"id": "a", "content": "alpha", "vector": vector.tolist()},
        {"id": "b", "content": "beta", "metadata": {"k": 1}, "vector": base64.b64encode(vector.tobytes()).decode()},
        {"end": True, "records": 2},
    ]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    import_records(target, tmp_path / "own.jsonl")
    found = target.fetch("n", ["a", "b"], vectors=True)
    for name in "ab":
        stored = found[name].vector
        assert stored is not None
        assert np.array_equal(stored, vector)


def _change(lines: list[bytes], number: int, change: Callable[[dict[str, Any]], Any]) -> list[bytes]:
    value = json.loads(lines[number - 1])
    change(value)
    return [*lines[: number - 1], json.dumps(value).encode() + b"\n", *lines[number:]]


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda lines: [*lines[:4], b'{"id": "r0\n', *lines[5:]], "line 5 is damaged"),
        (lambda lines: [*lines[:4], b"\xff\xfe\n", *lines[5:]], "line 5 is damaged"),
        (lambda lines: [*lines[:4], b"[1]\n", *lines[5:]], "line 5 is not a JSON object"),
        (lambda lines: [*lines[:4], b"\n", *lines[4:]], "line 5 is damaged"),
        (lambda lines: lines[:-1], "ends with line 21, before the last line of an export: it was cut off"),
        (lambda lines: [*lines[:-1], lines[-1][:9]], "line 22 is damaged"),
        (lambda lines: [*lines[:3], *lines[4:]], "holds 19 records, and its last line says 20"),
        (
            lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
            "line 5: the id 'r00002' does not come after 'r00003'",
        ),
        (lambda lines: [*lines[:4], *lines[3:]], "line 5: the id 'r00002' does not come after 'r00002'"),
        (lambda lines: [*lines, lines[-2]], "line 23 follows the last line"),
        (lambda lines: lines[1:], "line 1 is not the header"),
        (lambda _lines: [], "the file is empty"),
        (lambda lines: _change(lines, 1, lambda v: v.update(aurora_export=2)), "format version 2"),
        (lambda lines: _change(lines, 1, lambda v: v.update(embedder={"name": 1})), "line 1: the header is damaged"),
        (lambda lines: _change(lines, 1, lambda v: v.update(namespace="")), "line 1: the header is damaged"),
        (lambda lines: _change(lines, 3, lambda v: v.update(vector="AAAA")), "line 3: the vector is damaged"),
        (
            lambda lines: _change(lines, 3, lambda v: v.update(vector="AAAAAA==")),
            "line 3: the record has a vector of shape",
        ),
        (lambda lines: _change(lines, 3, lambda v: v.update(vector=[1e999] * DIMENSION)), "line 3"),
        (
            lambda lines: _change(lines, 3, lambda v: v.update(metadata={"k": None})),
            "line 3: record 'r00001' has the value",
        ),
        (lambda lines: _change(lines, 3, lambda v: v.update(content="")), "line 3: record 'r00001' needs content"),
        (lambda lines: _change(lines, 3, lambda v: v.pop("id")), "line 3: the id must be a string"),
        (lambda lines: _change(lines, 3, lambda v: v.update(content="edited")), "changed after the export"),
    ],
)
@pytest.mark.parametrize("name", ["memory.jsonl", "memory.jsonl.gz"])
def test_a_damaged_file_is_refused_with_its_line_and_nothing_is_written(
    source: FAISSLocalStore,
    target: FAISSLocalStore,
    some: Some,
    tmp_path: Path,
    name: str,
    damage: Callable[[list[bytes]], list[bytes]],
    text: str,
) -> None:
    source.write("n", some(20))
    file = tmp_path / name
    export_records(source, "n", file)
    data = b"".join(damage(lines_of(file)))
    file.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    with pytest.raises(ExportFileError) as caught:
        import_records(target, file)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert target.namespaces() == []
    assert target.embedder() is None


@pytest.mark.parametrize("cut", [1, 8, 2_000])
def test_a_truncated_compressed_file_is_refused(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some, tmp_path: Path, cut: int
) -> None:
    source.write("n", some(200))
    file = tmp_path / "memory.jsonl.gz"
    export_records(source, "n", file)
    os.truncate(file, file.stat().st_size - cut)
    with pytest.raises(ExportFileError, match="cut off"):
        import_records(target, file)
    assert target.namespaces() == []


def test_a_file_that_is_not_an_export_is_refused(target: FAISSLocalStore, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8" + bytes(100_000))
    with pytest.raises(ExportFileError, match="line 1"):
        import_records(target, tmp_path / "photo.jpg")
    with pytest.raises(ExportFileError, match="cannot be read"):
        import_records(target, tmp_path / "nowhere.jsonl")
    with pytest.raises(ExportFileError, match="cannot be read"):
        import_records(target, tmp_path)


def test_an_export_to_an_unwritable_file_is_an_error(source: FAISSLocalStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="is a folder"):
        export_records(source, "n", tmp_path)
    with pytest.raises(StoreUnwritableError, match="cannot be written"):
        export_records(source, "n", tmp_path / "nowhere" / "m.jsonl")


def test_records_deleted_during_an_import_are_noticed(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some, tmp_path: Path
) -> None:
    source.write("n", some(2_500))
    export_records(source, "n", tmp_path / "m.jsonl")

    def progress(stage: str, done: int, _total: int) -> None:
        if stage == "importing" and done == 2_000:
            target.delete_namespace("n")

    with pytest.raises(StoreError, match="500 records instead of 2,500"):
        import_records(target, tmp_path / "m.jsonl", progress=progress)
