"""Rerankers: how well does each text answer the query?"""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import importlib.util
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args, runtime_checkable

import numpy as np
import numpy.typing as npt

from aurora_dev.core import rerank_results
from aurora_dev.core.cross_encoder import (
    CrossEncoderModel,
    Pair,
    Scored,
    cached_snapshot,
    described,
    load_advice,
    model_folder,
    model_revision,
    onnx_options,
    output_activation,
    refuse_what_is_no_reranker,
    require_file,
)
from aurora_dev.core.cross_encoder_request import Backend, MissingBackendError, ModelRequest, Quantize, check_model_file
from aurora_dev.core.quantized_model import CACHE_FOLDER, onnx_file, quantization_scheme, quantized_folder
from aurora_dev.core.rerank_cache import ScoreCache, pair_keys
from aurora_dev.core.rerank_results import Rerankable
from aurora_dev.core.rerank_window import WINDOWS, Window, select_passage
from aurora_dev.core.reranker_models import DEFAULT_MODEL
from aurora_dev.core.shared_model import SharedModel, shared_model
from aurora_dev.errors import AuroraError, InvalidRequestError, MissingDependencyError, ModelLoadError
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.config import Settings

_log = get_logger(__name__)

# What the usual cross-encoders were trained on; more is cut off by them anyway.
DEFAULT_MAX_LENGTH = 512
# About 512 tokens of prose or code. Peers measured no recall lost at 2,000 characters, and 1.4 points at 1,000.
DEFAULT_MAX_DOCUMENT_CHARS = 2_000
# Costs what a plain head costs, and sees a match further down; settled for trained models by benchmarks/rerank.py.
DEFAULT_WINDOW: Window = "head+best"
# Pairs per forward pass. On a CPU, MiniLM-L-6 takes 58 ms a pair of 200 to 500 tokens at 8, 90 ms at 32, and 64 ms one
# by one: larger batches add padding and leave the caches. Accelerators want them large.
CPU_BATCH_SIZE = 8
ACCELERATOR_BATCH_SIZE = 64
# About 2.5 MB of scores: a hundred candidates for a hundred queries.
DEFAULT_CACHE_SIZE = 10_000
# The first with backends of cross-encoders, and with the names of arguments that are used here.
_OLDEST_VERSION = (4, 1)


@runtime_checkable
class Reranker(Protocol):
    """Scores (query, text) pairs."""

    @property
    def name(self) -> str:
        """What a person calls it, for example ``cross-encoder/ms-marco-MiniLM-L-6-v2``."""

    @property
    def is_available(self) -> bool:
        """Whether scoring can work now; never raises, loads or downloads just to answer."""

    @property
    def unavailable_reason(self) -> str | None:
        """Why `is_available` is False and what to do about it, else ``None``."""

    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Score each text for the query.

        Returns:
            Shape ``(len(texts),)``, float32 in 0..1, in input order; NaN where a text was not scored.

        Raises:
            AuroraError: Scoring failed; the search that called keeps its stage-1 results.
        """


def default_model() -> str:
    """Return the model that ``CROSS_ENCODER_MODEL`` names, else `DEFAULT_MODEL`."""
    return _settings().cross_encoder_model or DEFAULT_MODEL


def _settings() -> Settings:
    # Late and from the environment alone: a reranker that is built by hand honours the same variables as one that the
    # factory builds, and whoever passes both arguments pays for neither pydantic nor a look around.
    from aurora_dev.config import Settings

    return Settings.load()


class CrossEncoderReranker:
    """Scores with a cross-encoder of sentence-transformers: a model that reads query and document together.

    The method is that of Nogueira & Cho, "Passage Re-ranking with BERT" (2019).

    The model loads on first use, once per process for each (model, backend, device, max_length), and its users queue
    for it; while it loads or scores, an event loop runs on. A Hub model is taken from the local cache where it is
    there, without asking the network.

    The raw figure of a pair is what the network gives before the activation that sentence-transformers puts on top;
    the relevance is its sigmoid, whether the model is configured for logits (``Identity``) or for probabilities
    (``Sigmoid``). Where the network itself ends in a sigmoid, the relevance is the figure as it is.

    An int8 model (``quantize`` or ``model_file``) is faster (benchmarks/rerank.py) and gives other figures than float32
    does. Its activations are scaled by the largest of a whole batch, so that in a batch a score depends on its
    neighbours (by 0.3 of a logit, where scores spread by 0.8); therefore each pair is a forward pass of its own, and
    its score depends on nothing else, to the last bit.

    Args:
        model_name: A name on the Hugging Face Hub or a local folder; ``None`` is `default_model`.
        backend: ``torch``; ``onnx`` and ``openvino`` need ``sentence-transformers[onnx]`` or ``[openvino]``.
        quantize: ``int8`` makes an int8 model of the weights with ONNX Runtime (needs ``backend="onnx"``), once for
            each model, and keeps it in ``model_home`` under ``aurora-int8``: a quarter of the size, half a minute.
        model_file: A file of the model for ``onnx`` or ``openvino``, relative to its folder, such as
            ``onnx/model_qint8_avx512_vnni.onnx``, which the Hub has beside the models of MS MARCO.
        device: ``cpu``, ``cuda``, ``mps``, …; ``None`` is the CPU.
        max_length: Most tokens of query and document together.
        max_document_chars: Most characters of a document that are read.
        window: Which part of a longer document is read; see `aurora_dev.core.rerank_window`.
        batch_size: Pairs in one forward pass; ``None`` is 8 on a CPU, where larger ones are slower, and 64 elsewhere.
        cache_size: Scores that are kept for repeated queries, about 250 bytes each; 0 keeps none.
        model_home: Where Hub models are kept; ``None`` is ``SENTENCE_TRANSFORMERS_HOME``, else Hugging Face's cache.

    Raises:
        InvalidRequestError: An argument is out of range, or contradicts another.
    """

    def __init__(
        self,
        model_name: str | None = None,
        *,
        backend: Backend = "torch",
        quantize: Quantize | None = None,
        model_file: str | None = None,
        device: str | None = None,
        max_length: int = DEFAULT_MAX_LENGTH,
        max_document_chars: int = DEFAULT_MAX_DOCUMENT_CHARS,
        window: Window = DEFAULT_WINDOW,
        batch_size: int | None = None,
        cache_size: int = DEFAULT_CACHE_SIZE,
        model_home: str | Path | None = None,
    ) -> None:
        if backend not in get_args(Backend):
            raise InvalidRequestError(f"backend must be one of {', '.join(get_args(Backend))}, not {backend!r}")
        check_model_file(backend, quantize, model_file)
        if window not in WINDOWS:
            raise InvalidRequestError(f"window must be one of {', '.join(WINDOWS)}, not {window!r}")
        self.device = device or "cpu"
        if batch_size is None:
            batch_size = CPU_BATCH_SIZE if self.device == "cpu" else ACCELERATOR_BATCH_SIZE
        lengths = {"max_length": max_length, "max_document_chars": max_document_chars, "batch_size": batch_size}
        for argument, value in lengths.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidRequestError(f"{argument} must be a whole number of at least 1, not {value!r}")
        if isinstance(cache_size, bool) or not isinstance(cache_size, int) or cache_size < 0:
            raise InvalidRequestError(f"cache_size must be a whole number of at least 0, not {cache_size!r}")
        if model_name is not None and (not isinstance(model_name, str | Path) or not str(model_name).strip()):
            raise InvalidRequestError(f"model_name must be a name or a path, or None, not {model_name!r}")
        self._name = str(model_name) if model_name is not None else default_model()
        self.backend = backend
        self.quantize = quantize
        self.model_file = model_file
        self.max_length = max_length
        self.max_document_chars = max_document_chars
        self.window = window
        self.batch_size = batch_size
        self._cache = ScoreCache(cache_size)
        model_home = model_home if model_home is not None else _settings().sentence_transformers_home
        home = str(model_home) if model_home is not None else None
        request = ModelRequest(self._name, backend, quantize, model_file, self.device, max_length, home)
        load = functools.partial(_load, request)
        key = request._replace(name=str(model_folder(self._name) or self._name))
        self._shared: SharedModel[CrossEncoderModel] = shared_model(key, load, "aurora-reranker")

    @property
    def name(self) -> str:
        """The model's name, or the folder it is read from."""
        return self._name

    @property
    def is_available(self) -> bool:
        """False where sentence-transformers is not installed, and after a load that failed; loads nothing."""
        return self.unavailable_reason is None

    @property
    def unavailable_reason(self) -> str | None:
        """Why `is_available` is False and what to do about it, else ``None``."""
        missing = _missing_package(self.backend)
        return self._shared.failure if missing is None else str(missing)

    @property
    def load_seconds(self) -> float | None:
        """What loading took, or ``None`` while the model is not loaded."""
        return self._shared.load_seconds

    def warmup(self) -> None:
        """Load the model and score one pair, so that the first search does not wait; for start-up hooks.

        Blocks (use ``asyncio.to_thread`` from a coroutine). After a load that failed, tries again.

        Raises:
            MissingDependencyError, ModelLoadError, RerankError: See `score`.
        """
        self._require()
        attempts = self._shared.attempts
        self._shared.run(lambda gone: self._shared.get(attempts).raw_scores([("warm", "up")], 1, gone))

    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Score each text for the query; the event loop runs on meanwhile, and cancelling stops the work.

        Returns:
            Shape ``(len(texts),)``, float32 in 0..1, in input order.

        Raises:
            InvalidRequestError: The query or a text is no string.
            MissingDependencyError: sentence-transformers is not installed.
            ModelLoadError: The model could not be loaded, or is no reranker.
            RerankError: The model ran out of memory twice, or gave what is no score.
        """
        texts = rerank_results.checked_texts(texts)
        return (await self._scored_async(rerank_results.checked_query(query), texts)).relevance

    def rerank(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Order results by their relevance to the query; blocks, see `rerank_async` for coroutines.

        Args:
            query: The question.
            results: `SearchResult`s, strings and mappings with a ``content``, in the order of the earlier stage.
            top_k: How many come back; ``None``, or more than there are: all.

        Returns:
            Copies, best first, with a ``score`` of 0..1 (see `aurora_dev.core.rerank_results.reordered`).

        Raises:
            InvalidRequestError: ``top_k`` is below 1, or a result has no text.
            AuroraError: See `score`.
        """
        texts, keep = self._checked(query, results, top_k)
        begun = time.perf_counter()
        return self._finish(results, self._scored(query, texts), keep, begun)

    async def rerank_async(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Do what `rerank` does without blocking the event loop."""
        texts, keep = self._checked(query, results, top_k)
        begun = time.perf_counter()
        return self._finish(results, await self._scored_async(query, texts), keep, begun)

    def rerank_search_results(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Do what `rerank` does; `SearchResults` in, `SearchResults` out, with ``+rerank`` in its method."""
        return self.rerank(query, results, top_k)

    def clear_cache(self) -> None:
        """Forget the scores of earlier queries."""
        self._cache.clear()

    def _checked(self, query: str, results: Sequence[Rerankable], top_k: int | None) -> tuple[list[str], int]:
        texts = rerank_results.contents(results)
        rerank_results.checked_query(query)
        return texts, rerank_results.checked_top_k(top_k, len(texts))

    def _finish(self, results: Sequence[Rerankable], scored: Scored, keep: int, begun: float) -> list[Any]:
        seconds = time.perf_counter() - begun
        best = rerank_results.reordered(results, scored.relevance.tolist(), scored.raw.tolist(), keep, seconds=seconds)
        _log.info(
            "reranked",
            candidates=len(results),
            results=len(best),
            seconds=round(seconds, 4),
            model=self._name,
            cache_hits=scored.cache_hits,
        )
        return best

    def _scored(self, query: str, texts: list[str]) -> Scored:
        if not texts:
            return Scored.none()
        self._require()
        attempts = self._shared.attempts
        cached = self._from_cache(query, texts)
        if cached is not None:
            return cached
        return self._shared.run(lambda gone: self._compute(query, texts, gone, attempts))

    async def _scored_async(self, query: str, texts: list[str]) -> Scored:
        if not texts:
            return Scored.none()
        self._require()
        attempts = self._shared.attempts
        # A query whose scores are all known does not queue behind those that need the model; hashing may take a while.
        if self._may_be_cached and (cached := await asyncio.to_thread(self._from_cache, query, texts)) is not None:
            return cached
        return await self._shared.run_async(lambda gone: self._compute(query, texts, gone, attempts))

    def _require(self) -> None:
        missing = _missing_package(self.backend)
        if missing is not None:
            raise missing

    def _keys(self, model: CrossEncoderModel, query: str, texts: list[str]) -> list[bytes]:
        settings = (model.revision, self.backend, self.window, str(self.max_length), str(self.max_document_chars))
        return pair_keys(settings, query, texts)

    @property
    def _may_be_cached(self) -> bool:
        return len(self._cache) > 0

    def _from_cache(self, query: str, texts: list[str]) -> Scored | None:
        model = self._shared.loaded
        if model is None or not self._may_be_cached:
            return None
        keys = self._keys(model, query, texts)
        known = self._cache.get_many(keys)
        if len(known) < len(set(keys)):
            return None
        return self._assembled(model, [known[key] for key in keys], len(keys))

    def _compute(self, query: str, texts: list[str], gone: threading.Event, attempts: int) -> Scored:
        """Score in the model's thread."""
        model = self._shared.get(attempts)
        keys = self._keys(model, query, texts)
        known = self._cache.get_many(keys)
        hits = sum(key in known for key in keys)
        # Equal documents are scored once: they tie exactly.
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        passages = [
            (key, select_passage(query, text, self.max_document_chars, self.window)) for key, text in missing.items()
        ]
        # Neighbours of one length need little padding; by text too, so that the input order changes no batch.
        passages.sort(key=lambda item: (-len(item[1]), item[1]))
        raw = model.raw_scores([(query, passage) for _, passage in passages], self.batch_size, gone)
        fresh = {key: score for (key, _), score in zip(passages, raw, strict=True)}
        self._cache.put_many(fresh)
        known.update(fresh)
        return self._assembled(model, [known[key] for key in keys], hits)

    def _assembled(self, model: CrossEncoderModel, raw: list[float], hits: int) -> Scored:
        figures = np.asarray(raw, dtype=np.float64)
        return Scored(figures, model.relevance(figures), hits)


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module without a spec, put into sys.modules by somebody: it can be imported
        return True


@functools.cache
def _too_old() -> str | None:
    """Return the installed version of sentence-transformers where it has no backends yet, else ``None``."""
    try:
        version = importlib.metadata.version("sentence-transformers")
    except importlib.metadata.PackageNotFoundError:
        return None  # importable without metadata: whoever arranged that knows which one it is
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    return version if numbers < _OLDEST_VERSION else None


def _missing_package(backend: str) -> AuroraError | None:
    """Return the error for what is not installed; imports nothing."""
    if not _installed("sentence_transformers") or not _installed("torch"):
        package = "sentence-transformers"
        return MissingDependencyError("Reranking with a local cross-encoder", extra="rerank", package=package)
    if old := _too_old():
        wanted = ".".join(map(str, _OLDEST_VERSION))
        return ModelLoadError(
            f"Reranking needs sentence-transformers {wanted} or later, and {old} is installed. "
            f"Install it with: pip install 'sentence-transformers>={wanted}'"
        )
    runtime = {"torch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}[backend]
    for package in (runtime, "optimum"):
        if backend != "torch" and not _installed(package):
            return MissingBackendError(backend, package)
    return None


def _load(request: ModelRequest) -> CrossEncoderModel:
    """Load a model, from this disk where it is there.

    Raises:
        ModelLoadError: With the cause and what to try.
    """
    folder = model_folder(request.name)
    _log.info("reranker_loading", model=request.name, backend=request.backend, device=request.device)
    begun = time.perf_counter()
    try:
        if folder is not None and not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}")
        model = _open(request, folder)
    except Exception as error:  # sentence-transformers raises whatever its parts raise; all of it means: no model
        _log.warning("reranker_load_failed", model=request.name, backend=request.backend, reason=described(error))
        raise ModelLoadError(
            f"The reranking model {request.name} could not be loaded ({request.backend}, {request.device}): "
            f"{described(error)}. {load_advice(request.name, error)}"
        ) from error
    _log.info("reranker_loaded", model=request.name, seconds=round(time.perf_counter() - begun, 3))
    return model


def _open(request: ModelRequest, folder: Path | None) -> CrossEncoderModel:
    import torch

    if request.quantize:
        model, revision = _quantized(request, folder or cached_snapshot(request.name, request.home))
    else:
        model, source = _encoder(request, folder, request.backend, request.model_file)
        refuse_what_is_no_reranker(model)
        revision = f"{model_revision(model, request.name, source)}#{request.model_file or ''}"
    activation, probabilities = output_activation(model, torch.nn)
    # A scale of int8 is shared by a whole batch: alone, a pair's score depends on no other pair, nor on padding.
    alone = request.quantize is not None or request.model_file is not None

    def predict(pairs: list[Pair]) -> Any:
        size = 1 if alone else len(pairs)
        return model.predict(pairs, batch_size=size, activation_fn=activation, show_progress_bar=False)

    def free_memory() -> None:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    return CrossEncoderModel(request.name, predict, revision, probabilities, free_memory)


def _encoder(
    request: ModelRequest, folder: Path | None, backend: str, file: str | None, *, export: bool = False
) -> tuple[Any, Path | None]:
    """Return a ``CrossEncoder``, and the folder on this disk that it was read from, if any."""
    from sentence_transformers import CrossEncoder

    options: dict[str, Any] = {"device": request.device, "max_length": request.max_length, "backend": backend}
    options |= {"cache_folder": request.home, "model_kwargs": onnx_options(request.device) if backend == "onnx" else {}}
    if file is not None:
        options["model_kwargs"] |= {"file_name": file, "export": False}
    elif export:
        options["model_kwargs"]["export"] = True  # also where the model's folder has an ONNX file already
    # Asked for by its folder, since by its name a model that is in the cache still asks the network for files that it
    # does not have, and without a network that is retried for minutes; `local_files_only` alone does not prevent it.
    source = folder or cached_snapshot(request.name, request.home)
    try:
        require_file(source, file)
        return CrossEncoder(str(source or request.name), local_files_only=source is not None, **options), source
    except Exception:  # a download that was cut off lacks whatever it lacks
        if folder is not None or source is None:
            raise
        model = CrossEncoder(request.name, **options)
        require_file(cached_snapshot(request.name, request.home), file)
        return model, None


def _quantized(request: ModelRequest, source: Path | None) -> tuple[Any, str]:
    """Return the int8 model, made first where that was not done, and its revision."""
    import torch
    from huggingface_hub.constants import HF_HOME
    from sentence_transformers import export_dynamic_quantized_onnx_model

    if source is None:
        _encoder(request, None, "torch", None)  # downloads it
        source = cached_snapshot(request.name, request.home)
    if source is None:
        raise FileNotFoundError("it was downloaded, and is not in the cache; name its folder instead")
    # Named differently over the versions of torch; where it is not there, the scheme that runs anywhere is taken.
    vnni = any(getattr(torch.cpu, name, bool)() for name in ("_is_vnni_supported", "_is_cpu_support_vnni"))
    scheme = quantization_scheme(vnni=vnni)

    def make(target: Path) -> None:
        _log.info("reranker_quantizing", model=request.name, scheme=scheme)
        refuse_what_is_no_reranker(_encoder(request, source, "torch", None)[0])
        exported, _ = _encoder(request, source, "onnx", None, export=True)
        exported.save_pretrained(str(target), create_model_card=False)
        export_dynamic_quantized_onnx_model(exported, scheme, str(target), file_suffix=request.quantize)
        for path in target.rglob("*.onnx*"):
            if not path.stem.endswith(f"_{request.quantize}"):
                path.unlink()  # the float32 model, four times the size

    revision = model_revision(None, request.name, source)
    cache = Path(request.home or HF_HOME) / CACHE_FOLDER
    small = quantized_folder(cache, request.name, revision, [scheme], make)
    return _encoder(request, small, "onnx", onnx_file(small))[0], f"{revision}#{small.name}"
