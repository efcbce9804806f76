"""Train the bundled static embedding on pairs, with in-batch negatives, and average it with its start.

    python scripts/distil_embedder.py --output DISTILLED
    python scripts/train/train_static.py DATA --start DISTILLED --output FOLDER

DATA is a folder of `build_data.py`. The distilled token vectors are trained as an EmbeddingBag with a symmetric
contrastive loss (InfoNCE; van den Oord et al., 2018) over the other pairs of a batch and one hard negative per pair.
The result is averaged with the start (``--keep`` is the start's share; Wortsman et al., 2022, "Robust fine-tuning of
zero-shot models"), which keeps tokens that training does not see close to their start. Writes a folder in the format of
``scripts/distil_embedder.py``. The same data, seed and number of threads give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "aurora_dev" / "models" / "minilm-static-256"

BATCH = 1_024
# With 3e-3 the same loss takes three times the steps.
LEARNING_RATE = 1e-2
EPOCHS = 2
# Cosines are multiplied by this before the softmax; the default of sentence-transformers for this loss.
SCALE = 20.0
# Share of the start in the average. With less, single functions are found better and whole files worse (figures in
# scripts/train/README.md).
KEEP = 0.65
# A chunk has at most 1,500 characters, which is fewer tokens than this; the rest of longer prose adds little to a mean.
MOST_TOKENS = 384


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of many texts in one array: those of text ``i`` are ``ids[starts[i]:starts[i + 1]]``."""

    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def bag(self, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the ids and offsets of some texts, as input of an EmbeddingBag."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        offsets = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        where = np.repeat(self.starts[rows] - offsets, lengths) + np.arange(int(lengths.sum()))
        return self.ids[where].astype(np.int64), offsets


def read_pairs(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield query, answer and hardest negative of each pair, as the embedder reads them."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield row["query"], embedded(row["positive"]["text"]), embedded(row["negatives"][0])


def embedded(text: str) -> str:
    """Return a text for the reranker with only the symbol of its heading, since embedded texts have no paths."""
    heading, _, content = text.partition("\n")
    symbol = heading.partition(" > ")[2]
    return f"{symbol}\n{content}" if symbol else content


def tokenise(tokenizer: Any, texts: Sequence[str]) -> Tokens:
    """Return the token ids of texts without unknown tokens, which the embedder ignores too."""
    unknown = tokenizer.token_to_id("[UNK]")
    lists = []
    for start in range(0, len(texts), 10_000):
        batch = tokenizer.encode_batch(list(texts[start : start + 10_000]), add_special_tokens=False)
        lists += [np.array([i for i in e.ids[:MOST_TOKENS] if i != unknown] or [0], dtype=np.int32) for e in batch]
    starts = np.concatenate(([0], np.cumsum([len(ids) for ids in lists])))
    return Tokens(np.concatenate(lists), starts.astype(np.int64))


def load_table(folder: Path) -> tuple[npt.NDArray[np.float32], Any]:
    """Return the token vectors of a model2vec folder, shape ``(tokens, dimension)``, and its tokenizer."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    tensors = load_file(folder / "model.safetensors")
    table = tensors["embeddings"].astype(np.float32)
    if "weights" in tensors:
        table *= tensors["weights"].astype(np.float32)[:, None]
    return table, Tokenizer.from_file(str(folder / "tokenizer.json"))


def train(
    table: npt.NDArray[np.float32],
    data: Sequence[Tokens],
    *,
    epochs: float = EPOCHS,
    batch: int = BATCH,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
    steps: int | None = None,
    threads: int = 2,
    log: bool = True,
) -> tuple[npt.NDArray[np.float32], list[float]]:
    """Train token vectors.

    Args:
        table: Shape ``(tokens, dimension)``, float32; not changed.
        data: Queries, answers and hard negatives, in equal numbers.
        epochs: Passes over the data.
        batch: Pairs per step; the answers of the other pairs are the negatives.
        learning_rate: The highest rate; it rises briefly and then falls.
        seed: Determines the order of the pairs.
        steps: Stop after this many steps; the learning rate falls as if all epochs were trained.
        threads: The same number gives the same bytes, since sums depend on how they are split.
        log: Whether to print progress.

    Returns:
        The new table, float32, and the loss of each step.
    """
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    queries, answers, negatives = data
    rng = np.random.default_rng(seed)
    vectors = torch.nn.EmbeddingBag.from_pretrained(torch.from_numpy(table.copy()), freeze=False, mode="mean")
    optimizer = torch.optim.Adam(vectors.parameters(), lr=learning_rate)
    per_epoch = len(queries) // batch
    total = max(1, round(per_epoch * epochs))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=learning_rate, total_steps=total + 1, pct_start=0.1, anneal_strategy="linear"
    )
    losses: list[float] = []
    order = np.empty(0, dtype=np.int64)
    started = time.perf_counter()

    def embed(tokens: Tokens, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        ids, offsets = tokens.bag(rows)
        return torch.nn.functional.normalize(vectors(torch.from_numpy(ids), torch.from_numpy(offsets)))

    for step in range(min(total, steps) if steps is not None else total):
        if len(order) < batch:
            order = rng.permutation(len(queries))
        rows, order = order[:batch], order[batch:]
        query, answer, negative = embed(queries, rows), embed(answers, rows), embed(negatives, rows)
        labels = torch.arange(len(rows))
        forward = SCALE * query @ torch.cat([answer, negative]).T
        backward = SCALE * answer @ query.T
        loss = torch.nn.functional.cross_entropy(forward, labels) + torch.nn.functional.cross_entropy(backward, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(round(loss.item(), 6))
        if log and step % 20 == 0:
            print(f"step {step}/{total}  loss {loss.item():.4f}  {time.perf_counter() - started:.0f} s", flush=True)
    return vectors.weight.detach().numpy().copy(), losses


def blend(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], keep: float) -> npt.NDArray[np.float32]:
    """Return the weighted average of two tables; ``keep`` is the weight of ``before``, 0..1."""
    mixed: npt.NDArray[np.float32] = (keep * before + (1.0 - keep) * after).astype(np.float32)
    return mixed


def distiller() -> ModuleType:
    """Import ``scripts/distil_embedder.py``, which writes the files of the folder."""
    spec = importlib.util.spec_from_file_location("distil_embedder", ROOT / "scripts" / "distil_embedder.py")
    if spec is None or spec.loader is None:
        raise SystemExit("scripts/distil_embedder.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(output: Path, table: npt.NDArray[np.float32], start: Path) -> None:
    """Write vectors as int8 with a scale per token, with the tokenizer of the model that they were trained from.

    ``README.md`` is not changed: the card has measured figures, which this script does not know.
    """
    from safetensors.numpy import save

    script = distiller()
    output.mkdir(parents=True, exist_ok=True)
    rounded, scales = script.quantise(table)
    (output / "model.safetensors").write_bytes(save({"embeddings": rounded, "weights": scales}))
    (output / "tokenizer.json").write_bytes((start / "tokenizer.json").read_bytes())
    script.write_json(output / "config.json", script.config_of(table.shape[1]))
    (output / "LICENSE").write_bytes((BUNDLED / "LICENSE").read_bytes())
    script.write_checksums(output)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of build_data.py")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--start", type=Path, required=True, help="folder of distil_embedder.py")
    parser.add_argument("--epochs", type=float, default=EPOCHS)
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--keep", type=float, nargs="+", default=[KEEP], help="share of the start in the average")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    table, tokenizer = load_table(options.start)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    triples = list(read_pairs(options.data / "train.jsonl.gz"))
    data = [tokenise(tokenizer, [triple[column] for triple in triples]) for column in range(3)]
    print(f"{len(triples):,} pairs, {sum(len(tokens.ids) for tokens in data):,} tokens", flush=True)
    trained, losses = train(
        table,
        data,
        epochs=options.epochs,
        batch=options.batch,
        learning_rate=options.learning_rate,
        seed=options.seed,
        threads=options.threads,
    )
    for keep in options.keep:
        folder = options.output if len(options.keep) == 1 else options.output / f"keep-{keep:g}"
        write(folder, blend(table, trained, keep), options.start)
        print(folder)
    print(f"first and last loss: {losses[0]:.4f} {losses[-1]:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
