"""Kinds of files, told from their paths: tests, examples, vendored copies, generated files, prose, data."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from aurora_dev.core.text.folding import fold_word
from aurora_dev.lazy import lazy_pattern
from aurora_dev.syntax.file_languages import language_of, prose_languages

# Questions about a project are rarely about its tests or examples, which repeat the words of the code under test more
# densely than the code itself.
TEST_WEIGHT = 0.3
EXAMPLE_WEIGHT = 0.3
VENDORED_WEIGHT = 0.3
COMPATIBILITY_WEIGHT = 0.3
# Re-export files mention every name and define none.
REEXPORT_WEIGHT = 0.75
GENERATED_WEIGHT = 0.5
# Declarations without bodies still say what exists.
DECLARATION_WEIGHT = 0.7
# Prose repeats the words of a question more often than the code that answers it.
PROSE_WEIGHT = 0.6
DATA_WEIGHT = 0.6

# Words in a question that ask for such files, which then keep their full weight.
_WORDS_THAT_ASK = {
    "test": "test tests testing spec specs fixture fixtures mock mocks",
    "example": "example sample demo tutorial benchmark",
    "vendored": "vendor vendored",
    "compatibility": "legacy compat compatibility deprecated",
    "prose": "docs documentation readme guide changelog install installation",
    "data": "config configuration yaml json toml",
}
_ASKED_FOR = {fold_word(word): kind for kind, words in _WORDS_THAT_ASK.items() for word in words.split()}

_TEST = lazy_pattern(
    r"(^|/)(tests?|__tests__|specs?|testing|testdata|test_data|fixtures|__mocks__|e2e|src/test)/"
    r"|(^|/)(test_[^/]+|conftest\.py|[^/]+[._-](tests?|specs?)\.[a-z]+|[^/]+(Tests?|Spec|Suite)\.[a-z]+|tests?\.rs)$"
)
_EXAMPLE = lazy_pattern(r"(^|/)(_?examples?|samples?|demos?|docs?_src|tutorials?|benchmarks?|bench|playground)/")
_VENDORED = lazy_pattern(r"(^|/)(vendor(ed)?|_vendor|third[_-]?party|external|deps|node_modules)/")
_COMPATIBILITY = lazy_pattern(r"(^|/)(_?compat|legacy|deprecated)(/|\.[a-z]+$)")
# Rust's mod.rs is not one of them: it often holds a whole module.
_REEXPORT = lazy_pattern(r"(^|/)(__init__\.pyi?|package-info\.java)$")
_GENERATED = lazy_pattern(r"(^|/)(generated|gen|__generated__)/|(\.pb\.|_pb2|\.g\.|\.generated\.|\.gen\.)")
_DECLARATION = lazy_pattern(r"\.d\.[cm]?ts$|\.pyi$")

_PROSE = lazy_pattern(r"\.(md|mdx|markdown|rst|adoc|txt|org)$")
_DATA = lazy_pattern(r"\.(json|jsonc|json5|ya?ml|toml|ini|cfg|csv|tsv|xml|lock|properties)$")

_RULES = (
    ("test", _TEST, TEST_WEIGHT),
    ("example", _EXAMPLE, EXAMPLE_WEIGHT),
    ("vendored", _VENDORED, VENDORED_WEIGHT),
    ("compatibility", _COMPATIBILITY, COMPATIBILITY_WEIGHT),
    ("reexport", _REEXPORT, REEXPORT_WEIGHT),
    ("generated", _GENERATED, GENERATED_WEIGHT),
    ("declaration", _DECLARATION, DECLARATION_WEIGHT),
    ("prose", _PROSE, PROSE_WEIGHT),
    ("data", _DATA, DATA_WEIGHT),
)
_SECONDARY = frozenset({"test", "example", "vendored", "compatibility"})


# Plain text, and files without a suffix that no language claims: LICENSE, AUTHORS, README.
_PLAIN_TEXT = frozenset(("", "txt", "text", "adoc", "asciidoc"))
_PACKAGE_LIST = lazy_pattern(r"(^|/)(requirements|constraints)[^/]*\.txt$")


def is_test(path: str) -> bool:
    """Return whether a file, by its path, is a test or a fixture of tests."""
    return _TEST.search(path) is not None


def is_prose(path: str) -> bool:
    """Return whether a file, by its path, holds prose for people rather than code or data."""
    _, dot, suffix = path.rpartition("/")[2].lower().rpartition(".")
    language = language_of(path)
    if language is not None:
        return language in prose_languages()
    return (suffix if dot else "") in _PLAIN_TEXT and _PACKAGE_LIST.search(path.lower()) is None


def kinds_asked_for(words: Iterable[str]) -> frozenset[str]:
    """Return the kinds of files that a question asks for by name.

    Args:
        words: The words of the question, folded with `fold_word`.
    """
    return frozenset(kind for word in words if (kind := _ASKED_FOR.get(word)))


@lru_cache(maxsize=65_536)
def is_secondary(path: str, asked_for: frozenset[str] = frozenset()) -> bool:
    """Return whether a file mostly repeats other files: a test, example, vendored copy or compatibility shim.

    Args:
        path: POSIX, relative to the project.
        asked_for: Kinds that do not count as secondary, from `kinds_asked_for`.
    """
    return any(kind in _SECONDARY and kind not in asked_for and pattern.search(path) for kind, pattern, _ in _RULES)


@lru_cache(maxsize=65_536)
def path_weight(path: str, asked_for: frozenset[str] = frozenset()) -> float:
    """Return the factor for the score of a file's chunks, above 0 and at most 1: the product of all rules that match.

    Args:
        path: POSIX, relative to the project.
        asked_for: Kinds that keep their full weight, from `kinds_asked_for`.
    """
    weight = 1.0
    for kind, pattern, factor in _RULES:
        if kind not in asked_for and pattern.search(path):
            weight *= factor
    return weight
