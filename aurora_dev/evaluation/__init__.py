"""How well a search finds what it should: the metrics of ranked retrieval over a file of queries."""

from aurora_dev.evaluation.metrics import (
    average_precision,
    hit_at,
    ndcg_at,
    percentile,
    positions,
    precision_at,
    recall_at,
    reciprocal_rank,
)
from aurora_dev.evaluation.queries import Query, StoredTargets, Target, load_queries
from aurora_dev.evaluation.runner import (
    DEFAULT_KS,
    Evaluation,
    Measured,
    Side,
    Threshold,
    Verdict,
    evaluate,
    measure,
    metric_names,
)

__all__ = [
    "DEFAULT_KS",
    "Evaluation",
    "Measured",
    "Query",
    "Side",
    "StoredTargets",
    "Target",
    "Threshold",
    "Verdict",
    "average_precision",
    "evaluate",
    "hit_at",
    "load_queries",
    "measure",
    "metric_names",
    "ndcg_at",
    "percentile",
    "positions",
    "precision_at",
    "recall_at",
    "reciprocal_rank",
]
