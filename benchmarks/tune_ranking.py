"""Sweep the ranking constants one at a time, and print NDCG@10 of the tuning packages for each value.

    python benchmarks/tune_ranking.py PATH [PATH ...] [--only NAME ...]

A PATH is a folder that ``codesearch.py`` reads; NAME limits the sweep to some constants. Only the packages in
``packages.TUNING`` are used: the others show whether the chosen values hold elsewhere. A difference below about 0.003
is one query in a hundred that moved by a rank or two, and no reason for a change. Figures are the mean over all
queries, then the mean of each PATH. ``*`` marks the current value.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from codesearch import TOP_K
from machine import machine
from metrics import Span, ndcg
from packages import TUNING, annotated_queries, manifest, root_of

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.search import fusion, signals
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
# Values for the constant k of reciprocal rank fusion.
RRF_K = (10, 20, 40, 60, 100)
OPTIONS: dict[str, tuple[Any, ...]] = {
    "vector_weight": (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6),
    "candidates": (25, 50, 100, 200),
}


NAMES = (*SWEEPS, "RRF_K", *OPTIONS)


async def figures(stores: dict[Path, dict[str, VectorStore]], **options: Any) -> str:
    means, all_values = [], []
    for data, by_name in stores.items():
        values = []
        for name, store in by_name.items():
            for query in annotated_queries(data, name):
                search = SearchOptions(**options)
                found = await store.search(query["query"], top_k=TOP_K, rerank=False, options=search)
                spans = [Span(r.metadata["path"], r.metadata["start_line"], r.metadata["end_line"]) for r in found]
                values.append(ndcg(spans, query))
        means.append(statistics.fmean(values))
        all_values += values
    return f"{statistics.fmean(all_values):.4f} (" + " ".join(f"{mean:.4f}" for mean in means) + ")"


async def sweep(paths: list[Path], names: list[str], folder: Path) -> None:
    embedder = StaticEmbedder.bundled()
    stores: dict[Path, dict[str, VectorStore]] = {data: {} for data in paths}
    for data in paths:
        for package in manifest(data):
            if package["name"] in TUNING:
                store = VectorStore(path=folder / package["name"], embedder=embedder, reranker="none")
                await Indexer(store, root_of(package)).run()
                stores[data][package["name"]] = store
    stores = {data: by_name for data, by_name in stores.items() if by_name}
    print(f"current values: {await figures(stores)}")
    for name in names or NAMES:
        row = []
        if name in OPTIONS:
            row = [f"{value:g}: {await figures(stores, **{name: value})}" for value in OPTIONS[name]]
        elif name == "RRF_K":
            searching: Any = fusion
            original = fusion.rrf
            for k in RRF_K:
                searching.rrf = partial(original, k=k)
                row.append(f"{k}: {await figures(stores)}" + (" *" if k == fusion.RRF_K else ""))
            searching.rrf = original
        else:
            module: Any = signals
            chosen = getattr(module, name)
            for value in SWEEPS[name]:
                setattr(module, name, value)
                row.append(f"{value:g}: {await figures(stores)}" + (" *" if value == chosen else ""))
            setattr(module, name, chosen)
        print(f"{name:26}" + "   ".join(row))
    for by_name in stores.values():
        for store in by_name.values():
            await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="folder with manifest.json and annotations/")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=[], metavar="NAME", help=", ".join(NAMES))
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(sweep(arguments.data, arguments.only, Path(folder)))


if __name__ == "__main__":
    main()
