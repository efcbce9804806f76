"""``aurora search``: search a project and print the results."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

from aurora_dev.core.types import SearchMode, SearchOptions, SearchResults
from aurora_dev.errors import InvalidFilterError
from aurora_dev.interfaces.cli.actions.project import index_command, indexed_project, shown_folder
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_NOTHING_FOUND, EXIT_OK
from aurora_dev.interfaces.cli.output.search_results import plain_results, print_results, results_as_data
from aurora_dev.interfaces.cli.output.streams import print_text, say, stdout_is_terminal
from aurora_dev.memory import Memory

_SHOWN_QUERY_CHARS = 80  # of a query without results; a pasted file would fill the screen


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
    """Search a project and print the results."""
    options = SearchOptions(mode=cast(SearchMode, mode), mmr=mmr)
    filter = _parse_filter(filter_text)
    root, settings = indexed_project(path)

    async def work() -> tuple[SearchResults, bool]:
        async with Memory.open(root, settings=settings) as memory:
            results = await memory.search(query, top_k, rerank=rerank, filter=filter, options=options)
            return results, not results and await memory.store.count() == 0

    results, nothing_stored = asyncio.run(work())
    if as_json:
        print_text(render.to_json(results_as_data(query, root, results)))
        return EXIT_OK if results else EXIT_NOTHING_FOUND
    if results and stdout_is_terminal():
        from rich.console import Console

        print_results(Console(), query, root, results, explain=explain)
    elif results:
        print_text(plain_results(query, root, results, explain=explain), end="")
    for notice in results.notices:
        say(f"note: {notice.text}")
    if nothing_stored:
        say(f"nothing is stored for {shown_folder(root)}. Index it with: {index_command(path)}")
    elif not results:
        shown = render.cut(query, _SHOWN_QUERY_CHARS)
        say(f"nothing was found for '{shown}' in {shown_folder(root)}. Try other words, or run: aurora status")
    if not results:
        return EXIT_NOTHING_FOUND
    return EXIT_OK


def _parse_filter(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # RecursionError: nested too deeply
        raise InvalidFilterError(
            f'--filter is not JSON ({error}): nothing was searched. Write it as: --filter \'{{"language": "python"}}\''
        ) from None
    if not isinstance(value, dict):
        raise InvalidFilterError(
            f'--filter must be a JSON object such as \'{{"language": "python"}}\', not {text}: nothing was searched'
        )
    return value
