"""The imports of a Python package, read from its source with `ast`; nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement's target.

    Attributes:
        importer: Dotted name of the module that holds the statement.
        imported: Dotted name of the package's own module, or of what is imported from elsewhere.
        late: Whether it lies inside a function, so that it runs only when that is called.
        type_only: Whether it lies under ``if TYPE_CHECKING``, so that it never runs.
    """

    importer: str
    imported: str
    late: bool = False
    type_only: bool = False

    @property
    def vendor(self) -> str:
        """The top-level package of what is imported."""
        return self.imported.split(".", maxsplit=1)[0]

    def __str__(self) -> str:
        """Return the pair as the reports of breaches show it."""
        return f"{self.importer} imports {self.imported}"


def find_modules(package: Path) -> dict[str, Path]:
    """Return the files of a package by the dotted names of their modules."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def read_imports(modules: Mapping[str, Path]) -> list[Import]:
    """Return every import of these modules, those inside functions and under ``if TYPE_CHECKING`` included."""
    return sorted(
        {found for name, path in modules.items() for found in imports_of(name, path.read_text("utf-8"), modules)},
        key=str,
    )


def imports_of(importer: str, source: str, own: Collection[str]) -> Iterator[Import]:
    """Yield the imports of one module's source; ``own`` holds the dotted names of the package's modules."""
    yield from _walk(ast.parse(source), importer, own, late=False, type_only=False)


def _walk(node: ast.AST, importer: str, own: Collection[str], *, late: bool, type_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(importer, alias.name, late, type_only)
        elif isinstance(child, ast.ImportFrom):
            if child.level:
                raise ValueError(f"{importer} has a relative import in line {child.lineno}, which is not read here")
            for alias in child.names:
                target = f"{child.module}.{alias.name}"
                yield Import(importer, target if target in own else str(child.module), late, type_only)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for statement in child.body:
                # A statement of a body is no child of itself, so it is wrapped before its children are walked.
                yield from _walk(ast.Module([statement], []), importer, own, late=late, type_only=True)
            for statement in child.orelse:
                yield from _walk(ast.Module([statement], []), importer, own, late=late, type_only=type_only)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, importer, own, late=late or inside, type_only=type_only)


def find_cycles(edges: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Return the groups of two or more nodes that all reach each other, by Tarjan's algorithm.

    Source: R. Tarjan, "Depth-first search and linear graph algorithms", 1972.
    """
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for target in sorted(edges.get(node, ())):
            if target not in order:
                visit(target)
                lowest[node] = min(lowest[node], lowest[target])
            elif target in stack:
                lowest[node] = min(lowest[node], order[target])
        if lowest[node] == order[node]:
            start = stack.index(node)
            group = stack[start:]
            del stack[start:]
            if len(group) > 1:
                groups.append(sorted(group))

    for node in sorted(edges):
        if node not in order:
            visit(node)
    return groups
