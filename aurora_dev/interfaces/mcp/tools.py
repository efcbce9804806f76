"""The tools of the MCP server: what a model is told of each, and what each does with the memory.

Nothing here knows the protocol: a tool takes checked arguments, and gives text and data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.core.filters import all_of
from aurora_dev.core.record_kinds import IS_CHUNK, IS_COMMIT, IS_NOTE, NOT_A_CHUNK
from aurora_dev.core.text.fencing import safe
from aurora_dev.core.types import SearchResults
from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.mcp.heap import give_back
from aurora_dev.interfaces.mcp.open_memory import NotIndexedError, OpenMemory, Progress
from aurora_dev.interfaces.mcp.render import (
    item_of,
    item_of_note,
    next_offset,
    notice_texts,
    render_page,
    shown_query,
    text_of,
)
from aurora_dev.interfaces.mcp.schemas import (
    Answer,
    Arguments,
    ContextAnswer,
    ContextArguments,
    ContextPart,
    FoundItem,
    IndexAnswer,
    IndexArguments,
    RecallArguments,
    SearchAnswer,
    SearchArguments,
    StatusAnswer,
    StatusArguments,
    StatusProblem,
)

if TYPE_CHECKING:
    from aurora_dev.indexing.index_state import RunRecord
    from aurora_dev.memory import Memory

# Of the budget of a context, for a map of the project's definitions: enough for the most used ones.
_MAP_SHARE: Final = 8
_MOST_PARTS: Final = 60  # places that a context lists as data; its text has them all
_MOST_LANGUAGES: Final = 12
_MOST_KINDS: Final = 20
_MOST_REASONS: Final = 12
_CLOSE_PATHS: Final = 5
_MOST_LISTED: Final = 1_000  # memories that a list goes through; older ones are found by a query
# Where a person would run a command, a model has a tool.
_FIXES: Final = {
    "empty": "call index_project",
    "run_incomplete": "call index_project",
    "stale_index": "call index_project",
    "vectors_missing": "call index_project with reembed=true",
}
_NEWEST: Final = ("memory", "memories, newest first")
_BY_ID: Final = ("memory", "memories by id, with what they replaced")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a tool gives: the same as text and as data."""

    text: str
    data: Answer


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a model sees it, and the function behind it.

    Attributes:
        description: For the model: when to use it, and what comes back.
        read_only: Whether it changes nothing.
        destructive: Whether it may remove or overwrite what is stored.
        idempotent: Whether a second call with the same arguments changes nothing more.
    """

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    answer: type[Answer]
    run: Callable[[OpenMemory, Any, Progress], Awaitable[Reply]]
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False


async def search_memory(memory: OpenMemory, arguments: SearchArguments, progress: Progress) -> Reply:
    """Find what answers a question, in files, memories and commits."""
    opened = await memory.get()
    conditions = [_of_sources(arguments)] if arguments.sources else []
    if arguments.language:
        conditions.append({"language": arguments.language.lower()})
    if arguments.path:
        conditions.append({"path": {"$in": await _paths_within(memory, opened, arguments.path)}})
    filter = all_of(*conditions)
    results = await opened.search(arguments.query, arguments.top_k, filter=filter)
    items = [item_of(result, mask=memory.settings.mask_secrets) for result in results]
    notices = notice_texts(results.notices)
    if not results:
        notices.append(await _why_nothing(opened, bool(conditions)))
    asked = shown_query(arguments.query)
    what = (f"result for '{asked}'", f"results for '{asked}'")
    return await _paged(memory, "search_memory", what, arguments, items, notices, results)


async def recall(memory: OpenMemory, arguments: RecallArguments, progress: Progress) -> Reply:
    """Find or list memories."""
    opened = await memory.get()
    mask = memory.settings.mask_secrets
    if arguments.ids is not None:
        return await _by_id(memory, opened, arguments)
    if arguments.query is None:
        offset = _offset_of(arguments)
        page = await opened.list(
            kinds=arguments.kinds,
            tags=arguments.tags,
            limit=min(_MOST_LISTED, offset + arguments.top_k),
            scope=arguments.scope or "project",
        )
        items = [item_of_note(note, mask=mask) for note in page.notes]
        notices = [] if page.total else ["nothing has been remembered yet that matches; remember stores something"]
        return await _paged(memory, "recall", _NEWEST, arguments, items, notices, total=page.total)
    since = timedelta(days=arguments.since_days) if arguments.since_days else None
    results = await opened.recall(
        arguments.query,
        kinds=arguments.kinds,
        tags=arguments.tags,
        since=since,
        top_k=arguments.top_k,
        scope=arguments.scope,
    )
    items = [item_of(result, mask=mask) for result in results]
    notices = notice_texts(results.notices)
    if not results:
        notices.append("no memory matches: try other words, fewer conditions, or search_memory for code and commits")
    asked = shown_query(arguments.query)
    what = (f"memory for '{asked}'", f"memories for '{asked}'")
    return await _paged(memory, "recall", what, arguments, items, notices, results)


async def build_context(memory: OpenMemory, arguments: ContextArguments, progress: Progress) -> Reply:
    """Assemble what a model should see for a task."""
    opened = await memory.get()
    filter: dict[str, Any] | None = None
    if arguments.path:
        within = await _paths_within(memory, opened, arguments.path)
        filter = {"$or": [{"path": {"$in": within}}, NOT_A_CHUNK]}
    budget = arguments.token_budget
    context = await opened.context(
        arguments.task, budget, map_budget=budget // _MAP_SHARE if arguments.include_map else 0, filter=filter
    )
    parts = [
        ContextPart(
            source=text_of(item.source),
            start_line=item.lines[0] if item.lines else None,
            end_line=item.lines[1] if item.lines else None,
            level=item.level,
            tokens=item.tokens,
        )
        for item in context.items[:_MOST_PARTS]
        if item.section != "task"
    ]
    text = text_of(context.text)
    notices = notice_texts(context.notices)
    data = ContextAnswer(
        context=text, tokens=context.tokens, parts=parts, left_out=len(context.left_out), notices=notices or None
    )
    return Reply(text, data)


async def index_project(memory: OpenMemory, arguments: IndexArguments, progress: Progress) -> Reply:
    """Bring the memory up to date with the project's files."""
    opened = await memory.get(create=True)
    async with memory.lock:
        try:

            def files(done: Any) -> None:
                memory.indexing = f"{done.files_done:,} of {done.files_total:,} files"
                progress(
                    done.files_done, done.files_total or None, f"{memory.indexing}, {done.chunks_written:,} chunks"
                )

            def vectors(done: int, total: int) -> None:
                memory.indexing = f"{done:,} of {total:,} vectors"
                progress(done, total, memory.indexing)

            memory.indexing = "looking for files"
            report = await opened.index(files, full=arguments.full, reembed=arguments.reembed, reembed_progress=vectors)
        finally:
            memory.indexing = ""
            await asyncio.to_thread(give_back)
    notices = []
    if not await opened.store.embedder_matches():
        notices.append(
            "the stored vectors are of another embedding model, so that keywords alone find some of it: call "
            "index_project with reembed=true"
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
    if report.secrets_masked:
        lines.append(f"{report.secrets_masked:,} credentials were masked")
    return Reply("\n".join(lines + [f"note: {notice}" for notice in notices]), data)


async def memory_status(memory: OpenMemory, arguments: StatusArguments, progress: Progress) -> Reply:
    """Say what is stored and what could work better."""
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
            memories={},
            languages={},
            store_bytes=0,
            problems=[problem],
        )
        return Reply(str(error), nothing)
    status = await opened.status()
    data = StatusAnswer(
        project=text_of(status.project),
        indexed=status.files > 0,
        indexing=memory.indexing or _of_another(status.index.last_run),
        last_run=status.index.last_run.outcome if status.index.last_run else None,
        stale_files=status.index.stale_files,
        files=status.files,
        chunks=status.chunks,
        commits=status.commits,
        memories={text_of(kind): count for kind, count in list(status.notes.items())[:_MOST_KINDS]},
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
        f"{data.commits:,} commits, {memories:,} memories"
    ]
    if data.indexing:
        lines.append(f"indexing now: {data.indexing}")
    if data.memories:
        lines.append("memories: " + ", ".join(f"{count:,} {kind}" for kind, count in data.memories.items()))
    if data.languages:
        lines.append("files: " + ", ".join(f"{count:,} {language}" for language, count in data.languages.items()))
    lines.append(f"embedder {data.embedder}; reranker {data.reranker or 'none'}; store {data.store_bytes:,} bytes")
    lines += [f"problem: {problem.text}. Fix: {problem.fix}" for problem in data.problems]
    return Reply(safe("\n".join(lines)), data)


def _of_another(run: RunRecord | None) -> str | None:
    if run is None or run.outcome != "running":
        return None
    return f"{run.files_done:,} of {run.files_total:,} files, by another process or a call that is just ending"


# -- what the tools share --------------------------------------------------------------------------------------


def _of_sources(arguments: SearchArguments) -> dict[str, Any]:
    conditions = {"files": IS_CHUNK, "commits": IS_COMMIT, "memories": IS_NOTE}
    return {"$or": [conditions[source] for source in dict.fromkeys(arguments.sources or ())]}


async def _paths_within(memory: OpenMemory, opened: Memory, path: str) -> list[str]:
    """Return the indexed paths that are a file, or lie in a folder."""
    wanted = memory.relative(path)
    await opened.project_index.before_search()  # a file that was saved just now is a path like any other
    records = await opened.store.scan({"path": {"$exists": True}})
    known = {str(record.metadata.get("path")) for record in records}
    if wanted == ".":
        return sorted(known)
    inside = sorted(name for name in known if name == wanted or name.startswith(f"{wanted}/"))
    if inside:
        return inside
    last = wanted.rsplit("/", 1)[-1]
    close = [name for name in sorted(known) if last in name][:_CLOSE_PATHS]
    hint = f"Did you mean {', '.join(map(repr, close))}?" if close else "Leave path out to search everywhere"
    exists = (memory.root / wanted).exists()
    why = "is in the project but not in the index (ignored, or new: call index_project)" if exists else "does not exist"
    raise InvalidRequestError(f"the path {wanted!r} {why}. {hint}")


async def _why_nothing(opened: Memory, narrowed: bool) -> str:
    if not await opened.store.count():
        return "nothing is stored yet: call index_project, then search again"
    if narrowed:
        return "nothing matches these conditions: leave out sources, path or language"
    return "nothing was found: try other words, or the name of a function, class or file"


def _offset_of(arguments: RecallArguments) -> int:
    return next_offset(arguments, arguments.cursor, ())[0] if arguments.cursor else 0


async def _paged(
    memory: OpenMemory,
    tool: str,
    what: tuple[str, str],
    arguments: SearchArguments | RecallArguments,
    items: list[FoundItem],
    notices: list[str],
    results: SearchResults | None = None,
    *,
    total: int | None = None,
) -> Reply:
    offset = 0
    if arguments.cursor:
        offset, changed = next_offset(arguments, arguments.cursor, items)
        notices = [*notices, changed] if changed else notices
    page = render_page(
        items,
        arguments,
        counter=await memory.counter(),
        tool=tool,
        what=what,
        max_tokens=arguments.max_tokens,
        offset=offset,
        notices=notices,
        search_method=results.search_method if results else None,
        total=total,
    )
    return Reply(page.text, page.data)


async def _by_id(memory: OpenMemory, opened: Memory, arguments: RecallArguments) -> Reply:
    mask = memory.settings.mask_secrets
    items: list[FoundItem] = []
    notices: list[str] = []
    for identifier in dict.fromkeys(arguments.ids or ()):
        note = await opened.get(identifier)
        if note is None:
            notices.append(f"there is no memory {text_of(identifier)[:80]}: recall or search_memory show ids")
            continue
        replaced = f"replaced by {note.superseded_by}" if note.superseded_by else ""
        items.append(item_of_note(note, mask=mask, why_old=replaced))
        items += [
            item_of_note(old, mask=mask, why_old=f"earlier than {note.id}") for old in await opened.history(note.id)
        ]
    return await _paged(memory, "recall", _BY_ID, arguments, items, notices)


TOOLS: Final = (
    Tool(
        name="search_memory",
        title="Search the project's memory",
        description=(
            "Search this project's code, documents, remembered decisions and lessons, and git history together, by "
            "meaning and by name. Use it first whenever you look for where something is, how it works, or why it is "
            "so; it usually replaces several rounds of grep and file reading. Returns the best pieces with path, lines "
            "and symbol (read the file there for more), memories with their ids, and a cursor where not all fits."
        ),
        arguments=SearchArguments,
        answer=SearchAnswer,
        run=search_memory,
        read_only=True,
        idempotent=True,
    ),
    Tool(
        name="build_context",
        title="Build a context for a task",
        description=(
            "Gather what you should read before a task: the relevant code (in full, as signatures or as pointers), "
            "decisions and conventions that apply, within a token budget. Use it once at the start of a task that "
            "touches code you have not read; use search_memory for a single question. Returns one text to read, with "
            "path and lines of each part."
        ),
        arguments=ContextArguments,
        answer=ContextAnswer,
        run=build_context,
        read_only=True,
        idempotent=True,
    ),
    Tool(
        name="recall",
        title="Recall memories",
        description=(
            "Find what was remembered about a topic: decisions, conventions, lessons, patterns of this project and of "
            "its user; without a query, list the newest. Use it before you decide something, so that you neither "
            "repeat nor contradict what was settled. Returns memories only (search_memory also finds code), with ids, "
            "and marks those whose code has changed since."
        ),
        arguments=RecallArguments,
        answer=SearchAnswer,
        run=recall,
        read_only=True,
        idempotent=True,
    ),
    Tool(
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
    ),
    Tool(
        name="memory_status",
        title="Status of the memory",
        description=(
            "Say what the memory holds (files, chunks, memories by kind), whether it is being indexed, and what works "
            "less well than it could, with the fix for each. Use it when a search finds less than you expect."
        ),
        arguments=StatusArguments,
        answer=StatusAnswer,
        run=memory_status,
        read_only=True,
        idempotent=True,
    ),
)
