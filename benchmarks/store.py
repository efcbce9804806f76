"""Measure how adding to and querying the local store scale: seconds, p50 and p95, recall, memory and disk usage.

    python benchmarks/store.py [--sizes 10000,100000,1000000] [--data mixture|real] [--folder DIR] [--json FILE]

Each size runs in four processes, one after the other, so that first queries are cold (except for the operating
system's file cache) and resident memory belongs to one step. One process computes the exact answers; the others are:

- add: write the records in transactions of 1,000, each durable when it returns; then build both indexes and save their
  snapshots.
- warm: open with snapshots and run first queries; then measure p50 and p95 of each kind of query, and recall@10
  against exact cosines (a result counts if its true cosine reaches that of the tenth best, with filters among the
  allowed records).
- rebuild: open after the snapshots were deleted, and run first queries.

The seconds do not include making the data and embedding it. Vectors have 256 dimensions; see `store_data.py`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from store_data import NARROW, WIDE, Matrix, Queries, Real, Synthetic, exact_scores

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local.derived import FOLDER

NAMESPACE = "benchmark"
TOP_K = 10
QUERIES = 200
_ROUNDING = 1e-5  # the most that the store's cosines and the exact ones may differ by
DATA: dict[str, Callable[[int, int], Synthetic | Real]] = {"mixture": Synthetic, "real": Real}
ROWS = {
    "add_seconds": "add, durable, s",
    "add_per_second": "add, records/s",
    "index_seconds": "build and save indexes, s",
    "index_kind": "vector index",
    "cold_vector": "first vector query, snapshot, s",
    "cold_keyword": "first keyword query, snapshot, s",
    "rebuild_vector": "first vector query, no snapshot, s",
    "rebuild_keyword": "first keyword query, no snapshot, s",
    "vector": "vector top-10, p50 / p95 ms",
    "narrow_first": "first query, filter of 1 %, ms",
    "narrow": "filter of 1 %, p50 / p95 ms",
    "wide_first": "first query, filter of 50 %, ms",
    "wide": "filter of 50 %, p50 / p95 ms",
    "keyword": "keyword top-10, p50 / p95 ms",
    "append_vector": "vector query after one write, p50 ms",
    "recall": "recall@10",
    "narrow_recall": "recall@10, filter of 1 %",
    "wide_recall": "recall@10, filter of 50 %",
    "resident_vector": "resident, vector index loaded, MiB",
    "resident": "resident, both loaded, after queries, MiB",
    "peak_add": "peak resident, add and build, MiB",
    "database_bytes": "memory.db, MiB",
    "snapshot_bytes": "snapshots, MiB",
}


def add(folder: Path, kind: str, size: int) -> dict[str, Any]:
    """Fill a store and save its indexes."""
    data = DATA[kind](size, QUERIES)
    store = FAISSLocalStore(folder)
    store.set_embedder(data.info)
    seconds = 0.0
    for records in data.batches():
        started = time.perf_counter()
        store.write(NAMESPACE, records)
        seconds += time.perf_counter() - started
    started = time.perf_counter()
    store.refresh(NAMESPACE)
    index_seconds = time.perf_counter() - started
    described = store.describe()
    store.close()
    return {
        "add_seconds": seconds,
        "add_per_second": size / seconds,
        "index_seconds": index_seconds,
        "index_kind": described["index"][NAMESPACE],
        "peak_add": _peak(),
        "database_bytes": _bytes(folder, "memory.db*"),
        "snapshot_bytes": _bytes(folder / FOLDER, "*"),
    }


def first_queries(folder: Path, queries: Queries, name: str) -> dict[str, Any]:
    """Open a store and measure the first vector query and the first keyword query."""
    started = time.perf_counter()
    store = FAISSLocalStore(folder)
    store.vector_query(NAMESPACE, queries.vectors[0], TOP_K)
    vector = time.perf_counter() - started
    resident = _resident()
    started = time.perf_counter()
    store.keyword_query(NAMESPACE, queries.texts[0], TOP_K)
    keyword = time.perf_counter() - started
    store.close()
    return {f"{name}_vector": vector, f"{name}_keyword": keyword, "resident_vector": resident}


def warm(folder: Path, queries: Queries, truth: Mapping[str, Matrix]) -> dict[str, Any]:
    """Open with snapshots, and measure first queries, every kind of query, recall and memory."""
    figures = first_queries(folder, queries, "cold")
    store = FAISSLocalStore(folder)
    store.vector_query(NAMESPACE, queries.vectors[0], TOP_K)
    store.keyword_query(NAMESPACE, queries.texts[0], TOP_K)
    for name, label, filter in (("all", "vector", None), ("narrow", "narrow", NARROW), ("wide", "wide", WIDE)):
        started = time.perf_counter()
        store.vector_query(NAMESPACE, queries.vectors[0], TOP_K, filter)
        figures[f"{label}_first"] = (time.perf_counter() - started) * 1e3
        seconds, hits = [], 0
        for vector, best in zip(queries.vectors, truth[name], strict=True):
            started = time.perf_counter()
            found = store.vector_query(NAMESPACE, vector, TOP_K, filter)
            seconds.append(time.perf_counter() - started)
            hits += sum(match.score >= best[-1] - _ROUNDING for match in found)
        figures[label] = _percentiles(seconds)
        figures["recall" if label == "vector" else f"{label}_recall"] = hits / (TOP_K * len(queries.vectors))
    seconds = []
    for text in queries.texts:
        started = time.perf_counter()
        store.keyword_query(NAMESPACE, text, TOP_K)
        seconds.append(time.perf_counter() - started)
    figures["keyword"] = _percentiles(seconds)
    figures["resident"] = _resident()
    record = next(iter(store.fetch(NAMESPACE, ["00000000"], vectors=True).values()))
    seconds = []
    for vector in queries.vectors[:20]:
        store.write(NAMESPACE, [record])
        started = time.perf_counter()
        store.vector_query(NAMESPACE, vector, TOP_K)
        seconds.append(time.perf_counter() - started)
    figures["append_vector"] = statistics.median(seconds) * 1e3
    store.close()
    return figures


def rebuild(folder: Path, queries: Queries) -> dict[str, Any]:
    """Open without snapshots and measure the first queries."""
    shutil.rmtree(folder / FOLDER)
    figures = first_queries(folder, queries, "rebuild")
    return {name: value for name, value in figures.items() if name.startswith("rebuild")}


def truth_of(kind: str, size: int) -> tuple[str, Queries, dict[str, Matrix]]:
    data = DATA[kind](size, QUERIES)
    return data.describe(), data.queries(), exact_scores(data, TOP_K)


def measure(kind: str, size: int, parent: Path | None) -> tuple[str, dict[str, Any]]:
    """Return a description of the data, and all figures of one size."""
    with tempfile.TemporaryDirectory(dir=parent) as temporary:
        folder = Path(temporary) / "store"
        figures = {}
        described, queries, truth = _in_new_process(truth_of, kind, size)
        for step, arguments in ((add, (kind, size)), (warm, (queries, truth)), (rebuild, (queries,))):
            figures.update(_in_new_process(step, folder, *arguments))
            print(f"  {size}: {step.__name__} done", file=sys.stderr)
    return described, figures


def _in_new_process(step: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(step, *arguments).result()


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    return float(np.percentile(seconds, 50)) * 1e3, float(np.percentile(seconds, 95)) * 1e3


def _bytes(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern)) / 2**20


def _resident() -> float:
    """Return the resident memory of this process in MiB; NaN on a system without /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return float("nan")
    import resource

    return pages * resource.getpagesize() / 2**20


def _peak() -> float:
    """Return the peak resident memory of this process in MiB; NaN if the system does not report it."""
    try:
        import resource
    except ImportError:
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " / ".join(f"{part:.2f}" for part in value)
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"


def table(figures: Mapping[int, Mapping[str, Any]]) -> str:
    widths = max(len(title) for title in ROWS.values())
    lines = [f"| {'records':{widths}} |" + "".join(f" {size:>16,} |" for size in figures)]
    lines.append(f"|{'-' * (widths + 2)}|" + f"{'-' * 17}:|" * len(figures))
    for name, title in ROWS.items():
        lines.append(f"| {title:{widths}} |" + "".join(f" {shown(row[name]):>16} |" for row in figures.values()))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000", help="numbers of records, separated by commas")
    parser.add_argument("--data", choices=sorted(DATA), default="mixture")
    parser.add_argument(
        "--folder", type=Path, help="parent folder of the stores; default: the system's temporary folder"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    figures = {}
    described = ""
    for size in (int(size) for size in arguments.sizes.split(",")):
        described, figures[size] = measure(arguments.data, size, arguments.folder)
    print(machine())
    print(f"data: {described}\n")
    print(table(figures))
    if arguments.json:
        content = {"machine": machine(), "data": described, "figures": figures}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
