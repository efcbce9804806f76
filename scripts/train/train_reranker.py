"""Train the bundled cross-encoder, starting from the weights of all-MiniLM-L6-v2.

    pip install -r requirements/distil.txt
    python scripts/train/train_reranker.py --data DATA --output RUN

DATA holds ``train.jsonl.gz`` and ``valid.jsonl.gz`` from ``build_data.py``. RUN gets ``checkpoint`` (a later call with
the same RUN resumes from it), ``best`` (the weights with the best validation MRR) and ``log.jsonl``. The learning rate
rises, stays, and falls to zero over the last part, so a run can be lengthened, or given more data, from any checkpoint
in its middle.

The loss is a softmax over one answer and its hard negatives; with ``--teacher``, mostly the teacher's distribution over
the list. It runs in bfloat16 if the processor supports it. The same seed, data and number of threads give the same
losses.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from listwise import distillation_loss, listwise_loss, ndcg_of_one, reciprocal_rank
from name_parts import tokenizer_of
from reranker_data import (
    Batch,
    Encoder,
    TrainingList,
    fingerprint_of,
    mix_by_share,
    read_lists,
    training_batches,
    validation_batches,
)
from reranker_model import CrossEncoder
from reranker_weights import SOURCE_SHARE, averaged, load_run, start_model
from safetensors.torch import load_file, save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from distil_embedder import find_source, sha256_of

LARGEST_GRADIENT = 1.0
WEIGHT_DECAY = 0.01
REPORT_EVERY = 10  # steps per line of the log
# Share of the loss that a teacher gets, if there is one: its distribution over a list says more than the one answer.
TEACHER_SHARE = 0.7
_STATE_FILE = "state.json"
_TENSOR_FILE = "tensors.safetensors"


@dataclass(frozen=True)
class Plan:
    """The hyperparameters of a run.

    Attributes:
        layers: The layers of the source to keep (0-based).
        steps: Total optimiser steps.
        lists: Lists per step.
        negatives: Most negatives per list.
        rate: Highest learning rate.
        head_factor: The score's own parameters learn this many times as fast.
        warm_up: Steps in which the rate rises.
        decay: Share of the steps, at the end, in which the rate falls.
        frozen: Number of lower layers that are not trained, nor the token vectors below them. This keeps their
            knowledge of rare words, and three of six make a step a third cheaper.
        seed: Determines all random choices.
        teacher: Hash of the teacher's weights; empty without a teacher.
    """

    layers: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    steps: int = 1000
    lists: int = 8
    negatives: int = 4
    rate: float = 5e-5
    head_factor: float = 20.0
    warm_up: int = 50
    decay: float = 0.4
    frozen: int = 3
    seed: int = 0
    teacher: str = ""

    def rate_at(self, step: int) -> float:
        """Return the learning rate at a 0-based step, as a share of the highest."""
        rising = min(1.0, (step + 1) / max(1, self.warm_up))
        falling = (self.steps - step) / max(1.0, self.decay * self.steps)
        return max(0.0, min(rising, falling, 1.0))


@dataclass
class State:
    """The progress of a run."""

    step: int = 0
    data_start: int = 0
    data: str = ""
    best: float = 0.0
    best_step: int = 0


class Trainer:
    """One run: a model, its optimiser and its position in the data."""

    def __init__(
        self,
        model: CrossEncoder,
        plan: Plan,
        encoder: Encoder,
        bfloat16: bool = True,
        teacher: CrossEncoder | None = None,
    ) -> None:
        self.model, self.plan, self.encoder, self.teacher = model, plan, encoder, teacher
        self.state = State()
        self._bfloat16 = bfloat16
        for part in (model.words, model.positions, model.segments, model.norm, *model.layers[: plan.frozen]):
            part.requires_grad_(False)
        head = {"similarity", "first.weight", "first.bias"}
        groups: dict[tuple[bool, bool], list[Tensor]] = defaultdict(list)
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                groups[name in head, parameter.dim() == 2].append(parameter)
        self._factors = [plan.head_factor if in_head else 1.0 for in_head, _ in groups]
        self.optimiser = torch.optim.AdamW(
            [{"params": found, "weight_decay": WEIGHT_DECAY * matrix} for (_, matrix), found in groups.items()],
            lr=plan.rate,
            fused=True,
        )

    def logits(self, batch: Batch, model: CrossEncoder | None = None) -> Tensor:
        """Return the logits of a batch's lists, shape ``(lists, places)``; 0 for places without a pair."""
        model = model or self.model
        flat = torch.zeros(batch.valid.numel())
        for ids, segments, lengths, places in batch.groups:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._bfloat16):
                found = model(ids, segments, lengths)
            flat = flat.index_copy(0, places, found.float())
        return flat.view(batch.valid.shape)

    def step(self, batch: Batch) -> float:
        """Train on a batch and return its loss."""
        share = self.plan.rate_at(self.state.step)
        for group, factor in zip(self.optimiser.param_groups, self._factors, strict=True):
            group["lr"] = self.plan.rate * factor * share
        self.model.train()
        logits = self.logits(batch)
        loss = listwise_loss(logits, batch.positive, batch.valid)
        if self.teacher is not None:
            with torch.no_grad():
                taught = self.logits(batch, self.teacher)
            loss = (1.0 - TEACHER_SHARE) * loss + TEACHER_SHARE * distillation_loss(logits, taught, batch.valid)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        self.state.step += 1
        return float(loss.item())

    def batches(self, lists: Sequence[TrainingList]) -> Iterable[Batch]:
        """Return the remaining batches. Data that has changed is read from its beginning."""
        found = fingerprint_of(lists)
        if self.state.data != found:
            self.state.data, self.state.data_start = found, self.state.step
        start = self.state.step - self.state.data_start
        return training_batches(lists, self.encoder, self.plan.seed, self.plan.lists, self.plan.negatives, start)

    def save(self, folder: Path) -> None:
        """Write a checkpoint. If the process ends while writing, the old one stays intact."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        for parameter, values in self.optimiser.state.items():
            tensors.update({f"adam.{names[id(parameter)]}.{key}": value for key, value in values.items()})
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: value.contiguous() for name, value in tensors.items()}, folder / f"{_TENSOR_FILE}.new")
        kept = {"state": asdict(self.state), "plan": asdict(self.plan)}
        # Both files are complete before either is replaced, the tensors first and the state last.
        (folder / f"{_STATE_FILE}.new").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        for name in (_TENSOR_FILE, _STATE_FILE):
            (folder / f"{name}.new").replace(folder / name)

    def load(self, folder: Path) -> None:
        """Resume from a checkpoint."""
        kept = json.loads((folder / _STATE_FILE).read_text("utf-8"))
        if kept["plan"].get("teacher", "") != self.plan.teacher:
            raise SystemExit(f"{folder}: this run was started with a different --teacher; nothing was changed")
        tensors = load_file(folder / _TENSOR_FILE)
        self.model.load_state_dict(
            {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
        )
        for name, parameter in self.model.named_parameters():
            prefix = f"adam.{name}."
            values = {key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)}
            if values:
                self.optimiser.state[parameter] = values
        self.state = State(**kept["state"])


def validate(trainer: Trainer, lists: Sequence[TrainingList]) -> dict[str, float]:
    """Return MRR and NDCG@10 of the model on lists, and the MRR by kind of query."""
    trainer.model.eval()
    ranks: list[float] = []
    with torch.no_grad():
        for batch in validation_batches(lists, trainer.encoder, per_step=8):
            for row, valid in zip(trainer.logits(batch), batch.valid, strict=True):
                ranks.append(reciprocal_rank(row[valid].tolist()))
    by_kind: dict[str, list[float]] = defaultdict(list)
    for each, rank in zip(lists, ranks, strict=True):
        by_kind[each.kind].append(rank)
    figures = {"mrr": statistics.fmean(ranks), "ndcg": statistics.fmean(ndcg_of_one(1 / rank) for rank in ranks)}
    return figures | {f"mrr {kind}": statistics.fmean(values) for kind, values in sorted(by_kind.items())}


def run(
    trainer: Trainer,
    lists: Sequence[TrainingList],
    checks: Sequence[TrainingList],
    output: Path,
    every: int,
    patience: int,
) -> None:
    """Train until the last step of the plan, or until ``patience`` validations in a row brought no improvement."""
    output.mkdir(parents=True, exist_ok=True)
    started, losses, missed = time.monotonic(), [], 0
    with (output / "log.jsonl").open("a", encoding="utf-8") as log:

        def note(**fields: Any) -> None:
            line = json.dumps({"step": trainer.state.step, "seconds": round(time.monotonic() - started, 1)} | fields)
            print(line, flush=True)
            print(line, file=log, flush=True)

        note(training=len(lists), validation=len(checks), **asdict(trainer.plan))
        batches = iter(trainer.batches(lists))
        while trainer.state.step < trainer.plan.steps:
            losses.append(trainer.step(next(batches)))
            if trainer.state.step % REPORT_EVERY == 0:
                note(loss=round(statistics.fmean(losses), 4))
                losses = []
            if trainer.state.step % every and trainer.state.step < trainer.plan.steps:
                continue
            figures = validate(trainer, checks)
            if figures["mrr"] > trainer.state.best:
                trainer.state.best, trainer.state.best_step, missed = figures["mrr"], trainer.state.step, 0
                trainer.save(output / "best")
            else:
                missed += 1
            trainer.save(output / "checkpoint")
            note(**{name: round(value, 4) for name, value in figures.items()})
            if missed >= patience:
                note(stopped=f"no better validation in {patience} checks")
                return


def main(arguments: Sequence[str] | None = None) -> int:
    plan = Plan()
    parser = argparse.ArgumentParser(description="Train the bundled cross-encoder.")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl.gz and valid.jsonl.gz")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder of checkpoints; a run that is there is resumed"
    )
    parser.add_argument("--layers", type=int, nargs="+", default=plan.layers, help="layers of the source to keep")
    parser.add_argument("--steps", type=int, default=plan.steps)
    parser.add_argument("--lists", type=int, default=plan.lists, help="lists per step")
    parser.add_argument("--negatives", type=int, default=plan.negatives, help="most negatives per list")
    parser.add_argument("--rate", type=float, default=plan.rate, help="highest learning rate")
    parser.add_argument("--warm-up", type=int, default=plan.warm_up)
    parser.add_argument("--decay", type=float, default=plan.decay, help="share of the steps in which the rate falls")
    parser.add_argument("--frozen", type=int, default=plan.frozen, help="lower layers that are not trained")
    parser.add_argument("--teacher", type=Path, help="folder `best` of a run, whose averaged model is the teacher")
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument(
        "--asked", type=float, help="share of lists of the kind `asked`, 0..1; other lists are sampled to match"
    )
    parser.add_argument("--every", type=int, default=150, help="steps between validations and checkpoints")
    parser.add_argument("--patience", type=int, default=6, help="stop after so many validations without improvement")
    parser.add_argument("--validation", type=int, default=100, help="lists used for validation")
    parser.add_argument("--threads", type=int, default=2, help="use 1 if other programs keep the cores busy")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    plan = Plan(
        layers=tuple(options.layers),
        steps=options.steps,
        lists=options.lists,
        negatives=options.negatives,
        rate=options.rate,
        warm_up=options.warm_up,
        decay=options.decay,
        frozen=options.frozen,
        seed=options.seed,
        teacher=sha256_of(options.teacher / _TENSOR_FILE) if options.teacher else "",
    )
    teacher = averaged(*load_run(options.teacher), SOURCE_SHARE) if options.teacher else None
    model = start_model(plan.layers, plan.seed)
    trainer = Trainer(model, plan, Encoder(tokenizer_of(find_source())), teacher=teacher)
    if (options.output / "checkpoint" / _STATE_FILE).exists():
        trainer.load(options.output / "checkpoint")
    lists = read_lists(options.data / "train.jsonl.gz")
    if options.asked is not None:
        lists = mix_by_share(lists, options.asked, options.seed)
    checks = read_lists(options.data / "valid.jsonl.gz", options.validation)
    run(trainer, lists, checks, options.output, options.every, options.patience)
    return 0


if __name__ == "__main__":
    sys.exit(main())
