"""A namespace of one store into another, without embedding again, and a comparison of the two."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.record_checks import check_name
from aurora_dev.core.types import Match, Record
from aurora_dev.errors import InvalidRequestError, StoreError
from aurora_dev.transfer.exporting import Progress
from aurora_dev.transfer.loading import Loader, agree_on_embedder, batches, is_same

SAMPLE = 20  # records that are compared, and whose vectors are searched for, in both stores
_TOP_K = 10
_SAME_SCORE = 1e-4  # two stores add up float32 products in different orders
_LEAST_FOUND = 0.9  # of the first ten: approximate indexes promise 0.95 on average, and a sample scatters
_SEED = 20_251  # any fixed number: two runs draw the same sample


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a copy did, and how the two stores compare.

    Attributes:
        records: In the source.
        written: Of these, new to the target or different there; the others were there already.
        vectors: Vectors taken over.
        left_without: Records of the source whose vector was not taken over.
        only_in_target: Records that the target held before and the source does not have; they stay.
        changed: Whether the source was written to meanwhile.
        sampled: Records that were compared in full.
        queries: Searches by the vector of one of them, in both stores.
        agreement: Share of the source's first ten that the target's first ten hold, over these searches; 1.0 where
            none was made.
        seconds: That it took.
    """

    namespace: str
    to_namespace: str
    records: int
    written: int
    vectors: int
    left_without: int
    only_in_target: int
    changed: bool
    sampled: int
    queries: int
    agreement: float
    seconds: float


def copy_records(
    source: VectorBackend,
    target: VectorBackend,
    namespace: str,
    *,
    to_namespace: str | None = None,
    vectors: bool = True,
    progress: Progress | None = None,
) -> CopyReport:
    """Copy a namespace from one store to another, then compare them by count and by a sample of records and queries.

    Records of the target with the same ids are replaced, others stay. A copy that was interrupted can be run again:
    what is in the target already is left as it is. Memory does not grow with the number of records.

    Args:
        source: The store that is read.
        target: The store that is written to.
        namespace: Of the source.
        to_namespace: Of the target; ``None``: the same.
        vectors: Whether vectors are taken over.
        progress: Called with what goes on, and how many of how many records are done.

    Raises:
        InvalidRequestError: The two are the same store and namespace.
        EmbedderMismatchError: The target holds vectors of another embedder; nothing was written.
        StoreError: A store cannot be read or written, or the target does not hold what was written; what was
            acknowledged is kept.
    """
    began = time.monotonic()
    to_namespace = check_name(namespace if to_namespace is None else to_namespace, "namespace")
    if to_namespace == namespace and _are_one(source, target):
        raise InvalidRequestError("source and target are the same store and namespace; nothing was copied")
    stats = source.stats(namespace)
    embedder = source.embedder() if stats.vectors else None
    taken = agree_on_embedder(target, embedder, vectors=vectors, what="the source")
    loader = Loader(target, to_namespace, taken)
    sample = _Sample()
    for batch in batches(source.scan(namespace, vectors=taken is not None)):
        loader.load(batch)
        sample.offer(batch)
        if progress is not None:
            progress("copying", loader.done.records, max(stats.records, loader.done.records))
    loader.check_count()
    target.refresh(to_namespace)
    _compare_records(target, to_namespace, sample.records)
    queries, agreement = _compare_queries(source, namespace, target, to_namespace, sample.records, progress)
    if agreement < _LEAST_FOUND:
        raise StoreError(
            f"all {loader.done.records:,} records are in the target, but of {queries} searches its first {_TOP_K} hold "
            f"{agreement:.0%} of the source's: keep the source, and run the same command again to compare once more"
        )
    done = loader.done
    return CopyReport(
        namespace=namespace,
        to_namespace=to_namespace,
        records=done.records,
        written=done.written,
        vectors=done.vectors,
        left_without=0 if taken is not None else stats.vectors,
        only_in_target=loader.before + done.new - done.records,
        changed=source.stats(namespace).sequence != stats.sequence,
        sampled=len(sample.records),
        queries=queries,
        agreement=agreement,
        seconds=time.monotonic() - began,
    )


class _Sample:
    """Some records of a stream, each as likely as any other (reservoir sampling, Vitter 1985, algorithm R)."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._seen = 0
        self._random = random.Random(_SEED)

    def offer(self, records: Iterable[Record]) -> None:
        for record in records:
            self._seen += 1
            if len(self.records) < SAMPLE:
                self.records.append(record)
            elif (place := self._random.randrange(self._seen)) < SAMPLE:
                self.records[place] = record


def _compare_records(target: VectorBackend, namespace: str, sample: list[Record]) -> None:
    found = target.fetch(namespace, [record.id for record in sample], vectors=True)
    different = [record.id for record in sample if not is_same(record, found.get(record.id))]
    if different:
        raise StoreError(
            f"{len(different)} of {len(sample)} sampled records are not in the target as they were written, such as "
            f"{different[0]!r}: another process may write there too. Run the same command again"
        )


def _compare_queries(
    source: VectorBackend,
    namespace: str,
    target: VectorBackend,
    to_namespace: str,
    sample: list[Record],
    progress: Progress | None,
) -> tuple[int, float]:
    asked = [record.vector for record in sample if record.vector is not None and record.vector.any()]
    shares = []
    for number, vector in enumerate(asked, 1):
        expected = source.vector_query(namespace, vector, _TOP_K)
        # What only the target holds may push records of the source out of its first ten: ask for more.
        found = target.vector_query(to_namespace, vector, 5 * _TOP_K)
        foreign = {match.record.id for match in found} - set(source.fetch(namespace, [m.record.id for m in found]))
        own = [match for match in found if match.record.id not in foreign][:_TOP_K]
        shares.append(_share(expected, own))
        if progress is not None:
            progress("comparing", number, len(asked))
    return len(asked), sum(shares) / len(shares) if shares else 1.0


def _share(expected: list[Match], found: list[Match]) -> float:
    """Return how many of the expected matches were found, where one that ties with the last may stand for another."""
    if not expected:
        return 1.0
    ids = {match.record.id for match in found}
    last = found[-1].score if found else float("inf")
    hits = sum(match.record.id in ids or abs(match.score - last) <= _SAME_SCORE for match in expected)
    return hits / len(expected)


def _are_one(source: VectorBackend, target: VectorBackend) -> bool:
    if source is target:
        return True
    one, other = (_identity(backend.describe()) for backend in (source, target))
    return one == other


def _identity(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    if "path" in facts:
        return facts.get("kind"), Path(facts["path"]).resolve()
    return facts.get("kind"), facts.get("host"), facts.get("index")
