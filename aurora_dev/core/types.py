"""The values that stores take and return: documents, records, results and search options. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, SupportsIndex, TypeAlias, overload

from aurora_dev.errors import InvalidRequestError
from aurora_dev.lazy import np, npt

JSONScalar: TypeAlias = str | int | float | bool
MetadataValue: TypeAlias = JSONScalar | list[str]
Metadata: TypeAlias = Mapping[str, MetadataValue]
Vector: TypeAlias = "npt.NDArray[np.float32]"
SearchMode: TypeAlias = Literal["hybrid", "vector", "keyword"]

NAME_NOT_FOUND: Final = "name_not_found"
"""The code of the notice about a name of the query that the project does not have."""

NO_MATCH: Final = "no_match"
"""The code of the notice that no result matches the query well."""

_ID_BYTES = 16  # 128 bits of SHA-256: no collision is expected below 10^18 records


@dataclass(frozen=True, slots=True)
class Document:
    """A text to store, with its metadata.

    Attributes:
        content: The text that is embedded, searched and shown. Never empty.
        metadata: Flat JSON: strings, finite numbers, booleans and lists of strings. Keys that Aurora itself uses:
            ``path`` (POSIX, relative to the project), ``start_line`` and ``end_line`` (1-based, inclusive),
            ``language``, ``symbol`` (qualified by dots, as in ``Client.send``), ``symbols`` (every name that the
            text defines), ``file_symbols`` (bare names that its whole file defines), ``kind``, ``context`` (enclosing
            header lines, which are searched with the text but are not part of it), ``created_at`` (seconds since the
            epoch), ``file_hash``, ``file_chunks``, ``tags``.
        id: A non-empty string of at most 512 bytes; ``None`` derives it with `document_id`.
    """

    content: str
    metadata: Metadata = field(default_factory=dict)
    id: str | None = None


def document_id(namespace: str, document: Document, ordinal: int = 0) -> str:
    """Derive the id of a document from its namespace, place and content.

    Args:
        namespace: The namespace that the document is stored in.
        document: Its content and, of its metadata, ``path``, ``symbol`` and ``kind`` make the id. Line numbers do not,
            so that a line inserted above changes no id.
        ordinal: 0-based count of documents before this one that are the same in all of these.

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
    """A document as a backend stores it, with its id and its vector.

    Attributes:
        vector: Shape ``(dimension,)``, float32, L2-normalised; ``None`` if the record has no vector of the store's
            embedder, and is found by keyword only.
    """

    id: str
    content: str
    metadata: Metadata
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A record that a backend found, with the raw score of that query (higher is better)."""

    record: Record
    score: float


@dataclass(frozen=True, slots=True)
class DenseProgress:
    """The progress of making dense vectors.

    Attributes:
        made: Records with a dense vector of the model.
        total: All records that are counted.
    """

    made: int
    total: int

    @property
    def complete(self) -> bool:
        """True if every record has a dense vector."""
        return self.made >= self.total


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """The description of the embedder whose vectors a store holds.

    Attributes:
        fingerprint: Changes whenever the same text may get a different vector (weights, pooling, prompts).
    """

    name: str
    dimension: int
    fingerprint: str
    metric: Literal["cosine"] = "cosine"


@dataclass(frozen=True, slots=True)
class Notice:
    """A remark about a search: a stable code for programs and a sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A record that a search found.

    Attributes:
        score: 0..1, higher is better; the score of the last stage that ran.
        scores: The score of each stage: ``vector`` (cosine), ``keyword`` (BM25), ``rrf`` (fused), ``signals`` (fused,
            with the code-aware signals), ``mmr``, ``rerank``. A stage that did not see the record is absent.
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
    """The results of a search, with how they were found; a slice keeps these attributes.

    Attributes:
        search_method: The stages that ran: ``vector``, ``keyword`` or ``rrf_hybrid``, then ``+mmr``, then ``+rerank``.
        message: The stages in words.
        notices: Remarks for the caller, in the order in which they came up.
        degraded: The text of the first notice of a stage that was asked for and could not run, else ``None``.
        timings: Seconds by stage.
        relevance: How likely the project answers the query, 0..1, comparable between queries and projects; ``None``
            for a search by vector or by keyword alone, without signals, and on backends that do not count words
            (Pinecone). Otherwise the best result has this score.
        left_out: The number of results that a condition of a `SearchScope` left out, by its name. ``min_score`` is
            always counted. If nothing was found, each other condition tells how many results there are without it
            alone, and ``all`` how many there are without all of them, where no single one is the reason. ``filter``
            stands for the filter.
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
        relevance: float | None = None,
        left_out: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(results)
        self.relevance = relevance
        self.search_method = search_method
        self.message = message
        self.notices = notices
        self.degraded = degraded
        self.timings: Mapping[str, float] = dict(timings or {})
        self.left_out: Mapping[str, int] = dict(left_out or {})

    def __str__(self) -> str:
        from aurora_dev.core.display import results_text

        return results_text(self)

    def __repr__(self) -> str:
        return f"SearchResults({len(self)} results, search_method={self.search_method!r}, degraded={self.degraded!r})"

    def _repr_html_(self) -> str:
        from aurora_dev.core.display import results_html

        return results_html(self)

    @property
    def matched(self) -> bool:
        """True if something was found and, as far as the search can tell, answers the query."""
        return bool(self) and all(notice.code != NO_MATCH for notice in self.notices)

    def replace(self, results: Iterable[SearchResult]) -> SearchResults:
        """Return other results with the attributes of this search."""
        return SearchResults(
            results,
            search_method=self.search_method,
            message=self.message,
            notices=self.notices,
            degraded=self.degraded,
            timings=self.timings,
            relevance=self.relevance,
            left_out=self.left_out,
        )

    def with_notices(self, notices: Iterable[Notice]) -> SearchResults:
        """Return these results with further notices after their own."""
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
    """The rarely changed options of a search.

    Attributes:
        mode: ``hybrid`` (both candidate lists, fused), ``vector`` or ``keyword``.
        candidates: The length of each candidate list; ``None`` is ``max(100, 5 × top_k)``.
        vector_weight: The share of the vector list in the fusion, 0..1; ``None`` is 0.3, as measured on code.
        signals: Whether the code-aware ranking signals follow the fusion (hybrid mode only).
        mmr: Whether maximal marginal relevance diversifies the results.
        mmr_lambda: 1.0 is relevance alone, 0.0 is diversity alone.
        rerank_top_k: The number of candidates that the reranker reads; ``None`` is ``3 × top_k``, at most 30,
            or the measured number for the reranker, which does not grow with ``top_k``.
        rerank_min_score: Reranked results with a lower score are left out, 0..1.
        rerank_weight: The share of the reranker's score, 0..1; the rest is the first stage's. ``None`` takes the
            measured weights for the reranker and the kind of query, or 1.0 for a reranker without measured weights.
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
            raise InvalidRequestError(f"rerank_timeout must be a number of seconds > 0, not {self.rerank_timeout!r}")


QueryKind: TypeAlias = Literal["name", "question", "report", "statement", "topic", "words", "notes"]
"""The kind of a query, which selects the weights of a `RerankFusion`."""


@dataclass(frozen=True, slots=True)
class RerankWeights:
    """The weights of a reranker's evidence beside the first stage.

    Each is a share of the best first-stage score, for evidence of one standard deviation (at least two logits) above
    the mean of a query's candidates.

    Attributes:
        file: The weight of the evidence in all chunks of a file together, for the best place of the file.
        passage: The weight of the evidence in one chunk, for the place of that chunk.
        outline: The weight of the evidence in the outline of a file, for the best place of the file.
    """

    file: float
    passage: float
    outline: float = 0.0


@dataclass(frozen=True, slots=True)
class RerankFusion:
    """The measured weights of a reranker beside the first stage, by kind of query.

    Attributes:
        name: Weights for a query that is one word or one symbol, and that no definition settles.
        question: Weights for a short question with how or why, which on code mostly asks how several parts work
            together.
        topic: Weights for a few words, which name a concern: more often a file than a span of it.
        words: Weights for anything else, long questions included, which describes one span.
        notes: Weights for any query over texts that are not in files.
        read: The number of candidates that the reranker reads, however many results are wanted; the others follow in
            the order of the first stage.
        by_keyword: The number of candidates chosen by their keyword score where the query describes something, among
            the ``read`` ones. The first stage spreads its candidates over files, and may hold back a second function of
            a file that has all the words.
        outlines: The number of first files whose outlines are read, where outlines have a weight.
        report: Weights for a query that reports a fault or asks for a change, as the title of an issue does; ``None``
            takes those of ``words``.
        statement: Weights for a longer query that is no question; ``None`` takes those of ``words``.
    """

    name: RerankWeights
    question: RerankWeights
    topic: RerankWeights
    words: RerankWeights
    notes: RerankWeights
    read: int
    by_keyword: int = 0
    outlines: int = 0
    report: RerankWeights | None = None
    statement: RerankWeights | None = None

    def weights(self, kind: QueryKind) -> RerankWeights:
        """Return the weights for a kind of query."""
        weights: RerankWeights | None = getattr(self, kind)
        return self.words if weights is None else weights


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """The result of a restore.

    Attributes:
        namespaces: The number of records by namespace.
        records: The number of all records.
        replaced: The number of records that the store held before, which were deleted.
    """

    namespaces: dict[str, int]
    records: int
    replaced: int
