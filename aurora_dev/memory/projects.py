"""One question to several projects at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.core.factory import backend_kind
from aurora_dev.core.types import Notice, SearchOptions, SearchResult, SearchResults
from aurora_dev.errors import AuroraError, IndexingError, InvalidRequestError
from aurora_dev.memory import Memory

if TYPE_CHECKING:
    from aurora_dev.core.contracts import Filter

_AT_ONCE: Final = 4  # searches; each works in threads of its own


async def search_projects(
    projects: Sequence[str | Path | Memory],
    query: str,
    top_k: int = 5,
    *,
    rerank: bool = True,
    filter: Filter | None = None,
    options: SearchOptions | None = None,
) -> SearchResults:
    """Search several projects at once; each result says in ``metadata["project"]`` which one it is of.

    Each project is searched with its own settings, as `Memory.search` does. Their scores are no common measure unless
    one reranker gave them all; otherwise a project's results count as much as its nearest result is near.

    Args:
        projects: Folders, or memories that are open already (which saves opening them for every question).
        query: Words, a sentence or an identifier.
        top_k: How many results of all projects together, at least 1.
        rerank: Whether the rerankers order the best candidates.
        filter: Conditions on metadata.
        options: What is rarely changed.

    Returns:
        The best of all. A project that cannot be searched is left out, and named in ``notices``.

    Raises:
        InvalidRequestError: No project was given, the query is empty, or an argument is out of range.
        AuroraError: None of the projects could be searched; the error is that of the first.
    """
    if isinstance(projects, str | Path | Memory) or not projects:
        raise InvalidRequestError("projects must be a list of at least one folder or open memory: nothing was searched")
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(project: str | Path | Memory) -> tuple[str, SearchResults | AuroraError]:
        name = str(project.root if isinstance(project, Memory) else Path(project).expanduser().absolute())
        async with gate, AsyncExitStack() as stack:
            try:
                memory = project if isinstance(project, Memory) else await stack.enter_async_context(_indexed(project))
                return name, await memory.search(query, top_k, rerank=rerank, filter=filter, options=options)
            except InvalidRequestError:
                raise
            except AuroraError as error:
                return name, error

    answers = dict(await asyncio.gather(*(one(project) for project in projects)))
    failed = {name: answer for name, answer in answers.items() if isinstance(answer, AuroraError)}
    found = {name: answer for name, answer in answers.items() if isinstance(answer, SearchResults)}
    if not found:
        raise next(iter(failed.values()))
    notices = [Notice("project_left_out", f"{name} was not searched: {error}") for name, error in failed.items()]
    notices += [replace(one, text=f"{name}: {one.text}") for name, answer in found.items() for one in answer.notices]
    methods = {answer.search_method for answer in found.values()}
    first = next(iter(found.values()))
    return SearchResults(
        _merged(found, top_k),
        search_method=first.search_method if len(methods) == 1 else "mixed",
        message=first.message if len(methods) == 1 else "Several projects, searched in different ways",
        notices=tuple(notices),
        degraded=next((answer.degraded for answer in found.values() if answer.degraded), None),
        timings={name: answer.timings.get("total", 0.0) for name, answer in found.items()},
    )


def _indexed(project: str | Path) -> Memory:
    memory = Memory.open(project)
    if backend_kind(memory.settings.backend).local and not memory.settings.store_path(memory.root).is_dir():
        raise IndexingError(f"there is no index in '{memory.root}'. Make one with: aurora index '{memory.root}'")
    return memory


def _merged(found: dict[str, SearchResults], top_k: int) -> list[SearchResult]:
    nearest = {
        name: max((one.scores.get("vector", 0.0) for one in answer), default=0.0) for name, answer in found.items()
    }
    most = max(nearest.values())
    # A probability means the same in each project.
    comparable = all("rerank" in answer.search_method for answer in found.values()) or most <= 0
    results: list[SearchResult] = []
    own: set[str] = set()
    for name, answer in found.items():
        share = 1.0 if comparable else nearest[name] / most
        for one in answer:
            if one.metadata.get("scope") == "user":
                if one.id in own:
                    continue  # the user's memories join every project's results
                own.add(one.id)
            results.append(replace(one, score=one.score * share, metadata={**one.metadata, "project": name}))
    return sorted(results, key=lambda one: -one.score)[:top_k]
