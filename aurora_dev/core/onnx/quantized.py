"""Where models that were quantised on this machine are kept: made once, found by what they were made from.

Only files and folders are handled here; what makes a model is passed in.
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

# Beside the models of the Hub's cache, which has folders named models--… only.
CACHE_FOLDER = "aurora-int8"
# In the fingerprint: raise it when what is written changes.
_FORMAT = "1"
# What optimum's way turns weights into other figures with; each one's version is in the fingerprint.
MAKERS = ("onnxruntime", "optimum", "optimum-onnx", "sentence-transformers", "torch", "transformers")
_PARTIAL = ".partial-"
_FINGERPRINT_BYTES = 8
_LONGEST_LABEL = 60


def quantization_scheme(*, vnni: bool) -> str:
    """Return the name of sentence-transformers for int8 weights that this processor multiplies without overflow.

    Without VNNI, x86 adds two products of signed by unsigned 8 bits in 16, which saturates; ``avx2`` has unsigned
    weights, for which ONNX Runtime widens first.

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
    """Return the folder of a quantised model, making it first where it is not there.

    It appears under its name only when it is whole: it is made beside it and moved. Of two processes that make it at
    once, one wins, and both use that one's. A folder that was left half-made is never used.

    Args:
        cache: Holds the folders of all models; created where it is missing.
        name: Of the model, for a person who looks into ``cache``.
        revision: Changes whenever the weights do (`aurora_dev.core.rerank.cross_encoder.model_revision`).
        settings: Whatever else the result depends on, such as the scheme.
        make: Writes the model into an empty folder.
        makers: Packages whose versions the result depends on.

    Raises:
        OSError: The folder cannot be written; what was made so far is removed.
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
        with contextlib.suppress(
            OSError
        ):  # another process was first, or it is a real failure, which the next line shows
            partial.rename(folder)
        if not folder.is_dir():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def onnx_file(folder: Path) -> str:
    """Return the one ONNX file of a folder, relative to it.

    Raises:
        FileNotFoundError: There is none, or more than one.
    """
    files = sorted(folder.rglob("*.onnx"))
    if len(files) != 1:
        raise FileNotFoundError(f"{folder} holds {len(files)} .onnx files instead of one; delete it to make it anew")
    return files[0].relative_to(folder).as_posix()


def _version(package: str) -> str:
    try:
        return f"{package}=={importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return package
