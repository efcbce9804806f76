"""Turning the candidate lists of one search into results: reciprocal rank fusion, code-aware signals, diversity."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_dev.core.record_kinds import HISTORY_GROUPS, SESSION_KIND, history_group
from aurora_dev.core.search.evidence import (
    QueryWeights,
    definition_evidence,
    has_name,
    name_evidence,
    path_evidence,
    phrase_evidence,
)
from aurora_dev.core.search.history import SESSION_VECTOR_WEIGHT
from aurora_dev.core.search.reading import QueryReading
from aurora_dev.core.search.signals import VECTOR_WEIGHT, QueryProfile, Scores, apply_signals
from aurora_dev.core.text.path_kinds import is_secondary, kinds_asked_for
from aurora_dev.core.types import Match, Record, SearchOptions, SearchResult
from aurora_dev.lazy import np, npt

__all__ = ["RRF_K", "fuse_lists", "keyword_results", "mmr", "rrf", "vector_results"]

# Cormack, Clarke and Büttcher chose 60 on TREC runs; on code, where one list often has the answer in front, less is
# a little better. Results move little between 20 and 60.
RRF_K = 40


# Exact evidence outranks everything without it: the other figures add up to 1.
EXACT_GAIN = 3.0
TWIN_SHARE = 0.5
# A use of a name, beside its definition; a mention of a path, beside the file.
_USE_SHARE = 0.8
_MENTION_SHARE = 0.6
_NAMED_SHARE = 0.75  # a name in a sentence, beside a whole message
_SECONDARY = 0.6  # a use in a test or an example, where the query is a question
# Phrase evidence of at most this is chance: some neighbouring words of any question are neighbours somewhere.
_CHANCE = 0.3
# The words of a question may stand side by side somewhere; three or more, in so few candidates, are a quotation.
_LEAST_SPACES = 2
_FEW_HOLDERS = 3


def fuse_lists(
    reading: QueryReading,
    vector_list: Sequence[Match],
    keyword_list: Sequence[Match],
    options: SearchOptions,
    *,
    names_list: Sequence[Match] = (),
    weights: QueryWeights | None = None,
) -> list[SearchResult]:
    """Fuse the candidate lists of a hybrid search.

    Args:
        reading: The query; the signals compare it with paths and definitions.
        vector_list: Best first.
        keyword_list: Best first.
        options: ``vector_weight`` and ``signals``.
        names_list: Further candidates, which may contain the names of the query; their order does not matter.
        weights: How rare the names and words of the query are; without it, no name counts as exact evidence.

    Returns:
        Every candidate of any list, best first, with the figures of each stage in ``scores``.
    """
    lists = (vector_list, keyword_list)
    share = VECTOR_WEIGHT if options.vector_weight is None else options.vector_weight
    # Commits and sessions are ranked among themselves, so that their number does not move the ranks of everything else.
    fused: dict[str, float] = {}
    for kind in HISTORY_GROUPS:
        ids = [[m.record.id for m in matches if history_group(m.record.metadata) == kind] for matches in lists]
        weight = SESSION_VECTOR_WEIGHT if kind == SESSION_KIND and options.vector_weight is None else share
        fused.update(rrf(ids, (weight, 1.0 - weight)))
    vector_scores = {match.record.id: match.score for match in vector_list}
    keyword_scores = {match.record.id: match.score for match in keyword_list}
    records = {match.record.id: match.record for matches in (*lists, names_list) for match in matches}
    for match in names_list:
        fused.setdefault(match.record.id, 0.0)
    fused_scores = np.fromiter(fused.values(), dtype=np.float64, count=len(fused))
    final = fused_scores
    if options.signals:
        best = max(keyword_scores.values(), default=0.0) or 1.0
        shares = np.array([keyword_scores.get(identifier, 0.0) / best for identifier in fused])
        metadata = [records[identifier].metadata for identifier in fused]
        final = apply_signals(QueryProfile.of(reading.text), metadata, fused_scores, shares)
        exact = exact_evidence(reading, weights or QueryWeights(), [records[identifier] for identifier in fused])
        if exact.any():
            final = (final + EXACT_GAIN * exact) / (1.0 + EXACT_GAIN)
        final = twin_decay(final, [records[identifier].content for identifier in fused])
    identifiers = list(fused)
    results = []
    for row in np.argsort(-final, kind="stable"):
        identifier = identifiers[row]
        scores: dict[str, float] = {}
        if identifier in vector_scores:
            scores["vector"] = vector_scores[identifier]
        if identifier in keyword_scores:
            scores["keyword"] = keyword_scores[identifier]
        scores["rrf"] = float(fused_scores[row])
        if options.signals:
            scores["signals"] = float(final[row])
            if exact[row] > 0:
                scores["exact"] = float(exact[row])
        record = records[identifier]
        results.append(SearchResult(identifier, record.content, float(final[row]), record.metadata, scores))
    return results


def twin_decay(scores: Scores, contents: Sequence[str]) -> Scores:
    """Return scores in which only the best of several candidates with the same text keeps its own.

    Copies of a file and versions of a page stand for each other. Each further one counts `TWIN_SHARE` of its score.

    Args:
        scores: Shape ``(n,)``.
        contents: The text of each candidate; blanks around it and at the ends of lines do not count.
    """
    seen: set[str] = set()
    decayed = scores.copy()
    for row in np.argsort(-scores, kind="stable"):
        text = "\n".join(line.rstrip() for line in contents[row].strip().split("\n"))
        if text in seen:
            decayed[row] *= TWIN_SHARE
        seen.add(text)
    return decayed


def exact_evidence(reading: QueryReading, weights: QueryWeights, records: Sequence[Record]) -> Scores:
    """Return how surely each candidate contains exactly what the query names, 0..1.

    Args:
        reading: The query.
        weights: How rare its names and words are.
        records: The candidates.
    """
    contents = [record.content for record in records]
    metadata = [record.metadata for record in records]
    names = dict(weights.names)
    if reading.is_symbol and reading.text in names:
        # Every chunk of a file of that name counts as holding it; few of them may contain it.
        holders = sum(has_name(content, reading.text) for content in contents)
        names[reading.text] = max(names[reading.text], float(0 < holders <= _FEW_HOLDERS))
    rarest = max(names.values(), default=0.0)
    exact = rarest * name_evidence(names, contents)
    if rarest > 0:
        if not reading.is_symbol:
            # A question that contains a name is about what it does, and tests and examples only use it.
            asked_for = kinds_asked_for(QueryProfile.of(reading.text).words)
            paths = [fields.get("path") for fields in metadata]
            exact *= [_SECONDARY if isinstance(p, str) and is_secondary(p, asked_for) else 1.0 for p in paths]
        defined = definition_evidence((name for name, weight in names.items() if weight > 0), metadata)
        exact = np.maximum(_USE_SHARE * exact, rarest * defined)
        if not reading.is_symbol:
            exact *= _NAMED_SHARE
    if not reading.is_long and " " in reading.text:
        if weights.is_name:
            defined = definition_evidence(["".join(reading.text.split())], metadata)
            exact = np.maximum(exact, defined > 0)
        if reading.text.count(" ") >= _LEAST_SPACES:
            whole = np.array([float(reading.text in content) for content in contents])
            exact = np.maximum(exact, whole if whole.sum() <= _FEW_HOLDERS else 0.0)
    if reading.literals:
        phrases = phrase_evidence(reading.literals, contents, weights)
        exact = np.maximum(exact, np.clip((phrases - _CHANCE) / (1.0 - _CHANCE), 0.0, 1.0))
    if reading.paths:
        given = [fields.get("path") for fields in metadata]
        found = path_evidence(reading.paths, [path if isinstance(path, str) else None for path in given])
        exact = np.maximum(_MENTION_SHARE * exact if reading.is_path else exact, found)
    return exact


def vector_results(matches: Sequence[Match]) -> list[SearchResult]:
    """Return a vector list as results; the cosine is clipped to 0..1."""
    return [_result(match, max(0.0, min(1.0, match.score)), "vector") for match in matches]


def keyword_results(matches: Sequence[Match]) -> list[SearchResult]:
    """Return a keyword list as results; the score is BM25 divided by the best match's."""
    best = matches[0].score if matches else 1.0
    return [_result(match, match.score / best, "keyword") for match in matches]


def _result(match: Match, score: float, stage: str) -> SearchResult:
    record = match.record
    return SearchResult(record.id, record.content, score, record.metadata, {stage: match.score})


def rrf(rankings: Sequence[Sequence[str]], weights: Sequence[float], k: int = RRF_K) -> dict[str, float]:
    """Fuse ranked lists by weighted reciprocal rank (Cormack, Clarke and Büttcher, SIGIR 2009).

    Args:
        rankings: Lists of ids, best first; an id appears at most once in each.
        weights: One weight of at least 0 for each list; only their ratios matter, and not all are 0.
        k: Damping constant, at least 0; larger flattens the difference between ranks.

    Returns:
        Id to score in 0..1, best first: 1 is first place in every list. Ties are in the order of ids.
    """
    # Σ w / (k + rank), over its value for first place in every list.
    total = sum(weights)
    scores: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        if weight <= 0:
            continue
        for rank, identifier in enumerate(ranking, start=1):
            scores[identifier] = scores.get(identifier, 0.0) + weight / total * (k + 1) / (k + rank)
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def mmr(
    relevance: npt.NDArray[np.float32], vectors: npt.NDArray[np.float32], top_k: int, lambda_: float
) -> list[tuple[int, float]]:
    """Choose by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    Args:
        relevance: Shape ``(n,)``, 0..1.
        vectors: Shape ``(n, dimension)``, L2-normalised; a row of zeros resembles nothing.
        top_k: How many to choose, at least 1.
        lambda_: 1.0 is relevance alone, 0.0 is diversity alone.

    Returns:
        Up to ``top_k`` pairs (index, marginal value in 0..1). The values never rise: what is left only grows more
        similar to what was chosen. Ties go to the lower index.
    """
    count = len(relevance)
    closest = np.zeros(count, dtype=np.float64)  # similarity to the nearest chosen one, opposite counts as unrelated
    left = np.ones(count, dtype=bool)
    chosen: list[tuple[int, float]] = []
    for _ in range(min(top_k, count)):
        value = lambda_ * relevance.astype(np.float64) + (1.0 - lambda_) * (1.0 - closest)
        value[~left] = -1.0
        best = int(np.argmax(value))
        chosen.append((best, float(min(1.0, max(0.0, value[best])))))
        left[best] = False
        similarity = np.clip(vectors @ vectors[best], 0.0, 1.0)
        np.maximum(closest, similarity, out=closest)
    return chosen
