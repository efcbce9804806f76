"""Measures the inputs of the matrix products of a model, which its int8 form is scaled by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora_dev.core.onnx.bert_graph import MAXIMA_SUFFIX, BertShape, Weights, calibration_graph
from aurora_dev.core.onnx.session import Pair, PairScorer

__all__ = ["input_maxima"]


def input_maxima(
    weights: Weights, shape: BertShape, tokenizer: Any, max_tokens: int, pairs: Sequence[Pair]
) -> Mapping[str, npt.NDArray[np.float32]]:
    """Measure the inputs of each matrix product by scoring pairs with the float32 model.

    Args:
        weights: See `aurora_dev.core.onnx.bert_graph.bert_graph`.
        shape: The shape of the model.
        tokenizer: A ``tokenizers.Tokenizer`` that joins pairs as in training.
        max_tokens: Most tokens of query and document together.
        pairs: Pairs of (query, document) of the kind that the model will score.

    Returns:
        The largest absolute value of each input channel, float32 of shape (channels,), by the name of the product.
    """
    scorer = PairScorer(calibration_graph(weights, shape), tokenizer, max_tokens, 1)
    maxima: dict[str, npt.NDArray[np.float32]] = {}
    for pair in pairs:
        for name, largest in scorer.outputs(pair).items():
            if name.endswith(MAXIMA_SUFFIX):
                product = name.removesuffix(MAXIMA_SUFFIX)
                maxima[product] = np.maximum(maxima.get(product, 0.0), largest)
    return maxima
