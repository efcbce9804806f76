"""Every language that Aurora knows, each declared once.

To add a language, add a `Language` to the family that it belongs to; or write a module of its own and list it here.
Everything else (file names, definitions, comments, imports) follows from the declaration.
"""

from __future__ import annotations

from aurora_dev.syntax.languages import (
    c_family,
    compiled,
    documents,
    dotnet,
    ecmascript,
    functional,
    jvm,
    python,
    schemas,
    scripting,
)
from aurora_dev.syntax.languages.declaration import Language

__all__ = ["LANGUAGES", "Language"]

_FAMILIES = (c_family, compiled, documents, dotnet, ecmascript, functional, jvm, python, schemas, scripting)

LANGUAGES: dict[str, Language] = {language.name: language for family in _FAMILIES for language in family.LANGUAGES}
"""The declarations by name."""
