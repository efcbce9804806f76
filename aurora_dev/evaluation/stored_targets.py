"""The stored records that the targets of a query name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from aurora_dev.core.types import Record
from aurora_dev.evaluation.query_file import Target


class StoredTargets:
    """The stored records by id and by path; resolves a target to the records that it names.

    The first rule that finds a record decides:

    1. The target is the id of a record.
    2. The target is a stored path.
    3. Stored paths end with the target after a slash.
    4. The target without the project's own folder is a stored path (``src/a.py`` or ``/srv/repo/src/a.py`` if
       ``/srv/repo/src`` is indexed).

    So ``README.md`` never names ``docs/README.md`` if both are stored. If the target has lines, only records whose
    lines overlap them count.

    Args:
        records: All stored records; their content is not needed.
        root: The project's folder, absolute, with forward slashes; empty if unknown.
    """

    def __init__(self, records: Iterable[Record], root: str = "") -> None:
        self._root = root.rstrip("/")
        self._ids: set[str] = set()
        self._spans: dict[str, list[tuple[str, Any, Any]]] = defaultdict(list)
        for record in records:
            self._ids.add(record.id)
            path = record.metadata.get("path")
            if isinstance(path, str) and path:
                span = (record.id, record.metadata.get("start_line"), record.metadata.get("end_line"))
                self._spans[path].append(span)
        self._same_name: dict[str, list[str]] = defaultdict(list)
        for path in self._spans:
            self._same_name[_last(path)].append(path)

    def ids_of(self, target: Target) -> frozenset[str]:
        """Return the ids of the records that a target names; empty if none is stored."""
        if target.start_line is None and target.name in self._ids:
            return frozenset([target.name])
        spans = [span for path in self._paths(target.name) for span in self._spans[path]]
        return frozenset(identifier for identifier, start, end in spans if _overlap(target, start, end))

    def _paths(self, name: str) -> list[str]:
        if name in self._spans:
            return [name]
        same = self._same_name.get(_last(name), [])
        deeper = [path for path in same if path.endswith(f"/{name}")]
        if deeper:
            return deeper
        # Matching the end alone would accept any README.md: what comes before it must be the project's folder.
        inside = (path for path in same if name.endswith(f"/{path}") and self._is_root(name[: -len(path) - 1]))
        return list(inside)

    def _is_root(self, folder: str) -> bool:
        return bool(self._root) and (folder == self._root or self._root.endswith(f"/{folder}"))


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _overlap(target: Target, start: Any, end: Any) -> bool:
    if target.start_line is None or target.end_line is None:
        return True
    if not isinstance(start, int) or not isinstance(end, int):
        return False  # a record without lines may be any part of the file
    return start <= target.end_line and end >= target.start_line
