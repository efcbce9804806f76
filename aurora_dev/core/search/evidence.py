"""Exact evidence: the names, messages and paths of a query that a candidate really contains.

Lists by vector and by BM25 compare meaning and words. An identifier, a quoted message or a path is more than its words:
a candidate that contains it as it is written is what was asked for. Each function is pure and looks at the candidates
of one query.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

from aurora_dev.core.search.reading import Frame, QueryReading
from aurora_dev.core.text.terms import STOP_WORDS, split_identifier
from aurora_dev.lazy import lazy_pattern, np, npt

__all__ = [
    "QueryWeights",
    "definition_evidence",
    "frame_evidence",
    "has_name",
    "joined",
    "name_evidence",
    "path_evidence",
    "phrase_evidence",
    "rarity",
    "weigh",
]

Figures: TypeAlias = "npt.NDArray[np.float64]"

# A name that is in few chunks says where to look; one that is everywhere says nothing.
_RARE = 8  # chunks; a name in at most this many counts fully
_COMMON = 24  # chunks; a name in this many or more does not count
_RARE_WORD = 0.25  # of these, for a plain word, which is more often meant as a word
# In another style of writing (``getUser`` for ``get_user``) a name counts less than as it is written.
_OTHER_CASE = 0.6
_OTHER_STYLE = 0.7
# A queried path that only ends like a file's path: by file name alone, and with each folder above it.
_SAME_FILE_NAME = 0.5
_SAME_FOLDER = 0.25
# A literal in another case, and all pairs of its neighbouring words without the whole of it.
_FOLDED_LITERAL = 0.95
_ALL_PAIRS = 0.85
_WORD = lazy_pattern(r"[^\W_]+")
_LINK = lazy_pattern(r"\.|::|->|#")


@dataclass(frozen=True, slots=True)
class QueryWeights:
    """The rarity of the names and words of a query in the searched namespace.

    Attributes:
        names: The weight of each name, 0..1.
        name_counts: How many records hold each name; empty where it is not known.
        words: The inverse document frequency of each content word, in lower case; of a compound name, of its parts.
        missing: The words that no record has.
        is_name: Whether the words of the query, joined, are a name that a record has: ``max url length``.
        is_absent: Whether the query is one name that no record has.
        counted: Whether the backend knows how many records hold a name or a word.
        records: The number of all records; ``None`` if it is not known.
    """

    names: Mapping[str, float] = field(default_factory=dict)
    name_counts: Mapping[str, int] = field(default_factory=dict)
    words: Mapping[str, float] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    is_name: bool = False
    is_absent: bool = False
    counted: bool = True
    records: int | None = None


def content_words(text: str) -> list[str]:
    """Return the content words of a text in lower case, each once; of a compound name, its parts."""
    words = (part for match in _WORD.finditer(text) for part in split_identifier(match[0]))
    return list(dict.fromkeys(word for word in words if len(word) > 1 and word not in STOP_WORDS))


def weigh(
    reading: QueryReading, count: Callable[[Sequence[str]], Sequence[int] | None], records: Callable[[], int]
) -> QueryWeights:
    """Return how rare the names and the words of the title of a query are.

    Args:
        reading: The query.
        count: Returns how many records hold each of some names; ``None`` if that is not known.
        records: Returns the number of all records; only called if the others are known.
    """
    names, words = reading.names, content_words(reading.title)
    compound = "".join(reading.text.split()) if not reading.is_long and " " in reading.text else ""
    counts = count([compound, *names, *words])
    if counts is None:
        given = dict.fromkeys(names, 1.0)
        return QueryWeights(given, {}, dict.fromkeys(words, 1.0), counted=False, is_name=bool(compound))
    every = records()
    named = dict(zip(names, counts[1 : 1 + len(names)], strict=True))
    counted = dict(zip(words, counts[1 + len(names) :], strict=True))
    rare = {name: rarity(name, held) for name, held in named.items()}
    if " " not in reading.text:  # the query is the name, so that every chunk with it is meant, unless it is everywhere
        rare = {name: float(held < _COMMON) for name, held in named.items()}
    return QueryWeights(
        rare,
        named,
        {word: math.log1p(max(0.0, every - held + 0.5) / (held + 0.5)) for word, held in counted.items()},
        frozenset(word for word, held in counted.items() if not held),
        bool(compound) and counts[0] > 0,
        reading.is_symbol and not any(named.values()),
        records=every,
    )


def rarity(name: str, count: int) -> float:
    """Return the weight of a name that so many chunks contain, 0..1; a plain word has to be rarer."""
    if name.isalpha() and name.islower():
        count = math.ceil(count / _RARE_WORD)
    if count <= _RARE:
        return 1.0
    return max(0.0, 1.0 - math.log(count / _RARE) / math.log(_COMMON / _RARE))


def has_name(text: str, name: str) -> bool:
    """Return whether a text contains a name as a whole word, as it is written."""
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        before = at == 0 or not _joins(text[at - 1], name[0])
        if before and (end == len(text) or not _joins(text[end], name[-1])):
            return True
        at = text.find(name, at + 1)
    return False


def name_evidence(names: Mapping[str, float], contents: Sequence[str]) -> Figures:
    """Return the share of the names that each candidate contains, weighted, 0..1.

    Args:
        names: The weight of each name, at least 0.
        contents: The text of each candidate.
    """
    found = np.zeros(len(contents))
    total = sum(names.values())
    if total <= 0:
        return found
    for name, weight in names.items():
        if weight <= 0:
            continue
        last = _LINK.split(name)[-1]
        forms = [(name, 1.0)] if last == name or not last else [(name, 1.0), (last, 0.9)]
        hits = np.zeros(len(contents))
        for form, share in forms:
            hits = np.maximum(hits, [share if has_name(text, form) else 0.0 for text in contents])
        if not hits.any():
            folded = joined(last)
            hits = np.array([_OTHER_CASE if folded in joined(text) else 0.0 for text in contents])
        found += weight * hits
    result: Figures = found / total
    return result


def phrase_evidence(literals: Iterable[str], contents: Sequence[str], weights: QueryWeights | None = None) -> Figures:
    """Return how much of a literal each candidate has as it is written, 0..1.

    1 is the whole literal in its own case, `_FOLDED_LITERAL` in another case. A message is built at run time, so that
    a file name or a number stands where the code has a variable. So the pairs of neighbouring words count too, up to
    `_ALL_PAIRS`.

    Args:
        literals: Quoted texts and messages of two words or more.
        contents: The text of each candidate.
        weights: How rare the words are; without it, all count alike. A pair weighs as much as both of its words; a
            word that no record has weighs nothing, since the code has a variable in its place.
    """
    best = np.zeros(len(contents))
    lowered = [text.casefold() for text in contents]

    def weight_of(word: str) -> float:
        if weights is None:
            return 1.0
        return 0.0 if word in weights.missing else weights.words.get(word, 1.0)

    for literal in literals:
        text = literal.casefold()
        words = [match.span() for match in _WORD.finditer(text)]
        pairs = {
            text[start:end]: weight_of(text[start:middle]) + weight_of(text[middle_start:end])
            for (start, middle), (middle_start, end) in pairwise(words)
        }
        total = sum(pairs.values()) or 1.0
        for row, content in enumerate(lowered):
            if text in content:
                best[row] = max(best[row], 1.0 if literal in contents[row] else _FOLDED_LITERAL)
            elif len(pairs) > 1:
                share = sum(weight for pair, weight in pairs.items() if pair in content) / total
                best[row] = max(best[row], _ALL_PAIRS * share)
    return best


def definition_evidence(names: Iterable[str], metadata: Sequence[Mapping[str, Any]]) -> Figures:
    """Return 1 for a candidate that defines one of the names, `_OTHER_STYLE` in another style of writing, else 0.

    Args:
        names: Names of the query; of a qualified one, the last part counts too. Options (``--flag``) define nothing.
        metadata: One mapping for each candidate.
    """
    wanted = {form for name in names if not name.startswith("--") for form in (name, _LINK.split(name)[-1]) if form}
    folded = {joined(form) for form in wanted}
    found = np.zeros(len(metadata))
    for row, fields in enumerate(metadata) if wanted else ():
        symbols = fields.get("symbols")
        defined = {name for name in symbols if isinstance(name, str)} if isinstance(symbols, list) else set()
        if not wanted.isdisjoint(defined):
            found[row] = 1.0
        elif not folded.isdisjoint(map(joined, defined)):
            found[row] = _OTHER_STYLE
    return found


def path_evidence(paths: Iterable[str], given: Sequence[str | None]) -> Figures:
    """Return how well the path of each candidate agrees with a path of the query, 0..1.

    Args:
        paths: As the query has them: a file name, the end of a path, or an absolute path on another machine.
        given: The path of each candidate, relative to the project, or ``None``.
    """
    wanted = [path.strip("/").split("/") for path in paths]
    known: dict[str, float] = {}
    for path in given:
        if path is not None and path not in known:
            parts = path.split("/")
            known[path] = max((_agreement(parts, other) for other in wanted), default=0.0)
    return np.array([0.0 if path is None else known[path] for path in given])


def frame_evidence(frames: Sequence[Frame], metadata: Sequence[Mapping[str, Any]]) -> Figures:
    """Return 1 for a candidate that holds the line of a frame, 0..1 for one that is in its file.

    Args:
        frames: Lines of files, in the order of the query; in a traceback, the last ones are nearest to the error.
        metadata: One mapping for each candidate.
    """
    found = np.zeros(len(metadata))
    for place, frame in enumerate(frames, start=1):
        weight = 0.7 + 0.3 * place / len(frames)
        parts = frame.path.strip("/").split("/")
        name = frame.function.rpartition(".")[2] if frame.function else None
        for row, fields in enumerate(metadata):
            path = fields.get("path")
            if not isinstance(path, str) or not path.endswith(parts[-1]):
                continue
            agreement = _agreement(path.split("/"), parts)
            if agreement <= 0:
                continue
            start, end = fields.get("start_line"), fields.get("end_line")
            on_line = isinstance(start, int) and isinstance(end, int) and start <= frame.line <= end
            symbols = fields.get("symbols")
            named = name is not None and isinstance(symbols, list) and name in symbols
            # The file may have changed since: its function is as good as its line.
            found[row] = max(found[row], weight * agreement * (1.0 if named else 0.8 if on_line else 0.3))
    return found


def joined(name: str) -> str:
    """Return a name in the form that all its styles of writing share."""
    return name.replace("_", "").replace("-", "").casefold()


def _joins(first: str, second: str) -> bool:
    """Return whether two neighbouring characters belong to one identifier."""
    return (first.isalnum() or first in "_$") and (second.isalnum() or second in "_$")


def _agreement(path: Sequence[str], other: Sequence[str]) -> float:
    """Return the agreement of a file's path with a path of a query: 1 if one is the end of the other."""
    same = 0
    for one, two in zip(reversed(path), reversed(other), strict=False):
        if one.casefold() != two.casefold():
            break
        same += 1
    if same == 0:
        return 0.0
    if same == len(other):
        return 1.0
    if same == len(path):
        return 1.0 if same > 1 else _SAME_FILE_NAME
    return min(0.95, _SAME_FILE_NAME + _SAME_FOLDER * (same - 1))
