"""A cross-encoder whose score starts as the similarity that all-MiniLM-L6-v2 was trained for.

Query and document go through the layers together, so that each attends to the other, as in any cross-encoder. The score
is a weighted cosine of the mean vectors of both parts, plus a projection of the first token. The source was trained to
compare the mean vectors of texts that it read separately. Read together, they still compare well: training starts from
an order that is right in half of the lists. A new score on the first token starts from chance, and needs many times the
data to get there. The layers of the source to keep are an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Standard deviation of the initial weights, as in BERT.
_INITIAL_DEVIATION = 0.02
# The logit of a cosine of 1; sentence-transformers trains with the same factor.
_COSINE_SCALE = 20.0
# Before training, any two texts read together have a cosine of about 0.8; this turns it into a small probability.
_INITIAL_BIAS = -16.0
_LAYER_NORM_EPSILON = 1e-12


@dataclass(frozen=True)
class ModelShape:
    """The sizes of a model; the defaults are those of all-MiniLM-L6-v2."""

    layers: int = 6
    hidden: int = 384
    heads: int = 12
    feed_forward: int = 1536
    vocabulary: int = 30_522
    positions: int = 512


class Layer(nn.Module):  # type: ignore[misc]
    """One post-norm transformer layer."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.hidden, 3 * shape.hidden)
        self.out = nn.Linear(shape.hidden, shape.hidden)
        self.attention_norm = nn.LayerNorm(shape.hidden, eps=_LAYER_NORM_EPSILON)
        self.up = nn.Linear(shape.hidden, shape.feed_forward)
        self.down = nn.Linear(shape.feed_forward, shape.hidden)
        self.norm = nn.LayerNorm(shape.hidden, eps=_LAYER_NORM_EPSILON)

    def forward(self, states: Tensor, padding: Tensor) -> Tensor:
        """Return new states, shape ``(n, tokens, hidden)``."""
        query, key, value = self.qkv(states).split(states.shape[2], dim=2)
        query, key, value = (self._by_head(part) for part in (query, key, value))
        weights = query @ key.transpose(2, 3) * query.shape[3] ** -0.5 + padding.to(query.dtype)
        mixed = (weights.softmax(dim=3).to(value.dtype) @ value).transpose(1, 2).flatten(2)
        states = self.attention_norm(states + self.out(mixed))
        return self.norm(states + self.down(nn.functional.gelu(self.up(states))))

    def _by_head(self, part: Tensor) -> Tensor:
        return part.unflatten(2, (self.heads, -1)).transpose(1, 2)


class CrossEncoder(nn.Module):  # type: ignore[misc]
    """A model that gives one logit for a pair of token sequences."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.vocabulary, shape.hidden)
        self.positions = nn.Embedding(shape.positions, shape.hidden)
        self.segments = nn.Embedding(2, shape.hidden)
        self.norm = nn.LayerNorm(shape.hidden, eps=_LAYER_NORM_EPSILON)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        # The score: weights for each dimension of the cosine, and for the first token.
        self.similarity = nn.Parameter(torch.zeros(shape.hidden))
        self.first = nn.Linear(shape.hidden, 1)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=_INITIAL_DEVIATION)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        nn.init.zeros_(self.first.weight)
        nn.init.constant_(self.first.bias, _INITIAL_BIAS)

    def forward(self, ids: Tensor, segments: Tensor, lengths: Tensor) -> Tensor:
        """Score pairs.

        Args:
            ids: Shape ``(n, tokens)``, int64, padded with any token.
            segments: 0 for the query, 1 for the document: shape ``(n, tokens)``, int64.
            lengths: Number of tokens without padding: shape ``(n,)``, int64.

        Returns:
            Logits, shape ``(n,)``, float32.
        """
        positions = torch.arange(ids.shape[1])
        states = self.norm(self.words(ids) + self.positions(positions) + self.segments(segments))
        inside = positions[None, :] < lengths[:, None]
        padding = torch.zeros(ids.shape).masked_fill(~inside, -1e4)[:, None, None, :]
        for layer in self.layers:
            states = layer(states, padding)
        states = states.float()
        query, document = (
            nn.functional.normalize((states * (inside & (segments == part))[:, :, None]).sum(dim=1), dim=1)
            for part in (0, 1)
        )
        first = (states[:, 0] * self.first.weight).sum(dim=1) + self.first.bias
        return _COSINE_SCALE * (query * document * (1.0 + self.similarity)).sum(dim=1) + first


def from_bert(weights: Mapping[str, Tensor], kept: Sequence[int], shape: ModelShape) -> CrossEncoder:
    """Return a cross-encoder that starts from layers of a BERT encoder.

    Args:
        weights: The state of a ``BertModel``, by its usual names.
        kept: The layers of the source to keep (0-based), in order; as many as ``shape`` has.
        shape: The sizes of the result.
    """
    model = CrossEncoder(shape)
    sources = bert_names(kept)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in sources:
                parameter.copy_(torch.cat([weights[source] for source in sources[name]]))
        # The source never used the second segment, so it starts as a copy of the first.
        model.segments.weight[1] = model.segments.weight[0]
    return model


def to_bert(model: CrossEncoder) -> dict[str, Tensor]:
    """Return the weights by BERT's names with the prefix ``bert.``, and those of the score, all float32.

    ``similarity.weight``, shape ``(hidden,)``, multiplies the product of the two normalised means. ``first.weight``,
    shape ``(1, hidden)``, and ``first.bias``, shape ``(1,)``, project the first token.
    """
    names = bert_names(range(len(model.layers)))
    found = {
        "similarity.weight": _COSINE_SCALE * (1.0 + model.similarity.detach()),
        "first.weight": model.first.weight.detach().clone(),
        "first.bias": model.first.bias.detach().clone(),
    }
    for name, parameter in model.state_dict().items():
        if name in names:
            parts = parameter.float().chunk(len(names[name]))
            found.update({f"bert.{target}": part.clone() for target, part in zip(names[name], parts, strict=True)})
    return found


def bert_names(layers: Sequence[int]) -> dict[str, list[str]]:
    """Return for each tensor of `CrossEncoder` the names of the BERT tensors that are concatenated in it."""
    names = {
        "words.weight": ["embeddings.word_embeddings.weight"],
        "positions.weight": ["embeddings.position_embeddings.weight"],
        "segments.weight": ["embeddings.token_type_embeddings.weight"],
    }
    for kind in ("weight", "bias"):
        names[f"norm.{kind}"] = [f"embeddings.LayerNorm.{kind}"]
        for number, source in enumerate(layers):
            ours, theirs = f"layers.{number}", f"encoder.layer.{source}"
            attention = [f"{theirs}.attention.self.{part}.{kind}" for part in ("query", "key", "value")]
            names[f"{ours}.qkv.{kind}"] = attention
            names[f"{ours}.out.{kind}"] = [f"{theirs}.attention.output.dense.{kind}"]
            names[f"{ours}.attention_norm.{kind}"] = [f"{theirs}.attention.output.LayerNorm.{kind}"]
            names[f"{ours}.up.{kind}"] = [f"{theirs}.intermediate.dense.{kind}"]
            names[f"{ours}.down.{kind}"] = [f"{theirs}.output.dense.{kind}"]
            names[f"{ours}.norm.{kind}"] = [f"{theirs}.output.LayerNorm.{kind}"]
    return names
