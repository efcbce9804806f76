"""The indexer of files: incremental runs, interruptions, concurrent runs, batches and progress."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.contracts import DocumentStore
from aurora_dev.core.text.secrets import mask_secrets
from aurora_dev.core.types import Document, Record
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import IndexingError, InvalidRequestError
from aurora_dev.indexing import chunk_version
from aurora_dev.indexing import file_reader as reading
from aurora_dev.indexing.chunking.chunker import chunk_text
from aurora_dev.indexing.indexer import Indexer, IndexOptions, IndexProgress, IndexReport
from aurora_dev.interfaces.cli.output.index_report import report_text
from aurora_dev.testing.hashing_embedder import HashingEmbedder

TOKEN = "ghp_" + "a8Kd03mPq7Zt5LwXc1Rv9BnY2sHjF6gUeQ4i"


class DictStore:
    """A store in a dictionary, with the semantics of the protocol: writes are atomic and yield to other tasks."""

    namespace = "tests"

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.writes: list[tuple[list[Document], list[str]]] = []
        self.before_write: Callable[[], Awaitable[None]] | None = None

    async def scan(self, filter: Mapping[str, Any] | None = None, *, content: bool = False) -> list[Record]:
        await asyncio.sleep(0)
        assert filter in (None, {"file_hash": {"$exists": True}})
        found = [record for record in self.records.values() if filter is None or "file_hash" in record.metadata]
        found.sort(key=lambda record: record.id)
        return [Record(record.id, record.content if content else "", record.metadata) for record in found]

    async def select(self, fields: Sequence[str], filter: Mapping[str, Any] | None = None) -> list[Record]:
        found = await self.scan(filter)
        return [Record(each.id, "", {name: each.metadata[name] for name in fields}) for each in found]

    async def write(
        self, upserts: Sequence[Document], deletes: Sequence[str] = (), *, masked: bool = False
    ) -> list[str]:
        assert masked
        await asyncio.sleep(0)
        if self.before_write is not None:
            await self.before_write()
        for id_ in deletes:
            self.records.pop(id_, None)
        for document in upserts:
            assert document.id is not None
            assert document.content.strip()
            self.records[document.id] = Record(document.id, document.content, dict(document.metadata))
        self.writes.append((list(upserts), list(deletes)))
        return [str(document.id) for document in upserts]

    async def close(self) -> None:
        pass


def faiss(folder: Path) -> VectorStore:
    return VectorStore(path=folder, namespace="tests", embedder=HashingEmbedder(), reranker="none")


@pytest.fixture(params=["dict", "faiss"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DictStore | VectorStore]:
    opened = DictStore() if request.param == "dict" else faiss(tmp_path / "store")
    yield opened
    await opened.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    put(folder, "a.py", function("alpha") + "\n\n" + function("beta"))
    put(folder, "pkg/b.py", function("gamma"))
    put(folder, "README.md", "# Title\n\nSome words.\n")
    return folder


def put(root: Path, path: str, text: str | bytes) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text.encode() if isinstance(text, str) else text)


def function(name: str, lines: int = 40) -> str:
    body = "\n".join(f"    {name}_{n} = compute_{name}({n}, other_argument={n * 7})" for n in range(lines))
    return f"def {name}(x):\n{body}\n    return x\n"


async def index(store: DocumentStore, root: Path, *, full: bool = False, **options: Any) -> IndexReport:
    return await Indexer(store, root, options=IndexOptions(**options)).run(full=full)


async def contents(store: DictStore | VectorStore) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in await store.scan(None, content=True):
        found.setdefault(str(record.metadata.get("path")), []).append(record.content)
    return {path: sorted(texts) for path, texts in found.items()}


async def fresh(root: Path) -> dict[str, list[str]]:
    """Return the contents of a new store after one run."""
    empty = DictStore()
    await index(empty, root)
    return await contents(empty)


def files(report: IndexReport) -> tuple[int, int, int, int]:
    return report.files_added, report.files_updated, report.files_removed, report.files_unchanged


async def test_a_first_run_stores_and_reports_every_file(store: DictStore | VectorStore, root: Path) -> None:
    report = await index(store, root)
    records = await store.scan(None, content=True)
    assert files(report) == (3, 0, 0, 0)
    assert report.chunks_added == report.chunks_total == len(records)
    assert {record.metadata["path"] for record in records} == {"README.md", "a.py", "pkg/b.py"}
    assert {"scan", "walk", "read", "mask", "chunk", "write"} <= report.timings.keys()
    for record in records:
        same = [other for other in records if other.metadata["path"] == record.metadata["path"]]
        assert record.metadata["file_chunks"] == len(same)
        assert {other.metadata["file_hash"] for other in same} == {record.metadata["file_hash"]}


async def test_a_second_run_writes_nothing(root: Path) -> None:
    store = DictStore()
    first = await index(store, root)
    store.writes.clear()
    second = await index(store, root)
    assert store.writes == []
    assert files(second) == (0, 0, 0, 3)
    assert second.chunks_unchanged == second.chunks_total == first.chunks_total
    assert second.chunks_added == second.chunks_updated == second.chunks_removed == 0


async def test_a_changed_file_is_replaced_in_one_write(root: Path) -> None:
    store = DictStore()
    await index(store, root)
    store.writes.clear()
    put(root, "a.py", function("alpha") + "\n\n" + function("delta"))
    report = await index(store, root)
    assert files(report) == (0, 1, 0, 2)
    (write,) = store.writes
    assert {document.metadata["path"] for document in write[0]} == {"a.py"}
    assert write[1]
    assert report.chunks_removed == len(write[1])
    assert report.chunks_added == len(write[0]) - report.chunks_updated > 0
    assert await contents(store) == await fresh(root)


async def test_a_line_inserted_above_changes_line_numbers_but_no_ids(
    store: DictStore | VectorStore, root: Path
) -> None:
    await index(store, root)
    before = {r.id: r.metadata["start_line"] for r in await store.scan(None) if r.metadata["path"] == "pkg/b.py"}
    put(root, "pkg/b.py", "\n\n" + function("gamma"))
    report = await index(store, root)
    after = {r.id: r.metadata["start_line"] for r in await store.scan(None) if r.metadata["path"] == "pkg/b.py"}
    kept = before.keys() & after.keys()
    assert report.chunks_updated == len(kept) > 0
    assert any(after[id_] != before[id_] for id_ in kept)


async def test_deleted_and_ignored_files_are_removed(store: DictStore | VectorStore, root: Path) -> None:
    await index(store, root)
    (root / "a.py").unlink()
    put(root, ".auroraignore", "pkg/\n.auroraignore\n")
    report = await index(store, root)
    assert files(report) == (0, 0, 2, 1)
    assert set(await contents(store)) == {"README.md"}
    assert report.chunks_removed > 0
    assert report.skipped_reasons == {"ignored": 2}


async def test_a_file_that_becomes_binary_or_empty_is_removed(store: DictStore | VectorStore, root: Path) -> None:
    await index(store, root)
    put(root, "a.py", b"\0\1\2")
    put(root, "pkg/b.py", "\n \n")
    report = await index(store, root)
    assert set(await contents(store)) == {"README.md"}
    assert report.skipped_reasons == {"binary": 1, "no text": 1}
    assert report.files_removed == 2


async def test_notes_stay_even_if_they_name_a_path(store: DictStore | VectorStore, root: Path) -> None:
    notes = [Document("a note", {"path": "a.py"}, "n1"), Document("another", {"path": "gone.py", "kind": "x"}, "n2")]
    await store.write(notes, masked=True)
    await index(store, root)
    (root / "a.py").unlink()
    report = await index(store, root)
    kept = {record.id for record in await store.scan(None)}
    assert {"n1", "n2"} <= kept
    assert report.chunks_total == len(kept) - 2


async def test_exact_repeats_in_one_file_are_all_stored(store: DictStore | VectorStore, root: Path) -> None:
    put(root, "repeats.py", "\n\n".join([function("same")] * 3))
    await index(store, root)
    texts = (await contents(store))["repeats.py"]
    assert len(texts) > len(set(texts))
    assert files(await index(store, root)) == (0, 0, 0, 4)


async def test_an_interrupted_run_continues(root: Path) -> None:
    for number in range(20):
        put(root, f"m{number:02}.py", function(f"f{number}"))
    store = DictStore()
    writes = 0

    async def fail_later() -> None:
        nonlocal writes
        writes += 1
        if writes == 4:
            raise OSError("pulled the plug")

    store.before_write = fail_later
    with pytest.raises(OSError, match="pulled the plug"):
        await index(store, root, batch_chunks=5, first_batch_chunks=5)
    stored = {str(record.metadata["path"]) for record in store.records.values()}
    assert 0 < len(stored) < 23
    store.before_write = None
    report = await index(store, root)
    assert report.files_unchanged == len(stored)
    assert report.files_added == 23 - len(stored)
    assert await contents(store) == await fresh(root)


async def test_a_file_with_a_missing_chunk_is_stored_again(store: DictStore | VectorStore, root: Path) -> None:
    await index(store, root)
    victim = next(record.id for record in await store.scan(None) if record.metadata["path"] == "a.py")
    await store.write([], [victim], masked=True)
    report = await index(store, root)
    assert files(report) == (0, 1, 0, 2)
    assert await contents(store) == await fresh(root)


async def test_a_file_with_chunks_of_two_versions_is_stored_again(root: Path) -> None:
    store = DictStore()
    await index(store, root)
    ids = [record.id for record in await store.scan(None) if record.metadata["path"] == "a.py"]
    assert len(ids) > 1
    for id_ in (ids[0], ids[-1]):  # in any order
        record = store.records[id_]
        store.records[id_] = Record(id_, record.content, {**record.metadata, "file_hash": "another"})
        assert files(await index(store, root)) == (0, 1, 0, 2)
    assert files(await index(store, root)) == (0, 0, 0, 3)


async def test_a_full_run_stores_everything_again(root: Path) -> None:
    store = DictStore()
    await index(store, root)
    report = await index(store, root, full=True)
    assert files(report) == (0, 3, 0, 0)
    assert report.chunks_updated == report.chunks_total
    assert report.chunks_added == report.chunks_removed == 0


async def test_a_new_chunking_version_reads_every_file_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DictStore()
    await index(store, root)
    monkeypatch.setattr(chunk_version, "CHUNKING_VERSION", 999)
    assert files(await index(store, root)) == (0, 3, 0, 0)


async def test_secrets_are_masked_unless_switched_off(store: DictStore | VectorStore, root: Path) -> None:
    put(root, "c.py", f'token = "{TOKEN}"\n')
    report = await index(store, root)
    assert report.secrets_masked == 1
    assert (await contents(store))["c.py"] == ['token = "[masked: github-token]"']
    assert files(await index(store, root)) == (0, 0, 0, 4)
    report = await index(store, root, mask_secrets=False)
    assert report.secrets_masked == 0
    assert (await contents(store))["c.py"] == [f'token = "{TOKEN}"']


async def test_chunks_of_unreadable_files_stay(
    store: DictStore | VectorStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await index(store, root)
    before = await contents(store)
    scandir, open_ = os.scandir, os.open

    def broken_scandir(path: Any) -> Any:
        if str(path).endswith("pkg"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def broken_open(path: Any, *args: Any, **kwargs: Any) -> Any:
        if str(path).endswith("a.py"):
            raise OSError(5, "Input/output error")
        return open_(path, *args, **kwargs)

    monkeypatch.setattr(os, "scandir", broken_scandir)
    monkeypatch.setattr(os, "open", broken_open)
    report = await index(store, root)
    assert await contents(store) == before
    assert {(entry.path, entry.reason) for entry in report.skipped} == {("a.py", "unreadable"), ("pkg/", "unreadable")}
    assert report.files_removed == 0


async def test_a_file_that_cannot_be_cut_is_reported_without_failing_the_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = chunk_text

    def fails_on_b(text: str, path: str) -> list[Document]:
        if path == "pkg/b.py":
            raise RecursionError("too deep")
        return real(text, path)

    monkeypatch.setattr(reading, "chunk_text", fails_on_b)
    store = DictStore()
    report = await index(store, root)
    assert report.skipped_reasons == {"could not be cut into documents": 1}
    assert set(await contents(store)) == {"README.md", "a.py"}


async def test_a_file_that_cannot_be_masked_is_reported_and_its_text_is_not_stored(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = mask_secrets

    def fails_on_gamma(text: str) -> tuple[str, int]:
        if "gamma" in text:
            raise RecursionError("too deep")
        return real(text)

    monkeypatch.setattr(reading, "mask_secrets", fails_on_gamma)
    store = DictStore()
    report = await index(store, root)
    assert [(entry.path, entry.reason) for entry in report.skipped] == [("pkg/b.py", reading.NOT_CUT)]
    assert set(await contents(store)) == {"README.md", "a.py"}


async def test_a_file_that_the_store_refuses_does_not_keep_the_others_from_it(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_half_a_character(text: str, path: str) -> list[Document]:
        documents = chunk_text(text, path)
        if path != "pkg/b.py":
            return documents
        return [Document(document.content + "\ud800", document.metadata) for document in documents]

    store = faiss(tmp_path / "store")
    try:
        with monkeypatch.context() as patched:
            patched.setattr(reading, "chunk_text", with_half_a_character)
            report = await index(store, root)
        assert [(entry.path, entry.reason) for entry in report.skipped] == [("pkg/b.py", reading.NOT_STORED)]
        assert (report.files_added, set(await contents(store))) == (2, {"README.md", "a.py"})
        report = await index(store, root)
        assert (report.files_added, report.files_unchanged, report.files_skipped) == (1, 2, 0)
        # What is stored of a file that is refused later stays.
        put(root, "pkg/b.py", function("delta"))
        put(root, "a.py", function("alpha_changed"))
        before = await contents(store)
        monkeypatch.setattr(reading, "chunk_text", with_half_a_character)
        report = await index(store, root)
        after = await contents(store)
        assert (report.files_updated, after["pkg/b.py"]) == (1, before["pkg/b.py"])
        assert after["a.py"] != before["a.py"]
    finally:
        await store.close()


async def test_batches_are_bounded_and_contain_whole_files(root: Path) -> None:
    for number in range(30):
        put(root, f"m{number:02}.py", "\n\n".join(function(f"f{number}_{n}") for n in range(number % 4 + 1)))
    put(root, "zz_large.py", "\n\n".join(function(f"large{n}") for n in range(30)))
    store = DictStore()
    await index(store, root, batch_chunks=12, first_batch_chunks=4)
    seen: set[str] = set()
    for upserts, _ in store.writes:
        here = {str(document.metadata["path"]) for document in upserts}
        assert len(upserts) <= 12 or len(here) == 1
        assert not here & seen
        seen |= here
    assert len(store.writes[0][0]) <= 4
    assert len(store.writes) > 5
    assert await contents(store) == await fresh(root)


async def test_progress_grows_to_the_number_of_files(root: Path) -> None:
    for number in range(10):
        put(root, f"m{number}.py", function(f"f{number}"))
    steps: list[IndexProgress] = []
    options = IndexOptions(batch_chunks=4, first_batch_chunks=2)
    report = await Indexer(DictStore(), root, options=options).run(steps.append)
    assert [step.files_done for step in steps] == sorted({step.files_done for step in steps})
    assert (steps[0].files_done, steps[0].files_total) == (0, 13)
    assert (steps[-1].files_done, steps[-1].chunks_written) == (13, report.chunks_added)
    assert len(steps) > 4


async def test_files_are_cut_in_a_thread_while_the_previous_batch_is_written(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        put(root, f"m{number}.py", function(f"f{number}"))
    store = DictStore()
    real = chunk_text
    threads: set[int] = set()
    cut: list[str] = []
    second_is_cut = threading.Event()

    def watched(text: str, path: str) -> list[Document]:
        threads.add(threading.get_ident())
        cut.append(path)
        if len(cut) == 3:  # the first batch has one file, and another was read to see that the batch is full
            second_is_cut.set()
        return real(text, path)

    async def wait_for_the_reader() -> None:
        # This ends only if the reader continues during the write.
        assert await asyncio.to_thread(second_is_cut.wait, 10)

    monkeypatch.setattr(reading, "chunk_text", watched)
    store.before_write = wait_for_the_reader
    await index(store, root, batch_chunks=3, first_batch_chunks=1)
    assert len(cut) == 9
    assert threading.get_ident() not in threads


async def test_the_reader_is_never_more_than_a_batch_ahead(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        put(root, f"m{number:02}.py", function(f"f{number}", 5))
    store = DictStore()
    real = chunk_text
    cut = 0

    def counted(text: str, path: str) -> list[Document]:
        nonlocal cut
        cut += 1
        return real(text, path)

    ahead: list[int] = []

    async def note() -> None:
        await asyncio.sleep(0.01)  # lets the reader run as far as it may
        ahead.append(cut - sum(len({d.metadata["path"] for d in upserts}) for upserts, _ in store.writes))

    monkeypatch.setattr(reading, "chunk_text", counted)
    store.before_write = note
    await index(store, root, batch_chunks=4, first_batch_chunks=4)
    assert max(ahead) <= 2 * 4 + 1


async def test_a_cancelled_run_leaves_whole_files_and_the_next_run_continues(root: Path) -> None:
    for number in range(20):
        put(root, f"m{number:02}.py", "\n\n".join(function(f"f{number}_{n}") for n in range(3)))
    store = DictStore()
    reached = asyncio.Event()

    async def tell() -> None:
        if len(store.writes) == 2:
            reached.set()
            await asyncio.sleep(0.01)

    store.before_write = tell
    run = asyncio.create_task(index(store, root, batch_chunks=6, first_batch_chunks=6))
    await reached.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert len(store.writes) == 3  # the transaction that was under way has ended
    assert not [thread for thread in asyncio.all_tasks() if thread is not asyncio.current_task()]
    expected = await fresh(root)
    for path, texts in (await contents(store)).items():
        assert texts == expected[path]
    store.before_write = None
    await index(store, root)
    assert await contents(store) == expected


async def test_two_concurrent_runs_end_with_the_right_content(tmp_path: Path, root: Path) -> None:
    for number in range(12):
        put(root, f"m{number:02}.py", function(f"f{number}"))
    stores = [faiss(tmp_path / "store") for _ in range(2)]
    try:
        await index(stores[0], root)
        for number in range(0, 12, 2):
            put(root, f"m{number:02}.py", function(f"new{number}"))
        (root / "m01.py").unlink()
        await asyncio.gather(*(index(store, root, batch_chunks=3, first_batch_chunks=3) for store in stores))
        assert await contents(stores[0]) == await contents(stores[1]) == await fresh(root)
    finally:
        for store in stores:
            await store.close()


@pytest.mark.parametrize("adds_a_file", [False, True])
async def test_a_run_repairs_files_that_it_mixed_with_a_concurrent_one(root: Path, adds_a_file: bool) -> None:
    store = DictStore()
    await index(store, root)
    put(root, "a.py", function("older"))

    async def another_run_is_faster() -> None:
        store.before_write = None
        put(root, "a.py", function("newer"))
        if adds_a_file:
            put(root, "new.py", function("brand_new"))
        await index(store, root)

    store.before_write = another_run_is_faster
    report = await index(store, root)
    assert await contents(store) == await fresh(root)
    assert report.chunks_total == len(store.records)
    assert files(await index(store, root)) == (0, 0, 0, 3 + adds_a_file)


async def test_a_missing_folder_and_a_file_are_refused(root: Path) -> None:
    store = DictStore()
    with pytest.raises(IndexingError, match="There is no folder"):
        await index(store, root / "missing")
    with pytest.raises(IndexingError, match="is a file, not a folder"):
        await index(store, root / "a.py")
    assert store.writes == []


@pytest.mark.parametrize("name", ["batch_chunks", "first_batch_chunks", "batch_files"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "9"])
def test_options_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidRequestError, match=name):
        IndexOptions(**{name: value})  # type: ignore[arg-type]


async def test_files_that_are_not_utf8_are_named_in_the_report_of_every_run(
    store: DocumentStore, tmp_path: Path
) -> None:
    project = tmp_path / "texts"
    project.mkdir()
    contents = {
        "ascii.py": b"A = 1\n",
        "binary.dat": b"\0\1\2\xff",
        "cyrillic.py": "# Проверка подписи токена\nA = 1\n".encode("cp1251"),
        "marked.py": "\ufeffA = 'é'\n".encode(),
        "utf8.py": "# Größe\nA = 1\n".encode(),
        "wide.py": "A = 1  # wide characters\n".encode("utf-16-le"),
    }
    for name, data in contents.items():
        (project / name).write_bytes(data)
    indexer = Indexer(store, project)
    for report in (await indexer.run(), await indexer.run(), await indexer.run(full=True)):
        assert report.not_utf8 == ("cyrillic.py", "wide.py")
    assert "not UTF-8, read in another encoding: 2 files (cyrillic.py as cp1251, wide.py as utf-16-le)" in report_text(
        project, report
    )
