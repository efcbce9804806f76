"""The contract of a vector backend, held by the local store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.testing.backend_contract import (
    EmbedderContract,
    FilterContract,
    KeywordSearchContract,
    NamespaceContract,
    RecordContract,
    VectorSearchContract,
)


class _Local:
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[FAISSLocalStore]:
        store = FAISSLocalStore(tmp_path / "store")
        yield store
        store.close()


class TestRecords(_Local, RecordContract):
    pass


class TestNamespaces(_Local, NamespaceContract):
    pass


class TestEmbedder(_Local, EmbedderContract):
    pass


class TestFilters(_Local, FilterContract):
    pass


class TestVectorSearch(_Local, VectorSearchContract):
    pass


class TestKeywordSearch(_Local, KeywordSearchContract):
    def test_the_number_of_records_with_a_name_is_known(self, words: VectorBackend) -> None:
        assert words.name_counts("n", ["verify_token"]) is not None
