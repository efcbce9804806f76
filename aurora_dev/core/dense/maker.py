"""Making the dense vectors that are missing, a few at a time, so that it can be stopped and continued anywhere."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aurora_dev.core.contracts import DenseProgress, DenseVectors, Embedder, Filter
from aurora_dev.core.record_kinds import FILE_KEY, IS_COMMIT, IS_NOTE
from aurora_dev.core.text.document_text import dense_text
from aurora_dev.core.types import Record
from aurora_dev.errors import AuroraError, StoreError
from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger

__all__ = ["DenseMaker", "DenseReport", "text_key"]

_log = get_logger(__name__)

# Texts between two checks whether to stop. A text takes up to 30 ms on one core, so that a process ends within half a
# second of being told to, and loses no more.
_BATCH: Final = 16
# Records that are read, and whose earlier vectors are looked up, at a time.
_PAGE: Final = 512
# What is small and asked for most comes first: a search for it is complete long before the code is.
_ORDER: Final[tuple[Filter | None, ...]] = (
    IS_NOTE,
    IS_COMMIT,
    {FILE_KEY: {"$exists": True}, "language": {"$in": ["markdown", "restructuredtext", "asciidoc", "text"]}},
    None,
)
_MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class DenseReport:
    """The result of one run.

    Attributes:
        embedded: Vectors that the model made.
        reused: Vectors of earlier records with the same text.
        refused: Records whose text the model failed on; the next run tries them again.
        refused_ids: The ids of up to 20 of them.
        progress: How far the vectors are now.
    """

    embedded: int
    reused: int
    refused: int
    refused_ids: tuple[str, ...]
    progress: DenseProgress


class DenseMaker:
    """Makes the missing dense vectors of one namespace. Several may run at once; they only do work twice.

    Args:
        vectors: Receives the vectors.
        embedder: Makes them.
        namespace: The namespace of the records.
    """

    def __init__(self, vectors: DenseVectors, embedder: Embedder, namespace: str) -> None:
        self._vectors = vectors
        self._embedder = embedder
        self._namespace = namespace

    def progress(self) -> DenseProgress:
        """Return how many records have a vector of this embedder.

        Raises:
            ModelLoadError: The model has no files.
        """
        return self._vectors.progress(self._namespace, self._embedder.fingerprint)

    def run(
        self,
        report: Callable[[DenseProgress], None] | None = None,
        stop: threading.Event | None = None,
        most: int | None = None,
    ) -> DenseReport:
        """Make vectors until none is missing; notes first, then commits, documents and code.

        Args:
            report: Called after every few vectors.
            stop: Ends the run within half a second when set; what was made is kept.
            most: The number of texts to embed at most; ``None`` sets no limit.

        Raises:
            StoreError: The vectors cannot be written.
            MissingDependencyError, ModelLoadError: The model cannot run.
        """
        stop = stop or threading.Event()
        model = self._embedder.fingerprint
        progress = self._vectors.progress(self._namespace, model)
        made, embedded, reused = progress.made, 0, 0
        refused: dict[int, str] = {}  # by the number that the store gives to a record
        for kind in _ORDER:
            while not stop.is_set() and (most is None or embedded < most):
                page = self._vectors.missing(self._namespace, model, _PAGE + len(refused), kind)
                page = [(number, record) for number, record in page if number not in refused]
                if not page:
                    break
                texts = {number: dense_text(record.content, record.metadata) for number, record in page}
                keys = {number: text_key(text) for number, text in texts.items()}
                known = self._vectors.reuse(self._namespace, model, keys)
                reused += len(known)
                made += len(known)
                left = [(number, record) for number, record in page if number not in known]
                for start in range(0, len(left), _BATCH):
                    if stop.is_set() or (most is not None and embedded >= most):
                        break
                    batch = dict(left[start : start + _BATCH])
                    vectors = self._embed([texts[number] for number in batch], batch, refused)
                    done = [number for number in batch if number not in refused]
                    self._vectors.add(self._namespace, model, {number: keys[number] for number in done}, vectors)
                    embedded += len(done)
                    made += len(done)
                    if report is not None:
                        report(DenseProgress(made, max(made, progress.total)))
        now = self._vectors.progress(self._namespace, model)
        _log.info("dense.made", embedded=embedded, reused=reused, refused=len(refused), made=now.made, total=now.total)
        names = tuple(list(refused.values())[:_MOST_NAMED])
        return DenseReport(embedded, reused, len(refused), names, now)

    def _embed(
        self, texts: Sequence[str], records: dict[int, Record], refused: dict[int, str]
    ) -> npt.NDArray[np.float32]:
        """Return the vectors of those texts that the model can read; the others are added to ``refused``."""
        with suppress(ValueError, RuntimeError):
            vectors = self._embedder.embed_documents(texts)
            if np.isfinite(vectors).all():
                return vectors
        found = []
        for text, (number, record) in zip(texts, records.items(), strict=True):
            try:
                vectors = self._embedder.embed_documents([text])
                if not np.isfinite(vectors).all():
                    raise ValueError("it gave numbers that are not finite")
            except AuroraError:
                raise
            except Exception as error:  # noqa: BLE001 - a runtime raises errors of many kinds for one odd text
                refused[number] = record.id
                _log.warning("dense.text_refused", id=record.id, error=f"{type(error).__name__}: {error}")
            else:
                found.append(vectors)
        if not found and len(texts) > 1:
            raise StoreError(f"{self._embedder.name} failed on every one of {len(texts)} texts: nothing was written")
        empty = np.empty((0, self._embedder.dimension), dtype=np.float32)
        return np.concatenate(found) if found else empty


def text_key(text: str) -> bytes:
    """Return the digest by which the vector of a text is found again."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
