"""The metrics of ranked retrieval, as pure functions of one query; `results` averages them over queries.

Notation: a query has targets *t* = 1 … *n*, each with a grade *g(t)* > 0. *r(t)* is the 1-based rank of the first
result that covers *t*; a target that no result covers has no rank. A target counts once, at that rank: later results
that cover it again are relevant (precision counts them) but gain nothing.

One result may cover several targets. Metrics that need an order of targets (average precision, NDCG) then sort them by
rank, then by descending grade, and give each the position *p* = max(*r(t)*, previous position + 1). So no two targets
share a position, no figure exceeds 1, and a ranking that finds every target as early as possible has exactly 1. If
every result covers at most one new target, *p(t)* = *r(t)*, and the figures are those of the textbooks.

All figures are 0..1, higher is better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from aurora_dev.errors import InvalidRequestError

Ranks: TypeAlias = Sequence[int | None]  # one per target: 1-based, or None if it was not found


def precision_at(relevant: Sequence[bool], k: int) -> float:
    r"""Return the share of the first ``k`` places that hold a relevant result.

    .. math:: P@k = \frac{1}{k} \sum_{i=1}^{k} \mathrm{rel}(i)

    Args:
        relevant: For each result, best first, whether it covers any target.
        k: At least 1. Missing results of a shorter list count as irrelevant.

    Raises:
        InvalidRequestError: ``k`` is below 1.
    """
    _check_k(k)
    return sum(map(bool, relevant[:k])) / k


def recall_at(ranks: Ranks, k: int) -> float:
    r"""Return the share of the targets that the first ``k`` results cover.

    .. math:: R@k = \frac{|\{t : r(t) \le k\}|}{n}

    Raises:
        InvalidRequestError: ``k`` is below 1, or there is no target.
    """
    _check(ranks, k)
    return sum(rank is not None and rank <= k for rank in ranks) / len(ranks)


def hit_at(ranks: Ranks, k: int) -> float:
    """Return 1.0 if the first ``k`` results cover any target, else 0.0; the average is the hit rate (success@k).

    Raises:
        InvalidRequestError: ``k`` is below 1, or there is no target.
    """
    _check(ranks, k)
    return float(any(rank is not None and rank <= k for rank in ranks))


def reciprocal_rank(ranks: Ranks) -> float:
    r"""Return one over the rank of the first relevant result, 0.0 without one; the average is the MRR (Voorhees, 1999).

    .. math:: RR = \frac{1}{\min_t r(t)}

    Raises:
        InvalidRequestError: There is no target.
    """
    _check(ranks)
    first = min((rank for rank in ranks if rank is not None), default=None)
    return 0.0 if first is None else 1.0 / first


def average_precision(ranks: Ranks) -> float:
    r"""Return the precision at the position of each target, averaged over all targets; the average is the MAP.

    .. math:: AP = \frac{1}{n} \sum_{i=1}^{m} \frac{i}{p_i}

    with :math:`p_1 < p_2 < … < p_m` the positions of the *m* targets that were found. Targets that were not found count
    as 0, as in trec_eval.

    Raises:
        InvalidRequestError: There is no target.
    """
    _check(ranks)
    places = positions(ranks, [1.0] * len(ranks))
    return math.fsum(count / place for count, (place, _) in enumerate(places, start=1)) / len(ranks)


def ndcg_at(ranks: Ranks, grades: Sequence[float], k: int) -> float:
    r"""Return the normalised discounted cumulated gain of the first ``k`` places.

    .. math:: DCG@k = \sum_{t : p(t) \le k} \frac{g(t)}{\log_2(p(t) + 1)}
    .. math:: NDCG@k = DCG@k \;/\; \mathrm{IDCG}@k

    where IDCG@k is the DCG@k of all targets by descending grade. The gain of a target is its grade itself, as in
    Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (ACM TOIS 20(4), 2002): a target of
    grade 2 is worth two of grade 1. The discount is the usual log2(1 + position), which already reduces position 2.
    For the gain 2^g - 1, use that number as the grade.

    Args:
        ranks: One per target.
        grades: One per target, finite and above 0; all equal for binary relevance.
        k: At least 1.

    Raises:
        InvalidRequestError: ``k`` is below 1, there is no target, or ``grades`` is not one positive number per target.
    """
    _check(ranks, k)
    if len(grades) != len(ranks) or not all(math.isfinite(grade) and grade > 0 for grade in grades):
        raise InvalidRequestError("there must be one grade per target, finite and above 0")
    best = max(grades)  # relative to the best grade, so that no sum overflows
    gain = math.fsum(grade / best / math.log2(place + 1) for place, grade in positions(ranks, grades) if place <= k)
    ideal = math.fsum(
        grade / best / math.log2(place + 1) for place, grade in enumerate(sorted(grades, reverse=True)[:k], start=1)
    )
    return min(1.0, gain / ideal)  # sums that are equal on paper may differ in the last bit


def positions(ranks: Ranks, grades: Sequence[float]) -> list[tuple[int, float]]:
    """Return (position, grade) of every target that was found, by ascending position; no two positions are equal."""
    found = sorted((rank, -grade) for rank, grade in zip(ranks, grades, strict=True) if rank is not None)
    result: list[tuple[int, float]] = []
    position = 0
    for rank, negative in found:
        position = max(rank, position + 1)
        result.append((position, -negative))
    return result


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile: the smallest value that at least ``percent`` % of the values do not exceed.

    Args:
        values: At least one, in any order and unit.
        percent: Above 0, at most 100.

    Raises:
        InvalidRequestError: There is no value, or ``percent`` is out of range.
    """
    if not values or not 0 < percent <= 100:
        raise InvalidRequestError(f"a percentile needs values and a percentage above 0 and up to 100, not {percent!r}")
    return sorted(values)[math.ceil(percent / 100 * len(values)) - 1]


def _check(ranks: Ranks, k: int = 1) -> None:
    _check_k(k)
    if not ranks:
        raise InvalidRequestError("a query without targets has no metrics: name at least one")


def _check_k(k: int) -> None:
    if k < 1:
        raise InvalidRequestError(f"k must be a whole number of at least 1, not {k!r}")
