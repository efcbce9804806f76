"""Ranking for long tasks: a whole issue, a traceback, a pull request text.

The words of a long text name a hundred things, and one of them is the subject. So each part is searched apart: the
title, the prose, the whole text, the names in it, and the files that it mentions. A file is ranked by what all the
parts say of it together; its chunks share out the score of the file.

`WEIGHTS` were set by hand, and then changed one at a time, in coarse steps, where the tuning half of
``benchmarks/issues.py`` gained. A linear model that was trained on the same issues did worse on projects that it had
not seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from aurora_dev.core.search.evidence import (
    QueryWeights,
    definition_evidence,
    frame_evidence,
    has_name,
    path_evidence,
    phrase_evidence,
)
from aurora_dev.core.search.fusion import RRF_K
from aurora_dev.core.search.reading import QueryReading
from aurora_dev.core.search.signals import REPEAT_DECAY, QueryProfile, path_signal, path_weights
from aurora_dev.core.types import Match, Record, SearchResult
from aurora_dev.lazy import np, npt

__all__ = ["LISTS", "WEIGHTS", "name_weight", "rank_long_task"]

Figures: TypeAlias = "npt.NDArray[np.float64]"

LISTS: Final = ("title_keyword", "title_vector", "prose_keyword", "prose_vector", "names_keyword", "whole_keyword")
"""The candidate lists of a long task."""

WEIGHTS: Final[Mapping[str, float]] = {
    "title_keyword": 0.2,
    "title_vector": 0.8,
    "prose_keyword": 1.2,
    "prose_vector": 0.5,
    "names_keyword": 0.5,
    "whole_keyword": 0.5,
    # Several matching chunks of one file.
    "title_company": 0.3,
    "prose_company": 0.3,
    # What the text names exactly.
    "definition": 0.5,
    "names": 0.5,
    "title_names": 3.0,
    "messages": 0.3,
    "path_words": 3.0,
    "paths": 1.5,
    "modules": 0.5,
    "frames": 1.5,
}
"""The weight of each kind of evidence, each 0..1."""

_COMPANY = 4  # best chunks of a file that count
_MOST_NAMES = 24  # of a text, the most often named first
# The part of a name's weight that one more chunk with it adds, and names count together up to 1.
_NAME_SHARE = 0.3
_MENTION_SHARE = 0.5  # a mention of a name of the title, beside its definition
_RARE, _COMMON = 8, 300  # chunks with a name: up to the first it counts fully, from the second on not at all


def rank_long_task(
    reading: QueryReading, lists: Mapping[str, Sequence[Match]], weights: QueryWeights
) -> list[SearchResult]:
    """Rank the candidates of a long task.

    Args:
        reading: The task.
        lists: The candidate lists by name, of `LISTS`, each best first; a list that could not be made is missing.
        weights: How rare the names of the task are.

    Returns:
        Every candidate, best first, with scores in 0..1 and the figures of each list in ``scores``.
    """
    records = {match.record.id: match.record for matches in lists.values() for match in matches}
    if not records:
        return []
    ids = list(records)
    rows = {identifier: row for row, identifier in enumerate(ids)}
    chunks = _chunk_figures(reading, [records[identifier] for identifier in ids], weights)
    for name, matches in lists.items():
        chunks[name] = np.zeros(len(ids))
        for rank, match in enumerate(matches):
            chunks[name][rows[match.record.id]] = (RRF_K + 1) / (RRF_K + 1 + rank)
    metadata = [records[identifier].metadata for identifier in ids]
    groups = _groups(metadata)
    total = _file_scores(reading, lists, chunks, groups, rows, metadata)
    own = sum((WEIGHTS[name] * figures for name, figures in chunks.items()), np.zeros(len(ids)))
    scores = np.zeros(len(ids))
    for group, score in zip(groups, total.tolist(), strict=True):
        ordered = sorted(group, key=lambda row: -own[row])
        scores[ordered] = score * REPEAT_DECAY ** np.arange(len(ordered))
    scores = np.clip(scores / sum(WEIGHTS.values()), 0.0, 1.0)
    raw = {name: {match.record.id: match.score for match in matches} for name, matches in lists.items()}
    results = []
    for row in np.argsort(-scores, kind="stable"):
        identifier, score = ids[row], float(scores[row])
        found = {"signals": score}
        for name, stage in (("prose_vector", "vector"), ("title_vector", "vector"), ("prose_keyword", "keyword")):
            if identifier in raw.get(name, {}):
                found.setdefault(stage, raw[name][identifier])
        record = records[identifier]
        results.append(SearchResult(identifier, record.content, score, record.metadata, found))
    return results


def name_weight(count: int | None) -> float:
    """Return the weight of a name that so many records hold, 0..1; of an unknown number, 1."""
    if count is None or 0 < count <= _RARE:
        return 1.0
    return max(0.0, 1.0 - math.log(count / _RARE) / math.log(_COMMON / _RARE)) if count else 0.0


def _chunk_figures(reading: QueryReading, records: Sequence[Record], weights: QueryWeights) -> dict[str, Figures]:
    """Return the exact evidence of each candidate, by the names of `WEIGHTS`."""
    contents = [record.content for record in records]
    metadata = [record.metadata for record in records]
    definition, absent, titled = np.zeros(len(records)), np.ones(len(records)), np.zeros(len(records))
    for name in reading.names[:_MOST_NAMES]:
        weight = name_weight(weights.name_counts.get(name))
        if weight <= 0:
            continue
        last = name.rpartition(".")[2] or name
        held = np.array([has_name(text, last) for text in contents], dtype=np.float64)
        defined = (definition_evidence([name], metadata) == 1.0).astype(np.float64)
        definition = np.maximum(definition, weight * defined)
        absent *= 1.0 - _NAME_SHARE * weight * held
        if name in reading.title_names:
            titled = np.maximum(titled, weight * np.maximum(defined, _MENTION_SHARE * held))
    return {
        "definition": definition,
        "names": 1.0 - absent,
        "title_names": titled,
        "messages": phrase_evidence(reading.literals, contents),
        "frames": frame_evidence(reading.frames, metadata),
    }


def _file_scores(
    reading: QueryReading,
    lists: Mapping[str, Sequence[Match]],
    chunks: Mapping[str, Figures],
    groups: Sequence[Sequence[int]],
    rows: Mapping[str, int],
    metadata: Sequence[Mapping[str, object]],
) -> Figures:
    """Return the score of each group of candidates, which are the chunks of one file."""
    total = np.zeros(len(groups))
    for name, figures in chunks.items():
        total += WEIGHTS[name] * np.array([figures[group].max() for group in groups])
    for name, source in (("title_company", "title_keyword"), ("prose_company", "prose_keyword")):
        share = np.zeros(len(metadata))
        for match in lists.get(source, ()):
            share[rows[match.record.id]] = match.score
        together = np.array([np.sort(share[group])[::-1][:_COMPANY].sum() for group in groups])
        total += WEIGHTS[name] * together / (together.max() or 1.0)
    first = [metadata[group[0]] for group in groups]
    profile = QueryProfile.of(reading.title)
    paths = [path if isinstance(path := fields.get("path"), str) else None for fields in first]
    modules = [name.replace(".", "/") for name in reading.names if "." in name]
    total += WEIGHTS["path_words"] * path_signal(profile, first)
    total += WEIGHTS["paths"] * path_evidence(reading.paths, paths)
    total += WEIGHTS["modules"] * path_evidence(modules, [path and path.rpartition(".")[0] for path in paths])
    weighted: Figures = total * path_weights(profile, first)
    return weighted


def _groups(metadata: Sequence[Mapping[str, object]]) -> list[list[int]]:
    """Return the rows of the chunks of each file; a record that is in no file is a group of its own."""
    groups: dict[object, list[int]] = {}
    for row, fields in enumerate(metadata):
        path = fields.get("path")
        groups.setdefault(path if isinstance(path, str) else row, []).append(row)
    return list(groups.values())
