"""Staleness: notes whose code has changed since they were stored.

`StalenessCheck` compares a note with the project's files, not with the index, so that a note is stale as soon as its
code changes. `mark_stale` writes the outcome into the store, so that filters can use it.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import textwrap
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from aurora_dev.core.contracts import Filter
from aurora_dev.errors import (
    BackendUnavailableError,
    InvalidRequestError,
    StoreClosedError,
    StoreFullError,
    StoreLockedError,
    StoreUnwritableError,
)
from aurora_dev.log import get_logger
from aurora_dev.notes.model.records import document_of
from aurora_dev.notes.model.types import Note
from aurora_dev.notes.store import NoteStore, Stored
from aurora_dev.regular_files import read_regular

_log = get_logger(__name__)

_FOLDER: Final = "folder"  # stands for a hash: a folder exists or does not
_HASH_CHARS: Final = 32
_MOST_PARSED: Final = 2_000_000  # bytes; in a larger file each symbol is compared by the whole file
_MOST_READ: Final = 128_000_000  # bytes; a larger file is compared by its beginning and its size
_MOST_NAMED: Final = 5  # ids in the log
_MOST_FILES: Final = 512  # whose hashes are cached; reading one again costs less than a millisecond
# If one note cannot be written for such a reason, none can.
_STORE_FAILED: Final = (
    BackendUnavailableError,
    StoreClosedError,
    StoreFullError,
    StoreLockedError,
    StoreUnwritableError,
)
_WATCHED: Final[Filter] = {"code_hash": {"$exists": True}, "superseded_by": {"$exists": False}}


@dataclass(slots=True)
class _Cached:
    """Cached hashes of a file: its time and size when it was read, and hashes by symbol (``None``: whole file)."""

    stamp: tuple[int, int]
    hashes: dict[str | None, str | None] = field(default_factory=dict)


class StalenessCheck:
    """Compares the project's code with the hashes that notes hold. Thread-safe.

    The methods read files: call them in a thread.

    Args:
        root: Folder of the project, where paths start.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, _Cached] = OrderedDict()

    def capture(self, path: str, symbol: str | None) -> str:
        """Return the hash of a file, folder or definition as it is now.

        Args:
            path: POSIX, relative to the project.
            symbol: ``send`` or ``Client.send``; ``None`` for the whole file.

        Raises:
            InvalidRequestError: There is no such file or definition, it cannot be read, or it lies outside the project.
        """
        if not self._is_inside(path):
            raise InvalidRequestError(f"'{path}' leads out of the project: nothing was stored. Name a file inside")
        if not self._exists(path):
            raise InvalidRequestError(
                f"there is no '{path}' in the project: nothing was stored. Correct the path, or leave it out"
            )
        found = self._hash(path, symbol)
        if found is None:
            raise InvalidRequestError(
                f"{path} has no definition named '{symbol}': nothing was stored. Correct the symbol, or leave it out"
            )
        return found

    def why_stale(self, note: Note) -> str | None:
        """Return why a note may no longer hold; ``None`` if its code is unchanged, or it is about no code."""
        if note.scope == "user" or note.path is None or note.code_hash is None:
            return note.stale
        return self.why_changed(note.path, note.symbol, note.code_hash)

    def why_changed(self, path: str, symbol: str | None, code_hash: str) -> str | None:
        """Return how code differs from a hash of `capture`; ``None`` if it does not, or cannot be read now."""
        if not self._is_inside(path) or not self._exists(path):
            return f"{path} is gone"
        try:
            found = self._hash(path, symbol)
        except InvalidRequestError:
            return None  # unreadable files say nothing about what is in them
        if found is None:
            return f"{symbol} is no longer in {path}"
        if found == code_hash:
            return None
        return f"{symbol} in {path} has changed since" if symbol else f"{path} has changed since"

    def _is_inside(self, path: str) -> bool:
        try:
            return (self._root / path).resolve().is_relative_to(self._root.resolve())
        except (OSError, RuntimeError, ValueError):  # a loop of links, an impossible file name
            return False

    def _exists(self, path: str) -> bool:
        """Return whether there is such a file or folder; one that the system does not let us see counts as there."""
        try:
            return (self._root / path).exists()
        except ValueError:  # an impossible file name
            return False
        except OSError as error:
            return error.errno not in (errno.ENAMETOOLONG, errno.EINVAL)

    def _hash(self, path: str, symbol: str | None) -> str | None:
        """Return the hash of a file or of a definition in it; ``None`` if it has no definition of that name."""
        file = self._root / path
        try:
            if file.is_dir():
                return _FOLDER
            status = file.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            with self._lock:
                cached = self._cache.get(path)
                if cached is None or cached.stamp != stamp:
                    cached = _Cached(stamp)
                if symbol in cached.hashes:
                    return cached.hashes[symbol]
            data = read_regular(file, _MOST_READ, cut=True)
        except OSError as error:
            raise InvalidRequestError(f"{path} cannot be read ({error.strerror}): nothing was stored") from None
        if status.st_size > _MOST_READ:
            data += f"\0{status.st_size}".encode()
        found = _hash_of(data, path, symbol)
        with self._lock:
            cached.hashes[symbol] = found
            self._cache[path] = cached
            self._cache.move_to_end(path)
            while len(self._cache) > _MOST_FILES:
                self._cache.popitem(last=False)
        return found


async def mark_stale(notes: NoteStore, check: StalenessCheck) -> int:
    """Write to the store which notes are stale now, and unmark those that no longer are.

    Args:
        notes: Notes of the project.
        check: Compares them with the project's code.

    Returns:
        Number of notes that were changed. A note that cannot be compared or written stays as it is, and is tried again
        next time; the log names it. If the store cannot be written at all, the rest stays as it is, too.
    """
    changed = 0
    failed: dict[str, Exception] = {}
    for stored in await notes.scan(_WATCHED):
        try:
            changed += await _mark(notes, check, stored)
        except _STORE_FAILED as error:
            _log.info("notes.stale_not_marked", error=error)
            break
        except Exception as error:  # noqa: BLE001  (one bad note must not keep the others from being marked)
            failed[stored.note.id] = error
    if failed:
        first = next(iter(failed.values()))
        _log.warning("notes.stale_not_marked", count=len(failed), ids=list(failed)[:_MOST_NAMED], error=first)
    return changed


async def _mark(notes: NoteStore, check: StalenessCheck, stored: Stored) -> bool:
    """Write to the store whether a note is stale now; return whether it was changed."""
    reason = await asyncio.to_thread(check.why_stale, stored.note)
    if reason == stored.note.stale:
        return False
    marked = document_of(replace(stored.note, stale=reason))
    # Compare-and-swap: a note that is being corrected at the same time is left to that correction.
    return await notes.store.write_if({stored.note.id: stored.document}, [marked], masked=True)


def _hash_of(data: bytes, path: str, symbol: str | None) -> str | None:
    # Git may convert line ends at checkout.
    data = data.replace(b"\r\n", b"\n")
    if symbol is None or len(data) > _MOST_PARSED:
        return _digest(data)
    from aurora_dev.syntax import GrammarFailedError, GrammarUnavailableError, find_definitions, language_of

    head = data[:200].decode("utf-8", "replace").split("\n", 1)[0]
    language = language_of(path, head)
    try:
        found = find_definitions(data, language) if language else []
    except GrammarFailedError:
        found = []
    except GrammarUnavailableError as error:
        raise InvalidRequestError(f"{path} cannot be parsed now ({error}): nothing was stored") from None
    if not found:
        return _digest(data) if symbol.rpartition(".")[2].encode("utf-8", "replace") in data else None
    suffix = f".{symbol}"
    spans = [(d.start_line, d.end_line) for d in found if d.qualified == symbol or d.qualified.endswith(suffix)]
    if not spans:
        return None
    lines = data.decode("utf-8", "replace").split("\n")
    # A definition that was moved, or indented as a whole, is unchanged.
    texts = [textwrap.dedent("\n".join(line.rstrip() for line in lines[a - 1 : b])) for a, b in spans]
    return _digest("\0".join(texts).encode("utf-8", "surrogatepass"))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_HASH_CHARS]
