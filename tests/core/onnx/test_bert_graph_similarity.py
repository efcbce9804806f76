"""The score of Aurora's own reranker: a weighted cosine of two means, plus the projection of the first token."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from core.rerank import tiny_onnx_reranker as tiny

from aurora_dev.core.onnx.bert_graph import bert_graph

IDS = np.array([[2, 10, 11, 3, 12, 13, 14, 3]], dtype=np.int64)
TYPES = np.array([[0, 0, 0, 0, 1, 1, 1, 1]], dtype=np.int64)


def logit(weight: npt.NDArray[np.float32], first: npt.NDArray[np.float32], bias: float, types: object = TYPES) -> float:
    import onnxruntime

    weights = dict(tiny.random_weights())
    weights["similarity.weight"] = weight
    weights["first.weight"] = first
    weights["first.bias"] = np.array([bias], np.float32)
    session = onnxruntime.InferenceSession(bert_graph(weights, tiny.SHAPE))
    return float(session.run(["logits"], {"input_ids": IDS, "token_type_ids": types})[0][0])


ONES, NOTHING = np.ones(tiny.WIDTH, np.float32), np.zeros((1, tiny.WIDTH), np.float32)


def test_a_weight_of_ones_gives_the_cosine_and_weights_scale_it() -> None:
    cosine = logit(ONES, NOTHING, 0.0)
    assert -1.0 <= cosine <= 1.0
    assert logit(20 * ONES, NOTHING, -3.0) == pytest.approx(20 * cosine - 3.0, abs=1e-4)


def test_each_dimension_has_its_own_weight() -> None:
    shares = [logit(np.eye(tiny.WIDTH, dtype=np.float32)[n], NOTHING, 0.0) for n in range(tiny.WIDTH)]
    assert sum(shares) == pytest.approx(logit(ONES, NOTHING, 0.0), abs=1e-5)


def test_the_first_token_adds_its_projection() -> None:
    one = np.eye(tiny.WIDTH, dtype=np.float32)[:1]
    assert logit(0 * ONES, 2 * one, 0.5) - 0.5 == pytest.approx(2 * (logit(0 * ONES, one, 0.5) - 0.5), abs=1e-5)
    assert logit(0 * ONES, one, 0.0) != 0.0


def test_the_score_depends_on_where_the_query_ends() -> None:
    later = np.array([[0, 0, 0, 0, 0, 0, 1, 1]], dtype=np.int64)
    assert logit(ONES, NOTHING, 0.0, later) != pytest.approx(logit(ONES, NOTHING, 0.0), abs=1e-4)
