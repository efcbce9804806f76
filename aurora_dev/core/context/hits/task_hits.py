"""The hits of a long task: the first files of its search, and in each of them the chunks that match the task best.

An issue names the file to edit more surely than the lines, and the function to edit is often not among the results: its
file has others that say more of the task's words. So the search gives the order of the files, and a second search in
the first few of them the order of their chunks. The chunks of one symbol stay together.

The constants were set on the tuning half of ``benchmarks/edits.py``; their neighbours measure alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.core.filters import all_of
from aurora_dev.core.types import SearchOptions, SearchResult

if TYPE_CHECKING:
    from aurora_dev.core.contracts import Filter, SearchableStore

__all__ = ["find_task_hits"]

_MOST_FILES: Final = 5  # more bring nothing at any budget up to 16,000 tokens
_MOST_CHUNKS: Final = 400  # of all these files together
# The relevance of a file as a share of that of the file before it, and of a chunk as a share of the one before it.
_FILE_DECAY: Final = 0.6
_CHUNK_DECAY: Final = 0.9
# The least relevance of the other chunks of a symbol, as a share of that of its best chunk.
_SYMBOL_SHARE: Final = 0.95
# With chunks below this, a context of 16,000 tokens is 2,000 longer and shows no more of the lines that are edited.
_LEAST_RELEVANCE: Final = 0.1


async def find_task_hits(
    store: SearchableStore,
    task: str,
    results: Sequence[SearchResult],
    filter: Filter | None,
    options: SearchOptions,
) -> list[tuple[SearchResult, float]]:
    """Return the chunks that a long task may have to edit.

    Args:
        store: Searched once more.
        task: The query of ``results``.
        results: Best first; only the order of their files counts.
        filter: The conditions of the search.
        options: The options of the search.

    Returns:
        Results with their relevances, best first; the best has 1. Empty if no result is in a file.

    Raises:
        StoreError: The store cannot be read.
    """
    paths = list(dict.fromkeys(path for result in results if (path := _path(result)) is not None))[:_MOST_FILES]
    if not paths:
        return []
    in_files = all_of(filter, {"path": {"$in": paths}})
    found = await store.search(task, _MOST_CHUNKS, rerank=False, filter=in_files, options=replace(options, mmr=False))
    chunks: dict[str, list[SearchResult]] = defaultdict(list)
    for result in found:
        chunks[str(_path(result))].append(result)
    hits = [
        (result, _FILE_DECAY**place * relevance)
        for place, path in enumerate(path for path in paths if chunks[path])
        for result, relevance in _with_relevances(chunks[path])
    ]
    hits.sort(key=lambda hit: -hit[1])
    return [(result, relevance) for result, relevance in hits if relevance >= _LEAST_RELEVANCE]


def _with_relevances(chunks: Sequence[SearchResult]) -> list[tuple[SearchResult, float]]:
    """Return the chunks of one file with their relevances within it, of which the best is 1.

    Args:
        chunks: Best first.
    """
    relevances = {chunk.id: _CHUNK_DECAY**rank for rank, chunk in enumerate(chunks)}
    for group in _by_symbol(chunks):
        best = max(relevances[chunk.id] for chunk in group)
        for chunk in group:
            relevances[chunk.id] = max(relevances[chunk.id], _SYMBOL_SHARE * best)
    return [(chunk, relevances[chunk.id]) for chunk in chunks]


def _by_symbol(chunks: Iterable[SearchResult]) -> list[list[SearchResult]]:
    """Group the chunks that a long definition was cut into; any other chunk is a group of its own."""
    ordered = sorted(chunks, key=lambda chunk: (_line(chunk.metadata.get("start_line")), chunk.id))
    groups = [[chunk] for chunk in ordered[:1]]
    for before, chunk in pairwise(ordered):
        symbol = chunk.metadata.get("symbol")
        # The chunks after the first name the symbol that they continue, and define nothing themselves.
        if symbol and symbol == before.metadata.get("symbol") and not chunk.metadata.get("symbols"):
            groups[-1].append(chunk)
        else:
            groups.append([chunk])
    return groups


def _path(result: SearchResult) -> str | None:
    path = result.metadata.get("path")
    return path if isinstance(path, str) and path else None


def _line(value: Any) -> int:
    return value if isinstance(value, int) else 0
