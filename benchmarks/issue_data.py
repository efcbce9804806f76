"""The issues of the benchmarks ``issues.py`` and ``edits.py``, with what they need of the repositories."""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kept_stores import KeptStores, Kind, MissingCommitError, Repositories
from locating import REPORTING, TUNING, Task, half_of
from metrics import Span
from packages import CACHE

WHOLE, TITLE = "whole text", "title"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose the issues and name the folders."""
    parser.add_argument("data", type=Path, help="folder with issues.jsonl.gz")
    add_store_arguments(parser)


def add_store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose projects and name the folders."""
    parser.add_argument(
        "--cache", type=Path, default=CACHE / "issues", help="keeps clones, stores and semble's results"
    )
    parser.add_argument("--mirror", type=Path, help="folder of local clones, OWNER+NAME/repo (default: fetch them)")
    parser.add_argument("--projects", help="only these: OWNER/NAME, separated by commas")
    parser.add_argument("--half", choices=(TUNING, REPORTING), help="only projects of this half")
    parser.add_argument("--limit", type=int, help="at most so many issues, or commits of each project")
    parser.add_argument("--kept", action="store_true", help="only trees whose stores are kept: index nothing")
    parser.add_argument("--json", type=Path, help="also write every outcome to this file")


def is_chosen(arguments: argparse.Namespace, repository: str) -> bool:
    """Return whether the arguments choose a project."""
    named = arguments.projects is None or repository in arguments.projects.split(",")
    return named and arguments.half in (None, half_of(repository))


def read_issues(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the chosen issues, by project; projects with many issues come first."""
    with gzip.open(arguments.data / "issues.jsonl.gz", "rt", encoding="utf-8") as lines:
        issues: list[dict[str, Any]] = [json.loads(line) for line in lines]
    counts = Counter(issue["repo"] for issue in issues)
    issues = [issue for issue in issues if is_chosen(arguments, issue["repo"])]
    issues.sort(key=lambda issue: (-counts[issue["repo"]], issue["repo"], issue["id"]))
    return issues


async def prepared(
    stores: KeptStores,
    issues: Sequence[dict[str, Any]],
    *,
    kept: bool,
    limit: int | None = None,
    kinds: Sequence[Kind] = ("files",),
) -> list[Task]:
    """Make the stores of the issues, and return the tasks; say on stderr which issues are left out.

    Args:
        stores: The stores.
        issues: The issues.
        kept: Whether to use only stores that are kept.
        limit: The greatest number of issues to prepare; with ``kept``, of tasks to return.
        kinds: The kinds of stores to make.
    """
    issues = issues if kept else issues[:limit]
    by_project: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for issue in issues:
        by_project[issue["repo"]].append(issue)
    tasks: list[Task] = []
    left_out: Counter[str] = Counter()
    for number, (name, group) in enumerate(by_project.items(), start=1):
        commits = [issue["base_commit"] for issue in group]
        try:
            stores.repositories.clone(name)
            if not kept:
                print(f"{number}/{len(by_project)} {name}: {len(set(commits))} trees", file=sys.stderr, flush=True)
                for kind in kinds:
                    await stores.make(name, commits, kind)
        except MissingCommitError:
            left_out["no clone"] += len(group)
            continue
        for issue in group:
            if not all(stores.is_kept(name, issue["base_commit"], kind) for kind in kinds):
                left_out["no store" if kept else "no such commit"] += 1
            elif (task := task_of(issue, stores.repositories)) is None:
                left_out["no changed file existed before"] += 1
            else:
                tasks.append(task)
    print(f"{len(tasks)} issues of {len(issues)}; left out: {dict(left_out)}", file=sys.stderr)
    return tasks[:limit]


def task_of(issue: dict[str, Any], repositories: Repositories) -> Task | None:
    """Return the task of an issue; ``None`` if the tree has none of the files.

    Files and functions that the fix adds cannot be found in the tree, and do not count.
    """
    name, commit = issue["repo"], issue["base_commit"]
    sources = {path: repositories.read(name, commit, path) for path in issue["files"]}
    files = tuple(path for path, source in sources.items() if source is not None)
    if not files:
        return None
    wanted: dict[str, set[str]] = defaultdict(set)
    for function in issue["functions"]:
        path, _, symbol = function.rpartition(":")
        wanted[path].add(symbol)
    functions = [
        Span(path, first, last)
        for path, symbols in wanted.items()
        for symbol, first, last in python_definitions(sources.get(path) or "")
        if symbol in symbols
    ]
    edits = {path: tuple((first, last) for first, last in spans) for path, spans in issue["edits"].items()}
    title, _, _ = issue["text"].strip().partition("\n")
    queries = {WHOLE: issue["text"], TITLE: title}
    return Task(issue["id"], name, commit, queries, files, tuple(dict.fromkeys(functions)), edits)


def python_definitions(source: str) -> Iterator[tuple[str, int, int]]:
    """Yield the qualified name and the lines (1-based, decorators included) of each function and class."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, prefix = waiting.pop()
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                yield prefix + child.name, first, child.end_lineno or child.lineno
                inner = f"{prefix}{child.name}."
            waiting.append((child, inner))
