"""The paths of a project that a tool call is narrowed to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.mcp.tools.open_memory import OpenMemory

if TYPE_CHECKING:
    from aurora_dev.memory import Memory

__all__ = ["paths_inside"]

_MOST_SUGGESTIONS: Final = 5


async def paths_inside(memory: OpenMemory, opened: Memory, path: str) -> list[str]:
    """Return the indexed paths at or below a path of the project.

    Args:
        memory: Resolves the path; see `OpenMemory.relative`.
        opened: The memory that is searched.
        path: A file or folder, relative to the project or absolute.

    Raises:
        InvalidRequestError: Nothing is indexed there; the message suggests similar paths.
    """
    wanted = memory.relative(path)
    await opened.project_index.before_search()  # indexes files that were just saved
    known = await asyncio.to_thread(opened.store.backend.values, opened.store.namespace, "path")
    if wanted == ".":
        return sorted(known)
    inside = sorted(name for name in known if name == wanted or name.startswith(f"{wanted}/"))
    if inside:
        return inside
    last = wanted.rsplit("/", 1)[-1]
    close = [name for name in sorted(known) if last in name][:_MOST_SUGGESTIONS]
    hint = f"Did you mean {', '.join(map(repr, close))}?" if close else "Leave path out to search everywhere"
    exists = (memory.root / wanted).exists()
    why = "is in the project but not in the index (ignored, or new: call index_project)" if exists else "does not exist"
    raise InvalidRequestError(f"the path {wanted!r} {why}. {hint}")
