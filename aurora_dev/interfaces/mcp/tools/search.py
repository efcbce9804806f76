"""The tools that search: `search_memory` and `recall`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from aurora_dev.core.scope.scope import SearchScope, SearchSource, split_place
from aurora_dev.core.types import NO_MATCH, SearchResults
from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.mcp.tools.fields import (
    KINDS_TEXT,
    LONGEST_QUERY,
    MOST_NAMES,
    MOST_RESULTS,
    Cursor,
    Identifier,
    Kind,
    LanguageName,
    Listed,
    MaxTokens,
    Named,
    PathName,
    Tag,
    as_names,
)
from aurora_dev.interfaces.mcp.tools.open_memory import OpenMemory
from aurora_dev.interfaces.mcp.tools.render import (
    item_of,
    item_of_note,
    next_offset,
    notice_texts,
    render_page,
    shown_query,
    text_of,
)
from aurora_dev.interfaces.mcp.tools.results import FoundItem, SearchAnswer
from aurora_dev.interfaces.mcp.tools.tool import Arguments, Progress, Reply, Tool

if TYPE_CHECKING:
    from aurora_dev.memory import Memory

__all__ = ["RECALL", "SEARCH_MEMORY", "RecallArguments", "SearchArguments"]

_MOST_LISTED: Final = 1_000  # notes that a list pages through; older ones are found by a query
_MOST_WEAK: Final = 3  # results of a search that nothing matches well; more would fill the model's window with noise
_NOTHING_MATCHES: Final = (
    "nothing matches well: the project may not have it. These are the nearest results; other words may find more"
)
_OLD_SOURCES: Final = {"files": ("code", "docs"), "memories": ("notes",)}
# One result and several, as the head of an answer counts them.
_NEWEST: Final = ("note", "notes, newest first")
_BY_ID: Final = ("note", "notes by id, with what they replaced")


def _known_sources(value: object) -> object:
    """Replace the names that sources had before: ``files`` and ``memories``."""
    if not isinstance(value, list):
        return value
    return [new for each in value for new in (_OLD_SOURCES.get(each, (each,)) if isinstance(each, str) else (each,))]


class SearchArguments(Arguments):
    """The arguments of `search_memory`."""

    query: str | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_QUERY,
        description="What to find: a question, a few words, or the name of a function, class, setting or error. "
        "Needed unless similar_to is given.",
    )
    top_k: int = Field(8, ge=1, le=MOST_RESULTS, description="How many results, best first.")
    sources: Annotated[Named[SearchSource], BeforeValidator(lambda value: _known_sources(as_names(value)))] | None = (
        Field(
            default=None,
            min_length=1,
            description="Where to look: code, docs (prose in files), notes (what was remembered), commits (git "
            "history), sessions (what assistants were asked and did here). Everywhere by default.",
        )
    )
    paths: Listed[PathName] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_NAMES,
        description="Only in these folders, files or globs, relative to the project: src/auth, src/**/*.py.",
    )
    languages: Named[LanguageName] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_NAMES,
        description="Only files of these languages: python, typescript, markdown.",
    )
    tests: bool = Field(True, description="false leaves out tests and their fixtures.")
    min_score: float = Field(0.0, ge=0, le=1, description="Leave out results with a lower score.")
    similar_to: str | None = Field(
        default=None,
        min_length=1,
        max_length=1_000,
        description="PATH:LINE of code or text: find what is like it.",
    )
    max_tokens: MaxTokens = 4_000
    cursor: Cursor = None

    @model_validator(mode="before")
    @classmethod
    def _accept_single_names(cls, values: object) -> object:
        """Accept ``path`` and ``language``, the arguments that took one name before there were lists."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        for old, new in (("path", "paths"), ("language", "languages")):
            given = values.pop(old, None)
            if new not in values and given and (not isinstance(given, str) or given.strip()):
                values[new] = given
        return values


class RecallArguments(Arguments):
    """The arguments of `recall`."""

    query: str | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_QUERY,
        description="What you want to know. Leave it out to list the notes, newest first.",
    )
    ids: Listed[Identifier] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_NAMES,
        description="Show exactly these notes, with their history.",
    )
    kinds: Named[Kind] | None = Field(
        default=None, min_length=1, max_length=MOST_NAMES, description=f"Only these: {KINDS_TEXT}."
    )
    tags: Named[Tag] | None = Field(
        default=None, min_length=1, max_length=MOST_NAMES, description="Only notes with any of these tags."
    )
    since_days: float | None = Field(
        default=None, gt=0, le=36_500, description="With a query: only notes of the last so many days."
    )
    scope: Literal["project", "user"] | None = Field(
        default=None,
        description="Only notes of this project, or of its user; a query searches both, a list shows the project's.",
    )
    top_k: int = Field(8, ge=1, le=MOST_RESULTS, description="How many notes.")
    max_tokens: MaxTokens = 4_000
    cursor: Cursor = None


async def search_memory(memory: OpenMemory, arguments: SearchArguments, progress: Progress) -> Reply:
    """Search files, notes, commits and sessions for what answers a question."""
    if arguments.query is None and arguments.similar_to is None:
        raise InvalidRequestError(
            "search_memory was not called: the argument 'query' is missing. Give it, or similar_to, and call it again"
        )
    place = arguments.similar_to
    if place is not None:
        path, line = split_place(place)
        place = f"{memory.relative(path)}:{line}"
    scope = SearchScope(
        languages=tuple(arguments.languages or ()),
        paths=tuple(memory.relative(path) for path in arguments.paths or ()),
        sources=tuple(arguments.sources or ()),
        tests=arguments.tests,
        min_score=arguments.min_score,
        similar_to=place,
    )
    opened = await memory.get()
    query = arguments.query or ""
    results = await opened.search(query, arguments.top_k, scope=scope if scope.given() else None)
    weak = bool(results) and not results.matched
    shown = results[:_MOST_WEAK] if weak else results
    items = [item_of(result, mask=memory.settings.mask_secrets) for result in shown]
    notices = notice_texts(notice for notice in results.notices if notice.code != NO_MATCH)
    if not results:
        notices.append(await _why_nothing_found(opened, results.left_out))
    asked = shown_query(query or f"like {place}")
    nouns = (f"result for '{asked}'", f"results for '{asked}'")
    return await _page_reply(
        memory, "search_memory", nouns, arguments, items, notices, results, first=_NOTHING_MATCHES if weak else ""
    )


async def recall(memory: OpenMemory, arguments: RecallArguments, progress: Progress) -> Reply:
    """Search notes, list the newest, or show those with given ids."""
    opened = await memory.get()
    mask = memory.settings.mask_secrets
    if arguments.ids is not None:
        return await _notes_by_id(memory, opened, arguments)
    if arguments.query is None:
        offset = _list_offset(arguments)
        page = await opened.list(
            kinds=arguments.kinds,
            tags=arguments.tags,
            limit=min(_MOST_LISTED, offset + arguments.top_k),
            scope=arguments.scope or "project",
        )
        items = [item_of_note(note, mask=mask) for note in page.notes]
        notices = [] if page.total else ["nothing has been remembered yet that matches; remember stores something"]
        return await _page_reply(memory, "recall", _NEWEST, arguments, items, notices, total=page.total)
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
    nouns = (f"note for '{asked}'", f"notes for '{asked}'")
    return await _page_reply(memory, "recall", nouns, arguments, items, notices, results)


async def _why_nothing_found(opened: Memory, left_out: Mapping[str, int]) -> str:
    if not await opened.store.count():
        return "nothing is stored yet: call index_project, then search again"
    if left_out:
        counts = [f"{'all conditions' if name == 'all' else name} left out {n}" for name, n in left_out.items()]
        return f"nothing matches these conditions ({', '.join(counts)}): leave one out, or widen it"
    return "nothing was found: try other words, or the name of a function, class or file"


def _list_offset(arguments: RecallArguments) -> int:
    return next_offset(arguments, arguments.cursor, ())[0] if arguments.cursor else 0


async def _page_reply(
    memory: OpenMemory,
    tool: str,
    nouns: tuple[str, str],
    arguments: SearchArguments | RecallArguments,
    items: list[FoundItem],
    notices: list[str],
    results: SearchResults | None = None,
    *,
    total: int | None = None,
    first: str = "",
) -> Reply:
    offset = 0
    if arguments.cursor:
        offset, notice = next_offset(arguments, arguments.cursor, items)
        notices = [*notices, notice] if notice else notices
    page = render_page(
        items,
        arguments,
        counter=await memory.counter(),
        tool=tool,
        nouns=nouns,
        max_tokens=arguments.max_tokens,
        offset=offset,
        notices=notices,
        search_method=results.search_method if results else None,
        total=total,
        first=first,
    )
    return Reply(page.text, page.data)


async def _notes_by_id(memory: OpenMemory, opened: Memory, arguments: RecallArguments) -> Reply:
    mask = memory.settings.mask_secrets
    items: list[FoundItem] = []
    notices: list[str] = []
    for identifier in dict.fromkeys(arguments.ids or ()):
        note = await opened.get(identifier)
        if note is None:
            notices.append(f"there is no memory {text_of(identifier)[:80]}: recall or search_memory show ids")
            continue
        replaced = f"replaced by {note.superseded_by}" if note.superseded_by else ""
        items.append(item_of_note(note, mask=mask, stale=replaced))
        items += [
            item_of_note(old, mask=mask, stale=f"earlier than {note.id}") for old in await opened.history(note.id)
        ]
    return await _page_reply(memory, "recall", _BY_ID, arguments, items, notices)


SEARCH_MEMORY: Final = Tool(
    name="search_memory",
    title="Search the project's memory",
    description=(
        "Search this project's code, documents, remembered decisions and lessons, and git history together, by "
        "meaning and by name. Use it first whenever you look for where something is, how it works, or why it is "
        "so; it usually replaces several rounds of grep and file reading. Returns the best pieces with path, lines "
        "and symbol (read the file there for more), notes with their ids, and a cursor where not all fits."
    ),
    arguments=SearchArguments,
    answer=SearchAnswer,
    run=search_memory,
    read_only=True,
    idempotent=True,
)

RECALL: Final = Tool(
    name="recall",
    title="Recall notes",
    description=(
        "Find what was remembered about a topic: decisions, conventions, lessons, patterns of this project and of "
        "its user; without a query, list the newest. Use it before you decide something, so that you neither "
        "repeat nor contradict what was settled. Returns notes only (search_memory also finds code), with ids, "
        "and marks those whose code has changed since."
    ),
    arguments=RecallArguments,
    answer=SearchAnswer,
    run=recall,
    read_only=True,
    idempotent=True,
)
