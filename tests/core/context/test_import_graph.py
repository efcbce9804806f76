"""Imports in many languages, and the files that they lead to."""

import time

import pytest

from aurora_dev.core.context.import_graph import build_graph
from aurora_dev.core.types import Record
from aurora_dev.indexing.chunking.chunker import chunk_text
from aurora_dev.syntax.imports import Import, imports

STATEMENTS = [
    ("python", "from . import a, b as c\n", [Import(".", ("a", "b"))]),
    ("python", "from ..x import (\n  A,  # one\n  B as D,\n)\n", [Import("..x", ("A", "B"))]),
    ("python", "import os.path as p, sys\nfrom z import *\n", [Import("os.path"), Import("sys"), Import("z", ("*",))]),
    ("typescript", "import a, { b as c, type D } from './x.js'\n", [Import("./x.js", ("b", "D"))]),
    (
        "typescript",
        "import {\n  a,\n  b,\n} from './m'\nexport * from './n'\n",
        [Import("./m", ("a", "b")), Import("./n", ("*",))],
    ),
    (
        "javascript",
        "const { q } = require('./q');\nvar e = require('express')\n",
        [Import("./q", ("q",)), Import("express")],
    ),
    ("javascript", "import './side'\nawait import('./late')\n", [Import("./side"), Import("./late")]),
    ("go", 'import (\n\t"fmt"\n\tx "a.b/c"\n)\nimport "os"\n', [Import("fmt"), Import("a.b/c"), Import("os")]),
    (
        "rust",
        "use crate::net::{A, B};\nmod foo;\nuse super::x::Y;\n",
        [Import("crate::net", ("A", "B")), Import("self::foo"), Import("super::x", ("Y",))],
    ),
    ("java", "import static a.b.C.d;\nimport a.b.*;\n", [Import("a.b.C.d"), Import("a.b.*")]),
    ("c", '#include "net/http.h"\n#  include <stdio.h>\n', [Import("net/http.h"), Import("stdio.h")]),
    ("csharp", "using System.Net;\n", [Import("System.Net")]),
    ("ruby", "require_relative 'lib/x'\n", [Import("lib/x")]),
    ("php", "use App\\Models\\User;\n", [Import("App\\Models\\User")]),
    ("swift", "@testable import Core\n", [Import("Core")]),
    ("dart", "import 'a/b.dart' show C, D;\n", [Import("a/b.dart", ("C", "D"))]),
    ("lua", 'local x = require("a.b")\n', [Import("a.b")]),
    ("elixir", "alias App.{User, Post}\n", [Import("App", ("User", "Post"))]),
    ("haskell", "import qualified Data.Map as M\n", [Import("Data.Map")]),
    ("zig", 'const s = @import("std.zig");\n', [Import("std.zig")]),
    ("cobol", "import x\n", []),
]


@pytest.mark.parametrize(("language", "source", "expected"), STATEMENTS)
def test_imports_are_read(language: str, source: str, expected: list[Import]) -> None:
    assert imports(source, language) == expected


@pytest.mark.parametrize("language", ["python", "typescript", "rust", "go", "php", "java", "ruby"])
@pytest.mark.parametrize(
    "source", ["import {" * 5_000, "import a\n" * 5_000, "use a::" * 5_000, "\n" * 50_000, "from " * 9_000]
)
def test_no_text_takes_long_to_parse(language: str, source: str) -> None:
    started = time.process_time()
    imports(source, language)
    assert time.process_time() - started < 2.0


def graph_of(files: dict[str, str]) -> dict[str, dict[str, tuple[str, ...]]]:
    records = [
        Record(f"{path}-{n}", document.content, {**document.metadata, "file_hash": "h"})
        for path, text in files.items()
        for n, document in enumerate(chunk_text(text, path))
    ]
    return build_graph(records).depends


@pytest.mark.parametrize(
    ("files", "edge"),
    [
        ({"pkg/a.py": "from .b import f\n", "pkg/b.py": "def f(): pass\n"}, ("pkg/a.py", "pkg/b.py", ("f",))),
        ({"pkg/sub/a.py": "from ..b import f\n", "pkg/b.py": "def f(): pass\n"}, ("pkg/sub/a.py", "pkg/b.py", ("f",))),
        ({"pkg/a.py": "from . import b\n", "pkg/b.py": "x = 1\n"}, ("pkg/a.py", "pkg/b.py", ())),
        (
            {"src/pkg/a.py": "from pkg.b import f\n", "src/pkg/b.py": "x = 1\n"},
            ("src/pkg/a.py", "src/pkg/b.py", ("f",)),
        ),
        ({"a.py": "from pkg.b import f\n", "b.py": "x = 1\n"}, ("a.py", "b.py", ("f",))),
        ({"t/a.py": "from pkg import f\n", "pkg/__init__.py": "x = 1\n"}, ("t/a.py", "pkg/__init__.py", ("f",))),
        ({"s/a.ts": "import { f } from './b.js'\n", "s/b.ts": "export const f = 1\n"}, ("s/a.ts", "s/b.ts", ("f",))),
        (
            {"s/a.ts": "import { f } from '../l'\n", "l/index.ts": "export const f = 1\n"},
            ("s/a.ts", "l/index.ts", ("f",)),
        ),
        ({"s/a.ts": "import { f } from '@/l/b'\n", "s/l/b.ts": "export const f = 1\n"}, ("s/a.ts", "s/l/b.ts", ("f",))),
        ({"cmd/a.go": 'package a\nimport "x.y/z/net"\n', "net/b.go": "package net\n"}, ("cmd/a.go", "net/b.go", ())),
        ({"src/a.rs": "use crate::b::F;\n", "src/b.rs": "struct F;\n"}, ("src/a.rs", "src/b.rs", ("F",))),
        ({"src/a.c": '#include "b.h"\n', "src/b.h": "int f(void);\n"}, ("src/a.c", "src/b.h", ())),
        ({"x/A.java": "import p.q.B;\n", "src/p/q/B.java": "class B {}\n"}, ("x/A.java", "src/p/q/B.java", ())),
    ],
)
def test_imports_lead_to_files(files: dict[str, str], edge: tuple[str, str, tuple[str, ...]]) -> None:
    source, target, names = edge
    assert graph_of(files)[source] == {target: names}


def test_an_import_of_the_standard_library_is_no_file_of_the_project() -> None:
    depends = graph_of(
        {"a.py": "import json\nfrom os import path\n", "deep/json.py": "x = 1\n", "deep/path.py": "x = 1\n"}
    )
    assert depends["a.py"] == {}


def test_an_unchanged_file_is_not_parsed_again() -> None:
    first = [
        Record(
            "1",
            "from .b import f",
            {"path": "p/a.py", "language": "python", "file_hash": "1", "start_line": 1, "end_line": 1},
        )
    ]
    graph = build_graph(first)
    again = [Record("1", "from .c import g", dict(first[0].metadata))]
    assert build_graph(again, graph).files["p/a.py"].imports == [Import(".b", ("f",))]
    changed = [Record("1", "from .c import g", {**first[0].metadata, "file_hash": "2"})]
    assert build_graph(changed, graph).files["p/a.py"].imports == [Import(".c", ("g",))]


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("a value that no backend of ours returns")


def test_a_record_that_cannot_be_read_costs_only_itself() -> None:
    def record(path: str, content: object, line: int = 1, **more: object) -> Record:
        metadata = {"path": path, "file_hash": "1", "language": "python", "start_line": line, "end_line": line, **more}
        return Record(f"{path}{line}{content}", content, metadata)  # type: ignore[arg-type]

    damaged = [
        record("main.py", None),
        record("main.py", 7),
        record("symbols.py", "import helper\n", symbols=[Unprintable()]),
        record("language.py", "import helper\n", language=Unprintable()),
        record("lines.py", "import helper\n", start_line="x", end_line=-1),
        record("", "import helper\n"),
        record("a//b/../", "from ........ import helper\n"),
    ]
    good = [record("main.py", "import helper\n", 2), record("helper.py", "def help(): ...\n", symbols=["help"])]
    graph = build_graph([*damaged, *good])
    assert list(graph.depends["main.py"]) == ["helper.py"]
    assert graph.files["helper.py"].defining("help") is not None
    assert "main.py" in graph.dependents["helper.py"]
    assert not {"symbols.py", "language.py"} & graph.files.keys()
