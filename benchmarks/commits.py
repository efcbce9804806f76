"""Measure how well the subject of a commit finds the files and functions that the commit changes.

    python benchmarks/commits.py [--mirror DIR] [--cache DIR] [--kept] [--limit N] [--projects A/B,C/D]
        [--half tuning|reporting] [--no-rerank] [--json FILE]

Each subject is searched in the tree before the commit. The commits are drawn with a fixed seed from the last 1,500 of
public projects in eleven languages; none is a merge, a release or an update of dependencies. Each changes one to eight
of the project's source files, tests not counted. Clones and stores are fetched and kept as by ``issues.py``, and the
columns of the table and the halves are the same.

A changed function is the innermost definition around a changed line. Commits that change more than eight functions
count for files only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from issue_data import add_store_arguments, is_chosen
from kept_stores import KeptStores, MissingCommitError, Repositories
from locating import KEYWORD, RERANKED, SEARCH, VECTOR, Outcome, Task, rows, search_all, table
from metrics import Span
from yardstick import report

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.factory import create_reranker
from aurora_dev.syntax.file_languages import language_of
from aurora_dev.syntax.guard import definitions

SAMPLES = 30  # commits of a project
NEWEST = 1_500
MOST_FILES = 8
MOST_FUNCTIONS = 8
LEAST_WORDS = 3
SEED = 20
# Subjects that say nothing about code.
_UNINFORMATIVE = re.compile(
    r"(?i)^(?:v?\d+\.\d|bump|release|version|prepare|merge|revert|update dep|upgrade dep|changelog|typo|fix typo|wip\b"
    r"|chore|build\(deps|\[maven|\[ci|format|go fmt|lint|fixup|squash|docs?:|work in progress|updat\w* version)"
)
_NUMBER = re.compile(r"\s*\((?:#|gh-)\d+\)\s*$")


@dataclass(frozen=True)
class Project:
    """A project to draw commits from.

    Attributes:
        head: The newest commit.
        sources: A regular expression for the paths of its source files, tests not included.
    """

    head: str
    sources: str


PROJECTS = {
    "sharkdp/bat": Project("2ba8db9c14e5794572f5ea338c2b90404c9769cb", r"^src/.*\.rs$"),
    "charmbracelet/bubbletea": Project("73b6d91ac1c3854dd4af046ab5f9e51d3b3b4290", r"^(?!examples/).*(?<!_test)\.go$"),
    "spf13/viper": Project("528f7416c4b56a4948673984b190bf8713f0c3c4", r"(?<!_test)\.go$"),
    "jqlang/jq": Project("579e6f76cffd7643ba4002a2c3618a5ea710589a", r"^(?:src/)?[^/]+\.(?:c|h|jq)$"),
    "fmtlib/fmt": Project("60ccad511fd680cb91d8b60a315759f71c67bef9", r"^(?:include|src)/.*\.(?:h|cc)$"),
    "jhy/jsoup": Project("46b620860af930eedc193a705eaf7cea5aec89a6", r"^src/main/.*\.java$"),
    "jekyll/jekyll": Project("202df571314ba1d18e9fccd81d12aaad4a703c38", r"^lib/.*\.rb$"),
    "immerjs/immer": Project("061c2425e1c9dff89e4e4189d42af1b7839dfe0a", r"^src/.*\.ts$"),
    "composer/composer": Project("eba7baa59eb1b59246cf9800b0120fe78915b6ac", r"^src/.*\.php$"),
    "pallets/jinja": Project("5ef70112a1ff19c05324ff889dd30405b1002044", r"^(?:src/)?jinja2/(?!testsuite/).*\.py$"),
    "chartjs/Chart.js": Project("cb02e1d207bd4c4c40b20c259017f85f26f1e30a", r"^src/.*\.[jt]s$"),
    "JoshClose/CsvHelper": Project("33970e5183383bdac1fbce3b3fbcdf46b318ca52", r"^src/CsvHelper/.*\.cs$"),
    "square/okio": Project("4164f2976ac7174f3d35d52150e8ffbdbe0acbec", r"^okio/.*(?:[mM]ain|/java)/.*\.(?:kt|java)$"),
}


@dataclass(frozen=True)
class Change:
    """A commit that may be drawn, and the source files that it changes or removes."""

    commit: str
    parent: str
    subject: str
    files: tuple[str, ...]


def changes(repositories: Repositories, name: str) -> Iterator[Change]:
    """Yield the commits of a project that may be drawn, the newest first."""
    project = PROJECTS[name]
    options = ["--no-merges", f"-{NEWEST}", "--name-status", "--no-renames", "--format=%x01%H %P%x02%s"]
    for entry in repositories.log(name, project.head, *options).split("\x01")[1:]:
        head, _, rest = entry.partition("\x02")
        subject, *changed = rest.splitlines()
        subject = _NUMBER.sub("", subject)
        files = tuple(
            path
            for status, _, path in (line.partition("\t") for line in changed)
            if status in ("M", "D") and re.search(project.sources, path)
        )
        commit, *parents = head.split()
        informative = len(subject.split()) >= LEAST_WORDS and not _UNINFORMATIVE.search(subject)
        if informative and 1 <= len(files) <= MOST_FILES and len(parents) == 1:
            yield Change(commit, parents[0], subject, files)


def drawn(repositories: Repositories, name: str) -> list[Task]:
    """Draw the commits of a project."""
    found = list(changes(repositories, name))
    chosen = random.Random(f"{SEED} {name}").sample(found, min(SAMPLES, len(found)))
    return [
        Task(
            change.commit,
            name,
            change.parent,
            {"subject": change.subject},
            change.files,
            changed_functions(repositories, name, change),
        )
        for change in chosen
    ]


def changed_functions(repositories: Repositories, name: str, change: Change) -> tuple[Span, ...]:
    """Return the lines of the innermost definitions around the changed lines; none if there are too many."""
    found: set[Span] = set()
    for path in change.files:
        source, language = repositories.read(name, change.parent, path), language_of(path)
        if source is None or language is None:
            continue
        defined = definitions(source.encode("utf-8"), language)
        for first, last in repositories.changed_lines(name, change.commit, path):
            for line in range(first, last + 1):
                around = [one for one in defined if one.start_line <= line <= one.end_line]
                if around:
                    inner = min(around, key=lambda one: one.end_line - one.start_line)
                    found.add(Span(path, inner.start_line, inner.end_line))
    return tuple(sorted(found)) if len(found) <= MOST_FUNCTIONS else ()


async def measure(arguments: argparse.Namespace) -> list[Outcome]:
    reranker = None if arguments.no_rerank else create_reranker("bundled")
    repositories = Repositories(arguments.cache, arguments.mirror)
    stores = KeptStores(repositories, StaticEmbedder.bundled(), reranker)
    ways = [KEYWORD, VECTOR, SEARCH, *([RERANKED] if reranker is not None else [])]
    outcomes: list[Outcome] = []
    for name in [name for name in PROJECTS if is_chosen(arguments, name)]:
        try:
            tasks = drawn(repositories, name)[: arguments.limit]
            if not arguments.kept:
                await stores.make(name, [task.commit for task in tasks])
        except MissingCommitError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        tasks = [task for task in tasks if stores.is_kept(name, task.commit)]
        print(f"{name}: {len(tasks)} commits", file=sys.stderr, flush=True)
        for task in tasks:
            async with stores.open(name, task.commit) as store:
                outcomes += await search_all(store, task, ways)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_store_arguments(parser)
    parser.add_argument("--no-rerank", action="store_true", help="leave out the bundled reranker")
    arguments = parser.parse_args()
    report("commit", asyncio.run(measure(arguments)), table, partial(rows, "commits"), arguments.json)


if __name__ == "__main__":
    main()
