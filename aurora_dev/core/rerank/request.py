"""The request for a cross-encoder: the model, its form and its device; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypeAlias, get_args

from aurora_dev.errors import InvalidRequestError, MissingDependencyError, ModelLoadError

Backend: TypeAlias = Literal["torch", "onnx", "openvino"]
Quantize: TypeAlias = Literal["int8"]


class MissingBackendError(MissingDependencyError, ModelLoadError):
    """The package of a backend is not installed; it comes with an extra of sentence-transformers, not of Aurora."""

    def __init__(self, backend: str, package: str) -> None:
        super().__init__(f"The {backend} backend of cross-encoders", extra="rerank", package=package)
        self.args = (
            f"{self.feature} needs the package '{package}', which is not installed. "
            f"Install it with: pip install 'sentence-transformers[{backend}]', or use backend=\"torch\"",
        )

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Everything that a loaded model depends on; equal requests share a model.

    Attributes:
        name: A name on the Hub, or a folder.
        backend: What runs it.
        quantize: ``int8``, or ``None`` for the weights as they are.
        model_file: A file of the model, relative to its folder; ``None`` for the usual one.
        device: Such as ``cpu``.
        max_length: Most tokens of query and document together.
        home: The folder of Hub models; ``None`` for Hugging Face's own cache.
    """

    name: str
    backend: str
    quantize: str | None
    model_file: str | None
    device: str
    max_length: int
    home: str | None


def check_model_file(backend: str, quantize: str | None, model_file: str | None) -> None:
    """Check the arguments that name or make an int8 model.

    Raises:
        InvalidRequestError: A value is wrong, or contradicts the backend.
    """
    if quantize not in (None, *get_args(Quantize)):
        raise InvalidRequestError(f"quantize must be 'int8' or None, not {quantize!r}")
    if quantize is not None and backend != "onnx":
        raise InvalidRequestError(
            f'quantize="int8" needs backend="onnx", not {backend!r}; int8 models of OpenVINO are named with model_file'
        )
    if model_file is None:
        return
    if not isinstance(model_file, str) or not model_file.strip():
        raise InvalidRequestError(f"model_file must be a path inside the model, or None, not {model_file!r}")
    path = PurePosixPath(model_file)
    if path.is_absolute() or ".." in path.parts or "\\" in model_file:
        raise InvalidRequestError(f"model_file must be a path inside the model with '/', not {model_file!r}")
    if backend == "torch" or quantize is not None:
        raise InvalidRequestError('model_file needs backend="onnx" or "openvino", and no quantize')
