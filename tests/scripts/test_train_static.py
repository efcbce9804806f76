"""Training of the static embedding: reproducible losses, and a written folder that loads."""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.embed.static import BUNDLED_PATH, StaticEmbedder

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "train"


@pytest.fixture(scope="module")
def script() -> Any:
    if str(SCRIPTS) not in sys.path:
        sys.path.insert(0, str(SCRIPTS))
    return importlib.import_module("train_static")


@pytest.fixture(scope="module")
def start(script: Any) -> tuple[Any, Any]:
    table, tokenizer = script.load_table(BUNDLED_PATH)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return table, tokenizer


def test_a_bag_holds_the_tokens_of_the_chosen_texts(script: Any, start: tuple[Any, Any]) -> None:
    texts = ["read the file", "lock", "write a long record to disk"]
    tokens = script.tokenise(start[1], texts)
    ids, offsets = tokens.bag(np.array([2, 0]))
    expected = [start[1].encode(text, add_special_tokens=False).ids for text in (texts[2], texts[0])]
    assert ids.tolist() == expected[0] + expected[1]
    assert offsets.tolist() == [0, len(expected[0])]


@pytest.mark.usefixtures("script")
def test_the_loaded_table_gives_the_vectors_of_the_embedder(start: tuple[Any, Any]) -> None:
    table, tokenizer = start
    mean = table[tokenizer.encode("where is the lock released", add_special_tokens=False).ids].mean(axis=0)
    assert np.allclose(
        mean / np.linalg.norm(mean), StaticEmbedder.bundled().embed_query("where is the lock released"), atol=1e-5
    )


def test_a_blend_that_keeps_everything_writes_the_start_model(
    script: Any, start: tuple[Any, Any], tmp_path: Path
) -> None:
    table, _ = start
    script.write(tmp_path / "model", script.blend(table, np.zeros_like(table), 1.0), BUNDLED_PATH)
    model = StaticEmbedder(tmp_path / "model")
    text = "def acquire(self, timeout): ..."
    assert float(model.embed_query(text) @ StaticEmbedder.bundled().embed_query(text)) > 0.999


def test_the_embedded_text_has_the_symbol_of_the_heading_but_no_path(script: Any) -> None:
    assert script.embedded("a/b.py > Lock.acquire\nbody") == "Lock.acquire\nbody"
    assert script.embedded("a/b.py\nbody") == "body"


def test_pairs_are_read_with_the_hardest_negative(script: Any, tmp_path: Path) -> None:
    row = {"query": "q", "positive": {"text": "a.py > f\nx"}, "negatives": ["b.py > g\ny", "c.py\nz"]}
    path = tmp_path / "train.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    assert list(script.read_pairs(path)) == [("q", "f\nx", "g\ny")]


def test_two_runs_give_the_same_losses_and_the_loss_falls(script: Any, start: tuple[Any, Any]) -> None:
    pytest.importorskip("torch")
    table, tokenizer = start[0][:, :32].copy(), start[1]  # a slice is enough, and eight times faster
    rng = np.random.default_rng(2)
    words = [
        f"{a}{b}"
        for a in ["read", "write", "open", "close", "lock", "send", "sort", "copy"]
        for b in ("er", "ing", "ed", "s")
    ]
    queries = [" ".join(rng.choice(words, 4)) for _ in range(256)]
    answers = [f"def {query.replace(' ', '_')}(): pass" for query in queries]
    data = [script.tokenise(tokenizer, texts) for texts in (queries, answers, answers[::-1])]
    options = {"batch": 64, "epochs": 5, "steps": 20, "seed": 7, "threads": 1, "log": False}
    first, curve = script.train(table, data, **options)
    second, again = script.train(table, data, **options)
    assert len(curve) == 20
    assert curve == again
    assert np.array_equal(first, second)
    assert curve[-1] < curve[0]
    _, other = script.train(table, data, **{**options, "seed": 8})
    assert other != curve
