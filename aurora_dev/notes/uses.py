"""`Uses`: how often each note was recalled. The counts lie beside the store, so that counting slows no search down.

The counts only influence the ranking. They are a small file that is replaced as a whole: if two processes write at the
same moment, one may lose its counts; a file that cannot be read counts as empty.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from aurora_dev.log import get_logger
from aurora_dev.regular_files import read_regular, write_new

_log = get_logger(__name__)

FILE: Final = "note_uses.json"
_FLUSH_AT: Final = 64  # unwritten counts; the recall that reaches them writes the file
_MOST_BYTES: Final = 16 * 1024 * 1024  # of the file
_MOST_IDS: Final = 10_000  # kept in the file, the most used ones: half a megabyte
_MOST_COUNT: Final = 1_000_000


class Uses:
    """The use counts of one store. Thread-safe. Its methods read and write a small file: call them in a thread.

    Args:
        folder: Folder of the store; if it does not exist, counts last as long as the process.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._pending: Counter[str] = Counter()
        self._known: Counter[str] = Counter()
        self._stamp: tuple[int, int] | None = None

    def counts(self) -> Counter[str]:
        """Return the number of uses by id of the note."""
        with self._lock:
            self._read()
            return self._known + self._pending

    def add(self, ids: Iterable[str]) -> None:
        """Count one more use of each note."""
        with self._lock:
            self._pending.update(ids)
            if self._pending.total() >= _FLUSH_AT:
                self._write()

    def flush(self) -> None:
        """Write the counts to the file."""
        with self._lock:
            self._write()

    def _read(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return
            values = json.loads(read_regular(self._path, _MOST_BYTES))
            self._known = Counter(
                {
                    str(id): min(count, _MOST_COUNT)
                    for id, count in values.items()
                    if isinstance(count, int) and not isinstance(count, bool) and count > 0
                }
            )
            self._stamp = stamp
        except (OSError, ValueError, AttributeError, RecursionError):
            # The file does not exist yet, or is damaged: counting starts from zero.
            self._known, self._stamp = Counter(), None

    def _write(self) -> None:
        if not self._pending or not self._path.parent.is_dir():
            return
        self._read()
        merged = self._known + self._pending
        kept = dict(merged.most_common(_MOST_IDS))
        temporary = self._path.with_name(f"{FILE}.{os.urandom(4).hex()}.tmp")
        try:
            write_new(temporary, json.dumps(kept, sort_keys=True).encode())
            temporary.replace(self._path)
            self._pending.clear()
        except OSError as error:
            _log.debug("notes.uses_not_saved", error=error)
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
