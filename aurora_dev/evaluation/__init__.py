"""Evaluation of search quality: the metrics of ranked retrieval over a query file."""

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
from aurora_dev.evaluation.query_file import Query, Target, load_queries
from aurora_dev.evaluation.results import Evaluation, Measured, Side, Threshold, Verdict, metric_names
from aurora_dev.evaluation.runner import DEFAULT_KS, evaluate, measure
from aurora_dev.evaluation.stored_targets import StoredTargets

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
