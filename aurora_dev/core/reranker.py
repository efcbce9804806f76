"""Rerankers: how well does each text answer the query?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


@runtime_checkable
class Reranker(Protocol):
    """Scores (query, text) pairs."""

    @property
    def name(self) -> str:
        """What a person calls it, for example ``cross-encoder/ms-marco-MiniLM-L-6-v2``."""

    @property
    def is_available(self) -> bool:
        """Whether scoring can work now; never raises, loads or downloads just to answer."""

    @property
    def unavailable_reason(self) -> str | None:
        """Why `is_available` is False and what to do about it, else ``None``."""

    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Score each text for the query.

        Returns:
            Shape ``(len(texts),)``, float32 in 0..1, in input order; NaN where a text was not scored.

        Raises:
            AuroraError: Scoring failed; the search that called keeps its stage-1 results.
        """
