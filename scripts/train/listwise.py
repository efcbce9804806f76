"""The loss of a reranker over lists, and the metrics of its order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# The score itself should also mean something: 0 for a text that does not answer. This share of the loss is pointwise;
# the softmax over the list still determines the order.
POINTWISE_SHARE = 0.2


def listwise_loss(logits: Tensor, positive: Tensor, valid: Tensor, pointwise: float = POINTWISE_SHARE) -> Tensor:
    """Return the mean cross-entropy of lists (ListNet's top-one form; Cao et al., 2007) plus a pointwise part.

    Args:
        logits: Shape ``(lists, places)``.
        positive: The answers: same shape, bool.
        valid: The places that count: same shape, bool. Near-duplicates of the answer, which are neither right nor
            wrong, and the unused places of shorter lists are masked.
        pointwise: Weight of the binary cross-entropy, in which answers and negatives of a list have equal weight.

    Returns:
        A scalar. A list without an answer or without negatives adds 0.
    """
    positive = positive & valid
    negative = valid & ~positive
    usable = (positive.any(dim=1) & negative.any(dim=1)).float()
    hidden = torch.finfo(logits.dtype).min / 2
    whole = logits.masked_fill(~valid, hidden).logsumexp(dim=1)
    right = logits.masked_fill(~positive, hidden).logsumexp(dim=1)
    ordering = whole - right
    softplus = torch.nn.functional.softplus
    share_right = (softplus(-logits) * positive).sum(dim=1) / positive.sum(dim=1).clamp(min=1)
    share_wrong = (softplus(logits) * negative).sum(dim=1) / negative.sum(dim=1).clamp(min=1)
    each = ordering + pointwise * (share_right + share_wrong)
    return torch.where(usable.bool(), each, torch.zeros_like(each)).sum() / usable.sum().clamp(min=1)


def distillation_loss(logits: Tensor, teacher: Tensor, valid: Tensor) -> Tensor:
    """Return the mean cross-entropy of lists with a teacher's probabilities as targets (Hinton et al., 2015).

    Args:
        logits: Shape ``(lists, places)``.
        teacher: The teacher's logits, same shape.
        valid: The places that count: same shape, bool.
    """
    hidden = torch.finfo(logits.dtype).min / 2
    shares = teacher.masked_fill(~valid, hidden).softmax(dim=1)
    own = logits.masked_fill(~valid, hidden).log_softmax(dim=1).masked_fill(~valid, 0.0)
    return -(shares * own).sum(dim=1).mean()


def reciprocal_rank(scores: Sequence[float], answer: int = 0) -> float:
    """Return 1 / rank of the answer (1-based), which comes last among equal scores."""
    return 1.0 / (1 + sum(1 for place, score in enumerate(scores) if place != answer and score >= scores[answer]))


def ndcg_of_one(rank: float, depth: int = 10) -> float:
    """Return NDCG@depth of a list with one answer, at a 1-based rank."""
    return 1.0 / math.log2(1.0 + rank) if rank <= depth else 0.0
