"""Runs ONNX models of cross-encoders: the only module that knows ONNX Runtime, which it imports late."""

from __future__ import annotations

import contextlib
import os
import queue
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aurora_dev.core.onnx.bert_graph import (
    INPUT_IDS,
    LOGITS,
    MAXIMA_SUFFIX,
    TOKEN_TYPES,
    BertShape,
    Weights,
    calibration_graph,
)

Pair: TypeAlias = tuple[str, str]

ATTENTION_MASK = "attention_mask"
# More than four cores for the few candidates of a search are taken from whatever else runs; a setting allows more.
_MOST_THREADS = 4
# Fuses what is added with the norm after it into one operator, which takes six times as long on CPUs as the two.
_SLOW_FUSION = "SkipLayerNormFusion"
_ERRORS_ONLY = 3  # of ONNX Runtime's log, which goes to standard error


def usable_threads(asked: int | None = None) -> int:
    """Return how many threads score: as many as asked, else one for each core that this process may use, at most 4."""
    if asked is not None:
        return asked
    with contextlib.suppress(AttributeError):  # only Linux tells what a process may use
        return min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    return min(os.cpu_count() or 1, _MOST_THREADS)


class PairScorer:
    """A cross-encoder and its tokenizer: pairs in, figures out.

    Each pair is a run of its own, without padding, on one thread; several threads run pairs side by side. That is
    faster on a CPU than batches and than several threads for one pair (see `aurora_dev.core.onnx.bert_graph`), and the
    figure of a pair depends on nothing but the pair.

    Args:
        model: The file, or its bytes.
        tokenizer: A ``tokenizers.Tokenizer`` that puts pairs together as the model was trained.
        max_tokens: Of query and document together; the longer of the two is cut first.
        threads: How many pairs are scored at once, at least 1.
        token_types: Whether the tokenizer tells the model which tokens are the document's; else all are alike.
        optimise: Whether ONNX Runtime rewrites the graph first; what Aurora wrote itself is fast as it is.

    Raises:
        ImportError: onnxruntime is not installed, or does not load.
        Exception: Whatever ONNX Runtime raises for a file that is no model, or one that it cannot run.
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
        self._output = self._session.get_outputs()[0].name
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens, strategy="longest_first")
        self._token_types = token_types
        self.threads = threads

    def figures(self, pairs: Sequence[Pair]) -> npt.NDArray[np.float32]:
        """Return one figure for each (query, document), in input order: float32 of shape ``(len(pairs),)``."""
        figures = np.empty(len(pairs), dtype=np.float32)
        # The longest first, so that no thread begins a long one when the others have nothing left to do.
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index in sorted(range(len(pairs)), key=lambda index: -sum(map(len, pairs[index]))):
            waiting.put(index)

        def work() -> None:
            with contextlib.suppress(queue.Empty):
                while True:
                    index = waiting.get_nowait()
                    figures[index] = self._figure(pairs[index])

        threads = min(self.threads, len(pairs))
        if threads <= 1:
            work()
        else:
            # Threads are made for each call (a tenth of a millisecond): a pool that is kept does not survive a fork.
            with ThreadPoolExecutor(threads, thread_name_prefix="aurora-pairs") as pool:
                for done in [pool.submit(work) for _ in range(threads)]:
                    done.result()
        return figures

    def feed(self, pair: Pair) -> dict[str, npt.NDArray[np.int64]]:
        """Return what the model reads for a pair: each of shape (1, tokens)."""
        # One by one: tokenizing a batch takes every core there is, and warns in the child of a later fork.
        encoded = self._tokenizer.encode(*pair)
        types = encoded.type_ids if self._token_types else [0] * len(encoded.ids)
        given = {INPUT_IDS: encoded.ids, TOKEN_TYPES: types, ATTENTION_MASK: encoded.attention_mask}
        return {name: np.array([given[name]], dtype=np.int64) for name in self._inputs}

    def _figure(self, pair: Pair) -> float:
        output = self._session.run([self._output], self.feed(pair))[0]
        if output.size != 1:
            raise ValueError(f"it gave {output.size} figures for one pair")
        return float(output.reshape(()))


def input_maxima(
    weights: Weights, shape: BertShape, tokenizer: Any, max_tokens: int, pairs: Sequence[Pair]
) -> Mapping[str, npt.NDArray[np.float32]]:
    """Measure what the int8 model needs to know of its inputs, by scoring pairs with the float32 one.

    Returns:
        For each place of matrix products, the largest absolute value of each of its input's channels.
    """
    scorer = PairScorer(calibration_graph(weights, shape), tokenizer, max_tokens, 1)
    places = [each.name for each in scorer._session.get_outputs() if each.name != LOGITS]
    maxima: dict[str, npt.NDArray[np.float32]] = {}
    for pair in pairs:
        for place, largest in zip(places, scorer._session.run(places, scorer.feed(pair)), strict=True):
            name = place.removesuffix(MAXIMA_SUFFIX)
            maxima[name] = np.maximum(maxima.get(name, 0.0), largest)
    return maxima


def _session(model: Path | bytes, *, optimise: bool) -> Any:
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
    # It keeps the bytes for a change of providers, which never comes: as much memory as the model, once more.
    session._model_bytes = None
    return session
