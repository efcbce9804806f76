"""Exact token counts of OpenAI's models, offline: tiktoken with the rank files that ship in the wheel.

The patterns, the special tokens and the SHA-256 of each rank file are those of the installed tiktoken: its own
definition of an encoding runs, with a loader that reads our files instead of the network.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import threading
import types
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.core.contracts import ChatOverhead, TokenCounter
from aurora_dev.core.tokens.counting import longest_prefix
from aurora_dev.errors import ConfigurationError, ModelLoadError

if TYPE_CHECKING:
    from tiktoken import Encoding

__all__ = ["ENCODINGS", "RANKS_PATH", "TiktokenCounter", "encoding_of_model"]

RANKS_PATH: Final = Path(__file__).resolve().parents[2] / "models" / "tiktoken"
# o200k_harmony has the ranks of o200k_base and other special tokens.
ENCODINGS: Final = ("o200k_base", "cl100k_base", "o200k_harmony")
# OpenAI documents three tokens for each message and three for the opening of the reply; a role's name is one more.
_CHAT: Final = ChatOverhead(per_message=4, per_reply=3)
# Models that are newer than the installed tiktoken: each family has had one encoding since it exists.
_FAMILIES: Final = (
    ("gpt-oss", "o200k_harmony"),
    ("gpt-3.5", "cl100k_base"),
    ("gpt-4o", "o200k_base"),
    ("gpt-4.", "o200k_base"),
    ("gpt-4", "cl100k_base"),
    ("text-embedding-", "cl100k_base"),
    ("gpt-", "o200k_base"),
    ("chatgpt-", "o200k_base"),
    ("codex-", "o200k_base"),
    ("o1", "o200k_base"),
    ("o3", "o200k_base"),
    ("o4", "o200k_base"),
)

_loading = threading.Lock()


def encoding_of_model(model: str) -> str | None:
    """Return the name of a model's encoding, or ``None`` where the model is not one of OpenAI's.

    Raises:
        MissingDependencyError: never; tiktoken is a dependency of Aurora.
    """
    import tiktoken

    try:
        return tiktoken.encoding_name_for_model(model)
    except KeyError:
        pass
    name = model.rpartition("/")[2].lower()  # "openai/gpt-5", as routers name it
    return next((encoding for prefix, encoding in _FAMILIES if name.startswith(prefix)), None)


class TiktokenCounter(TokenCounter):
    """Counts as tiktoken does; the text of a special token counts as ordinary text.

    Args:
        encoding: One of `ENCODINGS`. The ranks are read with the first count, which takes 0.3 s, once per process.

    Raises:
        ConfigurationError: No encoding with shipped ranks has that name.
        ModelLoadError: With the first count: a rank file is missing or damaged.
    """

    chat = _CHAT

    def __init__(self, encoding: str = "o200k_base") -> None:
        if encoding not in ENCODINGS:
            raise ConfigurationError(
                f"there are no ranks of the encoding {encoding!r}; nothing was counted. There are: "
                + ", ".join(ENCODINGS)
            )
        self.encoding = encoding

    @property
    def name(self) -> str:
        """The name of the encoding."""
        return self.encoding

    def count(self, text: str) -> int:
        """Return the exact number of tokens."""
        return len(_encoding(self.encoding).encode_ordinary(text)) if text else 0

    def truncate(self, text: str, limit: int) -> str:
        """Return the longest prefix that ends with a whole token and whose own count is at most ``limit``."""
        if limit <= 0:
            return ""
        encoder = _encoding(self.encoding)
        tokens = encoder.encode_ordinary(text)
        if len(tokens) <= limit:
            return text
        # A cut within a character, or one after which the rest is split otherwise, moves back until both are right.
        for end in range(limit, max(0, limit - 16), -1):
            prefix = encoder.decode_bytes(tokens[:end]).decode("utf-8", "ignore")
            if text.startswith(prefix) and self.count(prefix) <= limit:
                return prefix
        return longest_prefix(text, limit, self.count)


def _encoding(name: str) -> Encoding:
    # Two threads that ask at once must not both read the file: a lock around the cache, free of cost once it is there.
    with _loading:
        return _load_encoding(name)


@cache
def _load_encoding(name: str) -> Encoding:
    import tiktoken
    from tiktoken_ext import openai_public

    # The functions of the module, with our loader in place of the one that downloads.
    namespace: dict[str, Any] = dict(vars(openai_public))
    namespace["load_tiktoken_bpe"] = _load_ranks
    for key, value in vars(openai_public).items():
        if isinstance(value, types.FunctionType) and key in ENCODINGS:
            namespace[key] = types.FunctionType(value.__code__, namespace, key, value.__defaults__)
    try:
        encoding = tiktoken.Encoding(**namespace[name]())
    except KeyError as error:
        raise ModelLoadError(
            f"the installed tiktoken has no encoding {error}; install a newer one: pip install -U tiktoken"
        ) from error
    # It keeps the table for being pickled, which nobody does: 27 MB.
    encoding._mergeable_ranks = {}
    return encoding


def _load_ranks(url: str, expected_hash: str | None = None) -> dict[bytes, int]:
    """Read the shipped file that stands for a URL of tiktoken's, and check it.

    Returns:
        The rank of every token.

    Raises:
        ModelLoadError: The file is missing or is not the one that tiktoken expects.
    """
    name = url.rpartition("/")[2]
    path = RANKS_PATH / f"{name}.gz"
    again = "Install aurora-dev again, or make the file with scripts/fetch_tokenizer_ranks.py"
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, gzip.BadGzipFile, ValueError) as error:
        raise ModelLoadError(f"the token ranks {path} cannot be read ({error}). {again}") from error
    if expected_hash is None or hashlib.sha256(data).hexdigest() != expected_hash:
        raise ModelLoadError(f"the token ranks {path} are not those that tiktoken expects (SHA-256). {again}")
    fields = data.split()
    try:
        return dict(zip(map(base64.b64decode, fields[::2]), map(int, fields[1::2]), strict=True))
    except (ValueError, binascii.Error) as error:
        raise ModelLoadError(f"the token ranks {path} are not in tiktoken's format ({error}). {again}") from error
