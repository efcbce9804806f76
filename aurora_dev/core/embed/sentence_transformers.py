"""The embedder for models of sentence-transformers."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_dev.core.arguments import check_whole
from aurora_dev.core.contracts import Embedder, Role
from aurora_dev.core.embed.checks import checked_texts
from aurora_dev.errors import EmbeddingError, InvalidRequestError, MissingDependencyError, ModelLoadError
from aurora_dev.lazy import np, npt

_BATCH_SIZE = 32  # texts in one forward pass: on a CPU, more only add padding and memory


class SentenceTransformerEmbedder(Embedder):
    """Embeds with any model of sentence-transformers (Reimers & Gurevych, 2019).

    The model loads on first use, once per process for each (model, device, cache folder), and its users take turns. A
    Hub model is taken from the local cache if it is there, without asking the network. The prompts that a model defines
    for queries and documents are put before the texts. There is nothing to close: `close` does nothing, and the model
    stays loaded.

    Args:
        model: A folder, or a name on the Hugging Face Hub.
        device: ``cpu``, ``cuda``, ``mps``, …; ``None`` is the CPU.
        cache_folder: The folder of Hub models; ``None`` is the default of sentence-transformers.
        batch_size: Texts in one forward pass.

    Raises:
        InvalidRequestError: An argument is empty or out of range.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        device: str | None = None,
        cache_folder: str | Path | None = None,
        batch_size: int = _BATCH_SIZE,
    ) -> None:
        if not isinstance(model, str | Path) or not str(model).strip():
            raise InvalidRequestError(f"model must be a folder or the name of a model, not {model!r}")
        check_whole(batch_size=batch_size)
        self._name = str(model)
        self._device = device or "cpu"
        self._batch_size = batch_size
        self._slot = _slot(_located(model), self._device, str(cache_folder) if cache_folder is not None else None)

    @property
    def name(self) -> str:
        """The model's name, or the folder that it was given as."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of every vector; loads the model.

        Raises:
            MissingDependencyError, ModelLoadError: See `embed_documents`.
        """
        return self._slot.get(self._name).dimension

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of modules, weights, vocabulary and prompts; loads the model.

        Raises:
            MissingDependencyError, ModelLoadError: See `embed_documents`.
        """
        return self._slot.get(self._name).fingerprint

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts that are stored; text beyond the model's length is cut off.

        Returns:
            Shape ``(len(texts), dimension)``, float32, rows L2-normalised.

        Raises:
            InvalidRequestError: ``texts`` is a single string, or holds something other than strings.
            MissingDependencyError: sentence-transformers is not installed.
            ModelLoadError: The model could not be loaded.
            EmbeddingError: The model failed, or gave numbers that are not finite.
        """
        return self._embed(checked_texts(texts), "document")

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed one query: shape ``(dimension,)``, float32, L2-normalised; raises as `embed_documents` does."""
        if not isinstance(text, str):
            raise InvalidRequestError(f"text must be a string, not {type(text).__name__}; nothing was embedded")
        vector: npt.NDArray[np.float32] = self._embed([text], "query")[0]
        return vector

    def _embed(self, texts: list[str], role: Role) -> npt.NDArray[np.float32]:
        loaded = self._slot.get(self._name)
        if not texts:
            return np.zeros((0, loaded.dimension), dtype=np.float32)
        try:
            with self._slot.lock:  # tokenizers refuse two threads at once, and two passes on one CPU are no faster
                vectors = _encode(loaded.model, texts, role, self._batch_size)
        except Exception as error:
            raise EmbeddingError(
                f"The embedding model {self._name} failed on {len(texts)} texts: {type(error).__name__}: {error}. "
                "Nothing was written. Try a smaller batch_size, or another model."
            ) from error
        if vectors.shape != (len(texts), loaded.dimension) or not np.isfinite(vectors).all():
            raise EmbeddingError(
                f"The embedding model {self._name} gave vectors of the shape {vectors.shape}, or numbers that are not "
                "finite. Nothing was written. Its files may be damaged: fetch it again, or choose another model."
            )
        return vectors


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Any
    dimension: int
    fingerprint: str


class _Slot:
    """A model that is loaded on first use; after a load that failed, the next caller tries again."""

    def __init__(self, source: str, device: str, cache_folder: str | None) -> None:
        self.lock = threading.Lock()
        self._source = source
        self._device = device
        self._cache_folder = cache_folder
        self._loaded: _Loaded | None = None

    def get(self, name: str) -> _Loaded:
        with self.lock:
            if self._loaded is None:
                self._loaded = _load(name, self._source, self._device, self._cache_folder)
            return self._loaded


@functools.cache
def _slot(source: str, device: str, cache_folder: str | None) -> _Slot:
    return _Slot(source, device, cache_folder)


def _located(model: str | Path) -> str:
    """Return the absolute folder if there is one (the working directory may change), else the Hub name."""
    folder = Path(model).expanduser()
    return str(folder.resolve()) if isinstance(model, Path) or folder.is_dir() else model


def _load(name: str, source: str, device: str, cache_folder: str | None) -> _Loaded:
    if importlib.util.find_spec("sentence_transformers") is None or importlib.util.find_spec("torch") is None:
        raise MissingDependencyError(f"The embedding model {name}", extra="rerank", package="sentence-transformers")
    try:
        model = _open(source, device, cache_folder)
        dimension = _dimension(model)
    except Exception as error:
        cause = " ".join(str(error).split()).rstrip(".")  # these libraries write paragraphs
        raise ModelLoadError(
            f"The embedding model {name} could not be loaded on {device}: {type(error).__name__}: {cause}. "
            "Check the name; without a network, give the folder of a model that was saved with save_pretrained, or "
            "set a cache folder that holds it. Leave the setting out to use the bundled embedder."
        ) from error
    return _Loaded(model, dimension, _fingerprint(model))


def _open(source: str, device: str, cache_folder: str | None) -> Any:
    from sentence_transformers import SentenceTransformer

    options: dict[str, Any] = {"device": device, "cache_folder": cache_folder}
    if Path(source).is_absolute():
        if not Path(source).is_dir():
            raise FileNotFoundError(f"there is no folder {source}")
        return SentenceTransformer(source, local_files_only=True, **options)
    try:
        # Else a model in the cache would still ask the network, and wait if there is none.
        return SentenceTransformer(source, local_files_only=True, **options)
    except Exception:  # noqa: BLE001 - files that are missing on this disk may be on the Hub
        return SentenceTransformer(source, **options)


def _dimension(model: Any) -> int:
    read = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
    dimension = read()
    return int(dimension) if dimension else len(model.encode("", show_progress_bar=False))


def _encode(model: Any, texts: list[str], role: Role, batch_size: int) -> npt.NDArray[np.float32]:
    options: dict[str, Any] = {
        "batch_size": batch_size,
        "normalize_embeddings": True,
        "convert_to_numpy": True,
        "show_progress_bar": False,
    }
    encode = getattr(model, f"encode_{role}", None)  # since sentence-transformers 5; finds prompt and route itself
    if encode is not None:
        return np.asarray(encode(texts, **options), dtype=np.float32)
    names = ("query",) if role == "query" else ("document", "passage", "corpus")
    prompt = next((model.prompts[key] for key in names if model.prompts.get(key)), None)
    return np.asarray(model.encode(texts, prompt=prompt, **options), dtype=np.float32)


def _fingerprint(model: Any) -> str:
    """Return a digest of everything that decides the vectors; the name alone would miss another revision."""
    import torch

    digest = hashlib.sha256()
    tokenizer: Any = getattr(model, "tokenizer", None)
    vocabulary = sorted(tokenizer.get_vocab().items()) if hasattr(tokenizer, "get_vocab") else []
    layout = [repr(module) for module in model]
    settings = [layout, vocabulary, sorted(model.prompts.items()), model.default_prompt_name, model.max_seq_length]
    digest.update(json.dumps(settings, default=str).encode("utf-8", "surrogatepass"))
    for name, tensor in model.state_dict().items():
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:32]
