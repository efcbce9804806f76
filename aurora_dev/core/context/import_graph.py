"""The import graph of a project, read from stored records alone: their paths, symbols and import statements."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from aurora_dev.core.record_kinds import FILE_KEY, IS_CHUNK, chunks_of
from aurora_dev.core.types import Record
from aurora_dev.log import get_logger
from aurora_dev.syntax.imports import Import, imports

if TYPE_CHECKING:
    from aurora_dev.core.contracts import Filter, SearchableStore

__all__ = ["ChunkRef", "FileEntry", "GraphCache", "ImportGraph", "build_graph"]

_log = get_logger(__name__)

# A scan takes 15 ms per thousand records. Beyond this size, neighbours are not worth the wait.
MOST_RECORDS: Final = 50_000

# A file with one of these names stands for its whole folder or package.
_INDEX_STEMS: Final = frozenset({"__init__", "index", "mod", "lib", "init"})
_SPLIT: Final = re.compile(r"::|\\|/|\.")
_SCRIPT_SUFFIX: Final = re.compile(r"\.(?:[cm]?[jt]sx?|vue|svelte|d\.ts)$")
_RELATIVE_ROOTS: Final = frozenset({"crate", "self", "@", "~", "src"})
_MOST_TARGETS: Final = 12  # files per import; a Go package is a folder of files


@dataclass(frozen=True, slots=True)
class ChunkRef:
    """The position of a chunk in its file; lines are 1-based and inclusive."""

    id: str
    start: int
    end: int
    symbols: tuple[str, ...]


@dataclass(slots=True)
class FileEntry:
    """A file as its records describe it.

    Attributes:
        stamp: Hash of the file; equal stamps mean equal imports.
        chunks: In line order.
    """

    path: str
    language: str
    stamp: str
    chunks: list[ChunkRef] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)

    def defining(self, name: str) -> ChunkRef | None:
        """Return the first chunk that defines a name."""
        return next((chunk for chunk in self.chunks if name in chunk.symbols), None)


@dataclass(slots=True)
class ImportGraph:
    """The files of a namespace and their imports of each other.

    Attributes:
        files: By path.
        depends: By path, the files that it imports, each with the names that it takes (none: the whole module).
        dependents: By path, the files that import it.
        cut_lines: Path and number of each line that is so long that several records share it.
    """

    files: dict[str, FileEntry] = field(default_factory=dict)
    depends: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    dependents: dict[str, list[str]] = field(default_factory=dict)
    cut_lines: frozenset[tuple[str, int]] = frozenset()


def build_graph(
    records: Iterable[Record], old: ImportGraph | None = None, *, changed: Set[str] | None = None
) -> ImportGraph:
    """Build the graph from records with contents; those without a ``file_hash`` (notes, commits) are skipped.

    A record, or an import statement, that cannot be read is left out alone: other programs may have written it.

    Args:
        records: In any order.
        old: An earlier graph. Files whose hash is unchanged are not parsed for imports again.
        changed: The files whose records these are, and those that have none any more; the others are as in ``old``.
            ``None``: the records of all files are given.
    """
    graph = ImportGraph()
    if old is not None and changed is not None:
        graph.files = {path: entry for path, entry in old.files.items() if path not in changed}
    kept = len(graph.files)
    texts: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for record in records:
        try:
            _add_record(record, graph, old, texts)
        except Exception:  # noqa: BLE001 - one record must not cost the graph of all others
            _log.warning("record_not_in_graph", id=record.id, exc_info=True)
    for path, parts in texts.items():
        entry = graph.files[path]
        found: dict[Import, None] = {}
        for _, content in sorted(parts, key=lambda part: (part[0], str(part[1]))):
            try:
                found.update(dict.fromkeys(imports(content, entry.language)))
            except Exception:  # noqa: BLE001 - one file must not cost the graph of all others
                _log.warning("imports_not_read", path=path, exc_info=True)
        entry.imports = list(found)
    read = list(islice(graph.files.values(), kept, None))
    for entry in read:
        entry.chunks.sort(key=lambda chunk: (chunk.start, chunk.end, chunk.id))
    singles = Counter((e.path, chunk.start) for e in read for chunk in e.chunks if chunk.start == chunk.end)
    cut_lines = frozenset(line for line, count in singles.items() if count > 1)
    if old is not None and changed is not None:
        cut_lines |= {line for line in old.cut_lines if line[0] not in changed}
    graph.cut_lines = cut_lines
    # An import means the same file as before if there are the same files.
    _connect(graph, read, old if old is not None and old.files.keys() == graph.files.keys() else None)
    return graph


def _add_record(
    record: Record, graph: ImportGraph, old: ImportGraph | None, texts: dict[str, list[tuple[int, str]]]
) -> None:
    """Add the chunk of a record to its file, and its text to those that are parsed for imports."""
    metadata = record.metadata
    path, stamp = metadata.get("path"), metadata.get(FILE_KEY)
    if not isinstance(path, str) or not isinstance(stamp, str):
        return
    start, end = _line(metadata, "start_line"), _line(metadata, "end_line")
    symbols = metadata.get("symbols")
    names = tuple(map(str, symbols)) if isinstance(symbols, list) else ()
    entry = graph.files.get(path)
    if entry is None:
        entry = graph.files[path] = FileEntry(path, str(metadata.get("language", "")), stamp)
    entry.chunks.append(ChunkRef(record.id, start, end, names))
    known = old.files.get(path) if old is not None else None
    if known is not None and known.stamp == stamp:
        entry.imports = known.imports
    else:
        texts[path].append((start, record.content))


class GraphCache:
    """The import graph of a store; when the store has changed, the files that changed are read again."""

    def __init__(self) -> None:
        self._sequence = -1
        self._graph = ImportGraph()

    async def get(self, store: SearchableStore) -> ImportGraph | None:
        """Return the graph, or ``None`` if the store has more than `MOST_RECORDS` records."""
        stats = await store.stats()
        if stats.records > MOST_RECORDS:
            return None
        if stats.sequence != self._sequence:
            changed = await self._changed(store) if isinstance(store, _TracksChanges) and self._graph.files else None
            condition = IS_CHUNK if changed is None else chunks_of(sorted(changed))
            records = await store.scan(condition, content=True)
            self._graph = await asyncio.to_thread(build_graph, records, self._graph, changed=changed)
            self._sequence = stats.sequence
        return self._graph

    async def _changed(self, store: _TracksChanges) -> set[str] | None:
        """Return the files with other chunks than in the graph; ``None`` if the store cannot tell."""
        written = await store.paths_written_since(self._sequence)
        if written is None:
            return None
        counts: Counter[str | None] = Counter()
        for (path, _), count in (await store.tally(("path", "language"), IS_CHUNK)).items():
            counts[path] += count
        files = self._graph.files
        differ = {path for path, count in counts.items() if path not in files or len(files[path].chunks) != count}
        return {path for path in (*differ, *(files.keys() - counts.keys()), *written) if path is not None}


@runtime_checkable
class _TracksChanges(Protocol):
    """The calls of a store that tells what was written last."""

    async def paths_written_since(self, sequence: int) -> set[str] | None:
        """See `VectorStore.paths_written_since`."""

    async def tally(self, fields: Sequence[str], filter: Filter | None = None) -> Mapping[tuple[str | None, ...], int]:
        """See `VectorStore.tally`."""


def _line(metadata: Mapping[str, Any], name: str) -> int:
    value = metadata.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _connect(graph: ImportGraph, read: Sequence[FileEntry], old: ImportGraph | None) -> None:
    """Find the files that imports mean.

    Args:
        graph: The graph, with all files.
        read: The files that are new or changed.
        old: A graph of the same files, from which the targets of the others are taken.
    """
    resolver = _Resolver(graph.files)
    if old is not None:
        graph.depends = dict(old.depends)
    for entry in read if old is not None else graph.files.values():
        path = entry.path
        targets: dict[str, tuple[str, ...]] = {}
        for statement in entry.imports:
            try:
                resolved = resolver.resolve(statement, entry)
            except Exception:  # noqa: BLE001 - one import must not cost those of all other files
                _log.warning("import_not_resolved", path=path, module=statement.module, exc_info=True)
                continue
            for target, names in resolved:
                if target != path:
                    targets[target] = tuple(dict.fromkeys((*targets.get(target, ()), *names)))
        graph.depends[path] = targets
    dependents: dict[str, set[str]] = defaultdict(set)
    for path, targets in graph.depends.items():
        for target in targets:
            dependents[target].add(path)
    graph.dependents = {path: sorted(found) for path, found in dependents.items()}


class _Resolver:
    """Finds the files that an import statement can mean."""

    def __init__(self, files: Mapping[str, FileEntry]) -> None:
        self.files = files
        self.by_last: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        self.folders: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        for path in sorted(files):
            parts = _module_parts(path)
            if parts:
                self.by_last[parts[-1]].append((parts, path))
            folder = tuple(path.split("/")[:-1])
            if folder:
                self.folders[folder[-1]].append((folder, path))

    def resolve(self, statement: Import, importer: FileEntry) -> list[tuple[str, tuple[str, ...]]]:
        """Return the files that a statement imports, with the names that it takes from each."""
        module, names = statement
        here = importer.path.split("/")[:-1]
        taken = () if names == ("*",) else names
        base = self._relative(module, here, importer.language)
        if base is not None:
            return self._at(base, taken)
        parts = [part for part in _SPLIT.split(_SCRIPT_SUFFIX.sub("", module)) if part and part != "*"]
        if importer.language in ("c", "cpp", "objc", "cuda"):
            parts = [part for part in module.rsplit(".", 1)[0].split("/") if part and part != ".."]
            same = self._exact([*here, *parts])
            if same:
                return [(path, ()) for path in same]
        while parts and parts[0] in _RELATIVE_ROOTS:
            parts = parts[1:]
        if not parts:
            return []
        if importer.language == "go":
            return [(path, taken) for path in self._folder(parts)]
        found = self._ending(parts, here)
        if not found and len(parts) > 1:
            # The last part may be a name in the module, and the first one the package that is the project's root.
            found = self._ending(parts[:-1], here)
            taken = taken or ((parts[-1],) if found else ())
            found = found or self._exact(parts[1:])
        result = [(path, taken) for path in found]
        if importer.language == "python":
            for name in names:  # "from package import module"
                result += [(path, ()) for path in self._ending([*parts, name], here)]
        return result[:_MOST_TARGETS]

    def _relative(self, module: str, here: Sequence[str], language: str) -> list[str] | None:
        """Return the path, in parts, that a relative import names, or ``None`` if it is not relative."""
        if language == "python":
            if not module.startswith("."):
                return None
            name = module.lstrip(".")
            up = len(module) - len(name) - 1
            return [*here[: max(0, len(here) - up)], *(part for part in name.split(".") if part)]
        if module.startswith("super::") or module == "super":
            return [*here, *(part for part in module.split("::")[1:] if part)]
        if module.startswith("self::"):
            return [*here, *module.split("::")[1:]]
        if not module.startswith("."):
            return None
        parts = list(here)
        for part in module.split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        return parts

    def _at(self, parts: list[str], names: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
        path = "/".join(parts)
        if path in self.files:
            return [(path, names)]
        if parts:
            parts = [*parts[:-1], _SCRIPT_SUFFIX.sub("", parts[-1])]
        result = [(found, names) for found in self._exact(parts)]
        for name in names:
            result += [(found, ()) for found in self._exact([*parts, name])]
        return result[:_MOST_TARGETS]

    def _exact(self, parts: Sequence[str]) -> list[str]:
        wanted = tuple(parts)
        return [path for have, path in self.by_last.get(wanted[-1], ()) if have == wanted] if wanted else []

    def _ending(self, parts: Sequence[str], here: Sequence[str]) -> list[str]:
        """Return the file whose path ends with these parts, or the one nearest to the importer if there are several."""
        wanted = tuple(parts)
        if not wanted:
            return []
        found = [
            (_common_prefix_length(have, here), -len(have), path)
            for have, path in self.by_last.get(wanted[-1], ())
            if have[-len(wanted) :] == wanted and (len(wanted) > 1 or len(have) == 1 or have[:-1] == tuple(here))
        ]
        return [max(found)[2]] if found else []

    def _folder(self, parts: Sequence[str]) -> list[str]:
        for length in range(len(parts), 0, -1):
            wanted = tuple(parts[-length:])
            found = [path for have, path in self.folders.get(wanted[-1], ()) if have[-length:] == wanted]
            if found:
                return found[:_MOST_TARGETS]
        return []


def _module_parts(path: str) -> tuple[str, ...]:
    *folders, name = path.split("/")
    stem = name.split(".", 1)[0] if not name.startswith(".") else name
    if stem in _INDEX_STEMS:
        return (*folders,) if folders else (stem,)
    return (*folders, stem)


def _common_prefix_length(left: Sequence[str], right: Sequence[str]) -> int:
    count = 0
    for left_part, right_part in zip(left, right, strict=False):
        if left_part != right_part:
            break
        count += 1
    return count
