"""Write the folder of the bundled dense embedding, and check that int8 vectors are like those of float32.

    python scripts/train/export_dense.py --data DATA [--run RUN] --output aurora_dev/models/minilm-dense

DATA is a folder of ``build_data.py``: queries and chunks of its validation part calibrate the ranges of the
activations, and others check the result. RUN is a folder of ``train_dense.py``; without it, the source model itself is
written. Writes ``model.onnx`` (int8), ``tokenizer.json``, ``config.json``, ``SHA256SUMS``, ``README.md`` and
``LICENSE``, or nothing if the two precisions disagree.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from dense_card import card
from dense_model import DenseEncoder, to_bert
from dense_weights import averaged, load_run, start_model
from name_parts import tokenizer_of
from reranker_data import read_lists
from train_dense import read_rows

from aurora_dev.core.onnx.bert_graph import BertShape, encoder_graph
from aurora_dev.core.onnx.calibration import encoder_maxima
from aurora_dev.core.onnx.session import TextEncoder

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from distil_embedder import find_source, licence_text, sha256_of, write_json

FORMAT = TEXT_FORMAT = 1
ALL_LAYERS = (0, 1, 2, 3, 4, 5)
DOCUMENT_TOKENS = 128
QUERY_TOKENS = 64
CALIBRATION_TEXTS = 96
CHECKED_LISTS = 100
LEAST_COSINE = 0.985
MOST_MRR_LOST = 0.01  # as a share of float32's MRR


def graphs(model: DenseEncoder, tokenizer: Any, texts: Sequence[str], tokens: int) -> tuple[bytes, bytes]:
    """Return the model as two ONNX files: float32, and int8 with ranges calibrated on texts."""
    weights = {name: value.numpy() for name, value in to_bert(model).items()}
    shape = BertShape("bert", model.shape.layers, model.shape.heads)
    maxima = encoder_maxima(weights, shape, tokenizer, tokens, texts)
    return encoder_graph(weights, shape), encoder_graph(weights, shape, precision="int8", maxima=maxima)


def agreement(
    models: Sequence[bytes], tokenizer: Any, lists: Sequence[tuple[str, Sequence[str]]], tokens: int, dimensions: int
) -> dict[str, float]:
    """Compare the int8 and the float32 model on lists of a query and texts, of which the first is the answer.

    Returns:
        The mean and the least ``cosine`` of the two vectors of a text, and the MRR of each model within the lists.
    """
    found: dict[str, Any] = {"mrr": [], "vectors": []}
    for model in models:
        encoder = TextEncoder(model, tokenizer)
        ranks, vectors = [], []
        for query, texts in lists:
            asked = normalised(encoder.vectors([query], QUERY_TOKENS)[:, :dimensions])
            given = normalised(encoder.vectors(texts, tokens, 2)[:, :dimensions])
            scores = given @ asked[0]
            ranks.append(1.0 / (1 + int((scores[1:] >= scores[0]).sum())))
            vectors.append(given)
        found["mrr"].append(float(np.mean(ranks)))
        found["vectors"].append(np.concatenate(vectors))
    cosines = (found["vectors"][0] * found["vectors"][1]).sum(axis=1)
    return {
        "texts": float(len(cosines)),
        "cosine": float(cosines.mean()),
        "least_cosine": float(cosines.min()),
        "mrr_float32": found["mrr"][0],
        "mrr_int8": found["mrr"][1],
    }


def normalised(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    scaled: npt.NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return scaled


def check(found: dict[str, float]) -> None:
    """Exit if int8 does not give the vectors of float32."""
    if found["cosine"] < LEAST_COSINE:
        raise SystemExit(f"the mean cosine is only {found['cosine']:.4f}; nothing was written")
    if found["mrr_int8"] < found["mrr_float32"] * (1.0 - MOST_MRR_LOST):
        raise SystemExit(f"MRR fell from {found['mrr_float32']:.4f} to {found['mrr_int8']:.4f}; nothing was written")


def write_folder(output: Path, model: bytes, tokenizer: Any, read: dict[str, Any], described: dict[str, Any]) -> None:
    """Write the files that ship in the package.

    Args:
        output: The folder; its name is the model's.
        model: The int8 model.
        tokenizer: Its tokenizer.
        read: Layers, tokens and dimensions.
        described: What the card needs besides: the figures, and the state of the run.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / "model.onnx").write_bytes(model)
    tokenizer.no_truncation()
    (output / "tokenizer.json").write_text(tokenizer.to_str() + "\n", encoding="utf-8", newline="\n")
    config = {
        "format": FORMAT,
        "name": output.name,
        "revision": sha256_of(output / "model.onnx")[:16],
        "architecture": "bert-mean",
        **read,
        "document_prefix": "",
        "query_prefix": "",
        "text_format": TEXT_FORMAT,
        "precision": "int8",
    }
    write_json(output / "config.json", config)
    (output / "README.md").write_text(card(output, read, described), encoding="utf-8", newline="\n")
    (output / "LICENSE").write_text(licence_text(), encoding="utf-8", newline="\n")
    (output / ".gitattributes").write_text(
        "# The checksums are over these bytes: no line ending may change on checkout.\n* -text\n*.onnx binary\n",
        encoding="ascii",
        newline="\n",
    )
    names = ("config.json", "model.onnx", "tokenizer.json")
    lines = [f"{sha256_of(output / name)}  {name}\n" for name in names]
    (output / "SHA256SUMS").write_text("".join(lines), encoding="ascii", newline="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the folder of the bundled dense embedding.")
    parser.add_argument("--data", type=Path, required=True, help="folder of build_data.py")
    parser.add_argument("--run", type=Path, help="folder of train_dense.py (default: the source model itself)")
    parser.add_argument("--rows", type=Path, help="folder of dense_data.py that the run read, for the card")
    parser.add_argument("--which", choices=("best", "checkpoint"), default="best")
    parser.add_argument("--source-share", type=float, default=0.0, help="share of the weights before training")
    parser.add_argument("--layers", type=int, nargs="+", default=ALL_LAYERS, help="layers of the source, without --run")
    parser.add_argument("--document-tokens", type=int, default=DOCUMENT_TOKENS, help="tokens read of a document")
    parser.add_argument("--dimensions", type=int, default=384, help="numbers of a vector that are kept")
    parser.add_argument("--output", type=Path, required=True, help="folder to write; its name is the model's")
    options = parser.parse_args(arguments)
    tokenizer = tokenizer_of(find_source())
    described: dict[str, Any] = {"share": options.source_share}
    if options.run is None:
        model = start_model(options.layers)
    else:
        model, described["run"] = load_run(options.run / options.which)
        model = averaged(model, described["run"], options.source_share)
    if options.rows:
        described["rows"] = Counter(row.source for row in read_rows(options.rows))
    lists = read_lists(options.data / "valid.jsonl.gz", CALIBRATION_TEXTS + CHECKED_LISTS)
    texts = [each.query if n % 4 == 0 else each.positive for n, each in enumerate(lists[:CALIBRATION_TEXTS])]
    checked = [(each.query, [each.positive, *each.negatives]) for each in lists[CALIBRATION_TEXTS:]]
    models = graphs(model, tokenizer, texts, options.document_tokens)
    figures = agreement(models, tokenizer, checked, options.document_tokens, options.dimensions)
    print(json.dumps(figures, indent=1))
    check(figures)
    read = {
        "layers": model.shape.layers,
        "hidden": model.shape.hidden,
        "dimensions": options.dimensions,
        "document_tokens": options.document_tokens,
        "query_tokens": QUERY_TOKENS,
    }
    write_folder(options.output, models[1], tokenizer, read, described | {"figures": figures})
    print(f"{options.output}: {sum(each.stat().st_size for each in options.output.iterdir()) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
