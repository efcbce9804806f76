"""Definitions of source files: their names, kinds, spans and headers."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dev.syntax import Definition, definitions, language_of, supported_languages

SAMPLES = Path(__file__).parents[1] / "data" / "languages"

# Per file: qualified name, kind, first and last line with decorators and comments; and @ the line of the definition
# itself, if decorators or comments precede it. Names may contain blanks (a Zig test), so they are not split.
EXPECTED = {
    "sample.c": """
LIMIT constant 5-5
SQUARE macro 6-6
word_t type 8-8
node struct 10-14 @11
point_t struct 16-18
pair struct 20-22
color enum 24-24
make_node function 28-35 @31
split function 37-37
main function 39-41""",
    "sample.cpp": """
net module 4-27
detail module 5-26
Connection class 7-24 @9
Connection.Connection method 11-11
Connection.~Connection method 12-12
Connection.operator== method 13-13
Connection.send method 14-18 @16
Connection.Buffer struct 22-22
net.Client.connect method 29-31
Client.counter method 33-33
Mode enum 35-35
Bytes type 36-36
max_of function 38-39 @39""",
    "sample.cs": """
Shop.Orders module 3-35
OrderService class 5-29 @8
OrderService.Limit constant 10-10
OrderService.Count property 13-13
OrderService.OrderService method 15-18
OrderService.Find method 20-26 @22
OrderService.Find.Local function 24-24
OrderService.Changed type 28-28
IRepository interface 31-31
IRepository.Save method 31-31
Money struct 32-32
State enum 33-33
Point class 34-34""",
    "sample.dart": """
Order class 3-17 @5
Order.pay method 10-14 @12
Order.total method 16-16
Payable class 19-21
Payable.settle method 20-20
State enum 23-23
main function 25-27""",
    "sample.ex": """
Shop.Order module 1-25
Shop.Order.pay function 6-12 @10
Shop.Order.pay function 14-14
Shop.Order.helper function 16-16
Shop.Order.unless function 18-20
Shop.Order.Item module 22-24
Shop.Order.Item.price function 23-23
String.Chars impl 27-29
String.Chars.to_string method 28-28""",
    "sample.go": """
MaxConns constant 5-6 @6
low constant 9-9
high constant 10-10
registry constant 14-14
Server struct 17-21 @19
Handler interface 23-25
ID type 28-28
Name type 29-29
Server.Start method 32-37 @33
List.Len method 39-39
New function 41-45""",
    "sample.hs": """
pay function 5-8 @6
Order type 10-12
Money type 14-14
Handler type 16-16
Payable class 18-19
Payable.total method 19-19
Payable impl 21-22
Payable.total method 22-22
limit function 24-24""",
    "sample.java": """
OrderService class 5-36 @10
OrderService.LIMIT constant 11-11
OrderService.OrderService method 14-16
OrderService.find method 18-25 @20
OrderService.State enum 27-27
OrderService.Listener interface 29-31
OrderService.Listener.changed method 30-30
OrderService.Builder class 33-35
OrderService.Builder.build method 34-34
Point class 38-42
Point.Point method 39-41
Marker interface 44-44""",
    "sample.js": """
app constant 4-4
DEFAULTS constant 6-6
app.use function 8-14 @12
create function 16-18
version constant 20-20
Router function 22-24
Router.handle function 23-23
Router.route method 26-28
double function 30-31 @31
api constant 33-37
api.get method 34-34
api.post method 35-35
api.delete method 36-36
Queue class 39-44
Queue.onDone method 41-41
Queue.constructor method 42-42
Queue.drain method 43-43
Pool class 46-46
Named class 47-47""",
    "sample.kt": """
LIMIT constant 5-5
Order class 7-19 @9
Order.pay method 10-14 @12
Order.empty method 17-17
Registry class 21-23
Registry.register method 22-22
Payable class 25-27
Payable.total method 26-26
Handler type 29-29
shout function 31-31""",
    "sample.lua": """
Order constant 3-3
Order.new function 5-8 @6
Order.pay method 10-12
helper function 14-16
double function 18-18
Order.total function 20-20
api constant 22-24
api.get method 23-23""",
    "sample.php": """
LIMIT constant 7-7
Order class 9-30 @13
Order.OPEN constant 17-17
Order.__construct method 20-23
Order.count method 25-29 @26
Payable interface 32-35
Payable.pay method 34-34
Dates trait 37-40
Dates.today method 39-39
Suit enum 42-45
helper function 47-50""",
    "sample.proto": """
Order class 5-12 @6
Order.State enum 9-11
Orders interface 14-18 @15
Orders.Pay method 16-17 @17""",
    "sample.py": """
LIMIT constant 8-8
NAMES constant 9-9
plain function 12-13
retry function 16-29 @22
retry.attempt function 26-27
Client class 32-46 @33
Client.__init__ method 38-39
Client.count method 41-43 @42
Client.Options class 45-46
Client.Options.merge method 46-46
fallback function 51-52""",
    "sample.rb": """
Shop module 5-31
Shop.LIMIT constant 6-6
Shop.Order class 8-30 @10
Shop.Order.initialize method 13-15
Shop.Order.find method 17-19
Shop.Order.paid? method 21-23
Shop.Order.all method 26-28
Shop.Cart class 33-35
Shop.Cart.total method 34-34
helper function 37-39""",
    "sample.rs": """
LIMIT constant 5-6 @6
Point struct 8-15 @13
Shape enum 17-19
Area trait 21-26
Area.area method 22-22
Area.name method 23-25
Point impl 28-36
Point.ZERO constant 29-29
Point.new method 31-35 @33
Point impl 38-42
Point.fmt method 39-41
square macro 44-46
inner module 48-50
inner.helper function 49-49""",
    "sample.scala": """
Order class 3-8 @4
Order.pay method 5-7
Order class 10-13
Order.Limit constant 11-11
Order.empty method 12-12
Payable trait 15-17
Payable.total method 16-16
Handler type 19-19
helper function 21-22 @22""",
    "sample.sh": """
LIMIT constant 4-4
NAME constant 5-5
greet function 7-10 @8
leave function 12-14""",
    "sample.sql": """
customers table 1-5 @2
active view 7-8
total function 10-13 @11
state type 15-15""",
    "sample.swift": """
limit constant 3-3
Order class 5-18 @7
Order.init method 10-12
Order.pay method 14-17 @15
Point class 20-22
Point.norm method 21-21
Payable interface 24-26
Payable.total method 25-25
Order impl 28-30
Order.total method 29-29
Handler type 32-32
helper function 34-34""",
    "sample.tf": """
aws_s3_bucket.orders constant 1-4 @2
region constant 6-8""",
    "sample.ts": """
Options interface 3-6 @4
Handler type 8-8
Level enum 9-12
limit constant 14-14
parse function 14-14
Service class 16-33 @19
Service.send method 21-21
Service.constructor method 23-25
Service.list method 27-32 @30
Shape class 35-37
Shape.area method 36-36
Geometry module 39-45
Geometry.Point class 40-44
over function 47-49
ambient function 51-51""",
    "sample.tsx": """
Props type 3-3
Card function 5-9 @6
App function 11-15
Boundary class 17-27
Boundary.handle method 20-22
Boundary.render method 24-26""",
    "sample.zig": """
limit constant 3-3
Order struct 5-13 @6
Order.pay method 9-12 @10
main function 15-18
an order is paid function 20-22""",
}


def found_in(name: str) -> dict[str, Definition]:
    data = (SAMPLES / name).read_bytes()
    return {d.qualified: d for d in definitions(data, str(language_of(name)))}


def of(source: str, language: str) -> list[str]:
    return [f"{d.qualified} {d.kind}" for d in definitions(source.encode(), language)]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_definitions_of_a_sample_have_their_names_kinds_and_spans(name: str) -> None:
    rows = []
    for d in definitions((SAMPLES / name).read_bytes(), str(language_of(name))):
        rows.append(f"{d.qualified} {d.kind} {d.start_line}-{d.end_line}" + (f" @{d.line}" * (d.line != d.start_line)))
    assert rows == EXPECTED[name].split("\n")[1:]


def test_every_sample_is_checked_and_the_main_languages_have_one() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == set(EXPECTED)
    languages = {language_of(name) for name in EXPECTED}
    assert languages >= {"python", "javascript", "typescript", "tsx", "go", "rust", "java", "c", "cpp", "csharp"}
    assert languages >= {"ruby", "php"}


@pytest.mark.parametrize("language", supported_languages())
def test_every_query_compiles_against_the_installed_grammar(language: str, caplog: pytest.LogCaptureFixture) -> None:
    definitions(b"x = 1\n", language)
    assert not caplog.records


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_parents_enclose_their_children_and_come_before_them(name: str) -> None:
    found = definitions((SAMPLES / name).read_bytes(), str(language_of(name)))
    for position, d in enumerate(found):
        assert d.parent < position
        assert d.start_line <= d.line <= d.end_line
        if d.parent >= 0:
            assert found[d.parent].start_line <= d.start_line <= d.end_line <= found[d.parent].end_line


def test_headers_are_the_signature_without_decorators_comments_and_body() -> None:
    python = found_in("sample.py")
    assert python["Client"].header == "class Client(Base, metaclass=Meta):"
    assert python["retry"].header == "async def retry(\n    x: int,\n    y: int = 2,\n) -> int:"
    assert found_in("sample.java")["OrderService"].header.startswith("public class OrderService extends Base")
    assert found_in("sample.cs")["OrderService.Find"].header == "public async Task<Order> Find<T>(string id)"
    assert found_in("sample.rs")["Point.fmt"].header == "fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result"
    assert found_in("sample.ts")["Service.list"].header == "async list(): Promise<string[]>"


def test_a_long_signature_is_cut() -> None:
    source = "def f(" + ", ".join(f"argument_{i}: int" for i in range(200)) + "):\n    pass\n"
    (d,) = definitions(source.encode(), "python")
    assert d.header.startswith("def f(argument_0: int")
    assert d.header.endswith("…")
    assert len(d.header) < 310


def test_a_required_module_is_not_a_definition_but_an_export_is() -> None:
    source = "var a = require('a')\nconst b = require('b').c\nexports.d = 1\nconst e = 2\nmodule.exports = f\n"
    assert of(source, "javascript") == ["d constant", "e constant"]


def test_two_functions_in_one_statement_are_siblings() -> None:
    assert of("const a = () => 1, b = () => 2\n", "javascript") == ["a function", "b function"]


def test_methods_that_a_factory_assigns_are_found_in_a_large_call() -> None:
    filler = "  use(inst);\n" * 150
    source = f'export const Thing = make("Thing", (inst, def) => {{\n{filler}  inst.parse = (x) => x;\n}});\n'
    assert of(source, "typescript") == ["Thing constant", "inst.parse function"]


def test_functions_in_a_large_module_wrapper_are_found() -> None:
    filler = "  use();\n" * 250
    assert of(f"(function () {{\n{filler}  function inside() {{}}\n}})()\n", "javascript") == ["inside function"]


def test_consecutive_equations_are_one_definition_and_separated_ones_are_two() -> None:
    assert of("f 0 = 1\nf 1 = 2\nf n = n\n", "haskell") == ["f function"]
    assert of("def f(0), do: 1\n\ndef f(1), do: 2\n", "elixir") == ["f function", "f function"]


def test_a_trailing_comment_of_other_code_is_not_included() -> None:
    (_, f) = definitions(b"x = 1  # a number\ndef f():\n    pass\n", "python")
    assert f.start_line == 2
    (g,) = definitions(b"int x; /* a number */\nint g(void) { return 1; }\n", "c")
    assert g.start_line == 2


LEADING_COMMENTS = [
    ("c", "#include <x.h>\n\n/* What\n   it does.  */\n\nstatic int\nf (void)\n{\n  return 1;\n}\n", 3),
    ("cpp", "int a;\n\n/** What. */\ntemplate <class T>\nT f(T a) { return a; }\n", 3),
    ("csharp", "class A {\n  /// <summary>What.</summary>\n  [B]\n  void f() {}\n}\n", 2),
    ("elixir", 'defmodule M do\n  @doc """\n  What.\n  """\n  @spec f(x) :: y\n  def f(x), do: x\nend\n', 2),
    ("go", "package p\n\n/*\nWhat.\n*/\n\nfunc f() {}\n", 3),
    ("haskell", "module M where\n\n{-| What\n it does. -}\nf :: Int -> Int\nf x = x\n", 3),
    ("java", "class A {\n    /**\n     * What.\n     */\n\n    @Override\n    int f() { return 1; }\n}\n", 2),
    ("javascript", "/**\n * What.\n */\n\nres.f = function f(url) {\n};\n", 1),
    ("javascript", "/**\n * Any of text/* or so.\n */\n\nexports.f = function () {};\n", 1),
    ("javascript", "let a;\n\n/* What. */\n\nexport default function f() {}\n", 3),
    ("julia", 'x = 1\n\n"""\n    f(x)\n\nWhat.\n"""\nfunction f(x)\nend\n', 3),
    ("kotlin", "/** What. */\n\n@A\nfun f() {}\n", 1),
    ("lua", "--[[ What\nit does. ]]\nfunction f()\nend\n", 1),
    ("ocaml", "(* What\n   it does. *)\nlet f x = x\n", 1),
    ("perl", "use strict;\n\n=head2 f\n\nWhat.\n\n=cut\n\nsub f {\n 1;\n}\n", 3),
    ("php", "<?php\n/**\n * What.\n */\n#[A]\nfunction f() {}\n", 2),
    ("powershell", "<#\n.SYNOPSIS\nWhat.\n#>\nfunction f {\n}\n", 1),
    ("python", "# What.\n@a\n# More.\ndef f():\n    pass\n", 1),
    ("r", "#' What.\n#' @export\nf <- function(x) x\n", 1),
    ("ruby", "=begin\nWhat.\n=end\ndef f\nend\n", 1),
    ("rust", "/// What.\n#[inline]\n/// More.\nfn f() {}\n", 1),
    ("swift", "/** What. */\n@a\nfunc f() {}\n", 1),
    ("typescript", "/** What. */\n\nexport const f = () => 1;\n", 1),
    ("typescript", "/** What. */\n@A()\n@B({\n  a: 1\n})\nexport class f {}\n", 1),
]


@pytest.mark.parametrize(("language", "source", "first"), LEADING_COMMENTS, ids=lambda value: str(value)[:12])
def test_a_definition_begins_with_the_comment_above_it(language: str, source: str, first: int) -> None:
    f = definitions(source.encode(), language)[-1]
    assert (f.name, f.start_line) == ("f", first)
    assert "hat" not in f.header


@pytest.mark.parametrize(
    "above",
    [
        "'use strict';\n\n/*!\n * app\n */\n\n",
        "/* What the file is for. */\n\n",
        "'use strict';\n\n/**\n * Copyright 2020 Somebody\n */\n\n",
        "/** @file What the file is for. */\n\n",
        "let a = 1;\n/* about a */\n\n",
        "let a = 1;\n\n/** far away */\n\n\n",
        "let a = 1;\n\n// a remark\n\n",
        "let a = 1; /* of two\nlines */\n",
    ],
)
def test_a_comment_about_something_else_is_not_included(above: str) -> None:
    f = definitions(f"{above}function f() {{}}\n".encode(), "javascript")[-1]
    assert f.start_line == above.count("\n") + 1


def test_each_name_of_a_chain_of_assignments_is_defined_and_has_the_comment() -> None:
    source = b"/**\n * What.\n */\n\nres.set =\nres.header = function header(field) {\n  return field;\n};\n"
    found = definitions(source, "javascript")
    assert [(d.qualified, d.start_line, d.line) for d in found] == [("res.set", 1, 5), ("res.header", 1, 6)]


def test_a_shebang_is_not_a_comment_of_the_first_function() -> None:
    (f,) = definitions(b"#!/usr/bin/env python3\ndef f(): ...\n", "python")
    assert f.start_line == 2


def test_a_block_comment_of_thousands_of_lines_is_not_included() -> None:
    comment = "/*\n" + " * text\n" * 5_000 + " */\n"
    (f,) = definitions((comment + "int f(void) { return 1; }\n").encode(), "c")
    assert f.start_line == 5_003


def test_damaged_source_still_gives_the_intact_definitions() -> None:
    assert "good function" in of("function bad( {\n  return [1, }\n\nfunction good() {}\n", "javascript")
    assert "good function" in of(
        "class A:\n    def bad(self)\n        pass\n\n    def good(self):\n        pass\n", "python"
    )


@pytest.mark.parametrize("language", ["python", "javascript", "typescript", "c", "cpp", "rust", "java", "ruby", "json"])
@pytest.mark.parametrize("unit", ["(", "[", "{", "a.", "if (x) {", "f(", "class A { ", "!", "<a>", "function f() {"])
def test_deep_nesting_neither_raises_nor_recurses(language: str, unit: str) -> None:
    definitions((unit * 3_000).encode(), language)


def test_deeply_nested_functions_are_found_without_recursion_errors() -> None:
    source = "".join(" " * i + f"def f{i}():\n" for i in range(500)) + " " * 500 + "pass\n"
    found = definitions(source.encode(), "python")
    assert found[0].qualified == "f0"
    assert found[1].qualified == "f0.f1"


@pytest.mark.parametrize("source", [b"", b" \n\t\n", b"\x00\x00", b"\xff\xfe\xfa", b"\xef\xbb\xbf", b"\x0c\r\n"])
def test_blank_or_binary_sources_have_no_definitions(source: bytes) -> None:
    for language in supported_languages():
        assert definitions(source, language) == []


def test_invalid_bytes_in_a_name_do_not_raise() -> None:
    found = definitions(b"def caf\xe9():\n    pass\n\ndef ok():\n    pass\n", "python")
    assert found[-1].name == "ok"


@pytest.mark.parametrize("language", ["brainfuck", "markdown", "", "yaml"])
def test_a_language_without_a_query_has_no_definitions(language: str) -> None:
    assert definitions(b"def f(): pass\n", language) == []


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(EXPECTED)),
    st.integers(0, 900),
    st.integers(0, 60),
    st.binary(max_size=8) | st.sampled_from([b"(", b"}", b'"', b"'", b"/*", b"\n", b"end\n"]),
)
def test_a_damaged_sample_never_raises(name: str, at: int, cut: int, put: bytes) -> None:
    data = (SAMPLES / name).read_bytes()
    damaged = data[:at] + put + data[at + cut :]
    lines = damaged.count(b"\n") + 1
    for d in definitions(damaged, str(language_of(name))):
        assert d.name
        assert 1 <= d.start_line <= d.line <= d.end_line <= lines


def test_grammars_are_loaded_only_when_a_file_is_parsed() -> None:
    code = (
        "import sys, aurora_dev.indexing.chunking.chunker; sys.exit(any('tree_sitter' in name for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_threads_do_not_disturb_each_other() -> None:
    data = (SAMPLES / "sample.py").read_bytes()
    expected = definitions(data, "python")
    wrong: list[object] = []

    def work() -> None:
        for _ in range(50):
            result = definitions(data, "python")
            if result != expected:
                wrong.append(result)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
