"""The writing of imported and copied records: each is written once, however often the transfer is repeated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.text.secrets import mask_content
from aurora_dev.core.types import EmbedderInfo, Record
from aurora_dev.errors import EmbedderMismatchError, StoreError

BATCH = 1_000  # records per write; a remote store sends them in several concurrent requests


@dataclass
class LoadCounts:
    """The counts of a load so far.

    Attributes:
        records: Number of records received.
        written: Number of these that were new or different.
        new: Number of these whose ids the store did not have.
        vectors: Number of records received with a vector.
    """

    records: int = 0
    written: int = 0
    new: int = 0
    vectors: int = 0


@dataclass
class Loader:
    """Writes batches to one namespace of a store, without the records that it already has.

    Args:
        backend: The store.
        namespace: The namespace to write to.
        embedder: The embedder of the vectors; ``None`` drops vectors.
        before: The number of records before the load; counted at the start.
        done: The counts so far.
    """

    backend: VectorBackend
    namespace: str
    embedder: EmbedderInfo | None
    before: int = 0
    done: LoadCounts = field(default_factory=LoadCounts)

    def __post_init__(self) -> None:
        self.before = self.backend.count(self.namespace)

    def load(self, batch: list[Record]) -> None:
        """Write one batch; when this returns, the store has every record of it."""
        if self.embedder is None:
            batch = [replace(record, vector=None) for record in batch]
        known: dict[str, Record] = {}
        if self.before:  # an interrupted attempt, or a store with records of its own
            known = self.backend.fetch(self.namespace, [record.id for record in batch], vectors=True)
        changed = [record for record in batch if not is_same(record, known.get(record.id))]
        if changed:
            self.backend.write(self.namespace, changed, embedder=self.embedder)
        self.done.records += len(batch)
        self.done.written += len(changed)
        self.done.new += sum(record.id not in known for record in batch)
        self.done.vectors += sum(record.vector is not None for record in batch)

    def check_count(self) -> None:
        """Check that the store has at least the expected number of records.

        Raises:
            StoreError: It has fewer.
        """
        held, expected = self.backend.count(self.namespace), self.before + self.done.new
        if held < expected:
            raise StoreError(
                f"the namespace {self.namespace!r} holds {held:,} records instead of {expected:,}: another process may "
                "have deleted some meanwhile. The records so far are kept; run the same command again to write the "
                "missing ones"
            )


def is_same(record: Record, known: Record | None) -> bool:
    """Return whether a store already has a record as it is; if ``record`` has no vector, vectors are not compared."""
    if known is None or record.content != known.content:
        return False
    # As JSON, because in Python 1, 1.0 and True are equal.
    if record.metadata != known.metadata or _json(record) != _json(known):
        return False
    if record.vector is None:
        return True
    return known.vector is not None and np.array_equal(record.vector, known.vector)


def masked_record(record: Record) -> Record:
    """Return a record with credentials masked; its vector stays."""
    content, metadata, count = mask_content(record.content, record.metadata)
    return replace(record, content=content, metadata=metadata) if count else record


def batches(records: Iterable[Record], size: int = BATCH, *, mask: bool = False) -> Iterator[list[Record]]:
    """Yield records in lists of up to ``size``; with ``mask``, without credentials."""
    iterator = map(masked_record, records) if mask else iter(records)
    while batch := list(islice(iterator, size)):
        yield batch


def agree_on_embedder(
    target: VectorBackend, embedder: EmbedderInfo | None, *, vectors: bool, what: str
) -> EmbedderInfo | None:
    """Return the embedder of the vectors to write, after recording it in the target; ``None`` to write no vectors.

    Args:
        target: The store that is written to.
        embedder: The embedder of the incoming vectors; ``None`` if there are none.
        vectors: Whether vectors are wanted.
        what: The name of the source in an error message.

    Raises:
        EmbedderMismatchError: The target has vectors of a different embedder; nothing was written.
    """
    if embedder is None or not vectors:
        return None
    recorded = target.embedder() or target.set_embedder(embedder, replace=False)
    if recorded != embedder:
        raise EmbedderMismatchError(
            f"the vectors of {what} are from the embedder {embedder.name!r} ({embedder.dimension} dimensions, "
            f"fingerprint {embedder.fingerprint[:8]}), those of the target from {recorded.name!r} "
            f"({recorded.dimension} dimensions, fingerprint {recorded.fingerprint[:8]}). They cannot be mixed, and "
            "nothing was written. Transfer the records without vectors (--without-vectors, or vectors=False), then run "
            "'aurora index --reembed' in the target"
        )
    return recorded


def _json(record: Record) -> str:
    return json.dumps(dict(record.metadata), sort_keys=True)
