"""Hard negatives: the chunks that Aurora's own first stage confuses with the answer."""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pairs import Chunks, Pair, Stripped

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.text.document_text import reranker_text
from aurora_dev.core.types import Record, SearchOptions
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.indexing.indexer import Indexer

# The reranker reads 15 to 50 candidates; it must tell the first 30 apart.
DEPTH = 30
MOST, FEWEST = 12, 7
# This many negatives are the best of stage 1; the others are drawn from the rest of the first `DEPTH`.
_HARDEST = 8
# Stage 1 spreads its results over files, which leaves out the neighbours of an answer in its own file. A reranker must
# tell these apart once the right file is found, so this share of the pairs is mined without the signals.
_WITHOUT_SIGNALS = 0.4
# Chunks whose word sets have at least this Jaccard similarity are copies of each other.
_COPY = 0.7
_WORD = re.compile(r"\w+")


@asynccontextmanager
async def indexed(files: Iterable[Stripped]) -> AsyncIterator[VectorStore]:
    """Index files as a project, and yield its store."""
    with tempfile.TemporaryDirectory() as work:
        project = Path(work) / "project"
        for file in files:
            target = project / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.text, encoding="utf-8", errors="replace", newline="")
        async with VectorStore(path=Path(work) / "store", embedder=StaticEmbedder.bundled(), reranker="none") as store:
            await Indexer(store, project).run()
            yield store


async def rows_of(
    name: str,
    files: Iterable[Stripped],
    find: Callable[[Chunks], Iterable[Pair]],
    rng: random.Random,
    corpus: list[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Index a source as a project, and return its pairs with their negatives; see `rows_in`."""
    async with indexed(files) as store:
        return await rows_in(name, store, find, rng, corpus)


async def rows_in(
    name: str,
    store: VectorStore,
    find: Callable[[Chunks], Iterable[Pair]],
    rng: random.Random,
    corpus: list[dict[str, Any]] | None = None,
    without_signals: float = _WITHOUT_SIGNALS,
) -> list[dict[str, Any]]:
    """Return the pairs of a source with their negatives.

    Args:
        name: Name of the source.
        store: The store of its chunks, from `indexed`.
        find: Returns the pairs, given the chunks.
        rng: The only source of randomness.
        corpus: If given, every chunk is appended to it.
        without_signals: Share of the pairs whose negatives are mined without the ranking signals.
    """
    found = await store.scan()  # metadata only
    records = {
        str(document.id): Record(str(document.id), document.content, document.metadata)
        for document in await store.fetch([record.id for record in found])
    }
    rows = []
    for pair in find(Chunks(records.values())):
        signals = rng.random() >= without_signals
        results = await store.search(pair.query, top_k=DEPTH, rerank=False, options=SearchOptions(signals=signals))
        row = _row(name, pair, [(r.id, r.score) for r in results], records, rng)
        if row is not None:
            rows.append({**row, "stage1": "signals" if signals else "rrf"})
    if corpus is not None:
        corpus.extend(
            {
                "source": name,
                "id": record.id,
                "text": text_of(record),
                "content": record.content,
                "metadata": {k: v for k, v in record.metadata.items() if k not in ("file_hash", "file_chunks")},
            }
            for record in records.values()
        )
    return rows


def text_of(record: Record) -> str:
    """Return the text of a chunk that a reranker reads in production."""
    return reranker_text(record.content, record.metadata)


def _row(
    source: str, pair: Pair, found: Sequence[tuple[str, float]], records: Mapping[str, Record], rng: random.Random
) -> dict[str, Any] | None:
    ranks = {identifier: (rank, score) for rank, (identifier, score) in enumerate(found, start=1)}
    target = pair.target
    if not target:
        # If a whole file is the answer, take the chunk that is found first.
        target = next((identifier for identifier, _ in found if identifier in pair.excluded), "")
        if not target:
            return None
    positive = records.get(target)
    if positive is None:
        return None
    rank, score = ranks.get(target, (None, None))
    words = set(_WORD.findall(positive.content))
    symbol = _bare(positive)
    candidates = []
    for identifier, value in found:
        record = records.get(identifier)
        if record is None or identifier == target or identifier in pair.excluded:
            continue
        if symbol and _bare(record) == symbol:
            continue  # the same method of another class may be an answer too
        others = set(_WORD.findall(record.content))
        if len(words & others) >= _COPY * len(words | others):
            continue
        candidates.append((identifier, value))
    if len(candidates) < FEWEST:
        return None
    chosen = candidates[:_HARDEST] + rng.sample(candidates[_HARDEST:], min(MOST - _HARDEST, len(candidates[_HARDEST:])))
    chosen.sort(key=lambda item: ranks[item[0]][0])
    return {
        "query": pair.query,
        "kind": pair.kind,
        "form": pair.form,
        "language": pair.language,
        "source": source,
        "positive": {
            "id": target,
            "text": text_of(positive),
            "path": pair.path,
            "symbol": str(positive.metadata.get("symbol", "")),
            "context": str(positive.metadata.get("context", "")),
            "rank": rank,
            "score": None if score is None else round(score, 5),
        },
        "relevant": sorted({target, *(identifier for identifier in pair.excluded if identifier in records)}),
        "negatives": [text_of(records[identifier]) for identifier, _ in chosen],
        "negative_ranks": [ranks[identifier][0] for identifier, _ in chosen],
        "negative_scores": [round(value, 5) for _, value in chosen],
    }


def _bare(record: Record) -> str:
    symbol = record.metadata.get("symbol")
    return re.split(r"[.>]", symbol)[-1].strip() if isinstance(symbol, str) else ""
