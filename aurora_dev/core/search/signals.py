"""Code-aware ranking signals: the evidence of paths, definitions and neighbouring chunks.

Each signal is a pure function over the candidates of one query; `apply_signals` adds them to the fused scores. The
ideas come from code search engines (ranking by definitions in Sourcegraph and GitHub, file scores in Zoekt, boosts in
MinishLab's semble); the functions and numbers are our own. The numbers were tuned on the data that
``docs/evaluation.md`` names for tuning; ``benchmarks/tune_ranking.py`` shows the gain of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from aurora_dev.core.record_kinds import history_group, is_history
from aurora_dev.core.search.history import ASKED_COMMIT_WEIGHT, COMMIT_DECAY, asks_for_history, history_weight
from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.path_kinds import kinds_asked_for, path_weight
from aurora_dev.core.text.terms import STOP_WORDS, is_symbol_query, split_identifier
from aurora_dev.lazy import lazy_pattern, np, npt

Scores: TypeAlias = "npt.NDArray[np.float64]"

# The share of the vector list in the fusion: on code, words are the better evidence.
VECTOR_WEIGHT = 0.3

# The most that each signal adds to a fused score of at most 1. A definition of exactly the queried symbol beats any
# list position. A single plain word may ask for a definition too. A name inside a sentence is often incidental, and
# its keyword matches are enough. A path is a strong hint, and several matching chunks are evidence for a file.
DEFINITION_GAIN = 2.0
WORD_DEFINITION_GAIN = 0.75
PATH_GAIN = 1.25
COMPANY_GAIN = 0.3
# The number of best chunks that count for a file: with all of them, the longest files would win.
COMPANY = 4
# Of several definitions of a name, the one in a file of that name is the main one.
NAMESAKE_FILE_GAIN = 0.5
# `Client.send` asks for that method, and for the `send` of another class only if there is none.
OTHER_QUALIFIER_SHARE = 0.5
# Each further chunk of one file counts half as much as the one before, so that one file does not fill the results.
REPEAT_DECAY = 0.5
# All signals together choose the file; within a file, mostly keywords choose the chunk. The fused scores come from
# ranks, which hardly separate a chunk with all words of the query from one with some of them. A definition, even one
# that shares only the last part of the name, comes before a chunk that mentions the name more often.
KEYWORDS_WITHIN_FILE = 3.0
DEFINITION_WITHIN_FILE = (1.0 + KEYWORDS_WITHIN_FILE) / OTHER_QUALIFIER_SHARE

_IDENTIFIER = lazy_pattern(r"[A-Za-z_$][\w$]*(?:(?:\.|::|->|#|\\)[A-Za-z_$][\w$]*)*")
_SEPARATORS = lazy_pattern(r"\.|::|->|#|\\")
_MIN_PREFIX = 3  # "auth" may stand for "authentication", "a" may not


@dataclass(frozen=True, slots=True)
class QueryProfile:
    """The features of a query that the signals use.

    Attributes:
        words: Folded content words, without stop words.
        symbols: Identifiers in the query, as written; for a qualified name, its last part too.
        is_symbol: Whether the query is a single identifier that cannot be a plain word. ``rrf`` names a symbol, but may
            be a word just as well.
        is_word: Whether the query is one plain word, which may be a name.
        qualifiers: By the last part of a qualified name, the part right before it: ``Client`` for ``send``.
        asks_for_history: Whether the query asks why something is so, when it changed or who changed it.
    """

    words: frozenset[str]
    symbols: tuple[str, ...]
    is_symbol: bool
    is_word: bool = False
    qualifiers: Mapping[str, str] = field(default_factory=dict, hash=False)
    asks_for_history: bool = False

    @classmethod
    def of(cls, query: str) -> QueryProfile:
        """Return the profile of a query."""
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

    A definition that shares only the last part of a qualified name counts `OTHER_QUALIFIER_SHARE` of that, unless its
    file or folder has the name of the qualifier, as for the functions of a module.
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
    """Return the share of the query's words that are in the name of the file or of its folder, 0..1.

    The more files among the candidates have a word in their names, the less it counts: in a test framework, ``test`` in
    a path means nothing.
    """
    signal = np.zeros(len(metadata))
    if not profile.words:
        return signal
    given = [fields.get("path") for fields in metadata]
    path_words: dict[str, set[str]] = {}
    for path in given:
        if isinstance(path, str) and path not in path_words:
            parts = _path_words(path)
            path_words[path] = {
                word for word in profile.words if word in parts or any(_is_prefix(word, part) for part in parts)
            }
    files = Counter(word for words in path_words.values() for word in words)
    shares = {
        path: sum(1.0 - (files[word] - 1) / len(path_words) for word in words) / len(profile.words)
        for path, words in path_words.items()
    }
    for row, path in enumerate(given):
        if isinstance(path, str):
            signal[row] = shares[path]
    return signal


def company_signal(scores: Scores, metadata: Sequence[Mapping[str, Any]]) -> Scores:
    """Return, for the best chunk of each file, the sum of the file's best `COMPANY` scores over the best file's, 0..1.

    Every other chunk gets 0.
    """
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
    """Return 1 for ordinary code, and less for tests, examples, copies, build output and prose, unless asked for.

    Commits weigh less than code too. Where the question is about the past, commits and notes weigh more.
    """
    asked_for = kinds_asked_for(profile.words)
    defining = asked_for | {"reexport"}  # an __init__.py that defines the symbol does not merely re-export it
    wanted = frozenset(profile.symbols)
    weights = np.ones(len(metadata))
    for row, fields in enumerate(metadata):
        path = fields.get("path")
        if isinstance(path, str):
            defines = bool(wanted) and not wanted.isdisjoint(_symbols(fields))
            weights[row] = path_weight(path, defining if defines else asked_for)
        weights[row] *= history_weight(fields, asked=profile.asks_for_history)
    return weights


def repeat_decay(scores: Scores, metadata: Sequence[Mapping[str, Any]], order: Scores) -> Scores:
    """Return scores in which the further chunks of a file, further commits and further sessions count less and less.

    Each further chunk of a file counts `REPEAT_DECAY` times the one before, each further commit or record of a session
    `COMMIT_DECAY` times.

    Args:
        scores: Shape ``(n,)``.
        metadata: One mapping for each score.
        order: Shape ``(n,)``; the chunk of a file with the highest value here takes the file's highest score.

    Returns:
        Shape ``(n,)``.
    """
    decayed = scores.copy()
    files: dict[str, list[int]] = {}
    before: Counter[str] = Counter()
    for row in np.argsort(-scores, kind="stable"):
        path = metadata[row].get("path")
        if isinstance(path, str):
            files.setdefault(path, []).append(row)
        elif (group := history_group(metadata[row])) is not None:
            decayed[row] *= COMMIT_DECAY ** before[group]
            before[group] += 1
    for rows in files.values():
        if len(rows) > 1:
            slots = scores[rows] * REPEAT_DECAY ** np.arange(len(rows))
            decayed[sorted(rows, key=lambda row: -order[row])] = slots
    return decayed


def order_within_files(
    scores: Scores, metadata: Sequence[Mapping[str, Any]], keyword: Scores, definition: Scores
) -> Scores:
    """Return the figures that order the chunks of one file: mostly the words of the query in them.

    Args:
        scores: Shape ``(n,)``: scores with all signals, before the decay of repeats.
        metadata: One mapping for each score.
        keyword: Shape ``(n,)``: BM25 as a share of the best candidate's, 0..1.
        definition: Shape ``(n,)``: the result of `definition_signal`.

    Returns:
        Shape ``(n,)``; comparable within a file only.
    """
    given = [fields.get("path") for fields in metadata]
    paths = [
        path if isinstance(path, str) else None for path in given
    ]  # metadata of other programs may hold a list there
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
        Shape ``(n,)``, 0..1 (a share of the highest possible score), in the order of ``fused``.
    """
    if not len(fused):
        return fused
    path_gain = 0.0 if profile.is_symbol else PATH_GAIN
    definition_gain = DEFINITION_GAIN if profile.is_symbol else WORD_DEFINITION_GAIN if profile.is_word else 0.0
    most = max((score for score, fields in zip(fused, metadata, strict=True) if not is_history(fields)), default=1.0)
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
    order = order_within_files(total, metadata, keyword, definition)
    return np.clip(repeat_decay(total, metadata, order) / attainable, 0.0, 1.0)


def _symbols(fields: Mapping[str, Any]) -> list[str]:
    """Return the names that a chunk defines; metadata of other programs may hold another type there."""
    names = fields.get("symbols")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _is_in(path: str, qualifier: str) -> bool:
    """Return whether a file or its folder has the name of a qualifier, as ``json/__init__.py`` for ``json.dumps``."""
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
    """Return the folded words in the stem of a file and in the name of its folder."""
    folders = path.split("/")[:-1]
    names = [_stem(path), *folders[-1:]]
    return frozenset(fold_word(part) for name in names for part in split_identifier(name))


def _is_prefix(word: str, part: str) -> bool:
    shorter, longer = (word, part) if len(word) <= len(part) else (part, word)
    return longer.startswith(shorter) and len(shorter) >= _MIN_PREFIX
