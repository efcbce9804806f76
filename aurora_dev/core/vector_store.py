"""The store that applications talk to: the one place where the stages of a search are ordered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from typing_extensions import Self

from aurora_dev.core.contracts import Embedder, Filter, NamespaceStats, Reranker, VectorBackend
from aurora_dev.core.filters import is_everything, parse_filter
from aurora_dev.core.record_checks import check_name
from aurora_dev.core.record_kinds import is_commit
from aurora_dev.core.search.fusion import mmr, rrf
from aurora_dev.core.search.hidden import HiddenRecords, Visible
from aurora_dev.core.search.history import asks_for_history, both, enough, without_commits_to_read
from aurora_dev.core.search.rerank import rerank_candidates
from aurora_dev.core.search.signals import VECTOR_WEIGHT, QueryProfile, apply_signals
from aurora_dev.core.search.trace import SearchTrace, with_score
from aurora_dev.core.search.writer import DocumentWriter
from aurora_dev.core.types import (
    Document,
    Match,
    Record,
    RerankFusion,
    SearchOptions,
    SearchResult,
    SearchResults,
)
from aurora_dev.errors import (
    BackendUnavailableError,
    EmbeddingError,
    IndexNotFoundError,
    InvalidRequestError,
    MissingDependencyError,
    ModelLoadError,
    RateLimitedError,
    StoreClosedError,
)
from aurora_dev.log import get_logger

_log = get_logger(__name__)
_T = TypeVar("_T")

# Each list holds this many candidates at least: the signals lift definitions and namesake files from far down. More
# than 100 measured no better, 50 measured worse on large packages.
_MIN_CANDIDATES = 100
_CANDIDATES_PER_RESULT = 5
# The reranker reads this many candidates for each result that is wanted.
_RERANK_PER_RESULT = 3
# What an embedder may fail with; a search then goes on by keyword.
_EMBEDDER_ERRORS = (EmbeddingError, ModelLoadError, MissingDependencyError)
# What one index of a remote store may fail with while another one answers.
_REMOTE_ERRORS = (BackendUnavailableError, RateLimitedError, IndexNotFoundError)


class VectorStore:
    """Documents in, ranked results out.

    Args:
        backend: A `VectorBackend`, or the name of one: ``"faiss"``, or ``"pinecone"`` with the key and the index that
            the environment names.
        path: Folder of a local backend; ignored where ``backend`` is an instance.
        namespace: The part of the backend that this store reads and writes.
        embedder: An `Embedder`, its name, or ``None`` for the bundled one.
        reranker: A `Reranker`, its name (``"none"`` switches reranking off), or ``None`` for
            `CrossEncoderReranker`, which is skipped, with a notice, where sentence-transformers is not installed.
        mask_secrets: Whether credentials in contents are masked before anything is stored or embedded.

    The store is asynchronous; the work runs in threads. It may be used from several tasks at once.
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
    ) -> None:
        check_name(namespace, "namespace")
        # Names are sugar that the factory resolves; imported late, since the factory imports this module.
        from aurora_dev.core import factory

        # The backend last: what is refused before leaves nothing open and no new folder behind.
        self.embedder: Embedder = factory.create_embedder(embedder)
        self.reranker: Reranker | None = factory.create_reranker(reranker)
        self.backend: VectorBackend = factory.create_backend(backend, path=path)
        self.namespace = namespace
        self._writer = DocumentWriter(self.backend, self.embedder, namespace, mask=mask_secrets)
        self._hidden = HiddenRecords(self.backend, namespace)
        self._closed = False

    # -- writing -----------------------------------------------------------------------------------------------

    async def upsert(self, documents: Sequence[Document], *, wait: bool = False) -> list[str]:
        """Store documents, replacing those with the same ids; durable when it returns.

        Args:
            documents: What to store.
            wait: Whether to return only when every search sees them; a local store always shows them at once, a remote
                one after a while.

        Returns:
            The ids, in the order of ``documents``.

        Raises:
            InvalidRequestError: A document cannot be stored; none was.
            EmbeddingError: The embedder failed; none was stored.
            PartialWriteError: A remote backend stored some and not others; it names both.
            StoreError: The backend could not write; none was stored. With ``wait``: it does not show them in time;
                all are stored.
        """
        ids = await self.write(documents)
        if wait and not self.backend.capabilities.local:
            await self.refresh()
        return ids

    async def write(
        self, upserts: Sequence[Document], deletes: Sequence[str] = (), *, masked: bool = False
    ) -> list[str]:
        """Delete by id and store documents in one step (one transaction where the backend has them).

        Args:
            upserts: Stored as by `upsert`; a document whose text is already stored keeps its vector.
            deletes: Ids to remove; unknown ones are ignored.
            masked: Whether the caller has masked secrets already.
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
        """Write as `write` does, unless somebody else has changed what the caller has read (compare and swap).

        Args:
            expected: Documents by id as they were read, ``None`` for an id that was missing.
            upserts: As in `write`.
            deletes: As in `write`.
            masked: As in `write`.

        Returns:
            Whether it was written; if not, read again and retry. One transaction on the local store; a backend
            without ``write_if`` compares right before it writes.
        """
        return await self._run(
            self._writer.write_if, expected, upserts, _checked_ids(deletes, "nothing was written"), masked
        )

    async def delete(self, *, ids: Sequence[str] | None = None, filter: Filter | None = None) -> int:
        """Delete by ids or by filter.

        Returns:
            How many documents there were to delete.

        Raises:
            InvalidRequestError: Neither or both were given, or the filter is empty or wrong.
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
        """Bring back the vectors of documents that have none of this store's embedder, from their text.

        Args:
            progress: Called with (documents done, documents to do) after each batch, from a worker thread.

        Returns:
            How many documents were embedded. An interrupted run continues where it was.
        """
        return await self._run(self._writer.reembed, progress)

    # -- reading -----------------------------------------------------------------------------------------------

    async def fetch(self, ids: Sequence[str]) -> list[Document]:
        """Return the documents that exist among ``ids``, in that order."""
        ids = _checked_ids(ids, "nothing was read")
        found = await self._run(self.backend.fetch, self.namespace, ids)
        return [Document(found[i].content, found[i].metadata, i) for i in ids if i in found]

    async def scan(self, filter: Filter | None = None, *, content: bool = False) -> list[Record]:
        """Return every record that matches, in the order of ids; without ``content`` it is an empty string."""
        return await self._run(lambda: list(self.backend.scan(self.namespace, filter, content=content)))

    async def count(self, filter: Filter | None = None) -> int:
        """Return how many documents match; all without a filter."""
        return await self._run(self.backend.count, self.namespace, filter)

    async def stats(self) -> NamespaceStats:
        """Return the counts of this store's namespace."""
        return await self._run(self.backend.stats, self.namespace)

    async def embedder_matches(self) -> bool:
        """Return whether the stored vectors, if any, are this store's embedder's."""
        return await self._run(self._writer.embedder_matches)

    async def refresh(self) -> None:
        """Bring the backend's indexes up to date now, so that the next search does not wait for it."""
        await self._run(self.backend.refresh, self.namespace)

    async def search(
        self,
        query: str,
        top_k: int = 5,
        *,
        rerank: bool = True,
        filter: Filter | None = None,
        options: SearchOptions | None = None,
    ) -> SearchResults:
        """Find the documents that answer a query.

        Args:
            query: Words, a sentence or an identifier.
            top_k: How many results, at least 1.
            rerank: Whether the reranker orders the best candidates; ``False`` trades accuracy for speed.
            filter: Conditions on metadata (see `aurora_dev.core.filters`); they apply before ``top_k``. Records with
                ``superseded_by`` or with an ``expires_at`` that has passed are left out, unless the filter names these.
            options: What is rarely changed.

        Returns:
            Up to ``top_k`` results, best first. A stage that cannot run is left out and named in ``degraded``.

        Raises:
            InvalidRequestError: The query is empty, or an argument is out of range.
            StoreError: The backend could not read.
        """
        options = options or SearchOptions()
        _check_search(query, top_k, options)
        if filter is not None:
            parse_filter(filter)
        trace = SearchTrace()
        started = time.perf_counter()
        reranker = self.reranker if rerank else None
        read_by_reranker = _to_read(top_k, options, reranker.fusion) if reranker else 0
        pool = max(top_k, read_by_reranker)

        # A small model is loaded by the time that the first stage is done; symbols seldom need one.
        if reranker is not None and not QueryProfile.of(query).is_symbol:
            reranker.prefetch()
        results = await self._run(self._candidates, query, pool, filter, options, trace)
        if options.mmr and results:
            with trace.timed("mmr"):
                results = await self._run(self._diversify, results, pool, options.mmr_lambda)
            trace.stages.append("mmr")
        if reranker is not None:
            if not asks_for_history(query):
                results, read_by_reranker = without_commits_to_read(results, pool, read_by_reranker)
            with trace.timed("rerank"):
                given = results[:pool] if reranker.fusion is None else results
                results = await rerank_candidates(
                    query, given, reranker, read_by_reranker, options, trace, reranker.fusion
                )
        trace.timings["total"] = time.perf_counter() - started
        found = trace.results(results[:top_k])
        _log.debug(
            "search",
            method=found.search_method,
            results=len(found),
            degraded=found.degraded,
            **{f"{stage}_ms": round(seconds * 1e3, 2) for stage, seconds in found.timings.items()},
        )
        return found

    def _candidates(
        self, query: str, pool: int, filter: Filter | None, options: SearchOptions, trace: SearchTrace
    ) -> list[SearchResult]:
        """Run stage 1: the candidate lists, then the fusion."""
        visible = self._hidden.visible(filter)
        wanted = options.candidates or max(_MIN_CANDIDATES, _CANDIDATES_PER_RESULT * pool)
        use_vector, use_keyword = self._usable_lists(options, trace)
        keyword_list: list[Match] = []
        vector_list: list[Match] | None = []
        if use_vector and use_keyword and not self.backend.capabilities.local:
            with ThreadPoolExecutor(1) as side:
                keywords = side.submit(self._keyword_list, query, wanted, visible, trace)
                vector_list = self._vector_list(query, wanted, visible, trace)
                try:
                    keyword_list = keywords.result()
                except _REMOTE_ERRORS as error:
                    # Vectors alone are worth more than an error, unless there are none either.
                    if vector_list is None:
                        raise
                    trace.degrade("keyword_unavailable", f"keywords could not be searched, vectors alone were: {error}")
                    use_keyword = False
        else:
            # On this machine both lists are computed, not awaited: in two threads they would mostly wait for each
            # other's interpreter lock, which costs more than the lists themselves.
            if use_vector:
                vector_list = self._vector_list(query, wanted, visible, trace)
                if vector_list is None:
                    use_keyword = self.backend.capabilities.keyword
            if use_keyword:
                keyword_list = self._keyword_list(query, wanted, visible, trace)
        if not use_vector or vector_list is None:
            trace.stages.append("keyword")
            best = keyword_list[0].score if keyword_list else 1.0
            return [_result(match, match.score / best, "keyword") for match in keyword_list]
        if not use_keyword:
            trace.stages.append("vector")
            return [_result(match, max(0.0, min(1.0, match.score)), "vector") for match in vector_list]
        trace.stages.append("rrf_hybrid")
        with trace.timed("fuse"):
            return _fuse(query, vector_list, keyword_list, options)

    def _usable_lists(self, options: SearchOptions, trace: SearchTrace) -> tuple[bool, bool]:
        """Decide which candidate lists can be made, and say why one that was asked for cannot."""
        vector = options.mode in ("hybrid", "vector")
        keyword = options.mode in ("hybrid", "keyword")
        has_keyword = self.backend.capabilities.keyword
        if keyword and not has_keyword:
            trace.degrade("keyword_unavailable", "this backend has no keyword index: vectors alone were searched")
            vector, keyword = True, False
        if vector:
            try:
                mismatch = self._writer.mismatch()
            except _EMBEDDER_ERRORS as error:  # some embedders learn their dimension from a service or a model
                trace.degrade("embedder_failed", _not_embedded(error))
                return False, has_keyword
            if mismatch:
                trace.degrade("embedder_mismatch", mismatch)
                return False, has_keyword
        return vector, keyword

    def _vector_list(self, query: str, wanted: int, visible: Visible, trace: SearchTrace) -> list[Match] | None:
        try:
            with trace.timed("embed"):
                vector = self.embedder.embed_query(query)
        except _EMBEDDER_ERRORS as error:
            trace.degrade("embedder_failed", _not_embedded(error))
            return None
        if not vector.any():
            return []  # the embedder knows nothing in it (an emoji, a lone sign): everything would be equally near

        def ask(count: int, condition: Filter | None) -> list[Match]:
            backend, name = self.backend, self.namespace
            return visible.query(lambda n, f: backend.vector_query(name, vector, n, both(f, condition)))(count)

        with trace.timed("vector"):
            return enough(ask, wanted)

    def _keyword_list(self, query: str, wanted: int, visible: Visible, trace: SearchTrace) -> list[Match]:
        def ask(count: int, condition: Filter | None) -> list[Match]:
            backend, name = self.backend, self.namespace
            return visible.query(lambda n, f: backend.keyword_query(name, query, n, both(f, condition)))(count)

        with trace.timed("keyword"):
            return enough(ask, wanted)

    def _diversify(self, results: list[SearchResult], top_k: int, lambda_: float) -> list[SearchResult]:
        # Beyond the candidates of one list, relevance is so low that diversity would only bring in noise.
        results = results[: max(_MIN_CANDIDATES, top_k)]
        records = self.backend.fetch(self.namespace, [result.id for result in results], vectors=True)
        vectors = np.zeros((len(results), self.embedder.dimension), dtype=np.float32)
        for row, result in enumerate(results):
            record = records.get(result.id)
            if record is not None and record.vector is not None:
                vectors[row] = record.vector
        relevance = np.array([result.score for result in results], dtype=np.float32)
        return [with_score(results[row], "mmr", value) for row, value in mmr(relevance, vectors, top_k, lambda_)]

    # -- life cycle --------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Release the backend; a second call does nothing."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self.backend.close)

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


def _to_read(top_k: int, options: SearchOptions, fusion: RerankFusion | None) -> int:
    """Return how many candidates the reranker reads."""
    if options.rerank_top_k is not None:
        return options.rerank_top_k
    if fusion is not None and options.rerank_weight is None:
        return fusion.to_read(top_k)
    return _RERANK_PER_RESULT * top_k


def _not_embedded(error: Exception) -> str:
    return f"the query could not be embedded, keywords alone were searched: {error}"


def _checked_ids(ids: object, kept: str) -> list[str]:
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise InvalidRequestError(f"ids must be a list of strings, not {ids!r:.80}: {kept}")
    return list(ids)


def _check_search(query: str, top_k: int, options: SearchOptions) -> None:
    if not isinstance(query, str):
        raise InvalidRequestError(f"query must be a string, not {type(query).__name__}")
    if not query.strip():
        raise InvalidRequestError("the query is empty: say in words, or by a name, what to look for")
    if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
        raise InvalidRequestError(f"top_k must be a whole number of at least 1, not {top_k!r}")
    if not isinstance(options, SearchOptions):
        raise InvalidRequestError(f"options must be SearchOptions, not {type(options).__name__}")


def _fuse(
    query: str, vector_list: Sequence[Match], keyword_list: Sequence[Match], options: SearchOptions
) -> list[SearchResult]:
    """Fuse two candidate lists, then let the code-aware signals speak."""
    profile = QueryProfile.of(query)
    lists = (vector_list, keyword_list)
    weight = VECTOR_WEIGHT if options.vector_weight is None else options.vector_weight
    # Commits are ranked among themselves: however many there are, the places of everything else stay what they were.
    fused: dict[str, float] = {}
    for commits in (False, True):
        ids = [[m.record.id for m in matches if is_commit(m.record.metadata) is commits] for matches in lists]
        fused.update(rrf(ids, (weight, 1.0 - weight)))
    vector_scores = {match.record.id: match.score for match in vector_list}
    keyword_scores = {match.record.id: match.score for match in keyword_list}
    records = {match.record.id: match.record for matches in (vector_list, keyword_list) for match in matches}
    metadata = [records[identifier].metadata for identifier in fused]
    stage_scores = np.fromiter(fused.values(), dtype=np.float64, count=len(fused))
    final = stage_scores
    if options.signals:
        best = max(keyword_scores.values(), default=0.0) or 1.0
        shares = np.array([keyword_scores.get(identifier, 0.0) / best for identifier in fused])
        final = apply_signals(profile, metadata, stage_scores, shares)
    order = np.argsort(-final, kind="stable")
    identifiers = list(fused)
    results = []
    for row in order:
        identifier = identifiers[row]
        scores: dict[str, float] = {}
        if identifier in vector_scores:
            scores["vector"] = vector_scores[identifier]
        if identifier in keyword_scores:
            scores["keyword"] = keyword_scores[identifier]
        scores["rrf"] = float(stage_scores[row])
        if options.signals:
            scores["signals"] = float(final[row])
        record = records[identifier]
        results.append(SearchResult(identifier, record.content, float(final[row]), record.metadata, scores))
    return results


def _result(match: Match, score: float, stage: str) -> SearchResult:
    record = match.record
    return SearchResult(record.id, record.content, score, record.metadata, {stage: match.score})
