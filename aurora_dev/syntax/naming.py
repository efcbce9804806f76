"""The names of definitions: bare, and qualified by what encloses them."""

from __future__ import annotations

from typing import NamedTuple

from aurora_dev.syntax.languages.declaration import FoundName, NameRule

__all__ = ["Naming", "resolve_name"]


class Naming(NamedTuple):
    """The name of a definition: bare, qualified, and the kind that the name implies."""

    bare: str
    qualified: str
    kind: str


def resolve_name(found: FoundName, prefix: str, rule: NameRule | None) -> Naming | None:
    """Name a definition.

    Args:
        found: As the query captured it.
        prefix: The qualified name of the enclosing definition; empty at the top level.
        rule: The naming rule of the language.

    Returns:
        ``None`` if the rule drops the definition.
    """
    adapted = rule(found) if rule is not None else found
    if adapted is None:
        return None
    name, scope, kind = adapted
    if kind == "namespace":
        kind = "module"
    if not name.isidentifier():
        if kind == "function" and "::" in name:
            kind = "method"
        name = name.strip("\"'`").replace("::", ".").replace("\\", ".").replace("->", ".")
        name = " ".join(name.split()).strip(".")
    outer = scope.strip("\"'") or prefix
    qualified = f"{outer}.{name}" if outer else name
    if kind == "impl":
        return Naming(name, qualified, kind)
    bare = name if name.startswith("operator") else name.rpartition(".")[2]
    return Naming(bare, qualified, kind)
