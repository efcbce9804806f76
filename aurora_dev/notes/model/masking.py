"""Masking of credentials in a note's texts, before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar, cast

from aurora_dev.core.types import MetadataValue

_Text = TypeVar("_Text", bound="str | None")


class SecretMask:
    """Masks credentials in texts and metadata.

    Args:
        enabled: Whether to mask; ``False`` returns everything unchanged.
    """

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled

    def text(self, text: _Text) -> _Text:
        """Return a text without credentials; ``None`` stays ``None``."""
        if not self._enabled or text is None:
            return text
        from aurora_dev.core.text.secrets import mask_secrets

        return cast("_Text", mask_secrets(text)[0])

    def names(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return tags without credentials and repetitions, in their order."""
        return tuple(dict.fromkeys(self.text(name) for name in names))

    def metadata(self, metadata: Mapping[str, MetadataValue]) -> dict[str, MetadataValue]:
        """Return metadata whose strings and lists of strings hold no credentials."""
        return {key: self._value(key, value) if self._enabled else value for key, value in metadata.items()}

    @staticmethod
    def _value(key: str, value: MetadataValue) -> MetadataValue:
        from aurora_dev.core.text.secrets import mask_named

        if isinstance(value, str):
            return mask_named(key, value)[0]
        # Values that cannot be stored pass unchanged: the store refuses them by name.
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return [mask_named(key, part)[0] for part in cast("Sequence[str]", value)]
        return value
