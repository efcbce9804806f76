from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dev.core import keyword_file, keyword_index
from aurora_dev.core.keyword_index import B, K1, KeywordIndex
from aurora_dev.core.lexical import document_terms, query_terms

Documents = dict[int, dict[str, float]]


def oracle(
    documents: Documents, query: Mapping[str, float], top_k: int, allowed: Iterable[int] | None = None
) -> list[tuple[int, float]]:
    """BM25 as the formula reads, one document after the other."""
    lengths = {
        row: sum(frequency for term, frequency in terms.items() if not term.startswith("def:"))
        for row, terms in documents.items()
    }
    mean = sum(lengths.values()) / max(1, len(documents)) or 1.0
    among = set(documents) if allowed is None else set(allowed) & set(documents)
    scored = []
    for row in among:
        score = 0.0
        for term, weight in query.items():
            frequency = documents[row].get(term, 0.0)
            if frequency:
                holders = sum(term in other for other in documents.values())
                idf = math.log(1 + (len(documents) - holders + 0.5) / (holders + 0.5))
                norm = K1 * (1 - B + B * lengths[row] / mean)
                score += weight * idf * frequency * (K1 + 1) / (frequency + norm)
        if score > 0:
            scored.append((row, score))
    return sorted(scored, key=lambda item: (-np.float32(round(item[1], 5)), item[0]))[:top_k]


def assert_agrees(
    index: KeywordIndex, documents: Documents, query: Mapping[str, float], top_k: int, allowed: Iterable[int] | None = None
) -> None:
    wanted = list(allowed) if allowed is not None else None
    rows, scores = index.search(query, top_k, None if wanted is None else np.array(wanted, np.int64))
    expected = dict(oracle(documents, query, len(documents) + 1, wanted))
    assert rows.dtype == np.int64
    assert scores.dtype == np.float32
    assert len(rows) == min(top_k, len(expected))
    assert len(set(rows.tolist())) == len(rows)
    for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
        assert score == pytest.approx(expected[row], rel=1e-5)
    ranked = sorted(expected.values(), reverse=True)[: len(rows)]
    assert scores.tolist() == pytest.approx(ranked, rel=1e-5)
    order = list(zip((-scores).tolist(), rows.tolist(), strict=True))
    assert order == sorted(order)


TERMS = st.sampled_from([*"abcdefgh", "def:a", "def:b"])
DOCUMENT = st.dictionaries(TERMS, st.sampled_from([0.5, 1.0, 2.0, 7.25]), max_size=6)
ROWS = st.integers(min_value=0, max_value=40)
CHANGE = st.one_of(
    st.tuples(st.just("add"), st.dictionaries(ROWS, DOCUMENT, max_size=12)),
    st.tuples(st.just("remove"), st.sets(ROWS, max_size=8)),
    st.tuples(st.just("search"), st.none()),
)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    changes=st.lists(CHANGE, max_size=12),
    query=st.dictionaries(TERMS, st.sampled_from([0.25, 1.0, 3.0]), max_size=5),
    top_k=st.integers(min_value=1, max_value=30),
    allowed=st.one_of(st.none(), st.lists(ROWS, max_size=20)),
    buffered=st.sampled_from([1, 3, 256]),
)
def test_after_any_changes_it_agrees_with_the_formula(changes, query, top_k, allowed, buffered) -> None:
    documents: Documents = {}
    index = KeywordIndex()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyword_index, "_BUFFER_DOCUMENTS", buffered)
        for kind, what in changes:
            if kind == "add":
                index.add(list(what), list(what.values()))
                documents.update(what)
            elif kind == "remove":
                index.remove(what)
                documents = {row: terms for row, terms in documents.items() if row not in what}
            else:
                index.search(query, top_k)
        assert len(index) == len(documents)
        assert_agrees(index, documents, query, top_k, allowed)


def random_documents(count: int, seed: int, words: int = 400) -> Documents:
    chance = random.Random(seed)
    return {
        row: {f"w{int(chance.paretovariate(0.6)) % words}": float(chance.randint(1, 5)) for _ in range(20)}
        for row in range(1, 3 * count + 1, 3)
    }


QUERIES = [{"w1": 1.0}, {"w1": 1.0, "w7": 0.5, "w30": 2.0}, {"w399": 1.0, "w2": 1.0}, {"unknown": 1.0}]


def test_segments_buffers_and_dead_documents_give_what_a_rebuild_gives_bit_for_bit() -> None:
    documents = random_documents(3000, seed=1)
    chance = random.Random(2)
    index = KeywordIndex()
    rows = list(documents)
    chance.shuffle(rows)
    index.add(rows[:1500], [documents[row] for row in rows[:1500]])
    for row in rows[1500:]:
        index.add([row], [documents[row]])
    gone = rows[::5]
    for row in gone:
        index.remove([row, -7])
    for row in gone:
        del documents[row]
    rebuilt = KeywordIndex()
    rebuilt.add(list(documents), list(documents.values()))
    assert len(index) == len(rebuilt) == len(documents)
    for query in QUERIES:
        for allowed in (None, np.array(rows[::3], np.int64)):
            found, scores = index.search(query, 50, allowed)
            expected, expected_scores = rebuilt.search(query, 50, allowed)
            assert found.tolist() == expected.tolist()
            assert scores.tolist() == expected_scores.tolist()
