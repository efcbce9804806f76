"""The imports of a source file, found line by line with regular expressions.

In most languages import statements begin a line and have one form, so that patterns find them in any fragment of a
file, however broken the rest is. A statement inside a string or a comment is found too: a few edges too many do little
harm to an import graph.
"""

from __future__ import annotations

from aurora_dev.syntax.languages import LANGUAGES
from aurora_dev.syntax.languages.declaration import Import

__all__ = ["Import", "imports"]


def imports(source: str, language: str) -> list[Import]:
    """Find the imports of a source file, or of a fragment of one.

    Args:
        source: The text; no input raises.
        language: As returned by `language_of`; an unknown one, or one without imports, gives an empty list.

    Returns:
        The distinct imports, in the order of the text.
    """
    declared = LANGUAGES.get(language)
    return list(dict.fromkeys(declared.imports(source))) if declared is not None and declared.imports else []
