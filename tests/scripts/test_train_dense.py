"""Training of the dense encoder: reproducible losses, resumed runs, what is trained, and export."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "train"))

import dense_model as model  # noqa: E402
import dense_weights as weights  # noqa: E402
import export_dense as export  # noqa: E402
import train_dense as train  # noqa: E402
from core.rerank import tiny_onnx_reranker as tiny  # noqa: E402
from reranker_data import TrainingList  # noqa: E402
from reranker_model import ModelShape  # noqa: E402

from aurora_dev.core.embed.dense import DenseEmbedder  # noqa: E402

SHAPE = ModelShape(3, tiny.WIDTH, 2, tiny.INNER, len(tiny.VOCABULARY), tiny.TOKENS)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(train, "DIMENSIONS", (16, 8))
    monkeypatch.setattr(train, "GROUP", 4)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more wait for each other, which takes minutes on a busy machine
    yield
    torch.set_num_threads(threads)


def rows(count: int = 32) -> list[train.Row]:
    letters = "abcdefghijklmnop"
    return [
        train.Row(
            f"good {letters[n % 16]}",
            f"{letters[n % 16]} w{n} bad",
            tuple(f"w{n + k} {letters[(n + k) % 16]} bad" for k in range(1, 4)),
            f"source {n % 3}",
        )
        for n in range(count)
    ]


def encoder(seed: int = 3) -> model.DenseEncoder:
    torch.manual_seed(seed)
    return model.DenseEncoder(SHAPE)


def trainer(teacher: Any = None, **plan: Any) -> train.Trainer:
    chosen: dict[str, Any] = {
        "layers": (0, 1, 2),
        "frozen": 1,
        "steps": 30,
        "rows": 8,
        "rate": 3e-3,
        "warm_up": 2,
    } | plan
    return train.Trainer(encoder(), train.Plan(**chosen), train.Tokens(tiny.tokenizer()), teacher)


def losses(made: train.Trainer, steps: int) -> list[float]:
    stream = train.batches(rows(), made.plan, made.state.step)
    return [made.step(next(stream)) for _ in range(steps)]


def test_the_same_seed_gives_the_same_losses_and_they_fall() -> None:
    first = losses(trainer(), 25)
    assert first == losses(trainer(), 25)
    assert np.mean(first[-5:]) < 0.8 * np.mean(first[:5])


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole = losses(trainer(), 12)
    stopped = trainer()
    losses(stopped, 7)
    stopped.save(tmp_path)
    resumed = trainer()
    resumed.load(tmp_path)
    assert losses(resumed, 5) == whole[7:]


def test_a_checkpoint_of_other_layers_is_refused(tmp_path: Path) -> None:
    trainer().save(tmp_path)
    with pytest.raises(SystemExit, match="other --layers"):
        trainer(layers=(0, 2, 5)).load(tmp_path)


def test_frozen_layers_and_the_vectors_of_tokens_stay_as_they_are() -> None:
    made = trainer(frozen=2)
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    losses(made, 3)
    changed = {name for name, value in made.model.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[1] for name in changed if name.startswith("layers")} == {"2"}
    assert not any(name.startswith(("words", "positions", "norm")) for name in changed)


def test_without_frozen_layers_all_but_the_vectors_of_tokens_are_trained() -> None:
    made = trainer(frozen=0)
    before = made.model.words.weight.clone()
    losses(made, 2)
    assert torch.equal(made.model.words.weight, before)
    assert made.model.positions.weight.requires_grad


def test_a_teacher_draws_the_vectors_towards_its_own() -> None:
    teacher = encoder(8).eval()
    made = trainer(teacher, teach=1.0, rate=1e-2)
    texts = [row.positive for row in rows()]

    def distance() -> float:
        with torch.no_grad():
            ours, theirs = (made.encode(each, texts, 16) for each in (made.model.eval(), teacher))
        return float(1.0 - torch.nn.functional.cosine_similarity(ours, theirs).mean())

    before = distance()
    losses(made, 20)
    assert distance() < 0.8 * before


def test_the_answer_of_another_row_with_the_same_text_is_no_negative() -> None:
    twice = [train.Row(query, "a b c", (), "s") for query in ("good a", "good b")]
    made = trainer(negatives=0)
    assert made.loss(twice, train._random(0, "", 0)).item() == pytest.approx(0.0, abs=1e-6)


def test_texts_are_encoded_in_the_order_in_which_they_come() -> None:
    made = trainer()
    texts = ["a b c d e f", "a", "good bad w1", "b"]
    with torch.no_grad():
        together = made.encode(made.model.eval(), texts, 16)
        alone = torch.cat([made.encode(made.model, [text], 16) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_batches_are_made_of_groups_of_one_source_and_depend_on_the_seed_alone() -> None:
    plan = train.Plan(rows=8)
    stream = train.batches(rows(), plan)
    first = [next(stream) for _ in range(5)]
    for batch in first:
        assert len(batch) == 8
        assert all(len({row.source for row in batch[at : at + 4]}) == 1 for at in (0, 4))
    later = train.batches(rows(), plan, start=3)
    assert [next(later), next(later)] == first[3:]
    with pytest.raises(SystemExit, match="too few"):
        next(train.batches(rows(5), plan))


def test_a_run_writes_the_best_weights_and_can_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer(steps=4)
    checks = [TrainingList(row.query, row.positive, row.negatives, (False,) * 3, "", "") for row in rows(12)]
    train.run(made, rows(), checks, tmp_path / "run", every=2, minutes=5)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert {"mrr_16", "mrr_8"} <= log[-1].keys()
    loaded, kept = weights.load_run(tmp_path / "run" / "best")
    assert kept["state"]["step"] == made.state.best_step
    monkeypatch.setattr(export, "licence_text", lambda: "Apache License 2.0\n")
    texts = [row.positive for row in rows()]
    exact, small = export.graphs(loaded, tiny.tokenizer(), texts, 16)
    lists = [(each.query, [each.positive, *each.negatives]) for each in checks]
    figures = export.agreement([exact, small], tiny.tokenizer(), lists, 16, 8)
    assert figures["cosine"] > 0.98
    read = {"layers": 3, "hidden": 16, "dimensions": 8, "document_tokens": 16, "query_tokens": 8}
    described = {"figures": figures, "run": kept, "share": 0.0}
    export.write_folder(tmp_path / "made", small, tiny.tokenizer(), read, described)
    embedder = DenseEmbedder(tmp_path / "made")
    assert embedder.dimension == 8
    assert embedder.embed_documents(texts).any(axis=1).all()
    assert "3 of the 6 layers" in (tmp_path / "made" / "README.md").read_text("utf-8")


def test_int8_that_differs_is_not_written() -> None:
    good = {"cosine": 0.999, "mrr_int8": 0.5, "mrr_float32": 0.5}
    export.check(good)
    for wrong in ({"cosine": 0.9}, {"mrr_int8": 0.4}):
        with pytest.raises(SystemExit, match="nothing was written"):
            export.check(good | wrong)


def test_an_average_with_the_start_lies_between(monkeypatch: pytest.MonkeyPatch) -> None:
    start, trained = encoder(1), encoder(2)
    monkeypatch.setattr(weights, "start_model", lambda _layers: start)
    expected = 0.25 * start.layers[0].up.weight + 0.75 * trained.layers[0].up.weight
    mixed = weights.averaged(trained, {"plan": {"layers": [0, 1, 2]}}, 0.25)
    torch.testing.assert_close(mixed.layers[0].up.weight, expected)


def test_a_text_has_the_tokens_that_the_encoder_reads() -> None:
    encoder = SimpleNamespace(ids=list(range(50)))
    tokens = train.Tokens(SimpleNamespace(encode=lambda _text: encoder))
    assert tokens.of("text", 8) == [0, 1, 2, 3, 4, 5, 6, 49]
