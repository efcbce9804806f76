"""Measure how well a search finds the files and functions that fixed a reported issue.

    python benchmarks/issues.py PATH [--mirror DIR] [--cache DIR] [--kept] [--index-only] [--limit N]
        [--projects A/B,C/D] [--half tuning|reporting] [--history] [--no-rerank] [--no-semble] [--peer-model DIR]
        [--json FILE]

PATH is a folder with ``issues.jsonl.gz``: a JSON line for each issue, with ``id``, ``repo``, ``base_commit``,
``text``, ``files``, ``functions`` (``path:Class.name``) and ``edits``. Each issue is searched in the tree of its base
commit, once with its whole text and once with its first line. Trees are fetched once, or taken from the clones of
``--mirror``. Stores and semble's results are kept in ``--cache``. With ``--kept``, only trees that have a store there
are measured, so that a run takes as long as its searches.

- file @k is strict accuracy: the share of the issues of which all changed files are among the first k distinct files.
  MRR is the mean reciprocal rank of the first of them. Files that the fix adds do not count, and neither do issues
  that only add files.
- func. @k is the same for functions: for each changed function, one of the first k results has a line of it. Functions
  that the fix adds do not count.
- "keyword alone" is BM25, "vectors alone" are the nearest embeddings, "search" is both with the ranking signals, and
  semble searches with the static model that its users can have offline (see ``context.py``).
- ``--history`` adds rows for stores that also hold the last 2,000 commits up to the base commit. The reranker has then
  cached the scores of most candidates, so the seconds of these rows say nothing.

The projects are divided into a tuning half and a reporting half by a hash of their names; see ``half_of``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

from issue_data import add_arguments, prepared, read_issues
from kept_stores import KeptStores, Kind, Repositories
from locating import HITS, KEYWORD, RERANKED, SEARCH, VECTOR, Outcome, Task, rows, search_all, table
from packages import distilled_model
from peer_results import PeerResults
from yardstick import report

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.factory import create_reranker


async def measure(arguments: argparse.Namespace) -> list[Outcome]:
    reranker = None if arguments.no_rerank else create_reranker("bundled")
    repositories = Repositories(arguments.cache, arguments.mirror)
    stores = KeptStores(repositories, StaticEmbedder.bundled(), reranker)
    kinds: list[Kind] = ["files", "history"] if arguments.history else ["files"]
    tasks = await prepared(stores, read_issues(arguments), kept=arguments.kept, limit=arguments.limit, kinds=kinds)
    peer = None if arguments.no_semble else PeerResults(stores, arguments.peer_model or distilled_model())
    if peer is not None and not arguments.kept:
        peer.make(tasks)
    if arguments.index_only:
        raise SystemExit(0)
    outcomes: list[Outcome] = []
    for number, task in enumerate(tasks, start=1):
        print(f"\r{number}/{len(tasks)} {task.id:60.60}", end="", file=sys.stderr, flush=True)
        outcomes += await measure_task(stores, task, history=arguments.history)
        if peer is not None and peer.has(task):
            outcomes += peer.judge(task, HITS)
    print(file=sys.stderr)
    return outcomes


async def measure_task(stores: KeptStores, task: Task, *, history: bool) -> list[Outcome]:
    searches = [SEARCH, *([RERANKED] if stores.reranker is not None else [])]
    async with stores.open(task.repository, task.commit) as store:
        outcomes = await search_all(store, task, [KEYWORD, VECTOR, *searches])
    if history:
        async with stores.open(task.repository, task.commit, "history") as store:
            outcomes += await search_all(store, task, searches, ", history")
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--history", action="store_true", help="also search with the commits before the base commit")
    parser.add_argument("--index-only", action="store_true", help="make what is kept for later runs; measure nothing")
    parser.add_argument("--no-rerank", action="store_true", help="leave out the bundled reranker")
    parser.add_argument("--no-semble", action="store_true", help="leave out semble")
    parser.add_argument("--peer-model", type=Path, help="static model for semble (default: the distilled one)")
    arguments = parser.parse_args()
    report("issue", asyncio.run(measure(arguments)), table, partial(rows, "issues"), arguments.json)


if __name__ == "__main__":
    main()
