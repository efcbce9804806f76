"""Credentials of another store stay out: imports, copies and exports are masked. All credentials are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aurora_dev import Memory
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Record
from aurora_dev.testing.contract_support import record
from aurora_dev.transfer import copy_records, export_records, import_records

TOKEN = "glpat-" + "Ab3dEf6hIj9kLm2nOp5q"
PASSWORD = "kQ7v" + "X2mNpL"


@pytest.fixture
def unmasked(source: FAISSLocalStore) -> FAISSLocalStore:
    vector = np.eye(1, source_dimension(source), dtype=np.float32)[0]
    source.write("n", [record("a", f"push with {TOKEN}", {"password": PASSWORD, "tags": ["ci", TOKEN]}, vector)])
    return source


def source_dimension(store: FAISSLocalStore) -> int:
    embedder = store.embedder()
    assert embedder is not None
    return embedder.dimension


def only(store: FAISSLocalStore) -> Record:
    (found,) = store.scan("n", vectors=True)
    return found


def check(found: Record) -> None:
    assert found.content == "push with [masked: gitlab-token]"
    assert found.metadata == {"password": "[masked: password]", "tags": ["ci", "[masked: gitlab-token]"]}
    assert found.vector is not None


def test_an_imported_record_keeps_no_credential(
    unmasked: FAISSLocalStore, target: FAISSLocalStore, tmp_path: Path
) -> None:
    export_records(unmasked, "n", tmp_path / "a.jsonl", mask=False)
    assert TOKEN in (tmp_path / "a.jsonl").read_text("utf-8")
    assert import_records(target, tmp_path / "a.jsonl").written == 1
    check(only(target))
    assert import_records(target, tmp_path / "a.jsonl").written == 0


def test_a_copied_record_keeps_no_credential(unmasked: FAISSLocalStore, target: FAISSLocalStore) -> None:
    assert copy_records(unmasked, target, "n").written == 1
    check(only(target))


def test_an_exported_record_keeps_no_credential(unmasked: FAISSLocalStore, tmp_path: Path) -> None:
    export_records(unmasked, "n", tmp_path / "a.jsonl")
    text = (tmp_path / "a.jsonl").read_text("utf-8")
    assert TOKEN not in text
    assert PASSWORD not in text
    assert "[masked: gitlab-token]" in text


def test_a_transfer_without_masking_changes_nothing(
    unmasked: FAISSLocalStore, target: FAISSLocalStore, tmp_path: Path
) -> None:
    export_records(unmasked, "n", tmp_path / "a.jsonl", mask=False)
    import_records(target, tmp_path / "a.jsonl", mask=False)
    assert only(target).content == only(unmasked).content == f"push with {TOKEN}"
    assert only(target).metadata == only(unmasked).metadata


@pytest.mark.parametrize("masks", [True, False])
async def test_a_memory_imports_and_exports_as_it_indexes(
    unmasked: FAISSLocalStore, tmp_path: Path, masks: bool
) -> None:
    export_records(unmasked, "n", tmp_path / "a.jsonl", mask=False)
    project = tmp_path / "project"
    project.mkdir()
    async with Memory.open(project, mask_secrets=masks) as memory:
        await memory.import_file(tmp_path / "a.jsonl", vectors=False)
        await memory.export_file(tmp_path / "b.jsonl")
        (stored,) = await memory.store.fetch(["a"])
    assert (TOKEN in stored.content) is not masks
    assert (TOKEN in (tmp_path / "b.jsonl").read_text("utf-8")) is not masks
