"""How files are made into documents, as a short name: where it changes, every stored file is read anew."""

from __future__ import annotations

import hashlib
from typing import Final

from aurora_dev.core.text.secrets import MASKING_VERSION

__all__ = ["CHUNKING_VERSION", "file_version", "recipe_name"]

# Grows whenever the same file may be cut differently, so that stored files are read anew.
CHUNKING_VERSION: Final = 3
_HASH_DIGITS: Final = 16  # 64 bits: compared only with the hash of the same path, so that chance plays no part


def recipe_name() -> str:
    """Return what names this version's way of making documents, masked or not."""
    return f"{CHUNKING_VERSION}/{MASKING_VERSION}"


def file_version(data: bytes, *, mask: bool) -> str:
    """Return what tells whether a stored file is up to date: its bytes, and how they are made into documents."""
    recipe = f"{CHUNKING_VERSION}/{MASKING_VERSION if mask else 0}/".encode()
    return hashlib.sha256(recipe + data).hexdigest()[:_HASH_DIGITS]
