"""What was found as text and as data for a model: fenced, within a number of tokens, page by page."""

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
from aurora_dev.core.record_kinds import COMMIT_KEY, is_chunk, is_commit
from aurora_dev.core.text.fencing import fenced, label, safe
from aurora_dev.core.types import Notice, SearchResult
from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.mcp.schemas import Arguments, FoundItem, SearchAnswer, Source

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
# What the lines around the results take at most: the head, how to get the next page, and the cursor (which is about a
# token for two characters). Notices are counted.
_FRAME_TOKENS: Final = 220
_SHRINK: Final = 0.8  # a text that did not fit is cut to this much of its last size until it does
_SHOWN_QUERY: Final = 80
_SHORT_HASH: Final = 12
_ADVICE: Final = {
    "stale_index": "; the tool index_project brings it up to date",
    "embedder_mismatch": "; the tool index_project with reembed=true makes the vectors again",
}


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: for people and models that read text, and for programs and models that read JSON."""

    text: str
    data: SearchAnswer


def iso(seconds: object) -> str | None:
    """Return seconds since the epoch as ISO 8601 in UTC; ``None`` for what is no time."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
    except (OverflowError, OSError, ValueError):
        return None


def text_of(value: object) -> str:
    """Return text that any client can receive: halves of surrogate pairs, which no encoding has, are replaced."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def source_of(metadata: Mapping[str, Any]) -> Source:
    """Return whether a record is of a file, a memory or a commit."""
    if is_chunk(metadata):
        return "files"
    return "commits" if is_commit(metadata) else "memories"


def item_of(result: SearchResult, *, mask: bool) -> FoundItem:
    """Return a result as a model gets it: with nothing hidden in it, and credentials masked where that is asked for."""
    metadata = result.metadata

    def text(name: str) -> str | None:
        value = metadata.get(name)
        return label(text_of(value)) if isinstance(value, str) and value else None

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
        tags=[label(text_of(tag)) for tag in tags] if isinstance(tags, list | tuple) and tags else None,
        importance=number("importance"),
        created_at=iso(metadata.get("created_at")),
        stale=text("stale"),
        scope=text("scope") if metadata.get("scope") != "project" else None,
        project=text("project"),
    )


def item_of_note(note: Note, *, mask: bool, why_old: str = "") -> FoundItem:
    """Return a memory as a model gets it."""

    def text(value: str | None) -> str | None:
        return label(text_of(value)) if value else None

    return FoundItem(
        id=text_of(note.id),
        source="memories",
        score=1.0,
        content=safe(note.content, mask=mask),
        path=text(note.path),
        symbol=text(note.symbol),
        kind=text(note.kind),
        tags=[label(text_of(tag)) for tag in note.tags] or None,
        importance=note.importance,
        created_at=iso(note.created_at),
        stale=text(why_old or note.stale),
        scope=note.scope if note.scope != "project" else None,
    )


def _title(item: FoundItem) -> str:
    place = item.path or ""
    if place and item.start_line is not None:
        place += f":{item.start_line}-{item.end_line or item.start_line}"
    if item.source == "files":
        parts = [place, item.symbol or ""]
    elif item.source == "commits":
        parts = ["commit", (item.commit or "")[:_SHORT_HASH], (item.created_at or "")[:10]]
    else:
        parts = [item.kind or "note", f"about {place}" if place else "", item.symbol or ""]
        parts += [f"tags {','.join(item.tags)}" if item.tags else "", (item.created_at or "")[:10]]
        parts += ["of the user, not of this project" if item.scope == "user" else ""]
        parts += [f"of the project {item.project}" if item.project else ""]
        parts += [f"STALE: {item.stale}" if item.stale else ""]
    # Memories are changed by their ids; of files and commits, path and hash say more.
    parts += [f"id {label(item.id)}" if item.source == "memories" else "", "(cut)" if item.truncated else ""]
    return " ".join(part for part in parts if part) or f"id {label(item.id)}"


def _cost(item: FoundItem, count: Callable[[str], int]) -> int:
    data = item.model_dump_json(exclude_none=True)
    return max(count(fenced(_title(item), item.content)), count(data) + 1)


def _fitting(items: Sequence[FoundItem], budget: int, counter: TokenCounter) -> list[FoundItem]:
    """Return the first items that fit together; of a first one that is too long alone, as much as fits."""
    chosen: list[FoundItem] = []
    for item in items:
        cost = _cost(item, counter.count)
        if cost > budget:
            if not chosen:
                chosen.append(_cut(item, budget, counter))
            break
        budget -= cost
        chosen.append(item)
    return chosen


def _cut(item: FoundItem, budget: int, counter: TokenCounter) -> FoundItem:
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
    what: tuple[str, str],
    max_tokens: int,
    offset: int,
    notices: Sequence[str] = (),
    search_method: str | None = None,
    total: int | None = None,
) -> Page:
    """Return as many items as fit into a number of tokens, and how to get the others.

    Args:
        items: All results, best first, or the first so many of them.
        arguments: Of the call; the cursor belongs to them.
        counter: What tokens are counted with.
        tool: Whose answer it is.
        what: What was asked for, one and many: ``("result for 'x'", "results for 'x'")``.
        max_tokens: Neither the text nor the JSON exceeds it.
        offset: How many items were on the pages before.
        notices: What the model should know.
        search_method: The stages that ran.
        total: How many results there are; ``None``: ``items`` are all.
    """
    here = items[offset:]
    budget = max_tokens - _FRAME_TOKENS - counter.count("\n".join(notices))
    chosen = _fitting(here, budget, counter)
    done = offset + len(chosen)
    total = max(len(items), total or 0)
    cursor = _make_cursor(arguments, done, items[:done]) if chosen and done < total else None
    head = f"{total} {what[0] if total == 1 else what[1]}"
    if offset or cursor:
        head += f"; {offset + 1} to {done}" if chosen else f"; none after the first {offset}"
    head += f" ({search_method})" if search_method else ""
    text = "\n".join([head, *(f"note: {notice}" for notice in notices)]) + "\n"
    if chosen:
        text += PREAMBLE + "".join(fenced(_title(item), item.content) for item in chosen)
    if cursor:
        text += f'{total - done} more: call {tool} with the same arguments and cursor "{cursor}".\n'
    data = SearchAnswer(
        results=chosen, search_method=search_method or None, notices=list(notices) or None, next_cursor=cursor
    )
    return Page(text, data)


def notice_texts(notices: Iterable[Notice]) -> list[str]:
    """Return notices for a model, which has tools where a person has commands."""
    return [safe(text_of(f"{one.text}{_ADVICE.get(one.code, '')}")) for one in notices]


def shown_query(query: str) -> str:
    """Return a query as the head of an answer shows it."""
    one = label(text_of(query))
    return one if len(one) <= _SHOWN_QUERY else f"{one[:_SHOWN_QUERY]}…"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:10]


def _identity(arguments: Arguments) -> str:
    # The page size may change from page to page; what is asked for may not.
    return _digest(arguments.model_dump(mode="json", exclude={"cursor", "max_tokens"}))


def _make_cursor(arguments: Arguments, offset: int, before: Sequence[FoundItem]) -> str:
    content = [_CURSOR_VERSION, offset, _identity(arguments), _digest([item.id for item in before])]
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def next_offset(arguments: Arguments, cursor: str, items: Sequence[FoundItem]) -> tuple[int, str | None]:
    """Return where a page begins, and a notice where the pages before it would be different now.

    Raises:
        InvalidRequestError: The cursor is none, or belongs to other arguments.
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
            "the cursor is none of this tool's: pass next_cursor of an answer unchanged, or leave it out for page one"
        )
    if identity != _identity(arguments):
        raise InvalidRequestError(
            "the cursor belongs to a call with other arguments: repeat those of that call, or leave the cursor out"
        )
    if before != _digest([item.id for item in items[:offset]]):
        return offset, "what is stored has changed since the page before: something may repeat or be missing"
    return offset, None
