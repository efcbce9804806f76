"""Maximal marginal relevance."""

from __future__ import annotations

from aurora_dev.lazy import np, npt

__all__ = ["mmr"]


def mmr(
    relevance: npt.NDArray[np.float32], vectors: npt.NDArray[np.float32], top_k: int, lambda_: float
) -> list[tuple[int, float]]:
    """Choose by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    Args:
        relevance: Shape ``(n,)``, 0..1.
        vectors: Shape ``(n, dimension)``, L2-normalised; a row of zeros resembles nothing.
        top_k: How many to choose, at least 1.
        lambda_: 1.0 is relevance alone, 0.0 is diversity alone.

    Returns:
        Up to ``top_k`` pairs (index, marginal value in 0..1). The values never rise: what is left only grows more
        similar to what was chosen. Ties go to the lower index.
    """
    count = len(relevance)
    closest = np.zeros(count, dtype=np.float64)  # similarity to the nearest chosen one, opposite counts as unrelated
    left = np.ones(count, dtype=bool)
    chosen: list[tuple[int, float]] = []
    for _ in range(min(top_k, count)):
        value = lambda_ * relevance.astype(np.float64) + (1.0 - lambda_) * (1.0 - closest)
        value[~left] = -1.0
        best = int(np.argmax(value))
        chosen.append((best, float(min(1.0, max(0.0, value[best])))))
        left[best] = False
        similarity = np.clip(vectors @ vectors[best], 0.0, 1.0)
        np.maximum(closest, similarity, out=closest)
    return chosen
