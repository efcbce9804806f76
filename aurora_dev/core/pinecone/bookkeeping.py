"""The facts that a store keeps about itself in a separate namespace: embedder, sequences, term statistics."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aurora_dev.core.pinecone.client import PineconeIndex
from aurora_dev.core.pinecone.names import META_NAMESPACE, encode_id
from aurora_dev.core.pinecone.records import metadata_bytes
from aurora_dev.core.pinecone.requests import Upsert, fetch_batches
from aurora_dev.core.pinecone.sparse import Sparse
from aurora_dev.core.types import EmbedderInfo
from aurora_dev.errors import BackendUnavailableError, RateLimitedError, SchemaVersionError
from aurora_dev.log import get_logger

_log = get_logger(__name__)

SCHEMA_VERSION = 1

_ENTRY = "aurora_note"
_EMBEDDER = "embedder"
_SEQUENCE = "sequence/"
_FREQUENCIES = "frequencies/"
# Seconds for which a process trusts the embedder that it read: another machine rarely switches it, and a search would
# otherwise wait for two answers instead of one. Writes that name their embedder always read it again.
_TRUSTED_SECONDS = 10.0
_VISIBLE_SECONDS = 15.0  # how long a switch of the embedder waits until it is read back
_PAUSE = 0.1
_NOISE_BITS = 10  # low bits of a sequence that differ for two machines that write in the same microsecond


@dataclass(frozen=True, slots=True)
class EmbedderState:
    """The recorded embedder, and the place of its vectors.

    Attributes:
        info: The embedder.
        index: Name of the dense index.
        generation: Part of the names of the namespaces that hold its vectors. Switching the embedder makes a new one,
            so that vectors of two embedders cannot mix, and one write makes all old vectors stale.
        switches: How often the embedder was switched.
    """

    info: EmbedderInfo
    index: str
    generation: str
    switches: int

    @classmethod
    def of(cls, info: EmbedderInfo, index: str, switches: int) -> EmbedderState:
        """Return the state of an embedder after so many switches; the same on every machine that sets it."""
        text = json.dumps([*asdict(info).values(), switches])
        return cls(info, index, hashlib.sha256(text.encode()).hexdigest()[:10], switches)


class Bookkeeping:
    """Reads and writes the entries. Thread-safe.

    Args:
        index: The index that holds the records.
        vector: The values of every entry, if the index is dense.
        sparse: The same, if it is sparse.
        sleep: Waits so many seconds; returns true if the store was closed meanwhile.
        clock: Returns monotonic seconds.
        wall: Returns seconds since the epoch.
    """

    def __init__(
        self,
        index: PineconeIndex,
        *,
        vector: Sequence[float] | None,
        sparse: Sparse | None,
        sleep: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._index, self._vector, self._sparse = index, vector, sparse
        self._sleep, self._clock, self._wall = sleep, clock, wall
        self._lock = threading.Lock()
        self._embedder: tuple[EmbedderState | None, float] | None = None
        self._sequences: dict[str, int] = {}

    # -- the embedder ------------------------------------------------------------------------------------------

    def embedder(self, *, reread: bool = False) -> EmbedderState | None:
        """Return the recorded embedder, or ``None`` before the first was set.

        Args:
            reread: Whether to read it again, however recently it was read.

        Raises:
            SchemaVersionError: A newer Aurora wrote the store.
        """
        known = self._embedder
        if known is not None and not reread and self._clock() < known[1]:
            return known[0]
        try:
            state = _embedder_of(self._read([_EMBEDDER]).get(_EMBEDDER))
        except (BackendUnavailableError, RateLimitedError) as error:
            if known is None or known[0] is None or reread:
                raise
            # The dense index alone may still answer: the search goes on with the embedder of a moment ago.
            _log.warning("pinecone_embedder_not_read", error=error)
            return known[0]
        self._remember(state)
        return state

    def set_embedder(self, state: EmbedderState) -> None:
        """Record an embedder, and wait until it is read back; this process trusts what it wrote in any case."""
        entry = {"schema": SCHEMA_VERSION, "index": state.index, "switches": state.switches, **asdict(state.info)}
        self._write(_EMBEDDER, entry)
        until = self._clock() + _VISIBLE_SECONDS
        while _embedder_of(self._read([_EMBEDDER]).get(_EMBEDDER)) != state and self._clock() < until:
            if self._sleep(_PAUSE):
                break
        self._remember(state)

    def _remember(self, state: EmbedderState | None) -> None:
        self._embedder = (state, self._clock() + (_TRUSTED_SECONDS if state is not None else 0.0))

    # -- sequences ---------------------------------------------------------------------------------------------

    def sequence(self, namespace: str) -> int:
        """Return the sequence of a namespace; 0 if it never had a record."""
        entry = self._read([_SEQUENCE + namespace]).get(_SEQUENCE + namespace)
        stored = int(entry["sequence"]) if entry else 0
        with self._lock:
            return max(stored, self._sequences.get(namespace, 0))

    def changed(self, namespace: str) -> None:
        """Advance the sequence of a namespace.

        The sequence is a time with some noise and not a count: machines that change a namespace at once then write
        different numbers, so that equal numbers still mean equal content.
        """
        before = self.sequence(namespace)
        stamp = (int(self._wall() * 1e6) << _NOISE_BITS) | random.getrandbits(_NOISE_BITS)
        with self._lock:
            now = max(stamp, before + 1, self._sequences.get(namespace, 0) + 1)
            self._sequences[namespace] = now
        self._write(_SEQUENCE + namespace, {"sequence": str(now)})

    # -- term statistics ---------------------------------------------------------------------------------------

    def frequencies(self, namespace: str) -> str | None:
        """Return the term statistics of a namespace as they were written, or ``None``."""
        entry = self._read([_FREQUENCIES + namespace]).get(_FREQUENCIES + namespace)
        return str(entry["text"]) if entry else None

    def set_frequencies(self, namespace: str, text: str) -> None:
        """Write the term statistics of a namespace."""
        self._write(_FREQUENCIES + namespace, {"text": text})

    def _read(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        encoded = {encode_id(name): name for name in names}
        found: dict[str, dict[str, Any]] = {}
        for batch in fetch_batches(list(encoded)):
            for identifier, stored in self._index.fetch(META_NAMESPACE, batch).items():
                if stored.metadata and _ENTRY in stored.metadata:
                    found[encoded[identifier]] = json.loads(stored.metadata[_ENTRY])
        return found

    def _write(self, name: str, entry: Mapping[str, Any]) -> None:
        metadata = {_ENTRY: json.dumps(entry, ensure_ascii=False, separators=(",", ":"))}
        values = list(self._vector) if self._vector is not None else None
        vector = Upsert(encode_id(name), metadata, values, self._sparse, metadata_bytes(metadata))
        self._index.upsert(META_NAMESPACE, [vector])


def _embedder_of(entry: Mapping[str, Any] | None) -> EmbedderState | None:
    if entry is None:
        return None
    if int(entry["schema"]) > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"the index was written by a newer Aurora (schema {entry['schema']}, this one knows {SCHEMA_VERSION}); "
            "nothing was changed. Update: pip install --upgrade aurora-dev"
        )
    info = EmbedderInfo(entry["name"], int(entry["dimension"]), entry["fingerprint"], entry["metric"])
    return EmbedderState.of(info, entry["index"], int(entry["switches"]))
