"""``aurora search``: search a project and print the results."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from aurora_dev.core.record_kinds import is_chunk
from aurora_dev.core.scope.scope import SearchScope, SearchSource
from aurora_dev.core.text.visible import visible
from aurora_dev.core.types import SearchMode, SearchOptions, SearchResults
from aurora_dev.errors import InvalidFilterError, InvalidRequestError
from aurora_dev.interfaces.cli.actions.project import index_command, indexed_project, shown_folder
from aurora_dev.interfaces.cli.actions.surroundings import MOST_AROUND, Around, lines_around, with_lines_around
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_NOTHING_FOUND, EXIT_OK
from aurora_dev.interfaces.cli.output.search_results import plain_results, print_results, results_as_data
from aurora_dev.interfaces.cli.output.streams import print_text, say, stdout_is_terminal
from aurora_dev.memory import Memory

_SHOWN_QUERY_CHARS = 80  # of a query without results; a pasted file would fill the screen
_OPTIONS: Final = {
    "languages": "--lang",
    "paths": "--in",
    "sources": "--only",
    "tests": "--no-tests",
    "min_score": "--min-score",
    "filter": "--filter",
    "all": "all options together",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The conditions of a search, as they were typed; see `SearchScope`."""

    languages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tests: bool = True
    min_score: float = 0.0
    similar_to: str | None = None
    filter_text: str | None = None

    def scope(self, folder: str, *, files_only: bool) -> SearchScope:
        """Return the checked scope.

        Args:
            folder: The current folder, relative to the project.
            files_only: Whether only results of files can be shown.
        """
        sources = self.sources
        if files_only:
            sources = tuple(each for each in sources or ("code", "docs") if each.strip().lower() in ("code", "docs"))
            if not sources:
                raise InvalidRequestError(
                    f"--files prints the paths of files, and {' and '.join(self.sources)} are in none: leave one out"
                )
        return SearchScope(
            languages=self.languages,
            paths=self.paths,
            sources=cast(tuple[SearchSource, ...], sources),
            tests=self.tests,
            min_score=self.min_score,
            similar_to=self.similar_to,
            folder=folder,
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """The parts of the results to print.

    Attributes:
        around: How many lines of the file to show around each result; ``None`` shows the best lines of each.
        files: Whether to print the paths of files alone.
        explain: Whether to print scores and timings.
        as_json: Whether to print JSON.
    """

    around: int | None = None
    files: bool = False
    explain: bool = False
    as_json: bool = False

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            InvalidRequestError: Two of the options exclude each other, or the number of lines is out of range.
        """
        others = {"--context": self.around is not None, "--explain": self.explain, "--json": self.as_json}
        other = next((name for name, given in others.items() if given), None)
        if self.files and other:
            raise InvalidRequestError(f"--files prints paths alone: leave out --files or {other}. Nothing was searched")
        if self.around is not None and not 0 <= self.around <= MOST_AROUND:
            raise InvalidRequestError(f"--context must be from 0 to {MOST_AROUND:,} lines, not {self.around}")


def run_search(
    query: str,
    path: Path | None,
    wanted: Wanted,
    shown: Shown,
    *,
    top_k: int,
    mode: str,
    rerank: bool,
    mmr: bool,
) -> int:
    """Search a project and print the results."""
    shown.check()
    if not query and wanted.similar_to is None:
        raise InvalidRequestError("the query is empty: give QUERY, or --similar-to PATH:LINE")
    options = SearchOptions(mode=cast(SearchMode, mode), mmr=mmr)
    filter = _parse_filter(wanted.filter_text)
    wanted.scope("", files_only=shown.files)  # a wrong option is an error even where no project is
    root, settings = indexed_project(path)
    scope = wanted.scope(_current_folder_in(root), files_only=shown.files)

    async def work() -> tuple[SearchResults, bool]:
        async with Memory.open(root, settings=settings) as memory:
            if (scope.paths or scope.similar_to) and not await memory.store.count():
                return SearchResults(), True  # no path is known, which is not the mistake
            results = await memory.search(
                query,
                top_k,
                rerank=rerank,
                filter=filter,
                options=options,
                scope=scope if filter or scope.given() else None,  # what a filter leaves out is counted, too
            )
            return results, not results and await memory.store.count() == 0

    results, nothing_stored = asyncio.run(work())
    problems = _print(query, root, results, shown, mask=settings.mask_secrets)
    code = EXIT_OK if results.matched else EXIT_NOTHING_FOUND
    if shown.as_json:
        return code
    for notice in results.notices:
        say(f"note: {notice.text}")
    for file, problem in problems.items():
        say(f"note: no lines are shown around the results in '{file}': it {problem}")
    if nothing_stored:
        say(f"nothing is stored for {shown_folder(root)}. Index it with: {index_command(path)}")
    elif not results:
        asked = f" for '{render.cut(query, _SHOWN_QUERY_CHARS)}'" if query.strip() else ""
        like = f" like {wanted.similar_to}" if wanted.similar_to else ""
        say(f"nothing was found{asked}{like} in {shown_folder(root)}. {_advice(results.left_out)}")
    return code


def _print(query: str, root: Path, results: SearchResults, shown: Shown, *, mask: bool) -> Mapping[str, str]:
    """Print results; return why there are no lines around some, by the path of the file."""
    around: dict[str, Around] = {}
    problems: dict[str, str] = {}
    if shown.around is not None:
        around, problems = lines_around(results, root, shown.around, mask=mask)
    if shown.as_json:
        data = results_as_data(query, root, results)
        if shown.around is not None:
            for item in data["results"]:
                lines = around.get(item["id"])
                item["before"] = None if lines is None else list(lines.before)
                item["after"] = None if lines is None else list(lines.after)
            data["not_shown_around"] = dict(problems)
        print_text(render.to_json(data))
        return problems
    if shown.files:
        paths = dict.fromkeys(str(result.metadata["path"]) for result in results if is_chunk(result.metadata))
        for each in paths:
            name = render.shown_path(root / each)
            print_text(visible(name) if stdout_is_terminal() else name)
        return problems
    whole = shown.around is not None
    if whole:
        results = results.replace([with_lines_around(result, around.get(result.id)) for result in results])
    if results and stdout_is_terminal():
        from rich.console import Console

        print_results(Console(), query, root, results, explain=shown.explain, whole=whole)
    elif results:
        print_text(plain_results(query, root, results, explain=shown.explain, whole=whole), end="")
    return problems


def _advice(left_out: Mapping[str, int]) -> str:
    """Return what was left out by which option, or what to try where nothing was."""
    parts = [f"{_OPTIONS[name]} left out {render.counted(count, 'result')}" for name, count in left_out.items()]
    return f"{'; '.join(parts)}" if parts else "Try other words, or run: aurora status"


def _current_folder_in(root: Path) -> str:
    """Return the current folder relative to a project, or an empty text if it is elsewhere."""
    try:
        here = Path.cwd()
    except OSError:
        return ""
    for base, folder in ((root.absolute(), here), (root.resolve(), here.resolve())):
        if folder.is_relative_to(base):
            relative = folder.relative_to(base).as_posix()
            return "" if relative == "." else relative
    return ""


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
