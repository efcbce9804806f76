"""A token estimate for models whose tokenizer is not available. It counts high on purpose."""

from __future__ import annotations

from aurora_dev.core.contracts import DEFAULT_CHAT, TokenCounter
from aurora_dev.core.text.token_estimate import estimated_tokens
from aurora_dev.core.tokens.counting import longest_prefix

__all__ = ["EstimateCounter"]


class EstimateCounter(TokenCounter):
    """Estimates tokens without a tokenizer, always high enough: a text that fits by this count really fits.

    See `estimated_tokens`.
    """

    chat = DEFAULT_CHAT
    name = "estimate"

    def count(self, text: str) -> int:
        """Return at least as many tokens as a current byte-pair or unigram tokenizer makes of code or prose."""
        return estimated_tokens(text)

    def truncate(self, text: str, limit: int) -> str:
        """Return the longest prefix whose count is at most ``limit``."""
        return longest_prefix(text, limit, self.count)
