"""Choose a token counter by the name of a model or an encoding."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aurora_dev.core.contracts import TokenCounter
from aurora_dev.core.tokens.estimate import EstimateCounter
from aurora_dev.core.tokens.openai import ENCODINGS, TiktokenCounter, encoding_of_model
from aurora_dev.core.tokens.tokenizer_file import HuggingFaceCounter
from aurora_dev.errors import ConfigurationError

__all__ = ["create_counter"]

DEFAULT_ENCODING: Final = "o200k_base"


def create_counter(*, model: str | None = None, encoding: str | None = None) -> TokenCounter:
    """Return the counter for a model or an encoding.

    Args:
        model: An OpenAI model name (``gpt-…`` and others) or the path of a ``tokenizer.json`` or its folder, which
            count exactly. Any other name gives an `EstimateCounter`, whose ``name`` is ``estimate``.
        encoding: One of `ENCODINGS`, or ``"estimate"``. The default, without a model, is ``o200k_base``.

    Raises:
        ConfigurationError: Both were given, the model name is empty, or the encoding is unknown.
        ModelLoadError: The ``tokenizer.json`` cannot be read.
    """
    if model is not None and encoding is not None:
        raise ConfigurationError("give a model or an encoding, not both: the model determines the encoding")
    if model is None:
        if encoding == EstimateCounter.name:
            return EstimateCounter()
        return TiktokenCounter(encoding or DEFAULT_ENCODING)
    if not model.strip():
        raise ConfigurationError("the model name is empty; leave it out to count with o200k_base")
    name = encoding_of_model(model)
    if name in ENCODINGS:
        return TiktokenCounter(name)
    if model.endswith(".json") or Path(model).is_dir():
        return HuggingFaceCounter(model)
    return EstimateCounter()
