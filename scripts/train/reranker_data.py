"""Training lists of the reranker (query, answer, hard negatives): read, cut to what the model reads, and batched.

Each line of a file is one list (see ``build_data.py``): ``query``, ``kind``, ``form``, ``language``, ``positive`` with
its ``text``, and ``negatives``, the texts that the first stage ranked best, hardest first. The texts come from
`aurora_dev.core.text.document_text.reranker_text`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aurora_dev.core.rerank.bundled import DEFAULT_MAX_DOCUMENT_CHARS, DEFAULT_WINDOW
from aurora_dev.core.rerank.window import Window, select_window

# A negative that shares this part of its words with the answer is a near-duplicate: an overload or a copy.
NEAR_DUPLICATE = 0.8
# Characters that are read of a text. Training varies the length and the window, so that both can be chosen afterwards.
SHORTEST_PASSAGE, LONGEST_PASSAGE = 200, 360
WINDOWS: tuple[Window, ...] = ("best", "head+best")
# Validation reads as much as the bundled reranker does.
VALIDATION_PASSAGE = DEFAULT_MAX_DOCUMENT_CHARS
MOST_TOKENS = 160
MOST_QUERY_TOKENS = 48
# Pairs of about the same length run together. A matrix product of some thousand rows is as efficient as a larger one.
PAIRS_TOGETHER = 24

_WORD = re.compile(r"\w+")
_FIRST, _SEPARATOR = 101, 102  # [CLS] and [SEP] in the vocabulary of uncased BERT models


@dataclass(frozen=True)
class TrainingList:
    """A query, its answer and its negatives; ``masked`` marks negatives that may be answers too."""

    query: str
    positive: str
    negatives: tuple[str, ...]
    masked: tuple[bool, ...]
    kind: str
    language: str


@dataclass(frozen=True)
class Encoded:
    """The tokens of one pair: query and document with their separators."""

    ids: list[int]
    query_length: int


@dataclass(frozen=True)
class Batch:
    """Several lists, padded to the same number of places.

    Attributes:
        groups: Tokens, segments and lengths of pairs, and the position of each pair in the flattened lists.
        positive: The answers: shape ``(lists, places)``, bool.
        valid: The places that hold an unmasked pair: same shape, bool.
    """

    groups: list[tuple[Tensor, Tensor, Tensor, Tensor]]
    positive: Tensor
    valid: Tensor


def read_lists(path: Path, limit: int | None = None) -> list[TrainingList]:
    """Read the lists of a gzipped JSON-lines file, without those whose negatives are all masked.

    Args:
        path: The file. Its lists are ordered by source.
        limit: Most lists to return, spread evenly over the file; ``None``: all.
    """
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        lists = [read for read in map(list_of, map(json.loads, lines)) if not all(read.masked)]
    if limit is None or limit >= len(lists):
        return lists
    return [lists[number * len(lists) // limit] for number in range(limit)]


def mix_by_share(lists: Sequence[TrainingList], share: float, seed: int) -> list[TrainingList]:
    """Return all lists of the kind ``asked``, and a sample of the others, so that the former are ``share`` of all.

    If there are not enough others for that, all of them are returned.

    Raises:
        ValueError: ``share`` is not above 0 and at most 1, or there is no list of the kind ``asked``.
    """
    if not 0.0 < share <= 1.0:
        raise ValueError(f"the share of lists of the kind 'asked' must be above 0 and at most 1, not {share:g}")
    asked = [each for each in lists if each.kind == "asked"]
    if not asked:
        raise ValueError("the data has no list of the kind 'asked'")
    others = [each for each in lists if each.kind != "asked"]
    wanted = min(len(others), round(len(asked) * (1.0 - share) / share))
    return asked + _random(seed, "mixed", 0).sample(others, wanted)


def list_of(row: dict[str, Any]) -> TrainingList:
    """Return a row of the file as a list."""
    positive, negatives = row["positive"]["text"], tuple(row["negatives"])
    by_name = row.get("kind") == "symbol"
    masked = tuple(may_answer(positive, negative, by_name) for negative in negatives)
    return TrainingList(row["query"], positive, negatives, masked, row.get("kind", ""), row.get("language", ""))


def may_answer(positive: str, negative: str, by_name: bool) -> bool:
    """Return whether a negative may be an answer too: a near-duplicate or, for a name, another definition of it."""
    if by_name and _last_name(positive) and _last_name(positive) == _last_name(negative):
        return True
    ours, theirs = set(_WORD.findall(_content(positive))), set(_WORD.findall(_content(negative)))
    together = len(ours | theirs)
    return not together or len(ours & theirs) / together >= NEAR_DUPLICATE


def _content(text: str) -> str:
    return text.partition("\n")[2] or text


def _last_name(text: str) -> str:
    heading = text.partition("\n")[0]
    _, found, symbol = heading.rpartition(" > ")
    return symbol.rpartition(".")[2].lower() if found else ""


def passage(query: str, text: str, max_chars: int, window: Window = DEFAULT_WINDOW) -> str:
    """Return the heading and the part of the content that the bundled reranker would read."""
    heading, line_break, content = text.partition("\n")
    return heading + line_break + select_window(query, content, max_chars, window)


class Encoder:
    """Turns pairs of texts into tokens.

    Args:
        tokenizer: The ``tokenizers.Tokenizer`` of a BERT model, without truncation and padding.
        most_tokens: Most tokens of a pair, separators included.
    """

    def __init__(self, tokenizer: Any, most_tokens: int = MOST_TOKENS) -> None:
        self._tokenizer = tokenizer
        self._most_tokens = most_tokens

    def pairs(self, query: str, texts: Sequence[str], max_chars: int, window: Window = DEFAULT_WINDOW) -> list[Encoded]:
        """Return the tokens of a query paired with each text."""
        parts = [query, *(passage(query, text, max_chars, window) for text in texts)]
        encoded = [each.ids for each in self._tokenizer.encode_batch(parts, add_special_tokens=False)]
        head = [_FIRST, *encoded[0][:MOST_QUERY_TOKENS], _SEPARATOR]
        room = self._most_tokens - len(head) - 1
        return [Encoded([*head, *tokens[:room], _SEPARATOR], len(head)) for tokens in encoded[1:]]


def collate(rows: Sequence[tuple[Sequence[Encoded], Sequence[bool]]]) -> Batch:
    """Return lists as a batch.

    Args:
        rows: The pairs of each list, the answer first, and whether each pair is masked.
    """
    places = max(len(pairs) for pairs, _ in rows)
    positive = torch.zeros(len(rows), places, dtype=torch.bool)
    positive[:, 0] = True
    valid = torch.zeros(len(rows), places, dtype=torch.bool)
    flat: list[tuple[Encoded, int]] = []
    for row, (pairs, masked) in enumerate(rows):
        for place, (pair, hidden) in enumerate(zip(pairs, masked, strict=True)):
            if not hidden:
                valid[row, place] = True
                flat.append((pair, row * places + place))
    flat.sort(key=lambda item: len(item[0].ids))
    # Groups of about the same number of pairs.
    count = max(1, round(len(flat) / PAIRS_TOGETHER))
    cuts = [round(number * len(flat) / count) for number in range(count + 1)]
    groups = [_padded(flat[start:end]) for start, end in pairwise(cuts) if end > start]
    return Batch(groups, positive, valid)


def _padded(flat: Sequence[tuple[Encoded, int]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    longest = max(len(pair.ids) for pair, _ in flat)
    ids = torch.zeros(len(flat), longest, dtype=torch.int64)
    segments = torch.ones(len(flat), longest, dtype=torch.int64)
    for row, (pair, _) in enumerate(flat):
        ids[row, : len(pair.ids)] = torch.tensor(pair.ids)
        segments[row, : pair.query_length] = 0
    lengths = torch.tensor([len(pair.ids) for pair, _ in flat])
    return ids, segments, lengths, torch.tensor([place for _, place in flat])


def order_of(count: int, seed: int, epoch: int) -> list[int]:
    """Return the order of an epoch's lists. It depends only on seed and epoch, so that a run can resume."""
    order = list(range(count))
    _random(seed, "order", epoch).shuffle(order)
    return order


def training_batches(
    lists: Sequence[TrainingList], encoder: Encoder, seed: int, per_step: int, negatives: int, start: int = 0
) -> Iterator[Batch]:
    """Yield batches forever.

    Args:
        lists: The training data.
        encoder: Makes tokens.
        seed: Determines the order, the choice of negatives and the lengths.
        per_step: Lists per batch.
        negatives: Most negatives per list.
        start: Number of the first batch, as if the earlier ones had been skipped.
    """
    per_step = min(per_step, len(lists))
    steps_per_epoch = len(lists) // per_step
    step, epoch, order = start, -1, []
    while True:
        if step // steps_per_epoch != epoch:
            epoch = step // steps_per_epoch
            order = order_of(len(lists), seed, epoch)
        chance = _random(seed, "batch", step)
        first = step % steps_per_epoch * per_step
        chosen = [lists[number] for number in order[first : first + per_step]]
        yield collate([_row(each, encoder, chance, negatives) for each in chosen])
        step += 1


def _row(
    each: TrainingList, encoder: Encoder, chance: random.Random, negatives: int
) -> tuple[list[Encoded], list[bool]]:
    kept = [text for text, masked in zip(each.negatives, each.masked, strict=True) if not masked]
    if len(kept) > negatives:
        # Always the hardest half, and each time a different choice of the others.
        hardest = negatives - negatives // 2
        kept = kept[:hardest] + chance.sample(kept[hardest:], negatives - hardest)
    max_chars = chance.randint(SHORTEST_PASSAGE, LONGEST_PASSAGE)
    pairs = encoder.pairs(each.query, [each.positive, *kept], max_chars, chance.choice(WINDOWS))
    return pairs, [False] * len(pairs)


def validation_batches(
    lists: Iterable[TrainingList], encoder: Encoder, per_step: int, max_chars: int = VALIDATION_PASSAGE
) -> Iterator[Batch]:
    """Yield each list once, with all of its negatives, in order."""
    rows = []
    for each in lists:
        texts = [each.positive, *each.negatives]
        rows.append((encoder.pairs(each.query, texts, max_chars), [False, *each.masked]))
        if len(rows) == per_step:
            yield collate(rows)
            rows = []
    if rows:
        yield collate(rows)


def fingerprint_of(lists: Sequence[TrainingList]) -> str:
    """Return a short hash of the data, by which a resumed run detects that the data has changed."""
    digest = hashlib.sha256()
    for each in lists:
        digest.update(f"{each.query}\0{each.positive[:80]}\0{len(each.negatives)}\n".encode())
    return digest.hexdigest()[:16]


def _random(seed: int, purpose: str, number: int) -> random.Random:
    return random.Random(f"{seed}/{purpose}/{number}")
