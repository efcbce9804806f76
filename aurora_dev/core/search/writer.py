"""The write side of `VectorStore`: check, mask and embed documents, and write them in one step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from aurora_dev.core.contracts import Embedder, RefusedTextsError, VectorBackend
from aurora_dev.core.text.document_text import embedding_text
from aurora_dev.core.types import Document, EmbedderInfo, Record, Vector, document_id
from aurora_dev.errors import EmbedderMismatchError, EmbeddingError, InvalidRequestError
from aurora_dev.lazy import np
from aurora_dev.log import get_logger

_log = get_logger(__name__)

# Bounds the memory of one step, and makes a progress bar move.
_REEMBED_BATCH = 1_000
_PLAIN_TEXT = "text"


class DocumentWriter:
    """Writes documents to one namespace of a backend. Thread-safe."""

    def __init__(self, backend: VectorBackend, embedder: Embedder, namespace: str, *, mask: bool) -> None:
        self._backend = backend
        self._embedder = embedder
        self._namespace = namespace
        self._mask = mask
        self._lock = threading.Lock()

    # -- the embedder ------------------------------------------------------------------------------------------

    def _info(self) -> EmbedderInfo:
        embedder = self._embedder
        return EmbedderInfo(embedder.name, embedder.dimension, embedder.fingerprint)

    def embedder_matches(self) -> bool:
        """Return whether the stored vectors, if any, were made by this embedder."""
        return self.mismatch() is None

    def _is_same(self, stored: EmbedderInfo) -> bool:
        # The name does not count: the same model in another folder has another name.
        own = self._info()
        return (stored.fingerprint, stored.dimension, stored.metric) == (own.fingerprint, own.dimension, own.metric)

    def mismatch(self) -> str | None:
        """Return the reason why the stored vectors cannot be searched with this embedder, or ``None`` if they can."""
        stored = self._backend.embedder()
        if stored is None or self._is_same(stored):
            return None
        return (
            f"the stored vectors were made by the embedder {stored.name!r}, not by {self._embedder.name!r}: keywords "
            f"alone were searched; nothing is lost. Run 'aurora index --reembed' to make vectors from the stored text"
        )

    def _recorded(self, *, replace: bool) -> EmbedderInfo | None:
        """Return the recorded embedder of the store if it is this one, else ``None``; an empty store records this one.

        Args:
            replace: Whether this embedder replaces another one, which invalidates the stored vectors.
        """
        stored = self._backend.embedder()
        if stored is None:
            # Another process may set its embedder at the same time: the first one stays.
            stored = self._backend.set_embedder(self._info(), replace=False)
        if self._is_same(stored):
            return stored
        return self._backend.set_embedder(self._info()) if replace else None

    # -- documents ---------------------------------------------------------------------------------------------

    def write(self, upserts: Sequence[Document], deletes: Sequence[str], masked: bool) -> list[str]:
        """Delete, then store; see `VectorStore.write`."""
        documents, ids = self._identified(upserts, masked)
        with self._lock:
            if documents:
                self._store(ids, documents, deletes)
            elif deletes:
                self._backend.write(self._namespace, (), deletes)
        return ids

    def write_if(
        self, expected: Mapping[str, Document | None], upserts: Sequence[Document], deletes: Sequence[str], masked: bool
    ) -> bool:
        """Compare-and-swap; see `VectorStore.write_if`."""
        documents, ids = self._identified(upserts, masked)
        before = {i: None if d is None else Record(i, d.content, d.metadata) for i, d in expected.items()}
        with self._lock:
            return self._store(ids, documents, deletes, before)

    def _identified(self, upserts: Sequence[Document], masked: bool) -> tuple[list[Document], list[str]]:
        if isinstance(upserts, Document) or not isinstance(upserts, Iterable):
            raise InvalidRequestError(
                f"documents must be a list of Documents, not {type(upserts).__name__}: nothing was stored"
            )
        documents = [self._prepared(document, position, masked) for position, document in enumerate(upserts)]
        return documents, [document_id(self._namespace, d) if d.id is None else d.id for d in documents]

    def _store(
        self,
        ids: Sequence[str],
        documents: Sequence[Document],
        deletes: Sequence[str],
        expected: Mapping[str, Record | None] | None = None,
    ) -> bool:
        embedder = self._recorded(replace=False)
        plain = [Record(i, d.content, d.metadata) for i, d in zip(ids, documents, strict=True)]
        if embedder is not None:
            try:
                return self._write(self._embedded(plain), deletes, expected, embedder)
            except EmbedderMismatchError:  # another process has just switched it
                pass
        # A record that is found by keyword alone, until its vector is made again, is better than a lost record.
        _log.warning("written_without_vectors", embedder=self._embedder.name, records=len(plain))
        return self._write(plain, deletes, expected, None)

    def _write(
        self,
        records: Sequence[Record],
        deletes: Sequence[str],
        expected: Mapping[str, Record | None] | None,
        embedder: EmbedderInfo | None,
    ) -> bool:
        if expected is None:
            self._backend.write(self._namespace, records, deletes, embedder=embedder)
            return True
        return self._backend.write_if(self._namespace, expected, records, deletes, embedder=embedder)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete by ids, and return the number of those that existed."""
        with self._lock:
            found = self._backend.fetch(self._namespace, ids)
            if not self._backend.capabilities.local:
                self._backend.write(self._namespace, (), ids)  # a recent write may not be visible yet
            elif found:
                self._backend.write(self._namespace, (), list(found))
        return len(found)

    def _prepared(self, document: Document, position: int, masked: bool) -> Document:
        if not isinstance(document, Document):
            raise InvalidRequestError(
                f"documents[{position}] is a {type(document).__name__}, not a Document: nothing was stored"
            )
        if not isinstance(document.content, str) or not document.content.strip():
            raise InvalidRequestError(f"documents[{position}] has no text: nothing was stored")
        if not isinstance(document.metadata, Mapping):
            raise InvalidRequestError(
                f"documents[{position}] has a {type(document.metadata).__name__} for metadata, not a mapping: nothing "
                f"was stored"
            )
        if self._mask and not masked:
            return _masked(document)
        return document

    def _embedded(self, records: Sequence[Record]) -> list[Record]:
        """Return records with vectors, embedding only the texts whose vectors the store does not have yet."""
        known = self._backend.fetch(self._namespace, [record.id for record in records], vectors=True)
        texts = [embedding_text(record.content, record.metadata) for record in records]
        vectors: list[Vector | None] = []
        for record, text in zip(records, texts, strict=True):
            old = known.get(record.id)
            vectors.append(old.vector if old and embedding_text(old.content, old.metadata) == text else None)
        new = [row for row, vector in enumerate(vectors) if vector is None]
        if new:
            found = self._embed([texts[row] for row in new], [records[row] for row in new])
            for row, vector in zip(new, found, strict=True):
                vectors[row] = vector
        return [replace(record, vector=vector) for record, vector in zip(records, vectors, strict=True)]

    def _embed(self, texts: Sequence[str], records: Sequence[Record]) -> list[Vector | None]:
        """Return the vector of each text; ``None`` for one that the embedder refuses, which is logged.

        Args:
            texts: The texts.
            records: Their records, to name those that are refused.

        Raises:
            EmbeddingError: The embedder failed, or gave vectors for none of several texts.
        """
        refused: dict[int, str] = {}
        try:
            vectors = self._embedder.embed_documents(texts)
        except RefusedTextsError as error:
            vectors = error.vectors
            refused.update(error.refused)
        expected = (len(texts), self._embedder.dimension)
        finite = np.isfinite(vectors).all(axis=-1) if vectors.shape == expected else None
        if finite is None or not (finite.any() or refused or self._embeds()):
            raise EmbeddingError(
                f"{self._embedder.name} gave an array of shape {vectors.shape} instead of {expected}, or numbers that "
                f"are not finite: nothing was stored"
            )
        refused.update((int(row), "gave numbers that are not finite") for row in np.flatnonzero(~finite))
        for row, reason in refused.items():
            _log.warning("text_not_embedded", record=_place(records[row]), id=records[row].id, reason=reason)
        return [None if row in refused else vector for row, vector in enumerate(vectors)]

    def _embeds(self) -> bool:
        """Return whether the embedder gives a usable vector for a plain text; a broken model gives none for any."""
        return bool(np.isfinite(self._embedder.embed_documents([_PLAIN_TEXT])).all())

    def _still_missing(self, namespace: str, refused: set[str]) -> list[Record]:
        found = self._backend.missing_vectors(namespace, _REEMBED_BATCH + len(refused))
        return [record for record in found if record.id not in refused][:_REEMBED_BATCH]

    def reembed(self, progress: Callable[[int, int], None] | None) -> int:
        """Make the missing vectors; see `VectorStore.reembed`."""
        embedder = self._recorded(replace=True)
        assert embedder is not None  # another one was replaced
        done = 0
        total = 0
        for namespace in self._backend.namespaces():
            stats = self._backend.stats(namespace)
            total += stats.records - stats.vectors
        for namespace in self._backend.namespaces():
            refused: set[str] = set()  # records that stay without a vector, and come again with every batch
            while records := self._still_missing(namespace, refused):
                vectors = self._embed([embedding_text(r.content, r.metadata) for r in records], records)
                # Records that change meanwhile come again in the next batch, in their new state.
                embedded = [replace(r, vector=v) for r, v in zip(records, vectors, strict=True) if v is not None]
                refused.update(r.id for r, v in zip(records, vectors, strict=True) if v is None)
                if embedded:
                    self._backend.attach_vectors(namespace, embedded, embedder=embedder)
                done += len(embedded)
                if progress is not None:
                    progress(done, max(total, done))
        return done


def _place(record: Record) -> str:
    path = record.metadata.get("path")
    return f"{path}:{record.metadata.get('start_line', 1)}" if isinstance(path, str) else record.id


def _masked(document: Document) -> Document:
    """Return a document with credentials masked."""
    from aurora_dev.core.text.secrets import mask_content

    content, metadata, count = mask_content(document.content, document.metadata)
    if not count:
        return document
    _log.info("secrets_masked", count=count)
    return replace(document, content=content, metadata=metadata)
