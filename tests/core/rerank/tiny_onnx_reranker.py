"""A toy reranker in the format of the bundled one, written with NumPy alone.

Two kinds of weights: ``random`` (seeded), and ``counting``, hand-set so that the logit grows with the share of the word
``good`` among all words of the pair: attention is uniform, values carry one coordinate of the embedding.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from aurora_dev.core.onnx.bert_graph import BertShape, bert_graph
from aurora_dev.core.onnx.calibration import input_maxima

WORDS = ["good", "bad", *"abcdefghijklmnopqrstuvwxyz", *(f"w{number}" for number in range(70))]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
WIDTH, INNER, TOKENS = 16, 32, 64
SHAPE = BertShape("bert", layers=3, heads=2)


def build(folder: Path, kind: str = "counting", *, seed: int = 0, max_tokens: int = TOKENS, **config: Any) -> Path:
    """Write a model, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = random_weights(seed) if kind == "random" else counting_weights()
    pairs = [("good a b", "bad good w1 w2 w3"), ("c", "d e f g h i j good good")]
    maxima = input_maxima(weights, SHAPE, tokenizer(), TOKENS, pairs)
    (folder / "model.onnx").write_bytes(bert_graph(weights, SHAPE, precision="int8", maxima=maxima))
    (folder / "tokenizer.json").write_text(tokenizer().to_str())
    settings = {"format": 1, "text_format": 1, "name": "tiny", "max_tokens": max_tokens, **config}
    (folder / "config.json").write_text(json.dumps(settings))
    sign(folder)
    return folder


def build_plain(folder: Path, kind: str = "counting") -> Path:
    """Write the same model as transformers would save it, for ``CrossEncoderReranker``."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(random_weights() if kind == "random" else counting_weights(), folder / "model.safetensors")
    (folder / "tokenizer.json").write_text(tokenizer().to_str())
    config = {
        "architectures": ["BertForSequenceClassification"],
        "id2label": {"0": "LABEL_0"},
        "num_hidden_layers": SHAPE.layers,
        "num_attention_heads": SHAPE.heads,
        "max_position_embeddings": TOKENS,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def sign(folder: Path) -> None:
    """Write the checksums of what is there."""
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("config.json", "model.onnx", "tokenizer.json")
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def random_weights(seed: int = 0, shape: BertShape = SHAPE) -> dict[str, np.ndarray]:
    """Return seeded weights under the names of transformers."""
    seeded = np.random.default_rng(seed)
    weights = {name: seeded.normal(0.0, 0.3, size) for name, size in _sizes(shape)}
    for name in weights:
        if name.endswith("LayerNorm.weight"):
            weights[name] += 1.0
    weights["classifier.weight"] *= 5.0
    return {name: weight.astype(np.float32) for name, weight in weights.items()}


def counting_weights() -> dict[str, np.ndarray]:
    """Return weights that count the word ``good``."""
    weights = {name: np.zeros(size) for name, size in _sizes(SHAPE)}
    # Every token is one direction; "good" is another. Alternating signs keep the mean at zero for the norms.
    other, good = np.array([1.0, -1.0, 0.0, 0.0] * (WIDTH // 4)), np.array([0.0, 0.0, 1.0, -1.0] * (WIDTH // 4))
    words = weights["bert.embeddings.word_embeddings.weight"]
    words[:] = other
    words[VOCABULARY.index("good")] = good
    for name in weights:
        if name.endswith("LayerNorm.weight"):
            weights[name][:] = 1.0
        elif name.endswith(("self.value.weight", "attention.output.dense.weight")):
            weights[name] = np.eye(WIDTH)
    weights["bert.pooler.dense.weight"] = 0.3 * np.eye(WIDTH)
    weights["classifier.weight"][0] = good
    return {name: weight.astype(np.float32) for name, weight in weights.items()}


def tokenizer() -> Tokenizer:
    """Return a tokenizer that splits at spaces and knows `VOCABULARY`."""
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = {name: (name, VOCABULARY.index(name)) for name in ("[SEP]", "[CLS]")}
    made.post_processor = processors.BertProcessing(special["[SEP]"], special["[CLS]"])
    return made


def _sizes(shape: BertShape) -> list[tuple[str, tuple[int, ...]]]:
    sizes: list[tuple[str, tuple[int, ...]]] = [
        ("bert.embeddings.word_embeddings.weight", (len(VOCABULARY), WIDTH)),
        ("bert.embeddings.position_embeddings.weight", (TOKENS, WIDTH)),
        ("bert.embeddings.token_type_embeddings.weight", (2, WIDTH)),
        *_norm("bert.embeddings.LayerNorm"),
        *_dense("bert.pooler.dense", WIDTH, WIDTH),
        *_dense("classifier", 1, WIDTH),
    ]
    for layer in range(shape.layers):
        prefix = f"bert.encoder.layer.{layer}."
        for part in ("query", "key", "value"):
            sizes += _dense(f"{prefix}attention.self.{part}", WIDTH, WIDTH)
        sizes += _dense(f"{prefix}attention.output.dense", WIDTH, WIDTH)
        sizes += _norm(f"{prefix}attention.output.LayerNorm")
        sizes += _dense(f"{prefix}intermediate.dense", INNER, WIDTH)
        sizes += _dense(f"{prefix}output.dense", WIDTH, INNER)
        sizes += _norm(f"{prefix}output.LayerNorm")
    return sizes


def _dense(name: str, outputs: int, inputs: int) -> list[tuple[str, tuple[int, ...]]]:
    return [(f"{name}.weight", (outputs, inputs)), (f"{name}.bias", (outputs,))]


def _norm(name: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(f"{name}.weight", (WIDTH,)), (f"{name}.bias", (WIDTH,))]
