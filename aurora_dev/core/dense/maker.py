"""Making the dense vectors that are missing, a few at a time, so that it can be stopped and continued anywhere."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aurora_dev.core.contracts import DenseProgress, DenseVectors, Embedder, Filter
from aurora_dev.core.record_kinds import FILE_KEY, IS_COMMIT, IS_NOTE, IS_SESSION, is_chunk
from aurora_dev.core.text.document_text import dense_text
from aurora_dev.core.types import Record, Vector
from aurora_dev.errors import EmbeddingError, MissingDependencyError, ModelLoadError
from aurora_dev.lazy import np
from aurora_dev.log import get_logger

__all__ = ["IN_REACH", "DenseMaker", "DenseReport", "is_in_reach", "text_key"]

_log = get_logger(__name__)

# Texts between two checks whether to stop. A text takes up to 30 ms on one core, so that a process ends within half a
# second of being told to, and loses no more.
_BATCH: Final = 16
# Records that are read, and whose earlier vectors are looked up, at a time.
_PAGE: Final = 512
_DOCUMENTS: Final = ("markdown", "rst", "text", "asciidoc", "")
IN_REACH: Final[Filter] = {"$or": [{FILE_KEY: {"$exists": False}}, {"language": {"$nin": list(_DOCUMENTS)}}]}
"""The records that get a dense vector: all but the chunks of documents.

A vector is made of the beginning of a text. That is the name, the comment and the signature of code, and it says what
the rest does. The beginning of a chunk of prose says little of the rest. With dense vectors MRR@10 fell from 0.295 to
0.267 on sentences of git's documentation, and rose from 0.454 to 0.513 on code (validation pairs of
``benchmarks/mined_pairs.py``).
"""
# What is small and asked for most comes first: a search for it is complete long before the code is.
_ORDER: Final[tuple[Filter, ...]] = (IS_NOTE, IS_SESSION, IS_COMMIT, IN_REACH)
_MOST_NAMED: Final = 20

_Outcome: TypeAlias = "Vector | None"


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
        """Return how many of the records that get a vector have one of this embedder.

        Raises:
            ModelLoadError: The model has no files.
        """
        return self._vectors.progress(self._namespace, self._embedder.fingerprint, IN_REACH)

    def run(
        self,
        report: Callable[[DenseProgress], None] | None = None,
        stop: threading.Event | None = None,
        workers: int = 1,
    ) -> DenseReport:
        """Make vectors until none is missing; notes first, then sessions, commits and code.

        Args:
            report: Called after every few vectors.
            stop: Ends the run within half a second when set; what was made is kept.
            workers: How many texts are embedded at once.

        Raises:
            StoreError: The vectors cannot be written.
            MissingDependencyError, ModelLoadError: The model cannot run.
        """
        stop = stop or threading.Event()
        if workers <= 1:
            return self._run(report, stop, self._embedded)
        with ThreadPoolExecutor(workers, thread_name_prefix="aurora-dense") as pool:

            def side_by_side(records: Sequence[Record], texts: Sequence[str]) -> list[_Outcome]:
                share = -(-len(texts) // workers)
                starts = range(0, len(texts), share)
                parts = ((records[start : start + share], texts[start : start + share]) for start in starts)
                found = pool.map(lambda part: self._embedded(*part), parts)
                return [outcome for outcomes in found for outcome in outcomes]

            return self._run(report, stop, side_by_side)

    def _run(
        self,
        report: Callable[[DenseProgress], None] | None,
        stop: threading.Event,
        embed: Callable[[Sequence[Record], Sequence[str]], list[_Outcome]],
    ) -> DenseReport:
        model = self._embedder.fingerprint
        progress = self._vectors.progress(self._namespace, model, IN_REACH)
        made, embedded, reused = progress.made, 0, 0
        refused: dict[int, str] = {}  # by the number that the store gives to a record
        for kind in _ORDER:
            while not stop.is_set():
                found = self._vectors.missing(self._namespace, model, _PAGE + len(refused), kind)
                page = {number: record for number, record in found if number not in refused}
                if not page:
                    break
                texts = {number: dense_text(record.content, record.metadata) for number, record in page.items()}
                keys = {number: text_key(text) for number, text in texts.items()}
                known = self._vectors.reuse(self._namespace, model, keys)
                reused += len(known)
                made += len(known)
                left = [number for number in page if number not in known]
                for start in range(0, len(left), _BATCH):
                    if stop.is_set():
                        break
                    batch = left[start : start + _BATCH]
                    outcomes = embed([page[number] for number in batch], [texts[number] for number in batch])
                    refused.update(
                        (number, page[number].id)
                        for number, outcome in zip(batch, outcomes, strict=True)
                        if outcome is None
                    )
                    done = {
                        number: outcome for number, outcome in zip(batch, outcomes, strict=True) if outcome is not None
                    }
                    if not done and not embedded and len(batch) > 1:
                        raise EmbeddingError(f"{self._embedder.name} failed on each of the first {len(batch)} texts")
                    if done:
                        self._vectors.add(
                            self._namespace,
                            model,
                            {number: keys[number] for number in done},
                            np.stack([*done.values()]),
                        )
                    embedded += len(done)
                    made += len(done)
                    if report is not None:
                        report(DenseProgress(made, max(made, progress.total)))
        now = self._vectors.progress(self._namespace, model, IN_REACH)
        _log.info("dense.made", embedded=embedded, reused=reused, refused=len(refused), made=now.made, total=now.total)
        names = tuple(list(refused.values())[:_MOST_NAMED])
        return DenseReport(embedded, reused, len(refused), names, now)

    def _embedded(self, records: Sequence[Record], texts: Sequence[str]) -> list[_Outcome]:
        """Return the vector of each text, or ``None`` for one that the model fails on, which is logged."""
        try:
            vectors = self._embedder.embed_documents(texts)
            if np.isfinite(vectors).all():
                return list(vectors)
        except (MissingDependencyError, ModelLoadError):
            raise
        except Exception as error:  # noqa: BLE001 - a runtime raises errors of many kinds; each text is tried alone
            _log.debug("dense.batch_refused", texts=len(texts), error=f"{type(error).__name__}: {error}")
        return [self._alone(record, text) for record, text in zip(records, texts, strict=True)]

    def _alone(self, record: Record, text: str) -> _Outcome:
        try:
            vector: Vector = self._embedder.embed_documents([text])[0]
            if np.isfinite(vector).all():
                return vector
            problem = "it gave numbers that are not finite"
        except (MissingDependencyError, ModelLoadError):
            raise
        except Exception as error:  # noqa: BLE001 - a runtime raises errors of many kinds for one odd text
            problem = f"{type(error).__name__}: {error}"
        _log.warning("dense.text_refused", id=record.id, error=problem)
        return None


def is_in_reach(metadata: Mapping[str, Any]) -> bool:
    """Return whether a record matches `IN_REACH`."""
    return not is_chunk(metadata) or metadata.get("language") not in _DOCUMENTS


def text_key(text: str) -> bytes:
    """Return the digest by which the vector of a text is found again."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
