"""Two local stores, and helpers that make records and read a namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Record
from aurora_dev.testing.contract_support import DIMENSION, EMBEDDER, record

Contents = dict[str, tuple[str, dict[str, Any], list[float] | None]]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[FAISSLocalStore]:
    store = FAISSLocalStore(tmp_path / "source")
    store.set_embedder(EMBEDDER)
    yield store
    store.close()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[FAISSLocalStore]:
    store = FAISSLocalStore(tmp_path / "target")
    yield store
    store.close()


@pytest.fixture
def some() -> Callable[..., list[Record]]:
    """Make records with vectors (every tenth has none), line breaks and emoji in texts, and all types of metadata."""

    def some(count: int, *, seed: int = 0, prefix: str = "r") -> list[Record]:
        rng = np.random.default_rng(seed)
        vectors = rng.standard_normal((count, DIMENSION)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return [
            record(
                f"{prefix}{i:05}",
                f'def f{i}():\n\treturn "é😀\u2028\x00\r\n{seed}"',
                {"i": i, "half": i / 2, "even": i % 2 == 0, "tags": ["a", f"t{i}"], "path": f"src/é{i}.py"},
                vectors[i] if i % 10 else None,
            )
            for i in range(count)
        ]

    return some


@pytest.fixture
def contents() -> Callable[[VectorBackend, str], Contents]:
    """Read a namespace, with the types of metadata values, because in Python 1, 1.0 and True are equal."""

    def contents(store: VectorBackend, namespace: str = "n") -> Contents:
        return {
            stored.id: (
                stored.content,
                {key: (type(value).__name__, value) for key, value in stored.metadata.items()},
                None if stored.vector is None else stored.vector.tolist(),
            )
            for stored in store.scan(namespace, vectors=True)
        }

    return contents
