"""Exact token counts for OpenAI models, offline: tiktoken with the rank files that ship in the wheel.

The split patterns, the special tokens and the SHA-256 of each rank file come from the installed tiktoken. Its own
definition of an encoding runs, with a loader that reads the shipped files instead of the network.
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
from aurora_dev.core.tokens.counting import longest_prefix, panic_as_error, pieces
from aurora_dev.errors import ConfigurationError, ModelLoadError

if TYPE_CHECKING:
    from tiktoken import Encoding

__all__ = ["ENCODINGS", "RANKS_PATH", "TiktokenCounter", "encoding_of_model"]

RANKS_PATH: Final = Path(__file__).resolve().parents[2] / "models" / "tiktoken"
# o200k_harmony shares the ranks of o200k_base and differs in its special tokens.
ENCODINGS: Final = ("o200k_base", "cl100k_base", "o200k_harmony")
# OpenAI documents three tokens per message and three to open the reply. The role name takes one more.
_CHAT: Final = ChatOverhead(per_message=4, per_reply=3)
# For models newer than the installed tiktoken. No family has ever changed its encoding.
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
    """Return the name of a model's encoding, or ``None`` if it is not an OpenAI model."""
    import tiktoken

    try:
        return tiktoken.encoding_name_for_model(model)
    except KeyError:
        pass
    name = model.rpartition("/")[2].lower()  # model routers write "openai/gpt-5"
    return next((encoding for prefix, encoding in _FAMILIES if name.startswith(prefix)), None)


class TiktokenCounter(TokenCounter):
    """Counts with tiktoken. The text of a special token, such as ``<|endoftext|>``, counts as ordinary text.

    Args:
        encoding: One of `ENCODINGS`. The first count in a process reads the ranks, which takes 0.3 s.

    Raises:
        ConfigurationError: No encoding with shipped ranks has that name.
        ModelLoadError: On the first count, if a rank file is missing or damaged.
    """

    chat = _CHAT

    def __init__(self, encoding: str = "o200k_base") -> None:
        if encoding not in ENCODINGS:
            raise ConfigurationError(
                f"no token ranks ship for the encoding {encoding!r}; nothing was counted. Use one of: "
                + ", ".join(ENCODINGS)
            )
        self.encoding = encoding

    @property
    def name(self) -> str:
        """The name of the encoding."""
        return self.encoding

    def count(self, text: str) -> int:
        """Return the number of tokens: exact, unless 100,000 characters in a row are all blank or all not blank.

        Raises:
            InvalidRequestError: The tokenizer fails on this text.
        """
        return len(self._encode(text)) if text else 0

    def truncate(self, text: str, limit: int) -> str:
        """Return the longest prefix that ends on a token boundary and counts at most ``limit`` tokens."""
        if limit <= 0:
            return ""
        encoder = _encoding(self.encoding)
        tokens = self._encode(text)
        if len(tokens) <= limit:
            return text
        # The cut may fall inside a character, or change how the text before it is tokenized: move back until neither.
        for end in range(limit, max(0, limit - 16), -1):
            prefix = encoder.decode_bytes(tokens[:end]).decode("utf-8", "ignore")
            if text.startswith(prefix) and self.count(prefix) <= limit:
                return prefix
        return longest_prefix(text, limit, self.count)

    def _encode(self, text: str) -> list[int]:
        encoder = _encoding(self.encoding)
        with panic_as_error():
            return [token for piece in pieces(text) for token in encoder.encode_ordinary(piece)]


def _encoding(name: str) -> Encoding:
    # The lock keeps two threads from both reading the file. It costs nothing once the encoding is cached.
    with _loading:
        return _load_encoding(name)


@cache
def _load_encoding(name: str) -> Encoding:
    import tiktoken
    from tiktoken_ext import openai_public

    # Rebuild the module's functions with our loader in place of the one that downloads.
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
    # tiktoken keeps this 27 MB table only so that an encoding can be pickled, which Aurora never does.
    encoding._mergeable_ranks = {}
    return encoding


def _load_ranks(url: str, expected_hash: str | None = None) -> dict[bytes, int]:
    """Read and verify the shipped copy of the rank file at one of tiktoken's URLs.

    Returns:
        The rank of each token.

    Raises:
        ModelLoadError: The file is missing or is not the one that tiktoken expects.
    """
    name = url.rpartition("/")[2]
    path = RANKS_PATH / f"{name}.gz"
    advice = "Reinstall aurora-dev, or recreate the file with scripts/fetch_tokenizer_ranks.py"
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, gzip.BadGzipFile, ValueError) as error:
        raise ModelLoadError(f"the token ranks {path} cannot be read ({error}). {advice}") from error
    if expected_hash is None or hashlib.sha256(data).hexdigest() != expected_hash:
        raise ModelLoadError(f"the token ranks {path} are not those that tiktoken expects (SHA-256). {advice}")
    fields = data.split()
    try:
        return dict(zip(map(base64.b64decode, fields[::2]), map(int, fields[1::2]), strict=True))
    except (ValueError, binascii.Error) as error:
        raise ModelLoadError(f"the token ranks {path} are not in tiktoken's format ({error}). {advice}") from error
