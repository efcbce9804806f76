"""Masking of credentials in texts and metadata."""

from __future__ import annotations

from aurora_dev.core.types import MetadataValue
from aurora_dev.notes.model.masking import SecretMask

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def test_texts_are_masked_and_none_stays_none() -> None:
    mask = SecretMask(True)
    assert mask.text("plain") == "plain"
    assert SECRET not in mask.text(f"token {SECRET}")
    assert mask.text(None) is None


def test_strings_and_lists_of_strings_in_metadata_are_masked_and_other_values_kept() -> None:
    metadata: dict[str, MetadataValue] = {"a": SECRET, "b": ["x", SECRET], "c": 3, "d": True, "e": [1, SECRET]}  # type: ignore[list-item]
    masked = SecretMask(True).metadata(metadata)
    assert SECRET not in str([masked["a"], masked["b"]])
    assert (masked["c"], masked["d"], masked["e"]) == (3, True, [1, SECRET])  # the store refuses the last one by name


def test_a_mask_that_is_off_changes_nothing() -> None:
    assert SecretMask(False).text(SECRET) == SECRET
    assert SecretMask(False).metadata({"a": [SECRET]}) == {"a": [SECRET]}
