"""The tools that keep the index and report on it: `index_project` and `memory_status`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pydantic import Field

from aurora_dev.core.text.fencing import label, safe
from aurora_dev.interfaces.mcp.tools.heap import release_freed_memory
from aurora_dev.interfaces.mcp.tools.open_memory import NotIndexedError, OpenMemory
from aurora_dev.interfaces.mcp.tools.render import text_of
from aurora_dev.interfaces.mcp.tools.tool import Answer, Arguments, Progress, Reply, Tool

if TYPE_CHECKING:
    from aurora_dev.indexing.index_state import RunRecord
    from aurora_dev.indexing.report import IndexProgress
    from aurora_dev.memory.dense import DenseStatus

__all__ = ["INDEX_PROJECT", "MEMORY_STATUS"]

_MOST_LANGUAGES: Final = 12
_MOST_KINDS: Final = 20
_MOST_CONFLICTS: Final = 10
_MOST_REASONS: Final = 12
_MOST_PLACES: Final = 5
_MOST_CUT_BY_LINES: Final = 20
# A model has a tool where a person would run a command.
_FIXES: Final = {
    "empty": "call index_project",
    "run_incomplete": "call index_project",
    "stale_index": "call index_project",
    "vectors_missing": "call index_project with reembed=true",
}


class IndexArguments(Arguments):
    """The arguments of `index_project`."""

    full: bool = Field(False, description="Read every file again, not only what changed; rarely needed.")
    reembed: bool = Field(
        False, description="Also make vectors again that another embedding model made, as memory_status says."
    )


class StatusArguments(Arguments):
    """The arguments of `memory_status`: none."""


class IndexAnswer(Answer):
    """The answer of `index_project`."""

    files_added: int
    files_updated: int
    files_removed: int
    files_unchanged: int
    files_skipped: int
    skipped_reasons: dict[str, int] | None = None
    cut_by_lines: list[str] | None = Field(
        default=None, description="Files that are indexed by lines, because their grammar failed."
    )
    chunks_total: int
    commits_total: int = Field(description="Commits of the git history that are searchable.")
    secrets_masked: int
    seconds: float
    notices: list[str] | None = None


class StatusProblem(Answer):
    """Something that works less well than it could."""

    code: str
    text: str
    fix: str


class StatusConflict(Answer):
    """Two notes that may contradict each other."""

    id: str
    other_id: str
    reason: str


class StatusAnswer(Answer):
    """The answer of `memory_status`."""

    project: str
    indexed: bool = Field(description="Whether there is an index; if not, call index_project.")
    indexing: str | None = Field(default=None, description="Progress of an index run that goes on now, in any process.")
    last_run: str | None = Field(
        default=None, description="How the last complete run ended: complete, failed, cancelled or interrupted."
    )
    stale_files: int | None = Field(default=None, description="How many files differ from the index now.")
    files: int
    chunks: int
    commits: int
    sessions: int = Field(description="Number of sessions of assistants.")
    memories: dict[str, int] = Field(description="Number of notes by kind.")
    conflicts: list[StatusConflict] | None = Field(
        default=None, description="Notes that may contradict each other: check which holds; keep both if both hold."
    )
    languages: dict[str, int] = Field(description="Number of files by language.")
    store_bytes: int
    embedder: str | None = None
    reranker: str | None = None
    problems: list[StatusProblem]


def _dense(dense: DenseStatus | None) -> str | None:
    if dense is None or not (dense.made or dense.running):
        return None
    return f"{dense.made:,} of {dense.total:,} records{', being made now' if dense.running else ''}"


async def index_project(memory: OpenMemory, arguments: IndexArguments, progress: Progress) -> Reply:
    """Bring the index up to date with the project's files."""
    opened = await memory.get(create=True)
    async with memory.lock:
        try:

            def report_files(run: IndexProgress) -> None:
                memory.indexing = f"{run.files_done:,} of {run.files_total:,} files"
                progress(run.files_done, run.files_total or None, f"{memory.indexing}, {run.chunks_written:,} chunks")

            def report_vectors(done: int, total: int) -> None:
                memory.indexing = f"{done:,} of {total:,} vectors"
                progress(done, total, memory.indexing)

            memory.indexing = "looking for files"
            report = await opened.index(
                report_files, full=arguments.full, reembed=arguments.reembed, reembed_progress=report_vectors
            )
        finally:
            memory.indexing = ""
            await asyncio.to_thread(release_freed_memory)
    notices = []
    if not await opened.store.embedder_matches():
        notices.append(
            "the stored vectors are of another embedding model, so that keywords alone find some of it: call "
            "index_project with reembed=true"
        )
    if report.without_vectors_count:
        notices.append(
            f"the embedder refused {report.without_vectors_count:,} texts, so that keywords alone find them "
            f"({text_of(', '.join(report.without_vectors[:_MOST_PLACES]))}); they are tried again when their file "
            f"changes, or with reembed=true"
        )
    if report.history and report.history.failed:
        notices.append(f"{len(report.history.failed):,} commits could not be stored; the next run tries them again")
    if report.history and (report.history.unreadable or report.history.incomplete):
        notices.append(
            f"the git repository is damaged: {len(report.history.unreadable):,} commits cannot be read, and "
            f"{len(report.history.incomplete):,} are stored without all changed files; the next run tries them again"
        )
    commits = report.history.commits_total if report.history else 0
    reasons = dict(list(report.skipped_reasons.items())[:_MOST_REASONS])
    data = IndexAnswer(
        files_added=report.files_added,
        files_updated=report.files_updated,
        files_removed=report.files_removed,
        files_unchanged=report.files_unchanged,
        files_skipped=report.files_skipped,
        skipped_reasons={text_of(reason): count for reason, count in reasons.items()} or None,
        cut_by_lines=[text_of(entry.path) for entry in report.cut_by_lines[:_MOST_CUT_BY_LINES]] or None,
        chunks_total=report.chunks_total,
        commits_total=commits,
        secrets_masked=report.secrets_masked,
        seconds=round(report.seconds, 3),
        notices=notices or None,
    )
    lines = [
        f"The index is up to date after {report.seconds:.1f} s: {report.chunks_total:,} chunks, "
        f"{commits:,} commits; files: "
        f"{report.files_added:,} added, {report.files_updated:,} updated, {report.files_removed:,} removed, "
        f"{report.files_unchanged:,} unchanged, {report.files_skipped:,} skipped."
    ]
    if reasons:
        lines.append("skipped: " + ", ".join(f"{text_of(reason)} {count:,}" for reason, count in reasons.items()))
    for entry in report.cut_by_lines[:_MOST_CUT_BY_LINES]:
        lines.append(f"cut by lines: {text_of(entry.path)} ({text_of(entry.reason)})")
    if report.secrets_masked:
        lines.append(f"{report.secrets_masked:,} credentials were masked")
    return Reply("\n".join(lines + [f"note: {notice}" for notice in notices]), data)


async def memory_status(memory: OpenMemory, arguments: StatusArguments, progress: Progress) -> Reply:
    """Report what is stored and what works less well than it could."""
    try:
        opened = await memory.get()
    except NotIndexedError as error:
        problem = StatusProblem(code="not_indexed", text=str(error), fix="call index_project")
        nothing = StatusAnswer(
            project=text_of(memory.root),
            indexed=False,
            files=0,
            chunks=0,
            commits=0,
            sessions=0,
            memories={},
            languages={},
            store_bytes=0,
            problems=[problem],
        )
        return Reply(str(error), nothing)
    status = await opened.status()
    conflicts = [
        StatusConflict(id=text_of(found.note.id), other_id=text_of(found.other.id), reason=label(text_of(found.reason)))
        for found in (await opened.conflicts())[:_MOST_CONFLICTS]
    ]
    data = StatusAnswer(
        project=text_of(status.project),
        indexed=status.files > 0,
        indexing=memory.indexing or _foreign_run(status.index.last_run),
        last_run=status.index.last_run.outcome if status.index.last_run else None,
        stale_files=status.index.stale_files,
        files=status.files,
        chunks=status.chunks,
        commits=status.commits,
        sessions=status.sessions,
        memories={text_of(kind): count for kind, count in list(status.notes.items())[:_MOST_KINDS]},
        conflicts=conflicts or None,
        languages=dict(list(status.languages.items())[:_MOST_LANGUAGES]),
        store_bytes=status.store_bytes,
        embedder=text_of(status.embedder),
        reranker=text_of(status.reranker) if status.reranker else None,
        problems=[
            StatusProblem(
                code=problem.code, text=text_of(problem.text), fix=_FIXES.get(problem.code, text_of(problem.fix))
            )
            for problem in status.problems
        ],
    )
    memories = sum(data.memories.values())
    lines = [
        f"project {data.project}: {data.files:,} files, {data.chunks:,} chunks, "
        f"{data.commits:,} commits, {memories:,} notes" + (f", {data.sessions:,} sessions" if data.sessions else "")
    ]
    if data.indexing:
        lines.append(f"indexing now: {data.indexing}")
    if dense := _dense(status.dense):
        lines.append(f"dense vectors: {dense}")
    if data.memories:
        lines.append("notes: " + ", ".join(f"{count:,} {kind}" for kind, count in data.memories.items()))
    lines += [
        f"conflict: note {each.id} and note {each.other_id}: {each.reason}. recall both by ids and check which holds; "
        f"if both hold: update_memory with keep_both"
        for each in conflicts
    ]
    if data.languages:
        lines.append("files: " + ", ".join(f"{count:,} {language}" for language, count in data.languages.items()))
    lines.append(f"embedder {data.embedder}; reranker {data.reranker or 'none'}; store {data.store_bytes:,} bytes")
    lines += [f"problem: {problem.text}. Fix: {problem.fix}" for problem in data.problems]
    return Reply(safe("\n".join(lines)), data)


def _foreign_run(run: RunRecord | None) -> str | None:
    if run is None or run.outcome != "running":
        return None
    return f"{run.files_done:,} of {run.files_total:,} files, by another process or a call that is just ending"


INDEX_PROJECT: Final = Tool(
    name="index_project",
    title="Index the project",
    description=(
        "Read the project's files into the memory; only what changed is read again. Needed once for a new project, "
        "when search_memory or memory_status says so, and after large changes outside of your control; searches "
        "pick up single edits by themselves. Takes seconds to a few minutes and reports progress. Returns what "
        "was added, updated, removed and skipped."
    ),
    arguments=IndexArguments,
    answer=IndexAnswer,
    run=index_project,
    idempotent=True,
)

MEMORY_STATUS: Final = Tool(
    name="memory_status",
    title="Status of the memory",
    description=(
        "Say what the memory holds (files, chunks, notes by kind), whether it is being indexed, and what works "
        "less well than it could, with the fix for each. Use it when a search finds less than you expect."
    ),
    arguments=StatusArguments,
    answer=StatusAnswer,
    run=memory_status,
    read_only=True,
    idempotent=True,
)
