"""The contract of a vector backend, held by the store on Pinecone: the real client against a loopback server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aurora_dev.core.backend import VectorBackend
from aurora_dev.core.pinecone_store import PineconeStore
from aurora_dev.testing.backend_contract import (
    EmbedderContract,
    FilterContract,
    KeywordSearchContract,
    NamespaceContract,
    RecordContract,
    VectorSearchContract,
)


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
    pass
