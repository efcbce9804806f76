"""Render results for a model as text and as data: fenced, within a token limit, page by page."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.core.context.render import PREAMBLE
from aurora_dev.core.contracts import TokenCounter
from aurora_dev.core.record_kinds import COMMIT_KEY, is_chunk, is_commit, is_session
from aurora_dev.core.text.fencing import fenced, label, safe
from aurora_dev.core.types import Notice, SearchResult
from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.mcp.tools.results import FoundItem, SearchAnswer, Source
from aurora_dev.interfaces.mcp.tools.tool import Arguments

if TYPE_CHECKING:
    from aurora_dev.notes.model.types import Note

__all__ = [
    "Page",
    "iso",
    "item_of",
    "item_of_note",
    "next_offset",
    "notice_texts",
    "render_page",
    "shown_query",
    "source_of",
    "text_of",
]

_CURSOR_VERSION: Final = 1
# An upper bound for the lines around the results: the head, the hint to the next page, and the cursor (about one token
# for two characters). Notices are counted separately.
_FRAME_TOKENS: Final = 220
_SHRINK: Final = 0.8  # a text that does not fit is cut to this share of its last size until it fits
_SHOWN_QUERY: Final = 80
_SHORT_HASH: Final = 12
_ADVICE: Final = {
    "stale_index": "; the tool index_project brings it up to date",
    "embedder_mismatch": "; the tool index_project with reembed=true makes the vectors again",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results, as text and as data."""

    text: str
    data: SearchAnswer


def iso(seconds: object) -> str | None:
    """Return seconds since the epoch as ISO 8601 in UTC, or ``None`` if the value is not a time."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
    except (OverflowError, OSError, ValueError):
        return None


def text_of(value: object) -> str:
    """Return a value as text that any client can decode: lone surrogates, which UTF-8 cannot encode, become ``?``."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def source_of(metadata: Mapping[str, Any]) -> Source:
    """Return the source of a record: a file, a note, a commit or a session."""
    if is_chunk(metadata):
        return "files"
    if is_session(metadata):
        return "sessions"
    return "commits" if is_commit(metadata) else "memories"


def item_of(result: SearchResult, *, mask: bool) -> FoundItem:
    """Return a search result for a model, without invisible characters.

    Args:
        result: The result.
        mask: Mask credentials.
    """
    metadata = result.metadata

    def text(name: str) -> str | None:
        value = metadata.get(name)
        return label(safe(text_of(value), mask=mask)) if isinstance(value, str) and value else None

    def number(name: str) -> int | None:
        value = metadata.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    tags = metadata.get("tags")
    return FoundItem(
        id=text_of(result.id),
        source=source_of(metadata),
        score=round(float(result.score), 4),
        content=safe(result.content, mask=mask),
        path=text("path"),
        start_line=number("start_line"),
        end_line=number("end_line"),
        symbol=text("symbol"),
        language=text("language"),
        kind=text("kind"),
        commit=text(COMMIT_KEY),
        session=text("session") if is_session(metadata) else None,
        client=text("client") if is_session(metadata) else None,
        tags=[label(safe(text_of(tag), mask=mask)) for tag in tags or ()] or None
        if isinstance(tags, list | tuple)
        else None,
        importance=number("importance"),
        created_at=iso(metadata.get("created_at")),
        stale=text("stale"),
        scope=text("scope") if metadata.get("scope") != "project" else None,
        project=text("project"),
    )


def item_of_note(note: Note, *, mask: bool, stale: str = "") -> FoundItem:
    """Return a note for a model.

    Args:
        note: The note.
        mask: Mask credentials.
        stale: Why the note no longer holds; by default what the note itself says.
    """

    def text(value: str | None) -> str | None:
        return label(safe(text_of(value), mask=mask)) if value else None

    return FoundItem(
        id=text_of(note.id),
        source="memories",
        score=1.0,
        content=safe(note.content, mask=mask),
        path=text(note.path),
        symbol=text(note.symbol),
        kind=text(note.kind),
        tags=[label(safe(text_of(tag), mask=mask)) for tag in note.tags] or None,
        importance=note.importance,
        created_at=iso(note.created_at),
        stale=text(stale or note.stale),
        scope=note.scope if note.scope != "project" else None,
    )


def _heading(item: FoundItem) -> str:
    place = item.path or ""
    if place and item.start_line is not None:
        place += f":{item.start_line}-{item.end_line or item.start_line}"
    if item.source == "files":
        parts = [place, item.symbol or ""]
    elif item.source == "commits":
        parts = ["commit", (item.commit or "")[:_SHORT_HASH], (item.created_at or "")[:10]]
    elif item.source == "sessions":
        parts = ["session", item.session or "", item.client or "", (item.created_at or "")[:10]]
    else:
        parts = [item.kind or "note", f"about {place}" if place else "", item.symbol or ""]
        parts += [f"tags {','.join(item.tags)}" if item.tags else "", (item.created_at or "")[:10]]
        parts += ["of the user, not of this project" if item.scope == "user" else ""]
        parts += [f"of the project {item.project}" if item.project else ""]
        parts += [f"STALE: {item.stale}" if item.stale else ""]
    # Notes are changed by id. For files and commits, the path and the hash say more.
    parts += [f"id {label(item.id)}" if item.source == "memories" else "", "(cut)" if item.truncated else ""]
    return " ".join(part for part in parts if part) or f"id {label(item.id)}"


def _cost(item: FoundItem, count: Callable[[str], int]) -> int:
    data = item.model_dump_json(exclude_none=True)
    return max(count(fenced(_heading(item), item.content)), count(data) + 1)


def _items_that_fit(items: Sequence[FoundItem], budget: int, counter: TokenCounter) -> list[FoundItem]:
    """Return the first items that fit together. A first item that is too long alone is cut to fit."""
    chosen: list[FoundItem] = []
    for item in items:
        cost = _cost(item, counter.count)
        if cost > budget:
            if not chosen:
                chosen.append(_cut_item(item, budget, counter))
            break
        budget -= cost
        chosen.append(item)
    return chosen


def _cut_item(item: FoundItem, budget: int, counter: TokenCounter) -> FoundItem:
    limit = budget
    while limit > 0:
        kept = counter.truncate(item.content, limit)
        kept = kept[: kept.rfind("\n") + 1] or kept
        shorter = item.model_copy(update={"content": kept, "truncated": True})
        if _cost(shorter, counter.count) <= budget:
            return shorter
        limit = int(limit * _SHRINK)
    return item.model_copy(update={"content": "", "truncated": True})


def render_page(
    items: Sequence[FoundItem],
    arguments: Arguments,
    *,
    counter: TokenCounter,
    tool: str,
    nouns: tuple[str, str],
    max_tokens: int,
    offset: int,
    notices: Sequence[str] = (),
    search_method: str | None = None,
    total: int | None = None,
    first: str = "",
) -> Page:
    """Return the items of a page that fit the token limit, and a cursor for the next page.

    Args:
        items: All results, best first, or at least those up to the end of this page.
        arguments: The arguments of the call. The cursor is valid for these only.
        counter: Counts the tokens.
        tool: The name of the tool to call for the next page.
        nouns: The results in singular and plural: ``("result for 'x'", "results for 'x'")``.
        max_tokens: Limit of both the text and the JSON.
        offset: The number of items on earlier pages.
        notices: Lines that the model should read first.
        search_method: The stages that ran.
        total: The number of results; ``None`` if ``items`` holds all of them.
        first: A line before all others; the first of the notices in the data.
    """
    told = [first, *notices] if first else list(notices)
    budget = max_tokens - _FRAME_TOKENS - counter.count("\n".join(told))
    chosen = _items_that_fit(items[offset:], budget, counter)
    done = offset + len(chosen)
    total = max(len(items), total or 0)
    cursor = _make_cursor(arguments, done, items[:done]) if chosen and done < total else None
    head = f"{total} {nouns[0] if total == 1 else nouns[1]}"
    if offset or cursor:
        head += f"; {offset + 1} to {done}" if chosen else f"; none after the first {offset}"
    head += f" ({search_method})" if search_method else ""
    text = "\n".join([*([first] if first else ()), head, *(f"note: {notice}" for notice in notices)]) + "\n"
    if chosen:
        text += PREAMBLE + "".join(fenced(_heading(item), item.content) for item in chosen)
    if cursor:
        text += f'{total - done} more: call {tool} with the same arguments and cursor "{cursor}".\n'
    data = SearchAnswer(results=chosen, search_method=search_method or None, notices=told or None, next_cursor=cursor)
    return Page(text, data)


def notice_texts(notices: Iterable[Notice]) -> list[str]:
    """Return notices as text for a model, naming tools where a person would run commands."""
    return [safe(text_of(f"{notice.text}{_ADVICE.get(notice.code, '')}")) for notice in notices]


def shown_query(query: str) -> str:
    """Return a query on one line, cut for the head of an answer."""
    line = label(text_of(query))
    return line if len(line) <= _SHOWN_QUERY else f"{line[:_SHOWN_QUERY]}…"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:10]


def _identity(arguments: Arguments) -> str:
    # The page size may change between pages; the request may not.
    return _digest(arguments.model_dump(mode="json", exclude={"cursor", "max_tokens"}))


def _make_cursor(arguments: Arguments, offset: int, before: Sequence[FoundItem]) -> str:
    content = [_CURSOR_VERSION, offset, _identity(arguments), _digest([item.id for item in before])]
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def next_offset(arguments: Arguments, cursor: str, items: Sequence[FoundItem]) -> tuple[int, str | None]:
    """Return the 0-based offset of a page, and a notice if earlier pages would be different now.

    Raises:
        InvalidRequestError: The cursor is malformed, or belongs to other arguments.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        version, offset, identity, before = content
        usable = version == _CURSOR_VERSION and type(offset) is int and offset >= 0
    except (binascii.Error, ValueError, TypeError, RecursionError):
        usable = False
    if not usable:
        raise InvalidRequestError(
            "the cursor is not valid for this tool: pass next_cursor of an answer unchanged, or leave it out for the "
            "first page"
        )
    if identity != _identity(arguments):
        raise InvalidRequestError(
            "the cursor belongs to a call with other arguments: repeat those of that call, or leave the cursor out"
        )
    if before != _digest([item.id for item in items[:offset]]):
        return offset, "the stored data has changed since the page before: results may repeat or be missing"
    return offset, None
