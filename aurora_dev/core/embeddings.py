"""Embedders: text to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. Synchronous and thread-safe; `VectorStore` calls it from worker threads."""

    @property
    def name(self) -> str:
        """What a person calls it, for example ``bundled/minilm-static-256``."""

    @property
    def dimension(self) -> int:
        """Length of every vector."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text may embed to other numbers."""

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts that are stored.

        Returns:
            Shape ``(len(texts), dimension)``, float32, each row L2-normalised (a text without any known token gives
            a row of zeros), in input order.

        Raises:
            EmbeddingError: The model or service failed.
        """

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed one query: shape ``(dimension,)``, float32, L2-normalised."""
