"""The contract of a vector backend, held by the store on Pinecone: the real client against a loopback server."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pinecone_server import PineconeServer

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.pinecone_store import PineconeStore
from aurora_dev.errors import ConfigurationError
from aurora_dev.testing.backend_contract import (
    EmbedderContract,
    FilterContract,
    KeywordSearchContract,
    NamespaceContract,
    RecordContract,
    VectorSearchContract,
)
from aurora_dev.testing.contract_support import DIMENSION, EMBEDDER, WIDER_EMBEDDER, ids, record, unit

pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")


class _Pinecone:
    @pytest.fixture
    def backend(self, pinecone_store: Callable[..., PineconeStore]) -> PineconeStore:
        return pinecone_store()

    def settle(self, backend: VectorBackend, namespace: str) -> None:
        backend.refresh(namespace)


class TestRecords(_Pinecone, RecordContract):
    pass


class TestNamespaces(_Pinecone, NamespaceContract):
    pass


class TestEmbedder(_Pinecone, EmbedderContract):
    pass


class TestFilters(_Pinecone, FilterContract):
    pass


class TestVectorSearch(_Pinecone, VectorSearchContract):
    pass


class TestKeywordSearch(_Pinecone, KeywordSearchContract):
    def test_the_number_of_records_with_a_name_is_not_known(self, words: VectorBackend) -> None:
        assert words.name_counts("n", ["verify_token"]) is None


class _DenseAlone(_Pinecone):
    """Without keyword search one dense index, whose dimension is fixed, holds the records too."""

    @pytest.fixture
    def backend(self, pinecone_server: PineconeServer, pinecone_store: Callable[..., PineconeStore]) -> PineconeStore:
        pinecone_server.create_index("aurora", dimension=DIMENSION)
        return pinecone_store(keyword=False, create=False)


class TestRecordsWithoutKeywords(_DenseAlone, RecordContract):
    pass


class TestEmbedderWithoutKeywords(_DenseAlone, EmbedderContract):
    def test_missing_vectors_can_be_filled_in_batches(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        self.put(backend, record("a", "x", {}, unit(1)))
        with pytest.raises(ConfigurationError, match="16 dimensions"):
            backend.set_embedder(WIDER_EMBEDDER)
        assert ids(backend.vector_query("n", unit(1), 1)) == ["a"]
        found = backend.fetch("n", ["a"], vectors=True)["a"].vector
        assert found is not None
        assert np.allclose(found, unit(1))
