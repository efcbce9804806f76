"""A text encoder for dense vectors: layers of all-MiniLM-L6-v2, and the mean of the last one's vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from reranker_model import Layer, ModelShape, bert_names
from torch import Tensor, nn

_LAYER_NORM_EPSILON = 1e-12
_TYPES = "embeddings.token_type_embeddings.weight"


class DenseEncoder(nn.Module):  # type: ignore[misc]
    """A model that gives one vector for a token sequence."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.vocabulary, shape.hidden)
        self.positions = nn.Embedding(shape.positions, shape.hidden)
        self.norm = nn.LayerNorm(shape.hidden, eps=_LAYER_NORM_EPSILON)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Encode texts.

        Args:
            ids: Shape ``(n, tokens)``, int64, padded with any token.
            lengths: Number of tokens without padding: shape ``(n,)``, int64.

        Returns:
            The means, not normalised: shape ``(n, hidden)``, float32.
        """
        positions = torch.arange(ids.shape[1])
        states = self.norm(self.words(ids) + self.positions(positions))
        inside = positions[None, :] < lengths[:, None]
        padding = torch.zeros(ids.shape).masked_fill(~inside, -1e4)[:, None, None, :]
        for layer in self.layers:
            states = layer(states, padding)
        return (states.float() * inside[:, :, None]).sum(dim=1) / lengths[:, None]


def from_bert(weights: Mapping[str, Tensor], kept: Sequence[int]) -> DenseEncoder:
    """Return an encoder that starts from layers of a ``BertModel``.

    Args:
        weights: Its state, by the usual names. The vector of the first token type becomes part of the positions.
        kept: The layers to keep (0-based), in order.
    """
    words = weights["embeddings.word_embeddings.weight"]
    shape = ModelShape(
        layers=len(kept),
        hidden=words.shape[1],
        heads=words.shape[1] // 32,
        feed_forward=len(weights["encoder.layer.0.intermediate.dense.bias"]),
        vocabulary=len(words),
        positions=len(weights["embeddings.position_embeddings.weight"]),
    )
    model = DenseEncoder(shape)
    names = bert_names(kept)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.cat([weights[source] for source in names[name]]))
        model.positions.weight += weights[_TYPES][0]
    return model


def to_bert(model: DenseEncoder) -> dict[str, Tensor]:
    """Return the weights by BERT's names, float32; there is one token type, of zeros."""
    names = bert_names(range(len(model.layers)))
    found = {_TYPES: torch.zeros(1, model.shape.hidden)}
    for name, parameter in model.state_dict().items():
        parts = parameter.float().chunk(len(names[name]))
        found.update({target: part.clone() for target, part in zip(names[name], parts, strict=True)})
    return found
