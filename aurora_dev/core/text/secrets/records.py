"""Masking of a record: its text and everything in its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aurora_dev.core.text.secrets.masking import mask_named, mask_secrets

__all__ = ["mask_content"]


def mask_content(content: str, metadata: Mapping[str, Any]) -> tuple[str, dict[str, Any], int]:
    """Mask the credentials in a text and its metadata: a URL with a password may be in either.

    Returns:
        The masked text, the masked metadata, and the number of masked credentials.
    """
    content, count = mask_secrets(content)
    clean: dict[str, Any] = {}
    for key, value in metadata.items():
        if isinstance(value, str):
            value, found = mask_named(key, value)
            count += found
        elif isinstance(value, list) and all(isinstance(part, str) for part in value):
            parts = [mask_named(key, part) for part in value]
            value = [part for part, _ in parts]
            count += sum(found for _, found in parts)
        clean[key] = value
    return content, clean, count
