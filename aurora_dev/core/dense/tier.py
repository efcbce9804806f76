"""The dense vectors as a part of searches: the third candidate list, and how much of the store it covers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aurora_dev.core.contracts import DenseProgress, DenseVectors, Embedder, Filter
from aurora_dev.core.dense.maker import DenseMaker, is_in_reach
from aurora_dev.core.types import Match
from aurora_dev.lazy import np, npt

__all__ = ["DenseList", "DenseTier", "filled"]


class DenseTier:
    """The dense vectors of one namespace, and the embedder that makes them. Thread-safe.

    Args:
        vectors: The vectors that the backend keeps.
        embedder: Makes them, and those of queries.
        namespace: The namespace that is searched.
    """

    def __init__(self, vectors: DenseVectors, embedder: Embedder, namespace: str) -> None:
        self._vectors = vectors
        self._namespace = namespace
        self.embedder = embedder
        self.maker = DenseMaker(vectors, embedder, namespace)

    def progress(self) -> DenseProgress:
        """Return how many of the records that get a vector have one; loads no model."""
        return self.maker.progress()

    def begun(self) -> bool:
        """Return whether vectors were made, even if all their records were replaced since."""
        return self._vectors.begun(self._namespace, self.embedder.fingerprint)

    def has_any(self) -> bool:
        """Return whether any record has a vector of this model; reads the vectors, which a search needs anyway."""
        return self._vectors.load(self._namespace, self.embedder.fingerprint)

    def embed(self, query: str) -> npt.NDArray[np.float32]:
        """Return the vector of a query."""
        return self.embedder.embed_query(query)

    def matches(self, vector: npt.NDArray[np.float32], count: int, filter: Filter | None) -> list[Match]:
        """Return the nearest records that have a vector, best first."""
        found = self._vectors.query(self._namespace, self.embedder.fingerprint, vector, count, filter)
        return [match for match in found if match.score > 0]

    def without(self, ids: Sequence[str]) -> set[str]:
        """Return those of the ids whose records have no vector yet."""
        return self._vectors.without(self._namespace, self.embedder.fingerprint, ids)


@dataclass(frozen=True, slots=True)
class DenseList:
    """The candidate list of the dense vectors.

    Attributes:
        ranking: Best first. Records without a dense vector are in it at the places that their other vectors give them.
        scores: The cosine of each record that has a dense vector.
        share: How many of the records in the other vectors' list that get dense vectors have one already, 0..1.
    """

    ranking: Sequence[Match]
    scores: Mapping[str, float]
    share: float


def filled(dense: Sequence[Match], static: Sequence[Match], without: Callable[[Sequence[str]], set[str]]) -> DenseList:
    """Give the records without a dense vector the places that they have by their other vectors.

    Without this, whatever has no dense vector yet would rank below everything that has one.

    Args:
        dense: The nearest records that have a dense vector, best first.
        static: The nearest records by the vectors of the embedder, best first.
        without: Returns those of some ids whose records have no dense vector.
    """
    scores = {match.record.id: match.score for match in dense}
    bare = without([match.record.id for match in static])
    if not bare:
        return DenseList(dense, scores, 1.0)
    places: list[Match] = []
    waiting = iter(dense)
    for match in static:
        if match.record.id in bare:
            places.append(match)
        elif (following := next(waiting, None)) is not None:
            places.append(following)
    reached = [match.record.id for match in static if is_in_reach(match.record.metadata)]
    have = sum(identifier not in bare for identifier in reached)
    return DenseList([*places, *waiting], scores, have / len(reached) if reached else 0.0)
