"""The same calls on two backends: the local one, and one written here that keeps its records in a dictionary.

python examples/another_backend.py
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from tempfile import TemporaryDirectory
from typing import Any

from aurora_dev import Capabilities, Document, EmbedderInfo, Match, NamespaceStats, Record, VectorBackend, VectorStore
from aurora_dev.core.contracts import Filter
from aurora_dev.core.filters import matches, parse_filter
from aurora_dev.core.text.terms import document_terms, name_term, query_terms
from aurora_dev.core.types import Vector


class DictBackend(VectorBackend):
    """Brute force over a dictionary, for one embedder and one thread at a time.

    Test a real backend with the classes of `aurora_dev.testing.backend_contract`.
    """

    def __init__(self) -> None:
        self._records: dict[str, dict[str, Record]] = defaultdict(dict)
        self._embedder: EmbedderInfo | None = None
        self._changes = 0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(keyword=True, transactional=False)

    def embedder(self) -> EmbedderInfo | None:
        return self._embedder

    def set_embedder(self, info: EmbedderInfo, *, replace: bool = True) -> EmbedderInfo:
        if self._embedder is None or replace:
            self._embedder = info
        return self._embedder

    def write(self, namespace: str, upserts: Sequence[Record] = (), deletes: Sequence[str] = (), **_: Any) -> None:
        for identifier in deletes:
            self._records[namespace].pop(identifier, None)
        self._records[namespace].update({record.id: record for record in upserts})
        self._changes += 1

    def attach_vectors(self, namespace: str, records: Sequence[Record], **_: Any) -> int:
        raise NotImplementedError("only needed when the embedder changes")

    def fetch(self, namespace: str, ids: Sequence[str], **_: Any) -> dict[str, Record]:
        return {name: self._records[namespace][name] for name in ids if name in self._records[namespace]}

    def name_counts(self, namespace: str, names: Sequence[str]) -> list[int]:
        held = [document_terms(r.content, r.metadata) for r in self._records[namespace].values()]
        return [sum(name_term(name) in terms for terms in held) for name in names]

    def delete_where(self, namespace: str, filter: Filter) -> int:
        ids = [record.id for record in self.scan(namespace, filter)]
        self.write(namespace, deletes=ids)
        return len(ids)

    def vector_query(self, namespace: str, vector: Vector, top_k: int, filter: Filter | None = None) -> list[Match]:
        records = self.scan(namespace, filter)
        return _best([Match(r, float(r.vector @ vector)) for r in records if r.vector is not None], top_k)

    def keyword_query(self, namespace: str, text: str, top_k: int, filter: Filter | None = None) -> list[Match]:
        wanted = query_terms(text)
        found = []
        for record in self.scan(namespace, filter):
            terms = document_terms(record.content, record.metadata)
            if score := sum(weight * terms.get(term, 0.0) for term, weight in wanted.items()):
                found.append(Match(record, score))
        return _best(found, top_k)

    def scan(self, namespace: str, filter: Filter | None = None, **_: Any) -> Iterator[Record]:
        condition = parse_filter(filter or {})
        for _name, record in sorted(self._records[namespace].items()):
            if matches(condition, record.metadata):
                yield record

    def missing_vectors(self, namespace: str, limit: int) -> list[Record]:
        return [record for record in self.scan(namespace) if record.vector is None][:limit]

    def count(self, namespace: str, filter: Filter | None = None) -> int:
        return len(list(self.scan(namespace, filter)))

    def namespaces(self) -> list[str]:
        return sorted(name for name, records in self._records.items() if records)

    def delete_namespace(self, namespace: str) -> int:
        return self.delete_where(namespace, {})

    def stats(self, namespace: str) -> NamespaceStats:
        count = self.count(namespace)
        return NamespaceStats(count, count - len(self.missing_vectors(namespace, count)), self._changes)

    def refresh(self, namespace: str) -> None:
        """Do nothing: no index is derived from the dictionary."""

    def describe(self) -> dict[str, Any]:
        return {"kind": "dict", "records": sum(map(len, self._records.values()))}

    def close(self) -> None:
        """Do nothing: there is no file or connection."""


def _best(found: list[Match], top_k: int) -> list[Match]:
    return sorted(found, key=lambda match: (-match.score, match.record.id))[:top_k]


NOTES = ["Tokens are signed with EdDSA.", "Invoices are sent on Mondays.", "Sessions end after thirty minutes."]


async def ask(store: VectorStore) -> list[str]:
    """Write the notes, search them, and return what was found."""
    async with store:
        await store.upsert([Document(text, {"kind": "decision"}) for text in NOTES])
        results = await store.search("how are tokens signed", top_k=2, filter={"kind": "decision"})
        print(f"{type(store.backend).__name__}: {results.search_method}")
        for result in results:
            print(f"  {result.score:.2f} {result.content}")
        return [result.content for result in results]


async def main() -> None:
    """Ask both stores the same question."""
    with TemporaryDirectory() as folder:
        await ask(VectorStore(backend="faiss", path=folder, reranker="none"))
    await ask(VectorStore(backend=DictBackend(), reranker="none"))


if __name__ == "__main__":
    asyncio.run(main())
