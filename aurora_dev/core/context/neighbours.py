"""Candidates that the import graph adds: what the best hits depend on, and what depends on them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aurora_dev.core.context.import_graph import ChunkRef, ImportGraph
from aurora_dev.core.types import SearchResult

if TYPE_CHECKING:
    from aurora_dev.core.contracts import SearchableStore

__all__ = ["Neighbour", "find_neighbours"]

# A definition that a hit uses helps to read the hit; code that uses a hit shows how it is meant to be used. Both are
# guesses next to the hit itself.
DEPENDS_WEIGHT: Final = 0.25
DEPENDENT_WEIGHT: Final = 0.15
_FROM_HITS: Final = 6  # only the first few hits have neighbours
_MOST_DEPENDS: Final = 4  # per hit
_MOST_DEPENDENTS: Final = 2  # per hit
_DEPENDENT_CHUNKS: Final = 60  # chunks per file that are searched for the use of a symbol
_WORD: Final = re.compile(r"[A-Za-z_$][\w$]*")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chunk next to a hit in the import graph.

    Attributes:
        id: Id of its record.
        relevance: A share of the hit's relevance.
        why: The reason, as in ``defines check, used in app/auth.py``.
    """

    id: str
    relevance: float
    why: str


@dataclass(slots=True)
class _Found:
    """The neighbours found so far, each with its best reason."""

    hits: set[str]
    best: dict[str, Neighbour] = field(default_factory=dict)

    def add(self, chunk: ChunkRef | None, relevance: float, why: str) -> bool:
        """Add a chunk and return True, unless there is none or it is a hit itself."""
        if chunk is None or chunk.id in self.hits:
            return False
        if chunk.id not in self.best or self.best[chunk.id].relevance < relevance:
            self.best[chunk.id] = Neighbour(chunk.id, relevance, why)
        return True


@dataclass(frozen=True, slots=True)
class _User:
    """A file that may use symbols of a hit."""

    path: str
    symbols: tuple[str, ...]
    relevance: float
    hit_path: str


async def find_neighbours(
    store: SearchableStore, graph: ImportGraph, hits: Sequence[tuple[SearchResult, float]]
) -> list[Neighbour]:
    """Return what the first hits depend on and what depends on them, best first.

    Args:
        store: Read for the texts of dependent files.
        graph: The import graph of the store.
        hits: Each with its relevance, best first.
    """
    found = _Found({result.id for result, _ in hits})
    users: list[_User] = []
    for result, relevance in hits[:_FROM_HITS]:
        path = str(result.metadata.get("path", ""))
        if path not in graph.files:
            continue
        _add_definitions(found, graph, path, result.content, relevance)
        symbols = result.metadata.get("symbols")
        if isinstance(symbols, list) and symbols:
            importers = [
                user for user in graph.dependents.get(path, ()) if _may_use(graph.depends[user][path], symbols)
            ]
            names = tuple(map(str, symbols))
            weight = DEPENDENT_WEIGHT * relevance
            users += [_User(user, names, weight, path) for user in importers[:_MOST_DEPENDENTS]]
    await _add_users(found, store, graph, users)
    return sorted(found.best.values(), key=lambda neighbour: (-neighbour.relevance, neighbour.id))


def _add_definitions(found: _Found, graph: ImportGraph, path: str, content: str, relevance: float) -> None:
    """Add the definitions in imported files whose names a hit mentions."""
    words = set(_WORD.findall(content))
    added = 0
    for target, imported in graph.depends.get(path, {}).items():
        entry = graph.files[target]
        for name in imported or _bare_symbols(entry.chunks):
            if name in words and added < _MOST_DEPENDS:
                why = f"defines {name}, used in {path}"
                added += found.add(entry.defining(name), DEPENDS_WEIGHT * relevance, why)


async def _add_users(found: _Found, store: SearchableStore, graph: ImportGraph, users: Sequence[_User]) -> None:
    """Add the first chunk of each importing file that mentions a symbol of the hit."""
    ids = [chunk.id for path in dict.fromkeys(user.path for user in users) for chunk in _searched(graph, path)]
    texts = {document.id: document.content for document in await store.fetch(ids)} if ids else {}
    for user in users:
        for chunk in _searched(graph, user.path):
            text = texts.get(chunk.id, "")
            used = next((name for name in user.symbols if "." not in name and name in text), None)
            # A chunk without symbols is most likely the import statement itself, which is not a use.
            if used and chunk.symbols and re.search(rf"\b{re.escape(used)}\b", text):
                found.add(chunk, user.relevance, f"uses {used} of {user.hit_path}")
                break


def _bare_symbols(chunks: Sequence[ChunkRef]) -> list[str]:
    return [name for chunk in chunks for name in chunk.symbols if "." not in name]


def _may_use(imported: tuple[str, ...], symbols: Sequence[str]) -> bool:
    """Return whether an import of these names (none: the whole module) can bring in one of the symbols."""
    return not imported or not set(imported).isdisjoint(symbols)


def _searched(graph: ImportGraph, path: str) -> list[ChunkRef]:
    return graph.files[path].chunks[:_DEPENDENT_CHUNKS]
