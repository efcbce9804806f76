"""Printed results: the right lines, marked words, no control characters, and no line wider than the terminal."""

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from aurora_dev.core.text.visible import visible
from aurora_dev.core.types import SearchResult, SearchResults
from aurora_dev.interfaces.cli.output.render import PLAIN_WIDTH, counted, cut, lines_of, shown_path, size_of, to_json
from aurora_dev.interfaces.cli.output.search_results import description_of, plain_results, print_results
from aurora_dev.interfaces.cli.output.search_snippet import (
    SNIPPET_LINES,
    choose_lines,
    defining_row,
    query_pattern,
    whole_part,
)
from aurora_dev.interfaces.cli.output.status_report import print_status
from aurora_dev.memory.status import MemoryStatus, Problem, SettingValue

STYLE = re.compile(r"\x1b\[[0-9;]*m")


def result(content: str, **metadata: object) -> SearchResult:
    known = {"path": "a.py", "start_line": 11, "end_line": 99, "language": "python", "symbol": "f", "kind": "function"}
    return SearchResult("0123456789abcdef", content, 0.5, {**known, **metadata}, {"vector": 0.25})


def on_terminal(query: str, found: SearchResult, *, width: int = 60, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", newline="\n") as stream:
        console = Console(file=stream, force_terminal=True, color_system="standard", width=width, legacy_windows=False)
        print_results(console, query, Path(), SearchResults([found]))
        stream.flush()
        return raw.getvalue().decode(encoding)


def marked(pattern: re.Pattern[str] | None, text: str) -> list[str]:
    return [found[0] for found in pattern.finditer(text)] if pattern else []


@given(st.text())
def test_no_text_reaches_a_terminal_with_a_control_character_in_it(text: str) -> None:
    shown = visible(text)
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in shown)
    assert not set(shown) & set("\u2028\u2029\u202e\u2066\u200b\ufeff")
    shown.encode("utf-8")


def test_ordinary_text_of_any_language_stays_as_it_is() -> None:
    for text in ("naïve", "日本語", "Ωmega → 5 €", "🎉", "a\\x1b"):
        assert visible(text) == text
    assert visible("a\x1b[0m\tb\u202ec") == "a\\x1b[0m    b\\u202ec"
    assert visible("one\ntwo\x07", keep_newlines=True) == "one\ntwo\\x07"


def test_lines_are_counted_at_newlines_only() -> None:
    assert lines_of("a\r\nb\x0cc\u2028d\n") == ["a", "b\\x0cc\\u2028d"]
    assert lines_of("a\n\n") == ["a", ""]
    assert lines_of("") == [""]


def test_a_short_result_is_shown_whole_without_trailing_blank_lines() -> None:
    assert choose_lines(["a", "b", "", ""], None) == (0, 1)


def test_a_long_result_shows_its_first_line_and_the_lines_that_match_the_query() -> None:
    lines = ["def f():", *(f"    line {number}" for number in range(1, 40))]
    lines[30] = "    raise TokenExpired"
    rows = choose_lines(lines, query_pattern("where do tokens expire"))
    assert rows[:2] == (0, None)
    assert 30 in rows
    assert rows[-1] is None
    assert len([row for row in rows if row is not None]) == SNIPPET_LINES


def test_a_text_without_a_defining_line_shows_only_the_lines_that_match_the_query() -> None:
    lines = [f"line {number}" for number in range(40)]
    lines[30] = "tokens expire"
    rows = choose_lines(lines, query_pattern("where do tokens expire"), head=None)
    assert rows[0] is None
    assert 30 in rows
    assert 0 not in rows


@given(st.lists(st.sampled_from(["", "token", "x", "expire token"]), min_size=1, max_size=60), st.integers(-1, 61))
def test_shown_lines_are_few_and_in_order_and_each_mark_replaces_more_than_one_line(
    lines: list[str], head: int
) -> None:
    pattern = query_pattern("token expire")
    rows = choose_lines(lines, pattern, head=None if head < 0 else head)
    numbers = [row for row in rows if row is not None]
    assert numbers == sorted(set(numbers))
    assert head in numbers or head < 0 or not "".join(lines[head:])
    assert 1 <= len(numbers) <= SNIPPET_LINES + 3
    for before, gap, after in zip((-1, *rows[:-1]), rows, (*rows[1:], len(lines)), strict=True):
        if gap is None:
            assert before is not None
            assert after is not None
            assert after - before > 2
    if any("expire" in line for line in lines):
        shown = " ".join(lines[row] for row in numbers)
        assert "token" in shown


COMMENTED = ["/**", *(f" * about send {number}" for number in range(9)), " */", "@Post()", "send(mail) {"]
COMMENTED += [f"  step({number});" for number in range(20)] + ["  expire(token);"] + ["  more();"] * 20 + ["}"]


def test_the_definition_is_shown_if_the_query_matches_it_its_comment_or_its_body() -> None:
    head = defining_row(COMMENTED, "Mailer.send")
    assert head == 12
    assert choose_lines(COMMENTED, query_pattern("zzz"), head=head) == (None, *range(12, 20), None)
    assert choose_lines(COMMENTED, query_pattern("about sending"), head=head) == (*range(7), None, 12, None)
    body = choose_lines(COMMENTED, query_pattern("tokens expire"), head=head)
    assert body[:3] == (None, 12, None)
    assert 33 in body
    assert choose_lines(["send", *["x"] * 20], query_pattern("send")) == (*range(8), None)
    assert choose_lines([*["x"] * 20, "", ""], None, head=21) == (*range(8), None)


def test_the_defining_row_is_the_first_row_unless_a_comment_stands_before_it() -> None:
    assert defining_row(["const a = 1;", "function f() {}"], "f") == 0
    assert defining_row(["// g", "step();"], "f") == 0
    assert defining_row(["// f", "fast();", "f();"], "f") == 2
    assert defining_row(["#define f(x) x", "f();"], "f") == 0
    assert defining_row(["// x"], "???") == 0
    assert defining_row(["anything"], "") is None


def test_a_section_is_shown_with_its_heading() -> None:
    lines = ["# Send", *(f"line {number}" for number in range(20)), "to Send"]
    text = plain_results("zzz", Path(), SearchResults([result("\n".join(lines), symbol="Send", kind="section")]))
    assert "# Send\n" in text


def test_query_words_match_in_other_inflections_and_inside_names() -> None:
    pattern = query_pattern("Where are JWT tokens verified?")
    assert marked(pattern, "verifyToken(jwt); verifies JWTs") == ["verify", "Token", "jwt", "verifies", "JWTs"]
    assert marked(pattern, "verified tokens, Verifying") == ["verified", "tokens", "Verifying"]
    assert "are" not in marked(pattern, "are where")


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("token", "the tokenizer of verifyToken and token_store, TOKENS", ["tokenizer", "Token", "token", "TOKENS"]),
        ("authentication", "authenticated, authenticator", ["authenticated", "authenticator"]),
        ("rotate", "rotation, HTTPRotator", ["rotation", "HTTPRotator"]),
        ("größe", "die Größenangabe", ["Größenangabe"]),
    ],
)
def test_a_mark_covers_a_whole_word_or_a_whole_part_of_a_name(query: str, text: str, marked: list[str]) -> None:
    pattern = query_pattern(query)
    assert pattern is not None
    spans = [whole_part(text, *found.span()) for found in pattern.finditer(text)]
    assert [text[start:end] for start, end in spans] == marked


def test_short_words_are_marked_at_the_start_of_words_only() -> None:
    assert marked(query_pattern("id"), "void id_of") == ["id"]


@pytest.mark.parametrize("query", ["", "the of", "???", "a"])
def test_a_query_without_words_marks_nothing(query: str) -> None:
    assert query_pattern(query) is None


def test_plain_output_has_the_line_numbers_of_the_file_and_cuts_long_lines() -> None:
    text = plain_results("x", Path(), SearchResults([result("def f():\n    x = '" + "y" * 500 + "'")]))
    head, first, second = text.splitlines()
    assert head == "a.py:11-99  f (function)  0.500"
    assert first == "    11  def f():"
    assert len(second) == PLAIN_WIDTH
    assert second.endswith("...")


def test_the_common_indentation_of_a_method_is_removed() -> None:
    text = plain_results("x", Path(), SearchResults([result("    def f():\n\n        return 1")]))
    assert "    11  def f():\n    12\n    13      return 1\n" in text


def test_a_terminal_gets_colours_marks_and_no_line_wider_than_itself() -> None:
    shown = on_terminal("token", result("def token():\n    return '" + "日本" * 60 + "'"))
    assert "\x1b[" in shown
    for line in STYLE.sub("", shown).splitlines():
        assert sum(2 if character in "日本" else 1 for character in line) <= 60
    assert re.search(r"\x1b\[[0-9;]*1[0-9;]*4[0-9;]*mtoken", shown), "the word is bold and underlined"


def test_content_with_markup_and_escapes_is_shown_as_text() -> None:
    shown = on_terminal(
        "x", result("[red]x[/red] \x1b]0;owned\x07 [/nope]", language="", symbol="[bold]f", path="a\x1b[2J.py")
    )
    plain = STYLE.sub("", shown)
    assert "[red]x[/red] \\x1b]0;owned\\x07 [/nope]" in plain
    assert "[bold]f" in plain
    assert "a\\x1b[2J.py" in plain
    assert "\x1b" not in plain


def test_a_terminal_without_unicode_gets_ascii_marks() -> None:
    shown = on_terminal("x", result("def f(): return '" + "z" * 300 + "'"), encoding="ascii")
    assert "\\u" not in shown
    assert "..." in shown


@pytest.mark.parametrize("language", ["python", "rust", "tsx", "no such language", "markdown"])
def test_syntax_colours_change_no_text(language: str) -> None:
    content = "\n\n#  x\n\tfn f<'a>() {}\r\n   `` \n\n  end"
    plain = STYLE.sub("", on_terminal("zzz", result(content, language=language), width=200))
    shown = [line.partition("│ ")[2] for line in plain.splitlines() if "│" in line]
    assert [line.rstrip() for line in shown] == [line.rstrip() for line in lines_of(content)]


def test_the_colours_of_a_lexer_that_drops_a_line_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Syntax, "highlight", lambda _self, code: Text(code.partition("\n")[2]))
    plain = STYLE.sub("", on_terminal("zzz", result("first\nsecond")))
    assert "11 │ first" in plain
    assert "12 │ second" in plain


def test_a_note_is_shown_by_its_id_kind_and_tags() -> None:
    note = SearchResult("0123456789abcdef", "Nine hours.", 0.5, {"kind": "decision", "tags": ["auth", "ops"]})
    assert plain_results("x", Path(), SearchResults([note])) == (
        "note 01234567  (decision) [auth, ops]  0.500\n    Nine hours.\n"
    )
    assert description_of(SearchResult("1", "x", 0.5, {})) == ""


MERGED = {
    "symbol": "CrlfClass",
    "kind": "class",
    "symbols": ["CrlfClass", "run", "CrlfClass.run", "crlf_function", "is", "req.is", "heappop", "heappush"],
}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("crlf_function", "crlf_function"),
        ("where is crlfFunction defined", "crlf_function"),
        ("the CRLF function", "crlf_function"),
        ("heappush", "heappush"),
        ("heappop or heappush", "heappush"),
        ("CrlfClass", "CrlfClass (class)"),
        ("crlfclass.run()", "CrlfClass.run"),
        ("run", "CrlfClass.run"),
        ("how is it done", "CrlfClass (class)"),
        ("is", "req.is"),
        ("run heappush", "heappush"),
        ("heap", "CrlfClass (class)"),
        ("", "CrlfClass (class)"),
        ("?!", "CrlfClass (class)"),
    ],
)
def test_a_result_with_several_definitions_is_headed_by_the_one_that_the_query_names(query: str, shown: str) -> None:
    found = result("class CrlfClass: ...", **MERGED)
    assert description_of(found, query) == shown
    if query:
        assert f"  {shown}  0.500" in plain_results(query, Path(), SearchResults([found]))
        assert f"  {shown}  0.500" in STYLE.sub("", on_terminal(query, found))


def test_a_section_is_headed_by_the_heading_that_the_query_names_and_stays_a_section() -> None:
    section = {"symbol": "Guide", "kind": "section", "symbols": ["Guide", "First steps", "Guide > First steps"]}
    assert description_of(result("# Guide", **section), "first steps") == "Guide > First steps (section)"


def test_the_stored_symbol_is_kept_if_another_with_the_same_name_comes_first() -> None:
    two = {"symbol": "B.run", "kind": "method", "symbols": ["run", "A.run", "B.run"]}
    assert description_of(result("x", **two), "b.run") == "B.run (method)"
    assert description_of(result("x", **two), "run") == "B.run (method)"
    assert description_of(result("x", **two), "a.run") == "A.run"
    assert description_of(result("x", symbol="c", symbols=["foo", "bar"]), "bar foo") == "foo"
    assert description_of(result("x", **{**two, "symbols": ["Run", "run"], "symbol": "run"}), "run") == "run (method)"


def test_paths_are_shown_as_seen_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")
    assert shown_path(tmp_path / "a" / "b" / "c.py") == "b/c.py"
    assert shown_path(tmp_path / "d.py") == "../d.py"


def test_json_is_ascii_and_has_null_for_infinity_and_nan() -> None:
    text = to_json({"a": float("nan"), "b": ["é\x9b\u202e", (1.5, float("inf"))], "c": Path("x")})
    assert text.isascii()
    assert json.loads(text) == {"a": None, "b": ["é\x9b\u202e", [1.5, None]], "c": "x"}


def test_sizes_and_counts_are_formatted_for_people() -> None:
    assert [size_of(n) for n in (0, 999, 1500, 2_500_000, 7_000_000_000_000)] == [
        "0 bytes",
        "999 bytes",
        "1.5 KB",
        "2.5 MB",
        "7000.0 GB",
    ]
    assert [counted(n, "file") for n in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]
    assert cut("abcdef", 4) == "a..."
    assert cut("abcd", 4) == "abcd"


def test_the_status_fits_a_narrow_terminal_and_is_coloured(tmp_path: Path) -> None:
    status = MemoryStatus(
        project=tmp_path / ("folder" * 12),
        store=tmp_path / ".aurora",
        store_bytes=100,
        namespace="default",
        records=1,
        vectors=1,
        files=1,
        chunks=1,
        notes={"decision": 3},
        languages={"python": 1},
        embedder="bundled",
        dimension=256,
        stored_embedder=None,
        reranker=None,
        backend={},
        settings=(SettingValue("store", "/a/long/folder" * 8, "argument"), SettingValue("log", "off", "default")),
        problems=(Problem("code", "Something is not as it could be: " + "a long text " * 9, "aurora index --full"),),
    )
    stream = io.StringIO()
    print_status(Console(file=stream, force_terminal=True, width=60, color_system="standard"), status)
    plain = STYLE.sub("", stream.getvalue())
    assert plain != stream.getvalue()
    assert max(map(len, plain.splitlines())) <= 60
    assert "fix: aurora index --full" in plain
    assert "log" not in plain.split()
