"""What is stored and what comes back: small frozen types, no I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, SupportsIndex, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from aurora_dev.errors import InvalidRequestError

JSONScalar: TypeAlias = str | int | float | bool
MetadataValue: TypeAlias = JSONScalar | list[str]
Metadata: TypeAlias = Mapping[str, MetadataValue]
Vector: TypeAlias = npt.NDArray[np.float32]
SearchMode: TypeAlias = Literal["hybrid", "vector", "keyword"]

_ID_BYTES = 16  # 128 bits of SHA-256: no collision is expected below 10^18 records


@dataclass(frozen=True, slots=True)
class Document:
    """What is stored.

    Attributes:
        content: The text that is embedded, searched and shown. Never empty.
        metadata: Flat JSON: strings, finite numbers, booleans and lists of strings. Keys that Aurora itself uses:
            ``path`` (POSIX, relative to the project), ``start_line`` and ``end_line`` (1-based, inclusive),
            ``language``, ``symbol`` (qualified by dots, as in ``Client.send``), ``symbols`` (every name that the
            text defines), ``file_symbols`` (bare names that its whole file defines), ``kind``, ``context`` (enclosing
            header lines that are searched with the text but are no part of it), ``created_at`` (seconds since the
            epoch), ``file_hash``, ``file_chunks``, ``tags``.
        id: Any non-empty string of at most 512 bytes; ``None`` derives it with `document_id`.
    """

    content: str
    metadata: Metadata = field(default_factory=dict)
    id: str | None = None


def document_id(namespace: str, document: Document, ordinal: int = 0) -> str:
    """Derive an id from what a document is, never from where it happens to stand.

    Args:
        namespace: The namespace that it is stored in.
        document: Its content, and of its metadata ``path``, ``symbol`` and ``kind``, are the identity; line numbers
            are not, so that a line inserted above moves no id.
        ordinal: 0-based count of exact repeats of the same identity before this one.

    Returns:
        32 lower-case hexadecimal digits (the first 128 bits of a SHA-256).
    """
    digest = hashlib.sha256()
    metadata = document.metadata
    parts = [namespace, str(metadata.get("path", "")), str(metadata.get("symbol", ""))]
    parts += [str(metadata.get("kind", "")), document.content, str(ordinal)]
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        # The length prefix keeps ("ab", "c") and ("a", "bc") apart.
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.digest()[:_ID_BYTES].hex()


@dataclass(frozen=True, slots=True)
class Record:
    """A document as a backend keeps it: with its id, and with its vector where it has one.

    Attributes:
        vector: Shape ``(dimension,)``, float32, L2-normalised; ``None`` where no vector of the store's embedder
            exists (the record is then found by keyword only).
    """

    id: str
    content: str
    metadata: Metadata
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A record that a backend found, with the raw score of that one stage (higher is better)."""

    record: Record
    score: float


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """What a store remembers of the embedder whose vectors it holds.

    Attributes:
        fingerprint: Changes whenever the same text may embed to other numbers (weights, pooling, prompts).
    """

    name: str
    dimension: int
    fingerprint: str
    metric: Literal["cosine"] = "cosine"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a caller should know about a search: a stable code for programs, a sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What comes back.

    Attributes:
        score: 0..1, higher is better; its meaning is that of the last stage that ran.
        scores: Every stage's own figure: ``vector`` (cosine), ``keyword`` (BM25), ``rrf`` (fused), ``signals``
            (fused, with the code-aware signals), ``mmr``, ``rerank``; a stage that did not see the record is absent.
    """

    id: str
    content: str
    score: float
    metadata: Mapping[str, Any]
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def location(self) -> str:
        """The source, for any kind of record: ``src/auth.py:12-40``, ``commit 1a2b3c4d`` or ``decision 5e6f7a8b``."""
        from aurora_dev.core.display import location

        return location(self)

    @property
    def title(self) -> str:
        """One line that names the record: the symbol of a chunk, the subject of a commit, else the first line."""
        from aurora_dev.core.display import title

        return title(self)

    def __str__(self) -> str:
        from aurora_dev.core.display import result_line

        return result_line(self)

    def __repr__(self) -> str:
        return f"SearchResult(id={self.id!r}, score={self.score:.4f}, location={self.location!r})"

    def _repr_html_(self) -> str:
        from aurora_dev.core.display import results_html

        return results_html(SearchResults([self]))


class SearchResults(list[SearchResult]):
    """A list of results that knows how it came about; a slice keeps what the whole knows.

    Attributes:
        search_method: ``vector``, ``keyword`` or ``rrf_hybrid``, then ``+mmr``, then ``+rerank``: what really ran.
        message: The same for a person.
        notices: What the caller should know, in the order in which it was noticed.
        degraded: The text of the notice of a stage that was asked for and could not run, else ``None``.
        timings: Seconds per stage.
    """

    def __init__(
        self,
        results: Iterable[SearchResult] = (),
        *,
        search_method: str = "",
        message: str = "",
        notices: tuple[Notice, ...] = (),
        degraded: str | None = None,
        timings: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(results)
        self.search_method = search_method
        self.message = message
        self.notices = notices
        self.degraded = degraded
        self.timings: Mapping[str, float] = dict(timings or {})

    def __str__(self) -> str:
        from aurora_dev.core.display import results_text

        return results_text(self)

    def __repr__(self) -> str:
        return f"SearchResults({len(self)} results, search_method={self.search_method!r}, degraded={self.degraded!r})"

    def _repr_html_(self) -> str:
        from aurora_dev.core.display import results_html

        return results_html(self)

    def replace(self, results: Iterable[SearchResult]) -> SearchResults:
        """Return other results with this search's method, message, notices and timings."""
        return SearchResults(
            results,
            search_method=self.search_method,
            message=self.message,
            notices=self.notices,
            degraded=self.degraded,
            timings=self.timings,
        )

    def with_notices(self, notices: Iterable[Notice]) -> SearchResults:
        """Return these results with more to know about them."""
        more = self.replace(self)
        more.notices = (*self.notices, *notices)
        return more

    @overload
    def __getitem__(self, index: SupportsIndex) -> SearchResult: ...
    @overload
    def __getitem__(self, index: slice) -> SearchResults: ...
    def __getitem__(self, index: SupportsIndex | slice) -> SearchResult | SearchResults:
        if isinstance(index, slice):
            return self.replace(super().__getitem__(index))
        return super().__getitem__(index)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What is rarely changed about a search.

    Attributes:
        mode: ``hybrid`` (both candidate lists, fused), ``vector`` or ``keyword``.
        candidates: How many each candidate list holds; ``None``: ``max(100, 5 × top_k)``.
        vector_weight: Share of the vector list in the fusion, 0..1; ``None``: 0.3, as measured on code.
        signals: Whether the code-aware ranking signals follow the fusion (hybrid mode only).
        mmr: Whether maximal marginal relevance diversifies the results.
        mmr_lambda: 1.0 is relevance alone, 0.0 is diversity alone.
        rerank_top_k: How many results the reranker reads; ``None``: ``3 × top_k``, or what was measured for it.
        rerank_min_score: Reranked results below this are left out, 0..1.
        rerank_weight: 1.0 is the reranker's order alone; below, its score is blended with stage 1's. ``None``: what was
            measured for the reranker and the kind of query, and 1.0 for a reranker of which nothing is known.
        rerank_timeout: Seconds that a search waits for its reranker, loading included.
    """

    mode: SearchMode = "hybrid"
    candidates: int | None = None
    vector_weight: float | None = None
    signals: bool = True
    mmr: bool = False
    mmr_lambda: float = 0.7
    rerank_top_k: int | None = None
    rerank_min_score: float = 0.0
    rerank_weight: float | None = None
    rerank_timeout: float = 30.0

    def __post_init__(self) -> None:
        if self.mode not in ("hybrid", "vector", "keyword"):
            raise InvalidRequestError(f"mode must be 'hybrid', 'vector' or 'keyword', not {self.mode!r}")
        for name in ("candidates", "rerank_top_k"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InvalidRequestError(f"{name} must be a whole number of at least 1, or None, not {value!r}")
        for name in ("vector_weight", "mmr_lambda", "rerank_min_score", "rerank_weight"):
            value = getattr(self, name)
            if value is None and name in ("vector_weight", "rerank_weight"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
                raise InvalidRequestError(f"{name} must be a number from 0 to 1, not {value!r}")
        if not isinstance(self.rerank_timeout, int | float) or not self.rerank_timeout > 0:
            raise InvalidRequestError(f"rerank_timeout must be seconds above 0, not {self.rerank_timeout!r}")


QueryKind: TypeAlias = Literal["name", "question", "topic", "words", "notes"]
"""Which weights of a `RerankFusion` count for a query."""


@dataclass(frozen=True, slots=True)
class RerankWeights:
    """What two logits more than the mean of a query's candidates are worth, in parts of the best first-stage score.

    Where the candidates' standard deviation is more than two logits, it takes their place.

    Attributes:
        file: Of what the reranker finds in all of a file's passages together, for the best place of the file.
        passage: Of what it finds in one passage, for the place of that passage.
        outline: Of what it finds in the outline of a file, for the best place of the file.
    """

    file: float
    passage: float
    outline: float = 0.0


@dataclass(frozen=True, slots=True)
class RerankFusion:
    """What was measured of a reranker beside the first stage.

    Attributes:
        name: For a query that is one word or one symbol, and that no definition settles.
        question: For a short question how or why: on code mostly how several parts work together.
        topic: For a few words: they name a concern, which is more often a file than a place in it.
        words: For anything else, long questions too: it describes a place.
        notes: For any query over texts that stand in no file.
        read: How many candidates are read, at least.
        by_keyword: How many more are chosen by their words where the query describes something; they are among the
            ``read`` ones, unless as many results are wanted. The first stage spreads its candidates over files, and may
            hold back a file's second function that has all the words.
        outlines: Of how many of the first files the outlines are read, where they have a weight.
    """

    name: RerankWeights
    question: RerankWeights
    topic: RerankWeights
    words: RerankWeights
    notes: RerankWeights
    read: int
    by_keyword: int = 0
    outlines: int = 0

    def to_read(self, top_k: int) -> int:
        """Return how many candidates are read for ``top_k`` results: the first ``top_k`` of them are."""
        return max(self.read, top_k + self.by_keyword)

    def weights(self, kind: QueryKind) -> RerankWeights:
        """Return the weights for a kind of query."""
        weights: RerankWeights = getattr(self, kind)
        return weights
