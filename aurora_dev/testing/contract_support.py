"""Shared parts of the backend contract: the base class, sample records, filters, an exact search to compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.filters import matches, parse_filter
from aurora_dev.core.types import EmbedderInfo, Match, Record, Vector

DIMENSION = 8
EMBEDDER = EmbedderInfo(name="contract/a", dimension=DIMENSION, fingerprint="a1")
OTHER_EMBEDDER = EmbedderInfo(name="contract/b", dimension=DIMENSION, fingerprint="b1")
WIDER_EMBEDDER = EmbedderInfo(name="contract/c", dimension=2 * DIMENSION, fingerprint="c1")

_TEXTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("a", "def verify_token(token): check the JWT signature", {"kind": "function", "line": 1, "tags": ["auth"]}),
    ("b", "class TokenStore: keeps refresh tokens", {"kind": "class", "line": 20, "tags": ["auth", "storage"]}),
    ("c", "Rate limits are counted in Redis.", {"kind": "decision", "line": 20.5, "final": True}),
    ("d", "def render(template): fills the page", {"kind": "function", "line": 0, "final": False}),
    ("e", "Tokens are signed with EdDSA.", {"kind": "decision", "tags": [], "line": "20"}),
    ("f", "nothing is known about this text", {}),
)
LIBRARY = tuple(Record(*text) for text in _TEXTS)
"""Sample records with the ids ``a`` to ``f``, without vectors."""

FILTERS: tuple[tuple[Mapping[str, Any], str], ...] = (
    ({}, "abcdef"),
    ({"kind": "function"}, "ad"),
    ({"kind": {"$eq": "function"}}, "ad"),
    ({"kind": {"$ne": "function"}}, "bcef"),
    ({"kind": {"$in": ["class", "decision", 7]}}, "bce"),
    ({"kind": {"$nin": ["class", "decision"]}}, "adf"),
    ({"kind": {"$in": []}}, ""),
    ({"kind": {"$nin": []}}, "abcdef"),
    ({"line": {"$gt": 1}}, "bc"),
    ({"line": {"$gte": 1}}, "abc"),
    ({"line": {"$lt": 20}}, "ad"),
    ({"line": {"$lte": 20.0}}, "abd"),
    ({"line": {"$gt": 0, "$lt": 20.5}}, "ab"),
    ({"line": 1.0}, "a"),
    ({"line": True}, ""),
    ({"line": 0}, "d"),
    ({"line": "20"}, "e"),
    ({"final": True}, "c"),
    ({"final": 1}, ""),
    ({"final": {"$gte": 0}}, ""),
    ({"final": {"$ne": True}}, "abdef"),
    ({"final": {"$in": [False]}}, "d"),
    ({"tags": "auth"}, "ab"),
    ({"tags": {"$in": ["storage", "web"]}}, "b"),
    ({"tags": {"$ne": "auth"}}, "cdef"),
    ({"tags": {"$nin": ["storage"]}}, "acdef"),
    ({"tags": {"$gt": 0}}, ""),
    ({"tags": {"$exists": True}}, "abe"),
    ({"tags": {"$exists": False}}, "cdf"),
    ({"missing": {"$exists": False}}, "abcdef"),
    ({"missing": "x"}, ""),
    ({"kind": "function", "final": False}, "d"),
    ({"$or": [{"kind": "class"}, {"line": 0}]}, "bd"),
    ({"$and": [{"tags": "auth"}, {"$or": [{"line": 1}, {"kind": "decision"}]}]}, "a"),
    ({"$or": [{"kind": "class"}], "tags": "storage"}, "b"),
)
"""Filters, each with the ids of the records in `LIBRARY` that it matches."""

BAD_FILTERS: tuple[Any, ...] = (
    {"$nor": [{"a": 1}]},
    {"a": {"$regex": "x"}},
    {"a": {"eq": 1}},
    {"a": {}},
    {"a": None},
    {"a": [1, 2]},
    {"a": {"$gt": "10"}},
    {"a": {"$gt": True}},
    {"a": {"$in": "abc"}},
    {"a": {"$in": [None]}},
    {"a": {"$exists": 1}},
    {"a": float("nan")},
    {"a": {"$lt": float("inf")}},
    {"a": 2**63},
    {"$and": []},
    {"$or": {}},
    {"$or": [7]},
    {"": 1},
    {3: 1},
    "kind = 'a'",
)
"""Filters that every backend must refuse."""


def unit(*values: float) -> npt.NDArray[np.float32]:
    """Return a vector of the given values followed by zeros, L2-normalised: shape ``(DIMENSION,)``, float32."""
    vector = np.zeros(DIMENSION, dtype=np.float32)
    vector[: len(values)] = values
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)


def record(
    identifier: str, content: str, metadata: Mapping[str, Any] | None = None, vector: Vector | None = None
) -> Record:
    """Return a record; by default without metadata and vector."""
    return Record(identifier, content, dict(metadata or {}), vector)


def ids(found: Sequence[Match] | Mapping[str, Record]) -> list[str]:
    """Return the ids of matches in their order, or the sorted ids of fetched records."""
    return sorted(found) if isinstance(found, Mapping) else [match.record.id for match in found]


def nearest(
    records: Mapping[str, Record], query: npt.NDArray[np.float32], top_k: int, filter: Mapping[str, Any] | None = None
) -> list[str]:
    """Return the ids that an exact search finds, best first: the expected answer of any backend."""
    node = parse_filter(filter or {})
    scored = [
        (-float(np.multiply(record.vector, query, dtype=np.float64).sum()), record.id)
        for record in records.values()
        if record.vector is not None and matches(node, record.metadata)
    ]
    return [identifier for _, identifier in sorted(scored)[:top_k]]


class Contract:
    """Base of all contract classes. A subclass overrides the fixture `backend`, and the rest if it has to.

    Attributes:
        odd_ids: Unusual ids that the backend must accept. Override it if the service accepts fewer.
        approximate_integers: Whether integers beyond 2^53 may come back rounded.
    """

    odd_ids: ClassVar[Sequence[str]] = ("ünï/çødé 🦜", "a b\tc\n", "nul\x00nul", "%_'\";--", "x" * 512)
    approximate_integers: ClassVar[bool] = False

    @pytest.fixture
    def backend(self) -> VectorBackend:
        """Return a new, empty backend. Subclasses must override it, and close the backend after the test."""
        raise TypeError(f"{type(self).__name__} must override the fixture 'backend'")

    def settle(self, backend: VectorBackend, namespace: str) -> None:
        """Wait until earlier writes are visible. Override it if they are not visible at once."""

    def put(self, backend: VectorBackend, *records: Record, namespace: str = "n", deletes: Sequence[str] = ()) -> None:
        """Write records and deletes, and wait until they are visible."""
        backend.write(namespace, records, deletes)
        self.settle(backend, namespace)

    @pytest.fixture
    def library(self, backend: VectorBackend) -> VectorBackend:
        """Return a backend with `LIBRARY` in the namespace ``n``, and no embedder."""
        self.put(backend, *LIBRARY)
        return backend
