"""`CrossEncoderReranker`: a cross-encoder from sentence-transformers, on torch, ONNX Runtime or OpenVINO."""

from __future__ import annotations

import functools
import importlib.metadata
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, get_args

from typing_extensions import Unpack

from aurora_dev.core.arguments import check_whole, option_groups, shows_options
from aurora_dev.core.contracts import Reranker as Reranker
from aurora_dev.core.onnx.errors import UnsupportedModelError
from aurora_dev.core.onnx.session import Pair
from aurora_dev.core.rerank.cross_encoder import (
    CrossEncoderModel,
    cached_snapshot,
    described,
    load_advice,
    model_folder,
    model_revision,
    onnx_options,
    output_activation,
    require_file,
    require_reranker,
)
from aurora_dev.core.rerank.known_models import DEFAULT_MODEL
from aurora_dev.core.rerank.local import DEFAULT_CACHE_SIZE as DEFAULT_CACHE_SIZE
from aurora_dev.core.rerank.local import LocalReranker, Reading
from aurora_dev.core.rerank.local import installed as _installed
from aurora_dev.core.rerank.request import Backend, MissingBackendError, ModelRequest, Quantize, check_model_file
from aurora_dev.core.rerank.shared_model import SharedModel, shared_model
from aurora_dev.core.rerank.window import Window
from aurora_dev.core.rerank.without_torch import DOWNLOADED, open_directly
from aurora_dev.errors import AuroraError, InvalidRequestError, MissingDependencyError, ModelLoadError
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.config import Settings
    from aurora_dev.core.onnx.bert_graph import Weights

_log = get_logger(__name__)

# The number of tokens that the usual cross-encoders were trained on; they cut off the rest anyway.
DEFAULT_MAX_LENGTH = 512
# About 512 tokens of prose or code. Others measured no recall lost at 2,000 characters, and 1.4 points at 1,000.
DEFAULT_MAX_DOCUMENT_CHARS = 2_000
# Takes as long as a plain head, and sees a match further down; settled for trained models by benchmarks/rerank.py.
DEFAULT_WINDOW: Window = "head+best"
# Pairs per forward pass. On a CPU, MiniLM-L-6 takes 58 ms a pair of 200 to 500 tokens at 8, 90 ms at 32, and 64 ms one
# by one: larger batches add padding and leave the caches. Accelerators want them large.
CPU_BATCH_SIZE = 8
ACCELERATOR_BATCH_SIZE = 64
# The first version of sentence-transformers with backends for cross-encoders, and with the arguments used here.
_OLDEST_VERSION = (4, 1)


def default_model() -> str:
    """Return the model that ``CROSS_ENCODER_MODEL`` names, else `DEFAULT_MODEL`."""
    return _settings().cross_encoder_model or DEFAULT_MODEL


def _settings() -> Settings:
    # Imported late, and read from the environment alone: a reranker that is built by hand honours the same variables as
    # one that the factory builds, and passing both arguments saves the import of pydantic.
    from aurora_dev.config import Settings

    return Settings.load()


@dataclass(frozen=True, slots=True)
class _Running:
    """The variant of the model, and the device that runs it."""

    backend: Backend = "torch"
    quantize: Quantize | None = None
    model_file: str | None = None
    device: str | None = None
    max_length: int = DEFAULT_MAX_LENGTH

    def __post_init__(self) -> None:
        if self.backend not in get_args(Backend):
            raise InvalidRequestError(f"backend must be one of {', '.join(get_args(Backend))}, not {self.backend!r}")
        check_model_file(self.backend, self.quantize, self.model_file)
        check_whole(max_length=self.max_length)


@dataclass(frozen=True, slots=True)
class _Home:
    model_home: str | Path | None = None


class CrossEncoderOptions(TypedDict, total=False):
    """The keyword options of `CrossEncoderReranker`."""

    backend: Backend
    quantize: Quantize | None
    model_file: str | None
    device: str | None
    max_length: int
    max_document_chars: int
    window: Window
    batch_size: int | None
    cache_size: int
    model_home: str | Path | None


_DEFAULTS = (_Running(), Reading(DEFAULT_MAX_DOCUMENT_CHARS, DEFAULT_WINDOW), _Home())


class CrossEncoderReranker(LocalReranker):
    """Scores with a cross-encoder of sentence-transformers: a model that reads query and document together.

    The method is that of Nogueira & Cho, "Passage Re-ranking with BERT" (2019).

    The model loads on first use, once per process for each (model, backend, device, max_length), and its users queue
    for it. While it loads or scores, an event loop runs on. A Hub model is taken from the local cache if it is there,
    without asking the network.

    The raw figure of a pair is the output of the network before the activation that sentence-transformers puts on top.
    The relevance is its sigmoid, whether the model is configured for logits (``Identity``) or for probabilities
    (``Sigmoid``). If the network itself ends in a sigmoid, the relevance is the figure as it is.

    On the CPU, ``backend="onnx"`` runs BERT, RoBERTa and XLM-RoBERTa with ONNX Runtime and nothing else: neither torch
    nor sentence-transformers is needed, and the scores are those of torch. Other models go through
    ``sentence-transformers[onnx]``. An int8 model (``quantize`` or ``model_file``) is faster again
    (benchmarks/rerank.py) and gives other figures than float32. Each pair is then a forward pass of its own, since a
    batch would share the scales of int8: a score depends on nothing else, to the last bit.

    Args:
        model_name: A name on the Hugging Face Hub or a local folder; ``None`` is `default_model`.
        backend: ``torch``, ``onnx``, or ``openvino``, which needs ``sentence-transformers[openvino]``.
        quantize: ``int8`` makes an int8 model of the weights (needs ``backend="onnx"``), once for each model, and keeps
            it in ``model_home`` under ``aurora-int8``: a quarter of the size, a few seconds.
        model_file: A file of the model for ``onnx`` or ``openvino``, relative to its folder, such as
            ``onnx/model_qint8_avx512_vnni.onnx``, which the Hub has beside the models of MS MARCO.
        device: ``cpu``, ``cuda``, ``mps``, …; ``None`` is the CPU.
        max_length: Most tokens of query and document together.
        max_document_chars: Most characters of a document that are read.
        window: The part of a longer document that is read; see `aurora_dev.core.rerank.window`.
        batch_size: Pairs in one forward pass; ``None`` is 8 for torch on a CPU, where larger ones are slower, else 64.
        cache_size: Scores that are kept for repeated queries, about 250 bytes each; 0 keeps none.
        model_home: Where Hub models are kept; ``None`` is ``SENTENCE_TRANSFORMERS_HOME``, else Hugging Face's cache.

    Raises:
        InvalidRequestError: An argument is out of range, or contradicts another.
        TypeError: There is no argument of that name.
    """

    @shows_options(*_DEFAULTS)
    def __init__(self, model_name: str | None = None, **options: Unpack[CrossEncoderOptions]) -> None:
        running, reading, home = option_groups("CrossEncoderReranker", options, *_DEFAULTS)
        if model_name is not None and (not isinstance(model_name, str | Path) or not str(model_name).strip()):
            raise InvalidRequestError(f"model_name must be a name or a path, or None, not {model_name!r}")
        name = str(model_name) if model_name is not None else default_model()
        self.backend, self.quantize, self.model_file = running.backend, running.quantize, running.model_file
        self.device, self.max_length = running.device or "cpu", running.max_length
        on_cpu = running.backend == "torch" and self.device == "cpu"
        model_home = home.model_home if home.model_home is not None else _settings().sentence_transformers_home
        request = ModelRequest(
            name=name,
            backend=running.backend,
            quantize=running.quantize,
            model_file=running.model_file,
            device=self.device,
            max_length=running.max_length,
            home=str(model_home) if model_home is not None else None,
        )
        load = functools.partial(_load, request)
        key = replace(request, name=str(model_folder(name) or name))
        shared: SharedModel[CrossEncoderModel] = shared_model(key, load, "aurora-reranker")
        super().__init__(name, shared, reading, CPU_BATCH_SIZE if on_cpu else ACCELERATOR_BATCH_SIZE)

    def _missing(self) -> AuroraError | None:
        return _missing_package(self.backend, self.device)

    def _score_settings(self) -> tuple[str, ...]:
        return (self.backend, self.window, str(self.max_length), str(self.max_document_chars))


@functools.cache
def _too_old() -> str | None:
    """Return the installed version of sentence-transformers if it is too old, else ``None``."""
    try:
        version = importlib.metadata.version("sentence-transformers")
    except importlib.metadata.PackageNotFoundError:
        return None  # importable without metadata, so not installed by pip
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    return version if numbers < _OLDEST_VERSION else None


def _missing_package(backend: str, device: str) -> AuroraError | None:
    """Return the error for a package that is not installed, if one is; imports nothing."""
    if backend == "onnx" and device == "cpu":
        return None if _installed("onnxruntime") else MissingBackendError(backend, "onnxruntime")
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
    """Load a model, from this disk if it is there.

    Raises:
        ModelLoadError: It could not be loaded; the text has the cause and what to try.
    """
    folder = model_folder(request.name)
    _log.info("reranker_loading", model=request.name, backend=request.backend, device=request.device)
    begun = time.perf_counter()
    try:
        if folder is not None and not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}")
        model = _open(request, folder)
    except Exception as error:  # sentence-transformers raises the errors of all its parts
        _log.warning("reranker_load_failed", model=request.name, backend=request.backend, reason=described(error))
        raise ModelLoadError(
            f"The reranking model {request.name} could not be loaded ({request.backend}, {request.device}): "
            f"{described(error)}. {load_advice(request.name, error)}"
        ) from error
    _log.info("reranker_loaded", model=request.name, seconds=round(time.perf_counter() - begun, 3))
    return model


def _open(request: ModelRequest, folder: Path | None) -> CrossEncoderModel:
    if request.backend != "onnx" or request.device != "cpu":
        return _open_with_sentence_transformers(request, folder)
    source = folder or cached_snapshot(request.name, request.home) or _downloaded(request)
    try:
        with_torch = None
        if _missing_package("torch", "cpu") is None:
            with_torch = functools.partial(_torch_weights, request, source)
        return open_directly(request, source, model_revision(None, request.name, source), with_torch)
    except UnsupportedModelError as error:
        if missing := _missing_package("onnx", "through sentence-transformers"):
            raise UnsupportedModelError(
                f"{error}, which does not run without torch. Only BERT, RoBERTa and XLM-RoBERTa models with one output "
                f"and weights in safetensors do. To run this model with torch: {missing}"
            ) from error
        _log.info("reranker_through_optimum", model=request.name, reason=str(error))
        return _open_with_sentence_transformers(request, folder)


def _downloaded(request: ModelRequest) -> Path:
    """Download the files of a Hub model that ONNX Runtime needs, and return its folder."""
    from huggingface_hub import snapshot_download

    wanted = [*DOWNLOADED, *([request.model_file] if request.model_file else [])]
    return Path(snapshot_download(request.name, cache_dir=request.home, allow_patterns=wanted))


def _torch_weights(request: ModelRequest, source: Path) -> Weights:
    """Read weights that are not in safetensors, with torch."""
    network = _encoder(request, source, "torch", None)[0].model
    return {name: tensor.float().numpy() for name, tensor in network.state_dict().items()}


def _open_with_sentence_transformers(request: ModelRequest, folder: Path | None) -> CrossEncoderModel:
    import torch

    if request.quantize:
        model, revision = _quantized(request, folder or cached_snapshot(request.name, request.home))
    else:
        model, source = _encoder(request, folder, request.backend, request.model_file)
        require_reranker(model)
        revision = f"{model_revision(model, request.name, source)}#{request.model_file or ''}"
    activation, probabilities = output_activation(model, torch.nn)
    # A batch shares the scales of int8: alone, the score of a pair depends on no other pair, nor on padding.
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
    """Return a ``CrossEncoder``, and the folder on this disk that it was read from, if it was."""
    from sentence_transformers import CrossEncoder

    options: dict[str, Any] = {"device": request.device, "max_length": request.max_length, "backend": backend}
    options |= {"cache_folder": request.home, "model_kwargs": onnx_options(request.device) if backend == "onnx" else {}}
    if file is not None:
        options["model_kwargs"] |= {"file_name": file, "export": False}
    elif export:
        options["model_kwargs"]["export"] = True  # even if the model's folder has an ONNX file already
    # Loaded by its folder: by its name, a model in the cache still asks the network for files that it does not have,
    # which without a network is retried for minutes. `local_files_only` alone does not prevent that.
    source = folder or cached_snapshot(request.name, request.home)
    try:
        require_file(source, file)
        return CrossEncoder(str(source or request.name), local_files_only=source is not None, **options), source
    except Exception:  # a download that was cut off lacks some of its files
        if folder is not None or source is None:
            raise
        model = CrossEncoder(request.name, **options)
        require_file(cached_snapshot(request.name, request.home), file)
        return model, None


def _quantized(request: ModelRequest, source: Path | None) -> tuple[Any, str]:
    """Return the int8 model and its revision; it is made first if it is not in the cache."""
    import torch
    from huggingface_hub.constants import HF_HOME
    from sentence_transformers import export_dynamic_quantized_onnx_model

    from aurora_dev.core.onnx.quantized import CACHE_FOLDER, onnx_file, quantization_scheme, quantized_folder

    if source is None:
        _encoder(request, None, "torch", None)  # downloads it
        source = cached_snapshot(request.name, request.home)
    if source is None:
        raise FileNotFoundError("it was downloaded, but is not in the cache; name its folder instead")
    # The name differs between versions of torch; without it, the scheme that runs anywhere is taken.
    vnni = any(getattr(torch.cpu, name, bool)() for name in ("_is_vnni_supported", "_is_cpu_support_vnni"))
    scheme = quantization_scheme(vnni=vnni)

    def make(target: Path) -> None:
        _log.info("reranker_quantizing", model=request.name, scheme=scheme)
        require_reranker(_encoder(request, source, "torch", None)[0])
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
