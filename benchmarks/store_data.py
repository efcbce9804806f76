"""Records and queries for `store.py`: synthetic vectors that resemble embeddings of code, and real embeddings."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.types import EmbedderInfo, Record

Matrix = npt.NDArray[np.float32]

DIMENSION = 256
BATCH = 1_000  # records per transaction, a few times as many as the indexer writes at once
NARROW = {"bucket": 7}  # matches 1 % of the records
WIDE = {"half": True}  # matches 50 % of the records

# A mixture whose clusters differ in size as topics do, and whose axes have decreasing variance. The variances of the
# bundled embedder over source code decrease about like this, and so do those of other embedders after PCA.
_RECORDS_PER_CLUSTER = 150
_DECAY = 0.35
_SPREAD = 0.8  # of a cluster, relative to that of the centres; at 1.0, neighbours are hardly nearer than other records
_WORDS = 40  # per synthetic text
_VOCABULARY = 50_000
_QUERY_WORDS = 4
_WINDOW, _STEP = 16, 5  # lines per real text, and lines between the starts of two texts


@dataclass(frozen=True)
class Queries:
    """Vectors of shape ``(n, 256)`` and one text for each."""

    vectors: Matrix
    texts: list[str]


class Synthetic:
    """A seeded mixture of Gaussians on the sphere, with texts of identifiers that follow Zipf's law."""

    def __init__(self, size: int, queries: int) -> None:
        self.size = size
        self.info = EmbedderInfo("benchmark/mixture", DIMENSION, "1")
        self._wanted = queries
        random = np.random.default_rng(11)
        self._axes = (np.arange(1, DIMENSION + 1) ** -_DECAY).astype(np.float32)
        clusters = max(32, size // _RECORDS_PER_CLUSTER)
        self._centres = random.standard_normal((clusters, DIMENSION), dtype=np.float32) * self._axes
        shares = np.arange(1, clusters + 1) ** -0.5
        self._shares = shares / shares.sum()
        parts = ["get", "set", "user", "token", "cache", "index", "parse", "node", "path", "row", "score", "batch"]
        self._words = [f"{parts[i % 12]}{parts[i // 12 % 12]}{i:x}" for i in range(_VOCABULARY)]
        ranks = np.arange(1, _VOCABULARY + 1) ** -1.0
        self._cumulated = np.cumsum(ranks / ranks.sum())

    def describe(self) -> str:
        """Return a description of the data."""
        return (
            f"seeded mixture of Gaussians on the sphere (a cluster per {_RECORDS_PER_CLUSTER} records, sizes and axes "
            f"by power laws, spread {_SPREAD}); texts of {_WORDS} identifiers by Zipf's law; queries drawn alike"
        )

    def batches(self) -> Iterator[list[Record]]:
        """Yield all records in batches, the same in every call."""
        random = np.random.default_rng(12)
        for start in range(0, self.size, BATCH):
            count = min(BATCH, self.size - start)
            vectors, texts = self._drawn(random, count), self._texts(random, count, _WORDS)
            yield _records(start, vectors, texts, random)

    def queries(self) -> Queries:
        """Return the queries, the same in every call."""
        random = np.random.default_rng(13)
        return Queries(self._drawn(random, self._wanted), self._texts(random, self._wanted, _QUERY_WORDS))

    def _drawn(self, random: np.random.Generator, count: int) -> Matrix:
        centres = self._centres[random.choice(len(self._centres), size=count, p=self._shares)]
        noise = random.standard_normal((count, DIMENSION), dtype=np.float32) * self._axes
        return _normalised(centres + np.float32(_SPREAD) * noise)

    def _texts(self, random: np.random.Generator, count: int, words: int) -> list[str]:
        picked = np.searchsorted(self._cumulated, random.random((count, words))).clip(max=_VOCABULARY - 1)
        return [" ".join(self._words[place] for place in row) for row in picked.tolist()]


class Real:
    """Windows of the standard library's source, embedded by the bundled model."""

    def __init__(self, size: int, queries: int) -> None:
        self._embedder = StaticEmbedder.bundled()
        self.info = EmbedderInfo(self._embedder.name, self._embedder.dimension, self._embedder.fingerprint)
        library = Path(sysconfig.get_path("stdlib"))
        files = sorted(path for path in library.rglob("*.py") if "site-packages" not in path.parts)
        windows: dict[str, None] = {}
        sentences: dict[str, None] = {}
        for path in files:
            text = path.read_text("utf-8", errors="replace")
            lines = text.splitlines()
            for start in range(0, max(1, len(lines) - _WINDOW), _STEP):
                window = "\n".join(lines[start : start + _WINDOW])
                if window.strip():
                    windows[window] = None
            sentences.update(dict.fromkeys(re.findall(r'"""([A-Z][^"\n]{24,100}?)\.?(?:"""|\n)', text)))
        random = np.random.default_rng(14)
        order = random.permutation(len(windows))[:size]
        if len(order) < size:
            raise ValueError(f"the standard library has only {len(windows)} windows, not {size}: give a smaller size")
        texts = list(windows)
        self._texts = [texts[place] for place in order]
        self.size = size
        known = list(sentences)
        self._queries = [known[place] for place in random.permutation(len(known))[:queries]]

    def describe(self) -> str:
        """Return a description of the data."""
        return (
            f"distinct windows of {_WINDOW} lines of the standard library's source, {_STEP} lines apart, in shuffled "
            f"order, embedded by {self.info.name}; queries: first sentences of docstrings there"
        )

    def batches(self) -> Iterator[list[Record]]:
        """Yield all records in batches, the same in every call."""
        random = np.random.default_rng(12)
        for start in range(0, self.size, BATCH):
            texts = self._texts[start : start + BATCH]
            yield _records(start, self._embedder.embed_documents(texts), texts, random)

    def queries(self) -> Queries:
        """Return the queries, the same in every call."""
        return Queries(np.stack([self._embedder.embed_query(text) for text in self._queries]), self._queries)


def exact_scores(data: Synthetic | Real, top_k: int) -> dict[str, Matrix]:
    """Return the ``top_k`` best exact cosines of each query, descending: over all records, `NARROW` ones, `WIDE` ones.

    Returns:
        Shape ``(queries, top_k)``, float32, for the keys ``all``, ``narrow`` and ``wide``.
    """
    queries = data.queries().vectors
    best = {name: np.full((len(queries), top_k), -1, dtype=np.float32) for name in ("all", "narrow", "wide")}
    for records in data.batches():
        matrix = np.stack([record.vector for record in records if record.vector is not None])
        scores = queries @ matrix.T
        allowed = {
            "all": np.ones(len(records), dtype=bool),
            "narrow": np.array([record.metadata["bucket"] == NARROW["bucket"] for record in records]),
            "wide": np.array([record.metadata["half"] == WIDE["half"] for record in records]),
        }
        for name, mask in allowed.items():
            merged = np.concatenate([best[name], scores[:, mask]], axis=1)
            best[name] = -np.sort(-merged, axis=1)[:, :top_k]
    return best


def _records(start: int, vectors: Matrix, texts: list[str], random: np.random.Generator) -> list[Record]:
    buckets = random.integers(0, 100, size=len(texts)).tolist()
    halves = (random.random(len(texts)) < 0.5).tolist()
    return [
        Record(
            f"{start + place:08d}",
            text,
            {"path": f"src/m{(start + place) // 20}.py", "kind": "code", "bucket": bucket, "half": half},
            vector,
        )
        for place, (text, vector, bucket, half) in enumerate(zip(texts, vectors, buckets, halves, strict=True))
    ]


def _normalised(vectors: Matrix) -> Matrix:
    found: Matrix = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found
