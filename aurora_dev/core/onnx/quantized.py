"""The cache of models that were quantised on this machine: each is made once, and found by what it was made from.

This module handles only files and folders; the function that makes a model is passed in.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

# The folder beside the models in the Hub's cache, whose own folders are all named models--….
CACHE_FOLDER = "aurora-int8"
# Part of the fingerprint: to be raised when the files that are written change.
_FORMAT = "1"
# The packages that quantise through optimum, where another version may give other figures; part of the fingerprint.
MAKERS = ("onnxruntime", "optimum", "optimum-onnx", "sentence-transformers", "torch", "transformers")
_PARTIAL = ".partial-"
_FINGERPRINT_BYTES = 8
_LONGEST_LABEL = 60


def quantization_scheme(*, vnni: bool) -> str:
    """Return sentence-transformers' name of the int8 scheme that this processor multiplies without overflow.

    Without VNNI, x86 adds two products of signed by unsigned 8 bits in 16 bits, which saturates. ``avx2`` has unsigned
    weights, which ONNX Runtime widens first.

    Args:
        vnni: Whether an x86 processor has AVX-512 VNNI.
    """
    if platform.machine().lower() in {"arm64", "aarch64"}:
        return "arm64"
    return "avx512_vnni" if vnni else "avx2"


def quantized_folder(
    cache: Path,
    name: str,
    revision: str,
    settings: Sequence[str],
    make: Callable[[Path], None],
    makers: Sequence[str] = MAKERS,
) -> Path:
    """Return the folder of a quantised model, and make it first if it does not exist.

    The model is made in another folder and renamed, so the folder appears only when it is complete. If two processes
    make it at once, both use the first. A folder that was left half-made is never used.

    Args:
        cache: The folder of all quantised models; created if it is missing.
        name: The name of the model, for a person who looks into ``cache``.
        revision: Changes whenever the weights do (`aurora_dev.core.rerank.cross_encoder.model_revision`).
        settings: Everything else that the result depends on, such as the scheme.
        make: Writes the model into an empty folder.
        makers: The packages whose versions the result depends on.

    Raises:
        OSError: The folder cannot be written; the files made so far are removed.
    """
    digest = hashlib.blake2b(digest_size=_FINGERPRINT_BYTES)
    for part in (_FORMAT, revision, *settings, *map(_version, makers)):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    label = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[-_LONGEST_LABEL:]
    folder = cache / f"{label}-{digest.hexdigest()}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=cache))
    try:
        make(partial)
        partial.chmod(0o755)  # mkdtemp's 0o700 would shut out the other users of a shared cache
        with contextlib.suppress(OSError):  # another process was first; a real failure is raised by the second attempt
            partial.rename(folder)
        if not folder.is_dir():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def onnx_file(folder: Path) -> str:
    """Return the path of the only ONNX file of a folder, relative to the folder.

    Raises:
        FileNotFoundError: The folder holds no ONNX file, or more than one.
    """
    files = sorted(folder.rglob("*.onnx"))
    if len(files) != 1:
        raise FileNotFoundError(
            f"{folder} holds {len(files)} .onnx files instead of one; delete it, and it is made again"
        )
    return files[0].relative_to(folder).as_posix()


def _version(package: str) -> str:
    try:
        return f"{package}=={importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return package
