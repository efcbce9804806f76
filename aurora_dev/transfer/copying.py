"""The copy of a namespace from one store to another, without embedding again, and a comparison of the two."""

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

SAMPLE = 20  # records that are compared in both stores, and whose vectors are searched
_TOP_K = 10
_SAME_SCORE = 1e-4  # stores add float32 products in different orders
_LEAST_FOUND = 0.9  # approximate indexes promise a recall of 0.95 on average, and a sample scatters
_SEED = 20_251  # any fixed number: two runs draw the same sample


@dataclass(frozen=True, slots=True)
class CopyReport:
    """The result of a copy, and of the comparison of the two stores.

    Attributes:
        namespace: The namespace of the source.
        to_namespace: The namespace of the target.
        records: Number of records in the source.
        written: Number of these that were new or different in the target; it had the others already.
        vectors: Number of copied vectors.
        left_without: Number of records whose vector was not copied.
        only_in_target: Number of records that only the target has; they stay.
        changed: Whether the source was written to during the copy.
        sampled: Number of records that were compared completely.
        queries: Number of searches, each by the vector of a sampled record, in both stores.
        agreement: Share of the source's first ten results that are among the target's first ten, averaged over these
            searches; 1.0 without searches.
        seconds: Duration of the copy and the comparison.
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
    mask: bool = True,
    progress: Progress | None = None,
) -> CopyReport:
    """Copy a namespace from one store to another, then compare them by count and by a sample of records and searches.

    Records of the target with the same ids are replaced, others stay. An interrupted copy can be run again: records
    that the target already has are not written again. Memory is bounded.

    Args:
        source: The store that is read.
        target: The store that is written to.
        namespace: The namespace of the source.
        to_namespace: The namespace of the target; ``None`` for the same.
        vectors: Whether to copy vectors.
        mask: Whether credentials are masked, as they are at indexing.
        progress: Called with the stage, the number of finished records and the total.

    Raises:
        InvalidRequestError: Source and target are the same store and namespace.
        EmbedderMismatchError: The target has vectors of a different embedder; nothing was written.
        StoreError: A store cannot be read or written, or the target lacks records that were written; batches that were
            acknowledged are kept.
    """
    began = time.monotonic()
    to_namespace = check_name(namespace if to_namespace is None else to_namespace, "namespace")
    if to_namespace == namespace and _is_same_store(source, target):
        raise InvalidRequestError("source and target are the same store and namespace; nothing was copied")
    stats = source.stats(namespace)
    embedder = source.embedder() if stats.vectors else None
    taken = agree_on_embedder(target, embedder, vectors=vectors, what="the source")
    loader = Loader(target, to_namespace, taken)
    sample = _Sample()
    for batch in batches(source.scan(namespace, vectors=taken is not None), mask=mask):
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
            f"all {loader.done.records:,} records are in the target, but in {queries} searches its first {_TOP_K} "
            f"results contain only {agreement:.0%} of the source's. Keep the source, and run the same command again to "
            "repeat the comparison"
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
    """A uniform sample of the records of a stream (reservoir sampling, Vitter 1985, algorithm R)."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._seen = 0
        self._random = random.Random(_SEED)

    def offer(self, records: Iterable[Record]) -> None:
        for record in records:
            self._seen += 1
            if len(self.records) < SAMPLE:
                self.records.append(record)
            elif (position := self._random.randrange(self._seen)) < SAMPLE:
                self.records[position] = record


def _compare_records(target: VectorBackend, namespace: str, sample: list[Record]) -> None:
    found = target.fetch(namespace, [record.id for record in sample], vectors=True)
    different = [record.id for record in sample if not is_same(record, found.get(record.id))]
    if different:
        raise StoreError(
            f"{len(different)} of {len(sample)} sampled records in the target differ from what was written, such as "
            f"{different[0]!r}: another process may be writing there. Run the same command again"
        )


def _compare_queries(
    source: VectorBackend,
    namespace: str,
    target: VectorBackend,
    to_namespace: str,
    sample: list[Record],
    progress: Progress | None,
) -> tuple[int, float]:
    vectors = [record.vector for record in sample if record.vector is not None and record.vector.any()]
    shares = []
    for number, vector in enumerate(vectors, 1):
        expected = source.vector_query(namespace, vector, _TOP_K)
        # Records that only the target has may push others out of its first ten, so more are requested.
        found = target.vector_query(to_namespace, vector, 5 * _TOP_K)
        foreign = {match.record.id for match in found} - set(source.fetch(namespace, [m.record.id for m in found]))
        own = [match for match in found if match.record.id not in foreign][:_TOP_K]
        shares.append(_share_found(expected, own))
        if progress is not None:
            progress("comparing", number, len(vectors))
    return len(vectors), sum(shares) / len(shares) if shares else 1.0


def _share_found(expected: list[Match], found: list[Match]) -> float:
    """Return the share of the expected matches that were found; a tie with the last one counts as found."""
    if not expected:
        return 1.0
    ids = {match.record.id for match in found}
    last = found[-1].score if found else float("inf")
    hits = sum(match.record.id in ids or abs(match.score - last) <= _SAME_SCORE for match in expected)
    return hits / len(expected)


def _is_same_store(source: VectorBackend, target: VectorBackend) -> bool:
    return source is target or _identity(source.describe()) == _identity(target.describe())


def _identity(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    if "path" in facts:
        return facts.get("kind"), Path(facts["path"]).resolve()
    return facts.get("kind"), facts.get("host"), facts.get("index")
