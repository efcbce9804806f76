"""Measures the inputs of the matrix products of a model, which its int8 form is scaled by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora_dev.core.onnx.bert_graph import MAXIMA_SUFFIX, BertShape, Weights, calibration_graph
from aurora_dev.core.onnx.session import Pair, PairScorer, TextEncoder

__all__ = ["encoder_maxima", "input_maxima"]


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
    return _largest(map(scorer.outputs, pairs))


def encoder_maxima(
    weights: Weights, shape: BertShape, tokenizer: Any, max_tokens: int, texts: Sequence[str]
) -> Mapping[str, npt.NDArray[np.float32]]:
    """Measure the inputs of each matrix product by encoding texts with the float32 model; see `input_maxima`.

    Args:
        weights: See `aurora_dev.core.onnx.bert_graph.encoder_graph`.
        shape: The shape of the model.
        tokenizer: A ``tokenizers.Tokenizer`` that adds the first and the last token of a text.
        max_tokens: Most tokens of a text.
        texts: Queries and documents of the kind that the model will read.
    """
    encoder = TextEncoder(calibration_graph(weights, shape, pools=True), tokenizer)
    return _largest(encoder.outputs(text, max_tokens) for text in texts)


def _largest(runs: Iterable[Mapping[str, npt.NDArray[Any]]]) -> Mapping[str, npt.NDArray[np.float32]]:
    maxima: dict[str, npt.NDArray[np.float32]] = {}
    for outputs in runs:
        for name, largest in outputs.items():
            if name.endswith(MAXIMA_SUFFIX):
                product = name.removesuffix(MAXIMA_SUFFIX)
                maxima[product] = np.maximum(maxima.get(product, 0.0), largest)
    return maxima
