"""What a path says about a file: is it the code itself, or a test, an example, a copy, a by-product?"""

from __future__ import annotations

import re
from functools import lru_cache

# A question about a project is rarely about its tests or examples, which repeat the words of the code that they use
# more densely than the code itself.
TEST_WEIGHT = 0.3
EXAMPLE_WEIGHT = 0.3
VENDORED_WEIGHT = 0.3
COMPATIBILITY_WEIGHT = 0.3
# Re-export files name everything and define nothing.
REEXPORT_WEIGHT = 0.5
GENERATED_WEIGHT = 0.5
# Declarations without bodies still say what exists.
DECLARATION_WEIGHT = 0.7

_TEST = re.compile(
    r"(^|/)(tests?|__tests__|specs?|testing|testdata|test_data|fixtures|__mocks__|e2e|src/test)/"
    r"|(^|/)(test_[^/]+|conftest\.py|[^/]+[._-](tests?|specs?)\.[a-z]+|[^/]+(Tests?|Spec|Suite)\.[a-z]+)$"
)
_EXAMPLE = re.compile(r"(^|/)(_?examples?|samples?|demos?|docs?_src|tutorials?|benchmarks?|bench|playground)/")
_VENDORED = re.compile(r"(^|/)(vendor(ed)?|_vendor|third[_-]?party|external|deps|node_modules)/")
_COMPATIBILITY = re.compile(r"(^|/)(_?compat|legacy|deprecated)(/|\.[a-z]+$)")
_REEXPORT = re.compile(r"(^|/)(__init__\.pyi?|package-info\.java|mod\.rs)$")
_GENERATED = re.compile(r"(^|/)(generated|gen|__generated__)/|(\.pb\.|_pb2|\.g\.|\.generated\.|\.gen\.)")
_DECLARATION = re.compile(r"\.d\.[cm]?ts$|\.pyi$")

_RULES = (
    (_TEST, TEST_WEIGHT),
    (_EXAMPLE, EXAMPLE_WEIGHT),
    (_VENDORED, VENDORED_WEIGHT),
    (_COMPATIBILITY, COMPATIBILITY_WEIGHT),
    (_REEXPORT, REEXPORT_WEIGHT),
    (_GENERATED, GENERATED_WEIGHT),
    (_DECLARATION, DECLARATION_WEIGHT),
)


@lru_cache(maxsize=65_536)
def path_weight(path: str) -> float:
    """Return the factor for a chunk's score, above 0 and up to 1; where several rules hold, their product.

    Args:
        path: POSIX, relative to the project.
    """
    weight = 1.0
    for pattern, factor in _RULES:
        if pattern.search(path):
            weight *= factor
    return weight
