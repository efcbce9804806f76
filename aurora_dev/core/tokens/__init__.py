"""Token counters: exact for OpenAI's models and for any ``tokenizer.json``, and a careful estimate for all others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from aurora_dev.core.contracts import DEFAULT_CHAT, ChatOverhead, TokenCounter
from aurora_dev.core.tokens.counting import count_messages, longest_prefix
from aurora_dev.core.tokens.openai import ENCODINGS, TiktokenCounter, encoding_of_model
from aurora_dev.errors import ConfigurationError, ModelLoadError

__all__ = [
    "DEFAULT_CHAT",
    "ENCODINGS",
    "ChatOverhead",
    "EstimateCounter",
    "HuggingFaceCounter",
    "TiktokenCounter",
    "TokenCounter",
    "count_messages",
    "create_counter",
    "longest_prefix",
]

DEFAULT_ENCODING: Final = "o200k_base"

# Runs that a byte-pair tokenizer never joins with each other, as far as its pattern goes: words by case, digits, …
_RUNS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[ \t]+|\n|[^\x00-\x7f]+|[\x00-\x7f]", re.ASCII)
_VOWELS: Final = frozenset("aeiouyAEIOUY")
# Words of natural language and of identifiers take at least two letters a token; what has (nearly) no vowels is an
# abbreviation or random, and may take one token a letter.
_LETTERS_PER_TOKEN: Final = 2
_LEAST_VOWELS: Final = 0.2
_LONGEST_WORD: Final = 20  # letters of one case without a break; what is longer is data
_BLANKS_PER_TOKEN: Final = 4  # the oldest tokenizers still in use join no more


class EstimateCounter(TokenCounter):
    """Counts high on purpose, without any tokenizer: text that fits by its count fits.

    Whatever is not ASCII counts one token a byte, which no byte-level tokenizer exceeds (CJK takes 3 a character, emoji
    4); so do digits and signs; letters count by halves. On source code that is about twice the count of o200k_base.
    """

    chat = DEFAULT_CHAT
    name = "estimate"

    def count(self, text: str) -> int:
        """Return more tokens than a byte-pair or unigram tokenizer of a present model makes of code or prose."""
        return sum(map(_estimate, _RUNS.findall(text)))

    def truncate(self, text: str, limit: int) -> str:
        """Return the longest prefix whose count is at most ``limit``."""
        return longest_prefix(text, limit, self.count)


def _estimate(run: str) -> int:
    first = run[0]
    if first > "\x7f":
        return len(run.encode("utf-8", "surrogatepass"))
    if first in " \t":
        return 1 + len(run) // _BLANKS_PER_TOKEN
    if first.isalpha() and len(run) <= _LONGEST_WORD:
        vowels = sum(letter in _VOWELS for letter in run)
        if vowels >= _LEAST_VOWELS * len(run):
            return -(-len(run) // _LETTERS_PER_TOKEN)
    return len(run)


class HuggingFaceCounter(TokenCounter):
    """Counts with a ``tokenizer.json`` of the Hugging Face format; read when it is made.

    Args:
        path: The file, or the folder that it is in.
        chat: What chat messages cost with the model's template.

    Raises:
        ModelLoadError: The file is missing or is no tokenizer.
    """

    def __init__(self, path: str | Path, *, chat: ChatOverhead = DEFAULT_CHAT) -> None:
        file = Path(path).expanduser()
        if file.is_dir():
            file = file / "tokenizer.json"
        if not file.is_file():
            raise ModelLoadError(f"there is no tokenizer at '{file}'; name a tokenizer.json, or the folder of one")
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Any = Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises bare exceptions for whatever is wrong with a file
            raise ModelLoadError(f"'{file}' is not a tokenizer of the Hugging Face format: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.chat = chat
        self.path = file

    @property
    def name(self) -> str:
        """The file's name, with its folder's."""
        return f"{self.path.parent.name}/{self.path.name}"

    def count(self, text: str) -> int:
        """Return the number of tokens, without those that frame a sequence."""
        if not text:
            return 0
        # A lone surrogate cannot be handed to the tokenizer; what stands for it counts as much.
        safe = text.encode("utf-8", "replace").decode("utf-8")
        return len(self._tokenizer.encode(safe, add_special_tokens=False).ids)

    def truncate(self, text: str, limit: int) -> str:
        """Return about the longest prefix whose count is at most ``limit``."""
        return longest_prefix(text, limit, self.count)


def create_counter(*, model: str | None = None, encoding: str | None = None) -> TokenCounter:
    """Return the counter of a model or of an encoding.

    Args:
        model: ``gpt-…`` and the other names of OpenAI's models count exactly, a path of a ``tokenizer.json`` (or of
            its folder) too; any other name gives the `EstimateCounter`, whose ``name`` says so.
        encoding: One of `ENCODINGS`, or ``"estimate"``. Without both, ``o200k_base``.

    Raises:
        ConfigurationError: Both were given, or the encoding is not known.
        ModelLoadError: The ``tokenizer.json`` cannot be read.
    """
    if model is not None and encoding is not None:
        raise ConfigurationError("give a model or an encoding, not both: the model says which encoding it has")
    if model is None:
        if encoding == EstimateCounter.name:
            return EstimateCounter()
        return TiktokenCounter(encoding or DEFAULT_ENCODING)
    if not model.strip():
        raise ConfigurationError("the name of the model is empty; leave it out to count with o200k_base")
    name = encoding_of_model(model)
    if name in ENCODINGS:
        return TiktokenCounter(name)
    if model.endswith(".json") or Path(model).is_dir():
        return HuggingFaceCounter(model)
    return EstimateCounter()
