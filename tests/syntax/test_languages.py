"""The declared languages, and how a file's language is recognised."""

from __future__ import annotations

from collections import Counter

import pytest

from aurora_dev.syntax import definitions, language_of, supported_languages
from aurora_dev.syntax.imports import Import, imports
from aurora_dev.syntax.languages import LANGUAGES


@pytest.mark.parametrize(
    ("path", "first_line", "language"),
    [
        ("src/app.PY", "", "python"),
        ("a/b.mjs", "", "javascript"),
        ("C:\\x\\Makefile", "", "make"),
        ("docker/Dockerfile.dev", "", "dockerfile"),
        ("CMakeLists.txt", "", "cmake"),
        ("Gemfile", "", "ruby"),
        ("bin/run", "#!/usr/bin/env -S python3.12 -u", "python"),
        ("bin/run", "#!/bin/sh\r", "bash"),
        ("bin/run", "#!/usr/bin/env LANG=C node", "javascript"),
        ("bin/run", "\ufeff#!/usr/local/bin/ruby2.7", "ruby"),
        ("bin/run", "#!/bin/strange", None),
        ("bin/run", "#!", None),
        ("notes.txt", "#!/bin/sh", "bash"),
        (".py", "", None),
        ("LICENSE", "", None),
        ("", "", None),
        ("x.d.ts", "", "typescript"),
        ("guide.mdx", "", "markdown"),
    ],
)
def test_a_language_is_recognised_by_file_name_then_suffix_then_shebang(
    path: str, first_line: str, language: str | None
) -> None:
    assert language_of(path, first_line) == language


@pytest.mark.parametrize("attribute", ["suffixes", "file_names", "file_name_prefixes", "interpreters"])
def test_no_two_languages_claim_the_same_file(attribute: str) -> None:
    claims = Counter(claim for language in LANGUAGES.values() for claim in getattr(language, attribute).split())
    assert [claim for claim, count in claims.items() if count > 1] == []
    assert all(claim == claim.lower() for claim in claims)


def test_the_key_of_a_language_is_its_name() -> None:
    assert all(name == language.name for name, language in LANGUAGES.items())


def test_prose_suffixes_are_suffixes_of_their_language() -> None:
    for language in LANGUAGES.values():
        assert set(language.prose_suffixes.split()) <= set(language.suffixes.split()), language.name


def test_only_languages_with_a_query_are_supported() -> None:
    assert supported_languages() == sorted(name for name, language in LANGUAGES.items() if language.definitions)
    assert "markdown" not in supported_languages()


@pytest.mark.parametrize(
    ("language", "source", "expected"),
    [
        (
            "python",
            "from ..a import (b as c,  # why\n  d)\nimport e.f as g, h\n",
            [("..a", "bd"), ("e.f", ""), ("h", "")],
        ),
        ("typescript", "import type { A, B as C } from './x'\nexport * from 'y'\n", [("./x", "AB"), ("y", "*")]),
        ("javascript", "const { a: b, c } = require('z')\nimport 'w'\n", [("z", "ac"), ("w", "")]),
        ("go", 'import (\n\t"net/http"\n\tm "math"\n)\n', [("net/http", ""), ("math", "")]),
        ("rust", "pub use a::{B, C as D};\nmod e;\nuse f::G;\n", [("a", "BC"), ("self::e", ""), ("f", "G")]),
        ("scala", "import a.b.{C, D}\n", [("a.b", "CD")]),
        ("c", '#include <stdio.h>\n# include "a/b.h"\n', [("stdio.h", ""), ("a/b.h", "")]),
        ("scss", '@use "a";\n', [("a", "")]),
        ("markdown", "import a\n", []),
        ("unknown", "import a\n", []),
    ],
)
def test_imports_are_found_in_the_syntax_of_their_language(
    language: str, source: str, expected: list[tuple[str, str]]
) -> None:
    assert imports(source, language) == [Import(module, tuple(names)) for module, names in expected]


@pytest.mark.parametrize(
    ("language", "source", "qualified"),
    [
        ("rust", "impl<T> geo::Point<T> { fn f() {} }\n", ["Point", "Point.f"]),
        ("lua", "function Order:pay()\nend\n", ["Order.pay"]),
        ("make", ".PHONY: all\nall:\n\techo\n", ["all"]),
        ("go", "package p\nfunc (s *Server[T]) Start() {}\n", ["Server.Start"]),
        ("javascript", "A.prototype.f = function () {};\nmodule.exports.g = function () {};\n", ["A.f", "g"]),
    ],
)
def test_names_follow_the_rule_of_their_language(language: str, source: str, qualified: list[str]) -> None:
    assert [definition.qualified for definition in definitions(source.encode(), language)] == qualified
