"""Train the bundled dense encoder, starting from layers of all-MiniLM-L6-v2.

    pip install -r requirements/train.txt
    python scripts/train/train_dense.py --data ROWS --checks DATA --output RUN --layers 0 1 2 --frozen 0 --teach 0.5

ROWS is a folder of ``dense_data.py``, DATA one of ``build_data.py``, whose validation part chooses the best weights.
RUN gets ``checkpoint`` (a later call with the same RUN resumes from it), ``best`` and ``log.jsonl``. Its last step is
that of the plan, or of the checkpoint before ``--minutes`` are over; a later call with more steps goes on.

The loss is a softmax over the answers and hard negatives of a batch, for the whole vector and for its first numbers
(Kusupati et al., "Matryoshka Representation Learning", 2022). A quarter of a batch is from one source, so that its
answers are hard negatives of each other. With ``--teach``, a share of the loss is the distance to the vectors of the
whole source model, from which a model with fewer layers learns from every text what the missing layers did. The same
seed, data and number of threads give the same losses.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from dense_model import DenseEncoder
from dense_weights import start_model
from name_parts import tokenizer_of
from reranker_data import TrainingList, read_lists
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from distil_embedder import find_source

ALL_LAYERS = (0, 1, 2, 3, 4, 5)
DIMENSIONS = (384, 192, 128)
SCALE = 20.0  # of cosines in the softmax, as the source was trained
WEIGHT_DECAY = 0.01
LARGEST_GRADIENT = 1.0
REPORT_EVERY = 5  # steps per line of the log
TOGETHER = 32  # texts of about one length that run together
GROUP = 16  # rows of a batch that are from one source
_STATE_FILE, _TENSOR_FILE = "state.json", "tensors.safetensors"


@dataclass(frozen=True)
class Row:
    """A query, its answer and hard negatives."""

    query: str
    positive: str
    negatives: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Plan:
    """The hyperparameters of a run.

    Attributes:
        layers: The layers of the source to keep (0-based).
        frozen: Number of lower layers that are not trained. The vectors of tokens are never trained: there are too few
            texts for rare ones.
        steps: Total optimiser steps.
        rows: Rows per step, a multiple of `GROUP`.
        negatives: Hard negatives of a row, 0 to 4.
        rate: Highest learning rate.
        warm_up: Steps in which the rate rises.
        decay: Share of the steps, at the end, in which the rate falls.
        teach: Share of the loss that is the distance to the vectors of the whole source, 0 to 1.
        document_tokens: Tokens read of a document.
        query_tokens: Tokens read of a query.
        seed: Determines all random choices.
    """

    layers: tuple[int, ...] = ALL_LAYERS
    frozen: int = 3
    steps: int = 300
    rows: int = 64
    negatives: int = 1
    rate: float = 1e-4
    warm_up: int = 20
    decay: float = 0.5
    teach: float = 0.0
    document_tokens: int = 64
    query_tokens: int = 32
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """Return the learning rate at a 0-based step, as a share of the highest."""
        rising = min(1.0, (step + 1) / max(1, self.warm_up))
        falling = (self.steps - step) / max(1.0, self.decay * self.steps)
        return max(0.0, min(rising, falling, 1.0))


@dataclass
class State:
    """The position of a run."""

    step: int = 0
    data: str = ""
    best: float = 0.0
    best_step: int = 0


class Tokens:
    """Turns texts into tokens; each text once.

    Args:
        tokenizer: The ``tokenizers.Tokenizer`` of a BERT model, without truncation and padding.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._kept: dict[tuple[str, int], list[int]] = {}

    def of(self, text: str, most: int) -> list[int]:
        """Return the first tokens of a text, as `aurora_dev.core.onnx.session.TextEncoder` reads them."""
        key = (text, most)
        if key not in self._kept:
            ids: list[int] = self._tokenizer.encode(text[: most * 16]).ids
            self._kept[key] = ids if len(ids) <= most else [*ids[: most - 1], ids[-1]]
        return self._kept[key]


class Trainer:
    """One run: a model, its optimiser and its position in the data."""

    def __init__(self, model: DenseEncoder, plan: Plan, tokens: Tokens, teacher: DenseEncoder | None = None) -> None:
        self.model, self.plan, self.tokens, self.teacher = model, plan, tokens, teacher
        self.state = State()
        frozen = [model.words, model.positions, model.norm, *model.layers[: plan.frozen]]
        for part in frozen if plan.frozen else [model.words]:
            part.requires_grad_(False)
        groups: dict[bool, list[Tensor]] = defaultdict(list)
        for parameter in model.parameters():
            if parameter.requires_grad:
                groups[parameter.dim() == 2].append(parameter)
        self.optimiser = torch.optim.AdamW(
            [{"params": found, "weight_decay": WEIGHT_DECAY * matrix} for matrix, found in groups.items()],
            lr=plan.rate,
            fused=True,
        )

    def encode(self, model: DenseEncoder, texts: Sequence[str], most: int) -> Tensor:
        """Return the means of texts, in order: shape ``(n, hidden)``."""
        rows = [self.tokens.of(text, most) for text in texts]
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        parts = []
        for start in range(0, len(order), TOGETHER):
            chosen = [rows[row] for row in order[start : start + TOGETHER]]
            longest = len(chosen[-1])
            ids = torch.tensor([row + [0] * (longest - len(row)) for row in chosen])
            parts.append(model(ids, torch.tensor([len(row) for row in chosen])))
        places = torch.empty(len(order), dtype=torch.int64)
        places[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(parts)[places]

    def loss(self, rows: Sequence[Row], chance: random.Random) -> Tensor:
        """Return the loss of a batch."""
        plan = self.plan
        queries = [row.query for row in rows]
        documents = [row.positive for row in rows]
        for row in rows:
            documents += chance.sample(row.negatives, min(plan.negatives, len(row.negatives)))
        asked = self.encode(self.model, queries, plan.query_tokens)
        given = self.encode(self.model, documents, plan.document_tokens)
        # The same text may be the answer of several rows, or a negative of another.
        same = torch.tensor([[text == row.positive for text in documents] for row in rows])
        same[torch.arange(len(rows)), torch.arange(len(rows))] = False
        loss = torch.zeros(())
        for width in DIMENSIONS:
            scores = nn.functional.normalize(asked[:, :width]) @ nn.functional.normalize(given[:, :width]).T * SCALE
            scores = scores.masked_fill(same, -1e4)
            labels = torch.arange(len(rows))
            backward = scores[:, : len(rows)].T
            loss = (
                loss + nn.functional.cross_entropy(scores, labels) + 0.5 * nn.functional.cross_entropy(backward, labels)
            )
        loss = loss / len(DIMENSIONS)
        if self.teacher is None or not plan.teach:
            return loss
        with torch.no_grad():
            taught = [
                self.encode(self.teacher, queries, plan.query_tokens),
                self.encode(self.teacher, documents, plan.document_tokens),
            ]
        far = [
            1.0 - nn.functional.cosine_similarity(ours, theirs)
            for ours, theirs in zip((asked, given), taught, strict=True)
        ]
        return (1.0 - plan.teach) * loss + plan.teach * SCALE * torch.cat(far).mean()

    def step(self, rows: Sequence[Row]) -> float:
        """Train on a batch and return its loss."""
        share = self.plan.rate_at(self.state.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate * share
        self.model.train()
        loss = self.loss(rows, _random(self.plan.seed, "negatives", self.state.step))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        self.state.step += 1
        return float(loss.item())

    def save(self, folder: Path) -> None:
        """Write a checkpoint. If the process ends while writing, the old one stays intact."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        for parameter, values in self.optimiser.state.items():
            tensors.update({f"adam.{names[id(parameter)]}.{key}": value for key, value in values.items()})
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: value.contiguous() for name, value in tensors.items()}, folder / f"{_TENSOR_FILE}.new")
        kept = {"state": asdict(self.state), "plan": asdict(self.plan), "shape": asdict(self.model.shape)}
        (folder / f"{_STATE_FILE}.new").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        for name in (_TENSOR_FILE, _STATE_FILE):
            (folder / f"{name}.new").replace(folder / name)

    def load(self, folder: Path) -> None:
        """Resume from a checkpoint.

        Raises:
            SystemExit: It is of a model with other layers.
        """
        kept = json.loads((folder / _STATE_FILE).read_text("utf-8"))
        if tuple(kept["plan"]["layers"]) != self.plan.layers:
            raise SystemExit(f"{folder}: this run was started with other --layers; nothing was changed")
        tensors = load_file(folder / _TENSOR_FILE)
        self.model.load_state_dict(
            {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
        )
        for name, parameter in self.model.named_parameters():
            prefix = f"adam.{name}."
            values = {key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)}
            if values and parameter.requires_grad:
                self.optimiser.state[parameter] = values
        self.state = State(**kept["state"])


def read_rows(folder: Path) -> list[Row]:
    """Read the rows of all files ``dense-*.jsonl.gz`` of a folder."""
    rows = []
    for path in sorted(folder.glob("dense-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                read = json.loads(line)
                rows.append(Row(read["query"], read["positive"], tuple(read["negatives"]), read["source"]))
    return rows


def batches(rows: Sequence[Row], plan: Plan, start: int = 0) -> Iterator[list[Row]]:
    """Yield batches forever: groups of rows of one source each.

    Args:
        rows: The training data.
        plan: Its seed determines the order.
        start: Number of the first batch, as if the earlier ones had been skipped.

    Raises:
        SystemExit: The data does not fill one batch.
    """
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_source[row.source].append(row)
    if sum(len(found) // GROUP for found in by_source.values()) * GROUP < plan.rows:
        raise SystemExit("too few rows for one batch")
    number, epoch = 0, 0
    while True:
        chance = _random(plan.seed, "order", epoch)
        groups = []
        for source in sorted(by_source):
            found = chance.sample(by_source[source], len(by_source[source]))
            groups += [found[first : first + GROUP] for first in range(0, len(found) - GROUP + 1, GROUP)]
        chance.shuffle(groups)
        per_step = plan.rows // GROUP
        for first in range(0, len(groups) - per_step + 1, per_step):
            if number >= start:
                yield [row for group in groups[first : first + per_step] for row in group]
            number += 1
        epoch += 1


def validate(trainer: Trainer, lists: Sequence[TrainingList]) -> dict[str, float]:
    """Return the MRR within lists of an answer and its hard negatives, for each number of dimensions."""
    trainer.model.eval()
    plan = trainer.plan
    ranks: dict[int, list[float]] = defaultdict(list)
    with torch.no_grad():
        asked = trainer.encode(trainer.model, [each.query for each in lists], plan.query_tokens)
        texts = [
            [each.positive, *(t for t, out in zip(each.negatives, each.masked, strict=True) if not out)]
            for each in lists
        ]
        given = trainer.encode(trainer.model, [text for each in texts for text in each], plan.document_tokens)
    for width in DIMENSIONS:
        first = 0
        for query, each in zip(asked, texts, strict=True):
            found = given[first : first + len(each)]
            scores = nn.functional.cosine_similarity(found[:, :width], query[None, :width])
            ranks[width].append(1.0 / (1 + int((scores[1:] >= scores[0]).sum())))
            first += len(each)
    return {f"mrr_{width}": statistics.fmean(found) for width, found in ranks.items()}


def run(
    trainer: Trainer, rows: Sequence[Row], lists: Sequence[TrainingList], output: Path, every: int, minutes: float
) -> None:
    """Train until the last step of the plan, or until the time is over."""
    output.mkdir(parents=True, exist_ok=True)
    started, losses = time.monotonic(), []
    found = fingerprint_of(rows)
    if trainer.state.data != found:
        trainer.state.data = found
    with (output / "log.jsonl").open("a", encoding="utf-8") as log:

        def note(**fields: Any) -> None:
            passed = {"seconds": round(time.monotonic() - started, 1), "cpu": round(time.process_time(), 1)}
            line = json.dumps({"step": trainer.state.step} | passed | fields)
            print(line, flush=True)
            print(line, file=log, flush=True)

        note(training=len(rows), validation=len(lists), **asdict(trainer.plan))
        if trainer.state.step == 0:
            note(**{name: round(value, 4) for name, value in validate(trainer, lists).items()})
        stream = batches(rows, trainer.plan, trainer.state.step)
        while trainer.state.step < trainer.plan.steps:
            losses.append(trainer.step(next(stream)))
            if trainer.state.step % REPORT_EVERY == 0:
                note(loss=round(statistics.fmean(losses), 4))
                losses = []
            over = time.monotonic() - started > minutes * 60
            if trainer.state.step % every and trainer.state.step < trainer.plan.steps and not over:
                continue
            figures = validate(trainer, lists)
            value = figures[f"mrr_{DIMENSIONS[0]}"]
            if value > trainer.state.best:
                trainer.state.best, trainer.state.best_step = value, trainer.state.step
                trainer.save(output / "best")
            trainer.save(output / "checkpoint")
            note(**{name: round(each, 4) for name, each in figures.items()})
            if over:
                return


def fingerprint_of(rows: Sequence[Row]) -> str:
    """Return a short hash of the data."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.query}\0{row.positive[:80]}\n".encode("utf-8", "replace"))
    return digest.hexdigest()[:16]


def _random(seed: int, purpose: str, number: int) -> random.Random:
    return random.Random(f"{seed}/{purpose}/{number}")


def main(arguments: Sequence[str] | None = None) -> int:
    plan = Plan()
    parser = argparse.ArgumentParser(description="Train the bundled dense encoder.")
    parser.add_argument("--data", type=Path, required=True, help="folder of dense_data.py")
    parser.add_argument("--checks", type=Path, required=True, help="folder of build_data.py")
    parser.add_argument("--output", type=Path, required=True, help="folder of checkpoints; a run there is resumed")
    parser.add_argument("--layers", type=int, nargs="+", default=plan.layers, help="layers of the source to keep")
    for name in ("frozen", "steps", "rows", "negatives", "warm_up", "document_tokens", "query_tokens", "seed"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(plan, name))
    for name in ("rate", "decay", "teach"):
        parser.add_argument(f"--{name}", type=float, default=getattr(plan, name))
    parser.add_argument("--every", type=int, default=50, help="steps between validations and checkpoints")
    parser.add_argument("--minutes", type=float, default=120, help="stop after a checkpoint when they are over")
    parser.add_argument("--validation", type=int, default=60, help="lists used for validation")
    parser.add_argument("--threads", type=int, default=2, help="use 1 if other programs keep the cores busy")
    options = vars(parser.parse_args(arguments))
    torch.set_num_threads(options["threads"])
    torch.use_deterministic_algorithms(True)
    chosen = {name: options[name] for name in asdict(plan)}
    plan = Plan(**chosen | {"layers": tuple(options["layers"])})
    teacher = start_model(ALL_LAYERS) if plan.teach else None
    torch.manual_seed(plan.seed)
    trainer = Trainer(start_model(plan.layers), plan, Tokens(tokenizer_of(find_source())), teacher)
    if (options["output"] / "checkpoint" / _STATE_FILE).exists():
        trainer.load(options["output"] / "checkpoint")
    lists = read_lists(options["checks"] / "valid.jsonl.gz", options["validation"])
    run(trainer, read_rows(options["data"]), lists, options["output"], options["every"], options["minutes"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
