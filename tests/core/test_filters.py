"""The filter grammar: what it accepts, what it means, and that the fast evaluators agree with the reference."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dev.core import filters
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.filters import (
    MAX_DEPTH,
    AllOf,
    AnyOf,
    Condition,
    compile_filter,
    fields,
    is_everything,
    matches,
    parse_filter,
)
from aurora_dev.core.types import Record
from aurora_dev.errors import InvalidFilterError
from aurora_dev.testing.contract_support import BAD_FILTERS, FILTERS, LIBRARY

# Few names and values, so that filters and metadata meet; odd ones, so that quoting and types are met.
NAMES = st.sampled_from(["a", "a.b", 'quo"te', "nul\x00"])
STRINGS = st.sampled_from(["", "x", "1", "true", "nul\x00x", "nul", "é\n\\", "null"])
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 1.0, 0.1 + 0.2, 0.3, 2**53, 2**53 + 1, 2.0**53, 2**63 - 1, 9.2e18, 5e-324, 1e308, -0.0]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
SCALARS = st.one_of(STRINGS, NUMBERS, st.booleans())
METADATA = st.dictionaries(NAMES, st.one_of(SCALARS, st.lists(STRINGS, max_size=3)), max_size=4)
CONDITIONS = st.one_of(
    SCALARS,
    st.dictionaries(st.sampled_from(["$eq", "$ne"]), SCALARS, min_size=1),
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), NUMBERS, min_size=1),
    st.dictionaries(st.sampled_from(["$in", "$nin"]), st.lists(SCALARS, max_size=3), min_size=1),
    st.fixed_dictionaries({"$exists": st.booleans()}),
)
FIELDS = st.dictionaries(NAMES, CONDITIONS, max_size=2)
ANY_FILTER = st.recursive(
    FIELDS,
    lambda inner: st.dictionaries(
        st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3), max_size=2
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(("filter", "expected"), FILTERS, ids=[str(filter) for filter, _ in FILTERS])
def test_matches_follows_the_grammar(filter: Any, expected: str) -> None:
    node = parse_filter(filter)
    assert "".join(record.id for record in LIBRARY if matches(node, record.metadata)) == expected
    assert "".join(record.id for record in LIBRARY if compile_filter(node)(record.metadata)) == expected


@pytest.mark.parametrize("filter", BAD_FILTERS, ids=str)
def test_a_filter_outside_the_grammar_is_refused(filter: Any) -> None:
    with pytest.raises(InvalidFilterError):
        parse_filter(filter)


def test_parsing_gives_a_tree_of_the_shape_of_the_filter() -> None:
    assert parse_filter({"a": 1}) == Condition("a", "$eq", 1)
    assert parse_filter({"a": {"$in": [1, "x"]}, "b": {"$gt": 2, "$lt": 5}}) == AllOf(
        (Condition("a", "$in", (1, "x")), Condition("b", "$gt", 2), Condition("b", "$lt", 5))
    )
    assert parse_filter({"$or": [{"a": 1}, {"b": 2}]}) == AnyOf((Condition("a", "$eq", 1), Condition("b", "$eq", 2)))


def test_an_error_names_the_place() -> None:
    with pytest.raises(InvalidFilterError, match=r"\$\.\$or\[1\]\.year\.\$gt"):
        parse_filter({"$or": [{"a": 1}, {"year": {"$gt": "1999"}}]})


def test_an_error_lists_the_operators_that_exist() -> None:
    with pytest.raises(InvalidFilterError, match=r"\$regex.*\$eq.*\$exists"):
        parse_filter({"a": {"$regex": "x"}})


def test_nesting_is_limited_and_the_limit_is_reached() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"a": 1} if depth == 0 else {"$and": [nested(depth - 1)]}

    assert matches(parse_filter(nested(MAX_DEPTH)), {"a": 1})
    with pytest.raises(InvalidFilterError, match="deeper"):
        parse_filter(nested(MAX_DEPTH + 1))


def test_the_number_of_conditions_is_limited() -> None:
    most: list[Any] = [{"a": number} for number in range(499)]
    assert matches(parse_filter({"$or": most}), {"a": 498})
    many = {f"k{number}": number for number in range(1_001)}
    operators = [{"a": {"$gt": 1, "$lt": 5, "$ne": 3}}] * 250
    too_many: list[dict[str, Any]] = [
        {"$or": [*most, *most, {}]}, many, {"$and": operators}, {"$or": [{}] * 1_001},
    ]  # fmt: skip
    for filter in too_many:
        with pytest.raises(InvalidFilterError, match="more than 1,000 conditions"):
            parse_filter(filter)


def test_the_number_of_values_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "MAX_VALUES", 5)
    assert matches(parse_filter({"a": {"$in": [1, 2]}, "b": {"$nin": [1, 2, 3]}}), {"a": 1, "b": 4})
    with pytest.raises(InvalidFilterError, match=r"\$\.b\.\$nin brings the values to compare to 6; at most 5"):
        parse_filter({"a": {"$in": [1, 2]}, "b": {"$nin": [1, 2, 3, 4]}})


def test_an_error_quotes_only_the_beginning_of_a_wrong_value() -> None:
    wrong: tuple[Any, ...] = (
        {"a": {"$exists": "x" * 9_999}},
        {"$or": "x" * 9_999},
        "x" * 9_999,
        {"a": {"$in": "x" * 999}},
    )
    for filter in wrong:
        with pytest.raises(InvalidFilterError) as caught:
            parse_filter(filter)
        assert len(str(caught.value)) < 500


def test_each_field_is_listed_once() -> None:
    assert fields(parse_filter({"b": 1, "$or": [{"a": 1}, {"b": {"$ne": 2}}]})) == ("b", "a")


@pytest.mark.parametrize(
    ("filter", "expected"), [({}, True), ({"$and": [{}, {}]}, True), ({"$or": [{"a": 1}, {}]}, True), ({"a": 1}, False)]
)
def test_a_filter_without_conditions_is_recognised(filter: Any, expected: bool) -> None:
    assert is_everything(parse_filter(filter)) is expected
    assert matches(parse_filter(filter), {}) is expected


def test_the_cache_key_distinguishes_true_from_one() -> None:
    assert len({repr(parse_filter({"a": value})) for value in (1, True, 1.0, "1")}) == 4


@given(METADATA, ANY_FILTER)
@settings(max_examples=200, deadline=None)
def test_the_compiled_filter_agrees_with_the_reference(metadata: dict[str, Any], filter: dict[str, Any]) -> None:
    node = parse_filter(filter)
    stored = json.loads(json.dumps(metadata))
    expected = matches(node, metadata)
    assert compile_filter(node)(stored) is expected
    names = fields(node)
    assert compile_filter(node, names)([stored.get(name) for name in names]) is expected


@given(METADATA, NAMES, STRINGS, NUMBERS)
@settings(max_examples=200, deadline=None)
def test_a_negated_operator_is_the_complement(metadata: dict[str, Any], name: str, text: str, number: float) -> None:
    for value in (text, number, True):
        assert matches(parse_filter({name: value}), metadata) != matches(parse_filter({name: {"$ne": value}}), metadata)
        listed = matches(parse_filter({name: {"$in": [value, "x"]}}), metadata)
        assert listed != matches(parse_filter({name: {"$nin": [value, "x"]}}), metadata)
    if isinstance(metadata.get(name), int | float) and not isinstance(metadata[name], bool):
        above, below = ({name: {op: number}} for op in ("$gt", "$lte"))
        assert matches(parse_filter(above), metadata) != matches(parse_filter(below), metadata)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FAISSLocalStore]:
    store = FAISSLocalStore(tmp_path_factory.mktemp("filters"))
    yield store
    store.close()


@given(metadata=st.lists(METADATA, min_size=1, max_size=8), filters=st.lists(ANY_FILTER, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_the_store_agrees_with_the_reference(
    store: FAISSLocalStore, metadata: list[dict[str, Any]], filters: list[dict[str, Any]]
) -> None:
    store.delete_namespace("n")
    half = len(metadata) // 2
    for part in (metadata[:half], metadata):  # the second round brings remembered results up to date
        store.write("n", [Record(f"{i}", "x", values) for i, values in enumerate(part)], ["0"])
        for filter in filters:
            node = parse_filter(filter)
            expected = [f"{i}" for i, values in enumerate(part) if matches(node, values)]
            assert store.count("n", filter) == len(expected)
            assert [record.id for record in store.scan("n", filter)] == expected
    assert store.delete_where("n", filters[-1]) == len(expected)
    assert [r.id for r in store.scan("n")] == [f"{i}" for i in range(len(metadata)) if f"{i}" not in expected]


def test_sqlite_keeps_numbers_and_missing_fields_apart_in_json_arrays() -> None:
    # The store relies on it: two paths give the raw JSON of each value, and null for a missing one.
    with sqlite3.connect(":memory:") as connection:
        (text,) = connection.execute(
            "SELECT json_extract(?, ?, ?, ?)", ('{"a":0.30000000000000004,"b":"1\\u0000"}', '$."a"', '$."b"', '$."c"')
        ).fetchone()
    connection.close()
    assert json.loads(text) == [0.1 + 0.2, "1\x00", None]
