"""The encodings that a project sets for its files, by globs."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable

from aurora_dev.core.text.encodings import text_codec
from aurora_dev.core.text.globs import compile_glob
from aurora_dev.errors import InvalidRequestError

__all__ = ["FileEncodings"]

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_DIGITS = 12


class FileEncodings:
    """The encodings that a project sets for its files.

    Args:
        pairs: Globs and names of encodings; of several globs that match a path, the last one counts.

    Attributes:
        digest: A text that differs between settings; empty without any.

    Raises:
        InvalidRequestError: A name is not that of an encoding of text, or the braces of a glob stand for too much.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        pairs = list(pairs)
        self._tests = []
        for glob, name in pairs:
            codec = text_codec(name)
            if codec is None:
                raise InvalidRequestError(f"file_encodings: '{name}' (for {glob}) is not an encoding of text")
            try:
                self._tests.append((compile_glob(glob), codec))
            except ValueError as error:
                raise InvalidRequestError(f"file_encodings: the glob {glob!r}: {error}") from None
        listed = "\0".join(part for pair in pairs for part in pair)
        self.digest = hashlib.sha256(listed.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS] if listed else ""

    def of(self, path: str) -> str | None:
        """Return the codec that is set for a path; ``None`` if none is."""
        return next((codec for matches, codec in reversed(self._tests) if matches(path)), None)

    def decode(self, path: str, data: bytes) -> tuple[str, str] | None:
        """Return the text of a file and its codec.

        Args:
            path: Relative to the project.
            data: All bytes of the file.

        Returns:
            ``None`` if no encoding is set for the file, the file begins with a byte order mark, or its bytes are not
            valid in that encoding.
        """
        codec = self.of(path)
        if codec is None or data.startswith(_MARKS):
            return None
        try:
            return data.decode(codec), codec
        except (UnicodeError, ValueError):
            return None
