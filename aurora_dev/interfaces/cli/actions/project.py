"""What each command of the command line does: from its arguments to what it prints."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from aurora_dev.config import Settings, find_project
from aurora_dev.core.types import SearchMode, SearchOptions, SearchResults
from aurora_dev.errors import IndexingError, InvalidFilterError, InvalidRequestError
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.lines import cut
from aurora_dev.interfaces.cli.output.process import EXIT_NOTHING_FOUND, EXIT_OK, say
from aurora_dev.interfaces.cli.output.progress import progress_display
from aurora_dev.log import configure_logging
from aurora_dev.memory import Memory, MemoryStatus

if TYPE_CHECKING:
    from aurora_dev.indexing.report import IndexReport

_SHOWN_QUERY_CHARS = 80  # of a query that found nothing; a pasted file would fill the screen


def run_index(path: Path | None, *, full: bool, reembed: bool, mask: bool, as_json: bool) -> int:
    """Index a project and report what changed."""
    root, settings = project_to_index(path, **({} if mask else {"mask_secrets": False}))

    async def work() -> tuple[IndexReport, bool]:
        async with Memory.open(root, settings=settings) as memory:
            with progress_display(quiet=as_json) as display:
                report = await memory.index(display.files, full=full, reembed=reembed, reembed_progress=display.vectors)
            return report, await memory.store.embedder_matches()

    report, has_vectors = asyncio.run(work())
    if as_json:
        print_text(render.to_json({"project": str(root.absolute()), **asdict(report)}))
    else:
        print_text(render.report_text(root, report))
    if not has_vectors:
        say("note: the stored vectors are of another embedder: keywords alone find it all. Run: aurora index --reembed")
    return EXIT_OK


def project_to_index(path: Path | None, **arguments: Any) -> tuple[Path, Settings]:
    """Return the folder that a command indexes, which need not have an index yet, and its settings."""
    here = _folder(path) if path else _current_folder()
    root = here if path else find_project(here, within_repository=True) or here
    return root, _settings(root, **arguments)


def run_search(
    query: str,
    path: Path | None,
    *,
    top_k: int,
    mode: str,
    rerank: bool,
    mmr: bool,
    filter_text: str | None,
    explain: bool,
    as_json: bool,
) -> int:
    """Search a project and print what was found."""
    options = SearchOptions(mode=cast(SearchMode, mode), mmr=mmr)
    filter = _filter(filter_text)
    root, settings = indexed_project(path)

    async def work() -> tuple[SearchResults, bool]:
        async with Memory.open(root, settings=settings) as memory:
            results = await memory.search(query, top_k, rerank=rerank, filter=filter, options=options)
            return results, not results and await memory.store.count() == 0

    results, nothing_stored = asyncio.run(work())
    if as_json:
        print_text(render.to_json(render.results_as_data(query, root, results)))
        return EXIT_OK if results else EXIT_NOTHING_FOUND
    if results and render.stdout_is_terminal():
        from rich.console import Console

        render.print_results(Console(), query, root, results, explain=explain)
    elif results:
        print_text(render.plain_results(query, root, results, explain=explain), end="")
    for notice in results.notices:
        say(f"note: {notice.text}")
    if nothing_stored:
        say(f"nothing is stored for {render.shown_path(root)}. Index it with: {_index_command(path)}")
    elif not results:
        asked = cut(query, _SHOWN_QUERY_CHARS)
        say(f"nothing was found for '{asked}' in {render.shown_path(root)}; try other words, or: aurora status")
    if not results:
        return EXIT_NOTHING_FOUND
    return EXIT_OK


def run_status(path: Path | None, *, as_json: bool) -> int:
    """Print what is stored and how well it works."""
    root, settings = indexed_project(path)

    async def work() -> MemoryStatus:
        async with Memory.open(root, settings=settings) as memory:
            return await memory.status()

    status = asyncio.run(work())
    print_text(render.to_json(asdict(status)) if as_json else render.status_text(status))
    return EXIT_OK


def _folder(path: Path) -> Path:
    if not path.is_dir():
        what = "is a file; name its folder" if path.exists() else "does not exist"
        raise InvalidRequestError(f"'{path}' {what}: nothing was done")
    return path


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError as error:  # it was removed, or may not be read
        raise InvalidRequestError(f"the current folder cannot be read ({error.strerror}): nothing was done") from None


def _index_command(path: Path | None) -> str:
    return "aurora index" if path is None else f"aurora index {shlex.quote(str(path))}"


def _settings(root: Path, **arguments: Any) -> Settings:
    settings = Settings.load(root, **arguments)
    configure_logging(settings.log, settings.log_format)
    return settings


def indexed_project(path: Path | None) -> tuple[Path, Settings]:
    """Return the project at or above a folder that has an index, and its settings.

    Raises:
        IndexingError: There is no index; the text says how to make one.
    """
    start = _folder(path) if path is not None else _current_folder()
    root = find_project(start)
    settings = _settings(root) if root is not None else None
    if root is None or settings is None or not settings.store_path(root).is_dir():
        where = f"in '{render.shown_path(root or start)}'" + ("" if root else " or above it")
        raise IndexingError(f"there is no index {where}. Make one with: {_index_command(path)}")
    return root, settings


def named_project(path: Path) -> tuple[Path, Settings]:
    """Return a folder that was named on purpose, where a memory may begin, and its settings."""
    return _folder(path), _settings(_folder(path))


def _filter(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # what is nested too deeply raises the second
        raise InvalidFilterError(
            f'--filter is not JSON ({error}). Write it as: --filter \'{{"language": "python"}}\''
        ) from None
    if not isinstance(value, dict):
        raise InvalidFilterError(f'--filter must be a JSON object such as \'{{"language": "python"}}\', not {text}')
    return value


def print_text(text: str, end: str = "\n") -> None:
    """Write to standard output, where there is one."""
    if sys.stdout is not None:
        sys.stdout.write(text + end)
        sys.stdout.flush()
