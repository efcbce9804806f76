"""A local store in a folder of its own; tests of other stores bring fixtures of the same names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.testing.contract_support import EMBEDDER


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(path: Path) -> Iterator[FAISSLocalStore]:
    store = FAISSLocalStore(path)
    store.set_embedder(EMBEDDER)
    yield store
    store.close()
