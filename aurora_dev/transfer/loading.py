"""Writing records that come from elsewhere into a store: once each, however often it is tried."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.types import EmbedderInfo, Record
from aurora_dev.errors import EmbedderMismatchError, StoreError

BATCH = 1_000  # records of one write; a remote store sends them as several requests at a time


@dataclass
class Loaded:
    """What has been written so far.

    Attributes:
        records: That came.
        written: Of these, new or different from what the store had.
        new: Of these, whose ids the store did not have.
        vectors: Of those that came, with a vector.
    """

    records: int = 0
    written: int = 0
    new: int = 0
    vectors: int = 0


@dataclass
class Loader:
    """Writes batches to one namespace of a store, and leaves what is there already as it is.

    Args:
        backend: The store.
        namespace: Which part of it.
        embedder: Whose vectors come; ``None``: no vector is taken over.
    """

    backend: VectorBackend
    namespace: str
    embedder: EmbedderInfo | None
    before: int = 0
    done: Loaded = field(default_factory=Loaded)

    def __post_init__(self) -> None:
        self.before = self.backend.count(self.namespace)

    def load(self, batch: list[Record]) -> None:
        """Write one batch; every record of it is there when this returns."""
        if self.embedder is None:
            batch = [replace(record, vector=None) for record in batch]
        known: dict[str, Record] = {}
        if self.before:  # an attempt that was interrupted, or a store with records of its own
            known = self.backend.fetch(self.namespace, [record.id for record in batch], vectors=True)
        changed = [record for record in batch if not is_same(record, known.get(record.id))]
        if changed:
            self.backend.write(self.namespace, changed, embedder=self.embedder)
        self.done.records += len(batch)
        self.done.written += len(changed)
        self.done.new += sum(record.id not in known for record in batch)
        self.done.vectors += sum(record.vector is not None for record in batch)

    def check_count(self) -> None:
        """Make sure that the store holds as many records as it must.

        Raises:
            StoreError: It holds fewer.
        """
        held, expected = self.backend.count(self.namespace), self.before + self.done.new
        if held < expected:
            raise StoreError(
                f"the namespace {self.namespace!r} holds {held:,} records, and {expected:,} should be there: another "
                "process may have deleted some meanwhile. What is there is kept; run the same command again to write "
                "what is missing"
            )


def is_same(record: Record, known: Record | None) -> bool:
    """Return whether a store holds a record just so; a vector that it has where none comes is no difference."""
    if known is None or record.content != known.content:
        return False
    # As JSON, since Python takes 1, 1.0 and True for equal.
    if record.metadata != known.metadata or _json(record) != _json(known):
        return False
    if record.vector is None:
        return True
    return known.vector is not None and np.array_equal(record.vector, known.vector)


def batches(records: Iterable[Record], size: int = BATCH) -> Iterator[list[Record]]:
    """Yield records in lists of a size."""
    iterator = iter(records)
    while batch := list(islice(iterator, size)):
        yield batch


def agree_on_embedder(
    target: VectorBackend, embedder: EmbedderInfo | None, *, vectors: bool, what: str
) -> EmbedderInfo | None:
    """Return the embedder whose vectors are taken over, recorded in the target; ``None``: take no vectors.

    Args:
        target: The store that is written to.
        embedder: Of the vectors that come, ``None`` where none do.
        vectors: Whether they are wanted.
        what: Where they come from, as a person would name it.

    Raises:
        EmbedderMismatchError: The target holds vectors of another one; nothing was written.
    """
    if embedder is None or not vectors:
        return None
    recorded = target.embedder() or target.set_embedder(embedder, replace=False)
    if recorded != embedder:
        raise EmbedderMismatchError(
            f"the vectors of {what} are of the embedder {embedder.name!r} ({embedder.dimension} dimensions, "
            f"fingerprint {embedder.fingerprint[:8]}), and the target holds those of {recorded.name!r} "
            f"({recorded.dimension} dimensions, fingerprint {recorded.fingerprint[:8]}): the two cannot be compared, "
            "and nothing was written. Carry the records without vectors (--without-vectors, or vectors=False), then "
            "run 'aurora index --reembed' there"
        )
    return recorded


def _json(record: Record) -> str:
    return json.dumps(dict(record.metadata), sort_keys=True)
