"""Errors of models that cannot be run or made here."""

from __future__ import annotations

from aurora_dev.errors import MissingDependencyError

__all__ = ["MissingRuntimeError", "ModelTooLargeError", "UnsupportedModelError"]


class MissingRuntimeError(MissingDependencyError):
    """ONNX Runtime is not installed; it is a dependency of Aurora itself, not of an extra.

    Args:
        feature: The feature that needs it, in words for people.
    """

    def __init__(self, feature: str) -> None:
        super().__init__(feature, extra="", package="onnxruntime")

    def __str__(self) -> str:
        return (
            f"{self.feature} needs the package '{self.package}', which is not installed. "
            f"Install it with: pip install {self.package}"
        )


class UnsupportedModelError(ValueError):
    """A model is of a kind, or in a state, that cannot be run or written as a graph here."""


class ModelTooLargeError(ValueError):
    """A model is larger than an ONNX file may be (2 GiB)."""
