"""Embed one short text with the bundled model, without NumPy and without reading its whole table.

For processes that embed one query and end: a mean of a few dozen rows takes less time than importing NumPy. The result
equals that of `aurora_dev.core.embed.static.StaticEmbedder` for plain ASCII text, up to rounding, and nearly so for
other text.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import re
import string
import unicodedata
from array import array
from collections import Counter
from functools import lru_cache
from typing import Any, Final

__all__ = ["BUNDLED_MODEL", "cosine", "embed_one"]

BUNDLED_MODEL: Final = "bundled/minilm-static-256"

_FOLDER: Final = os.path.join(  # noqa: PTH118 - importing pathlib is not needed for one file
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),  # noqa: PTH100, PTH120
    "models",
    "minilm-static-256",
)
_MOST_CHARS: Final = 4_000  # of a text; the subject of a prompt is at its start
_KINDS: Final = {"I8": ("b", 1), "F32": ("f", 4), "I64": ("q", 8), "I32": ("i", 4)}
_SPLIT: Final = re.compile("([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])")  # scripts without spaces
_WORDS: Final = str.maketrans({mark: f" {mark} " for mark in string.punctuation})


@lru_cache(maxsize=1)  # one prompt is compared with several stores
def embed_one(text: str) -> array[float] | None:
    """Return the normalised vector of a text as float32; ``None`` if no token of it is known.

    Raises:
        ValueError: The bundled model has a format that this function does not read.
        OSError: A file of the model cannot be read.
    """
    ids = _token_ids(text[:_MOST_CHARS])
    if not ids:
        return None
    with open(os.path.join(_FOLDER, "model.safetensors"), "rb") as file:  # noqa: PTH118, PTH123
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        total = _sum(data, ids)
    finally:
        data.close()
    length = math.sqrt(math.fsum(value * value for value in total))
    return array("f", [value / length for value in total]) if length else None


def cosine(first: array[float], second: bytes) -> float | None:
    """Return the cosine of a vector and a stored one; ``None`` if their lengths differ.

    Args:
        first: A normalised vector.
        second: A normalised vector as float32, little-endian.
    """
    if len(second) != 4 * len(first):
        return None
    return sum(map(float.__mul__, first, memoryview(second).cast("f")))


def _sum(data: mmap.mmap, ids: Counter[int]) -> list[float]:
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    start = 8 + size
    table = header.get("embeddings") or header.get("embedding.weight")
    if table is None or table["dtype"] not in _KINDS or len(table["shape"]) != 2:
        raise ValueError("the vectors of the bundled model have an unknown format")
    width = table["shape"][1]
    total = [0.0] * width
    for token, count in ids.items():
        row = token if "mapping" not in header else int(_items(data, header["mapping"], start, token, 1)[0])
        scale = count * (1.0 if "weights" not in header else _items(data, header["weights"], start, token, 1)[0])
        vector = _items(data, table, start, row * width, width)
        total = [value + scale * part for value, part in zip(total, vector, strict=True)]
    return total


def _items(data: mmap.mmap, tensor: dict[str, Any], start: int, first: int, count: int) -> array[Any]:
    kind, size = _KINDS[tensor["dtype"]]
    begin = start + tensor["data_offsets"][0] + first * size
    found: array[Any] = array(kind)
    found.frombytes(data[begin : begin + count * size])
    return found


def _token_ids(text: str) -> Counter[int]:
    with open(os.path.join(_FOLDER, "tokenizer.json"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
        model = json.load(file)["model"]
    vocabulary: dict[str, int] = model["vocab"]
    unknown, prefix = vocabulary.get(model.get("unk_token")), model.get("continuing_subword_prefix", "##")
    longest = model.get("max_input_chars_per_word", 100)
    ids: Counter[int] = Counter()
    text = text.lower()
    if not text.isascii():  # as BERT's normaliser: no accents, and each Han character is a word
        decomposed = unicodedata.normalize("NFD", text)
        text = "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
        text = _SPLIT.sub(r" \1 ", text)
    for word, times in Counter(text.translate(_WORDS).split()).items():
        if len(word) <= longest:
            for piece in _pieces(word, vocabulary, prefix):
                if piece != unknown:
                    ids[piece] += times
    return ids


def _pieces(word: str, vocabulary: dict[str, int], prefix: str) -> list[int]:
    """Cut a word at the longest known piece, again and again; an unknown word has none."""
    found: list[int] = []
    start, before = 0, ""
    while start < len(word):
        for stop in range(len(word), start, -1):
            piece = vocabulary.get(before + word[start:stop])
            if piece is not None:
                break
        else:
            return []
        found.append(piece)
        start, before = stop, prefix
    return found
