"""The weights of a reranker: before training, after a run, and the average of both."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from reranker_model import CrossEncoder, ModelShape, from_bert
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from distil_embedder import check_source, find_source

# Share of the source's weights in the average with the trained ones (Wortsman et al., "Robust fine-tuning of zero-shot
# models", 2022). Training on mined pairs makes a model better at them and worse at everything else. An equal average
# kept the MRR of validation lists (0.798, from 0.803) and recovered most of what whole repositories had lost (NDCG@10
# of the tuning packages, stage 1 and a tenth of a standing: 0.858, from 0.846). For a longer run 0.3 and 0.5 did about
# as well (scripts/train/README.md), and 0.4 lies between.
SOURCE_SHARE = 0.4


def start_model(layers: Sequence[int], seed: int) -> CrossEncoder:
    """Return the model before its first step: the kept layers of the source with a new score."""
    source = find_source()
    check_source(source)
    torch.manual_seed(seed)
    return from_bert(load_file(source / "model.safetensors"), layers, ModelShape(layers=len(layers)))


def load_run(run: Path) -> tuple[CrossEncoder, dict[str, Any]]:
    """Return the model in a run's folder ``best`` or ``checkpoint``, and its saved state and plan."""
    kept = json.loads((run / "state.json").read_text("utf-8"))
    model = CrossEncoder(ModelShape(layers=len(kept["plan"]["layers"])))
    tensors = load_file(run / "tensors.safetensors")
    model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
    return model.eval(), kept


def averaged(model: CrossEncoder, kept: dict[str, Any], share: float) -> CrossEncoder:
    """Return the average of a model with its start, ``share`` of it from the start. Changes the model in place."""
    start = start_model(kept["plan"]["layers"], kept["plan"]["seed"]).state_dict()
    model.load_state_dict(
        {name: share * start[name] + (1.0 - share) * value for name, value in model.state_dict().items()}
    )
    model.eval()
    return model
