"""The version of the way in which files become chunks; when it changes, every stored file is indexed again."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["CHUNKING_VERSION", "current_chunk_version", "file_version"]

# Increase it whenever the same file may be cut differently, so that stored files are indexed again.
CHUNKING_VERSION: Final = 4
_HASH_DIGITS: Final = 16  # 64 bits: a hash is compared only with the stored one of the same path


def current_chunk_version() -> str:
    """Return the version of cutting and masking, ``CHUNKING/MASKING``."""
    from aurora_dev.core.text.secrets import MASKING_VERSION

    return f"{CHUNKING_VERSION}/{MASKING_VERSION}"


def file_version(data: bytes, *, mask: bool) -> str:
    """Return a hash of a file's bytes and of the way they become chunks; it changes when either does."""
    from aurora_dev.core.text.secrets import MASKING_VERSION

    prefix = f"{CHUNKING_VERSION}/{MASKING_VERSION if mask else 0}/".encode()
    return hashlib.sha256(prefix + data).hexdigest()[:_HASH_DIGITS]
