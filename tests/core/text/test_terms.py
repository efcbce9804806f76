"""Terms of texts and queries: identifiers, scripts, word forms, weights and the fingerprint."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dev.core.keyword.index import KeywordIndex
from aurora_dev.core.text import folding as word_folding
from aurora_dev.core.text import terms as lexical
from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import (
    DEFINITION_PREFIX,
    document_terms,
    is_symbol_query,
    query_terms,
    split_identifier,
    terms_fingerprint,
)


def ordinary(terms: dict[str, float]) -> set[str]:
    return {term for term in terms if not term.startswith(DEFINITION_PREFIX)}


def found_by(content: str, query: str) -> bool:
    index = KeywordIndex()
    index.add([1, 2], [document_terms(content, {}), document_terms("nothing of the kind", {})])
    return bool(index.search(query_terms(query), 1)[0].tolist() == [1])


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("getUserByID", ["get", "user", "by", "id"]),
        ("get_user_by_id", ["get", "user", "by", "id"]),
        ("GetUserById", ["get", "user", "by", "id"]),
        ("GET_USER_BY_ID", ["get", "user", "by", "id"]),
        ("HTTPServer2", ["http", "server", "2"]),
        ("HTTPServer", ["http", "server"]),
        ("parseURLs", ["parse", "urls"]),
        ("utf8", ["utf", "8"]),
        ("__init__", ["init"]),
        ("_x", ["x"]),
        ("simple", ["simple"]),
        ("éclairÉtat", ["éclair", "état"]),
        ("xml数据Parser", ["xml", "数据", "parser"]),
        ("_", []),
        ("", []),
    ],
)
def test_a_name_is_split_at_its_word_boundaries(name: str, parts: list[str]) -> None:
    assert split_identifier(name) == parts


STYLES = ["getUserByID", "get_user_by_id", "GetUserById", "GET_USER_BY_ID", "get-user-by-id"]


@pytest.mark.parametrize("written", STYLES)
@pytest.mark.parametrize("asked", STYLES)
def test_all_styles_of_a_name_share_the_whole_term_and_the_parts(written: str, asked: str) -> None:
    shared = ordinary(document_terms(f"x = {written}(1)", {})) & ordinary(query_terms(asked))
    assert {"getuserbyid", "get", "user", "id"} <= shared


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("server = HTTPServer2(port)", "http server"),
        ("server = HTTPServer2(port)", "HTTPServer2"),
        ("server = HTTPServer2(port)", "http_server_2"),
        ("server = HTTPServer2(port)", "server2"),
        ("use std::vec::Vec;", "std::vec::Vec"),
        ("use std::vec::Vec;", "std.vec.Vec"),
        ("use std::vec::Vec;", "vec"),
        ("self.client.send(request)", "client.send"),
        ("self.client.send(request)", "Client::send"),
        ("self.client.send(request)", "send"),
        ("this->conn->open()", "conn.open"),
        ("headers['User-Agent']", "user_agent"),
        ("headers['User-Agent']", "userAgent"),
        ("useragent", "user-agent"),
        ("OAuth2PasswordBearer", "oauth password"),
        ("oauth_token", "OAuth"),
        ("GraphQLRouter()", "graphql"),
        ("data.encode('utf-8')", "utf8"),
        ("userIDs = []", "user ids"),
        ("les données sont chiffrées", "données"),
        ("Größe der Straße", "GRÖSSE größe"),
        ("打开数据库连接并执行查询", "数据库"),
        ("打开数据库连接并执行查询", "库"),
        ("データベース接続を開く", "データベース"),
        ("데이터베이스를 연결한다", "데이터베이스"),
        ("เชื่อมต่อฐานข้อมูล", "ฐานข้อมูล"),
        ("डेटाबेस कनेक्शन", "कनेक्शन"),
        ("база данных", "БАЗА"),
        ("ＡＢＣ　テスト", "abc"),
        ("parse tokens", "token parser parsing"),
        ("def add_route(self)", "routes"),
        ("resolve dependency", "dependencies"),
        ("validate(x)", "validation"),
        ("validating", "validator"),
        ("with open(f)", "with"),
    ],
)
def test_a_text_is_found_by_whole_names_and_by_parts(content: str, query: str) -> None:
    assert found_by(content, query)


def test_composed_and_decomposed_characters_give_the_same_terms() -> None:
    assert document_terms(unicodedata.normalize("NFD", "café"), {}) == document_terms("café", {})


def test_metadata_is_searched_with_the_text() -> None:
    terms = document_terms(
        "return 1",
        {
            "path": "src/web\\httpClients/rate_limiter.py",
            "symbol": "Limiter.acquire",
            "symbols": ["acquire", "_helper"],
            "context": "class Limiter(Base):",
            "tags": ["backpressure"],
        },
    )
    expected = "src web httpclient http client ratelimiter rate limiter limiteracquir acquir helper base backpressur"
    assert set(expected.split()) <= set(terms)
    assert {term for term in terms if term.startswith("def:")} == {"def:limiteracquire", "def:acquire", "def:helper"}


@pytest.mark.parametrize(
    "metadata", [{"path": 3}, {"symbols": "Foo"}, {"symbols": [1, None]}, {"symbol": ""}, {"path": ""}]
)
def test_metadata_of_an_unexpected_type_is_ignored(metadata: dict[str, object]) -> None:
    assert document_terms("word", metadata) == {"word": 1.0}


def test_repetition_counts_in_documents_and_queries() -> None:
    assert document_terms("apple banana apple", {}) == {"apple"[:-1]: 2.0, "banana": 1.0}
    asked = query_terms("apple banana apple")
    assert {term: asked[term] for term in ordinary(asked)} == {"apple"[:-1]: 2.0, "banana": 1.0}


def test_function_words_are_left_out_of_a_query_unless_there_is_nothing_else() -> None:
    assert ordinary(query_terms("where is the cache of this")) == {"cach"}
    assert "with" in query_terms("with")
    assert ordinary(query_terms("what is this")) == {"what", "is", "this"}
    assert "the" in document_terms("the cache", {})


@pytest.mark.parametrize(
    ("query", "definitions"),
    [
        ("get_user", {"def:getuser"}),
        ("where is getUser called", {"def:getuser"}),
        ("how does Client.send retry", {"def:clientsend", "def:send"}),
        ("foo()", {"def:foo"}),
        ("what does `parse` do", {"def:parse"}),
        ("session", {"def:session"}),
        ("how the Router matches", {"def:router"}),
        ("Where are errors raised", set()),
        ("the HTTP user-agent header", set()),
        ("version 3.11", set()),
    ],
)
def test_a_word_that_looks_like_an_identifier_gets_a_definition_term(query: str, definitions: set[str]) -> None:
    found = {term for term in query_terms(query) if term.startswith("def:")}
    words = query.split()
    joined = {"def:" + "".join(words).lower().replace("`", "").replace("-", "")} if len(words) > 1 else set()
    assert {term.replace("-", "") for term in found} - joined == definitions


def test_the_words_of_a_short_query_together_may_be_a_name() -> None:
    assert "def:maxurllength" in query_terms("max url length")
    assert found_by("max_url_length = 9", "max url length")


def test_no_text_can_produce_a_definition_term() -> None:
    assert ordinary(document_terms("def:foo def: foo def::foo", {})) == set(
        document_terms("def:foo def: foo def::foo", {})
    )


@pytest.mark.parametrize(
    "text",
    [
        "foo_bar",
        "Foo",
        "Foo.bar",
        "Foo::bar",
        "_x",
        "foo()",
        "getUser",
        "HTTPServer2",
        "$scope",
        "Foo#bar",
        " Foo ",
        "x2",
    ],
)
def test_a_bare_name_is_a_symbol_query(text: str) -> None:
    assert is_symbol_query(text)


@pytest.mark.parametrize(
    "text", ["session", "two words", "Foo bar", "", "?", "3.11", "a + b", "Foo.", "user-agent", "где"]
)
def test_a_sentence_or_a_plain_word_is_not_a_symbol_query(text: str) -> None:
    assert not is_symbol_query(text)


@pytest.mark.parametrize(
    "family",
    [
        ["token", "tokens"],
        ["route", "routes", "routing", "routed"],
        ["cache", "caches", "caching", "cached"],
        ["class", "classes"],
        ["dependency", "dependencies"],
        ["match", "matches", "matching"],
        ["map", "maps", "mapping", "mapped"],
        ["code", "codes", "coding"],
        ["add", "adds", "adding", "added"],
        ["embed", "embeds", "embedding", "embedded"],
        ["validate", "validation", "validator", "validating"],
        ["id", "ids"],
    ],
)
def test_forms_of_a_word_fold_to_the_same_term(family: list[str]) -> None:
    assert len({fold_word(word) for word in family}) == 1


@pytest.mark.parametrize(
    "pair",
    [("string", "str"), ("status", "stat"), ("router", "route"), ("need", "ne"), ("this", "thi"), ("note", "not")],
)
def test_different_words_fold_to_different_terms(pair: tuple[str, str]) -> None:
    assert fold_word(pair[0]) != fold_word(pair[1])


def test_long_data_adds_few_and_short_terms() -> None:
    terms = document_terms("QUJD" * 50_000 + " " + "a." * 50_000, {})
    assert len(terms) < 500
    assert max(map(len, terms)) <= 64


def test_a_full_cache_is_cleared_and_results_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "getUserByID self.app.router.get tokens"
    expected = document_terms(text, {})
    lexical._EXPANSIONS.clear()
    lexical._FOLDED.clear()
    monkeypatch.setattr(lexical, "_CACHE_ENTRIES", 2)
    for _ in range(3):
        assert document_terms(text, {}) == expected
    assert len(lexical._EXPANSIONS) <= 3
    assert len(lexical._FOLDED) <= 5


@pytest.mark.parametrize("name", ["WHOLE_WEIGHT", "PART_WEIGHT", "CHAIN_WEIGHT", "STEM_WEIGHT", "DEFINITION_WEIGHT"])
def test_the_fingerprint_changes_with_the_terms(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = terms_fingerprint()
    lexical._EXPANSIONS.clear()
    terms_fingerprint.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(lexical, name, 0.123)
        assert terms_fingerprint() != before
    lexical._EXPANSIONS.clear()
    lexical._FOLDED.clear()
    terms_fingerprint.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(word_folding, "FOLD_VERBS", False)
        assert terms_fingerprint() != before
    lexical._EXPANSIONS.clear()
    lexical._FOLDED.clear()
    terms_fingerprint.cache_clear()
    assert terms_fingerprint() == before


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=80))
def test_any_text_gives_finite_terms_and_finds_itself(text: str) -> None:
    terms = document_terms(text, {"path": text, "symbols": [text], "symbol": text, "context": text, "tags": [text]})
    assert all(0 < weight < 1e9 and term for term, weight in terms.items())
    assert document_terms(text, {}) == document_terms(text, {})
    asked = query_terms(text)
    assert all(0 < weight < 1e9 and term for term, weight in asked.items())
    own = {term for term in ordinary(asked) if not term.startswith("file:")}  # a path of the query names a file
    assert own <= set(document_terms(text, {}))
    assert is_symbol_query(text) in (True, False)
    split_identifier(text)


def test_extracting_terms_stays_within_the_measured_order_of_magnitude() -> None:
    text = "def getUserByID(self, key): return self.app.router.get(key, defaultValue=None)\n" * 10
    started = time.perf_counter()
    for _ in range(200):
        document_terms(text, {"path": "src/app/users.py", "symbols": ["getUserByID"]})
    assert time.perf_counter() - started < 1.0  # measured: 0.01 s


@pytest.mark.parametrize("sign", ["<<", ">>", "==", "!=", "<", "+", "-", "*", "->", "()", "[]", "<=>", "&&", "+=", ","])
def test_an_operator_of_a_class_is_a_word_of_its_own(sign: str) -> None:
    term = f"sign:operator{sign}"
    assert term in document_terms(f"T operator{sign}(const T& other) const {{", {})
    assert [each for each in query_terms(f"operator{sign}") if each.startswith("sign:")] == [term]


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("C# services use the logger.", "C#"),
        ("C++ drivers use the allocator.", "c++"),
        ("Written in F#", "F#"),
        (".NET is the runtime", ".NET"),
        ("if (a && b)", "&&"),
        ("a || b", "||"),
        ("p->next", "->"),
        ("user?.name ?? 'x'", "?."),
        ("user?.name ?? 'x'", "??"),
        ("x := 1", ":="),
        ("Release 🚀 checklist", "🚀"),
        ("all ✅ green", "✅"),
        ("👍🏽 done", "👍"),
        ("a → b", "→"),
        ("Größe", "GRÖSSE"),
        ("GRÖSSE", "größe"),
        ("straße", "STRASSE"),
        ("STRASSE", "straße"),
        ("naïve café", "cafe"),
        ("naïve café", "CAFÉ"),
        ("cafe", "café"),
        ("Łódź, Ørsted", "lodz"),
        ("Łódź, Ørsted", "orsted"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("getCaféName()", "getCafeName"),
        ("getCaféName()", "get_café_name"),
    ],
)
def test_signs_symbols_and_letters_with_marks_are_found(content: str, query: str) -> None:
    assert found_by(content, query)


@pytest.mark.parametrize(
    ("content", "query"),
    [("C++ drivers", "C#"), ("C drivers", "C++"), ("a << b", "operator<<"), ("a >>= b", ">>"), ("i#fff", "C#")],
)
def test_a_sign_is_not_taken_for_another(content: str, query: str) -> None:
    signs = {term for term in query_terms(query) if term.startswith("sign:")}
    assert signs
    assert signs.isdisjoint(document_terms(content, {}))


def test_an_option_of_a_command_is_one_term() -> None:
    terms = query_terms("what does --no-verify do with **kwargs - please?")
    assert [term for term in terms if term.startswith("sign:")] == ["sign:--no-verify"]  # the option as a whole


def test_signs_change_no_score_of_other_words() -> None:
    plain, signed = "value name other", "value && name -> other 🚀"
    scores = []
    for text in (plain, signed):
        index = KeywordIndex()
        index.add([1, 2], [document_terms(text, {}), document_terms("more words here than there", {})])
        scores.append(index.search(query_terms("value name"), 1)[1].tolist())
    assert scores[0] == scores[1]


def test_marks_of_other_scripts_stay() -> None:
    assert set(document_terms("हिन्दी", {})) == {"हिन्दी"}


def test_a_text_of_signs_takes_no_quadratic_time() -> None:
    start = time.perf_counter()
    for text in ("&" * 200_000, "<>" * 100_000, "operator" * 30_000, "c#" * 100_000, "🚀" * 100_000, "é" * 100_000):
        document_terms(text, {})
        query_terms(text)
    assert time.perf_counter() - start < 10
