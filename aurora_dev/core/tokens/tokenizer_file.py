"""A token counter for any tokenizer in the Hugging Face ``tokenizer.json`` format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aurora_dev.core.contracts import DEFAULT_CHAT, ChatOverhead, TokenCounter
from aurora_dev.core.tokens.counting import longest_prefix, panic_as_error, pieces
from aurora_dev.errors import ModelLoadError

__all__ = ["HuggingFaceCounter"]


class HuggingFaceCounter(TokenCounter):
    """Counts with a ``tokenizer.json`` file, which is read when the counter is created.

    Args:
        path: The file, or the folder that holds it.
        chat: The token overhead of the model's chat template.

    Raises:
        ModelLoadError: The file is missing or is not a tokenizer.
    """

    def __init__(self, path: str | Path, *, chat: ChatOverhead = DEFAULT_CHAT) -> None:
        file = Path(path).expanduser()
        if file.is_dir():
            file = file / "tokenizer.json"
        if not file.is_file():
            raise ModelLoadError(f"there is no tokenizer at '{file}'; give a tokenizer.json, or its folder")
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Any = Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises bare Exception for every kind of broken file
            raise ModelLoadError(f"'{file}' is not a tokenizer in the Hugging Face format: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.chat = chat
        self.path = file

    @property
    def name(self) -> str:
        """The file name with its parent folder, as in ``my-model/tokenizer.json``."""
        return f"{self.path.parent.name}/{self.path.name}"

    def count(self, text: str) -> int:
        """Return the number of tokens, without the special tokens that frame a sequence.

        Raises:
            InvalidRequestError: The tokenizer fails on this text.
        """
        if not text:
            return 0
        # The tokenizer rejects lone surrogates. The replacement character counts the same.
        safe = text.encode("utf-8", "replace").decode("utf-8")
        with panic_as_error():
            return sum(len(self._tokenizer.encode(piece, add_special_tokens=False).ids) for piece in pieces(safe))

    def truncate(self, text: str, limit: int) -> str:
        """Return about the longest prefix whose count is at most ``limit``."""
        return longest_prefix(text, limit, self.count)
