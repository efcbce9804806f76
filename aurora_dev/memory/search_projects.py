"""Searching several projects at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.core.factory import backend_kind
from aurora_dev.core.types import NAME_NOT_FOUND, NO_MATCH, Notice, SearchOptions, SearchResult, SearchResults
from aurora_dev.errors import AuroraError, IndexingError, InvalidRequestError
from aurora_dev.memory import Memory

if TYPE_CHECKING:
    from aurora_dev.core.contracts import Filter
    from aurora_dev.core.scope.scope import SearchScope

_ABSENT: Final = frozenset({NAME_NOT_FOUND, NO_MATCH})
_MAX_CONCURRENT: Final = 4  # searches; each runs in its own threads


async def search_projects(
    projects: Sequence[str | Path | Memory],
    query: str,
    top_k: int = 5,
    *,
    rerank: bool = True,
    filter: Filter | None = None,
    options: SearchOptions | None = None,
    scope: SearchScope | None = None,
) -> SearchResults:
    """Search several projects at once; ``metadata["project"]`` of each result names its project.

    Each project is searched with its own settings, as by `Memory.search`. The results are merged by score, which begins
    with the relevance of the search in each project. Where a relevance is not known, in a search by vector or by
    keyword alone, the scores of a project are weighted by the cosine of its nearest result.

    Args:
        projects: Folders, or open memories (which saves opening them for every query).
        query: Words, a sentence or an identifier.
        top_k: The greatest number of results of all projects together, at least 1.
        rerank: Whether the rerankers order the best candidates.
        filter: Conditions on metadata.
        options: What is rarely changed.
        scope: Where to search in each project. A project that lacks a path of the scope is left out.

    Returns:
        The best of all. A project that cannot be searched is left out, and named in ``notices``.

    Raises:
        InvalidRequestError: No project was given, the query is empty, or an argument is out of range.
        AuroraError: None of the projects could be searched; the error is that of the first.
    """
    if isinstance(projects, str | Path | Memory) or not projects:
        raise InvalidRequestError("projects must be a list of at least one folder or open memory: nothing was searched")
    gate = asyncio.Semaphore(_MAX_CONCURRENT)

    async def search_one(project: str | Path | Memory) -> tuple[str, SearchResults | AuroraError]:
        name = _folder_of(project)
        async with gate, AsyncExitStack() as stack:
            try:
                memory = project if isinstance(project, Memory) else await stack.enter_async_context(_indexed(project))
            except AuroraError as error:
                return name, error
            except OSError as error:  # its folder cannot be read
                return name, IndexingError(f"'{name}' cannot be read ({error.strerror or error})")
            try:
                return name, await memory.search(
                    query, top_k, rerank=rerank, filter=filter, options=options, scope=scope
                )
            except InvalidRequestError as error:
                if scope is None:
                    raise
                return name, error
            except AuroraError as error:
                return name, error

    answers = dict(await asyncio.gather(*(search_one(project) for project in projects)))
    failed = {name: answer for name, answer in answers.items() if isinstance(answer, AuroraError)}
    found = {name: answer for name, answer in answers.items() if isinstance(answer, SearchResults)}
    if not found:
        raise next(iter(failed.values()))
    notices = [Notice("project_left_out", f"{name} was not searched: {error}") for name, error in failed.items()]
    notices += _notices(found)
    known = [answer.relevance for answer in found.values() if answer.relevance is not None]
    methods = {answer.search_method for answer in found.values()}
    first = next(iter(found.values()))
    return SearchResults(
        _merged(found, top_k),
        search_method=first.search_method if len(methods) == 1 else "mixed",
        message=first.message if len(methods) == 1 else "Several projects, searched in different ways",
        notices=tuple(notices),
        degraded=next((answer.degraded for answer in found.values() if answer.degraded), None),
        timings={name: answer.timings.get("total", 0.0) for name, answer in found.items()},
        relevance=max(known, default=None),
    )


def _indexed(project: str | Path) -> Memory:
    memory = Memory.open(project)
    if backend_kind(memory.settings.backend).local and not memory.settings.store_path(memory.root).is_dir():
        raise IndexingError(f"there is no index in '{memory.root}'. Make one with: aurora index '{memory.root}'")
    return memory


def _notices(found: Mapping[str, SearchResults]) -> list[Notice]:
    """Return the notices of all projects; what one project lacks is no news unless all of them lack it."""
    shared = set.intersection(*({n.code for n in answer.notices if n.code in _ABSENT} for answer in found.values()))
    notices = []
    for name, answer in found.items():
        for notice in answer.notices:
            if notice.code not in _ABSENT:
                notices.append(replace(notice, text=f"{name}: {notice.text}"))
            elif notice.code in shared:
                shared.discard(notice.code)
                notices.append(replace(notice, text=notice.text.replace("in this project", "in these projects")))
    return notices


def _merged(found: dict[str, SearchResults], top_k: int) -> list[SearchResult]:
    nearest = {
        name: max((result.scores.get("vector", 0.0) for result in answer), default=0.0)
        for name, answer in found.items()
    }
    highest = max(nearest.values())
    comparable = all(answer.relevance is not None for answer in found.values()) or highest <= 0
    results: list[SearchResult] = []
    user_notes: set[str] = set()
    for name, answer in found.items():
        weight = 1.0 if comparable else nearest[name] / highest
        for result in answer:
            if result.metadata.get("scope") == "user":
                if result.id in user_notes:
                    continue  # the user's notes are among the results of every project
                user_notes.add(result.id)
            metadata = {**result.metadata, "project": name}
            results.append(replace(result, score=result.score * weight, metadata=metadata))
    return sorted(results, key=lambda result: -result.score)[:top_k]


def _folder_of(project: str | Path | Memory) -> str:
    return str(project.root if isinstance(project, Memory) else Path(project).expanduser().absolute())
