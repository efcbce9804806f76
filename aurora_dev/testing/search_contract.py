"""The contract of `VectorBackend` for filters, vector search and keyword search."""

# ruff: noqa: D102 - the names of the tests are their documentation

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.types import Record
from aurora_dev.errors import InvalidFilterError, InvalidRequestError
from aurora_dev.testing.contract_support import (
    BAD_FILTERS,
    DIMENSION,
    EMBEDDER,
    FILTERS,
    LIBRARY,
    Contract,
    ids,
    nearest,
    record,
    unit,
)


class FilterContract(Contract):
    """Filters mean what `aurora_dev.core.filters` documents, in every call that takes one."""

    @pytest.mark.parametrize(("filter", "expected"), FILTERS, ids=[str(filter) for filter, _ in FILTERS])
    def test_a_filter_means_the_same_in_every_call(
        self, backend: VectorBackend, filter: Mapping[str, Any], expected: str
    ) -> None:
        backend.set_embedder(EMBEDDER)
        self.put(backend, *(record(r.id, "word", r.metadata, unit(1, i)) for i, r in enumerate(LIBRARY)))
        wanted = list(expected)
        assert [record.id for record in backend.scan("n", filter)] == wanted
        assert backend.count("n", filter) == len(wanted)
        assert sorted(ids(backend.vector_query("n", unit(1), 10, filter))) == wanted
        if backend.capabilities.keyword:
            assert sorted(ids(backend.keyword_query("n", "word", 10, filter))) == wanted
        assert backend.delete_where("n", filter) == len(wanted)
        self.settle(backend, "n")
        assert [record.id for record in backend.scan("n")] == [r.id for r in LIBRARY if r.id not in wanted]

    @pytest.mark.parametrize("filter", BAD_FILTERS, ids=str)
    def test_a_filter_outside_the_grammar_is_refused_by_every_call(self, library: VectorBackend, filter: Any) -> None:
        library.set_embedder(EMBEDDER)
        for call in (
            lambda: library.vector_query("n", unit(1), 1, filter),
            lambda: list(library.scan("n", filter)),
            lambda: library.count("n", filter),
            lambda: library.delete_where("n", filter),
        ):
            with pytest.raises(InvalidFilterError):
                call()
        if library.capabilities.keyword:
            with pytest.raises(InvalidFilterError):
                library.keyword_query("n", "token", 1, filter)
        assert library.count("n") == len(LIBRARY)

    def test_a_filtered_search_returns_top_k_results_if_enough_records_match(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        rng = np.random.default_rng(5)
        # The rare records are the farthest of all: filtering after top-k would find none of them.
        far = [record(f"r{i}", "word", {"rare": True}, unit(-1, 0.1 * i)) for i in range(10)]
        near = [record(f"c{i}", "word word", {}, unit(1, *rng.normal(size=2))) for i in range(400)]
        self.put(backend, *near, *far)
        assert sorted(ids(backend.vector_query("n", unit(1), 10, {"rare": True}))) == sorted(r.id for r in far)
        if backend.capabilities.keyword:
            assert len(backend.keyword_query("n", "word", 10, {"rare": True})) == 10

    def test_a_filter_sees_changes_between_two_uses(self, library: VectorBackend) -> None:
        filter = {"kind": "decision"}
        assert library.count("n", filter) == 2
        self.put(library, record("g", "x", {"kind": "decision"}), record("c", "x", {"kind": "note"}))
        assert [record.id for record in library.scan("n", filter)] == ["e", "g"]
        assert library.count("n", filter) == 2
        self.put(library, deletes=["e"])
        assert library.count("n", filter) == 1

    def test_numbers_booleans_and_strings_that_look_equal_are_told_apart(self, backend: VectorBackend) -> None:
        self.put(backend, record("a", "x", {"k": 1}), record("b", "x", {"k": True}), record("c", "x", {"k": "1"}))
        found = [[r.id for r in backend.scan("n", {"k": value})] for value in (1, True, "1", 1.0)]
        assert found == [["a"], ["b"], ["c"], ["a"]]
        if backend.capabilities.keyword:
            found = [ids(backend.keyword_query("n", "x", 5, {"k": value})) for value in (1, True, "1", 1.0)]
            assert found == [["a"], ["b"], ["c"], ["a"]]

    def test_field_names_are_never_interpreted(self, backend: VectorBackend) -> None:
        names = ["a.b", "a[0]", "it's", 'quo"te', "back\\slash", "$x", "ключ", "nul\x00", "new\nline", "#-1", "\x7f"]
        self.put(backend, *(record(f"{i:02d}", "x", {name: 1}) for i, name in enumerate(names)))
        for i, name in enumerate(names):
            if name != "$x":
                assert [record.id for record in backend.scan("n", {name: 1})] == [f"{i:02d}"], name
                assert backend.count("n", {name: 1}) == 1, name
                assert backend.count("n", {name: {"$exists": False}}) == len(names) - 1, name


class VectorSearchContract(Contract):
    """Vector search finds exactly the nearest live records."""

    @pytest.fixture
    def ready(self, backend: VectorBackend) -> VectorBackend:
        """Return a backend with a recorded embedder."""
        backend.set_embedder(EMBEDDER)
        return backend

    def test_matches_come_best_first_with_their_inner_product_as_score(self, ready: VectorBackend) -> None:
        self.put(ready, record("far", "x", {}, unit(0, 1)), record("near", "y", {"k": 1}, unit(1, 1)))
        self.put(ready, record("same", "z", {}, unit(1)), record("opposite", "w", {}, unit(-1)))
        found = ready.vector_query("n", unit(1), 10)
        assert ids(found) == ["same", "near", "far", "opposite"]
        assert [match.score for match in found] == pytest.approx([1, 0.5**0.5, 0, -1], abs=1e-5)
        assert found[1].record.content == "y"
        assert found[1].record.metadata == {"k": 1}

    def test_ties_are_broken_by_id(self, ready: VectorBackend) -> None:
        names = [f"{i:03d}" for i in np.random.default_rng(1).permutation(150)]
        self.put(ready, *(record(name, "x", {}, unit(1, 2, 3)) for name in names))
        for top_k in (1, 7, 149, 500):
            assert ids(ready.vector_query("n", unit(1, 1), top_k)) == sorted(names)[:top_k]

    def test_a_query_of_zeros_returns_records_in_the_order_of_ids(self, ready: VectorBackend) -> None:
        self.put(ready, *(record(name, "x", {"k": name}, unit(i, 1)) for i, name in enumerate("dbca")))
        zeros = np.zeros(DIMENSION, dtype=np.float32)
        assert ids(ready.vector_query("n", zeros, 3)) == ["a", "b", "c"]
        assert ids(ready.vector_query("n", zeros, 3, {"k": {"$ne": "a"}})) == ["b", "c", "d"]

    def test_records_without_a_vector_are_not_found(self, ready: VectorBackend) -> None:
        self.put(ready, record("a", "x"), record("b", "y", {}, unit(1)))
        assert ids(ready.vector_query("n", unit(1), 5)) == ["b"]

    def test_a_replaced_vector_is_found_at_its_new_position(self, ready: VectorBackend) -> None:
        self.put(ready, record("a", "x", {}, unit(1)), record("b", "y", {}, unit(1, 1)))
        self.put(ready, record("a", "x", {}, unit(-1)))
        assert ids(ready.vector_query("n", unit(1), 5)) == ["b", "a"]

    @pytest.mark.parametrize("top_k", [0, -1, 1.5, True, "3", None])
    def test_top_k_must_be_a_whole_number_of_at_least_one(self, ready: VectorBackend, top_k: Any) -> None:
        with pytest.raises(InvalidRequestError):
            ready.vector_query("n", unit(1), top_k)

    def test_a_query_that_is_not_finite_is_refused(self, ready: VectorBackend) -> None:
        self.put(ready, record("a", "x", {}, unit(1)))
        with pytest.raises(InvalidRequestError):
            ready.vector_query("n", np.full(DIMENSION, np.inf, dtype=np.float32), 1)

    @pytest.mark.parametrize("seed", [11, 12, 13])
    def test_every_search_agrees_with_an_exact_one_after_any_changes(self, ready: VectorBackend, seed: int) -> None:
        rng = np.random.default_rng(seed)
        alive: dict[str, Record] = {}
        filters: list[Mapping[str, Any] | None] = [
            None,
            {"group": 3},
            {"group": {"$lt": 8}},
            {"$or": [{"tags": "even"}, {"group": 1}]},
        ]
        for step in range(8):
            names = [f"r{i}" for i in rng.integers(0, 600, size=150)]
            fresh = {name: self._random(name, rng) for name in names}
            deleted = [f"r{i}" for i in rng.integers(0, 600, size=40)]
            for name in deleted:
                alive.pop(name, None)
            alive.update(fresh)
            self.put(ready, *fresh.values(), deletes=deleted)
            if step % 3 == 2:
                expected = [name for name, record in alive.items() if record.metadata["group"] == step]
                assert ready.delete_where("n", {"group": step}) == len(expected)
                self.settle(ready, "n")
                for name in expected:
                    del alive[name]
            for filter in filters:
                query = unit(*rng.normal(size=DIMENSION))
                for top_k in (1, 10, 1000):
                    wanted = nearest(alive, query, top_k, filter)
                    assert ids(ready.vector_query("n", query, top_k, filter)) == wanted
        vectors = sum(record.vector is not None for record in alive.values())
        stats = ready.stats("n")
        assert (stats.records, stats.vectors) == (len(alive), vectors)

    def _random(self, name: str, rng: np.random.Generator) -> Record:
        group = int(rng.integers(0, 12))
        # A coarse grid gives equal vectors, hence ties. Some records have no vector.
        values = rng.integers(-2, 3, size=3)
        vector = None if rng.random() < 0.1 else unit(*(values if values.any() else (1.0,)))
        return record(name, f"text of {name}", {"group": group, "tags": ["even"] if group % 2 == 0 else []}, vector)


class KeywordSearchContract(Contract):
    """Keyword search finds records by their terms; skipped if the backend has no keyword search."""

    @pytest.fixture
    def words(self, library: VectorBackend) -> VectorBackend:
        """Return a backend with `LIBRARY`; skips the test if it has no keyword search."""
        if not library.capabilities.keyword:
            pytest.skip("this backend has no keyword search")
        return library

    def test_only_records_that_share_a_term_are_found_best_first(self, words: VectorBackend) -> None:
        found = words.keyword_query("n", "redis rate limits", 10)
        assert ids(found)[0] == "c"
        assert all(match.score > 0 for match in found)
        assert [m.score for m in found] == sorted((m.score for m in found), reverse=True)
        assert words.keyword_query("n", "zebra", 10) == []
        assert words.keyword_query("n", "  ?! ", 10) == []
        assert words.keyword_query("unknown", "redis", 10) == []

    def test_names_in_code_are_found_whole_and_by_their_parts(self, words: VectorBackend) -> None:
        assert ids(words.keyword_query("n", "verify_token", 1)) == ["a"]
        assert ids(words.keyword_query("n", "verifyToken", 1)) == ["a"]
        assert ids(words.keyword_query("n", "TokenStore", 1)) == ["b"]
        assert "b" in ids(words.keyword_query("n", "store", 5))

    def test_a_replaced_text_is_found_only_by_its_new_words(self, words: VectorBackend) -> None:
        assert ids(words.keyword_query("n", "redis", 5)) == ["c"]
        self.put(words, record("c", "Rate limits are counted in memory."))
        assert words.keyword_query("n", "redis", 5) == []
        assert ids(words.keyword_query("n", "memory", 5)) == ["c"]

    def test_the_records_with_a_name_are_counted_if_the_backend_can(self, words: VectorBackend) -> None:
        counts = words.name_counts("n", ["verify_token", "verifyToken", "auth.verify_token", "token", "zebra"])
        if counts is None:
            return  # it is not known; a search then takes every name for a rare one
        assert counts[:3] == [1, 1, 1]  # in any style, and with what it belongs to
        assert counts[3] >= 1
        assert counts[4] == 0
        self.put(words, record("new", "def verify_token(): ..."), deletes=["a"])
        assert words.name_counts("n", ["verify_token"]) == [1]
        self.put(words, record("another", "verify_token()"))
        assert words.name_counts("n", ["verify_token"]) == [2]
        assert words.name_counts("unknown", ["verify_token"]) == [0]
        assert words.name_counts("n", []) == []

    def test_equal_scores_come_in_the_order_of_ids(self, words: VectorBackend) -> None:
        names = [f"{i:02d}" for i in np.random.default_rng(2).permutation(60)]
        self.put(words, *(record(name, "identical flamingo") for name in names), namespace="ties")
        for top_k in (1, 5, 59, 100):
            assert ids(words.keyword_query("ties", "flamingo", top_k)) == sorted(names)[:top_k]

    @pytest.mark.parametrize("top_k", [0, True, 2.0])
    def test_top_k_must_be_a_whole_number_of_at_least_one(self, words: VectorBackend, top_k: Any) -> None:
        with pytest.raises(InvalidRequestError):
            words.keyword_query("n", "token", top_k)
