"""``aurora doctor``: try every part once, and report what is wrong and how to fix it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from aurora_dev.config import Settings, find_project, unknown_environment
from aurora_dev.core.factory import BACKENDS, LOCAL_BACKEND, backend_kind
from aurora_dev.core.text.visible import visible
from aurora_dev.errors import AuroraError
from aurora_dev.interfaces.cli.actions.install import is_connected
from aurora_dev.interfaces.cli.output.doctor_report import Check, checks_as_json, checks_text
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_OK, EXIT_PROBLEMS
from aurora_dev.interfaces.cli.output.render import counted, shown_path
from aurora_dev.interfaces.cli.output.streams import print_text
from aurora_dev.interfaces.hooks.journal import read_log
from aurora_dev.interfaces.install.clients import CLIENTS
from aurora_dev.memory import Memory
from aurora_dev.version import installed_version, package_folder

_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 10), (3, 13)
_LEAST_FREE_BYTES = 200 * 1024 * 1024  # the index of a large project, and its copy during a rebuild
_OF_BACKENDS = {kind.extra: kind.package for kind in BACKENDS.values() if kind.extra and kind.package}
_HOOK_DAYS = 7
_EXTRAS = {"mcp": "mcp", **_OF_BACKENDS, "rerank": "sentence_transformers"}
_TRIAL_TEXT = 'def verify_signature(token):\n    """Check who signed a token."""\n    return token\n'


def run_doctor(path: Path | None, *, as_json: bool) -> int:
    """Run every check and print the results. The store is checked if the folder belongs to an indexed project."""
    here = (path or Path.cwd()).absolute()
    checks = list(_checks(here))
    print_text(checks_as_json(checks) if as_json else checks_text(checks))
    return EXIT_PROBLEMS if any(check.state == "problem" for check in checks) else EXIT_OK


def _checks(here: Path) -> Iterator[Check]:
    yield _python()
    yield Check("aurora", "ok", f"{installed_version()}, {package_folder()}")
    root = find_project(here)
    try:
        settings = Settings.load(root or here)
    except AuroraError as error:
        yield Check("settings", "problem", str(error), "correct it; the checks below use the defaults")
        settings = Settings()
    else:
        given = sorted(name for name, source in settings.sources().items() if source.kind != "default")
        yield Check("settings", "ok", f"set: {', '.join(given)}" if given else "all defaults")
    for variable in unknown_environment():
        fix = "correct its name, or remove it"
        yield Check("settings", "warning", f"the environment variable {variable} is not a setting of Aurora", fix)
    yield from _report_errors("token counts", _token_counts)
    yield from _report_errors("languages", _languages)
    yield from _report_errors("search", lambda: _trial_search(settings))
    yield from _report_errors("project", lambda: _project(root, here, settings))
    yield _git()
    yield from _extras()
    yield from _clients(root or here)
    yield from _report_errors("hooks", lambda: _hooks(root, settings))


def _report_errors(name: str, check: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from check()
    except AuroraError as error:
        yield Check(name, "problem", str(error), "follow the message, then run: aurora doctor")
    except Exception as error:  # noqa: BLE001 - any failure here is a finding to report
        fix = "reinstall: pip install --force-reinstall aurora-dev"
        yield Check(name, "problem", f"{type(error).__name__}: {error}", fix)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if _OLDEST_PYTHON <= sys.version_info[:2] <= _NEWEST_PYTHON:
        return Check("python", "ok", f"{version}, {sys.executable}")
    return Check("python", "warning", f"{version} has not been tested", "use Python 3.10 to 3.13")


def _token_counts() -> Iterator[Check]:
    from aurora_dev.core.tokens import create_counter

    for encoding in ("o200k_base", "cl100k_base"):
        create_counter(encoding=encoding).count("one two")
    yield Check("token counts", "ok", "o200k_base and cl100k_base, offline")


def _languages() -> Iterator[Check]:
    from aurora_dev.indexing.chunking.chunker import chunk_text

    documents = chunk_text(_TRIAL_TEXT, "trial.py")
    if not any(document.metadata.get("symbol") == "verify_signature" for document in documents):
        fix = "reinstall: pip install --force-reinstall tree-sitter tree-sitter-language-pack"
        yield Check("languages", "problem", "definitions are not found in source code", fix)
    else:
        yield Check("languages", "ok", "definitions are read from source code")


def _trial_search(settings: Settings) -> Iterator[Check]:
    """Index and search a project of one file in a temporary folder, with the configured models."""
    with tempfile.TemporaryDirectory(prefix="aurora-doctor-") as folder:
        root = Path(folder)
        (root / "trial.py").write_text(_TRIAL_TEXT, encoding="utf-8")
        local = settings.model_copy(update={"backend": LOCAL_BACKEND, "store": None, "namespace": "trial"})

        async def work() -> tuple[bool, str | None, str, str | None]:
            async with Memory.open(root, settings=local) as memory:
                await memory.index()
                results = await memory.search("who signed it", 1)
                reranker = memory.store.reranker
                name = reranker.name if reranker else None
                return bool(results), results.degraded, memory.store.embedder.name, name

        found, degraded, embedder, reranker = asyncio.run(work())
    if not found:
        yield Check(
            "search", "problem", f"a search with {embedder} does not find an indexed file", "reinstall aurora-dev"
        )
    else:
        yield Check("search", "ok", f"a new index finds its file; embedder {embedder}")
    if degraded:
        yield Check("reranker", "problem", degraded, "follow the message, or set AURORA_RERANKER=none")
    elif reranker is None:
        yield Check("reranker", "ok", "none configured")
    else:
        yield Check("reranker", "ok", f"{reranker} reranks")


def _project(root: Path | None, here: Path, settings: Settings) -> Iterator[Check]:
    if root is None or (backend_kind(settings.backend).local and not settings.store_path(root).is_dir()):
        where = visible(shown_path(root or here))
        yield Check("project", "warning", f"there is no index in '{where}' or above it", "run: aurora index")
        return

    async def work() -> Iterator[Check]:
        async with Memory.open(root, settings=settings) as memory:
            status = await memory.status()
        size = f"{counted(status.records, 'record')} of {counted(status.files, 'file')}"
        summary = f"{shown_path(root)}: {size}, {status.backend['kind']}"
        found = [Check("project", "ok", summary)]
        # Problems that the trial search and the check of the environment report already.
        reported = {"no_reranker", "reranker_unavailable", "unknown_variable", "embedder_failed"}
        for problem in status.problems:
            if problem.code not in reported:
                found.append(Check("project", "warning", problem.text, problem.fix))
        return iter(found)

    yield from asyncio.run(work())
    if backend_kind(settings.backend).local:
        yield from _disk(settings.store_path(root))


def _disk(folder: Path) -> Iterator[Check]:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        fix = "make the folder writable, to index and remember; searches still work"
        yield Check("disk", "warning", f"{folder} cannot be written ({error.strerror})", fix)
        return
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        yield Check("disk", "warning", f"{free / 1e6:,.0f} MB are free in {folder}", "free some space before indexing")
    else:
        yield Check("disk", "ok", f"{free / 1e9:,.1f} GB are free")


def _git() -> Check:
    found = shutil.which("git")
    if found:
        return Check("git", "ok", found)
    return Check("git", "warning", "git was not found, so commits are not indexed", "install git to search commits")


def _extras() -> Iterator[Check]:
    for extra, package in _EXTRAS.items():
        if importlib.util.find_spec(package) is None:
            yield Check(f"extra {extra}", "ok", f"not installed; to install it: pip install 'aurora-dev[{extra}]'")
            continue
        try:
            version = importlib.metadata.version(package.replace("_", "-"))
        except importlib.metadata.PackageNotFoundError:
            version = "(unknown version)"
        yield Check(f"extra {extra}", "ok", f"{package} {version}")


def _clients(root: Path) -> Iterator[Check]:
    connected = []
    for client in CLIENTS.values():
        connected += [f"{client.title} ({scope})" for scope in client.scopes if is_connected(client, scope, root)]
    if connected:
        yield Check("assistants", "ok", f"connected: {', '.join(connected)}")
    else:
        yield Check("assistants", "ok", "none connected; connect one with: aurora install CLIENT")


def _hooks(root: Path | None, settings: Settings) -> Iterator[Check]:
    """Report what assistants' hooks did in the last days, from their log."""
    if root is None:
        return
    since = time.time() - _HOOK_DAYS * 86_400
    runs = [run for run in read_log(str(settings.store_path(root) / "state")) if run.time >= since]
    if not runs:
        return
    answered = sorted(run.milliseconds for run in runs if run.event == "prompt")
    text = f"{counted(len(runs), 'run')} in the last {_HOOK_DAYS} days"
    if answered:
        text += f"; prompts were answered in {answered[len(answered) // 2]} ms, half of them"
    yield Check("hooks", "ok", text)
    failed = [run for run in runs if run.failed]
    if failed:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(failed[-1].time))
        last = f"{failed[-1].event} of {failed[-1].client} at {when}: {failed[-1].outcome}"
        fix = "the assistant was not disturbed; follow the message if it comes again"
        yield Check("hooks", "warning", visible(f"{counted(len(failed), 'run')} failed; the last, {last}"), fix)
