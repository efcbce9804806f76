"""The ranking signals, one by one and together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dev.core.search import signals
from aurora_dev.core.search.fusion import fuse_lists
from aurora_dev.core.search.reading import read_query
from aurora_dev.core.search.signals import QueryProfile, apply_signals
from aurora_dev.core.text.path_kinds import REEXPORT_WEIGHT, path_weight
from aurora_dev.core.types import Match, Record, SearchOptions


def chunk(path: str, *symbols: str) -> dict[str, object]:
    return {"path": path, **({"symbols": list(symbols)} if symbols else {})}


@pytest.mark.parametrize("query", ["Client", "get_user", "Client.send", "std::vec::Vec", "_private", "parseJSON"])
def test_a_bare_identifier_is_a_symbol_query(query: str) -> None:
    profile = QueryProfile.of(query)
    assert profile.is_symbol
    assert not profile.is_word


@pytest.mark.parametrize(
    ("query", "expected"), [("redirect", True), ("`redirect`", True), ("redirect to login", False)]
)
def test_one_plain_word_may_be_a_name(query: str, expected: bool) -> None:
    assert QueryProfile.of(query).is_word is expected


@pytest.mark.parametrize("query", ["how are routes registered", "session management", "what does Client.send do"])
def test_a_sentence_is_not_a_symbol_query(query: str) -> None:
    assert not QueryProfile.of(query).is_symbol


def test_a_sentence_names_the_identifiers_in_it() -> None:
    assert "safeParse" in QueryProfile.of("how safeParse reports errors").symbols


def test_a_qualified_name_asks_for_its_last_part_too() -> None:
    assert QueryProfile.of("Client.send").symbols == ("Client.send", "send")


def test_stop_words_do_not_count_as_words() -> None:
    assert QueryProfile.of("how is the request sent").words == QueryProfile.of("request sent").words


def test_a_definition_has_a_signal_and_a_use_has_none() -> None:
    profile = QueryProfile.of("Client")
    signal = signals.definition_signal(profile, [chunk("a.py"), chunk("b.py", "Client"), chunk("c.py", "client_id")])
    assert list(signal) == [0.0, 1.0, 0.0]


def test_a_definition_counts_more_in_a_file_of_the_same_name() -> None:
    profile = QueryProfile.of("HttpClient")
    signal = signals.definition_signal(profile, [chunk("http_client.py", "HttpClient"), chunk("b.py", "HttpClient")])
    assert signal[0] > signal[1] > 0


def test_the_qualified_definition_beats_methods_of_other_classes() -> None:
    profile = QueryProfile.of("Client.send")
    chunks = [chunk("a.py", "send", "Client.send"), chunk("b.py", "send", "Socket.send"), chunk("client.py", "send")]
    mine, other, of_the_module = signals.definition_signal(profile, chunks)
    assert mine == of_the_module > other > 0


def test_an_init_file_that_defines_the_symbol_counts_in_full() -> None:
    package = [chunk("json/__init__.py", "dumps"), chunk("json/__init__.py", "loads")]
    assert list(signals.path_weights(QueryProfile.of("json.dumps"), package)) == [1.0, REEXPORT_WEIGHT]


def test_one_plain_word_names_a_symbol_though_it_may_be_a_word() -> None:
    profile = QueryProfile.of("rrf")
    assert profile.symbols == ("rrf",)
    assert not profile.is_symbol
    assert QueryProfile.of("rrf fusion").symbols == ()


def test_the_path_signal_is_the_share_of_words_in_the_path() -> None:
    profile = QueryProfile.of("session token handling")
    signal = signals.path_signal(profile, [chunk("app/sessions.py"), chunk("lib/token_handler.py"), chunk("app/x.py")])
    assert list(signal) == [pytest.approx(1 / 3), pytest.approx(2 / 3), 0.0]


def test_a_word_in_many_paths_counts_little() -> None:
    profile = QueryProfile.of("timeout of a test")
    paths = ["tests/timeout.py", "tests/a.py", "tests/b.py", "src/timeout.py"]
    signal = signals.path_signal(profile, [chunk(path) for path in paths])
    assert list(signal) == pytest.approx([(1 / 2 + 3 / 4) / 2, 1 / 4, 1 / 4, 3 / 8])
    assert signal[3] > signal[1]


def test_an_abbreviation_of_three_letters_matches_a_path_and_one_of_two_does_not() -> None:
    profile = QueryProfile.of("authentication io")
    assert signals.path_signal(profile, [chunk("auth.py")])[0] == pytest.approx(0.5)
    assert signals.path_signal(profile, [chunk("ionic.py")])[0] == 0.0


def test_company_goes_to_the_best_chunk_of_a_file() -> None:
    metadata = [chunk("a.py"), chunk("b.py"), chunk("a.py")]
    signal = signals.company_signal(np.array([0.4, 0.6, 0.5]), metadata)
    assert list(signal) == [0.0, pytest.approx(0.6 / 0.9), 1.0]


def test_only_the_best_chunks_of_a_long_file_count_as_company() -> None:
    metadata = [*(chunk("long.py") for _ in range(20)), *(chunk("short.py") for _ in range(signals.COMPANY))]
    signal = signals.company_signal(np.full(len(metadata), 0.5), metadata)
    assert signal[0] == signal[20] == 1.0


@pytest.mark.parametrize(
    ("query", "first"), [("get_user", True), ("redirect", True), ("where get_user is called from", False)]
)
def test_a_name_inside_a_sentence_does_not_put_its_definition_first(query: str, first: bool) -> None:
    metadata = [chunk("first.py"), chunk("second.py", "get_user", "redirect")]
    profile = QueryProfile.of(query)
    assert signals.definition_signal(profile, metadata)[1] >= 1.0
    final = signals.apply_signals(profile, metadata, np.full(2, 0.5), np.zeros(2))
    assert final[1] > final[0] if first else final[1] == final[0]


def test_each_further_chunk_of_a_file_counts_half() -> None:
    metadata = [chunk("a.py"), chunk("a.py"), chunk("b.py"), chunk("a.py"), {}]
    decayed = signals.repeat_decay(np.full(5, 0.8), metadata, np.zeros(5))
    assert list(decayed) == pytest.approx([0.8, 0.4, 0.8, 0.2, 0.8])


def test_keyword_scores_order_the_chunks_of_a_file() -> None:
    metadata = [chunk("a.py"), chunk("a.py"), chunk("b.py"), chunk("a.py")]
    fused, profile = np.array([0.9, 0.8, 0.85, 0.7]), QueryProfile.of("rotate the signing key")
    without = apply_signals(profile, metadata, fused, np.zeros(4))
    final = apply_signals(profile, metadata, fused, np.array([0.2, 0.3, 0.4, 1.0]))
    assert list(np.argsort(-without, kind="stable")) == [0, 2, 1, 3]
    assert list(np.argsort(-final, kind="stable")) == [3, 2, 0, 1]
    assert sorted(final) == pytest.approx(sorted(without))  # which file stands where is not theirs to say


@pytest.mark.parametrize("query", ["Client", "Pool.Client", "how is Client.send retried"])
def test_a_definition_stays_before_a_chunk_with_more_mentions(query: str) -> None:
    metadata = [chunk("pools.py", "Client", "send"), chunk("pools.py")]
    final = apply_signals(QueryProfile.of(query), metadata, np.array([0.6, 1.0]), np.array([0.0, 1.0]))
    assert final[0] > final[1]


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_app.py",
        "src/app_test.go",
        "src/__tests__/app.js",
        "app.spec.ts",
        "src/AppTest.java",
        "conftest.py",
        "src/iter/test.rs",
        "examples/basic.py",
        "vendor/lib/x.go",
        "third_party/x.c",
        "pkg/__init__.py",
        "api/service_pb2.py",
        "types/index.d.ts",
        "pkg/_compat/v1.py",
        "docs/guide.md",
        "package.json",
    ],
)
def test_tests_examples_copies_and_build_output_weigh_less(path: str) -> None:
    assert path_weight(path) < 1.0


@pytest.mark.parametrize(
    "path",
    [
        "src/app.py",
        "lib/contest.py",
        "src/latest.ts",
        "core/specification.rs",
        "attest/main.go",
        "a/vendors.py",
        "iter/mod.rs",
    ],
)
def test_ordinary_code_weighs_one(path: str) -> None:
    assert path_weight(path) == 1.0


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("tests of session expiry", "tests/test_sessions.py"),
        ("installation guide", "docs/install.md"),
        ("example of streaming", "examples/stream.py"),
    ],
)
def test_a_kind_of_file_that_the_query_names_weighs_in_full(query: str, path: str) -> None:
    asked = signals.path_weights(QueryProfile.of(query), [chunk(path)])
    unasked = signals.path_weights(QueryProfile.of("how does it work"), [chunk(path)])
    assert asked[0] == 1.0 > unasked[0]


def test_a_definition_outranks_a_better_fused_use() -> None:
    metadata = [chunk("tests/test_client.py"), chunk("usage.py"), chunk("client.py", "Client")]
    final = apply_signals(QueryProfile.of("Client"), metadata, np.array([1.0, 0.9, 0.3]), np.zeros(3))
    assert int(np.argmax(final)) == 2


def test_notes_without_a_path_keep_their_order() -> None:
    final = apply_signals(QueryProfile.of("token signatures"), [{}, {}, {}], np.array([0.9, 0.5, 0.1]), np.zeros(3))
    assert list(np.argsort(-final)) == [0, 1, 2]


metadata_items = st.fixed_dictionaries(
    {},
    optional={
        "path": st.sampled_from(["a.py", "tests/test_a.py", "lib/client.py", "vendor/x.js", "README"]),
        "symbols": st.lists(st.sampled_from(["Client", "send", "a"]), max_size=2),
    },
)


@given(
    st.sampled_from(["Client", "how does Client.send work", "client", "...", "é 用户"]),
    st.lists(st.tuples(metadata_items, st.floats(0.0, 1.0), st.floats(0.0, 1.0)), max_size=20),
)
def test_scores_with_signals_stay_between_zero_and_one(
    query: str, rows: list[tuple[dict[str, object], float, float]]
) -> None:
    fused, keyword = np.array([score for _, score, _ in rows]), np.array([share for _, _, share in rows])
    final = apply_signals(QueryProfile.of(query), [metadata for metadata, _, _ in rows], fused, keyword)
    assert final.shape == fused.shape
    assert ((final >= 0.0) & (final <= 1.0)).all()


def test_a_path_that_is_not_a_string_is_ignored() -> None:
    metadata: list[dict[str, object]] = [{"path": ["a.py", "b.py"]}, {"path": 3}, chunk("a.py")]
    final = apply_signals(QueryProfile.of("signing key"), metadata, np.array([0.9, 0.5, 0.1]), np.zeros(3))
    assert list(np.argsort(-final)) == [0, 1, 2]


def test_a_search_orders_the_chunks_of_a_file_by_their_keyword_scores() -> None:
    def match(name: str, score: float) -> Match:
        return Match(Record(name, name, {"path": f"{name[0]}.py"}), score)

    by_vector = [match("a1", 0.9), *(match(f"b{n}", 0.5) for n in range(40)), match("a2", 0.1)]
    by_keyword = [match("a2", 9.0), match("a1", 2.0)]
    fused = fuse_lists(read_query("rotate the signing key"), by_vector, by_keyword, SearchOptions())
    ranks = [result.id for result in fused]
    assert ranks.index("a2") < ranks.index("a1")
    apart = fuse_lists(read_query("rotate the signing key"), by_vector, by_keyword, SearchOptions(signals=False))
    assert [result.id for result in apart][:2] == ["a1", "a2"]


@pytest.mark.parametrize("symbols", [5, "redirect", [["redirect"]], {"redirect": 1}, None])
def test_symbols_of_an_unexpected_type_define_nothing(symbols: object) -> None:
    metadata = [{"path": "app/__init__.py", "symbols": symbols}, chunk("app/routes.py", "redirect")]
    profile = QueryProfile.of("redirect")
    assert signals.definition_signal(profile, metadata).tolist() == [0.0, 1.0]
    assert signals.path_weights(profile, metadata).tolist() == [REEXPORT_WEIGHT, 1.0]
