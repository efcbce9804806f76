"""What a path says about a file: is it the code itself, or a test, an example, a copy, a by-product?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from aurora_dev.core.text.folding import fold_word

# A question about a project is rarely about its tests or examples, which repeat the words of the code that they use
# more densely than the code itself.
TEST_WEIGHT = 0.3
EXAMPLE_WEIGHT = 0.3
VENDORED_WEIGHT = 0.3
COMPATIBILITY_WEIGHT = 0.3
# Re-export files name everything and define nothing.
REEXPORT_WEIGHT = 0.75
GENERATED_WEIGHT = 0.5
# Declarations without bodies still say what exists.
DECLARATION_WEIGHT = 0.7
# Prose repeats the words of a question more readily than the code that answers it.
PROSE_WEIGHT = 0.6
DATA_WEIGHT = 0.6

# Words of a question that ask for such files, which then weigh in full.
_WORDS_THAT_ASK = {
    "test": "test tests testing spec specs fixture fixtures mock mocks",
    "example": "example sample demo tutorial benchmark",
    "vendored": "vendor vendored",
    "compatibility": "legacy compat compatibility deprecated",
    "prose": "docs documentation readme guide changelog install installation",
    "data": "config configuration yaml json toml",
}
_ASKED_FOR = {fold_word(word): kind for kind, words in _WORDS_THAT_ASK.items() for word in words.split()}

_TEST = re.compile(
    r"(^|/)(tests?|__tests__|specs?|testing|testdata|test_data|fixtures|__mocks__|e2e|src/test)/"
    r"|(^|/)(test_[^/]+|conftest\.py|[^/]+[._-](tests?|specs?)\.[a-z]+|[^/]+(Tests?|Spec|Suite)\.[a-z]+|tests?\.rs)$"
)
_EXAMPLE = re.compile(r"(^|/)(_?examples?|samples?|demos?|docs?_src|tutorials?|benchmarks?|bench|playground)/")
_VENDORED = re.compile(r"(^|/)(vendor(ed)?|_vendor|third[_-]?party|external|deps|node_modules)/")
_COMPATIBILITY = re.compile(r"(^|/)(_?compat|legacy|deprecated)(/|\.[a-z]+$)")
# Not Rust's mod.rs, in which whole modules are written.
_REEXPORT = re.compile(r"(^|/)(__init__\.pyi?|package-info\.java)$")
_GENERATED = re.compile(r"(^|/)(generated|gen|__generated__)/|(\.pb\.|_pb2|\.g\.|\.generated\.|\.gen\.)")
_DECLARATION = re.compile(r"\.d\.[cm]?ts$|\.pyi$")

_PROSE = re.compile(r"\.(md|mdx|markdown|rst|adoc|txt|org)$")
_DATA = re.compile(r"\.(json|jsonc|json5|ya?ml|toml|ini|cfg|csv|tsv|xml|lock|properties)$")

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
_AGAIN = frozenset({"test", "example", "vendored", "compatibility"})


def kinds_asked_for(words: Iterable[str]) -> frozenset[str]:
    """Return the kinds of files that a question's folded words ask for by name."""
    return frozenset(kind for word in words if (kind := _ASKED_FOR.get(word)))


@lru_cache(maxsize=65_536)
def stands_aside(path: str, asked_for: frozenset[str] = frozenset()) -> bool:
    """Return whether a file says again what other files say: a test, an example, a copy or a shim, not asked for.

    Args:
        path: POSIX, relative to the project.
        asked_for: From `kinds_asked_for`.
    """
    return any(kind in _AGAIN and kind not in asked_for and pattern.search(path) for kind, pattern, _ in _RULES)


@lru_cache(maxsize=65_536)
def path_weight(path: str, asked_for: frozenset[str] = frozenset()) -> float:
    """Return the factor for a chunk's score, above 0 and up to 1; where several rules hold, their product.

    Args:
        path: POSIX, relative to the project.
        asked_for: Kinds that weigh in full, from `kinds_asked_for`.
    """
    weight = 1.0
    for kind, pattern, factor in _RULES:
        if kind not in asked_for and pattern.search(path):
            weight *= factor
    return weight
