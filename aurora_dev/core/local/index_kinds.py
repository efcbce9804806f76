"""The two kinds of indexes that a local store derives from its records: vector and keyword."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aurora_dev.core.keyword.index import ASIDE_TERM, KeywordIndex
from aurora_dev.core.local.records import (
    NamespaceState,
    read_embedder,
    read_vectors,
    texts_after,
    vector_rows,
    vectors_after,
)
from aurora_dev.core.local.vector_index import VectorIndex
from aurora_dev.core.record_kinds import is_session
from aurora_dev.core.text.terms import document_terms, terms_fingerprint
from aurora_dev.lazy import np


class VectorKind:
    """The FAISS index over the vectors of the current embedder."""

    name = "vector"
    version = "1"
    follows_embedder = True

    def load(self, path: Path, most: int) -> tuple[VectorIndex, Mapping[str, Any]]:
        """Read a snapshot of at most so many bytes."""
        return VectorIndex.load(path, most)

    def build(self, connection: sqlite3.Connection, state: NamespaceState) -> VectorIndex:
        """Return an empty index, trained on a sample if the namespace is large."""
        embedder = read_embedder(connection)
        dimension = embedder.dimension if embedder else 1
        if VectorIndex.should_be_exact(state.vectors):
            return VectorIndex(dimension)
        rows = vector_rows(connection, state)
        # The sample is spread evenly: neighbours in a file are similar, and the first files differ from the last.
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
        """Return whether another kind of index suits the present number of vectors better."""
        return index.outgrown(state.vectors)

    def expected(self, state: NamespaceState) -> int:
        """Return the number of vectors of the current embedder."""
        return state.vectors


class KeywordKind:
    """The BM25 index over contents and their searchable metadata."""

    name = "keyword"
    follows_embedder = False

    @property
    def version(self) -> str:
        """The version of the rules that split texts into terms."""
        return str(terms_fingerprint())

    def load(self, path: Path, most: int) -> tuple[KeywordIndex, Mapping[str, Any]]:
        """Read a snapshot of at most so many bytes."""
        return KeywordIndex.load(path, most)

    def build(self, connection: sqlite3.Connection, state: NamespaceState) -> KeywordIndex:
        """Return an empty index."""
        return KeywordIndex()

    def extend(self, index: KeywordIndex, connection: sqlite3.Connection, state: NamespaceState, after: int) -> int:
        """Add the texts above a row."""
        for batch in texts_after(connection, state, after):
            rows = [row for row, _, _ in batch]
            index.add(rows, [_terms(content, json.loads(metadata)) for _, content, metadata in batch])
            after = rows[-1]
        return after

    def outgrown(self, index: KeywordIndex, state: NamespaceState) -> bool:
        """Return false: a keyword index adapts to any size."""
        return False

    def expected(self, state: NamespaceState) -> int:
        """Return the number of records."""
        return state.records


def _terms(content: str, metadata: dict[str, Any]) -> dict[str, float]:
    """Return the terms of a record; sessions, which may be many and talk about anything, are set aside."""
    terms = dict(document_terms(content, metadata))
    if is_session(metadata):
        terms[ASIDE_TERM] = 1.0
    return terms
