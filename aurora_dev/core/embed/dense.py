"""Dense embeddings: the vectors of a small transformer encoder, which ONNX Runtime runs without torch.

A static vector is the mean of the words of a text. A dense one also depends on their order and on each other, so it
finds functions by what they do. It costs milliseconds a text in place of microseconds.

The folder of a model holds ``model.onnx`` (see `aurora_dev.core.onnx.bert_graph.encoder_graph`), ``tokenizer.json``,
``config.json`` and ``SHA256SUMS``. The configuration says what is read: ``document_tokens`` and ``query_tokens``, the
tokens at the beginning of a text; ``document_prefix`` and ``query_prefix``, which come before it; ``dimensions``, the
numbers of a vector that are kept; and ``text_format``, the version of the text of a document
(`aurora_dev.core.text.document_text.dense_text`).
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aurora_dev.core.arguments import check_whole
from aurora_dev.core.contracts import Embedder
from aurora_dev.core.embed.checks import checked_texts
from aurora_dev.core.onnx.errors import MissingRuntimeError
from aurora_dev.core.onnx.model_files import CHECKSUMS, DamagedModelError, read_verified
from aurora_dev.core.onnx.session import TextEncoder, usable_threads
from aurora_dev.errors import ModelLoadError
from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger

_log = get_logger(__name__)

BUNDLED_DENSE = Path(__file__).resolve().parents[2] / "models" / "minilm-dense"
"""The folder of the model in the wheel."""

_MODEL, _TOKENIZER, _CONFIG = "model.onnx", "tokenizer.json", "config.json"
_FORMAT = 1
_TEXT_FORMAT = 1


class DenseEmbedder(Embedder):
    """Embeds with an encoder in Aurora's own format.

    The model loads on first use. Each text is encoded alone, on one thread, so that its vector depends on nothing else,
    to the last bit: neither on the other texts nor on the number of threads. There is nothing to close.

    Args:
        folder: The folder of the model.
        threads: How many texts of `embed_documents` are encoded at once; ``None`` is one for each core that the process
            may use, at most 4. No thread outlives the call.

    Raises:
        InvalidRequestError: ``threads`` is out of range.
    """

    def __init__(self, folder: str | Path, *, threads: int | None = None) -> None:
        if threads is not None:
            check_whole(threads=threads)
        self.folder = Path(folder).absolute()
        self.threads = usable_threads(threads)
        self._loaded: _Model | None = None
        self._loading = threading.Lock()

    @classmethod
    def bundled(cls) -> DenseEmbedder:
        """Return the model that ships with Aurora, which is loaded once; see its card in ``models/minilm-dense``."""
        return _bundled()

    @property
    def name(self) -> str:
        """``bundled/`` and the name of the bundled model, or the folder."""
        return f"bundled/{self.folder.name}" if self.folder == BUNDLED_DENSE else str(self.folder)

    @property
    def dimension(self) -> int:
        """Length of every vector; loads the model.

        Raises:
            MissingDependencyError, ModelLoadError: See `load`.
        """
        return self.load().dimension

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of the checksums of the model's files; reads ``SHA256SUMS``, loads nothing.

        Raises:
            ModelLoadError: The file cannot be read.
        """
        try:
            return _fingerprint((self.folder / CHECKSUMS).read_bytes())
        except OSError as error:
            reason = f"it has no readable {CHECKSUMS} ({error.strerror or error})"
            raise ModelLoadError(_cannot(self.folder, reason)) from error

    def missing(self) -> str | None:
        """Say why the model cannot run in this installation, or return ``None``; loads and imports nothing."""
        if not (self.folder / _MODEL).is_file():
            return _cannot(self.folder, f"it has no {_MODEL}")
        return None if _installed() else str(MissingRuntimeError("The dense embedding"))

    def load(self) -> _Model:
        """Load the model, unless it is loaded, and return it.

        Raises:
            MissingDependencyError: onnxruntime is not installed.
            ModelLoadError: The folder is incomplete or damaged, or another version of Aurora wrote it.
        """
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    self._loaded = _load(self.folder)
        return self._loaded

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts that are stored; of a long one, the beginning is read.

        Returns:
            Shape ``(len(texts), dimension)``, float32, rows L2-normalised; zeros for a text without a known token.

        Raises:
            InvalidRequestError: ``texts`` is a single string, or holds something other than strings.
            MissingDependencyError, ModelLoadError: See `load`.
        """
        texts = checked_texts(texts)
        model = self.load()
        return model.vectors(texts, model.document_prefix, model.document_tokens, self.threads)

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed one query: shape ``(dimension,)``, float32, L2-normalised; errors as in `embed_documents`."""
        texts = checked_texts([text])
        model = self.load()
        vector: npt.NDArray[np.float32] = model.vectors(texts, model.query_prefix, model.query_tokens, 1)[0]
        return vector


def has_bundled_dense() -> bool:
    """Return whether this installation has the model; a build may leave it out."""
    return (BUNDLED_DENSE / _MODEL).is_file()


@dataclass(frozen=True)
class _Model:
    encoder: TextEncoder
    dimension: int
    document_tokens: int
    query_tokens: int
    document_prefix: str
    query_prefix: str

    def vectors(self, texts: list[str], prefix: str, tokens: int, threads: int) -> npt.NDArray[np.float32]:
        if prefix:
            texts = [prefix + text if text.strip() else text for text in texts]
        vectors = self.encoder.vectors(texts, tokens, threads)
        if self.dimension == vectors.shape[1]:
            return vectors
        # The first dimensions were trained to do without the others (Kusupati et al., "Matryoshka Representation
        # Learning", 2022).
        vectors = np.ascontiguousarray(vectors[:, : self.dimension])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, np.float32(1))
        return vectors


@functools.cache
def _bundled() -> DenseEmbedder:
    return DenseEmbedder(BUNDLED_DENSE)


def _load(folder: Path) -> _Model:
    begun = time.perf_counter()
    if (folder / _MODEL).is_file() and not _installed():
        raise MissingRuntimeError("The dense embedding")
    try:
        model = _open(folder)
    except Exception as error:  # ONNX Runtime and tokenizers raise errors of many kinds
        reason = str(error) if isinstance(error, DamagedModelError) else f"{type(error).__name__}: {error}"
        raise ModelLoadError(_cannot(folder, reason)) from error
    _log.info("dense_embedder_loaded", model=str(folder), seconds=round(time.perf_counter() - begun, 3))
    return model


def _open(folder: Path) -> _Model:
    from tokenizers import Tokenizer

    files = read_verified(folder, (_MODEL, _TOKENIZER, _CONFIG))
    config = json.loads(files[_CONFIG])
    if config.get("format") != _FORMAT or config.get("text_format") != _TEXT_FORMAT:
        raise DamagedModelError("its format is not the one that this version of Aurora reads")
    encoder = TextEncoder(files[_MODEL], Tokenizer.from_str(files[_TOKENIZER].decode("utf-8")))
    return _Model(
        encoder,
        min(int(config["dimensions"]), encoder.dimension),
        int(config["document_tokens"]),
        int(config["query_tokens"]),
        str(config["document_prefix"]),
        str(config["query_prefix"]),
    )


def _fingerprint(checksums: bytes) -> str:
    return hashlib.sha256(checksums).hexdigest()[:32]


def _installed() -> bool:
    return importlib.util.find_spec("onnxruntime") is not None


def _cannot(folder: Path, why: str) -> str:
    if folder == BUNDLED_DENSE:
        advice = "Reinstall Aurora: pip install --force-reinstall --no-deps aurora-dev"
    else:
        advice = "Pass a folder that scripts/train/export_dense.py wrote, or use the bundled one."
    return f"The dense embedding model at {folder} cannot be used: {why}. {advice}"
