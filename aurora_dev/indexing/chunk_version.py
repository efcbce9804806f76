"""The version of the way in which files become chunks; when it changes, every stored file is indexed again."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["CHUNKING_VERSION", "current_chunk_version", "file_version"]

# Increase it whenever the same file may be cut differently, so that stored files are indexed again.
CHUNKING_VERSION: Final = 4
_HASH_DIGITS: Final = 16  # 64 bits: a hash is compared only with the stored one of the same path


def current_chunk_version(encodings: str = "") -> str:
    """Return the version of cutting and masking, ``CHUNKING/MASKING``.

    Args:
        encodings: See `FileEncodings.digest`; it is added if there is one.
    """
    from aurora_dev.core.text.secrets import MASKING_VERSION

    return f"{CHUNKING_VERSION}/{MASKING_VERSION}" + (f"/{encodings}" if encodings else "")


def file_version(data: bytes, *, mask: bool, encoding: str | None = None) -> str:
    """Return a hash of a file's bytes and of the way they become chunks; it changes when either does.

    Args:
        data: The bytes.
        mask: Whether credentials are masked.
        encoding: The codec that the project sets for the file; ``None`` if it sets none.
    """
    from aurora_dev.core.text.secrets import MASKING_VERSION

    prefix = f"{CHUNKING_VERSION}/{MASKING_VERSION if mask else 0}/".encode()
    if encoding is not None:
        prefix += f"{encoding}/".encode()
    return hashlib.sha256(prefix + data).hexdigest()[:_HASH_DIGITS]
