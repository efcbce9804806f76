"""The store that applications use; it alone decides the order of the stages of a search."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aurora_dev.core import factory
from aurora_dev.core.contracts import DenseProgress, Embedder, Filter, NamespaceStats, Reranker, VectorBackend
from aurora_dev.core.filters import is_everything, parse_filter
from aurora_dev.core.record_checks import check_name
from aurora_dev.core.search.hidden import HiddenRecords
from aurora_dev.core.search.writer import DocumentWriter
from aurora_dev.core.types import Document, Record, RerankFusion, SearchOptions, SearchResults
from aurora_dev.errors import InvalidRequestError, StoreClosedError
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from typing_extensions import Self

    from aurora_dev.core.dense.maker import DenseReport
    from aurora_dev.core.dense.tier import DenseTier
    from aurora_dev.core.scope.resolve import Resolved, ScopeResolver
    from aurora_dev.core.scope.scope import SearchScope
    from aurora_dev.core.scope.search import Question
    from aurora_dev.core.search.candidates import CandidateFinder

_log = get_logger(__name__)
_T = TypeVar("_T")

# The number of candidates that a reranker without measured weights reads for each wanted result, and the most that it
# reads: a search for many results costs no more than one for ten. Where a threshold drops unread results, it reads as
# many as are wanted, up to a bound.
_RERANK_PER_RESULT = 3
_MOST_RERANKED = 30
_MOST_WITH_THRESHOLD = 100
_MOST_QUERY_CHARS = 20_000  # a longer text is a document; its beginning says what it is about


class VectorStore:
    """Documents in, ranked results out.

    Args:
        backend: A `VectorBackend`, or the name of one: ``"faiss"``, or ``"pinecone"`` with the key and index that the
            environment names.
        path: Folder of a local backend; ignored if ``backend`` is an instance.
        namespace: The part of the backend that this store reads and writes.
        embedder: An `Embedder`, its name, or ``None`` for the bundled one.
        reranker: A `Reranker`, its name (``"none"`` switches reranking off), or ``None`` for `CrossEncoderReranker`,
            which is skipped with a notice if sentence-transformers is not installed.
        mask_secrets: Whether credentials in contents are masked before anything is stored or embedded.
        dense: The embedder of a second, slower set of vectors, which are made by `make_dense` and join every search;
            a function makes it when it is first needed. ``None`` is none; a backend that cannot keep such vectors goes
            without.
        owns: Internal, for functions that create the parts themselves: what this stack would close is closed with the
            store instead, unless the store cannot be made.

    The store is asynchronous; the work runs in threads. It may be used from several tasks at once. `close` closes what
    the store created from a name or ``None``; an instance that was passed in stays open.
    """

    def __init__(
        self,
        backend: VectorBackend | str = "faiss",
        *,
        path: str | Path = ".aurora",
        namespace: str = "default",
        embedder: Embedder | str | None = None,
        reranker: Reranker | str | None = None,
        mask_secrets: bool = True,
        dense: Embedder | Callable[[], Embedder | None] | None = None,
        owns: ExitStack | None = None,
    ) -> None:
        check_name(namespace, "namespace")
        with ExitStack() as created:
            # The backend last, so that an argument that is refused leaves no new folder behind.
            self.embedder: Embedder = factory.create_embedder(embedder)
            if _is_name(embedder):
                created.callback(self.embedder.close)
            self.reranker: Reranker | None = factory.create_reranker(reranker)
            if _is_name(reranker) and self.reranker is not None:
                created.callback(self.reranker.close)
            self.backend: VectorBackend = factory.create_backend(backend, path=path)
            if _is_name(backend):
                created.callback(self.backend.close)
            if owns is not None:
                created.push(owns.pop_all())
            self._owned = created.pop_all()
        self.namespace = namespace
        self.masks_secrets = mask_secrets
        self._writer = DocumentWriter(self.backend, self.embedder, namespace, mask=mask_secrets)
        self._hidden = HiddenRecords(self.backend, namespace)
        self._closed = False
        self._dense_embedder = dense

    @cached_property
    def dense(self) -> DenseTier | None:
        """The dense vectors of this store; ``None`` without an embedder for them, or if the backend keeps none."""
        given = self._dense_embedder
        vectors = None if given is None else self.backend.dense
        embedder = given() if vectors is not None and callable(given) else given
        if vectors is None or embedder is None:
            return None
        from aurora_dev.core.dense.tier import DenseTier

        return DenseTier(vectors, cast("Embedder", embedder), self.namespace)

    def _searched_dense(self) -> DenseTier | None:
        """Return the dense vectors if there are any; the modules for them are imported only then."""
        if self._dense_embedder is None:
            return None
        vectors = self.backend.dense
        return None if vectors is None or vectors.empty else self.dense

    # The stages of a search are imported with the first one: a command that lists notes needs none of them.

    @cached_property
    def _candidates(self) -> CandidateFinder:
        from aurora_dev.core.search.candidates import CandidateFinder

        return CandidateFinder(
            self.backend, self.embedder, self.namespace, self._writer, self._hidden, self._searched_dense
        )

    @cached_property
    def _scopes(self) -> ScopeResolver:
        from aurora_dev.core.scope.resolve import ScopeResolver

        return ScopeResolver(self.backend, self.namespace)

    # -- writing -----------------------------------------------------------------------------------------------

    async def upsert(self, documents: Sequence[Document], *, wait: bool = False) -> list[str]:
        """Store documents, replacing those with the same ids; durable when it returns.

        Args:
            documents: The documents.
            wait: Whether to return only when every search sees them. A local store shows them at once, a remote one
                after a while.

        Returns:
            The ids, in the order of ``documents``.

        Raises:
            InvalidRequestError: A document cannot be stored; nothing was stored.
            EmbeddingError: The embedder failed; nothing was stored.
            PartialWriteError: A remote backend stored some documents and not others; the error names both.
            StoreError: The backend could not write; nothing was stored. With ``wait``, also raised if the documents are
                not visible in time; then all of them are stored.
        """
        ids = await self.write(documents)
        if wait and not self.backend.capabilities.local:
            await self.refresh()
        return ids

    async def write(
        self, upserts: Sequence[Document], deletes: Sequence[str] = (), *, masked: bool = False
    ) -> list[str]:
        """Delete by id and store documents in one step (one transaction, if the backend has transactions).

        Args:
            upserts: Documents to store, as by `upsert`; a document whose text is already stored keeps its vector.
            deletes: Ids to delete; unknown ones are ignored.
            masked: Whether the caller has masked credentials already.

        Returns:
            The ids, in the order of ``upserts``.
        """
        ids = _checked_ids(deletes, "nothing was written")
        return await self._run(self._writer.write, upserts, ids, masked)

    async def write_if(
        self,
        expected: Mapping[str, Document | None],
        upserts: Sequence[Document],
        deletes: Sequence[str] = (),
        *,
        masked: bool = False,
    ) -> bool:
        """Compare-and-swap: write as `write` does, if the expected documents are still as they were read.

        Args:
            expected: Documents by id as they were read; ``None`` for an id that did not exist.
            upserts: As in `write`.
            deletes: As in `write`.
            masked: As in `write`.

        Returns:
            Whether the documents were written; if not, read again and retry. The local store compares and writes in one
            transaction; a backend without ``write_if`` compares right before it writes.
        """
        return await self._run(
            self._writer.write_if, expected, upserts, _checked_ids(deletes, "nothing was written"), masked
        )

    async def delete(self, *, ids: Sequence[str] | None = None, filter: Filter | None = None) -> int:
        """Delete by ids or by filter.

        Returns:
            The number of documents that were deleted.

        Raises:
            InvalidRequestError: Neither or both were given, or the filter is empty or wrong; nothing was deleted.
        """
        if (ids is None) == (filter is None):
            raise InvalidRequestError("delete takes either ids or filter: nothing was deleted")
        if filter is not None:
            if is_everything(parse_filter(filter)):
                raise InvalidRequestError(
                    "an empty filter would delete everything: nothing was deleted; name a condition"
                )
            return await self._run(self.backend.delete_where, self.namespace, filter)
        return await self._run(self._writer.delete, _checked_ids(ids, "nothing was deleted"))

    async def reembed(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Embed the stored documents that have no vector of this store's embedder.

        Args:
            progress: Called with (documents done, documents to do) after each batch, from a worker thread.

        Returns:
            The number of documents that were embedded. A new call continues an interrupted one.
        """
        return await self._run(self._writer.reembed, progress)

    async def make_dense(
        self,
        progress: Callable[[DenseProgress], None] | None = None,
        *,
        stop: threading.Event | None = None,
        workers: int = 1,
    ) -> DenseReport | None:
        """Make the dense vectors that are missing.

        Args:
            progress: Called after every few vectors, from a worker thread.
            stop: Ends the run within half a second when set, as cancelling the call does; a new call continues it.
            workers: How many texts are embedded at once, each on one core.

        Returns:
            A report of what was made; ``None`` if the store keeps no dense vectors.

        Raises:
            StoreError: The vectors cannot be written.
            MissingDependencyError, ModelLoadError: The model cannot run; everything else works without.
        """
        if self.dense is None:
            return None
        stop = stop or threading.Event()
        try:
            return await self._run(self.dense.maker.run, progress, stop, workers)
        except asyncio.CancelledError:
            stop.set()  # cancelling the call does not end the thread, and a program waits for its threads
            raise

    async def dense_progress(self) -> DenseProgress | None:
        """Return how many records have a dense vector; ``None`` if the store keeps none."""
        return None if self.dense is None else await self._run(self.dense.progress)

    # -- reading -----------------------------------------------------------------------------------------------

    async def fetch(self, ids: Sequence[str]) -> list[Document]:
        """Return the documents that exist among ``ids``, in that order."""
        ids = _checked_ids(ids, "nothing was read")
        found = await self._run(self.backend.fetch, self.namespace, ids)
        return [Document(found[i].content, found[i].metadata, i) for i in ids if i in found]

    async def scan(self, filter: Filter | None = None, *, content: bool = False) -> list[Record]:
        """Return every record that matches, in the order of ids; without ``content``, contents are empty strings."""
        return await self._run(lambda: list(self.backend.scan(self.namespace, filter, content=content)))

    async def select(self, fields: Sequence[str], filter: Filter | None = None) -> list[Record]:
        """Return every record that matches, in any order, without its content and with some fields of its metadata."""
        return await self._run(lambda: list(self.backend.select(self.namespace, fields, filter)))

    async def tally(self, fields: Sequence[str], filter: Filter | None = None) -> Mapping[tuple[str | None, ...], int]:
        """Return the number of documents that match, by the strings in some fields; see `VectorBackend.tally`."""
        return await self._run(self.backend.tally, self.namespace, fields, filter)

    async def newest(
        self, filter: Filter, limit: int, *, after: tuple[float, str] | None = None
    ) -> tuple[list[Record], int]:
        """Return the latest records that match, and the number of all; see `VectorBackend.newest`."""
        return await self._run(lambda: self.backend.newest(self.namespace, filter, limit, after=after))

    async def paths_written_since(self, sequence: int) -> set[str] | None:
        """Return the paths of the records written after a sequence, if the backend knows them."""
        return await self._run(self.backend.paths_written_since, self.namespace, sequence)

    async def find_ids(self, prefix: str, limit: int) -> list[str]:
        """Return the first ids that begin with a text; see `VectorBackend.find_ids`."""
        return await self._run(self.backend.find_ids, self.namespace, prefix, limit)

    async def count(self, filter: Filter | None = None) -> int:
        """Return the number of documents that match; all of them without a filter."""
        return await self._run(self.backend.count, self.namespace, filter)

    async def stats(self) -> NamespaceStats:
        """Return the counts of this store's namespace."""
        return await self._run(self.backend.stats, self.namespace)

    async def embedder_matches(self) -> bool:
        """Return whether the stored vectors, if any, were made by this store's embedder."""
        return await self._run(self._writer.embedder_matches)

    async def refresh(self) -> None:
        """Bring the indexes of the backend up to date, so that the next search does not wait for them."""
        await self._run(self.backend.refresh, self.namespace)

    async def search(
        self,
        query: str = "",
        top_k: int = 5,
        *,
        rerank: bool = True,
        filter: Filter | None = None,
        options: SearchOptions | None = None,
        scope: SearchScope | None = None,
    ) -> SearchResults:
        """Find the documents that answer a query.

        Args:
            query: Words, a sentence or an identifier. The first 20,000 characters are read. It may be left out if
                ``scope`` has a place to compare with: then the stored vector and the text of the chunk there are the
                query, without signals and reranker. With both, the vector is the chunk's, the words are the query's.
            top_k: The greatest number of results, at least 1.
            rerank: Whether the reranker orders the best candidates; ``False`` trades accuracy for speed.
            filter: Conditions on metadata (see `aurora_dev.core.filters`); they apply before ``top_k``. Superseded and
                expired records are left out, unless the filter names ``superseded_by`` or ``expires_at``.
            options: The rarely changed options.
            scope: The languages, paths, kinds of records and scores to look for; see `SearchScope`.

        Returns:
            Up to ``top_k`` results, best first. A stage that cannot run is skipped and named in ``degraded``, and what
            the scope left out is counted in ``left_out``.

        Raises:
            InvalidRequestError: The query is empty, an argument is out of range, or a path of the scope is unknown.
            StoreError: The backend could not read.
        """
        from aurora_dev.core.scope.scope import check_scope
        from aurora_dev.core.scope.search import Question, search_in_scope

        if scope is None:
            return await self.ask(Question(query, filter), top_k, rerank=rerank, options=options)
        return await search_in_scope(
            self.resolve,
            lambda question, count, may: self.ask(question, count, rerank=rerank and may, options=options),
            check_scope(scope),
            query,
            top_k,
            filter,
        )

    async def resolve(self, scope: SearchScope, root: Path | None = None) -> Resolved:
        """Return the filter of a scope, and the chunk that it compares with; internal, for `Memory`.

        Raises:
            InvalidRequestError: A path of the scope is unknown.
        """
        return await self._run(self._scopes.resolve, scope, root)

    async def ask(
        self, question: Question, top_k: int, *, rerank: bool = True, options: SearchOptions | None = None
    ) -> SearchResults:
        """Run one search; internal, for `Memory`. See `search`."""
        from aurora_dev.core.search.calibration import scaled
        from aurora_dev.core.search.candidates import CandidateFinder
        from aurora_dev.core.search.history import asks_for_history, without_commits_to_read
        from aurora_dev.core.search.reading import is_long_task
        from aurora_dev.core.search.signals import QueryProfile
        from aurora_dev.core.search.trace import SearchTrace

        query, filter = question.query, question.filter
        options = options or SearchOptions()
        candidates = self._candidates
        if not question.in_words:
            rerank, options = False, replace(options, signals=False)
        if question.similar_to is not None and question.similar_to.vector is not None:
            from aurora_dev.core.scope.stored_vector import EmbeddedQuery

            embedder = EmbeddedQuery(self.embedder, question.similar_to.vector)
            candidates = CandidateFinder(self.backend, embedder, self.namespace, self._writer, self._hidden)
        _check_search(query, top_k, options)
        if len(query) > _MOST_QUERY_CHARS:
            query = query.strip()[:_MOST_QUERY_CHARS]
        if filter is not None:
            parse_filter(filter)
        if self.masks_secrets:
            from aurora_dev.core.text.secrets import mask_secrets

            # An embedder or a reranker may be a service.
            query = mask_secrets(query)[0]
        trace = SearchTrace()
        started = time.perf_counter()
        reranker = self.reranker if rerank else None
        read_by_reranker = _to_read(top_k, options, reranker.fusion) if reranker else 0
        pool = max(top_k, read_by_reranker)

        # A small model is loaded by the time the first stage is done. Symbols and long tasks seldom need the reranker.
        if reranker is not None and not (QueryProfile.of(query).is_symbol or is_long_task(query)):
            reranker.prefetch()
        results = await self._run(candidates.find, query, pool, filter, options, trace)
        if options.mmr and results:
            with trace.timed("mmr"):
                results = await self._run(candidates.diversify, results, pool, options.mmr_lambda)
            trace.stages.append("mmr")
        if reranker is not None:
            from aurora_dev.core.search.rerank import rerank_candidates

            if not asks_for_history(query):
                results, read_by_reranker = without_commits_to_read(results, pool, read_by_reranker)
            with trace.timed("rerank"):
                given = results[:pool] if reranker.fusion is None else results
                results = await rerank_candidates(
                    query, given, reranker, read_by_reranker, options, trace, reranker.fusion
                )
        trace.timings["total"] = time.perf_counter() - started
        found = trace.results(scaled(results[:top_k], trace.relevance))
        _log.debug(
            "search",
            method=found.search_method,
            results=len(found),
            degraded=found.degraded,
            **{f"{stage}_ms": round(seconds * 1e3, 2) for stage, seconds in found.timings.items()},
        )
        return found

    # -- life cycle --------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Close the backend, the reranker and the embedder that this store created; a second call does nothing."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._owned.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        if self._closed:
            raise StoreClosedError("the store is closed; everything acknowledged is kept. Open it again to use it")
        return await asyncio.to_thread(function, *arguments)


def _is_name(part: object) -> bool:
    return part is None or isinstance(part, str)


def _to_read(top_k: int, options: SearchOptions, fusion: RerankFusion | None) -> int:
    """Return the number of candidates that the reranker reads."""
    if options.rerank_top_k is not None:
        return options.rerank_top_k
    if fusion is not None and options.rerank_weight is None and options.rerank_min_score <= 0.0:
        return fusion.read
    read = min(_RERANK_PER_RESULT * top_k, _MOST_RERANKED)
    return read if options.rerank_min_score <= 0.0 else max(read, min(top_k, _MOST_WITH_THRESHOLD))


def _checked_ids(ids: object, outcome: str) -> list[str]:
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise InvalidRequestError(f"ids must be a list of strings, not {ids!r:.80}: {outcome}")
    return list(ids)


def _check_search(query: str, top_k: int, options: SearchOptions) -> None:
    if not isinstance(query, str):
        raise InvalidRequestError(f"query must be a string, not {type(query).__name__}")
    if not query.strip():
        raise InvalidRequestError("the query is empty: give words, a sentence or an identifier to look for")
    if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
        raise InvalidRequestError(f"top_k must be a whole number of at least 1, not {top_k!r}")
    if not isinstance(options, SearchOptions):
        raise InvalidRequestError(f"options must be SearchOptions, not {type(options).__name__}")
