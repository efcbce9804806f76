"""Token counters: exact for OpenAI models and for any ``tokenizer.json``, a safe overestimate for everything else."""

from aurora_dev.core.contracts import DEFAULT_CHAT, ChatOverhead, TokenCounter
from aurora_dev.core.tokens.counting import count_messages, longest_prefix
from aurora_dev.core.tokens.create import create_counter
from aurora_dev.core.tokens.estimate import EstimateCounter
from aurora_dev.core.tokens.openai import ENCODINGS, TiktokenCounter
from aurora_dev.core.tokens.tokenizer_file import HuggingFaceCounter

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
