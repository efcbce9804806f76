"""Blending a reranker's scores with the first stage's, with weights measured for each model and kind of query.

A small cross-encoder reads a chunk and a heading line. It does not see how many chunks of a file match or how rare the
words are, so on code its score is one piece of evidence and the first stage's is another. Nor does it see whether a
chunk has exactly the name, the message or the path that a query gives. So exact evidence is set aside while the other
figures are blended, and counts afterwards as it does in the first stage.

Which file answers and which of its chunks answers are two questions. The chunks of a file keep the places that the
first stage gave to the file. The best of these places moves by the reranker's evidence for the whole file, and within
the file the chunks trade places by the evidence for each. If a query describes one span, a chunk also moves among those
of other files. A chunk of a few lines seldom tells what its file is about, so the reranker also reads outlines: the
path of a file and the names in it.

Its probabilities are not calibrated for any one project. What carries over between projects is which candidates of a
query it prefers and by how much, so logits are compared within a query. ``benchmarks/tune_reranking.py`` found
`BUNDLED_FUSION`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from aurora_dev.core.record_kinds import is_history
from aurora_dev.core.search.fusion import EXACT_GAIN
from aurora_dev.core.search.reading import is_long_task
from aurora_dev.core.search.signals import REPEAT_DECAY, QueryProfile, definition_signal
from aurora_dev.core.text.document_text import outline_text
from aurora_dev.core.types import QueryKind, RerankWeights, SearchResult
from aurora_dev.lazy import lazy_pattern, np, npt

Figures: TypeAlias = "npt.NDArray[np.float64]"

# A probability of 0 or 1 has no finite logit; probabilities are clipped by this much.
_SMALLEST_PROBABILITY = 1e-6
# The least standard deviation, in logits. Where candidates differ by less, the model is not sure, and they stay close.
_LEAST_SPREAD = 2.0
# Deviations from the mean are clipped to this.
_MOST_DEVIATIONS = 3.0
# Within a file, the weight of a chunk's first-stage score (as a share of the best chunk's) beside deviations.
_STAGE1_WITHIN = 1.0

_LOOKED_AT = 15  # first candidates that tell whether a search is over files

# A result with exact evidence of at least this has what the query names. No result without it comes before, whatever
# the reranker says.
_SURE = 0.5
_LEAST_GAP = 1e-6

# Blended scores from -_MARGIN to 1 + _MARGIN are mapped to 0..1; a score further out widens the range. With a larger
# margin, scores lie closer together, and contexts show less of the best files in full (benchmarks/results/context.md).
_MARGIN = 0.4

# "Where", "which" and "what" ask for a span of code, as a description does.
_QUESTION = lazy_pattern(r"(?:how|why)\b", re.IGNORECASE)
# A report says what is wrong, or asks for a change: its words are those of a user, and not of the code. A model
# that compares words with code is a weak witness then. Questions use some of these words about code that works.
_REPORT = lazy_pattern(
    r"^(?:\[[^\]]{1,40}\]|[a-z][a-z_ -]{1,23}(?:\([^)]{1,40}\))?:\s"
    r"|(?:add|fix|remove|support|allow|prevent|switch|improve|implement|refactor|rename|drop|deprecate|update|enable)\b)"
    r"|\b(?:bugs?|cannot|can't|can not|does not|doesn't|is not|isn't|didn't|don't|not working|fail(?:s|ed|ing)|broken"
    r"|breaks|crash(?:es|ed|ing)?|wrong(?:ly)?|incorrect(?:ly)?|should|unexpected(?:ly)?|missing|feature request"
    r"|regression|no longer|instead of|unsafe|unable to|typo|inconsistent(?:ly)?|CVE-[0-9]{1,9})\b",
    re.IGNORECASE,
)
_ASKS = lazy_pattern(r"(?:how|why|what|where|which|when|who|is|are|does|do|can)\b", re.IGNORECASE)
# A question of this many words names particulars; a description of at most this many words names a concern.
_LONG_QUESTION = 12
_SHORT_DESCRIPTION = 5


def kind_of(query: str, candidates: Sequence[SearchResult]) -> QueryKind:
    """Return the kind of a query, which selects the weights of a `RerankFusion`.

    Args:
        query: The query.
        candidates: Its first candidates; where most of them are not in files, the kind is ``notes``.
    """
    in_files = sum(1 for result in candidates if _path(result) is not None)
    if 2 * in_files < len(candidates):
        return "notes"
    words = len(query.split())
    if QueryProfile.of(query).is_symbol or words == 1:
        return "name"
    text = query.strip()
    if _QUESTION.match(text) and words < _LONG_QUESTION:
        return "question"
    asks = _ASKS.match(text) is not None
    if not asks and _REPORT.search(text):
        return "report"
    if words <= _SHORT_DESCRIPTION:
        return "topic"
    return "words" if asks else "statement"


def is_description(kind: QueryKind) -> bool:
    """Return whether a kind of query describes its answer, so that keyword scores choose some of the candidates."""
    return kind in ("topic", "statement", "words")


def is_settled(query: str, candidates: Sequence[SearchResult]) -> bool:
    """Return whether the first stage has settled a search, so that the reranker has nothing to add.

    That is so where the query is a symbol and the best candidate defines it: a definition of exactly that name is the
    answer, and among several of them file names decide better than text. It is also so for a long task in files. The
    first stage reads all its parts, while a small model reads the first sentences of a text of hundreds of words, and
    reranking measured worse, with the whole text as with its title (``benchmarks/issues.py``).
    """
    if is_long_task(query):
        return kind_of(query, candidates[:_LOOKED_AT]) != "notes"
    profile = QueryProfile.of(query)
    if not profile.is_symbol or not candidates:
        return False
    return bool(definition_signal(profile, [candidates[0].metadata])[0] >= 1.0)


def rows_to_read(candidates: Sequence[SearchResult], read: int, by_keyword: int) -> list[int]:
    """Choose the candidates to rerank: the first ones, and of the others those with the best keyword scores.

    Args:
        candidates: In the order of the first stage.
        read: The number of candidates to choose.
        by_keyword: The number of these to choose by keyword score, at most a fifth of ``read``. Commits and sessions
            are not chosen by keyword: they are among other records only if the query does not ask for them. Nor is a
            candidate without what the query names, while one with it is left.

    Returns:
        Rows of ``candidates``, ascending.
    """
    read = min(read, len(candidates))
    first = read - min(by_keyword, read // 5)
    others = [row for row in range(first, len(candidates)) if not is_history(candidates[row].metadata)]
    named = [row for row in others if _exact(candidates[row]) >= _SURE]
    chosen = sorted(named or others, key=lambda row: -candidates[row].scores.get("keyword", 0.0))[: read - first]
    return [*range(first), *sorted(chosen)]


def outlines_of(candidates: Iterable[SearchResult], most: int) -> dict[str, str]:
    """Return the outlines of the first files among candidates, by path; at most ``most`` of them."""
    found: dict[str, str] = {}
    for result in candidates:
        if len(found) == most:
            break
        path, outline = _path(result), outline_text(result.metadata)
        if path is not None and outline is not None:
            found.setdefault(path, outline)
    return found


def fuse(
    candidates: Sequence[SearchResult],
    scores: npt.ArrayLike,
    weights: RerankWeights,
    outlines: Mapping[str, float] | None = None,
) -> Figures:
    """Blend the reranker's scores with the first stage's.

    Args:
        candidates: The candidates that were read, in the order of the first stage; at least one.
        scores: The reranker's probabilities, shape ``(n,)``, 0..1; NaN where it gave none.
        weights: The measured weights for the kind of query.
        outlines: The probabilities of the outlines of files, by path; no NaN.

    Returns:
        Shape ``(n,)``, float64 in 0..1, to order the candidates by. The chunks of a file share out the first-stage
        scores of that file.
    """
    logits = _logits(scores)
    stage1, exact = _first_stage(candidates)
    sure = np.array([_exact(result) >= _SURE for result in candidates])
    rows: dict[object, list[int]] = {}
    for row in np.argsort(-stage1, kind="stable").tolist():
        path = _path(candidates[row])
        rows.setdefault(row if path is None else path, []).append(row)
    # The sum of odds: many chunks that may answer are evidence for a file, and so is one that surely answers.
    evidence = np.empty(len(candidates))
    for group in rows.values():
        evidence[group] = np.logaddexp.reduce(logits[group])
    own, of_file = _deviations(logits), _deviations(evidence)
    of_outline: dict[object, float] = {}
    if outlines:
        # A file whose outline was not read counts as average.
        of_outline = dict(zip(outlines, _deviations(_logits(list(outlines.values()))).tolist(), strict=True))
    decay = 1.0
    if "signals" in candidates[0].scores and "mmr" not in candidates[0].scores:
        decay = REPEAT_DECAY  # undo the decay of the first stage; approximate if chunks between were not read
    fused = np.empty(len(candidates))
    for file, group in rows.items():
        places = stage1[group]
        undiscounted = places / decay ** np.arange(len(group))
        preference = _STAGE1_WITHIN * undiscounted / (undiscounted.max() or 1.0) + own[group] + exact[group]
        places[0] += weights.file * of_file[group[0]] + weights.outline * of_outline.get(file, 0.0)
        fused[np.array(group)[np.lexsort((-preference, ~sure[group]))]] = np.sort(places)[::-1]
    fused += weights.passage * own + exact
    if sure.any() and not sure.all():
        # The reranker orders those that have what the query names, and those that do not.
        fused[sure] += max(0.0, float(fused[~sure].max() - fused[sure].min()) + _LEAST_GAP)
    lowest, highest = min(-_MARGIN, float(fused.min())), max(1.0 + _MARGIN, float(fused.max()))
    scaled: Figures = (fused - lowest) / (highest - lowest)
    return scaled


def _first_stage(candidates: Sequence[SearchResult]) -> tuple[Figures, Figures]:
    """Return the scores of the first stage without exact evidence, and the exact evidence.

    Returns:
        Two arrays of shape ``(n,)``: shares of the best score, 0..1, and what exact evidence adds to them.
    """
    given = np.array([result.score for result in candidates])
    exact = np.zeros(len(candidates))
    if "mmr" not in candidates[0].scores:
        exact = EXACT_GAIN * np.array([_exact(result) for result in candidates])
    if exact.any():
        given = np.maximum(given * (1.0 + EXACT_GAIN) - exact, 0.0)
    best = float(given.max()) or 1.0
    return given / best, exact / best


def _exact(result: SearchResult) -> float:
    return result.scores.get("exact", 0.0)


def _logits(scores: npt.ArrayLike) -> Figures:
    given = np.clip(np.asarray(scores, dtype=np.float64), _SMALLEST_PROBABILITY, 1.0 - _SMALLEST_PROBABILITY)
    logits: Figures = np.log(given / (1.0 - given))
    known = logits[~np.isnan(logits)]
    # Results without a score are ordered last elsewhere; here they must only not count as evidence for their file.
    return np.where(np.isnan(logits), known.min() if len(known) else 0.0, logits)


def _deviations(figures: Figures) -> Figures:
    spread = max(float(figures.std()), _LEAST_SPREAD)
    deviations: Figures = np.clip((figures - figures.mean()) / spread, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)
    return deviations


def _path(result: SearchResult) -> str | None:
    path = result.metadata.get("path")
    return path if isinstance(path, str) else None
