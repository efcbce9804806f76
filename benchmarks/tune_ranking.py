"""NDCG@10 of the tuning packages while one ranking constant at a time takes other values.

    python benchmarks/tune_ranking.py PATH [NAME ...]

PATH is as for ``codesearch.py``; NAME limits the sweep to some constants. Only the packages in ``codesearch.TUNING``
are read: the others are there to see whether the numbers that were chosen hold elsewhere. Differences below about 0.005
are one query in a hundred that moved by a rank or two, and no reason to change anything.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Any

from codesearch import TOP_K, TUNING
from machine import machine
from metrics import Span, ndcg
from packages import annotations, manifest, root_of

from aurora_dev.core import signals
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.static_embedder import StaticEmbedder
from aurora_dev.core.types import SearchOptions
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.indexing.indexer import Indexer

SWEEPS: dict[str, tuple[float, ...]] = {
    "DEFINITION_GAIN": (0.0, 1.0, 2.0, 5.0),
    "WORD_DEFINITION_GAIN": (0.0, 0.5, 0.75, 1.0),
    "PATH_GAIN": (0.0, 0.5, 1.0, 1.25, 1.5, 2.0),
    "COMPANY_GAIN": (0.0, 0.15, 0.2, 0.3, 0.4, 0.5),
    "COMPANY": (1, 2, 3, 4, 5, 100),
    "NAMESAKE_FILE_GAIN": (0.0, 0.25, 0.5, 1.0),
    "REPEAT_DECAY": (0.3, 0.5, 0.7, 1.0),
    "KEYWORDS_WITHIN_FILE": (0.0, 1.0, 2.0, 3.0, 4.0),
    "DEFINITION_WITHIN_FILE": (0.0, 1.0, 8.0),
}
OPTIONS: dict[str, tuple[float, ...]] = {
    "vector_weight": (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6),
    "candidates": (25, 50, 100, 200),
}


async def mean_ndcg(stores: dict[str, VectorStore], data: Path, candidates: int | None = None) -> float:
    options = SearchOptions(candidates=candidates)
    values = []
    for name, store in stores.items():
        for query in annotations(data, name):
            found = await store.search(query["query"], top_k=TOP_K, rerank=False, options=options)
            spans = [Span(r.metadata["path"], r.metadata["start_line"], r.metadata["end_line"]) for r in found]
            values.append(ndcg(spans, query))
    return statistics.fmean(values)


async def sweep(data: Path, names: list[str], folder: Path) -> None:
    embedder = StaticEmbedder.bundled()
    stores: dict[str, VectorStore] = {}
    for package in manifest(data):
        if package["name"] in TUNING:
            store = VectorStore(FAISSLocalStore(folder / package["name"]), embedder=embedder, reranker="none")
            await Indexer(store, root_of(package)).run()
            stores[package["name"]] = store
    print(f"as it is: {await mean_ndcg(stores, data):.4f}")
    for name in names or SWEEPS:
        module: Any = signals
        chosen = getattr(module, name)
        row = []
        for value in SWEEPS[name]:
            setattr(module, name, value)
            row.append(f"{value:g}: {await mean_ndcg(stores, data):.4f}" + (" *" if value == chosen else ""))
        setattr(module, name, chosen)
        print(f"{name:26}" + "   ".join(row))
    if not names:
        row = [f"{count}: {await mean_ndcg(stores, data, count):.4f}" for count in CANDIDATES]
        print(f"{'candidates':26}" + "   ".join(row))
    for store in stores.values():
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with manifest.json and annotations/")
    parser.add_argument("names", nargs="*", help="constants of aurora_dev/core/signals.py; all without")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in SWEEPS]:
        parser.error(f"no such constant: {', '.join(unknown)}; there is: {', '.join(SWEEPS)}")
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(sweep(arguments.data, arguments.names, Path(folder)))


if __name__ == "__main__":
    main()
