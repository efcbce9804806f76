"""The bundled cross-encoder: a small model, trained on code and prose, that ONNX Runtime runs without torch.

The folder of a model holds ``model.onnx`` (see `aurora_dev.core.onnx.bert_graph`), ``tokenizer.json``, ``config.json``
and ``SHA256SUMS``. The configuration says how the model was trained: ``max_tokens``, and ``text_format``, the version
of the text of a document (`aurora_dev.core.text.document_text.reranker_text`). ``positions`` is the most tokens that it
can read at all, if that is more.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aurora_dev.core.arguments import check_whole
from aurora_dev.core.onnx.errors import MissingRuntimeError
from aurora_dev.core.onnx.model_files import CHECKSUMS, DamagedModelError, read_verified
from aurora_dev.core.onnx.session import Pair, PairScorer, usable_threads
from aurora_dev.core.rerank import results as rerank_results
from aurora_dev.core.rerank.cross_encoder import CrossEncoderModel, described
from aurora_dev.core.rerank.local import DEFAULT_CACHE_SIZE, LocalReranker, Reading, installed
from aurora_dev.core.rerank.results import Rerankable
from aurora_dev.core.rerank.shared_model import SharedModel, shared_model
from aurora_dev.core.rerank.window import Window, select_window
from aurora_dev.core.text.document_text import reranker_text
from aurora_dev.core.types import RerankFusion, RerankWeights, SearchResult
from aurora_dev.errors import AuroraError, InvalidRequestError, ModelLoadError
from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger

_log = get_logger(__name__)

BUNDLED_RERANKER = Path(__file__).resolve().parents[2] / "models" / "minilm-reranker"
"""The folder of the model in the wheel."""

# The heading says what a document is, so the window can show why it was found. On held-back pairs, MRR 0.78 against
# 0.73 of "head+best"; on packages, NDCG as high or higher (benchmarks/rerank_window.py).
DEFAULT_WINDOW: Window = "best"
# Keeps a pair at a fifth of the time that torch takes for 400 characters with a model of MiniLM-L-6's shape.
DEFAULT_MAX_DOCUMENT_CHARS = 256
# Characters. A heading has up to four parts of a path and a symbol, each shortened; a longer first line is text.
_LONGEST_HEADING = 250
# Pairs between two checks whether a caller still waits: a tenth of a second, and enough to keep all threads busy.
_BATCH_SIZE = 32
_MODEL, _TOKENIZER, _CONFIG = "model.onnx", "tokenizer.json", "config.json"
_FORMAT = 1
_TEXT_FORMAT = 1


class ONNXReranker(LocalReranker):
    """Scores with a cross-encoder in Aurora's own format.

    The model was trained on documents whose first line is a heading: their path and symbol. `rerank` and searches add
    that line. It is always read, and the window is taken from the text below it.

    The model loads on first use, once per process for each (folder, max_tokens, threads), and its users queue for it.
    While it loads or scores, an event loop runs on. Each pair is scored alone, so that its score depends on nothing
    else, to the last bit; several threads score side by side.

    Args:
        folder: The folder of the model.
        max_tokens: Most tokens of query and document together, up to the number that the model can read; ``None`` is
            the number that it was trained on.
        max_document_chars: Most characters of a document that are read, below its heading.
        window: The part of a longer document that is read; see `aurora_dev.core.rerank.window`.
        threads: How many pairs are scored at once; ``None`` is one for each core that the process may use, at most 4.
        cache_size: Scores that are kept for repeated queries, about 250 bytes each; 0 keeps none.

    Raises:
        InvalidRequestError: An argument is out of range.
    """

    reads_headings = True

    def __init__(
        self,
        folder: str | Path,
        *,
        max_tokens: int | None = None,
        max_document_chars: int = DEFAULT_MAX_DOCUMENT_CHARS,
        window: Window = DEFAULT_WINDOW,
        threads: int | None = None,
        cache_size: int = DEFAULT_CACHE_SIZE,
    ) -> None:
        if not isinstance(folder, str | Path) or not str(folder).strip():
            raise InvalidRequestError(f"folder must be a path, not {folder!r}")
        for argument, value in {"max_tokens": max_tokens, "threads": threads}.items():
            if value is not None:
                check_whole(**{argument: value})
        self.folder = Path(folder).absolute()
        self.max_tokens = max_tokens
        self.threads = usable_threads(threads)
        bundled = self.folder == BUNDLED_RERANKER
        load = functools.partial(_load, self.folder, max_tokens, self.threads)
        key = ("onnx", self.folder, max_tokens, self.threads)
        shared: SharedModel[CrossEncoderModel] = shared_model(key, load, "aurora-reranker")
        reading = Reading(max_document_chars, window, cache_size=cache_size)
        super().__init__(f"bundled/{self.folder.name}" if bundled else str(folder), shared, reading, _BATCH_SIZE)

    def prefetch(self) -> None:
        """Begin to load the model in the background, as a search does while its first stage runs."""
        if self._missing() is None:
            self._shared.prefetch()

    def _missing(self) -> AuroraError | None:
        if not (self.folder / _MODEL).is_file():
            return ModelLoadError(_cannot(self.folder, f"it has no {_MODEL}"))
        if not installed("onnxruntime"):
            return MissingRuntimeError("The bundled reranker")
        return None

    def _texts(self, results: Sequence[Rerankable]) -> list[str]:
        texts = rerank_results.contents(results)
        return [reranker_text(text, _metadata(result)) for text, result in zip(texts, results, strict=True)]

    def _window_of(self, query: str, text: str) -> str:
        heading, line_break, content = text.partition("\n")
        if len(heading) > _LONGEST_HEADING:
            heading, line_break, content = "", "", text
        return heading + line_break + select_window(query, content, self.max_document_chars, self.window)


BUNDLED_FUSION = RerankFusion(
    name=RerankWeights(0.1, 0.0),
    question=RerankWeights(0.03, 0.0, 0.05),
    topic=RerankWeights(0.3, 0.0, 0.2),
    words=RerankWeights(0.3, 0.2, 0.2),
    notes=RerankWeights(0.1, 0.0),
    read=15,
    by_keyword=3,
    outlines=8,
    report=RerankWeights(0.1, 0.0, 0.1),
    statement=RerankWeights(0.1, 0.1),
)
"""The weights of `BundledReranker` in a blend with the first stage.

NDCG@10 on the 18 tuning packages and repositories is 0.854 against 0.821 of the first stage, and 0.847 if each is
judged with the weights that were best on the others. MRR@10 on 681 validation pairs is 0.542 against 0.445. ``name`` is
hardly measured, since the first stage settles nearly all such queries there. ``notes`` is the best on the tuning half
of ``benchmarks/conversations.py``, ``report`` and ``statement`` were chosen on titles of the tuning
half of ``benchmarks/issues.py``.
"""


class BundledReranker(ONNXReranker):
    """The model that ships with Aurora; see its card in ``aurora_dev/models/minilm-reranker``.

    Args:
        **options: The options of `ONNXReranker`, without the folder.
    """

    fusion = BUNDLED_FUSION

    def __init__(self, **options: Any) -> None:
        super().__init__(BUNDLED_RERANKER, **options)


def has_bundled_reranker() -> bool:
    """Return whether this installation has the model; a build may leave it out."""
    return (BUNDLED_RERANKER / _MODEL).is_file()


def _load(folder: Path, max_tokens: int | None, threads: int) -> CrossEncoderModel:
    begun = time.perf_counter()
    try:
        model = _open(folder, max_tokens, threads)
    except Exception as error:  # ONNX Runtime and tokenizers raise errors of many kinds
        reason = str(error) if isinstance(error, DamagedModelError) else described(error)
        _log.warning("reranker_load_failed", model=str(folder), reason=reason)
        raise ModelLoadError(_cannot(folder, reason)) from error
    _log.info("reranker_loaded", model=str(folder), seconds=round(time.perf_counter() - begun, 3), threads=threads)
    return model


def _open(folder: Path, max_tokens: int | None, threads: int) -> CrossEncoderModel:
    from tokenizers import Tokenizer

    files = read_verified(folder, (_MODEL, _TOKENIZER, _CONFIG))
    config = json.loads(files[_CONFIG])
    if config.get("format") != _FORMAT or config.get("text_format") != _TEXT_FORMAT:
        raise DamagedModelError("its format is not the one that this version of Aurora reads")
    tokens = int(config["max_tokens"])
    if max_tokens is not None:
        tokens = min(max_tokens, int(config.get("positions", tokens)))
    tokenizer = Tokenizer.from_str(files[_TOKENIZER].decode("utf-8"))
    scorer = PairScorer(files[_MODEL], tokenizer, tokens, threads)

    def predict(pairs: list[Pair]) -> npt.NDArray[np.float32]:
        return scorer.figures(pairs)

    revision = f"{hashlib.sha256(files[CHECKSUMS]).hexdigest()}#{tokens}"
    return CrossEncoderModel(str(folder), predict, revision, probabilities=False, free_memory=lambda: None)


def _cannot(folder: Path, why: str) -> str:
    if folder == BUNDLED_RERANKER:
        advice = "Reinstall Aurora: pip install --force-reinstall --no-deps aurora-dev"
    else:
        advice = "Pass the folder that scripts/train/export_reranker.py wrote, or use the bundled one."
    return f"The reranking model at {folder} cannot be used: {why}. {advice}"


def _metadata(result: Rerankable) -> Mapping[str, Any]:
    if isinstance(result, SearchResult):
        return result.metadata
    metadata = result.get("metadata") if isinstance(result, Mapping) else None
    return metadata if isinstance(metadata, Mapping) else {}
