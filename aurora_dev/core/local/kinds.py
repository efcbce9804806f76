"""The two indexes that a local store derives from its records: by vector and by keyword."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aurora_dev.core.keyword.index import KeywordIndex
from aurora_dev.core.local.records import (
    NamespaceState,
    read_embedder,
    read_vectors,
    texts_after,
    vector_rows,
    vectors_after,
)
from aurora_dev.core.local.vector_index import VectorIndex
from aurora_dev.core.text.terms import document_terms, terms_fingerprint


class VectorKind:
    """Vectors of the present embedder, in FAISS."""

    name = "vector"
    version = "1"
    follows_embedder = True

    def load(self, path: Path) -> tuple[VectorIndex, Mapping[str, Any]]:
        """Read a snapshot."""
        return VectorIndex.load(path)

    def build(self, connection: sqlite3.Connection, state: NamespaceState) -> VectorIndex:
        """Return an empty index, trained where the namespace is large."""
        embedder = read_embedder(connection)
        dimension = embedder.dimension if embedder else 1
        if VectorIndex.should_be_exact(state.vectors):
            return VectorIndex(dimension)
        rows = vector_rows(connection, state)
        # Evenly spread: neighbours in a file are alike, and the first files are not like the last.
        spread = np.linspace(0, len(rows) - 1, num=VectorIndex.sample_size(len(rows))).astype(np.int64)
        sample = read_vectors(connection, np.unique(rows[spread]).tolist(), state.generation)
        return VectorIndex(dimension, sample=np.stack(list(sample.values())), expected=len(rows))

    def extend(self, index: VectorIndex, connection: sqlite3.Connection, state: NamespaceState, after: int) -> int:
        """Add the vectors above a row."""
        for rows, vectors in vectors_after(connection, state, after):
            index.add(rows, vectors)
            after = int(rows[-1])
        return after

    def outgrown(self, index: VectorIndex, state: NamespaceState) -> bool:
        """Whether another kind of index serves the present number of vectors better."""
        return index.outgrown(state.vectors)

    def expected(self, state: NamespaceState) -> int:
        """Return the number of vectors of the present embedder."""
        return state.vectors


class KeywordKind:
    """Contents and what metadata say about them, in a BM25 index."""

    name = "keyword"
    follows_embedder = False

    @property
    def version(self) -> str:
        """Changes with the rules that cut texts into terms."""
        return str(terms_fingerprint())

    def load(self, path: Path) -> tuple[KeywordIndex, Mapping[str, Any]]:
        """Read a snapshot."""
        return KeywordIndex.load(path)

    def build(self, connection: sqlite3.Connection, state: NamespaceState) -> KeywordIndex:
        """Return an empty index."""
        return KeywordIndex()

    def extend(self, index: KeywordIndex, connection: sqlite3.Connection, state: NamespaceState, after: int) -> int:
        """Add the texts above a row."""
        for batch in texts_after(connection, state, after):
            rows = [row for row, _, _ in batch]
            index.add(rows, [document_terms(content, json.loads(metadata)) for _, content, metadata in batch])
            after = rows[-1]
        return after

    def outgrown(self, index: KeywordIndex, state: NamespaceState) -> bool:
        """Never: it tidies up after itself."""
        return False

    def expected(self, state: NamespaceState) -> int:
        """Return the number of records."""
        return state.records
