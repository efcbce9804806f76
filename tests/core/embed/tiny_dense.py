"""A toy encoder in the format of the bundled one, with seeded weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.rerank import tiny_onnx_reranker as tiny

from aurora_dev.core.onnx.bert_graph import encoder_graph
from aurora_dev.core.onnx.calibration import encoder_maxima

TEXTS = ["good a b c d", "bad w1 w2 w3 a", "e f g good w20", "w5 w6 w7 bad"]


def build(folder: Path, **config: Any) -> Path:
    """Write a model, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = tiny.random_weights()
    maxima = encoder_maxima(weights, tiny.SHAPE, tiny.tokenizer(), tiny.TOKENS, TEXTS)
    model = encoder_graph(weights, tiny.SHAPE, precision="int8", maxima=maxima)
    (folder / "model.onnx").write_bytes(model)
    (folder / "tokenizer.json").write_text(tiny.tokenizer().to_str())
    settings = {
        "format": 1,
        "text_format": 1,
        "name": "tiny",
        "dimensions": tiny.WIDTH,
        "document_tokens": 12,
        "query_tokens": 8,
        "document_prefix": "",
        "query_prefix": "",
    }
    (folder / "config.json").write_text(json.dumps(settings | config))
    tiny.sign(folder)
    return folder
