"""Decide which stored records are worth adding to a prompt.

A prompt is not a question to a search: most have no answer in the memory ("run the tests"), and text that does not
belong there costs attention. So each record is judged by itself: how near its meaning is, and how many of the prompt's
rare words it has. A logistic regression weighs that. ``benchmarks/prompt_relevance.py`` made `COEFFICIENTS`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from aurora_dev.core.record_kinds import is_session
from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import STOP_WORDS, split_identifier

__all__ = [
    "COEFFICIENTS",
    "LEAST_NOTE",
    "LEAST_SESSION",
    "Prompt",
    "features",
    "is_named",
    "probability",
    "read_prompt",
    "said",
    "weigh",
]

LEAST_NOTE: Final = 0.8
"""The least probability with which a note is added."""

LEAST_SESSION: Final = 0.9
"""The least probability with which a part of a session is added: longer texts share words with more prompts."""

COEFFICIENTS: Final[Mapping[str, float]] = {
    "constant": -6.182,
    "cosine": 9.498,
    "coverage": 4.777,
    "mass": 3.817,
    "several": 0.652,
}

_MOST_CHARS: Final = 2_000  # of a prompt; a longer one quotes a file or a log after its question
_MOST_WORDS: Final = 40
_MASS: Final = 10.0  # natural logarithm units: two rare words
_WORD: Final = re.compile(r"\w+")
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_QUOTED: Final = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
# Words of talking to an assistant. They are rare in a project, so that their rarity would say nothing.
_TALK: Final = frozenset(
    word
    for line in (
        "add again ahead all already also always another anything back before best better big bit both bug bugs can't",
        "cannot change check clean code commit continue could create currently didn't different doesn't don't done",
        "each easy else error errors even every everything explain fail failed failing fails few file files find",
        "first fix function get give go good got great help here's how's i'd i'll i'm i've implement it's just keep",
        "know last least left less let let's lets like line lines little long look looks made make many maybe me mean",
        "more most move much must need needs never new next nice no not note nothing now ok okay old once one only",
        "other our out over part please possible problem put question really refactor remove rename rest right run",
        "same say see seems set several show since small something sorry still stop support sure take tell test tests",
        "thank thanks that's thing things think too try two under understand update use used using very want wants",
        "way well what's without won't work works write wrong yes yet",
    )
    for word in line.split()
)


class Prompt(NamedTuple):
    """A prompt as it is judged.

    Attributes:
        text: Its text, without quoted code, cut.
        words: Its content words in lower case, each once; in scripts without spaces, pairs of characters.
        weights: The weight of each word: the logarithm of its rarity.
        names: Its compound names, such as ``max_size`` and ``RegexLexer``, in lower case and without underscores.
    """

    text: str
    words: tuple[str, ...]
    weights: Mapping[str, float]
    names: frozenset[str]


def read_prompt(text: str) -> Prompt:
    """Return a prompt with its content words, whose weights are not known yet."""
    plain = _QUOTED.sub(" ", text)
    cut = (plain if plain.strip() else text)[:_MOST_CHARS]
    words: dict[str, None] = {}
    names = set()
    for match in _WORD.finditer(cut):
        parts = split_identifier(match[0])
        if len(parts) > 1 and not _UNSPACED.search(match[0]):
            names.add(match[0].replace("_", "").lower())
        for part in parts:
            if _UNSPACED.search(part):
                words.update(dict.fromkeys(part[at : at + 2] for at in range(max(1, len(part) - 1))))
            elif len(part) > 1 and part not in STOP_WORDS and part not in _TALK:
                words[part] = None
    return Prompt(cut, tuple(words)[:_MOST_WORDS], {}, frozenset(names))


def weigh(prompt: Prompt, records: int, holders: Callable[[str], int]) -> Prompt:
    """Return a prompt with the weight of each word.

    Args:
        prompt: The prompt.
        records: The number of all records.
        holders: Returns the number of records that hold a word.
    """
    weights = {}
    for word in prompt.words:
        held = holders(word)
        weights[word] = math.log1p(max(0.0, records - held + 0.5) / (held + 0.5))
    return prompt._replace(weights=weights)


def said(content: str, metadata: Mapping[str, Any]) -> str:
    """Return the part of a record that tells its subject; the text of a session ends with a paragraph of facts."""
    return content.rpartition("\n\n")[0] or content if is_session(metadata) else content


def features(prompt: Prompt, content: str, metadata: Mapping[str, Any], cosine: float | None) -> dict[str, float]:
    """Return the figures that tell a relevant record from another.

    Args:
        prompt: The weighed prompt.
        content: The text of the record.
        metadata: Its metadata.
        cosine: The cosine of the two vectors; ``None`` if the record has none.
    """
    tags = metadata.get("tags")
    more = " ".join(tags) if isinstance(tags, list) else ""
    text = f"{metadata.get('path', '')}\n{more}\n{content}".casefold()
    held = {word: weight for word, weight in prompt.weights.items() if word in text or fold_word(word) in text}
    mass, total = sum(held.values()), sum(prompt.weights.values())
    return {
        "constant": 1.0,
        "cosine": max(0.0, cosine or 0.0),
        "coverage": mass / total if total else 0.0,
        "mass": min(1.0, mass / _MASS),
        "several": 1.0 if len(held) > 1 else 0.0,
    }


def probability(found: Mapping[str, float]) -> float:
    """Return how likely a record belongs to a prompt, 0..1."""
    return 1.0 / (1.0 + math.exp(-sum(COEFFICIENTS[name] * value for name, value in found.items())))


def is_named(prompt: Prompt, metadata: Mapping[str, Any]) -> bool:
    """Return whether a prompt names a chunk of a file: its symbol or file by its name, or in words.

    A prompt shares words with the content of many chunks that it is not about, so that only names count: either a
    compound name, or two words with half of the weight of all of the prompt's words.

    Args:
        prompt: The weighed prompt.
        metadata: The chunk's metadata.
    """
    path, symbol = metadata.get("path"), metadata.get("symbol")
    stem = path.rpartition("/")[2].partition(".")[0] if isinstance(path, str) else ""
    last = symbol.rpartition(".")[2] if isinstance(symbol, str) else ""
    if prompt.names & {joined for name in (stem, last) if (joined := name.replace("_", "").lower())}:
        return True
    own = {fold_word(part) for name in (path, symbol) if isinstance(name, str) for part in _parts(_last(name))}
    held = [weight for word, weight in prompt.weights.items() if fold_word(word) in own]
    return len(held) > 1 and sum(held) >= sum(prompt.weights.values()) / 2


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _parts(name: str) -> list[str]:
    return [part for match in _WORD.finditer(name) for part in split_identifier(match[0])]
