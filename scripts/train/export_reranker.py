"""Write the folder of the bundled reranker from a training run, and check that int8 orders like float32.

    python scripts/train/export_reranker.py --run RUN --data DATA --output aurora_dev/models/minilm-reranker

RUN is a folder of ``train_reranker.py``, DATA one of ``build_data.py``: 64 pairs of its validation part calibrate the
ranges of the activations, and a thousand others check the result. Writes ``model.onnx`` (int8), ``tokenizer.json``,
``config.json``, ``SHA256SUMS``, ``README.md`` and ``LICENSE``, or nothing if the two precisions disagree. ``--float``
also writes the float32 model, for comparisons; it is not part of the package.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from listwise import ndcg_of_one, reciprocal_rank
from name_parts import tokenizer_of
from reranker_card import card
from reranker_data import VALIDATION_PASSAGE, TrainingList, passage, read_lists
from reranker_model import CrossEncoder, to_bert
from reranker_weights import SOURCE_SHARE, averaged, load_run

from aurora_dev.core.onnx.bert_graph import BertShape, bert_graph
from aurora_dev.core.onnx.calibration import input_maxima
from aurora_dev.core.onnx.session import PairScorer
from aurora_dev.core.rerank.bundled import DEFAULT_WINDOW

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from distil_embedder import find_source, licence_text, sha256_of, write_json

FORMAT = 1
# Most tokens of a pair: enough for the query, the heading and `VALIDATION_PASSAGE` characters of nearly any code.
MAX_TOKENS = 160
CALIBRATION_PAIRS = 64
CHECKED_LISTS = 85  # about 13 pairs each, so a thousand pairs
LEAST_RANK_CORRELATION = 0.98
MOST_NDCG_LOST = 0.01  # as a share of float32's NDCG


def graphs(model: CrossEncoder, tokenizer: Any, lists: Sequence[TrainingList]) -> tuple[bytes, bytes]:
    """Return the model as two ONNX files: float32, and int8 with ranges calibrated on one pair of each list."""
    weights = {name: value.numpy() for name, value in to_bert(model).items()}
    shape = BertShape("bert", model.shape.layers, model.shape.heads)
    pairs = [
        (each.query, passage(each.query, each.negatives[0] if number % 2 else each.positive, VALIDATION_PASSAGE))
        for number, each in enumerate(lists)
    ]
    maxima = input_maxima(weights, shape, tokenizer, MAX_TOKENS, pairs)
    return bert_graph(weights, shape), bert_graph(weights, shape, precision="int8", maxima=maxima)


def scores_of(model: bytes, tokenizer: Any, lists: Sequence[TrainingList]) -> list[npt.NDArray[np.float32]]:
    """Return the logits of each list, the answer's first."""
    scorer = PairScorer(model, tokenizer, MAX_TOKENS, 2)
    scores = []
    for each in lists:
        texts = [each.positive, *(text for text, out in zip(each.negatives, each.masked, strict=True) if not out)]
        scores.append(scorer.figures([(each.query, passage(each.query, text, VALIDATION_PASSAGE)) for text in texts]))
    return scores


def agreement(ours: Sequence[npt.NDArray[np.float32]], theirs: Sequence[npt.NDArray[np.float32]]) -> dict[str, float]:
    """Compare the logits of the int8 and the float32 model for the same lists.

    Returns:
        The number of ``pairs``, Spearman's ``rank_correlation`` over all pairs, and NDCG@10 and MRR of each model.
    """
    first, second = np.concatenate(ours), np.concatenate(theirs)
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (first, second)]
    found = {"pairs": float(len(first)), "rank_correlation": float(np.corrcoef(ranks[0], ranks[1])[0, 1])}
    for name, lists in (("int8", ours), ("float32", theirs)):
        inverse_ranks = [reciprocal_rank(values.tolist()) for values in lists]
        found[f"mrr_{name}"] = statistics.fmean(inverse_ranks)
        found[f"ndcg_{name}"] = statistics.fmean(ndcg_of_one(1 / inverse) for inverse in inverse_ranks)
    return found


def check(found: dict[str, float]) -> None:
    """Exit if int8 does not order like float32."""
    if found["rank_correlation"] < LEAST_RANK_CORRELATION:
        raise SystemExit(f"the rank correlation is only {found['rank_correlation']:.4f}; nothing was written")
    if found["ndcg_int8"] < found["ndcg_float32"] * (1.0 - MOST_NDCG_LOST):
        raise SystemExit(f"NDCG fell from {found['ndcg_float32']:.4f} to {found['ndcg_int8']:.4f}; nothing was written")


def write_folder(
    output: Path, model: bytes, tokenizer: Any, kept: dict[str, Any], figures: dict[str, float], counts: dict[str, Any]
) -> None:
    """Write the files that ship in the package."""
    output.mkdir(parents=True, exist_ok=True)
    layers = len(kept["plan"]["layers"])
    (output / "model.onnx").write_bytes(model)
    tokenizer.no_truncation()  # scoring has switched it on
    (output / "tokenizer.json").write_text(tokenizer.to_str() + "\n", encoding="utf-8", newline="\n")
    config = {
        "format": FORMAT,
        "name": output.name,
        "revision": sha256_of(output / "model.onnx")[:16],
        "architecture": "bert-cross-encoder",
        "layers": layers,
        "hidden": 384,
        "max_tokens": MAX_TOKENS,
        "passage_chars": VALIDATION_PASSAGE,
        "window": DEFAULT_WINDOW,
        "text_format": 1,
        "positions": 512,
        "precision": "int8",
    }
    write_json(output / "config.json", config)
    read = {"max_tokens": MAX_TOKENS, "passage_chars": VALIDATION_PASSAGE}
    (output / "README.md").write_text(card(output, kept | read, figures, counts), encoding="utf-8", newline="\n")
    (output / "LICENSE").write_text(licence_text(), encoding="utf-8", newline="\n")
    names = ("config.json", "model.onnx", "tokenizer.json")
    lines = [f"{sha256_of(output / name)}  {name}\n" for name in names]
    (output / "SHA256SUMS").write_text("".join(lines), encoding="ascii", newline="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the bundled reranker's folder from a training run.")
    parser.add_argument("--run", type=Path, required=True, help="folder of train_reranker.py")
    parser.add_argument("--which", choices=("best", "checkpoint"), default="best")
    parser.add_argument("--data", type=Path, required=True, help="folder of build_data.py")
    parser.add_argument("--output", type=Path, required=True, help="folder to write; its name is the model's")
    parser.add_argument("--source-share", type=float, default=SOURCE_SHARE, help="share of the weights before training")
    parser.add_argument("--float", type=Path, help="write the float32 model to this file")
    options = parser.parse_args(arguments)
    tokenizer = tokenizer_of(find_source())
    model, kept = load_run(options.run / options.which)
    model, kept["source_share"] = averaged(model, kept, options.source_share), options.source_share
    lists = read_lists(options.data / "valid.jsonl.gz", CALIBRATION_PAIRS + CHECKED_LISTS)
    checked = lists[CALIBRATION_PAIRS:]
    exact, small = graphs(model, tokenizer, lists[:CALIBRATION_PAIRS])
    figures = agreement(scores_of(small, tokenizer, checked), scores_of(exact, tokenizer, checked))
    print(json.dumps({"step": kept["state"]["step"]} | figures, indent=1))
    check(figures)
    counts = options.data / "counts.json"
    write_folder(
        options.output,
        small,
        tokenizer,
        kept,
        figures,
        json.loads(counts.read_text("utf-8")) if counts.exists() else {},
    )
    if options.float:
        options.float.write_bytes(exact)
    print(f"{options.output}: {sum(each.stat().st_size for each in options.output.iterdir()) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
