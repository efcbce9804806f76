"""The contract of `VectorBackend` as test classes: records, namespaces, embedders, and the searches.

`aurora_dev.testing` explains how to use them.
"""

# ruff: noqa: D102 - the names of the tests are their documentation

from __future__ import annotations

import numpy as np
import pytest

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.types import Record
from aurora_dev.errors import DimensionMismatchError, EmbedderMismatchError, InvalidRequestError
from aurora_dev.testing.contract_support import (
    DIMENSION,
    EMBEDDER,
    LIBRARY,
    OTHER_EMBEDDER,
    WIDER_EMBEDDER,
    Contract,
    ids,
    record,
    unit,
)
from aurora_dev.testing.search_contract import FilterContract, KeywordSearchContract, VectorSearchContract

__all__ = [
    "Contract",
    "EmbedderContract",
    "FilterContract",
    "KeywordSearchContract",
    "NamespaceContract",
    "RecordContract",
    "VectorSearchContract",
]


class RecordContract(Contract):
    """Records are written, replaced, read and deleted by id."""

    def test_the_backend_implements_the_protocol(self, backend: VectorBackend) -> None:
        assert isinstance(backend, VectorBackend)

    def test_a_record_is_read_as_it_was_written(self, backend: VectorBackend) -> None:
        metadata = {"s": "ä\n\"'\\", "i": -3, "f": 0.1 + 0.2, "t": True, "l": ["x", ""], "empty": "", "none": []}
        self.put(backend, record("a", "text\r\n\twith \x00 and 🦜", metadata))
        found = backend.fetch("n", ["a"])["a"]
        assert (found.id, found.content, found.metadata) == ("a", "text\r\n\twith \x00 and 🦜", metadata)
        assert isinstance(found.metadata["t"], bool)
        assert found.vector is None

    def test_integers_of_64_bits_keep_their_value(self, backend: VectorBackend) -> None:
        if self.approximate_integers:
            pytest.skip("this backend keeps numbers as floats")
        self.put(backend, record("a", "x", {"big": 2**63 - 1, "small": -(2**63)}))
        assert backend.fetch("n", ["a"])["a"].metadata == {"big": 2**63 - 1, "small": -(2**63)}

    def test_unusual_ids_are_accepted(self, backend: VectorBackend) -> None:
        self.put(backend, *(record(identifier, f"text {i}") for i, identifier in enumerate(self.odd_ids)))
        assert ids(backend.fetch("n", self.odd_ids)) == sorted(self.odd_ids)
        self.put(backend, deletes=list(self.odd_ids))
        assert backend.count("n") == 0

    def test_upserting_an_id_again_replaces_the_whole_record(self, library: VectorBackend) -> None:
        self.put(library, record("a", "other words", {"new": 1}))
        found = library.fetch("n", ["a"])["a"]
        assert (found.content, found.metadata) == ("other words", {"new": 1})
        assert library.count("n") == len(LIBRARY)

    def test_the_last_of_several_upserts_with_one_id_wins(self, backend: VectorBackend) -> None:
        self.put(backend, record("a", "first"), record("b", "b"), record("a", "second"))
        assert backend.fetch("n", ["a"])["a"].content == "second"
        assert backend.count("n") == 2

    def test_deletes_are_applied_before_upserts(self, library: VectorBackend) -> None:
        self.put(library, record("a", "kept"), deletes=["a", "b", "unknown"])
        assert ids(library.fetch("n", ["a", "b"])) == ["a"]
        assert library.fetch("n", ["a"])["a"].content == "kept"

    def test_no_call_finds_a_deleted_record(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        self.put(backend, record("a", "alpha", {"k": 1}, unit(1)), record("b", "alpha beta", {"k": 1}, unit(1, 1)))
        self.put(backend, deletes=["a"])
        assert backend.fetch("n", ["a"]) == {}
        assert ids(backend.vector_query("n", unit(1), 5)) == ["b"]
        assert [record.id for record in backend.scan("n", {"k": 1})] == ["b"]
        if backend.capabilities.keyword:
            assert ids(backend.keyword_query("n", "alpha", 5)) == ["b"]

    def test_fetch_returns_vectors_only_on_request(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        self.put(backend, record("a", "x", {}, unit(1, 2)), record("b", "y"))
        assert backend.fetch("n", ["a"])["a"].vector is None
        found = backend.fetch("n", ["a", "b", "unknown"], vectors=True)
        assert ids(found) == ["a", "b"]
        vector = found["a"].vector
        assert vector is not None
        assert vector.dtype == np.float32
        assert np.allclose(vector, unit(1, 2), atol=1e-6)
        assert found["b"].vector is None

    def test_modifying_a_result_does_not_change_the_store(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        self.put(backend, record("a", "alpha", {"tags": ["x"]}, unit(1)))
        for _ in range(2):
            (match,) = backend.vector_query("n", unit(1), 1)
            assert match.record.metadata == {"tags": ["x"]}
            match.record.metadata["tags"].append("y")  # type: ignore[union-attr]
            match.record.metadata["more"] = 1  # type: ignore[index]

    @pytest.mark.parametrize(
        "bad",
        [
            record("", "x"),
            record("x" * 513, "x"),
            record("\ud800", "x"),
            record("a", ""),
            record("a", "lone \udc80 surrogate"),
            record("a", "x", {"": 1}),
            record("a", "x", {"k": None}),
            record("a", "x", {"k": {"nested": 1}}),
            record("a", "x", {"k": [1, 2]}),
            record("a", "x", {"k": float("nan")}),
            record("a", "x", {"k": float("-inf")}),
            record("a", "x", {"k": 2**63}),
            record("a", "x", {"k": "\ud800"}),
            record("a", "x", {}, np.full(DIMENSION, np.nan, dtype=np.float32)),
        ],
        ids=lambda bad: repr(bad)[:60].encode("ascii", "replace").decode(),
    )
    def test_an_invalid_record_is_refused_and_nothing_is_written(self, library: VectorBackend, bad: Record) -> None:
        library.set_embedder(EMBEDDER)
        with pytest.raises(InvalidRequestError):
            library.write("n", [record("fine", "fine"), bad], ["b"])
        self.settle(library, "n")
        assert ids(library.fetch("n", ["fine", "b"])) == ["b"]

    def test_a_refusal_names_the_record_and_the_key(self, backend: VectorBackend) -> None:
        with pytest.raises(InvalidRequestError, match=r"'the-id'.*'the-key'"):
            backend.write("n", [record("the-id", "x", {"the-key": None})])

    def test_scan_yields_matching_records_in_the_order_of_ids(self, library: VectorBackend) -> None:
        assert [record.id for record in library.scan("n")] == list("abcdef")
        assert [record.id for record in library.scan("n", {"kind": "decision"})] == ["c", "e"]
        assert {record.content for record in library.scan("n", content=False)} == {""}
        assert list(library.scan("unknown")) == []

    def test_the_strings_of_a_field_are_listed_with_those_in_lists(self, backend: VectorBackend) -> None:
        values = ["src/é.py", "src/é.py", ["a.py", "1"], 1, True]
        records = [record(f"r{number}", "x", {"path": value}) for number, value in enumerate(values)]
        self.put(backend, *records, record("other", "x", {"file": "b.py"}))
        assert backend.values("n", "path") == {"src/é.py", "a.py", "1"}
        assert backend.values("n", 'no "such') == set()
        assert backend.values("nowhere", "path") == set()

    def test_some_fields_of_records_are_read_counted_and_sorted_by_time(self, backend: VectorBackend) -> None:
        times = {"a": 2.0, "b": 3, "c": 3.0, "d": "later"}
        self.put(backend, *(record(name, "x", {"kind": "note", "created_at": at}) for name, at in times.items()))
        self.put(backend, record("e", "x", {"kind": "note"}), record("f", "x", {"kind": ["list"], "created_at": 9}))
        chosen = {found.id: found.metadata for found in backend.select("n", ["created_at", "other"], {"kind": "note"})}
        assert chosen == {"a": {"created_at": 2}, "b": {"created_at": 3}, "c": {"created_at": 3}, "e": {}} | {
            "d": {"created_at": "later"}
        }
        assert backend.tally("n", ["kind"]) == {("note",): 5, (None,): 1}
        assert backend.tally("nowhere", ["kind"]) == {}
        newest, count = backend.newest("n", {"kind": "note"}, 3)
        assert ([found.id for found in newest], newest[0].content, count) == (["b", "c", "a"], "x", 5)
        assert [found.id for found in backend.newest("n", {"kind": "note"}, 9, after=(3.0, "b"))[0]] == list("cade")
        assert backend.newest("nowhere", {"kind": "note"}, 3) == ([], 0)

    def test_ids_are_found_by_their_beginning(self, backend: VectorBackend) -> None:
        self.put(backend, *(record(name, "x") for name in ("abc", "abd", "ab", "b", "ab\U0010ffff")))
        assert backend.find_ids("n", "ab", 3) == ["ab", "abc", "abd"]
        assert backend.find_ids("n", "ab", 9)[-1] == "ab\U0010ffff"
        assert backend.find_ids("n", "abcd", 9) == backend.find_ids("nowhere", "a", 9) == []

    def test_scan_yields_vectors_only_on_request(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        self.put(backend, record("a", "x", {}, unit(1)), record("b", "y"))
        assert [record.vector is not None for record in backend.scan("n", vectors=True)] == [True, False]
        assert [record.vector is not None for record in backend.scan("n")] == [False, False]

    def test_a_long_scan_misses_nothing_and_repeats_nothing(self, backend: VectorBackend) -> None:
        names = [f"{i:05d}" for i in range(1300)]
        self.put(backend, *(record(name, "x") for name in reversed(names)))
        assert [record.id for record in backend.scan("n", content=False)] == names

    def test_closing_twice_does_nothing(self, backend: VectorBackend) -> None:
        backend.close()
        backend.close()


class NamespaceContract(Contract):
    """Namespaces are isolated from each other, counted, and deleted as a whole."""

    def test_namespaces_do_not_see_each_other(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        self.put(backend, record("a", "alpha one", {}, unit(1)), namespace="one")
        self.put(backend, record("a", "alpha two", {}, unit(0, 1)), namespace="two")
        for name in ("one", "two"):
            assert backend.fetch(name, ["a"])["a"].content == f"alpha {name}"
            assert [m.record.content for m in backend.vector_query(name, unit(1, 1), 5)] == [f"alpha {name}"]
        self.put(backend, deletes=["a"], namespace="one")
        assert backend.namespaces() == ["two"]

    def test_an_unknown_namespace_is_empty(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        assert backend.vector_query("none", unit(1), 5) == []
        assert backend.fetch("none", ["a"]) == {}
        assert backend.count("none") == 0
        assert backend.count("none", {"a": 1}) == 0
        assert backend.delete_where("none", {"a": 1}) == 0
        assert backend.delete_namespace("none") == 0
        assert backend.missing_vectors("none", 5) == []
        stats = backend.stats("none")
        assert (stats.records, stats.vectors) == (0, 0)
        assert backend.namespaces() == []

    def test_deleting_a_namespace_leaves_the_others(self, library: VectorBackend) -> None:
        self.put(library, record("z", "other"), namespace="other")
        assert library.delete_namespace("n") == len(LIBRARY)
        self.settle(library, "n")
        assert library.namespaces() == ["other"]
        assert library.count("n") == 0
        self.put(library, LIBRARY[0])
        assert ids(library.fetch("n", ["a", "b"])) == ["a"]

    def test_stats_count_records_and_vectors(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        self.put(backend, record("a", "x", {}, unit(1)), record("b", "y"), record("c", "z", {}, unit(2)))
        self.put(backend, record("a", "x without"), deletes=["b"])
        stats = backend.stats("n")
        assert (stats.records, stats.vectors) == (2, 1)

    def test_every_change_raises_the_sequence_and_nothing_else_does(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        seen = [backend.stats("n").sequence]
        for change in (
            lambda: self.put(backend, record("a", "x", {"k": 1}, unit(1)), record("b", "x")),
            lambda: self.put(backend, record("a", "y", {"k": 1}, unit(1))),
            lambda: self.put(backend, deletes=["b"]),
            lambda: backend.delete_where("n", {"k": 1}),
            lambda: self.put(backend, record("a", "x")),
            lambda: backend.delete_namespace("n"),
            lambda: self.put(backend, record("a", "x")),
        ):
            change()
            seen.append(backend.stats("n").sequence)
        assert seen == sorted(set(seen))
        backend.write("n", deletes=["unknown"])
        backend.write("n")
        backend.delete_where("n", {"k": 2})
        list(backend.scan("n"))
        backend.vector_query("n", unit(1), 1)
        assert backend.stats("n").sequence == seen[-1]

    def test_an_invalid_namespace_is_refused(self, backend: VectorBackend) -> None:
        for name in ("", "x" * 513, "\ud800"):
            with pytest.raises(InvalidRequestError):
                backend.write(name, [record("a", "x")])

    def test_describe_names_the_kind(self, backend: VectorBackend) -> None:
        assert isinstance(backend.describe()["kind"], str)


class EmbedderContract(Contract):
    """The store records the embedder of its vectors and never mixes vectors of two embedders."""

    def test_a_new_store_has_no_embedder_and_refuses_vectors(self, backend: VectorBackend) -> None:
        assert backend.embedder() is None
        assert backend.vector_query("n", unit(1), 5) == []
        with pytest.raises(InvalidRequestError):
            backend.write("n", [record("a", "x", {}, unit(1))])
        self.put(backend, record("a", "x"))
        assert backend.count("n") == 1

    def test_setting_the_recorded_embedder_again_changes_nothing(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        assert backend.embedder() == EMBEDDER
        self.put(backend, record("a", "x", {}, unit(1)))
        backend.set_embedder(EMBEDDER)
        assert backend.stats("n").vectors == 1
        assert ids(backend.vector_query("n", unit(1), 1)) == ["a"]

    def test_set_embedder_returns_the_recorded_one_and_keeps_the_first_without_replace(
        self, backend: VectorBackend
    ) -> None:
        assert backend.set_embedder(EMBEDDER, replace=False) == EMBEDDER
        self.put(backend, record("a", "x", {}, unit(1)))
        assert backend.set_embedder(OTHER_EMBEDDER, replace=False) == EMBEDDER
        assert backend.embedder() == EMBEDDER
        assert backend.stats("n").vectors == 1
        assert backend.set_embedder(OTHER_EMBEDDER) == OTHER_EMBEDDER
        assert backend.set_embedder(OTHER_EMBEDDER, replace=False) == OTHER_EMBEDDER
        assert backend.embedder() == OTHER_EMBEDDER

    def test_vectors_of_a_different_embedder_are_not_written(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        with pytest.raises(EmbedderMismatchError):
            backend.write("n", [record("a", "x", {}, unit(1))], embedder=OTHER_EMBEDDER)
        backend.write("n", [record("b", "x", {}, unit(1))], embedder=EMBEDDER)
        self.settle(backend, "n")
        with pytest.raises(EmbedderMismatchError):
            backend.attach_vectors("n", [record("b", "x", {}, unit(2))], embedder=OTHER_EMBEDDER)
        assert ids(backend.fetch("n", ["a", "b"])) == ["b"]

    def test_vectors_are_attached_only_to_unchanged_records(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        read = [record(name, name, {"k": 1}) for name in "abcd"]
        self.put(backend, *read)
        self.put(backend, record("b", "rewritten", {"k": 1}), record("c", "c", {"k": 2}), deletes=["d"])
        embedded = [record(r.id, r.content, dict(r.metadata), unit(1)) for r in read]
        assert backend.attach_vectors("n", embedded, embedder=EMBEDDER) == 1
        self.settle(backend, "n")
        assert ids(backend.vector_query("n", unit(1), 10)) == ["a"]
        found = backend.fetch("n", list("abcd"))
        assert (found["b"].content, found["c"].metadata) == ("rewritten", {"k": 2})
        assert "d" not in found
        assert backend.attach_vectors("empty", embedded, embedder=EMBEDDER) == 0

    def test_replacing_the_embedder_makes_all_vectors_stale_at_once(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        self.put(backend, record("a", "alpha", {}, unit(1)), record("b", "beta", {}, unit(0, 1)))
        self.put(backend, record("a", "gamma", {}, unit(1)), namespace="m")
        assert ids(backend.vector_query("n", unit(1), 1)) == ["a"]
        backend.set_embedder(OTHER_EMBEDDER)
        assert backend.embedder() == OTHER_EMBEDDER
        for name in ("n", "m"):
            self.settle(backend, name)
            assert backend.vector_query(name, unit(1), 5) == []
            assert backend.stats(name).vectors == 0
            assert backend.fetch(name, ["a"], vectors=True)["a"].vector is None
        assert sorted(record.id for record in backend.missing_vectors("n", 10)) == ["a", "b"]
        if backend.capabilities.keyword:
            assert ids(backend.keyword_query("n", "beta", 5)) == ["b"]

    def test_missing_vectors_can_be_filled_in_batches(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        self.put(backend, *(record(name, f"text {name}", {"k": name}, unit(1)) for name in "abcde"))
        backend.set_embedder(WIDER_EMBEDDER)
        rounds = 0
        while missing := backend.missing_vectors("n", 2):
            assert len(missing) <= 2
            assert all(r.vector is None for r in missing)
            vector = np.eye(2 * DIMENSION, dtype=np.float32)[rounds]
            self.put(backend, *(record(r.id, r.content, r.metadata, vector) for r in missing))
            rounds += 1
            assert rounds <= 5
        assert backend.stats("n").vectors == 5
        assert len(backend.vector_query("n", np.eye(2 * DIMENSION, dtype=np.float32)[0], 10)) == 5
        assert backend.fetch("n", ["c"])["c"].metadata == {"k": "c"}

    def test_vectors_of_a_different_length_are_refused(self, backend: VectorBackend) -> None:
        backend.set_embedder(EMBEDDER)
        with pytest.raises(DimensionMismatchError):
            backend.write("n", [record("b", "y"), record("a", "x", {}, np.ones(DIMENSION + 1, dtype=np.float32))])
        assert backend.count("n") == 0
        with pytest.raises(DimensionMismatchError):
            backend.vector_query("n", np.ones(DIMENSION - 1, dtype=np.float32), 1)
