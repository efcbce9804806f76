"""A loaded cross-encoder: batches, memory, the meaning of its figures; and checks of models before and after loading.

The loading itself is in `aurora_dev.core.reranker`, the only module of this stage that imports torch.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_dev.core.onnx.session import Pair
from aurora_dev.core.rerank.known_models import DEFAULT_MODEL
from aurora_dev.core.rerank.shared_model import Cancelled
from aurora_dev.errors import RerankError
from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger

_log = get_logger(__name__)

# Digits of a figure that are kept. Kernels round differently for other batch shapes: by 1e-8 for a toy model, by up to
# 1e-5 of a logit for one of MiniLM's size. Fewer digits would hide more of that, and tie documents that the model tells
# apart.
_DECIMALS = 6
# Beyond this a sigmoid is 0 or 1 in float64; keeps exp() from overflowing.
_LARGEST_LOGIT = 700.0
# The end of transformers' names for networks with a layer for labels.
LABELLED = "ForSequenceClassification"


class NotARerankerError(Exception):
    """A model loaded, but its output is not a relevance."""


@dataclass(frozen=True, slots=True)
class CrossEncoderModel:
    """A loaded model.

    Attributes:
        name: The model's name or folder, for messages.
        predict: Takes (query, text) pairs as one batch and gives one figure for each, higher is better.
        revision: Changes whenever the same pair may get another figure.
        probabilities: Whether the figures are in 0..1 already; else they are logits.
        free_memory: Frees the cached memory of an accelerator.
    """

    name: str
    predict: Callable[[list[Pair]], Any]
    revision: str
    probabilities: bool
    free_memory: Callable[[], None]

    def raw_scores(self, pairs: list[Pair], batch_size: int, abandoned: threading.Event) -> list[float]:
        """Return the raw score of each pair. The other pairs of its batch change it by 1e-5 at most.

        An out-of-memory error is retried once with half the batch.

        Args:
            pairs: Pairs of (query, text). Neighbours share a batch, and are padded to its longest.
            batch_size: Most pairs of a batch.
            abandoned: Stops the work between two batches once it is set.

        Raises:
            RerankError: The model ran out of memory again, failed, or gave a wrong number of scores or one that is not
                finite.
            Cancelled: ``abandoned`` was set.
        """
        scores: list[float] = []
        retried = False
        while len(scores) < len(pairs):
            if abandoned.is_set():
                raise Cancelled
            batch = pairs[len(scores) : len(scores) + batch_size]
            values = self._figures(batch, may_retry=not retried and len(batch) > 1)
            if values is None:
                batch_size, retried = len(batch) // 2, True
                _log.warning("rerank_out_of_memory", model=self.name, failed_batch=len(batch), next_batch=batch_size)
                self.free_memory()
                continue
            scores.extend(round(value, _DECIMALS) for value in values.tolist())
        return scores

    def relevance(self, raw: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Map figures to 0..1: a sigmoid for logits, nothing for probabilities."""
        if self.probabilities:
            return np.clip(raw, 0.0, 1.0).astype(np.float32)
        return (1.0 / (1.0 + np.exp(-np.clip(raw, -_LARGEST_LOGIT, _LARGEST_LOGIT)))).astype(np.float32)

    def _figures(self, batch: list[Pair], *, may_retry: bool) -> npt.NDArray[np.float64] | None:
        """Return the figures of one batch; ``None`` if memory ran out and a smaller batch may do.

        The exception ends here, since its traceback keeps the tensors of the batch alive.
        """
        try:
            values = np.asarray(self.predict(batch), dtype=np.float64)
        except Exception as error:  # models raise any kind of error
            if may_retry and _is_out_of_memory(error):
                return None
            hint = "; a smaller batch_size or max_length needs less" if _is_out_of_memory(error) else ""
            raise self._error(f"{described(error)}{hint}") from error
        if values.size != len(batch):
            raise self._error(f"it gave {values.size} scores for {len(batch)} pairs")
        if not np.isfinite(values).all():
            raise self._error(
                "it gave a score that is not a finite number (NaN or infinite); its weights are damaged, or their "
                "precision is too low for this device"
            )
        return values.reshape(len(batch))

    def _error(self, cause: str) -> RerankError:
        return RerankError(f"Reranking failed for model {self.name}: {cause}")


def described(error: BaseException) -> str:
    """Return the type and text of an exception in one line."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _is_out_of_memory(error: BaseException) -> bool:
    # torch raises OutOfMemoryError on accelerators, and a plain RuntimeError from its CPU allocator.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def model_folder(model_name: str) -> Path | None:
    """Return the local folder that a name stands for (it may not exist), or ``None`` for a name on the Hub."""
    path = Path(model_name).expanduser()
    with contextlib.suppress(OSError):  # a name that cannot be a path on this system
        if path.exists():
            return path.resolve()
    looks_local = path.is_absolute() or model_name.startswith((".", "~")) or "\\" in model_name
    return path if looks_local or model_name.count("/") > 1 else None


def load_advice(model_name: str, error: Exception) -> str:
    """Return the advice for a load that failed."""
    if isinstance(error, NotARerankerError):
        return f"Choose a cross-encoder with one output, such as {DEFAULT_MODEL}."
    if isinstance(error, ImportError):
        return "Reinstall what it is built on: pip install --upgrade --force-reinstall 'aurora-dev[rerank]'"
    if model_folder(model_name) is not None:
        return "Pass the folder that holds the model's config.json, tokenizer and weights, or the name of a Hub model."
    return (
        'Check the name. On a machine without network, fetch the model where there is one (python -c "from '
        f"sentence_transformers import CrossEncoder as C; C('{model_name}').save_pretrained('model')\"), copy the "
        "folder here, and pass its path as model_name or in CROSS_ENCODER_MODEL."
    )


def require_reranker(model: Any) -> None:
    """Raise `NotARerankerError` if a loaded ``CrossEncoder`` does not give one trained figure for each pair."""
    labels = int(getattr(model, "num_labels", 1) or 1)
    if labels != 1:
        raise NotARerankerError(f"it has {labels} outputs, so it is a classifier and not a reranker")
    network = getattr(model, "model", None)
    saved = getattr(getattr(network, "config", None), "architectures", None) or []
    if type(network).__name__.endswith(LABELLED) and saved and not any(name.endswith(LABELLED) for name in saved):
        raise NotARerankerError(
            f"it was saved as {saved[0]}, which has no scoring layer, and transformers has filled that layer "
            "with random numbers"
        )


def output_activation(model: Any, nn: Any) -> tuple[Any, bool]:
    """Return the activation to ask a ``CrossEncoder`` for, and whether its output is a probability already.

    Decided from the model, never from the figures of a batch. If the last stage of the network is a sigmoid, its output
    is used as it is. If sentence-transformers is configured to put ``Identity`` or ``Sigmoid`` on top, that is taken
    off, and the logits are used. Any other activation belongs to the model and stays.

    Args:
        model: A loaded ``CrossEncoder``.
        nn: The module ``torch.nn``.
    """
    configured = getattr(model, "activation_fn", None)
    if _ends_in_sigmoid(model, nn):
        return nn.Identity(), True
    if configured is None or isinstance(configured, nn.Identity | nn.Sigmoid):
        return nn.Identity(), False
    return configured, isinstance(configured, nn.Hardsigmoid)  # the only other one whose range is 0..1


def _ends_in_sigmoid(model: Any, nn: Any) -> bool:
    """Return whether the last stage is a sigmoid: a module of its own, or the activation of a dense layer."""
    stages = list(model.children())
    last = stages[-1] if stages else None
    return isinstance(last, nn.Sigmoid) or isinstance(getattr(last, "activation_function", None), nn.Sigmoid)


def model_revision(model: Any, name: str, folder: Path | None) -> str:
    """Return the name and commit of a Hub model; for another folder its path, and the sizes and times of its files."""
    if folder is not None and folder.parent.name == "snapshots":
        return f"{name}@{folder.name}"  # the layout of the Hub's cache: a folder for each commit
    if folder is None:
        return f"{name}@{getattr(getattr(getattr(model, 'model', None), 'config', None), '_commit_hash', None)}"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    states = [(path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return f"{folder}@{states}"


def cached_snapshot(name: str, home: str | None) -> Path | None:
    """Return the folder of the latest revision of a Hub model on this disk; uses no network."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json", cache_dir=home)
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def onnx_options(device: str) -> dict[str, Any]:
    """Return the options for a session that optimum builds: the provider, and threads that do not spin."""
    from aurora_dev.config.environment import disable_runtime_telemetry

    disable_runtime_telemetry()
    # The class of ONNX Runtime, imported through optimum: `core.onnx.session` alone imports ONNX Runtime.
    from optimum.onnxruntime.modeling import SessionOptions  # type: ignore[import-not-found,import-untyped,unused-ignore]

    session = SessionOptions()
    # Threads that spin while they wait take cores from other work: on 2 cores that others use as well, a pair took
    # 53 ms with spinning and 18 ms without (benchmarks/results/rerank.md).
    session.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options: dict[str, Any] = {"session_options": session}
    if device == "cpu":
        # By default, the first of the list runs the model: with an accelerator, not the CPU that was asked for.
        options["provider"] = "CPUExecutionProvider"
    return options


def require_file(folder: Path | None, file: str | None) -> None:
    """Raise `FileNotFoundError` if a model has no such file: optimum would export the float32 model in its place."""
    if folder is None or file is None or (folder / file).is_file():
        return
    others = [path for pattern in ("*.onnx", "*.xml") for path in folder.rglob(pattern)]
    names = ", ".join(sorted(path.relative_to(folder).as_posix() for path in others)) or "none of its kind"
    raise FileNotFoundError(f"the model has no file {file}; it has {names}")
