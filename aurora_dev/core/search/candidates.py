"""The first stage of a search: the candidate lists that can be made, fused into results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aurora_dev.core.contracts import Embedder, Filter, VectorBackend
from aurora_dev.core.filters import all_of
from aurora_dev.core.search.absence import absence_notices
from aurora_dev.core.search.calibration import relevance
from aurora_dev.core.search.evidence import QueryWeights, weigh
from aurora_dev.core.search.fusion import fuse_lists, keyword_results, mmr, vector_results
from aurora_dev.core.search.hidden import HiddenRecords, Visible
from aurora_dev.core.search.history import with_room_for_commits
from aurora_dev.core.search.long_tasks import name_weight, rank_long_task
from aurora_dev.core.search.reading import QueryReading, read_query
from aurora_dev.core.search.trace import SearchTrace, with_score
from aurora_dev.core.search.writer import DocumentWriter
from aurora_dev.core.types import Match, SearchOptions, SearchResult
from aurora_dev.errors import (
    BackendUnavailableError,
    EmbeddingError,
    IndexNotFoundError,
    MissingDependencyError,
    ModelLoadError,
    RateLimitedError,
    StoreError,
)
from aurora_dev.lazy import lazy_pattern, np

if TYPE_CHECKING:
    from aurora_dev.core.dense.tier import DenseList, DenseTier

__all__ = ["CandidateFinder"]

# Each list holds at least this many candidates: the signals lift definitions and namesake files from far down. More
# than 100 measured no better, 50 measured worse on large packages.
_MIN_CANDIDATES = 100
_CANDIDATES_PER_RESULT = 5
_WORDS = lazy_pattern(r"[^\W_]+")
_KEYWORD = "_keyword"  # the end of the names of keyword lists in `long_tasks.LISTS`
_NAMED = 60  # candidates by the names of a query alone
# An embedder may fail with these; the search then goes on by keyword.
_EMBEDDER_ERRORS = (EmbeddingError, ModelLoadError, MissingDependencyError)
# One index of a remote store may fail with these while another one answers.
_REMOTE_ERRORS = (BackendUnavailableError, RateLimitedError, IndexNotFoundError)


class CandidateFinder:
    """Finds the candidates of a query in one namespace of a backend. Thread-safe; it runs in worker threads.

    Args:
        backend: Answers vector and keyword queries.
        embedder: Embeds the query.
        namespace: The part of the backend that is searched.
        writer: Tells whether the stored vectors are the embedder's.
        hidden: Tells which records are superseded or expired.
        dense: Returns the dense vectors, which make a third list, or ``None`` where there are none.
    """

    def __init__(
        self,
        backend: VectorBackend,
        embedder: Embedder,
        namespace: str,
        writer: DocumentWriter,
        hidden: HiddenRecords,
        dense: Callable[[], DenseTier | None] | None = None,
    ) -> None:
        self._backend = backend
        self._embedder = embedder
        self._namespace = namespace
        self._writer = writer
        self._hidden = hidden
        self._dense = dense

    def find(
        self, query: str, pool: int, filter: Filter | None, options: SearchOptions, trace: SearchTrace
    ) -> list[SearchResult]:
        """Make the candidate lists and fuse them.

        Args:
            query: Words, a sentence or an identifier.
            pool: How many candidates the later stages use; each list holds several times as many.
            filter: Conditions on metadata.
            options: ``mode``, ``candidates``, ``vector_weight`` and ``signals``.
            trace: Takes the stage, its timings, and a notice for a list that could not be made.

        Returns:
            Candidates, best first, with scores in 0..1.

        Raises:
            StoreError: The backend could not read.
        """
        reading = read_query(query)
        visible = self._hidden.visible(filter)
        wanted = options.candidates or max(_MIN_CANDIDATES, _CANDIDATES_PER_RESULT * pool)
        use_vector, use_keyword = self._usable_lists(options, trace)
        keyword_list: list[Match] = []
        vector_list: list[Match] | None = []
        parts: dict[str, list[Match]] | None = None
        if use_vector and use_keyword and not self._backend.capabilities.local:
            of_parts = self._texts_of_parts(reading, self._weights(reading)) if options.signals else {}
            texts = {"prose_vector": reading.prose or query, "whole_keyword": query, **of_parts}
            parts, failed = self._lists_at_once(texts, wanted, visible, trace)
            vector_list, keyword_list = parts.pop("prose_vector", None), parts.pop("whole_keyword", [])
            if "whole_keyword" in failed:
                # Results by vector are worth more than an error, unless there are none either.
                error = failed["whole_keyword"]
                if vector_list is None:
                    raise error
                trace.degrade("keyword_unavailable", f"keywords could not be searched, vectors alone were: {error}")
                use_keyword = False
            elif failed:
                error = next(iter(failed.values()))
                trace.degrade("keyword_unavailable", f"keywords of parts of the task could not be searched: {error}")
        else:
            # On this machine both lists are computed, not awaited. Two threads would mostly wait for the interpreter
            # lock, which costs more than the lists themselves.
            if use_vector:
                vector_list = self._vector_list(reading.prose or query, wanted, visible, trace)
                if vector_list is None:
                    use_keyword = self._backend.capabilities.keyword
            if use_keyword:
                keyword_list = self._keyword_list(query, wanted, visible, trace)
        if not use_vector or vector_list is None:
            trace.stages.append("keyword")
            return keyword_results(keyword_list)
        if not use_keyword:
            trace.stages.append("vector")
            return vector_results(vector_list)
        trace.stages.append("rrf_hybrid")
        # A name or a path is found by its letters. What resembles it in meaning would only come between.
        named = reading.is_symbol or reading.is_path
        dense = None if named or reading.is_long else self._dense_list(query, vector_list, wanted, visible, trace)
        if not options.signals:
            with trace.timed("fuse"):
                return fuse_lists(reading, vector_list, keyword_list, options, dense=dense)
        weights = self._weights(reading)
        if reading.is_long:
            lists = {"whole_keyword": keyword_list, "prose_vector": vector_list}
            lists |= self._lists_of_parts(reading, weights, wanted, visible, trace) if parts is None else parts
            with trace.timed("fuse"):
                results = rank_long_task(reading, lists, weights)
        else:
            by_name = self._names_list(reading, weights, visible, trace)
            with trace.timed("fuse"):
                results = fuse_lists(
                    reading, vector_list, keyword_list, options, names_list=by_name, weights=weights, dense=dense
                )
        if not weights.counted:
            return results  # without the rarity of words, the figures mean something else than in `calibration`
        # What the dense vectors alone have found lacks the figures that the relevance is read from.
        known = (
            results if dense is None else [one for one in results if "vector" in one.scores or "keyword" in one.scores]
        )
        trace.relevance = relevance(weights, known)
        trace.notices += absence_notices(reading, weights, results, trace.relevance)
        return results

    def diversify(self, results: list[SearchResult], top_k: int, lambda_: float) -> list[SearchResult]:
        """Choose ``top_k`` results by maximal marginal relevance, with the stored vectors.

        Args:
            results: Candidates, best first.
            top_k: How many to choose.
            lambda_: 1.0 is relevance alone, 0.0 is diversity alone.
        """
        # Beyond the candidates of one list, relevance is so low that diversity would only bring in noise.
        results = results[: max(_MIN_CANDIDATES, top_k)]
        records = self._backend.fetch(self._namespace, [result.id for result in results], vectors=True)
        vectors = np.zeros((len(results), self._embedder.dimension), dtype=np.float32)
        for row, result in enumerate(results):
            record = records.get(result.id)
            if record is not None and record.vector is not None:
                vectors[row] = record.vector
        relevance = np.array([result.score for result in results], dtype=np.float32)
        return [with_score(results[row], "mmr", value) for row, value in mmr(relevance, vectors, top_k, lambda_)]

    def _usable_lists(self, options: SearchOptions, trace: SearchTrace) -> tuple[bool, bool]:
        """Return whether a vector list and whether a keyword list can be made; note why one that was asked for cannot.

        Where the mode asks for a list that cannot be made, the other one takes its place.
        """
        vector = options.mode in ("hybrid", "vector")
        keyword = options.mode in ("hybrid", "keyword")
        has_keyword = self._backend.capabilities.keyword
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

    @staticmethod
    def _texts_of_parts(reading: QueryReading, weights: QueryWeights) -> dict[str, str]:
        """Return the parts of a long task, by the names of `long_tasks.LISTS`; nothing for any other query."""
        if not reading.is_long:
            return {}
        named = [name for name in reading.names if name_weight(weights.name_counts.get(name)) > 0]
        texts = {
            "title_keyword": reading.title,
            "prose_keyword": f"{reading.title}\n{reading.prose}",
            "names_keyword": " ".join((*named, *reading.paths)),
            "title_vector": reading.title,
        }
        return {name: text for name, text in texts.items() if text.strip()}

    def _lists_of_parts(
        self, reading: QueryReading, weights: QueryWeights, wanted: int, visible: Visible, trace: SearchTrace
    ) -> dict[str, list[Match]]:
        """Return a candidate list for each part of a long task, one after another."""
        texts = self._texts_of_parts(reading, weights)
        return {name: self._named_list(name, text, wanted, visible, trace) or [] for name, text in texts.items()}

    def _lists_at_once(
        self, texts: Mapping[str, str], wanted: int, visible: Visible, trace: SearchTrace
    ) -> tuple[dict[str, list[Match]], dict[str, Exception]]:
        """Return the candidate list for each of some texts, asked for at the same time.

        Args:
            texts: By the names of `long_tasks.LISTS`, so six at most.
            wanted: Most candidates of a list.
            visible: The records that the search may find.
            trace: A stage takes as long as the slowest of its requests.

        Returns:
            The lists, without those of texts that could not be embedded; and the errors by the names of the keyword
            lists that could not be made.

        Raises:
            StoreError: A vector list could not be read, or a keyword list because of an error that will not pass.
        """
        traces = {name: SearchTrace() for name in texts}

        def make(name: str) -> list[Match] | None:
            return self._named_list(name, texts[name], wanted, visible, traces[name])

        lists: dict[str, list[Match]] = {}
        failed: dict[str, Exception] = {}
        first, *others = texts
        with ThreadPoolExecutor(max(1, len(others))) as side:
            asked = {name: side.submit(make, name) for name in others}
            found = make(first)
        if found is not None:
            lists[first] = found
        for name, answer in asked.items():
            try:
                found = answer.result()
            except _REMOTE_ERRORS as error:
                if not name.endswith(_KEYWORD):
                    raise
                failed[name] = error
            else:
                if found is not None:
                    lists[name] = found
        trace.add_concurrent(traces.values())
        return lists, failed

    def _named_list(
        self, name: str, text: str, wanted: int, visible: Visible, trace: SearchTrace
    ) -> list[Match] | None:
        """Return the candidate list of a text, by vector or by keyword, as its name in `long_tasks.LISTS` says."""
        make = self._keyword_list if name.endswith(_KEYWORD) else self._vector_list
        return make(text, wanted, visible, trace)

    def _weights(self, reading: QueryReading) -> QueryWeights:
        """Return how rare the names, and the words of the title, of a query are in this namespace."""
        backend, namespace = self._backend, self._namespace
        if not backend.capabilities.local:
            return weigh(reading, lambda _: None, lambda: 0)  # two more requests would take longer than the search
        return weigh(
            reading, lambda names: backend.name_counts(namespace, names), lambda: backend.stats(namespace).records
        )

    def _names_list(
        self, reading: QueryReading, weights: QueryWeights, visible: Visible, trace: SearchTrace
    ) -> list[Match]:
        """Return records that may contain the rare names or the files of a query."""
        wanted = [*(name for name, weight in weights.names.items() if weight > 0), *reading.paths]
        if not wanted or not self._backend.capabilities.local:
            return []
        return self._keyword_list(" ".join(wanted), _NAMED, visible, trace)

    def _vector_list(self, query: str, wanted: int, visible: Visible, trace: SearchTrace) -> list[Match] | None:
        """Return the nearest records, best first; ``None`` where the query cannot be embedded."""
        try:
            with trace.timed("embed"):
                vector = self._embedder.embed_query(query)
        except _EMBEDDER_ERRORS as error:
            trace.degrade("embedder_failed", _not_embedded(error))
            return None
        if not vector.any():
            return []  # the embedder knows no token of it (an emoji, a lone sign): everything would be equally near
        with trace.timed("vector"):
            return self._list(
                lambda count, condition: self._backend.vector_query(self._namespace, vector, count, condition),
                wanted,
                visible,
            )

    def _dense_list(
        self, query: str, vector_list: list[Match], wanted: int, visible: Visible, trace: SearchTrace
    ) -> DenseList | None:
        """Return the nearest records by the dense vectors; ``None`` where there are none, or the query has none."""
        tier = self._dense() if self._dense is not None else None
        if tier is None:
            return None
        from aurora_dev.core.dense.tier import filled

        try:
            with trace.timed("dense"):
                if not tier.has_any():
                    return None
                vector = tier.embed(query)
                if not vector.any():
                    return None
                found = self._list(lambda count, filter: tier.matches(vector, count, filter), wanted, visible)
                dense = filled(found, vector_list, tier.without)
        except (*_EMBEDDER_ERRORS, StoreError) as error:
            trace.degrade("dense_failed", f"the dense vectors could not be searched, everything else was: {error}")
            return None
        trace.stages.append("dense")
        return dense

    def _keyword_list(self, query: str, wanted: int, visible: Visible, trace: SearchTrace) -> list[Match]:
        """Return the best records by BM25, best first."""
        with trace.timed("keyword"):
            return self._list(
                lambda count, condition: self._backend.keyword_query(self._namespace, query, count, condition),
                wanted,
                visible,
            )

    @staticmethod
    def _list(ask: Callable[[int, Filter | None], list[Match]], wanted: int, visible: Visible) -> list[Match]:
        """Return a candidate list without hidden records, in which commits take no place from anything else."""

        def matches(count: int, condition: Filter | None) -> list[Match]:
            return visible.fetch(lambda more, filter: ask(more, all_of(filter, condition)), count)

        return with_room_for_commits(matches, wanted)


def _not_embedded(error: Exception) -> str:
    return f"the query could not be embedded, keywords alone were searched: {error}"
