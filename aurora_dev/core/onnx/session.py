"""Runs ONNX models of cross-encoders and of encoders.

The only module that imports ONNX Runtime, and only when a model is loaded.
"""

from __future__ import annotations

import contextlib
import os
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

from aurora_dev.lazy import np, npt

__all__ = [
    "ATTENTION_MASK",
    "INPUT_IDS",
    "LOGITS",
    "TOKEN_TYPES",
    "VECTORS",
    "Pair",
    "PairScorer",
    "TextEncoder",
    "usable_threads",
]

Pair: TypeAlias = tuple[str, str]
"""A query and a document."""

INPUT_IDS, TOKEN_TYPES, ATTENTION_MASK = "input_ids", "token_type_ids", "attention_mask"
LOGITS, VECTORS = "logits", "vectors"

# More than four cores for the few candidates of a search are taken from other work; a setting allows more.
_MOST_THREADS = 4
# Fuses an addition with the norm after it into one operator, which takes six times as long on CPUs as the two.
_SLOW_FUSION = "SkipLayerNormFusion"
# A token of code has about three characters, with spaces five; more than this is hardly ever read.
_CHARACTERS_PER_TOKEN = 16
_ERRORS_ONLY = 3  # the level of ONNX Runtime's own log, which goes to standard error


def usable_threads(threads: int | None = None) -> int:
    """Return a number of threads: the given one, else one for each core that this process may use, at most 4."""
    if threads is not None:
        return threads
    with contextlib.suppress(AttributeError):  # only Linux tells which cores a process may use
        return min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    return min(os.cpu_count() or 1, _MOST_THREADS)


class PairScorer:
    """A cross-encoder with its tokenizer; gives one figure for each pair.

    Each pair is a run of its own, without padding, on one thread; several threads run pairs side by side. On a CPU this
    is faster than batches and than several threads for one pair (see `aurora_dev.core.onnx.bert_graph`), and the figure
    of a pair depends on nothing but the pair.

    Args:
        model: The file, or its bytes.
        tokenizer: A ``tokenizers.Tokenizer`` that joins pairs as in training.
        max_tokens: Most tokens of query and document together; the longer of the two is cut first.
        threads: How many pairs are scored at once, at least 1.
        token_types: Whether the tokenizer tells the model which tokens are the document's; else all are alike.
        optimise: Whether ONNX Runtime rewrites the graph first; a graph that Aurora wrote is fast as it is.

    Raises:
        ImportError: onnxruntime is not installed, or does not load.
        Exception: Any error of ONNX Runtime for a file that is not a model, or one that it cannot run.
    """

    def __init__(
        self,
        model: Path | bytes,
        tokenizer: Any,
        max_tokens: int,
        threads: int,
        *,
        token_types: bool = True,
        optimise: bool = False,
    ) -> None:
        self._session = _session(model, optimise=optimise)
        self._inputs = frozenset(each.name for each in self._session.get_inputs())
        unknown = self._inputs - {INPUT_IDS, TOKEN_TYPES, ATTENTION_MASK}
        if unknown or INPUT_IDS not in self._inputs:
            raise ValueError(f"the inputs of the model are {', '.join(sorted(self._inputs))}")
        self._outputs = [each.name for each in self._session.get_outputs()]
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens, strategy="longest_first")
        self._token_types = token_types
        self.threads = threads

    def figures(self, pairs: Sequence[Pair]) -> npt.NDArray[np.float32]:
        """Return one figure for each (query, document), in input order: float32 of shape ``(len(pairs),)``."""
        figures = np.empty(len(pairs), dtype=np.float32)

        def score(index: int) -> None:
            figures[index] = self._figure(pairs[index])

        _side_by_side(score, [sum(map(len, pair)) for pair in pairs], self.threads)
        return figures

    def outputs(self, pair: Pair) -> dict[str, npt.NDArray[Any]]:
        """Return all outputs of the model for one pair, by name."""
        return dict(zip(self._outputs, self._session.run(self._outputs, self._inputs_of(pair)), strict=True))

    def _inputs_of(self, pair: Pair) -> dict[str, npt.NDArray[np.int64]]:
        """Return the inputs of the model for a pair: each int64 of shape (1, tokens)."""
        # One by one: tokenizing a batch takes every core there is, and warns in the child of a later fork.
        encoded = self._tokenizer.encode(*pair)
        types = encoded.type_ids if self._token_types else [0] * len(encoded.ids)
        values = {INPUT_IDS: encoded.ids, TOKEN_TYPES: types, ATTENTION_MASK: encoded.attention_mask}
        return {name: np.array([values[name]], dtype=np.int64) for name in self._inputs}

    def _figure(self, pair: Pair) -> float:
        output = self._session.run(self._outputs[:1], self._inputs_of(pair))[0]
        if output.size != 1:
            raise ValueError(f"it gave {output.size} figures for one pair")
        return float(output.reshape(()))


class TextEncoder:
    """An encoder with its tokenizer; gives one vector for each text.

    As with `PairScorer`, each text is a run of its own on one thread, and several threads run texts side by side. So a
    vector depends on nothing but its text, to the last bit.

    Args:
        model: A file of `aurora_dev.core.onnx.bert_graph.encoder_graph`, or its bytes.
        tokenizer: A ``tokenizers.Tokenizer`` that adds the first and the last token of a text.

    Raises:
        ImportError: onnxruntime is not installed, or does not load.
        Exception: Any error of ONNX Runtime for a file that is not a model, or one that it cannot run.
    """

    def __init__(self, model: Path | bytes, tokenizer: Any) -> None:
        self._session = _session(model, optimise=False)
        inputs = [each.name for each in self._session.get_inputs()]
        outputs = self._session.get_outputs()
        if inputs != [INPUT_IDS] or not outputs or outputs[0].name != VECTORS:
            raise ValueError(f"the inputs of the model are {', '.join(inputs)}, and it is no encoder")
        self._outputs = [each.name for each in outputs]
        self.dimension = int(outputs[0].shape[1])
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._unknown = tokenizer.token_to_id("[UNK]")

    def vectors(self, texts: Sequence[str], max_tokens: int, threads: int = 1) -> npt.NDArray[np.float32]:
        """Return one vector for each text, in input order.

        Args:
            texts: The texts.
            max_tokens: Most tokens that are read of a text, its first and last ones included; at least 3.
            threads: How many texts are encoded at once, at least 1.

        Returns:
            float32 of shape ``(len(texts), dimension)``. Rows have length 1; a text without a known token has zeros.
        """
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)

        def encode(index: int) -> None:
            tokens = self.tokens(texts[index], max_tokens)
            if any(token != self._unknown for token in tokens[1:-1]):
                inputs = {INPUT_IDS: np.array([tokens], dtype=np.int64)}
                vectors[index] = self._session.run(self._outputs[:1], inputs)[0][0]

        _side_by_side(encode, list(map(len, texts)), threads)
        return vectors

    def tokens(self, text: str, max_tokens: int) -> list[int]:
        """Return the tokens that are read of a text; those before the last one are its beginning."""
        # One by one: tokenizing a batch takes every core there is, and warns in the child of a later fork.
        tokens: list[int] = self._tokenizer.encode(text[: max_tokens * _CHARACTERS_PER_TOKEN]).ids
        return tokens if len(tokens) <= max_tokens else [*tokens[: max_tokens - 1], tokens[-1]]

    def outputs(self, text: str, max_tokens: int) -> dict[str, npt.NDArray[Any]]:
        """Return all outputs of the model for one text, by name."""
        inputs = {INPUT_IDS: np.array([self.tokens(text, max_tokens)], dtype=np.int64)}
        return dict(zip(self._outputs, self._session.run(self._outputs, inputs), strict=True))


def _side_by_side(do: Callable[[int], None], lengths: Sequence[int], threads: int) -> None:
    """Call a function with the index of each length, on several threads."""
    # The longest first, so that no thread begins a long one when the others have nothing left to do.
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        waiting.put(index)

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                do(waiting.get_nowait())

    threads = min(threads, len(lengths))
    if threads <= 1:
        work()
    else:
        # Threads are made for each call (a tenth of a millisecond): a pool that is kept does not survive a fork.
        with ThreadPoolExecutor(threads, thread_name_prefix="aurora-model") as pool:
            for done in [pool.submit(work) for _ in range(threads)]:
                done.result()


def _session(model: Path | bytes, *, optimise: bool) -> Any:
    from aurora_dev.config.environment import disable_runtime_telemetry

    disable_runtime_telemetry()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    given = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(
        given, options, providers=["CPUExecutionProvider"], disabled_optimizers=[_SLOW_FUSION]
    )
    # The session keeps the bytes for a change of providers, which never comes: as much memory as the model once more.
    session._model_bytes = None
    return session
