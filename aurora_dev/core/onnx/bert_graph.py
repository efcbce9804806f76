"""Writes the weights of a BERT cross-encoder, or of a BERT encoder of texts, as an ONNX graph that is fast on CPUs.

The graph is written from the weights and not exported from torch, because its form decides its speed (measured with 6
layers of 384 on 2 cores with AVX-512 VNNI, 124 tokens a pair):

- One pair to a run and no padding, so that no mask is needed and dynamic scales belong to one pair alone: a score is
  the same to the last bit, whatever else is scored. Batches of 4 and 8 pairs were 10 to 20 % slower.
- The last layer computes the queries, the output and the feed-forward part of the first token only, since the score
  reads no other vector: the same numbers in 14 % less time with 6 layers, 28 % with 3.
- Residuals are added, then normalised, with two operators: the fused one of ONNX Runtime took six times as long.
- int8 weights have 7 bits, so that processors without VNNI, which add two products in 16 bits, cannot overflow.

int8 activations have one scale for each matrix product, and the few channels with large values in a transformer make it
coarse. `aurora_dev.core.onnx.calibration.input_maxima` measures those channels, and part of their range moves into the
weights: Xiao et al., "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models" (2022).
It halves the error for 3 % of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from aurora_dev.core.onnx.errors import UnsupportedModelError
from aurora_dev.core.onnx.session import INPUT_IDS, LOGITS, TOKEN_TYPES, VECTORS
from aurora_dev.core.onnx.writer import CONTRIB, FLOAT, INT64, OnnxGraph, Value

Weights: TypeAlias = Mapping[str, npt.NDArray[Any]]
Precision: TypeAlias = Literal["float32", "int8"]

MAXIMA_SUFFIX = ".maxima"

# The exponent that shares a range between activations (0.75) and weights (0.25). Of 0.5, 0.6, 0.7, 0.75, 0.8 and 0.9 it
# agreed best with float32 (correlation 0.998, without smoothing 0.986; random head on the layers of all-MiniLM-L6-v2).
_SMOOTHING = 0.75
# The least range of a channel, as a part of the mean: one that was quiet while it was measured may be loud later.
_QUIETEST = 0.5
_LARGEST_WEIGHT = 63  # 7 bits and a sign: 255 * 63 * 2 < 2 ** 15
_LARGEST_EMBEDDING = 127  # embeddings are looked up, not multiplied
_SMALLEST_SCALE = 1e-8
# Operators by the names of transformers; "gelu" is the exact one.
_ACTIVATIONS = {
    "gelu": ("Gelu", CONTRIB),
    "gelu_new": ("FastGelu", CONTRIB),
    "gelu_pytorch_tanh": ("FastGelu", CONTRIB),
    "gelu_fast": ("FastGelu", CONTRIB),
    "relu": ("Relu", ""),
}
# A weight of Aurora's own model, whose score is the cosine of two means and more: it reads the whole last layer.
_SIMILARITY = "similarity.weight"
_FAMILIES = {
    "BertForSequenceClassification": "bert",
    "RobertaForSequenceClassification": "roberta",
    "XLMRobertaForSequenceClassification": "roberta",
}


@dataclass(frozen=True, slots=True)
class BertShape:
    """The shape of a model, as far as its weights do not show it.

    Attributes:
        family: ``bert``, or ``roberta`` (also XLM-RoBERTa); decides where positions start, and the layers of the score.
        layers: Number of layers, at least 1.
        heads: Number of attention heads; it divides the width.
        epsilon: The epsilon of the layer norms.
        activation: A value of transformers' ``hidden_act``.
        first_position: The row of the position table that the first token takes.
    """

    family: str
    layers: int
    heads: int
    epsilon: float = 1e-12
    activation: str = "gelu"
    first_position: int = 0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> BertShape:
        """Read the shape from a ``config.json`` of transformers.

        Raises:
            UnsupportedModelError: The architecture or a part of it is not covered here.
        """
        architectures = config.get("architectures") or []
        family = _FAMILIES.get(architectures[0] if architectures else "")
        if family is None:
            raise UnsupportedModelError(f"its architecture is {', '.join(architectures) or 'not named'}")
        positions = config.get("position_embedding_type") or "absolute"
        activation = config.get("hidden_act", "gelu")
        if positions != "absolute" or activation not in _ACTIVATIONS or config.get("is_decoder"):
            raise UnsupportedModelError(f"it has {positions} positions and the activation {activation}")
        return cls(
            family,
            int(config["num_hidden_layers"]),
            int(config["num_attention_heads"]),
            float(config.get("layer_norm_eps", 1e-12)),
            activation,
            int(config.get("pad_token_id") or 0) + 1 if family == "roberta" else 0,
        )


def most_tokens(weights: Weights, shape: BertShape) -> int:
    """Return the most tokens that the position table has room for."""
    return len(_named(weights, shape)["embeddings.position_embeddings.weight"]) - shape.first_position


def bert_graph(
    weights: Weights,
    shape: BertShape,
    *,
    precision: Precision = "float32",
    maxima: Mapping[str, npt.NDArray[np.float32]] | None = None,
) -> bytes:
    """Return an ONNX model that scores pairs.

    Its inputs are ``input_ids`` and, where the model tells query and document apart by them, ``token_type_ids``: int64
    of shape (pairs, tokens), all pairs of one length, without padding. Its output ``logits`` is float32 of shape
    (pairs,), before any sigmoid.

    Args:
        weights: The state dictionary of a ``…ForSequenceClassification`` with one output; or with the score of Aurora's
            own model, ``similarity.weight`` (width,), ``first.weight`` (1, width) and ``first.bias`` (1,), in place of
            pooler and classifier (see ``scripts/train/reranker_model.py``).
        shape: The shape of the model.
        precision: The precision of the weights and of the matrix products with them; attention itself is float32.
        maxima: The ranges of `aurora_dev.core.onnx.calibration.input_maxima`, for int8.

    Raises:
        UnsupportedModelError: A weight is missing, or has another shape.
        ModelTooLargeError: The file would be larger than 2 GiB.
    """
    return _Builder(weights, shape, precision, maxima or {}).build(with_maxima=False)


def encoder_graph(
    weights: Weights,
    shape: BertShape,
    *,
    precision: Precision = "float32",
    maxima: Mapping[str, npt.NDArray[np.float32]] | None = None,
) -> bytes:
    """Return an ONNX model that turns texts into vectors: the normalised mean of the last layer.

    Its input ``input_ids`` is int64 of shape (texts, tokens), all texts of one length, without padding. Its output
    ``vectors`` is float32 of shape (texts, width), with rows of length 1.

    Args:
        weights: The state dictionary of a ``BertModel``; one row of token types, or more of which the first counts.
        shape: The shape of the model.
        precision: As in `bert_graph`.
        maxima: As in `bert_graph`.

    Raises:
        UnsupportedModelError: A weight is missing, or has another shape.
        ModelTooLargeError: The file would be larger than 2 GiB.
    """
    return _Builder(weights, shape, precision, maxima or {}, pools=True).build(with_maxima=False)


def calibration_graph(weights: Weights, shape: BertShape, *, pools: bool = False) -> bytes:
    """Return the float32 model with more outputs: the largest absolute value of each channel before each product.

    They are named ``layer.N.PRODUCT.maxima``, float32 of shape (width,). Over several runs, the largest counts.

    Args:
        weights: See `bert_graph`; with ``pools``, see `encoder_graph`.
        shape: The shape of the model.
        pools: Whether the model is one of `encoder_graph`.
    """
    return _Builder(weights, shape, "float32", {}, small_embeddings=True, pools=pools).build(with_maxima=True)


class _Builder:
    def __init__(
        self,
        weights: Weights,
        shape: BertShape,
        precision: Precision,
        maxima: Mapping[str, npt.NDArray[np.float32]],
        *,
        small_embeddings: bool = False,
        pools: bool = False,
    ) -> None:
        self.weights = _named(weights, shape)
        self.pools = pools
        self.shape = shape
        self.precision = precision
        self.maxima = maxima
        self.small_embeddings = small_embeddings or precision == "int8"
        self.graph = OnnxGraph("encoder" if pools else "cross-encoder")
        self.inputs: dict[str, Value] = {}  # the input of each matrix product, by its name
        self.width = self._weight("embeddings.word_embeddings.weight").shape[1]
        if self.width % shape.heads:
            raise UnsupportedModelError(f"{shape.heads} heads do not divide its width of {self.width}")

    def build(self, *, with_maxima: bool) -> bytes:
        state = self._embedded()
        compares = _SIMILARITY in self.weights
        reads_all = compares or self.pools
        for layer in range(self.shape.layers):
            state = self._layer(state, layer, last=layer == self.shape.layers - 1 and not reads_all)
        if self.pools:
            self.graph.output(self._mean(state), VECTORS, FLOAT, ["texts", self.width])
        else:
            given = self._similarity(state) if compares else self._score(state)
            score = self.graph.add("Reshape", given, self._shape_of("flat", [-1]))
            self.graph.output(score, LOGITS, FLOAT, ["pairs"])
        for place, value in self.inputs.items() if with_maxima else ():
            largest = self.graph.add(
                "ReduceMax", self.graph.add("Abs", value), self._shape_of("rows", [0, 1]), keepdims=0
            )
            self.graph.output(largest, place + MAXIMA_SUFFIX, FLOAT, ["width"])
        return self.graph.to_bytes()

    def _embedded(self) -> Value:
        graph, table = self.graph, self._weight("embeddings.word_embeddings.weight")
        ids = graph.input(INPUT_IDS, INT64, ["pairs", "tokens"])
        if self.small_embeddings:
            scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / _LARGEST_EMBEDDING, _SMALLEST_SCALE)
            rows = graph.add("Gather", graph.constant("words", np.rint(table / scales).astype(np.int8)), ids)
            scale = graph.add("Gather", graph.constant("words.scale", scales.astype(np.float32)), ids)
            words = graph.add("Mul", graph.add("Cast", rows, to=FLOAT), scale)
        else:
            words = graph.add("Gather", graph.constant("words", table), ids)
        positions = self._weight("embeddings.position_embeddings.weight")[self.shape.first_position :]
        types = self._weight("embeddings.token_type_embeddings.weight")
        if self.pools:
            types = types[:1]  # a text on its own is of the first type
        if len(types) == 1:
            positions = positions + types  # every token has the same one
        length = graph.add("Slice", graph.add("Shape", ids), *(self._shape_of(str(n), [n]) for n in (1, 2, 0)))
        starts, axis = self._shape_of("0", [0]), self._shape_of("0", [0])
        here = graph.add("Slice", graph.constant("positions", positions), starts, length, axis)
        words = graph.add("Add", words, here)
        if len(types) > 1:
            ids_of_types = graph.input(TOKEN_TYPES, INT64, ["pairs", "tokens"])
            words = graph.add("Add", words, graph.add("Gather", graph.constant("types", types), ids_of_types))
        return self._norm(words, "embeddings.LayerNorm")

    def _layer(self, state: Value, layer: int, *, last: bool) -> Value:
        graph, prefix, place = self.graph, f"encoder.layer.{layer}.", f"layer.{layer}."
        names = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
        matrices, biases = [self._matrix(name) for name in names], [self._weight(f"{name}.bias") for name in names]
        # Attention mixes rows, not channels, so the values' weights can take the factors of its output's channels.
        out = self._matrix(f"{prefix}attention.output.dense")
        factors = self._factors(out, place + "output")
        matrices[2], biases[2] = matrices[2] / factors, biases[2] / factors
        matrix, bias = np.concatenate(matrices, axis=1), np.concatenate(biases)
        given, matrix = self._smoothed(state, matrix, place + "attention")
        width = self.width
        if last:
            state = self._first_token(state)
            query = self._product(self._first_token(given), matrix[:, :width], bias[:width], place + "query")
            joined = self._product(given, matrix[:, width:], bias[width:], place + "key-value")
            key, value = graph.split(joined, 2, axis=2)
        else:
            query, key, value = graph.split(self._product(given, matrix, bias, place + "attention"), 3, axis=2)
        mixed = graph.add("MultiHeadAttention", query, key, value, domain=CONTRIB, num_heads=self.shape.heads)
        self.inputs[place + "output"] = mixed
        bias = self._weight(f"{prefix}attention.output.dense.bias")
        mixed = self._product(mixed, out * factors[:, None], bias, place + "output")
        state = self._norm(graph.add("Add", mixed, state), f"{prefix}attention.output.LayerNorm")
        wide = self._linear(state, f"{prefix}intermediate.dense", place + "up")
        operator, domain = _ACTIVATIONS[self.shape.activation]
        narrow = self._linear(graph.add(operator, wide, domain=domain), f"{prefix}output.dense", place + "down")
        return self._norm(graph.add("Add", narrow, state), f"{prefix}output.LayerNorm")

    def _score(self, first: Value) -> Value:
        dense, out = "pooler.dense", "classifier"
        if self.shape.family == "roberta":
            dense, out = "classifier.dense", "classifier.out_proj"
        for name in (dense, out):
            matrix = self._matrix(name)
            if name == out and matrix.shape[1] != 1:
                raise UnsupportedModelError(f"it has {matrix.shape[1]} outputs instead of one")
            first = self.graph.add("MatMul", first, self.graph.constant(name, matrix))
            first = self.graph.add("Add", first, self.graph.constant(f"{name}.bias", self._weight(f"{name}.bias")))
            if name == dense:
                first = self.graph.add("Tanh", first)
        return first

    def _mean(self, state: Value) -> Value:
        """Return the mean of the vectors of all tokens, scaled to length 1."""
        mean = self.graph.add("ReduceMean", state, self._shape_of("1", [1]), keepdims=0)
        return self.graph.add("Div", mean, self.graph.add("ReduceL2", mean, self._shape_of("1", [1]), keepdims=1))

    def _similarity(self, state: Value) -> Value:
        """Return the weighed cosine of the mean vectors of query and document, plus the projection of the first token.

        Sums take the place of means: a cosine does not change with lengths.
        """
        graph = self.graph
        of_document = graph.add("Unsqueeze", graph.add("Cast", Value(TOKEN_TYPES), to=FLOAT), self._shape_of("1", [1]))
        of_query = graph.add("Sub", graph.constant("one", np.ones(1, np.float32)), of_document)
        parts = []
        for which in (of_query, of_document):
            total = graph.add("MatMul", which, state)
            parts.append(graph.add("Div", total, graph.add("ReduceL2", total, self._shape_of("2", [2]), keepdims=1)))
        weight = graph.constant(_SIMILARITY, self._weight(_SIMILARITY).reshape(-1, 1))
        likeness = graph.add("MatMul", graph.add("Mul", *parts), weight)
        first = graph.add("MatMul", self._first_token(state), graph.constant("first", self._matrix("first")))
        return graph.add("Add", graph.add("Add", likeness, first), graph.constant("bias", self._weight("first.bias")))

    def _linear(self, value: Value, name: str, place: str) -> Value:
        value, matrix = self._smoothed(value, self._matrix(name), place)
        return self._product(value, matrix, self._weight(f"{name}.bias"), place)

    def _smoothed(
        self, value: Value, matrix: npt.NDArray[np.float32], place: str
    ) -> tuple[Value, npt.NDArray[np.float32]]:
        """Divide each channel of the input by a factor, and multiply the row of the matrix by it (SmoothQuant)."""
        self.inputs[place] = value
        factors = self._factors(matrix, place)
        if (factors == 1.0).all():
            return value, matrix
        divided = self.graph.add(
            "Mul", value, self.graph.constant(f"{place}.smooth", (1.0 / factors).astype(np.float32))
        )
        return divided, matrix * factors[:, None]

    def _factors(self, matrix: npt.NDArray[np.float32], place: str) -> npt.NDArray[np.float32]:
        """Return the divisor of each channel of a product's input; ones if its range was not measured."""
        largest = self.maxima.get(place)
        if self.precision == "float32" or largest is None:
            return np.ones(len(matrix), np.float32)
        if largest.shape != (len(matrix),):
            raise UnsupportedModelError(f"the maxima of {place} have the shape {largest.shape}, not ({len(matrix)},)")
        inputs = np.maximum(largest, max(_QUIETEST * float(largest.mean()), _SMALLEST_SCALE))
        rows = np.abs(matrix).max(axis=1)
        rows = np.maximum(rows, max(_QUIETEST * float(rows.mean()), _SMALLEST_SCALE))
        factors = inputs**_SMOOTHING / rows ** (1.0 - _SMOOTHING)
        normed: npt.NDArray[np.float32] = (factors / np.exp(np.log(factors).mean())).astype(np.float32)
        return normed

    def _product(
        self, value: Value, matrix: npt.NDArray[np.float32], bias: npt.NDArray[np.float32], place: str
    ) -> Value:
        graph = self.graph
        offset = graph.constant(f"{place}.bias", bias)
        if self.precision == "float32":
            return graph.add("Add", graph.add("MatMul", value, graph.constant(f"{place}.weight", matrix)), offset)
        scales = np.maximum(np.abs(matrix).max(axis=0) / _LARGEST_WEIGHT, _SMALLEST_SCALE).astype(np.float32)
        return graph.add(
            "DynamicQuantizeMatMul",
            value,
            graph.constant(f"{place}.weight", np.rint(matrix / scales).astype(np.int8)),
            graph.constant(f"{place}.scale", scales),
            graph.constant(f"{place}.zero", np.zeros(len(scales), np.int8)),
            offset,
            domain=CONTRIB,
        )

    def _norm(self, value: Value, name: str) -> Value:
        gain, bias = (
            self.graph.constant(f"{name}.{part}", self._weight(f"{name}.{part}")) for part in ("weight", "bias")
        )
        return self.graph.add("LayerNormalization", value, gain, bias, axis=-1, epsilon=self.shape.epsilon)

    def _first_token(self, value: Value) -> Value:
        return self.graph.add("Slice", value, *(self._shape_of(str(n), [n]) for n in (0, 1, 1)))

    def _shape_of(self, name: str, numbers: list[int]) -> Value:
        return self.graph.constant(f"numbers {name}", np.array(numbers, np.int64))

    def _matrix(self, name: str) -> npt.NDArray[np.float32]:
        """Return a weight for multiplication from the right: shape (inputs, outputs)."""
        return np.ascontiguousarray(self._weight(f"{name}.weight").T)

    def _weight(self, name: str) -> npt.NDArray[np.float32]:
        if name not in self.weights:
            raise UnsupportedModelError(f"it has no weight named {name}")
        return np.asarray(self.weights[name], dtype=np.float32)


def _named(weights: Weights, shape: BertShape) -> dict[str, npt.NDArray[Any]]:
    """Return the weights by their names inside the encoder; older files call the parts of a norm gamma and beta."""
    prefix = f"{shape.family}."
    return {
        name.removeprefix(prefix).replace(".gamma", ".weight").replace(".beta", ".bias"): weight
        for name, weight in weights.items()
    }
