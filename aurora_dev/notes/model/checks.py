"""Checks of a note's fields, one function per field. They run before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from aurora_dev.core.record_kinds import COMMIT_KEY, FILE_KEY, SESSION_KEY
from aurora_dev.core.types import MetadataValue
from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.model.types import KINDS, LEAST_IMPORTANCE, MOST_IMPORTANCE, Scope

# A note is one fact, not a document: longer texts belong in a file of the project, where they are indexed in chunks.
# This much also fits into a record of Pinecone, whose limit is 40 KB with the metadata.
MAX_CONTENT_BYTES: Final = 32_768
MAX_NAME: Final = 64  # characters of a kind or a tag: these are names to filter by, not prose
MAX_TAGS: Final = 32
MAX_IDS: Final = 100_000  # in one call
MAX_SUPERSEDES: Final = 1_000  # notes that one note replaces; the note keeps their ids
MAX_METADATA: Final = 256  # keys
MAX_METADATA_CHARS: Final = 262_144  # of all keys and texts together
MAX_SOURCE: Final = 500
MAX_SYMBOL: Final = 500
MAX_PAGE: Final = 1_000
# Seconds, 100 years: early enough that every platform can turn the moment into a date.
MAX_EXPIRY: Final = 100 * 365 * 86_400.0

OWN_KEYS: Final = frozenset(
    {
        *("kind", "tags", "importance", "source", "path", "symbol", "created_at", "updated_at", "expires_at"),
        *("supersedes", "superseded_by", "said", "code_hash", "stale", "conflicts_with", "holds_with"),
    }
)
"""Keys of a record's metadata that hold the fields of a note."""
_INDEXER_KEYS: Final = frozenset((FILE_KEY, "file_chunks", COMMIT_KEY, SESSION_KEY))
_NOT_STORED: Final = "nothing was stored"
_MOST_GIVEN: Final = 1_000  # names of a list with repetitions


def checked_content(content: object) -> str:
    """Return the text of a note: a string that is not blank, at most `MAX_CONTENT_BYTES` of UTF-8."""
    if not isinstance(content, str):
        raise InvalidRequestError(f"content must be a string, not {type(content).__name__}: {_NOT_STORED}")
    if not content.strip():
        raise InvalidRequestError(f"the note has no text: {_NOT_STORED}")
    size = len(content.encode("utf-8", "surrogatepass"))
    if size > MAX_CONTENT_BYTES:
        raise InvalidRequestError(
            f"the note has {size:,} bytes, and {MAX_CONTENT_BYTES:,} are possible: {_NOT_STORED}. Shorten it, split it "
            f"into several notes, or put it into a file of the project and run: aurora index"
        )
    return content


def checked_name(value: object, what: str) -> str:
    """Return a kind or a tag: 1 to `MAX_NAME` printable characters, without spaces around them."""
    usable = isinstance(value, str) and value.strip() == value and 0 < len(value) <= MAX_NAME and value.isprintable()
    if not usable:
        raise InvalidRequestError(
            f"a {what} must be a name of 1 to {MAX_NAME} printable characters, not {value!r:.100}: {_NOT_STORED}"
        )
    return str(value)


def checked_kind(value: object) -> str:
    """Return a kind; one that Aurora knows is written in small letters."""
    kind = checked_name(value, "kind")
    return kind.casefold() if kind.casefold() in KINDS else kind


def checked_names(values: Iterable[str], what: str) -> tuple[str, ...]:
    """Return tags or kinds without repetitions, in their order; at most `MAX_TAGS`."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidRequestError(f"{what}s must be a list of names, not {values!r:.100}: {_NOT_STORED}")
    names: dict[str, None] = {}
    for number, value in enumerate(values):
        names[checked_name(value, what)] = None
        # An iterator may be endless.
        if len(names) > MAX_TAGS or number >= _MOST_GIVEN:
            raise InvalidRequestError(f"too many {what}s, at most {MAX_TAGS} are possible: {_NOT_STORED}. Give fewer")
    return tuple(names)


def checked_importance(value: object) -> int:
    """Return an importance of 1 to 10."""
    if isinstance(value, bool) or not isinstance(value, int) or not LEAST_IMPORTANCE <= value <= MOST_IMPORTANCE:
        raise InvalidRequestError(
            f"importance must be a whole number from {LEAST_IMPORTANCE} (trivial) to {MOST_IMPORTANCE} (vital), not "
            f"{value!r:.100}: {_NOT_STORED}"
        )
    return value


def checked_source(value: object) -> str | None:
    """Return a source, one line of at most `MAX_SOURCE` characters; an empty string becomes ``None``."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_SOURCE or not value.isprintable() or not value.strip():
        raise InvalidRequestError(
            f"source must be one line of at most {MAX_SOURCE} printable characters, not {value!r:.100}: {_NOT_STORED}"
        )
    return value.strip()


def checked_expiry(value: object) -> float:
    """Return the lifetime of a note in seconds, 0 to `MAX_EXPIRY`; 0 means that it does not expire."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_EXPIRY:
        raise InvalidRequestError(
            f"expires_in must be seconds from 0 to {MAX_EXPIRY:.0f} (100 years) or a timedelta, not {value!r:.100}: "
            f"{_NOT_STORED}"
        )
    return float(seconds)


def checked_since(value: object, now: float) -> float:
    """Return a moment in seconds since the epoch: a timedelta counts back from ``now``, a naive datetime is local."""
    if isinstance(value, timedelta):
        return now - value.total_seconds()
    if isinstance(value, datetime):
        try:
            return value.timestamp()
        except (OverflowError, OSError, ValueError):
            # Some platforms cannot convert early or late years as local time; UTC is close enough there.
            return value.replace(tzinfo=timezone.utc).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidRequestError(
            f"since must be seconds since the epoch, a datetime or a timedelta, not {value!r:.100}"
        )
    return float(value)


def checked_ids(value: object, what: str, most: int = MAX_IDS) -> tuple[str, ...]:
    """Return one id or several as a tuple without repetitions; at most ``most`` of them."""
    if value is None:
        return ()
    found = (value,) if isinstance(value, str) else value
    if isinstance(found, bytes) or not isinstance(found, Sequence | set | frozenset):
        raise InvalidRequestError(f"{what} must be an id or a list of ids, not {value!r:.100}: nothing was done")
    if len(found) > most:
        raise InvalidRequestError(f"{what} has {len(found):,} ids, and {most:,} are possible: nothing was done")
    for id in found:
        if not isinstance(id, str) or not id:
            raise InvalidRequestError(f"{what} must be an id or a list of ids, not {id!r:.100}: nothing was done")
    return tuple(dict.fromkeys(found))


def checked_scope(value: object) -> Scope:
    """Return a scope: ``project`` or ``user``."""
    if value == "project":
        return "project"
    if value == "user":
        return "user"
    raise InvalidRequestError(f"scope must be 'project' or 'user', not {value!r:.100}: nothing was done")


def checked_metadata(value: object) -> dict[str, MetadataValue]:
    """Return metadata that use no key of a note's own fields or of the indexer."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"metadata must be a mapping, not {value!r:.100}: {_NOT_STORED}")
    if len(value) > MAX_METADATA:
        raise InvalidRequestError(
            f"the metadata have {len(value):,} keys, and {MAX_METADATA} are possible: {_NOT_STORED}. Give fewer"
        )
    size = sum(len(text) for key, item in value.items() for text in (key, *_listed(item)) if isinstance(text, str))
    if size > MAX_METADATA_CHARS:
        raise InvalidRequestError(
            f"the metadata have {size:,} characters, and {MAX_METADATA_CHARS:,} are possible: {_NOT_STORED}. "
            "Shorten them"
        )
    if taken := _INDEXER_KEYS.intersection(value):
        raise InvalidRequestError(
            f"the metadata {', '.join(sorted(taken))} marks records of files and commits, which the next index run "
            f"would remove: {_NOT_STORED}. Use another name"
        )
    if taken := OWN_KEYS.intersection(value):
        raise InvalidRequestError(
            f"the metadata {', '.join(sorted(taken))} would hide a field of the note: {_NOT_STORED}. Use the argument "
            f"of that name, if there is one, or another name"
        )
    return dict(value)


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else (value,)


def checked_symbol(value: object) -> str | None:
    """Return the name of a definition, at most `MAX_SYMBOL` characters; an empty string becomes ``None``."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_SYMBOL or not value.isprintable() or value.strip() != value:
        raise InvalidRequestError(
            f"symbol must be the name of a definition, as in 'Client.send', not {value!r:.100}: {_NOT_STORED}"
        )
    return value


def checked_path(value: str) -> str:
    """Return a path as it is stored: POSIX, relative to the project, without ``..``."""
    if not isinstance(value, str) or not value.strip() or "\0" in value or len(value) > 4_096:
        raise InvalidRequestError(f"path must be a path in the project, not {value!r:.100}: {_NOT_STORED}")
    posix = PurePosixPath(value.replace("\\", "/"))
    if posix.is_absolute() or PureWindowsPath(value).drive or ".." in posix.parts:
        raise InvalidRequestError(
            f"the path '{value:.200}' must be relative to the project and stay inside it: {_NOT_STORED}"
        )
    return posix.as_posix()


def checked_limit(value: object) -> int:
    """Return a page size of 1 to `MAX_PAGE`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PAGE:
        raise InvalidRequestError(f"limit must be a whole number from 1 to {MAX_PAGE}, not {value!r:.80}")
    return value


def checked_top_k(value: object) -> int:
    """Return a number of results of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequestError(f"top_k must be a whole number of at least 1, not {value!r:.80}")
    return value
