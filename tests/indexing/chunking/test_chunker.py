"""Chunks reproduce their files, follow the syntax, and know what they define."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dev.core.types import Document
from aurora_dev.indexing.chunking.chunker import MAX_CHARS, TARGET_CHARS, chunk_text
from aurora_dev.indexing.chunking.cutting import cut_line

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "languages").iterdir())


def lines_of(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def check_reproduces(text: str, documents: list[Document], limit: int = MAX_CHARS) -> None:
    """The invariant: contents are the file's lines, all of its text is there, in order."""
    lines = lines_of(text)
    covered: set[int] = set()
    pieces: dict[int, list[str]] = defaultdict(list)
    reached = 0
    for document in documents:
        start, end = span(document)
        assert 1 <= start <= end <= len(lines)
        assert start >= reached
        reached = start
        whole = "\n".join(lines[start - 1 : end])
        if len(whole) > limit:
            assert start == end
            pieces[start].append(document.content)
        else:
            assert document.content == whole
        assert document.content.strip()
        assert len(document.content) <= limit
        assert document.id is None
        covered.update(range(start, end + 1))
    for number, parts in pieces.items():
        assert "".join("".join(parts).split()) == "".join(lines[number - 1].split())
    assert [n for n, line in enumerate(lines, 1) if line.strip() and n not in covered] == []


def span(document: Document) -> tuple[int, int]:
    start, end = document.metadata["start_line"], document.metadata["end_line"]
    assert isinstance(start, int)
    assert isinstance(end, int)
    return start, end


def by_symbol(documents: list[Document]) -> dict[object, Document]:
    return {document.metadata.get("symbol"): document for document in documents}


def chunk(
    text: str, path: str = "a.py", target_chars: int = TARGET_CHARS, max_chars: int = MAX_CHARS
) -> list[Document]:
    return chunk_text(text, path, target_chars=target_chars, max_chars=max_chars)


# --- the invariant ---


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("target", [1, 40, 200, TARGET_CHARS, 100_000])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_chunks_of_every_language_reproduce_their_file(sample: Path, target: int, ending: str) -> None:
    text = sample.read_text(encoding="utf-8").replace("\n", ending)
    for variant in (text, text.rstrip("\r\n"), "\ufeff" + text, text.replace("\n\n", "\n\f\n"), text + "\n\n"):
        documents = chunk(variant, sample.name, target_chars=target, max_chars=2 * target)
        check_reproduces(variant, documents, 2 * target)


TEXTS = st.text(
    st.sampled_from(list("ab(){}[]#=-`~:;,.'\"/*<> \t\n\n\n\r\f\v\u2028\u0085\ufeff\x00é𝔘\ud800")), max_size=300
)


@settings(max_examples=300, deadline=None)
@given(
    TEXTS, st.sampled_from(["a.py", "a.ts", "a.md", "a.rst", "a.c", "a.hs", "a.json", "a"]),
    st.integers(1, 80), st.integers(1, 120),
)  # fmt: skip
def test_chunks_of_any_text_reproduce_it(text: str, path: str, target: int, limit: int) -> None:
    documents = chunk(text, path, target_chars=target, max_chars=limit)
    if text.strip() and text.strip("\ufeff \t\r\n\f\v"):
        check_reproduces(text, documents, max(target, limit))
    else:
        assert documents == []


BLOCKS = st.sampled_from(
    [
        "def f(a):\n    return a\n", "class A:\n    def g(self):\n        pass\n", "@d\n", "# note\n", "\n", "\n\n",
        "x = 1\r\n", "    y = '''\n", "# Title\n", "## Sub\n", "```py\n# no\n```\n", "Title\n=====\n", "- item\n",
        "function f() { return 1 }\n", "export const a = () => 1;\n", "\f\n", "\u2028", "word " * 50 + "\n",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(BLOCKS, max_size=25).map("".join), st.sampled_from(["a.py", "a.js", "a.md", "a.rst", "a.txt"]),
    st.integers(1, 200), st.integers(1, 300),
)  # fmt: skip
def test_chunks_of_any_mixture_of_blocks_reproduce_it(text: str, path: str, target: int, limit: int) -> None:
    check_reproduces(text, chunk(text, path, target_chars=target, max_chars=limit), max(target, limit))


@pytest.mark.parametrize("text", ["", "\n", " \t\r\n\n", "\f\n\v", "\ufeff", "\ufeff\n", "\u2028\n", "\u3000"])
@pytest.mark.parametrize("path", ["a.py", "a.md", "a.rst", "a.txt"])
def test_a_text_of_only_whitespace_has_no_chunks(text: str, path: str) -> None:
    assert chunk(text, path) == []


def test_a_target_above_the_maximum_size_applies() -> None:
    text = "x = 1\n" * 300
    check_reproduces(text, chunk(text, target_chars=400, max_chars=10), 400)
    check_reproduces(text, chunk(text, target_chars=0, max_chars=0), 1)


def test_the_same_text_gives_the_same_chunks() -> None:
    text = SAMPLES[0].read_text(encoding="utf-8")
    assert chunk(text, SAMPLES[0].name) == chunk(text, SAMPLES[0].name)


# --- code ---

BODY = "".join(f"        value_{i} = compute({i})\n" for i in range(15))
BIG_CLASS = (
    "import os\n\n\n"
    "@register\n"
    "class Client(BaseClient):\n"
    '    """Sends requests, one after the other, and tries again when the line is busy or the answer is late."""\n\n'
    "    timeout = 3\n\n"
    f"    def send(self, request):\n{BODY}\n"
    f"    # Receives.\n    @retry\n    def receive(self):\n{BODY}\n"
    f"    class Options:\n        def merge(self):\n{BODY.replace('        v', '            v')}"
)


def test_a_large_class_is_cut_into_its_methods_under_its_header() -> None:
    documents = chunk(BIG_CLASS, target_chars=600, max_chars=900)
    check_reproduces(BIG_CLASS, documents, 900)
    found = by_symbol(documents)
    assert found["Client"].metadata["kind"] == "class"
    assert "context" not in found["Client"].metadata
    send = found["Client.send"].metadata
    assert send["kind"] == "method"
    assert send["context"] == "class Client(BaseClient):"
    assert send["symbols"] == ["send", "Client.send"]
    assert found["Client.receive"].content.startswith("    # Receives.\n    @retry\n    def receive(self):")


def test_context_lists_the_enclosing_headers_outermost_first() -> None:
    documents = chunk(BIG_CLASS, target_chars=200, max_chars=300)
    last = documents[-1].metadata
    assert last["symbol"] == "Client.Options.merge"
    assert last["context"] == "class Client(BaseClient):\nclass Options:\ndef merge(self):"
    assert "symbols" not in last


def test_every_definition_is_among_the_symbols_of_exactly_one_chunk() -> None:
    for target in (50, 300, 2_000):
        documents = chunk(BIG_CLASS, target_chars=target, max_chars=2 * target)
        names: list[str] = []
        for document in documents:
            symbols = document.metadata.get("symbols", [])
            assert isinstance(symbols, list)
            names += [name for name in symbols if name.startswith("Client")]
        assert names == ["Client", "Client.send", "Client.receive", "Client.Options", "Client.Options.merge"]


def test_every_chunk_knows_the_names_of_its_whole_file() -> None:
    documents = chunk(BIG_CLASS, target_chars=200, max_chars=300)
    assert len(documents) > 3
    names = ["Client", "send", "receive", "Options", "merge"]
    assert [document.metadata["file_symbols"] for document in documents] == [names] * len(documents)
    headings = ["Guide", "Install it", "On Linux", "Use", "Reference"]
    assert chunk(GUIDE, "guide.md", target_chars=400)[0].metadata["file_symbols"] == headings
    assert all("file_symbols" not in document.metadata for document in chunk("plain\n" * 400, "a.txt"))


def test_the_names_of_a_large_file_are_its_first_ones() -> None:
    documents = chunk("".join(f"def function_{i:03}():\n    return {i}\n\n\n" for i in range(200)))
    names = documents[-1].metadata["file_symbols"]
    assert isinstance(names, list)
    assert names == [f"function_{i:03}" for i in range(len(names))]
    assert len(names) == 300 // len("function_000, ")
    assert "file_symbols" not in chunk(f"def {'a' * 400}(): pass\n")[0].metadata
    assert chunk(f"# {'a' * 400}\n\n## Version 1.2\n", "a.md")[0].metadata["file_symbols"] == ["Version 1.2"]


def test_a_function_that_fits_is_one_chunk() -> None:
    small = "def small():\n" + "    return 1\n" * 20 + "\n\n"
    large = "def large():\n" + "".join(f"    step({i})\n\n" for i in range(60))
    documents = chunk(small + large, target_chars=300, max_chars=1_500)
    assert by_symbol(documents)["large"].content == large.rstrip("\n")


def test_small_neighbours_share_a_chunk_up_to_the_target() -> None:
    text = "import os\n\nLIMIT = 3\n\n" + "".join(f"def f{i}():\n    return {i}\n\n\n" for i in range(40))
    documents = chunk(text, target_chars=400, max_chars=800)
    assert all(len(document.content) <= 400 for document in documents[:-1])
    assert len(documents) <= len(text) // 300
    assert "LIMIT" in documents[0].metadata["symbols"]  # type: ignore[operator]


def test_a_large_function_is_cut_between_its_statements() -> None:
    steps = "".join(
        f"    if check({i}):\n        first({i})\n        second({i})\n    else:\n        third({i})\n"
        for i in range(40)
    )
    documents = chunk("def run():\n" + steps, target_chars=400, max_chars=500)
    assert len(documents) > 4
    assert all(document.content.startswith("    if check(") for document in documents[1:])
    assert {document.metadata["symbol"] for document in documents} == {"run"}
    assert [document.metadata.get("context") for document in documents[1:]] == ["def run():"] * (len(documents) - 1)
    assert "context" not in documents[0].metadata


def documented(comment_lines: int, body_lines: int) -> str:
    comment = "/**\n" + " * Says what the handler does.\n" * comment_lines + " */\n\n"
    return comment + "app.handle = function handle(req) {\n" + "  next(req, step);\n" * body_lines + "};\n"


def test_a_comment_and_its_definition_are_one_chunk_if_they_fit() -> None:
    text = "var app = {};\n\n" + "".join(documented(18, 18).replace("handle", f"handle{i}") for i in range(3))
    documents = chunk(text, "a.js", target_chars=500, max_chars=1_200)
    check_reproduces(text, documents, 1_200)
    handlers = [document for document in documents if "handle" in str(document.metadata.get("symbol"))]
    assert [document.metadata["symbol"] for document in handlers] == [f"app.handle{i}" for i in range(3)]
    assert all("/**\n * Says" in document.content for document in handlers)
    assert all(document.content.endswith("};") for document in handlers)


@pytest.mark.parametrize("comment_lines", range(1, 45, 3))
def test_a_definition_that_is_cut_keeps_its_comment_and_first_lines_together(comment_lines: int) -> None:
    text = documented(comment_lines, 200)
    documents = chunk(text, "a.js", target_chars=600, max_chars=1_500)
    check_reproduces(text, documents)
    assert documents[0].content.startswith("/**")
    assert "function handle(req) {\n  next(req, step);\n" in documents[0].content
    assert documents[0].metadata["symbols"] == ["handle", "app.handle"]
    assert {document.metadata["symbol"] for document in documents} == {"app.handle"}


@pytest.mark.parametrize("comment_lines", range(45, 120, 7))
def test_the_end_of_a_comment_larger_than_a_chunk_stays_with_the_definition(comment_lines: int) -> None:
    text = documented(comment_lines, 200)
    documents = chunk(text, "a.js", target_chars=600, max_chars=1_500)
    check_reproduces(text, documents)
    (head,) = [document for document in documents if "symbols" in document.metadata]
    assert "what the handler does.\n */\n\napp.handle = function" in head.content
    assert {document.metadata["symbol"] for document in documents} == {"app.handle"}


def test_a_closing_bracket_is_not_a_chunk() -> None:
    methods = "".join(f"  method{i}() {{\n" + f"    return call({i});\n" * 20 + "  }\n\n" for i in range(4))
    documents = chunk("class A {\n" + methods + "}\n", "a.ts", target_chars=450, max_chars=600)
    assert documents[-1].content.endswith("  }\n\n}")
    assert documents[-1].metadata["symbol"] == "A.method3"


def test_a_closing_bracket_after_a_cut_method_does_not_change_its_symbol() -> None:
    text = "class A {\n  method() {\n" + "    return call(1);\n" * 60 + "  }\n}\n"
    last = chunk(text, "a.ts", target_chars=450, max_chars=600)[-1]
    assert last.content.endswith("  }\n}")
    assert last.metadata["symbol"] == "A.method"
    assert last.metadata["context"] == "class A\nmethod()"


def test_the_end_of_a_large_class_is_not_merged_with_the_code_after_it() -> None:
    last_method = "    def close(self):\n" + "        release(self)\n" * 6
    after = "def after():\n" + "    step()\n" * 15
    text = f"class A:\n    def run(self):\n{BODY}\n{last_method}\n\n{after}"
    documents = chunk(text, target_chars=550, max_chars=600)
    assert [document.metadata["symbol"] for document in documents] == ["A", "A.close", "after"]


def test_the_main_symbol_of_several_is_the_outermost_then_the_largest() -> None:
    text = "def a():\n    pass\n\n\ndef b():\n    x = 1\n    return x\n\n\nclass C:\n    x = 1\n"
    (document,) = chunk(text)
    assert document.metadata["symbol"] == "b"
    assert document.metadata["symbols"] == ["a", "b", "C"]


def test_an_impl_block_is_the_symbol_but_does_not_define_the_type() -> None:
    (document,) = chunk("impl Point {\n    fn norm(&self) -> f64 { 0.0 }\n}\n", "a.rs")
    assert document.metadata["symbol"] == "Point"
    assert document.metadata["kind"] == "impl"
    assert document.metadata["symbols"] == ["norm", "Point.norm"]


def test_a_namespace_is_the_symbol_only_of_a_chunk_without_another_definition() -> None:
    (document,) = chunk("namespace a {\nclass B {\n  int c() { return 1; }\n};\n}\n", "a.cpp")
    assert document.metadata["symbol"] == "B"


def test_code_without_definitions_is_a_module() -> None:
    (document,) = chunk("import os\nprint(os.name)\n")
    assert document.metadata == {
        "path": "a.py", "language": "python", "start_line": 1, "end_line": 2, "kind": "module",
    }  # fmt: skip


def test_a_minified_line_is_cut_and_each_name_is_in_one_piece() -> None:
    text = "".join(f"function f{i}(a,b){{return a+b*{i}}};" for i in range(300)) + "\n"
    documents = chunk(text, "a.js")
    check_reproduces(text, documents)
    assert {span(document) for document in documents} == {(1, 1)}
    assert "".join(document.content for document in documents) == text[:-1]
    names = [name for document in documents for name in document.metadata.get("symbols", [])]  # type: ignore[union-attr]
    assert sorted(names) == sorted(f"f{i}" for i in range(300))


def test_a_long_line_is_cut_separately_from_its_neighbours() -> None:
    text = "a = 1\n" + "x" * 5_000 + "\nb = 2\n"
    documents = chunk(text, "a.txt")
    check_reproduces(text, documents)
    assert [span(document)[0] for document in documents] == [1, 2, 2, 2, 2, 3]


def test_pieces_of_a_line_end_after_a_separator_if_there_is_one() -> None:
    pieces = cut_line("word, " * 100, 50)
    assert "".join(pieces) == "word, " * 100
    assert all(piece.endswith((" ", ",")) and len(piece) <= 50 for piece in pieces)
    assert cut_line("x" * 120, 50) == ["x" * 50, "x" * 50, "x" * 20]


def test_the_language_can_be_given_or_is_recognised_by_name_and_first_line() -> None:
    assert chunk_text("def f(): ...\n", "strange", language="python")[0].metadata["symbol"] == "f"
    assert chunk("#!/usr/bin/env python3\ndef f(): ...\n", "run")[0].metadata["language"] == "python"
    assert "language" not in chunk("words\n", "notes.txt")[0].metadata


def test_a_header_file_that_cannot_be_c_is_cpp() -> None:
    assert chunk("class A {\n  int f() { return 1; }\n};\n", "a.h")[0].metadata["symbols"] == ["A", "f", "A.f"]
    assert chunk("struct a { int class_; };\n", "a.h")[0].metadata["language"] == "c"


# --- plain text ---


def test_plain_text_is_cut_with_a_small_overlap_unless_at_a_blank_line() -> None:
    text = "".join(f"line number {i} of the log\n" for i in range(200))
    documents = chunk(text, "a.log", target_chars=500, max_chars=600)
    check_reproduces(text, documents, 600)
    for before, after in pairwise(documents):
        assert span(before)[1] - span(after)[0] == 1
    paragraphs = "".join(f"paragraph {i}\n" * 10 + "\n" for i in range(20))
    apart = chunk(paragraphs, "a.txt", target_chars=300, max_chars=400)
    assert all(span(a)[1] < span(b)[0] for a, b in pairwise(apart))
    assert {document.metadata["kind"] for document in documents} == {"text"}


def test_data_files_are_cut_at_their_outer_entries() -> None:
    text = "".join(f"service{i}:\n  image: x\n  ports:\n    - 80\n    - 443\n" for i in range(40))
    documents = chunk(text, "a.yaml", target_chars=300, max_chars=400)
    assert all(document.content.startswith("service") for document in documents)
    assert documents[0].metadata["kind"] == "text"


# --- markup ---

PARAGRAPH = "Words that explain what is to be explained here, at some length.\n\n"
GUIDE = (
    "---\ntitle: x\n# no heading\n---\nIntroduction.\n\n"
    f"# Guide\n\n{PARAGRAPH * 5}"
    f"## Install `it`\n\n{PARAGRAPH * 5}```sh\n# no heading\n## nor this\n```\n\n"
    f"### On [Linux](https://example.org) ###\n\n{PARAGRAPH * 5}"
    f"Use\n---\n\n{PARAGRAPH * 5}"
    f"# Reference\n\n{PARAGRAPH * 5}"
)


def test_markdown_is_cut_along_headings_whose_path_is_the_symbol() -> None:
    documents = chunk(GUIDE, "docs/guide.md", target_chars=400, max_chars=600)
    check_reproduces(GUIDE, documents, 600)
    assert [document.metadata.get("symbol") for document in documents] == [
        None, "Guide", "Guide > Install it", "Guide > Install it > On Linux", "Guide > Use", "Reference",
    ]  # fmt: skip
    assert documents[0].metadata["kind"] == "text"
    linux = documents[3].metadata
    assert linux["kind"] == "section"
    assert linux["context"] == "Guide > Install it"
    assert linux["symbols"] == ["On Linux", "Guide > Install it > On Linux"]


def test_a_section_keeps_its_subsections_while_they_fit() -> None:
    documents = chunk(GUIDE, "guide.mdx", target_chars=1_100, max_chars=1_500)
    names = by_symbol(documents)["Guide"].metadata["symbols"]
    assert names == ["Guide", "Install it", "Guide > Install it", "On Linux", "Guide > Install it > On Linux"]


def test_a_long_section_is_cut_between_paragraphs_and_keeps_its_path() -> None:
    text = "# Guide\n\n## Long\n\n" + PARAGRAPH * 40
    documents = chunk(text, "a.md", target_chars=500, max_chars=700)
    check_reproduces(text, documents, 700)
    assert len(documents) > 4
    assert all(document.content.startswith("Words") for document in documents[1:])
    assert documents[-1].metadata["symbol"] == documents[-1].metadata["context"] == "Guide > Long"
    assert "symbols" not in documents[-1].metadata


@pytest.mark.parametrize(
    "text",
    [
        "```\n# a\n```\n", "~~~\n# a\n```\n# b\n~~~\n", "````\n```\n# a\n````\n", "    # code\n", "#tag\n",
        "| a |\n| - |\n|---|\n", "- item\n---\n", "```\n# never closed\n", "\\# escaped\n", "####### seven\n",
    ],
)  # fmt: skip
def test_text_that_only_looks_like_a_heading_is_not_one(text: str) -> None:
    (document,) = chunk(text, "a.md")
    assert document.metadata["kind"] == "text"


def test_restructuredtext_ranks_underlines_by_first_appearance() -> None:
    text = (
        f"=====\nGuide\n=====\n\n{PARAGRAPH * 5}Install\n=======\n\n{PARAGRAPH * 5}"
        f"Linux\n-----\n\n{PARAGRAPH * 5}.. code::\n\n    a\n    ====\n\nUse\n===\n\n{PARAGRAPH * 5}"
    )
    documents = chunk(text, "a.rst", target_chars=400, max_chars=600)
    check_reproduces(text, documents, 600)
    assert [document.metadata.get("symbol") for document in documents] == [
        "Guide", "Guide > Install", "Guide > Install > Linux", "Guide > Use",
    ]  # fmt: skip


def test_a_large_file_is_cut_in_linear_time() -> None:
    # A million characters in nested definitions and in one line: what is quadratic would not end.
    text = "".join(f"def f{i}():\n    return {i}\n\n" for i in range(30_000))
    check_reproduces(text, chunk(text))
    check_reproduces("x" * 1_000_000, chunk("x" * 1_000_000, "a.js"))
