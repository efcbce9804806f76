"""The forms of records, filters and terms on Pinecone: pure functions, compared with the local definitions."""

from __future__ import annotations

import json
import math
import string
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dev.core.filters import matches, parse_filter
from aurora_dev.core.keyword.index import KeywordIndex
from aurora_dev.core.pinecone import names
from aurora_dev.core.pinecone.filters import EVERYTHING, NOTHING, translate
from aurora_dev.core.pinecone.records import MAX_METADATA_BYTES, decode_record, encode_metadata, metadata_bytes
from aurora_dev.core.pinecone.sparse import (
    MAX_TERMS,
    MEAN_LENGTH,
    NO_FREQUENCIES,
    Frequencies,
    document_vector,
    query_vector,
    term_index,
)
from aurora_dev.core.pinecone.writer import short_numbers
from aurora_dev.core.text.terms import document_terms, query_terms
from aurora_dev.core.types import Record
from aurora_dev.errors import InvalidRequestError, StoreCorruptError
from aurora_dev.testing.contract_support import BAD_FILTERS, FILTERS, LIBRARY

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.one_of(
    texts,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(texts, max_size=3),
)
metadata = st.dictionaries(texts.filter(bool), values, max_size=5)


def as_pinecone_keeps_it(encoded: dict[str, Any]) -> dict[str, Any]:
    """Every number is a 64-bit float, and all of it went through JSON."""
    kept: dict[str, Any] = json.loads(json.dumps(encoded))
    return {
        key: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for key, value in kept.items()
    }


# --- names ------------------------------------------------------------------------------------------------------------


@given(texts.filter(lambda text: 0 < len(text.encode()) <= 512))
def test_every_id_is_encoded_for_pinecone_and_decoded(identifier: str) -> None:
    encoded = names.encode_id(identifier)
    assert 0 < len(encoded) <= 512
    assert all("!" <= character <= "~" for character in encoded)
    assert names.decode_id(encoded) == identifier


def test_ids_that_are_too_long_when_escaped_become_digests_and_are_kept_in_the_record() -> None:
    long = "ä" * 256
    encoded = names.encode_id(long)
    assert names.is_digest(encoded)
    assert len(encoded) <= 512
    assert names.decode_id(encoded) is None
    assert decode_record(encoded, as_pinecone_keeps_it(encode_metadata(Record(long, "x", {})))).id == long


def test_ids_made_by_aurora_are_not_escaped() -> None:
    assert names.encode_id("0123456789abcdef" * 2) == "0123456789abcdef" * 2
    assert names.encode_id("~tilde") != "~tilde"


@given(texts.filter(lambda text: 0 < len(text.encode()) <= 100))
def test_every_namespace_is_decoded_and_never_taken_for_one_of_vectors(namespace: str) -> None:
    encoded = names.encode_namespace(namespace)
    assert encoded.isascii()
    assert "\x00" not in encoded
    assert names.decode_namespace(encoded) == namespace
    vectors = names.vectors_namespace(encoded, "0123456789")
    assert names.decode_namespace(vectors) is None
    assert names.vectors_owner(vectors) == (encoded, "0123456789")
    assert names.vectors_owner(encoded) is None


@pytest.mark.parametrize("reserved", ["__default__", "__aurora__"])
def test_reserved_namespaces_are_escaped(reserved: str) -> None:
    assert names.encode_namespace(reserved) != reserved
    assert names.decode_namespace(reserved) is None


def test_a_namespace_that_would_be_too_long_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="shorter"):
        names.encode_namespace("ä" * 250)


# --- records ----------------------------------------------------------------------------------------------------------


@given(texts.filter(bool), metadata)
@settings(max_examples=100)
def test_a_record_is_decoded_with_the_types_of_its_values(content: str, given_metadata: Any) -> None:
    record = Record("a", content, given_metadata)
    encoded = encode_metadata(record)
    assert all(isinstance(value, str | bool | int | float | list) for value in encoded.values())
    assert not any(key.startswith("$") or "\x00" in key for key in encoded)
    assert "\\u0000" not in json.dumps(encoded)
    found = decode_record("a", as_pinecone_keeps_it(encoded))
    assert found == record
    assert {key: type(value) for key, value in found.metadata.items()} == {
        key: type(value) for key, value in record.metadata.items()
    }


def test_metadata_cannot_imitate_auroras_own_keys() -> None:
    record = Record("a", "x", {"aurora_content": "other", "aurora_vector": "mine", "$gt": 1})
    encoded = encode_metadata(record)
    assert encoded["aurora_content"] == "x"
    assert "aurora_vector" not in encoded
    assert decode_record("a", encoded) == record


def test_the_revision_is_equal_for_equal_text_and_metadata_in_any_order() -> None:
    one = encode_metadata(Record("a", "x", {"b": 1, "c": "2"}))["aurora_rev"]
    assert encode_metadata(Record("other", "x", {"c": "2", "b": 1}))["aurora_rev"] == one
    for changed in (Record("a", "y", {"b": 1, "c": "2"}), Record("a", "x", {"b": 2, "c": "2"}), Record("a", "x", {})):
        assert encode_metadata(changed)["aurora_rev"] != one


def test_a_record_that_is_too_large_is_refused_with_its_id() -> None:
    fits = Record("a", "x" * (MAX_METADATA_BYTES - 200), {})
    assert metadata_bytes(encode_metadata(fits)) <= MAX_METADATA_BYTES
    with pytest.raises(InvalidRequestError, match=r"'the-id'.*40,960"):
        encode_metadata(Record("the-id", "ä" * (MAX_METADATA_BYTES // 2), {}))


def test_a_record_of_another_program_is_an_error() -> None:
    with pytest.raises(StoreCorruptError, match="'theirs'"):
        decode_record("theirs", {"text": "written by hand"})


def test_vectors_are_sent_in_few_digits_without_losing_a_bit() -> None:
    matrix = np.random.default_rng(1).normal(size=(50, 64)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix[0, :4] = (0.0, 1e-30, -1.0, np.float32(1 / 3))
    sent = json.dumps(short_numbers(matrix))
    assert (np.array(json.loads(sent)).astype(np.float32) == matrix).all()
    assert len(sent) < 15 * matrix.size


# --- filters ----------------------------------------------------------------------------------------------------------


def pinecone_matches(filter: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Evaluate a translated filter by Pinecone's documentation at its narrowest: a missing field matches nothing."""
    for key, value in filter.items():
        if key in ("$and", "$or"):
            if not (all if key == "$and" else any)(pinecone_matches(part, stored) for part in value):
                return False
            continue
        for operator, operand in value.items():
            found = stored.get(key)
            if operator == "$exists":
                if (found is not None) != operand:
                    return False
            elif found is None or not _holds(operator, found, operand):
                return False
    return True


def _holds(operator: str, found: Any, operand: Any) -> bool:
    elements = found if isinstance(found, list) else [found]
    if operator in ("$eq", "$ne", "$in", "$nin"):
        wanted = operand if isinstance(operand, list) else [operand]
        assert operator not in ("$in", "$nin") or 0 < len(wanted) <= 10_000
        if operator in ("$in", "$nin"):
            assert len({type(value) for value in wanted} - {int, float}) <= 1
            assert bool not in map(type, wanted)
        same = any(e == w and isinstance(e, bool) == isinstance(w, bool) for e in elements for w in wanted)
        return same == (operator in ("$eq", "$in"))
    number = isinstance(found, int | float) and not isinstance(found, bool)
    compare = {"$gt": found.__gt__, "$gte": found.__ge__, "$lt": found.__lt__, "$lte": found.__le__} if number else {}
    return number and compare[operator](float(operand)) is True


def passes(filter: Any, record: Record) -> bool:
    translated = translate(parse_filter(filter))
    if not isinstance(translated, dict):
        return translated is EVERYTHING
    return pinecone_matches(translated, as_pinecone_keeps_it(encode_metadata(record)))


@pytest.mark.parametrize(("filter", "expected"), FILTERS, ids=str)
def test_a_translated_filter_matches_what_the_grammar_says(filter: Any, expected: str) -> None:
    assert [record.id for record in LIBRARY if passes(filter, record)] == list(expected)


scalars = st.one_of(
    st.sampled_from(["a", "b", "", "x\x00y"]),
    st.booleans(),
    st.sampled_from([0, 1, -1.5, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 1e300]),
)
ranges = st.sampled_from([0, 1, 0.5, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1])
conditions = st.one_of(
    st.fixed_dictionaries({}, optional={"$eq": scalars, "$ne": scalars}).filter(bool),
    st.fixed_dictionaries({}, optional={"$in": st.lists(scalars, max_size=4), "$nin": st.lists(scalars, max_size=4)}),
    st.fixed_dictionaries({}, optional={"$gt": ranges, "$gte": ranges, "$lt": ranges, "$lte": ranges}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
).filter(bool)
fields = st.sampled_from(["k", "l", "$odd", "nul\x00"])
filters = st.recursive(
    st.dictionaries(fields.filter(lambda name: not name.startswith("$")), conditions, min_size=1, max_size=2),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"$and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=5,
)
stored_values = st.one_of(scalars, st.lists(st.sampled_from(["a", "b", "x\x00y"]), max_size=2))


@given(filters, st.dictionaries(fields, stored_values, max_size=3))
@settings(max_examples=200)
def test_a_translated_filter_passes_every_matching_record(filter: Any, stored: Any) -> None:
    record = Record("a", "x", stored)
    if matches(parse_filter(filter), record.metadata):
        assert passes(filter, record)


@pytest.mark.parametrize(
    ("value", "condition"),
    [
        (2**53 + 1, {"$gt": 2**53}),
        (2**53 + 1, {"$ne": 2**53}),
        (2**53 + 1, {"$nin": [2**53, 1]}),
        (2**53 + 1, {"$eq": 2**53 + 1}),
        (-(2**53) - 1, {"$lt": -(2**53)}),
        (2**63 - 1, {"$lte": 2**63 - 1}),
    ],
    ids=str,
)
def test_whole_numbers_that_pinecone_rounds_still_pass(value: int, condition: dict[str, Any]) -> None:
    record = Record("a", "x", {"k": value})
    assert matches(parse_filter({"k": condition}), record.metadata)
    assert passes({"k": condition}, record)


def test_a_filter_that_matches_nothing_is_not_sent() -> None:
    assert translate(parse_filter({"$and": [{"a": {"$in": []}}, {"b": 1}]})) is NOTHING
    assert translate(parse_filter({"$or": [{"a": {"$nin": []}}, {"b": 1}]})) is EVERYTHING
    assert translate(None) is EVERYTHING


@pytest.mark.parametrize("filter", BAD_FILTERS, ids=str)
def test_filters_outside_the_grammar_never_reach_the_translation(filter: Any) -> None:
    with pytest.raises(InvalidRequestError):
        parse_filter(filter)


# --- terms ------------------------------------------------------------------------------------------------------------


def test_the_inner_product_is_bm25_with_a_constant_mean_length() -> None:
    document = ("def verify_token(token): return token.verify()", {"path": "a/b.py", "symbol": "verify_token"})
    figures = Frequencies(10, 10, {term_index("token"): 4, term_index("verify"): 1})
    sparse, query = document_vector(*document), query_vector("verify_token token", figures)
    assert query is not None
    weights = dict(zip(sparse["indices"], sparse["values"], strict=True))
    score = sum(w * weights.get(i, 0.0) for i, w in zip(query["indices"], query["values"], strict=True))

    terms = document_terms(*document)
    length = sum(count for term, count in terms.items() if not term.startswith(("def:", "file:")))
    expected = 0.0
    for term, weight in query_terms("verify_token token").items():
        holders = {"token": 4, "verify": 1}.get(term, 0)
        idf = math.log1p((10 - holders + 0.5) / (holders + 0.5))
        frequency = terms.get(term, 0.0)
        expected += weight * idf * frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * length / MEAN_LENGTH))
    assert score == pytest.approx(expected, rel=1e-4)


def test_with_a_full_sample_the_order_is_nearly_that_of_the_local_index() -> None:
    rng = np.random.default_rng(3)
    words = [a + b for a in string.ascii_lowercase[:12] for b in "xyz"]
    documents = [" ".join(rng.choice(words, size=int(rng.integers(80, 170)))) for _ in range(200)]
    local = KeywordIndex()
    local.add(range(len(documents)), [document_terms(text, {}) for text in documents])
    vectors = [document_vector(text, {}) for text in documents]
    figures = Frequencies.of((vector["indices"] for vector in vectors), len(documents))
    common = 0
    for _ in range(20):
        query = " ".join(rng.choice(words, size=3))
        rows, _scores = local.search(query_terms(query), 10)
        asked = query_vector(query, figures)
        assert asked is not None
        weights = dict(zip(asked["indices"], asked["values"], strict=True))
        scores = [
            sum(value * weights.get(index, 0.0) for index, value in zip(v["indices"], v["values"], strict=True))
            for v in vectors
        ]
        common += len({int(row) for row in rows} & {int(row) for row in np.argsort(scores)[::-1][:10]})
    assert common >= 190


def test_a_text_without_words_has_a_dimension_that_no_query_has() -> None:
    sparse = document_vector("?!…", {})
    assert sparse == {"indices": [0], "values": [1.0]}
    assert query_vector("?!…", NO_FREQUENCIES) is None
    assert term_index("x") > 0


def test_a_long_text_keeps_its_heaviest_terms() -> None:
    content = " ".join(f"word{i}" for i in range(3000)) + " anchor" * 50
    sparse = document_vector(content, {})
    assert len(sparse["indices"]) == len(set(sparse["indices"])) == MAX_TERMS
    assert sparse["indices"] == sorted(sparse["indices"])
    assert term_index("anchor") in sparse["indices"]


def test_rare_terms_weigh_more_than_common_ones_and_unseen_ones_most() -> None:
    figures = Frequencies(100_000, 1000, {1: 900, 2: 10})
    assert 0 < figures.inverse(1) < figures.inverse(2) < figures.inverse(3)
    assert NO_FREQUENCIES.inverse(7) == 1.0


def test_frequencies_fit_into_one_record_and_can_be_read_back() -> None:
    figures = Frequencies(9_000_000, 1000, {i * 1000: 1 + i % 997 for i in range(20_000)})
    text = figures.to_text()
    assert len(text) < 38_000
    back = Frequencies.from_text(text)
    assert (back.documents, back.sampled) == (9_000_000, 1000)
    assert all(figures.counts[index] == count for index, count in back.counts.items())
    assert max(back.counts.values()) == 997
    for damaged in ("", "{}", text[:-9] + '"}', '{"count": 5, "data": "AAAA"}'):
        with pytest.raises(ValueError):  # noqa: PT011 - of JSON, Base64 or the format
            Frequencies.from_text(damaged)
