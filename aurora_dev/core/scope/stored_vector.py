"""A query whose vector is known: that of a stored chunk."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_dev.core.contracts import Embedder
from aurora_dev.core.types import Vector
from aurora_dev.lazy import np, npt

__all__ = ["EmbeddedQuery"]


class EmbeddedQuery(Embedder):
    """An embedder for one query, which answers with a stored vector.

    Args:
        embedder: The embedder that made the vector.
        vector: The vector, L2-normalised.
    """

    def __init__(self, embedder: Embedder, vector: Vector) -> None:
        self._embedder = embedder
        self._vector = vector

    @property
    def name(self) -> str:
        """The name of the embedder."""
        return self._embedder.name

    @property
    def dimension(self) -> int:
        """The length of its vectors."""
        return self._embedder.dimension

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the embedder."""
        return self._embedder.fingerprint

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts to be stored."""
        return self._embedder.embed_documents(texts)

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:  # noqa: ARG002 - the vector is that of the text
        """Return the stored vector."""
        return self._vector
