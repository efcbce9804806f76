"""The local store beyond the contract: its folder, late loading, and SQLite's errors."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local import schema as sqlite_schema
from aurora_dev.errors import (
    ConfigurationError,
    StoreClosedError,
    StoreCorruptError,
    StoreUnwritableError,
)
from aurora_dev.testing.contract_support import EMBEDDER, record, unit

RECORDS = [
    record(f"r{i:03d}", "seven dwarfs" if i == 7 else "common text", {"group": i % 5}, unit(1, i / 100))
    for i in range(300)
]


@pytest.mark.usefixtures("store")
def test_the_folder_is_private_and_ignored_by_git(path: Path) -> None:
    assert (path / ".gitignore").read_text(encoding="utf-8") == "*\n"
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_deleted_or_replaced_record_leaves_no_vector_behind(path: Path, store: FAISSLocalStore) -> None:
    store.write("n", RECORDS[:20])
    store.write("n", [record("r000", "x", {}, unit(1)), record("r001", "without")], ["r002"])
    store.delete_where("n", {"group": 3})
    with sqlite3.connect(path / "memory.db") as connection:
        (vectors,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
    connection.close()
    assert vectors == store.stats("n").vectors == 20 - 2 - 4


def test_an_existing_gitignore_is_left_alone(path: Path) -> None:
    path.mkdir()
    (path / ".gitignore").write_text("mine", encoding="utf-8")
    FAISSLocalStore(path).close()
    assert (path / ".gitignore").read_text(encoding="utf-8") == "mine"


def test_a_path_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StoreUnwritableError, match="file"):
        FAISSLocalStore(tmp_path / "file")
    with pytest.raises(StoreUnwritableError):
        FAISSLocalStore(tmp_path / "file" / "below")


def test_opening_writing_and_counting_load_no_index(path: Path) -> None:
    program = f"""
import sys
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Record
store = FAISSLocalStore({str(path)!r})
store.write("n", [Record("a", "x", {{"k": 1}})])
assert store.count("n") == store.count("n", {{"k": 1}}) == store.stats("n").records == 1
store.describe(), store.fetch("n", ["a"]), list(store.scan("n")), store.close()
assert "faiss" not in sys.modules, "faiss was imported"
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("timeout", [0, -1, True, "30", float("nan")])
def test_a_busy_timeout_is_a_number_above_zero(path: Path, timeout: Any) -> None:
    with pytest.raises(ConfigurationError):
        FAISSLocalStore(path, busy_timeout=timeout)


def test_describe_returns_kind_path_size_and_schema(path: Path, store: FAISSLocalStore) -> None:
    store.write("n", RECORDS)
    facts = store.describe()
    assert facts["kind"] == "faiss"
    assert facts["path"] == str(path)
    assert facts["bytes"] > 10_000
    assert facts["index"] == {"n": "exact"}
    assert facts["schema_version"] == sqlite_schema.SCHEMA_VERSION


def test_every_call_of_a_closed_store_raises_that_it_is_closed(store: FAISSLocalStore) -> None:
    store.write("n", RECORDS[:3])
    store.vector_query("n", unit(1), 1)
    store.close()
    for call in (
        store.embedder,
        lambda: store.set_embedder(EMBEDDER),
        lambda: store.write("n", [record("a", "x")]),
        lambda: store.fetch("n", ["a"]),
        lambda: store.delete_where("n", {}),
        lambda: store.vector_query("n", unit(1), 1),
        lambda: store.keyword_query("n", "x", 1),
        lambda: list(store.scan("n")),
        lambda: store.missing_vectors("n", 1),
        lambda: store.count("n"),
        lambda: store.count("n", {"k": 1}),
        store.namespaces,
        lambda: store.delete_namespace("n"),
        lambda: store.stats("n"),
        store.describe,
        lambda: store.refresh("n"),
    ):
        with pytest.raises(StoreClosedError):
            call()


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_file_that_is_not_a_database_is_reported_as_damaged(path: Path, content: bytes) -> None:
    path.mkdir()
    (path / "memory.db").write_bytes(content)
    with pytest.raises(StoreCorruptError, match="backup"):
        FAISSLocalStore(path)
    assert (path / "memory.db").read_bytes() == content


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.mkdir()
    with sqlite3.connect(path / "memory.db") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreCorruptError, match="another program"):
        FAISSLocalStore(path)


@pytest.mark.skipif(os.name != "posix", reason="needs a file-size limit")
def test_a_full_disk_keeps_earlier_writes_and_later_ones_work_again(path: Path) -> None:
    program = f"""
import resource
import numpy as np
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Record
from aurora_dev.errors import StoreFullError
store = FAISSLocalStore({str(path)!r})
store.write("n", [Record(f"a{{i}}", "x" * 500, {{}}) for i in range(50)])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
try:
    store.write("n", [Record(f"b{{i}}", "y" * 5000, {{}}) for i in range(2000)])
    raise SystemExit("no error")
except StoreFullError as error:
    assert "Free disk space" in str(error), error
assert store.count("n") == len(list(store.scan("n"))) == 50
assert len(store.keyword_query("n", "x" * 500, 100)) in (0, 50)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.write("n", [Record("c", "z", {{}})])
store.close()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    store = FAISSLocalStore(path)
    assert store.count("n") == 51
    store.close()
