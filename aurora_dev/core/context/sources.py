"""Where candidates come from: the search, the notes, the import graph; the store is only read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Container, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.core.context.import_graph import ChunkRef, ImportGraph, build_graph
from aurora_dev.core.context.items import Candidate
from aurora_dev.core.context.outline import interface_rows
from aurora_dev.core.context.select import MOST_FILL
from aurora_dev.core.record_kinds import COMMIT_KEY, IS_CHUNK, is_chunk
from aurora_dev.core.text.fencing import safe
from aurora_dev.core.text.path_kinds import stands_aside
from aurora_dev.core.types import SearchOptions, SearchResult

if TYPE_CHECKING:
    from aurora_dev.core.contracts import SearchableStore

__all__ = ["GraphCache", "candidate_of", "gap_lines", "neighbours"]

# Scanning is a matter of 15 ms per thousand records; beyond this, neighbours are not worth the wait.
MOST_RECORDS: Final = 50_000

# What a hit uses helps to read it; what uses a hit shows how it is meant to be used. Both are guesses beside a hit.
DEPENDS_WEIGHT: Final = 0.25
DEPENDENT_WEIGHT: Final = 0.15
_FROM_HITS: Final = 6  # neighbours of the first few hits only
_MOST_DEPENDS: Final = 4  # of each hit
_MOST_DEPENDENTS: Final = 2
_DEPENDENT_CHUNKS: Final = 60  # of a file, that are looked through for the use of a symbol
_WORD: Final = re.compile(r"[A-Za-z_$][\w$]*")

_NOTE_ID_CHARS: Final = 8
_MOST_RELEVANCE_OF_NOTES: Final = 0.9


class GraphCache:
    """The import graph of a store's namespace, read again when the store has changed."""

    def __init__(self) -> None:
        self._sequence = -1
        self._graph = ImportGraph()

    async def get(self, store: SearchableStore) -> ImportGraph | None:
        """Return the graph; ``None`` where the store is too large."""
        stats = await store.stats()
        if stats.records > MOST_RECORDS:
            return None
        if stats.sequence != self._sequence:
            records = await store.scan(IS_CHUNK, content=True)
            self._graph = await asyncio.to_thread(build_graph, records, self._graph)
            self._sequence = stats.sequence
        return self._graph


def candidate_of(
    identifier: str,
    content: str,
    metadata: Mapping[str, Any],
    relevance: float,
    why: str,
    *,
    mask: bool,
    cut_lines: Container[tuple[str, int]] | None = None,
    asked_for: frozenset[str] = frozenset(),
) -> Candidate:
    """Make a candidate of a record: its text safe to show, its place, its interface.

    Args:
        identifier: The record's id.
        content: Its text, as it is stored.
        metadata: Its path and lines, or the kind of a note.
        relevance: Above 0; 1 for the best hit.
        why: How it came in.
        mask: Whether credentials are masked.
        cut_lines: Path and number of the lines that are so long that several records share them; ``None`` where that
            is not known, and every record of one line may be a piece of it.
        asked_for: Kinds of files that the task names, from `aurora_dev.core.text.path_kinds.kinds_asked_for`.
    """
    path = metadata.get("path")
    start, end = metadata.get("start_line"), metadata.get("end_line")
    text = safe(content, mask=mask)
    rows = tuple(text.split("\n"))
    placed = isinstance(start, int) and isinstance(end, int) and 1 <= start <= end
    is_note = not is_chunk(metadata) and not (isinstance(path, str) and placed)
    created = metadata.get("created_at")
    language = str(metadata.get("language", ""))
    symbol, symbols = str(metadata.get("symbol", "")), metadata.get("symbols")
    if is_note:
        commit = metadata.get(COMMIT_KEY)
        source = f"commit {str(commit)[:_NOTE_ID_CHARS]}" if commit else f"note {identifier[:_NOTE_ID_CHARS]}"
        symbol = ", ".join([str(metadata.get("kind", "note")), *_of_note(metadata)])
    else:
        source = str(path)
    count = int(end) - int(start) + 1 if placed else 0  # type: ignore[arg-type]
    # Several records may be pieces of one long line: they have that line's number, and are not the line.
    whole = placed and count == len(rows)
    if whole and count == 1:
        whole = cut_lines is not None and (source, start) not in cut_lines
    return Candidate(
        id=identifier,
        source=source,
        start=int(start) if placed else 0,  # type: ignore[arg-type]
        rows=rows,
        head=interface_rows(text, language, tuple(map(str, symbols)) if isinstance(symbols, list) else ()),
        symbol=symbol,
        relevance=relevance,
        why=why,
        whole_lines=whole,
        is_note=is_note,
        created=float(created) if isinstance(created, int | float) else 0.0,
        aside=not is_note and stands_aside(source, asked_for),
    )


async def neighbours(
    store: SearchableStore, graph: ImportGraph, hits: Sequence[tuple[SearchResult, float]]
) -> list[tuple[str, float, str]]:
    """Return what the first hits depend on and what depends on them: id, relevance and reason, best first."""
    have = {result.id for result, _ in hits}
    found: dict[str, tuple[float, str]] = {}

    def offer(chunk: ChunkRef | None, relevance: float, why: str) -> bool:
        if chunk is None or chunk.id in have:
            return False
        if chunk.id not in found or found[chunk.id][0] < relevance:
            found[chunk.id] = (relevance, why)
        return True

    users: list[tuple[str, tuple[str, ...], float, str]] = []
    for result, relevance in hits[:_FROM_HITS]:
        path = str(result.metadata.get("path", ""))
        if path not in graph.files:
            continue
        words = set(_WORD.findall(result.content))
        offered = 0
        for target, names in graph.depends.get(path, {}).items():
            entry = graph.files[target]
            used = [name for name in (names or _symbols(entry.chunks)) if name in words]
            for name in used:
                if offered < _MOST_DEPENDS:
                    offered += offer(
                        entry.defining(name), DEPENDS_WEIGHT * relevance, f"defines {name}, used in {path}"
                    )
        symbols = result.metadata.get("symbols")
        if isinstance(symbols, list) and symbols:
            weight = DEPENDENT_WEIGHT * relevance
            importers = [
                user for user in graph.dependents.get(path, ()) if _may_use(graph.depends[user][path], symbols)
            ]
            users += [(user, tuple(map(str, symbols)), weight, path) for user in importers[:_MOST_DEPENDENTS]]
    await _offer_users(store, graph, users, offer)
    return sorted(((key, *value) for key, value in found.items()), key=lambda one: (-one[1], one[0]))


def _symbols(chunks: Sequence[ChunkRef]) -> list[str]:
    return [name for chunk in chunks for name in chunk.symbols if "." not in name]


def _may_use(names: tuple[str, ...], symbols: Sequence[str]) -> bool:
    return not names or not set(names).isdisjoint(symbols)


async def _offer_users(
    store: SearchableStore,
    graph: ImportGraph,
    users: Sequence[tuple[str, tuple[str, ...], float, str]],
    offer: Any,
) -> None:
    ids = [chunk.id for user in dict.fromkeys(one[0] for one in users) for chunk in _searched(graph, user)]
    texts = {document.id: document.content for document in await store.fetch(ids)} if ids else {}
    for user, symbols, relevance, path in users:
        for chunk in _searched(graph, user):
            text = texts.get(chunk.id, "")
            used = next((name for name in symbols if "." not in name and name in text), None)
            # The import statement itself is no use of it.
            if used and chunk.symbols and re.search(rf"\b{re.escape(used)}\b", text):
                offer(chunk, relevance, f"uses {used} of {path}")
                break


def _searched(graph: ImportGraph, path: str) -> list[ChunkRef]:
    return graph.files[path].chunks[:_DEPENDENT_CHUNKS]


async def gap_lines(
    store: SearchableStore, graph: ImportGraph, candidates: Sequence[Candidate], *, mask: bool
) -> dict[str, dict[int, str]]:
    """Return the lines between candidates of one file that are near each other, by source and line number."""
    by_source: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.whole_lines and candidate.source in graph.files:
            by_source.setdefault(candidate.source, []).append(candidate)
    blank: dict[str, dict[int, str]] = {}
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
            lines = blank.setdefault(source, {})
            # Every line that is not blank is in a record.
            lines.update((number, "") for number in range(first, last + 1) if number not in covered)
            if last - first < MOST_FILL:
                wanted.update((chunk.id, (source, chunk)) for chunk in inside)
    for document in await store.fetch(sorted(wanted)) if wanted else ():
        source, chunk = wanted[str(document.id)]
        rows = safe(document.content, mask=mask).split("\n")
        if len(rows) == chunk.end - chunk.start + 1:
            blank[source].update((chunk.start + n, row) for n, row in enumerate(rows))
    return blank


def _of_note(metadata: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know before trusting a note."""
    own = ["the user's own"] if metadata.get("scope") == "user" else []
    return [*own, f"stale: {metadata['stale']}"] if metadata.get("stale") else own


def note_relevance(place: int) -> float:
    """Return the relevance of the note at a place (0-based) among those about the task."""
    return _MOST_RELEVANCE_OF_NOTES / (1 + place)


def search_options(options: SearchOptions | None) -> SearchOptions:
    """Return the options of the main search."""
    return options or SearchOptions(rerank_top_k=30)
