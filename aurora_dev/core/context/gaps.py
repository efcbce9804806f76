"""The lines between candidates of one file, so that rendering can join neighbours instead of fencing each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from aurora_dev.core.context.import_graph import ChunkRef, ImportGraph
from aurora_dev.core.context.items import Candidate
from aurora_dev.core.context.select import MOST_FILL
from aurora_dev.core.text.fencing import safe

if TYPE_CHECKING:
    from aurora_dev.core.contracts import SearchableStore

__all__ = ["read_gaps"]


async def read_gaps(
    store: SearchableStore, graph: ImportGraph, candidates: Sequence[Candidate], *, mask: bool
) -> dict[str, dict[int, str]]:
    """Return the lines in small gaps between candidates, by source and 1-based line number.

    Args:
        store: Read for the chunks that lie in the gaps.
        graph: Says which chunks a file has.
        candidates: Only those that are whole lines of a file count.
        mask: Whether credentials are masked.
    """
    by_source: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.whole_lines and candidate.source in graph.files:
            by_source.setdefault(candidate.source, []).append(candidate)
    lines: dict[str, dict[int, str]] = {}
    wanted: dict[str, tuple[str, ChunkRef]] = {}
    for source, group in by_source.items():
        group.sort(key=lambda candidate: (candidate.start, candidate.end))
        chunks = graph.files[source].chunks
        for before, after in pairwise(group):
            first, last = before.end + 1, after.start - 1
            if not 0 <= last - first < 4 * MOST_FILL:
                continue
            inside = [chunk for chunk in chunks if chunk.start <= last and chunk.end >= first]
            covered = {number for chunk in inside for number in range(chunk.start, chunk.end + 1)}
            # Every line that is not blank belongs to a chunk, so the others are known to be blank.
            blank = ((number, "") for number in range(first, last + 1) if number not in covered)
            lines.setdefault(source, {}).update(blank)
            if last - first < MOST_FILL:
                wanted.update((chunk.id, (source, chunk)) for chunk in inside)
    for document in await store.fetch(sorted(wanted)) if wanted else ():
        source, chunk = wanted[str(document.id)]
        rows = safe(document.content, mask=mask).split("\n")
        if len(rows) == chunk.end - chunk.start + 1:
            lines[source].update((chunk.start + n, row) for n, row in enumerate(rows))
    return lines
