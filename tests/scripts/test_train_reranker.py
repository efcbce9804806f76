"""Training of the reranker: reproducible losses, resumed runs, masks, data and export."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

TRAIN = Path(__file__).parents[2] / "scripts" / "train"
sys.path.insert(0, str(TRAIN))

import listwise  # noqa: E402
import name_parts  # noqa: E402
import reranker_data as data  # noqa: E402
import reranker_model as model  # noqa: E402
import train_reranker as train  # noqa: E402

from aurora_dev.core.onnx.bert_graph import BertShape, bert_graph  # noqa: E402

SHAPE = model.ModelShape(layers=2, hidden=16, heads=2, feed_forward=32, vocabulary=300, positions=96)


class Words:
    """A tokenizer of whole words that computes each id from the letters."""

    def encode_batch(self, texts: list[str], add_special_tokens: bool = False) -> list[Any]:  # noqa: ARG002
        return [SimpleNamespace(ids=[sum(word.encode()) % 290 + 3 for word in text.split()]) for text in texts]


@pytest.fixture(autouse=True)
def small_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_FIRST", 1)
    monkeypatch.setattr(data, "_SEPARATOR", 2)


def lists(count: int = 40) -> list[data.TrainingList]:
    return [
        data.TrainingList(
            f"find number {n}",
            f"a.py > f{n}\nanswer number {n}",
            tuple(f"b.py > g{n}{k}\nother {k} text {n * k}" for k in range(6)),
            (False, True, False, False, False, False),
            "docstring",
            "python",
        )
        for n in range(count)
    ]


def trainer(**plan: Any) -> train.Trainer:
    torch.manual_seed(3)
    made = train.Plan(layers=(0, 1), steps=40, lists=4, negatives=3, rate=1e-2, warm_up=2, frozen=1, **plan)
    return train.Trainer(model.CrossEncoder(SHAPE), made, data.Encoder(Words(), 64))


def losses(running: train.Trainer, count: int) -> list[float]:
    batches = iter(running.batches(lists()))
    return [running.step(next(batches)) for _ in range(count)]


def test_the_same_seed_gives_the_same_losses_for_twenty_steps() -> None:
    first = losses(trainer(), 20)
    assert losses(trainer(), 20) == first
    assert len(set(first)) == 20


def test_a_different_seed_gives_different_losses() -> None:
    assert losses(trainer(seed=1), 3) != losses(trainer(), 3)


def test_a_resumed_run_gives_the_losses_of_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = losses(trainer(), 16)
    stopped = trainer()
    before = losses(stopped, 9)
    stopped.save(tmp_path)
    resumed = trainer()
    resumed.load(tmp_path)
    assert before + losses(resumed, 7) == whole


def test_the_loss_falls_during_training() -> None:
    found = losses(trainer(), 40)
    assert sum(found[-5:]) < 0.8 * sum(found[:5])


def test_frozen_layers_and_token_vectors_do_not_change() -> None:
    running = trainer()
    before = {name: value.clone() for name, value in running.model.state_dict().items()}
    losses(running, 3)
    changed = {name for name, value in running.model.state_dict().items() if not torch.equal(value, before[name])}
    assert not any(name.startswith(("words", "positions", "segments", "norm", "layers.0")) for name in changed)
    assert any(name.startswith("layers.1") for name in changed)


def test_changed_data_is_read_from_its_beginning() -> None:
    running = trainer()
    losses(running, 5)
    next(iter(running.batches(lists(20))))
    assert running.state.data_start == 5


def test_the_learning_rate_rises_stays_and_falls_to_zero() -> None:
    plan = train.Plan(steps=100, warm_up=10, decay=0.4)
    shares = [plan.rate_at(step) for step in range(101)]
    assert shares[0] == pytest.approx(0.1)
    assert shares[10:60] == [1.0] * 50
    assert shares[60:] == sorted(shares[60:], reverse=True)
    assert shares[100] == 0.0


def test_a_masked_place_does_not_affect_the_loss() -> None:
    logits = torch.tensor([[2.0, 1.0, 5.0]])
    positive, valid = torch.tensor([[True, False, False]]), torch.tensor([[True, True, False]])
    other = logits.clone()
    other[0, 2] = -30.0
    assert listwise.listwise_loss(logits, positive, valid) == listwise.listwise_loss(other, positive, valid)


def test_without_the_pointwise_part_the_loss_is_the_cross_entropy_of_the_answer() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0]])
    positive, valid = torch.tensor([[True, False, False]]), torch.ones(1, 3, dtype=torch.bool)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0]))
    assert listwise.listwise_loss(logits, positive, valid, pointwise=0.0).item() == pytest.approx(expected.item())


def test_a_list_without_negatives_has_no_loss() -> None:
    only = torch.tensor([[True, False]])
    assert listwise.listwise_loss(torch.tensor([[2.0, 1.0]]), only, only).item() == 0.0


def test_distillation_compares_distributions_over_a_list_and_not_logits() -> None:
    valid = torch.tensor([[True, True, True, False]])
    teacher = torch.tensor([[2.0, 0.0, 1.0, 9.0]])
    least = listwise.distillation_loss(teacher + 5.0, teacher, valid)
    assert listwise.distillation_loss(torch.tensor([[2.0, 1.0, 0.0, 0.0]]), teacher, valid) > least
    assert listwise.distillation_loss(torch.tensor([[7.0, 5.0, 6.0, -3.0]]), teacher, valid) == pytest.approx(least)


def test_training_brings_a_model_nearer_to_its_teacher() -> None:
    running = trainer()
    torch.manual_seed(8)
    running.teacher = model.CrossEncoder(SHAPE).eval()
    batch = next(iter(running.batches(lists())))

    def distance() -> float:
        with torch.no_grad():
            taught = running.logits(batch, running.teacher)
            return float(listwise.distillation_loss(running.logits(batch), taught, batch.valid).item())

    before = distance()
    for _ in range(10):
        running.step(batch)
    assert distance() < before


def test_an_answer_that_ties_with_all_has_the_last_rank() -> None:
    assert listwise.reciprocal_rank([1.0, 1.0, 1.0]) == pytest.approx(1 / 3)
    assert listwise.reciprocal_rank([3.0, 1.0, 2.0]) == 1.0


def test_a_copy_of_the_answer_and_another_definition_of_a_name_may_be_answers() -> None:
    answer = "a.py > Cache.get\ndef get self key return self store key"
    assert data.may_answer(answer, "b.py > Other.fetch\ndef get self key return self store key", by_name=False)
    assert not data.may_answer(answer, "b.py > Pool.get\nclass of another kind entirely", by_name=False)
    assert data.may_answer(answer, "b.py > Pool.get\nclass of another kind entirely", by_name=True)


def test_lists_are_read_without_those_whose_negatives_are_all_masked(tmp_path: Path) -> None:
    rows = [
        {
            "query": "q",
            "kind": "docstring",
            "language": "go",
            "positive": {"text": "h\none two"},
            "negatives": ["h\nx"],
        },
        {"query": "r", "kind": "docstring", "positive": {"text": "h\none two"}, "negatives": ["i\none two"]},
    ]
    with gzip.open(tmp_path / "train.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    read = data.read_lists(tmp_path / "train.jsonl.gz")
    assert [(each.query, each.masked, each.language) for each in read] == [("q", (False,), "go")]


def test_each_epoch_visits_every_list_once_in_a_different_order() -> None:
    assert sorted(data.order_of(50, 0, 0)) == list(range(50))
    assert data.order_of(50, 0, 0) != data.order_of(50, 0, 1)


def test_a_text_that_is_cut_keeps_its_heading() -> None:
    text = "core/a.py > Cache.get\n" + "filler line\n" * 100 + "the needle is here\n"
    found = data.passage("needle", text, 120)
    assert found.startswith("core/a.py > Cache.get\n")
    assert "needle" in found
    assert len(found) < 160


def test_the_exported_graph_gives_the_logits_of_the_trained_model() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    running = trainer()
    losses(running, 5)
    trained = running.model.eval()
    weights = {name: value.numpy() for name, value in model.to_bert(trained).items()}
    session = onnxruntime.InferenceSession(bert_graph(weights, BertShape("bert", 2, 2)))
    ids, segments = torch.randint(3, 290, (3, 12)), torch.tensor([[0] * 5 + [1] * 7] * 3)
    with torch.no_grad():
        expected = trained(ids, segments, torch.full((3,), 12))
    given = session.run(["logits"], {"input_ids": ids.numpy(), "token_type_ids": segments.numpy()})[0]
    assert np.allclose(given, expected.numpy(), atol=1e-4)


def test_the_tokenizer_splits_names_but_not_plurals_of_acronyms(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = ["[UNK]", "get", "user", "http", "server", "##s", "i", "##d"]
    source = Tokenizer(models.WordPiece({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    source.normalizer, source.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    source.enable_truncation(2)
    source.enable_padding(length=8)
    (tmp_path / "tokenizer.json").write_text(source.to_str(), encoding="utf-8")
    cut = name_parts.tokenizer_of(tmp_path)
    assert cut.encode("getUser getuser HTTPServers id ID").tokens == [
        *("get", "user", "[UNK]", "http", "server", "##s", "i", "##d", "i", "##d")
    ]
    assert cut.encode("IDs getIDs").tokens == ["i", "##d", "##s", "get", "i", "##d", "##s"]
    again = Tokenizer.from_str(cut.to_str())
    assert again.encode("getHTTPServer").tokens == ["get", "http", "server"]
