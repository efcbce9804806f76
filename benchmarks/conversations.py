"""Measure how well a search finds the turns of a conversation that answer a question about it.

    python benchmarks/conversations.py [--rerank] [--json FILE]

Twelve conversations of a developer with an assistant, each over several sessions, are stored turn by turn, each in a
store of its own. The questions are of six kinds, and one more has no answer (see ``conversations/README.md``).
``recall@k`` is the share of a question's answering turns among the first k results, and MRR that of the first of them.
For questions without an answer, the area under the ROC curve is given: the share of pairs in which the best score of an
answered question is higher. Conversations with odd numbers are the tuning half.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conversation_data import ABSTENTION, Conversation, Question, Turn, conversations
from machine import machine
from yardstick import Rank, Row, auc, mrr, table, write_json

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.types import Document, Metadata, SearchOptions
from aurora_dev.core.vector_store import VectorStore

TOP_K = 10
OPTIONS = {
    "hybrid": SearchOptions(),
    "keyword": SearchOptions(mode="keyword"),
    "vector": SearchOptions(mode="vector"),
}
RERANKED = "reranked"
EVERY_KIND = "all kinds"


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, and what one method found for it.

    Attributes:
        ranks: The rank of each answering turn.
        best: The best score; 0 without results.
    """

    half: str
    question: Question
    method: str
    ranks: list[Rank]
    best: float

    def recall(self, k: int) -> float:
        """Return the share of the answering turns among the first ``k`` results."""
        return statistics.fmean(rank is not None and rank <= k for rank in self.ranks)

    @property
    def first(self) -> Rank:
        """The rank of the first answering turn."""
        return min((rank for rank in self.ranks if rank is not None), default=None)


def document_of(turn: Turn) -> Document:
    """Return a turn as it is stored: prose with its speaker and day."""
    metadata: Metadata = {"kind": "session", "created_at": turn.created_at, "tags": [turn.speaker]}
    return Document(turn.content, metadata, turn.id)


async def measure(
    conversation: Conversation, half: str, methods: Sequence[str], embedder: StaticEmbedder
) -> list[Answered]:
    answered = []
    with tempfile.TemporaryDirectory() as folder:
        reranker = "bundled" if RERANKED in methods else "none"
        async with VectorStore(path=folder, embedder=embedder, reranker=reranker) as store:
            await store.upsert([document_of(turn) for turn in conversation.turns])
            for question in conversation.questions:
                for method in methods:
                    results = await store.search(
                        question.text,
                        top_k=TOP_K,
                        rerank=method == RERANKED,
                        options=OPTIONS.get(method, SearchOptions()),
                    )
                    rank_of = {result.id: rank for rank, result in enumerate(results, start=1)}
                    ranks = [rank_of.get(turn) for turn in question.answers]
                    best = max((result.score for result in results), default=0.0)
                    answered.append(Answered(half, question, method, ranks, best))
    return answered


async def measure_all(chosen: Sequence[Conversation], methods: Sequence[str]) -> list[Answered]:
    embedder = StaticEmbedder.bundled()
    answered = []
    for number, conversation in enumerate(chosen, start=1):
        answered += await measure(conversation, "tuning" if number % 2 else "reporting", methods, embedder)
    return answered


def rows_of(answered: Sequence[Answered], methods: Sequence[str]) -> list[Row]:
    """Return the figures of each half, kind of question and method."""
    rows = []
    for half in ("tuning", "reporting"):
        for method in methods:
            every = [one for one in answered if one.half == half and one.method == method]
            known = [one for one in every if one.question.kind != ABSTENTION]
            for kind in [EVERY_KIND, *dict.fromkeys(one.question.kind for one in known)]:
                group = [one for one in known if kind in (EVERY_KIND, one.question.kind)]
                for measure, value in (
                    ("recall@5", statistics.fmean(one.recall(5) for one in group)),
                    ("recall@10", statistics.fmean(one.recall(10) for one in group)),
                    ("MRR@10", mrr([one.first for one in group])),
                ):
                    rows.append(Row("conversations", half, f"{kind}: {measure}", method, value, len(group)))
            unknown = [one.best for one in every if one.question.kind == ABSTENTION]
            area = auc([one.best for one in known], unknown)
            rows.append(Row("conversations", half, f"{ABSTENTION}: area under ROC", method, area, len(unknown)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rerank", action="store_true", help="also measure the bundled reranker")
    parser.add_argument("--json", type=Path, help="also write figures, ranks and answering turns to this file")
    arguments = parser.parse_args()
    methods = [*OPTIONS, *([RERANKED] if arguments.rerank else [])]
    every = conversations()
    answered = asyncio.run(measure_all(every, methods))
    rows = rows_of(answered, methods)
    print(machine())
    print(f"{len(every)} conversations, {sum(len(one.turns) for one in every):,} turns", end=", ")
    print(f"{sum(len(one.questions) for one in every)} questions")
    print(table(rows))
    if arguments.json:
        texts = {turn.id: turn.content for conversation in every for turn in conversation.turns}
        details: list[dict[str, Any]] = [
            {
                "kind": one.question.kind,
                "question": one.question.text,
                "answers": [texts[turn] for turn in one.question.answers],
                "method": one.method,
                "ranks": one.ranks,
                "best": one.best,
            }
            for one in answered
        ]
        write_json(arguments.json, rows, {"questions": details})


if __name__ == "__main__":
    main()
