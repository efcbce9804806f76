"""The code that memories are about: what it was when something was learned, and whether it still is.

Compared are the files themselves, not the index, so that a memory is stale from the moment in which its code changes.
"""

from __future__ import annotations

import hashlib
import textwrap
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aurora_dev.errors import InvalidRequestError
from aurora_dev.syntax import definitions, language_of

_FOLDER: Final = "folder"  # in place of a hash: a folder is there or it is not
_HASH_CHARS: Final = 32
_MOST_PARSED: Final = 2_000_000  # bytes; of a larger file the whole stands for each of its symbols
_MOST_FILES: Final = 512  # whose hashes are remembered; looking at one again costs less than a millisecond


@dataclass(slots=True)
class _Seen:
    """A file as it was looked at: its stamp, and hashes by symbol (``None``: the whole file)."""

    stamp: tuple[int, int]
    hashes: dict[str | None, str | None] = field(default_factory=dict)


class StalenessCheck:
    """Compares code with what it was. Thread-safe; its methods read files, so call them in a thread.

    Args:
        root: The project's folder, where paths start.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def capture(self, path: str, symbol: str | None) -> str:
        """Return the hash of what is there now.

        Args:
            path: POSIX, relative to the project.
            symbol: ``send`` or ``Client.send``; ``None`` for the whole file.

        Raises:
            InvalidRequestError: There is no such file or definition, or it lies outside of the project.
        """
        if not self._is_inside(path):
            raise InvalidRequestError(f"'{path}' leads out of the project: nothing was stored")
        if not (self._root / path).exists():
            raise InvalidRequestError(
                f"there is no '{path}' in the project: nothing was stored. Correct the path, or leave it out"
            )
        found = self._hash(path, symbol)
        if found is None:
            raise InvalidRequestError(
                f"{path} has no definition named '{symbol}': nothing was stored. Correct the symbol, or leave it out"
            )
        return found

    def stale(self, path: str, symbol: str | None, code_hash: str) -> str | None:
        """Say why code is not what it was; ``None`` where it is, or where it cannot be read."""
        if not self._is_inside(path) or not (self._root / path).exists():
            return f"{path} is gone"
        try:
            found = self._hash(path, symbol)
        except InvalidRequestError:
            return None  # it cannot be read now, which says nothing about what is in it
        if found is None:
            return f"{symbol} is no longer in {path}"
        if found == code_hash:
            return None
        return f"{symbol} in {path} has changed since" if symbol else f"{path} has changed since"

    def _is_inside(self, path: str) -> bool:
        try:
            return (self._root / path).resolve().is_relative_to(self._root.resolve())
        except (OSError, RuntimeError, ValueError):  # a loop of links, a name that no file can have
            return False

    def _hash(self, path: str, symbol: str | None) -> str | None:
        """Return the hash of a file or of a definition in it; ``None`` where it has none of that name."""
        file = self._root / path
        try:
            if file.is_dir():
                return _FOLDER
            status = file.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            with self._lock:
                seen = self._seen.get(path)
                if seen is None or seen.stamp != stamp:
                    seen = _Seen(stamp)
                if symbol in seen.hashes:
                    return seen.hashes[symbol]
            data = file.read_bytes()
        except OSError as error:
            raise InvalidRequestError(f"{path} cannot be read ({error.strerror}): nothing was stored") from None
        found = _hash_of(data, path, symbol)
        with self._lock:
            seen.hashes[symbol] = found
            self._seen[path] = seen
            self._seen.move_to_end(path)
            while len(self._seen) > _MOST_FILES:
                self._seen.popitem(last=False)
        return found


def _hash_of(data: bytes, path: str, symbol: str | None) -> str | None:
    # A checkout may turn line ends around without changing anything.
    data = data.replace(b"\r\n", b"\n")
    if symbol is None or len(data) > _MOST_PARSED:
        return _digest(data)
    head = data[:200].decode("utf-8", "replace").split("\n", 1)[0]
    language = language_of(path, head)
    found = definitions(data, language) if language else []
    if not found:
        return _digest(data) if symbol.rpartition(".")[2].encode("utf-8", "replace") in data else None
    suffix = f".{symbol}"
    places = [(d.start_line, d.end_line) for d in found if d.qualified == symbol or d.qualified.endswith(suffix)]
    if not places:
        return None
    lines = data.decode("utf-8", "replace").split("\n")
    # Moved, or indented differently as a whole, a definition is what it was.
    texts = [textwrap.dedent("\n".join(line.rstrip() for line in lines[a - 1 : b])) for a, b in places]
    return _digest("\0".join(texts).encode("utf-8", "surrogatepass"))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_HASH_CHARS]
