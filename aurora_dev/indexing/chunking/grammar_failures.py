"""The files of a project on which a grammar failed, so that no later run tries it on the same content again."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from aurora_dev.log import get_logger

__all__ = ["GrammarFailures"]

_log = get_logger(__name__)

_FORMAT: Final = 1
_MOST_FILES: Final = 10_000  # a larger number is tried again


class _Failure(NamedTuple):
    version: str  # see `file_version`
    reason: str
    digest: str  # see `GrammarFailedError`


class GrammarFailures:
    """The files on which a grammar failed, by path.

    They are read on first use. The last process that writes wins: at worst, a text is tried once more.

    Args:
        path: The file that keeps them; ``None`` keeps them in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._failures: dict[str, _Failure] = {}
        self._loaded = path is None
        self._changed = False

    def load(self) -> None:
        """Read the file, if that has not happened yet, and let no later parse of those texts happen."""
        if self._loaded or self._path is None:
            return
        self._loaded = True
        try:
            values = json.loads(self._path.read_text("utf-8"))
            if values["format"] != _FORMAT or values["grammars"] != _grammars():
                return  # newer grammars may not fail
            self._failures = {str(path): _Failure(*map(str, failure)) for path, failure in values["failed"].items()}
        except FileNotFoundError:
            return  # the usual case
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            _log.info("grammar_failures_unreadable", path=str(self._path))
        from aurora_dev.syntax import remember_failures

        remember_failures(failure.digest for failure in self._failures.values())

    def reason(self, path: str, version: str) -> str | None:
        """Return why the grammar failed on this version of a file; ``None`` if it did not, or was never tried."""
        self.load()
        failure = self._failures.get(path)
        return failure.reason if failure is not None and failure.version == version else None

    def add(self, path: str, version: str, reason: str, digest: str) -> None:
        """Add a file."""
        self.load()
        if len(self._failures) < _MOST_FILES:
            self._failures[path] = _Failure(version, reason, digest)
            self._changed = True

    def discard(self, path: str) -> None:
        """Remove a file: its grammar no longer fails."""
        self._changed |= self._failures.pop(path, None) is not None

    def keep(self, paths: Collection[str]) -> None:
        """Remove all files but these, and save."""
        for path in [path for path in self._failures if path not in paths]:
            self.discard(path)
        self.save()

    def save(self) -> None:
        """Write the file if something has changed; if that fails, only this process knows it."""
        if not self._changed or self._path is None:
            return
        values = {"format": _FORMAT, "grammars": _grammars(), "failed": self._failures}
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_text(json.dumps(values), "utf-8")
            temporary.replace(self._path)
            self._changed = False
        except OSError as error:
            _log.info("grammar_failures_not_saved", error=str(error))
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _grammars() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tree-sitter-language-pack")
    except PackageNotFoundError:
        return ""
