"""``aurora search``: search a project and print the results."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from aurora_dev.config import Settings, projects_named
from aurora_dev.core.record_kinds import is_chunk
from aurora_dev.core.scope.scope import SearchScope, SearchSource
from aurora_dev.core.text.visible import visible
from aurora_dev.core.types import SearchMode, SearchOptions, SearchResults
from aurora_dev.errors import InvalidFilterError, InvalidRequestError
from aurora_dev.interfaces.cli.actions.project import index_command, indexed_project, shown_folder
from aurora_dev.interfaces.cli.actions.surroundings import MOST_AROUND, Around, lines_around, with_lines_around
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_NOTHING_FOUND, EXIT_OK
from aurora_dev.interfaces.cli.output.search_results import plain_results, print_results, project_of, results_as_data
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


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer of a search in one project or several.

    Attributes:
        results: The results; those of several projects hold their project in ``metadata["project"]``.
        masked: Whether each project's credentials are masked, by its folder.
        nothing_stored: Whether the only project has no record.
    """

    results: SearchResults
    masked: Mapping[Path, bool]
    nothing_stored: bool = False

    @property
    def root(self) -> Path | None:
        """The folder of the only project; ``None`` for several."""
        return next(iter(self.masked)) if len(self.masked) == 1 else None


def run_search(
    query: str,
    path: Path | None,
    wanted: Wanted,
    shown: Shown,
    *,
    projects: Sequence[str] = (),
    top_k: int,
    mode: str,
    rerank: bool,
    mmr: bool,
) -> int:
    """Search a project, or several, and print the results.

    Args:
        query: The query.
        path: A folder of the project; ``None`` for the current folder.
        wanted: The conditions.
        shown: The parts of the results to print.
        projects: Folders of projects, or names of groups, instead of the one project.
        top_k: The number of results.
        mode: The candidate lists.
        rerank: Whether to rerank.
        mmr: Whether to diversify.
    """
    shown.check()
    if not query and wanted.similar_to is None:
        raise InvalidRequestError("the query is empty: give QUERY, or --similar-to PATH:LINE")
    if projects and (path is not None or wanted.similar_to is not None):
        other = "--path" if path is not None else "--similar-to"
        raise InvalidRequestError(f"{other} concerns one project and --project several: leave one out")
    options = SearchOptions(mode=cast(SearchMode, mode), mmr=mmr)
    filter = _parse_filter(wanted.filter_text)
    wanted.scope("", files_only=shown.files)  # a wrong option is an error even where no project is

    def scope_in(folder: str) -> SearchScope | None:
        scope = wanted.scope(folder, files_only=shown.files)
        return scope if filter or scope.given() else None  # what a filter leaves out is counted, too

    async def search_one(root: Path, settings: Settings) -> _Answer:
        masked = {root: settings.mask_secrets}
        scope = scope_in(_current_folder_in(root))
        async with Memory.open(root, settings=settings) as memory:
            if scope is not None and (scope.paths or scope.similar_to) and not await memory.store.count():
                return _Answer(SearchResults(), masked, True)  # no path is known, which is not the mistake
            results = await memory.search(query, top_k, rerank=rerank, filter=filter, options=options, scope=scope)
            return _Answer(results, masked, not results and await memory.store.count() == 0)

    async def search_several(roots: Sequence[Path]) -> _Answer:
        from aurora_dev.memory.search_projects import search_projects

        results = await search_projects(
            roots, query, top_k, rerank=rerank, filter=filter, options=options, scope=scope_in("")
        )
        return _Answer(results, {root: Settings.load(root).mask_secrets for root in roots if root.is_dir()})

    if projects:
        answer = asyncio.run(search_several(projects_named(projects)))
    else:
        answer = asyncio.run(search_one(*indexed_project(path)))
    return _report(query, path, wanted, shown, answer)


def _report(query: str, path: Path | None, wanted: Wanted, shown: Shown, answer: _Answer) -> int:
    """Print an answer and return the exit code."""
    results = answer.results
    problems = _print(query, results, shown, answer)
    code = EXIT_OK if results.matched else EXIT_NOTHING_FOUND
    if shown.as_json:
        return code
    for notice in results.notices:
        say(f"note: {notice.text}")
    for file, problem in problems.items():
        say(f"note: no lines are shown around the results in '{file}': it {problem}")
    where = f"{len(answer.masked)} projects" if answer.root is None else shown_folder(answer.root)
    if answer.nothing_stored:
        say(f"nothing is stored for {where}. Index it with: {index_command(path)}")
    elif not results:
        asked = f" for '{render.cut(query, _SHOWN_QUERY_CHARS)}'" if query.strip() else ""
        like = f" like {wanted.similar_to}" if wanted.similar_to else ""
        say(f"nothing was found{asked}{like} in {where}. {_advice(results.left_out)}")
    return code


def _print(query: str, results: SearchResults, shown: Shown, answer: _Answer) -> Mapping[str, str]:
    """Print results; return why there are no lines around some, by the path of the file."""
    root = answer.root
    around: dict[str, Around] = {}
    problems: dict[str, str] = {}
    if shown.around is not None:
        for project, mask in answer.masked.items():
            part = [result for result in results if project_of(result, root) == project]
            found, missing = lines_around(part, project, shown.around, mask=mask)
            around.update(found)
            problems.update(missing)
    if shown.as_json:
        data = results_as_data(query, list(answer.masked), results)
        if shown.around is not None:
            for item in data["results"]:
                lines = around.get(item["id"])
                item["before"] = None if lines is None else list(lines.before)
                item["after"] = None if lines is None else list(lines.after)
            data["not_shown_around"] = dict(problems)
        print_text(render.to_json(data))
        return problems
    if shown.files:
        files = (
            project_of(result, root) / str(result.metadata["path"]) for result in results if is_chunk(result.metadata)
        )
        for file in dict.fromkeys(files):
            name = render.shown_path(file)
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
