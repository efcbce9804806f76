"""The graph of an encoder: the mean of the last layer, as NumPy and torch compute it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from core.rerank import tiny_onnx_reranker as tiny

from aurora_dev.core.onnx.bert_graph import encoder_graph
from aurora_dev.core.onnx.calibration import encoder_maxima
from aurora_dev.core.onnx.session import TextEncoder

TEXTS = ["good a b c", "bad w1 w2 w3 w4 w5 w6", "w9"]


def test_the_vector_is_the_one_that_torch_computes() -> None:
    torch = pytest.importorskip("torch")
    sys.path.insert(0, str(Path(__file__).parents[3] / "scripts" / "train"))
    import dense_model
    from reranker_model import ModelShape

    torch.manual_seed(1)
    shape = ModelShape(3, tiny.WIDTH, 2, tiny.INNER, len(tiny.VOCABULARY), tiny.TOKENS)
    model = dense_model.DenseEncoder(shape).eval()
    weights = {name: value.numpy() for name, value in dense_model.to_bert(model).items()}
    encoder = TextEncoder(encoder_graph(weights, tiny.SHAPE), tiny.tokenizer())
    ours = encoder.vectors(TEXTS, 32)
    tokens = [encoder.tokens(text, 32) for text in TEXTS]
    longest = max(map(len, tokens))
    ids = torch.tensor([each + [0] * (longest - len(each)) for each in tokens])
    with torch.no_grad():
        theirs = torch.nn.functional.normalize(model(ids, torch.tensor([len(each) for each in tokens]))).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_only_the_first_row_of_token_types_counts() -> None:
    weights = tiny.random_weights()
    one = weights | {"bert.embeddings.token_type_embeddings.weight": weights[_TYPES][:1]}
    first, second = (
        TextEncoder(encoder_graph(each, tiny.SHAPE), tiny.tokenizer()).vectors(TEXTS, 32) for each in (one, weights)
    )
    np.testing.assert_array_equal(first, second)


def test_int8_gives_nearly_the_vector_of_float32() -> None:
    weights = tiny.random_weights()
    maxima = encoder_maxima(weights, tiny.SHAPE, tiny.tokenizer(), 32, TEXTS)
    exact = TextEncoder(encoder_graph(weights, tiny.SHAPE), tiny.tokenizer()).vectors(TEXTS, 32)
    small = encoder_graph(weights, tiny.SHAPE, precision="int8", maxima=maxima)
    near = TextEncoder(small, tiny.tokenizer()).vectors(TEXTS, 32)
    assert (exact * near).sum(axis=1).min() > 0.98
    assert not np.array_equal(exact, near)


_TYPES = "bert.embeddings.token_type_embeddings.weight"
