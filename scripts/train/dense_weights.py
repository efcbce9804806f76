"""The weights of a dense encoder: before training, after a run, and the average of both."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dense_model import DenseEncoder, from_bert
from reranker_model import ModelShape
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from distil_embedder import check_source, find_source


def start_model(layers: Sequence[int]) -> DenseEncoder:
    """Return the model before its first step: the kept layers of the source."""
    source = find_source()
    check_source(source)
    model = from_bert(load_file(source / "model.safetensors"), layers)
    model.eval()
    return model


def load_run(run: Path) -> tuple[DenseEncoder, dict[str, Any]]:
    """Return the model in a run's folder ``best`` or ``checkpoint``, and its saved state, plan and shape."""
    kept = json.loads((run / "state.json").read_text("utf-8"))
    model = DenseEncoder(ModelShape(**kept["shape"]))
    tensors = load_file(run / "tensors.safetensors")
    model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
    model.eval()
    return model, kept


def averaged(model: DenseEncoder, kept: dict[str, Any], share: float) -> DenseEncoder:
    """Return the average of a model with its start, ``share`` of it from the start. Changes the model in place.

    See Wortsman et al., "Robust fine-tuning of zero-shot models", 2022.
    """
    if share:
        start = start_model(kept["plan"]["layers"]).state_dict()
        model.load_state_dict(
            {name: share * start[name] + (1.0 - share) * value for name, value in model.state_dict().items()}
        )
    model.eval()
    return model
