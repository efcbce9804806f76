"""The write side of the store on Pinecone: checks of records, the order of writes, and reports of partial ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aurora_dev.core.pinecone import names
from aurora_dev.core.pinecone.client import PineconeIndex
from aurora_dev.core.pinecone.read_your_writes import Freshness
from aurora_dev.core.pinecone.records import VECTOR, ZERO, encode_metadata, metadata_bytes
from aurora_dev.core.pinecone.requests import MAX_BATCH, Failure, Upsert, Workers, upsert_batches
from aurora_dev.core.pinecone.sparse import document_vector
from aurora_dev.core.record_checks import encode_vectors
from aurora_dev.core.types import Record
from aurora_dev.errors import PartialWriteError

_DECIMALS = 9  # enough for nine of ten values of a normalised vector to stay the same float of 32 bits


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record that was checked, with the vectors that are sent for it.

    Attributes:
        id: Its id.
        truth: The vector for the index that holds the records.
        vector: The vector for the dense index; ``None`` if the record has no vector, or one of zeros.
    """

    id: str
    truth: Upsert
    vector: Upsert | None

    @property
    def size(self) -> int:
        """Upper bound of the bytes of the larger of its vectors in JSON."""
        return max(self.truth.size, self.vector.size if self.vector is not None else 0)


@dataclass(frozen=True, slots=True)
class Target:
    """The indexes and namespaces of Pinecone that hold one of our namespaces.

    Attributes:
        records: The index that is the truth.
        namespace: Pinecone's name of the namespace there.
        vectors: The dense index; ``None`` if no embedder is recorded yet.
        vectors_namespace: The namespace of its present generation.
        generation: That generation.
    """

    records: PineconeIndex
    namespace: str
    vectors: PineconeIndex | None
    vectors_namespace: str
    generation: str


def prepare(
    records: Sequence[Record], *, dimension: int | None, generation: str, sparse: bool, probe: list[float] | None
) -> list[Prepared]:
    """Check records, and make the vectors that are sent for them; of several records with one id, the last counts.

    Args:
        records: The records of the caller.
        dimension: The dimension of the recorded embedder; ``None`` before there is one.
        generation: The generation of that embedder.
        sparse: Whether the index of the records is sparse.
        probe: The values of every record in a dense index of records.

    Raises:
        InvalidRequestError: A record cannot be stored; nothing was sent.
        DimensionMismatchError: A vector has another length; nothing was sent.
    """
    latest = {record.id: (record, encode_metadata(record)) for record in records}
    embedded = [record for record, _ in latest.values() if record.vector is not None]
    matrix = encode_vectors(embedded, dimension)
    rows = {record.id: row for record, row in zip(embedded, matrix, strict=True)}
    numbers = dict(zip(rows, short_numbers(matrix), strict=True))
    prepared = []
    for identifier, (record, metadata) in latest.items():
        encoded = names.encode_id(identifier)
        size = metadata_bytes(metadata) + len(VECTOR) + len(generation) + len(ZERO) + 20
        row = rows.get(identifier)
        vector = None
        truth = dict(metadata)
        if row is not None:
            truth[VECTOR] = generation
            if row.any():
                vector = Upsert(encoded, metadata, numbers[identifier], None, size)
            else:
                truth[ZERO] = True  # Pinecone cannot hold a vector of zeros
        terms = document_vector(record.content, record.metadata) if sparse else None
        prepared.append(Prepared(identifier, Upsert(encoded, truth, probe, terms, size), vector))
    return prepared


def short_numbers(matrix: npt.NDArray[np.float32]) -> list[list[float]]:
    """Shorten float32 values to the fewest decimal digits that still parse back to the same float32.

    Pinecone bills requests by size. A float32 printed as float64 takes about 20 characters instead of 11.

    Args:
        matrix: Shape (rows, columns), float32.

    Returns:
        The rows, as Python floats.
    """
    exact = matrix.astype(np.float64)
    rounded = np.round(exact, _DECIMALS)
    short: list[list[float]] = np.where(rounded.astype(np.float32) == matrix, rounded, exact).tolist()
    return short


class Writer:
    """Writes batches, several at a time. Thread-safe.

    Within a batch the vectors go first and the records last. A process that stops in between leaves the old records,
    which an indexer then finds to be out of date and writes again.

    Args:
        workers: Runs the requests.
        freshness: Records the writes.
        batch: Most records of a request.
    """

    def __init__(self, workers: Workers, freshness: Freshness, batch: int) -> None:
        self._workers, self._freshness, self._batch = workers, freshness, batch

    def upsert(self, target: Target, prepared: Sequence[Prepared]) -> None:
        """Store records.

        Raises:
            PartialWriteError: Some were stored and some were not; the error names both.
            StoreError: None was stored.
        """
        slices = list(upsert_batches([record.size for record in prepared], self._batch))
        results = self._workers.settle(lambda part: self._store(target, prepared[part]), slices)
        failures = [result.error for result in results if isinstance(result, Failure)]
        if not failures:
            return
        stored: list[str] = []
        failed: list[str] = []
        for part, result in zip(slices, results, strict=True):
            (failed if isinstance(result, Failure) else stored).extend(record.id for record in prepared[part])
        if not stored:
            raise failures[0]
        raise PartialWriteError(
            f"{len(stored):,} of {len(prepared):,} records were stored, the others were not (the error has their ids "
            f"as 'stored' and 'failed'): {failures[0]}. Writing all of them again is safe",
            stored=stored,
            failed=failed,
        ) from failures[0]

    def delete(self, target: Target, ids: Sequence[str]) -> None:
        """Delete records by encoded id; a process that stops in between leaves each record whole or deleted.

        Raises:
            StoreError: Some may have been deleted; deleting them again is safe.
        """
        parts = [ids[start : start + MAX_BATCH] for start in range(0, len(ids), MAX_BATCH)]
        if parts:
            self._workers.map(lambda part: self._delete(target, part), parts)

    def _store(self, target: Target, batch: Sequence[Prepared]) -> None:
        if target.vectors is not None:
            vectors = [record.vector for record in batch if record.vector is not None]
            if vectors:
                number = target.vectors.upsert(target.vectors_namespace, vectors)
                self._freshness.wrote(target.vectors, target.vectors_namespace, number, vectors)
            without = [record.truth.id for record in batch if record.vector is None]
            if without:
                target.vectors.delete(target.vectors_namespace, without)
                self._freshness.deleted(target.vectors, target.vectors_namespace, without)
        truths = [record.truth for record in batch]
        number = target.records.upsert(target.namespace, truths)
        self._freshness.wrote(target.records, target.namespace, number, truths)

    def _delete(self, target: Target, ids: Sequence[str]) -> None:
        if target.vectors is not None:
            target.vectors.delete(target.vectors_namespace, ids)
            self._freshness.deleted(target.vectors, target.vectors_namespace, ids)
        target.records.delete(target.namespace, ids)
        self._freshness.deleted(target.records, target.namespace, ids)
