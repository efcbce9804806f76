"""Cross-encoders in the format of transformers, run by ONNX Runtime without torch: float32, int8, or an ONNX file.

Covers most rerankers: BERT, RoBERTa and XLM-RoBERTa with one output, weights in safetensors. For any other model,
`UnsupportedModelError` says which part is not covered.

The modules that make a model are imported in the functions that need them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aurora_dev.core.onnx.errors import UnsupportedModelError
from aurora_dev.core.onnx.session import TOKEN_TYPES, Pair, PairScorer, usable_threads
from aurora_dev.core.rerank.cross_encoder import LABELLED, CrossEncoderModel, NotARerankerError, require_file
from aurora_dev.core.rerank.request import ModelRequest
from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.core.onnx.bert_graph import BertShape, Weights

_log = get_logger(__name__)

_CONFIG, _TOKENIZER, _WEIGHTS, _MODULES = "config.json", "tokenizer.json", "model.safetensors", "modules.json"
_TOKENIZER_CONFIG = "tokenizer_config.json"
_COPIED = (_CONFIG, _TOKENIZER, _TOKENIZER_CONFIG)
# The files that are downloaded of a model on the Hub.
DOWNLOADED = [_CONFIG, _TOKENIZER, _TOKENIZER_CONFIG, _WEIGHTS, _MODULES]
# To be raised when the same weights would give another int8 model.
_INT8_VERSION = "int8-1"
# The activations that sentence-transformers puts on top of the logits, and that are left out here.
_LOGIT_ACTIVATIONS = {"Identity", "Sigmoid"}
# Tokenizer classes of no particular model: they give token types only if their configuration says so.
_TYPELESS_TOKENIZERS = {"TokenizersBackend", "PreTrainedTokenizerFast"}

# A pair of each kind that a search reads, so that the channels with large values show: which channels these are depends
# on the model far more than on the text.
_CALIBRATION = (
    (
        "where are tokens verified",
        "def verify(token: str, key: bytes) -> dict[str, Any]:\n    header, payload, signature = token.split('.')\n"
        "    if not hmac.compare_digest(sign(header, payload, key), decode(signature)):\n"
        "        raise InvalidToken('the signature does not match')\n    return json.loads(decode(payload))",
    ),
    (
        "How do I install the package?",
        "## Installation\n\nRun `pip install package` in a virtual environment. Python 3.10 or later is needed; on "
        "Windows, use the launcher: `py -m pip install package`. Wheels exist for Linux, macOS and Windows.",
    ),
    (
        "parseHeaders",
        "export function parseHeaders(raw: string): Map<string, string[]> {\n  const headers = new Map();\n"
        "  for (const line of raw.split('\\r\\n')) {\n    const [name, ...rest] = line.split(':');\n"
        "    if (!name) continue;\n    headers.set(name.toLowerCase(), rest.join(':').trim());\n  }\n"
        "  return headers;\n}",
    ),
    (
        "what was decided about caching",
        "We decided to keep the cache per process and to bound it by entries, not by bytes: measuring objects cost "
        "more than it saved. The decision holds until several processes share one machine.",
    ),
    (
        "retry with exponential backoff",
        "for attempt in range(1, self.max_retries + 1):\n    try:\n        return self.transport.send(request)\n"
        "    except (Timeout, ConnectionError) as error:\n        delay = self.base * 2 ** attempt + random.random()\n"
        "        log.warning('retrying in %.1f s: %s', delay, error)",
    ),
    (
        "who won the race in 1987",
        "The 1987 race was held on 14 June; after 52 laps (301.6 km) the winner crossed the line 0.44 seconds ahead, "
        "the closest finish of the season. 68,000 people watched it from the stands.",
    ),
    (
        "SELECT users by email",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, created_at TIMESTAMP);\n"
        "SELECT id, email FROM users WHERE email = ? ORDER BY created_at DESC LIMIT 10;",
    ),
    ("x", "0x7f 0b1010 1e-9 ### !!! {}[]()<>;:,. ~~~ ---- **** \\n\\t @#$%^&"),
)


def open_directly(
    request: ModelRequest, folder: Path, revision: str, load_weights: Callable[[], Weights] | None = None
) -> CrossEncoderModel:
    """Load a model with ONNX Runtime.

    Args:
        request: The model and its form: float32, int8, or a file of the model; on the CPU.
        folder: The folder of the model on this disk.
        revision: Changes whenever the model's files do.
        load_weights: Reads weights that are not in safetensors.

    Raises:
        UnsupportedModelError: The model is of a kind that is not covered here.
        NotARerankerError: The model gives no single relevance.
        Exception: Any error of the libraries for files that are missing or damaged.
    """
    config = _checked_config(folder)
    if request.model_file is not None:
        require_file(folder, request.model_file)
        scorer = _scorer(folder / request.model_file, folder, request.max_length, optimise=True)
        return _model(request.name, scorer, f"{revision}#{request.model_file}")
    from aurora_dev.core.onnx.bert_graph import BertShape, bert_graph, most_tokens
    from aurora_dev.core.onnx.quantized import onnx_file, quantized_folder

    shape = BertShape.from_config(config)
    if request.quantize is None:
        weights = _read_weights(folder, load_weights)
        length = min(request.max_length, most_tokens(weights, shape))
        return _model(request.name, _scorer(bert_graph(weights, shape), folder, length), f"{revision}#onnx")

    def make(target: Path) -> None:
        _log.info("reranker_quantizing", model=request.name)
        write_int8(folder, target / "onnx" / f"model_{request.quantize}.onnx", shape, load_weights)
        for name in _COPIED:
            if (folder / name).is_file():
                shutil.copy(folder / name, target / name)

    small = quantized_folder(_cache(request.home), request.name, revision, [_INT8_VERSION], make, makers=())
    positions = int(config["max_position_embeddings"]) - shape.first_position
    scorer = _scorer(small / onnx_file(small), small, min(request.max_length, positions))
    return _model(request.name, scorer, f"{revision}#{small.name}")


def write_int8(folder: Path, target: Path, shape: BertShape, load_weights: Callable[[], Weights] | None = None) -> None:
    """Write the int8 model of the weights in a folder."""
    from aurora_dev.core.onnx.bert_graph import bert_graph, most_tokens
    from aurora_dev.core.onnx.calibration import input_maxima

    weights = _read_weights(folder, load_weights)
    maxima = input_maxima(weights, shape, _tokenizer(folder), most_tokens(weights, shape), _CALIBRATION)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(bert_graph(weights, shape, precision="int8", maxima=maxima))


def _model(name: str, scorer: PairScorer, revision: str) -> CrossEncoderModel:
    def predict(pairs: list[Pair]) -> npt.NDArray[np.float32]:
        return scorer.figures(pairs)

    return CrossEncoderModel(name, predict, revision, probabilities=False, free_memory=lambda: None)


def _scorer(model: Path | bytes, folder: Path, max_tokens: int, *, optimise: bool = False) -> PairScorer:
    types = _token_types(folder)
    return PairScorer(model, _tokenizer(folder), max_tokens, usable_threads(), token_types=types, optimise=optimise)


def _token_types(folder: Path) -> bool:
    """Return whether transformers would give the model token types with this tokenizer."""
    path = folder / _TOKENIZER_CONFIG
    config = json.loads(path.read_bytes()) if path.is_file() else {}
    if names := config.get("model_input_names"):
        return TOKEN_TYPES in names
    return config.get("tokenizer_class") not in _TYPELESS_TOKENIZERS


def _checked_config(folder: Path) -> dict[str, Any]:
    config = json.loads((folder / _CONFIG).read_bytes())
    architectures = config.get("architectures") or [""]
    if architectures[0].endswith("Model"):
        raise NotARerankerError(f"it was saved as {architectures[0]}, which has no scoring layer")
    labels = len(config.get("id2label") or {}) or int(config.get("num_labels", 2))  # transformers' default is 2
    if architectures[0].endswith(LABELLED) and labels != 1:
        raise NotARerankerError(f"it has {labels} outputs, so it is a classifier and not a reranker")
    configured = config.get("sentence_transformers") or {}
    activation = configured.get("activation_fn") or config.get("sbert_ce_default_activation_function") or "Identity"
    if activation.rpartition(".")[2] not in _LOGIT_ACTIVATIONS:
        raise UnsupportedModelError(f"it is configured with the activation {activation}")
    if (folder / _MODULES).is_file() and len(json.loads((folder / _MODULES).read_bytes())) != 1:
        raise UnsupportedModelError("it is made of several modules")
    if not (folder / _TOKENIZER).is_file():
        raise UnsupportedModelError(f"it has no {_TOKENIZER}")
    return dict(config)


def _read_weights(folder: Path, load_weights: Callable[[], Weights] | None) -> Weights:
    if (folder / _WEIGHTS).is_file():
        from safetensors.numpy import load_file

        try:
            weights: Weights = load_file(folder / _WEIGHTS)
        except (KeyError, TypeError) as error:  # NumPy has no bfloat16
            raise UnsupportedModelError(f"its weights have a type that NumPy does not have ({error})") from error
        return weights
    if load_weights is None:
        raise UnsupportedModelError(f"it has no {_WEIGHTS}")
    return load_weights()


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / _TOKENIZER))


def _cache(home: str | None) -> Path:
    from huggingface_hub.constants import HF_HOME

    from aurora_dev.core.onnx.quantized import CACHE_FOLDER

    return Path(home or HF_HOME) / CACHE_FOLDER
