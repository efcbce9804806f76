"""Code-aware ranking signals: what paths, definitions and neighbours say that vectors and keywords do not.

Each signal is a pure function over the candidates of one query; `apply_signals` adds them to the fused scores. The
ideas are those of code search engines (Sourcegraph's and GitHub's ranking by definitions, Zoekt's file scores, the
boosts of MinishLab's semble); functions and numbers are our own. The numbers were set on what ``docs/evaluation.md``
names for tuning; ``benchmarks/tune_ranking.py`` shows what each brings.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora_dev.core.record_kinds import is_commit
from aurora_dev.core.search.history import ASKED_COMMIT_WEIGHT, COMMIT_DECAY, asks_for_history, history_weight
from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.path_kinds import kinds_asked_for, path_weight
from aurora_dev.core.text.terms import STOP_WORDS, is_symbol_query, split_identifier

Scores = npt.NDArray[np.float64]

# Share of the vector list in the fusion: on code, words are the better evidence.
VECTOR_WEIGHT = 0.3

# What each signal can add to a fused score of at most 1. A definition of the very symbol that was asked for beats any
# list position. A single plain word may ask for one as well; a name inside a sentence is often there by the way, and
# what it finds as a keyword is enough. A path is a strong hint, and several chunks that answer speak for a file.
DEFINITION_GAIN = 2.0
WORD_DEFINITION_GAIN = 0.75
PATH_GAIN = 1.25
COMPANY_GAIN = 0.3
# Of a file's chunks, so many of the best ones speak for it: with all of them, the longest files would win.
COMPANY = 4
# A definition in a file that is named after it is the main one of its namesakes.
NAMESAKE_FILE_GAIN = 0.5
# `Client.send` asks for that one, and for another class's `send` only where there is none.
OTHER_QUALIFIER_SHARE = 0.5
# Each further chunk of one file counts half as much as the one before, so that one file does not fill the page.
REPEAT_DECAY = 0.5
# Which file answers is for all signals to say, which of its chunks for the words in them: ranks, of which the fused
# scores are made, tell the chunk that has all of a query's words hardly from one that has some. A definition, also one
# that shares only the last name, comes before whatever says its name more often.
KEYWORDS_WITHIN_FILE = 3.0
DEFINITION_WITHIN_FILE = (1.0 + KEYWORDS_WITHIN_FILE) / OTHER_QUALIFIER_SHARE

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|::|->|#|\\)[A-Za-z_$][\w$]*)*")
_SEPARATORS = re.compile(r"\.|::|->|#|\\")
_MIN_PREFIX = 3  # "auth" may stand for "authentication", "a" may not


@dataclass(frozen=True, slots=True)
class QueryProfile:
    """What the signals need to know of a query.

    Attributes:
        words: Folded content words, without stop words.
        symbols: Identifiers that the query names, as they stand; of a qualified name the last part too.
        is_symbol: Whether the query is nothing but one identifier, and reads like one: ``rrf`` names a symbol, but may
            be a word just as well.
        is_word: Whether it is one plain word, which may be a name.
        qualifiers: For the last part of a qualified name what stands right before it: ``Client`` for ``send``.
        asks_for_history: Whether it asks why something is so, when it changed or who did it.
    """

    words: frozenset[str]
    symbols: tuple[str, ...]
    is_symbol: bool
    is_word: bool = False
    qualifiers: Mapping[str, str] = field(default_factory=dict, hash=False)
    asks_for_history: bool = False

    @classmethod
    def of(cls, query: str) -> QueryProfile:
        """Read a query."""
        text = query.strip()
        is_symbol = is_symbol_query(text)
        named: list[str] = []
        qualifiers: dict[str, str] = {}
        words: set[str] = set()
        for match in _IDENTIFIER.findall(text):
            parts = split_identifier(match)
            words.update(fold_word(part) for part in parts if len(part) > 1 and part not in STOP_WORDS)
            if is_symbol or len(parts) > 1 or match == text.strip("`"):
                *before, last = _SEPARATORS.split(match)
                named += [match, last]
                if before:
                    qualifiers[last] = before[-1]
        is_word = not is_symbol and text.strip("`") in named
        history = asks_for_history(text)
        return cls(frozenset(words), tuple(dict.fromkeys(named)), is_symbol, is_word, qualifiers, history)


def definition_signal(profile: QueryProfile, metadata: Sequence[Mapping[str, Any]]) -> Scores:
    """Return 1 for a chunk that defines a symbol of the query, more in a file of the same name, else 0.

    What shares only the last part of a qualified name counts `OTHER_QUALIFIER_SHARE` of that, unless its file or folder
    has the qualifier's name, as a module's functions have.
    """
    signal = np.zeros(len(metadata))
    if not profile.symbols:
        return signal
    wanted = set(profile.symbols)
    stems = {_joined(symbol) for symbol in profile.symbols}
    for row, fields in enumerate(metadata):
        found = wanted.intersection(_symbols(fields))
        if not found:
            continue
        path = str(fields.get("path", ""))
        namesake = _joined(_stem(path)) in stems
        signal[row] = 1.0 + (NAMESAKE_FILE_GAIN if namesake else 0.0)
        if all(name in profile.qualifiers and not _is_in(path, profile.qualifiers[name]) for name in found):
            signal[row] *= OTHER_QUALIFIER_SHARE
    return signal


def path_signal(profile: QueryProfile, metadata: Sequence[Mapping[str, Any]]) -> Scores:
    """Return the share of the query's words that the file's name and its folder's name carry, 0..1.

    A word counts the less, the more other files of the candidates carry it: in a test framework, ``test`` in a path
    says nothing.
    """
    signal = np.zeros(len(metadata))
    if not profile.words:
        return signal
    given = [fields.get("path") for fields in metadata]
    carried: dict[str, set[str]] = {}
    for path in given:
        if isinstance(path, str) and path not in carried:
            parts = _path_words(path)
            carried[path] = {word for word in profile.words if any(_same_word(word, part) for part in parts)}
    files = Counter(word for words in carried.values() for word in words)
    shares = {
        path: sum(1.0 - (files[word] - 1) / len(carried) for word in words) / len(profile.words)
        for path, words in carried.items()
    }
    for row, path in enumerate(given):
        if isinstance(path, str):
            signal[row] = shares[path]
    return signal


def company_signal(scores: Scores, metadata: Sequence[Mapping[str, Any]]) -> Scores:
    """Return, for the best chunk of each file, what its best `COMPANY` chunks have over the best file's, 0..1."""
    signal = np.zeros(len(scores))
    files: dict[str, list[int]] = {}
    for row in np.argsort(-scores, kind="stable"):
        path = metadata[row].get("path")
        if isinstance(path, str):
            files.setdefault(path, []).append(row)
    together = {path: float(scores[rows[:COMPANY]].sum()) for path, rows in files.items()}
    most = max(together.values(), default=0.0) or 1.0
    for path, rows in files.items():
        signal[rows[0]] = together[path] / most
    return signal


def path_weights(profile: QueryProfile, metadata: Sequence[Mapping[str, Any]]) -> Scores:
    """Return 1 for ordinary code, less for tests, examples, copies, by-products and prose that nobody asked for.

    Commits weigh less than code too, and more, with memories, where the question is about the past.
    """
    asked_for = kinds_asked_for(profile.words)
    defining = asked_for | {"reexport"}  # an __init__.py that defines what is asked for does not merely pass it on
    wanted = frozenset(profile.symbols)
    weights = np.ones(len(metadata))
    for row, fields in enumerate(metadata):
        path = fields.get("path")
        if isinstance(path, str):
            own = bool(wanted) and not wanted.isdisjoint(_symbols(fields))
            weights[row] = path_weight(path, defining if own else asked_for)
        weights[row] *= history_weight(fields, asked=profile.asks_for_history)
    return weights


def repeat_decay(scores: Scores, metadata: Sequence[Mapping[str, Any]], within: Scores) -> Scores:
    """Return scores in which each further chunk of one file counts `REPEAT_DECAY` times the one before.

    Each further commit counts `COMMIT_DECAY` times the one before.

    Args:
        scores: Shape ``(n,)``.
        metadata: One mapping for each score.
        within: Shape ``(n,)``: the order in which the chunks of a file take the file's scores.
    """
    decayed = scores.copy()
    files: dict[str, list[int]] = {}
    commits = 0
    for row in np.argsort(-scores, kind="stable"):
        path = metadata[row].get("path")
        if isinstance(path, str):
            files.setdefault(path, []).append(row)
        elif is_commit(metadata[row]):
            decayed[row] *= COMMIT_DECAY**commits
            commits += 1
    for rows in files.values():
        if len(rows) > 1:
            slots = scores[rows] * REPEAT_DECAY ** np.arange(len(rows))
            decayed[sorted(rows, key=lambda row: -within[row])] = slots
    return decayed


def order_within_files(
    scores: Scores, metadata: Sequence[Mapping[str, Any]], keyword: Scores, definition: Scores
) -> Scores:
    """Return what the chunks of one file are ordered by: the words of the query in them, before all.

    Args:
        scores: Shape ``(n,)``: with all signals, before the decay of repeats.
        metadata: One mapping for each score.
        keyword: Shape ``(n,)``: BM25 as a share of the best candidate's, 0..1.
        definition: Shape ``(n,)``: as of `definition_signal`.

    Returns:
        Shape ``(n,)``; comparable within a file only.
    """
    given = [fields.get("path") for fields in metadata]
    paths = [path if isinstance(path, str) else None for path in given]  # anybody's metadata may hold a list there
    best: dict[str | None, float] = {}
    for path, score in zip(paths, scores, strict=True):
        best[path] = max(best.get(path, 0.0), score)
    shares = scores / np.array([best[path] or 1.0 for path in paths])
    order: Scores = shares + KEYWORDS_WITHIN_FILE * keyword + DEFINITION_WITHIN_FILE * definition
    return order


def apply_signals(
    profile: QueryProfile, metadata: Sequence[Mapping[str, Any]], fused: Scores, keyword: Scores
) -> Scores:
    """Add the signals to fused scores.

    Args:
        profile: The query.
        metadata: One mapping for each candidate, in the order of ``fused``.
        fused: Shape ``(n,)``, 0..1.
        keyword: Shape ``(n,)``: BM25 as a share of the best candidate's, 0..1.

    Returns:
        Shape ``(n,)``, 0..1 (a share of the best attainable), in the order of ``fused``.
    """
    if not len(fused):
        return fused
    path_gain = 0.0 if profile.is_symbol else PATH_GAIN
    definition_gain = DEFINITION_GAIN if profile.is_symbol else WORD_DEFINITION_GAIN if profile.is_word else 0.0
    most = max((score for score, fields in zip(fused, metadata, strict=True) if not is_commit(fields)), default=1.0)
    definition = definition_signal(profile, metadata)
    total = fused + most * (
        definition_gain * definition
        + path_gain * path_signal(profile, metadata)
        + COMPANY_GAIN * company_signal(fused, metadata)
    )
    attainable = 1.0 + COMPANY_GAIN + path_gain + definition_gain * (1.0 + NAMESAKE_FILE_GAIN)
    if profile.asks_for_history:
        attainable *= max(1.0, ASKED_COMMIT_WEIGHT)
    total *= path_weights(profile, metadata)
    within = order_within_files(total, metadata, keyword, definition)
    return np.clip(repeat_decay(total, metadata, within) / attainable, 0.0, 1.0)


def _symbols(fields: Mapping[str, Any]) -> list[str]:
    """Return what a chunk defines; anybody's metadata may hold something else there."""
    names = fields.get("symbols")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _is_in(path: str, qualifier: str) -> bool:
    """Whether a file or its folder has the name of what qualifies a symbol: ``json/__init__.py`` in ``json.dumps``."""
    folder = path.rpartition("/")[0].rpartition("/")[2]
    return _joined(qualifier) in (_joined(_stem(path)), _joined(folder))


def _joined(name: str) -> str:
    return "".join(split_identifier(name))


@lru_cache(maxsize=8192)
def _stem(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return name.split(".", 1)[0] if not name.startswith(".") else name


@lru_cache(maxsize=8192)
def _path_words(path: str) -> frozenset[str]:
    """Return the folded words of a file's stem and of the folder it is in."""
    folders = path.split("/")[:-1]
    names = [_stem(path), *folders[-1:]]
    return frozenset(fold_word(part) for name in names for part in split_identifier(name))


def _same_word(word: str, part: str) -> bool:
    if word == part:
        return True
    shorter, longer = (word, part) if len(word) <= len(part) else (part, word)
    return len(shorter) >= _MIN_PREFIX and longer.startswith(shorter)
