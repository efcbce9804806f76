"""Compare dense models, and the tokens that they read, on validation pairs and on questions as people type them.

    python scripts/train/measure_dense.py DATA FOLDER … [--tokens 64 128] [--chunks 320] [--pairs 300]

DATA is a folder of ``build_data.py``, and each FOLDER one of ``export_dense.py``. The chunks are the answers and
``--chunks`` others of each source of the validation part. ``web_questions.txt`` has a source, a question and the names
of the definitions that answer it in each line; the questions were written by a language model that knew what the
projects are for, without a look at their code. Prints MRR@10 within a source of vectors alone and fused with a plain
BM25, and the CPU time of a chunk. Run it on an idle machine, or compare only times of one run.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "benchmarks"))

import numpy as np
import numpy.typing as npt
from mined_pairs import read

from aurora_dev.core.embed.dense import DenseEmbedder
from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.text.document_text import dense_text, embedding_text

QUESTIONS = Path(__file__).parent / "web_questions.txt"
MOST_ANSWERS = 12  # with more, any name would do
SEED = 5
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*|\d+")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Question:
    """A query with the ids of the chunks that answer it; ``web`` tells written questions from mined pairs."""

    source: str
    text: str
    answers: frozenset[str]
    web: bool


def questions_of(corpus: Sequence[dict[str, Any]], pairs: Sequence[dict[str, Any]]) -> list[Question]:
    """Return mined pairs and written questions; those whose answer is not in the corpus are left out."""
    found = [Question(row["source"], row["query"], frozenset([row["positive"]["id"]]), False) for row in pairs]
    for line in QUESTIONS.read_text("utf-8").splitlines():
        source, text, names = line.split("|")
        wanted = set(names.split())
        answers = frozenset(
            chunk["id"]
            for chunk in corpus
            if chunk["source"] == source and wanted & {name.rpartition(".")[2] for name in _names(chunk)}
        )
        if 0 < len(answers) <= MOST_ANSWERS:
            found.append(Question(source, text, answers, True))
    return found


def _names(chunk: dict[str, Any]) -> list[str]:
    names = chunk["metadata"].get("symbols")
    return names if isinstance(names, list) else []


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, names cut at capitals."""
    return [word.lower() for word in _WORD.findall(_CAPITAL.sub(" ", text))]


def bm25(queries: Sequence[str], texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return scores of shape ``(queries, texts)`` (Robertson et al., 1994; k1 = 1.2, b = 0.75)."""
    counts = [Counter(words(text)) for text in texts]
    frequency = Counter(word for count in counts for word in count)
    lengths = np.array([sum(count.values()) for count in counts])
    norm = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    scores = np.zeros((len(queries), len(texts)))
    for row, query in enumerate(queries):
        for word in set(words(query)) & frequency.keys():
            weight = math.log(1 + (len(texts) - frequency[word] + 0.5) / (frequency[word] + 0.5))
            here = np.array([count[word] for count in counts])
            scores[row] += weight * here * 2.2 / (here + norm)
    return scores


def reciprocal_ranks(
    scores: npt.NDArray[Any], questions: Sequence[Question], chunks: Sequence[dict[str, Any]]
) -> npt.NDArray[np.float64]:
    """Return 1 / rank of the best answer among the chunks of its source, 0 beyond the tenth."""
    sources = np.array([chunk["source"] for chunk in chunks])
    found = []
    for question, row in zip(questions, scores, strict=True):
        order = np.flatnonzero(sources == question.source)
        order = order[np.argsort(-row[order], kind="stable")]
        rank = next(place for place, n in enumerate(order, start=1) if chunks[int(n)]["id"] in question.answers)
        found.append(1 / rank if rank <= 10 else 0.0)
    return np.array(found)


def fused(
    first: npt.NDArray[Any], second: npt.NDArray[Any], questions: Sequence[Question], chunks: Sequence[dict[str, Any]]
) -> npt.NDArray[np.float64]:
    """Return the reciprocal rank fusion of two scores, with equal weights (Cormack et al., 2009; k = 60)."""
    sources = np.array([chunk["source"] for chunk in chunks])
    total = np.zeros(first.shape)
    for row, question in enumerate(questions):
        here = np.flatnonzero(sources == question.source)
        for scores in (first, second):
            order = here[np.argsort(-scores[row, here], kind="stable")]
            total[row, order] += 1 / (60 + np.arange(1, len(order) + 1))
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of build_data.py")
    parser.add_argument("folders", type=Path, nargs="*", help="folders of export_dense.py")
    parser.add_argument("--tokens", type=int, nargs="+", default=[64, 128], help="tokens read of a chunk")
    parser.add_argument("--chunks", type=int, default=320, help="chunks of each source beside the answers")
    parser.add_argument("--pairs", type=int, default=300, help="mined pairs")
    options = parser.parse_args(arguments)
    chance = random.Random(SEED)
    pairs, corpus = read(options.data / "valid.jsonl.gz"), read(options.data / "valid_corpus.jsonl.gz")
    chance.shuffle(pairs)
    questions = questions_of(corpus, pairs[: options.pairs])
    answers = frozenset().union(*(question.answers for question in questions))
    chunks = [chunk for chunk in corpus if chunk["id"] in answers]
    for source in sorted({chunk["source"] for chunk in corpus}):
        others = [chunk for chunk in corpus if chunk["source"] == source and chunk["id"] not in answers]
        chunks += chance.sample(others, min(options.chunks, len(others)))
    web = np.array([question.web for question in questions])
    queries = [question.text for question in questions]
    texts = [dense_text(chunk["content"], chunk["metadata"]) for chunk in chunks]
    print(f"{len(chunks):,} chunks, {(~web).sum()} pairs, {web.sum()} questions")
    keyword = bm25(queries, texts)

    def show(name: str, scores: npt.NDArray[Any], milliseconds: float | None = None) -> None:
        figures = [reciprocal_ranks(scores, questions, chunks)]
        if scores is not keyword:
            figures.append(reciprocal_ranks(fused(scores, keyword, questions, chunks), questions, chunks))
        shown = "".join(f"{ranks[~web].mean():8.3f}{ranks[web].mean():8.3f}" for ranks in figures)
        print(f"{name:34}{shown}" + (f"{milliseconds:8.1f} ms" if milliseconds is not None else ""), flush=True)

    show("BM25", keyword)
    static = StaticEmbedder.bundled()
    plain = [embedding_text(chunk["content"], chunk["metadata"]) for chunk in chunks]
    show("static", static.embed_documents(queries) @ static.embed_documents(plain).T)
    for folder in options.folders:
        embedder = DenseEmbedder(folder, threads=1)
        asked = np.array([embedder.embed_query(query) for query in queries])
        for tokens in options.tokens:
            begun = time.process_time()
            given = embedder.load().encoder.vectors(texts, tokens)[:, : embedder.dimension]
            passed = (time.process_time() - begun) * 1e3 / len(texts)
            given /= np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-9)
            show(f"{folder.name}, {tokens} tokens", asked @ given.T, passed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
