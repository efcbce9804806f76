"""Errors of models that cannot be run or made here."""

from __future__ import annotations

__all__ = ["ModelTooLargeError", "UnsupportedModelError"]


class UnsupportedModelError(ValueError):
    """A model is of a kind, or in a state, that cannot be run or written as a graph here."""


class ModelTooLargeError(ValueError):
    """A model is larger than an ONNX file may be (2 GiB)."""
