"""The progress of an index run while it runs, and its report afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aurora_dev.history.report import HistoryReport
from aurora_dev.indexing.walker import Skipped

__all__ = ["IndexProgress", "IndexReport"]


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """The progress of a run.

    Attributes:
        files_done: Files that are read, and stored if they had changed.
        files_total: Files that the walk listed.
        chunks_written: Chunks that the run has stored so far.
        path: The last finished file; empty at the start.
    """

    files_done: int
    files_total: int
    chunks_written: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """The result of a run.

    Attributes:
        files_added: Files that are new in the store.
        files_updated: Files that were stored again: changed, or incomplete after an interrupted run.
        files_removed: Files that were removed from the store: deleted, or now ignored.
        files_unchanged: Files that were up to date.
        files_skipped: Entries of ``skipped`` (a folder counts as one).
        chunks_added: New chunks.
        chunks_updated: Chunks of changed files with unchanged text (their lines may have moved).
        chunks_removed: Deleted chunks.
        chunks_unchanged: Chunks of files that were up to date.
        chunks_total: Chunks of files in the store after the run.
        secrets_masked: Credentials that were masked in the files that the run read.
        seconds: Duration of the run.
        timings: Seconds per stage: ``scan`` (of the store), ``walk``, ``read``, ``mask``, ``chunk``, ``write``.
            Reading and writing overlap, so the sum may exceed ``seconds``.
        skipped: The files and folders that were skipped, sorted by path.
        cut_by_lines: The files that are indexed by lines, not along their syntax, because their grammar failed, with
            the reasons; sorted by path.
        not_utf8: The paths of the files that are indexed and not UTF-8, sorted: their encoding was recognised by a byte
            order mark or a declaration, set by the project, or guessed.
        encodings: The encoding in which each of these files was read, by path.
        history: The report of the commits; ``None`` if only files were read.
        without_vectors: Places (``path:line``, or the id) of records whose text the embedder refused, at most 20.
            Keywords alone find them.
        without_vectors_count: Number of these records.
    """

    files_added: int
    files_updated: int
    files_removed: int
    files_unchanged: int
    files_skipped: int
    chunks_added: int
    chunks_updated: int
    chunks_removed: int
    chunks_unchanged: int
    chunks_total: int
    secrets_masked: int
    seconds: float
    timings: Mapping[str, float]
    skipped: tuple[Skipped, ...] = ()
    cut_by_lines: tuple[Skipped, ...] = ()
    not_utf8: tuple[str, ...] = ()
    encodings: Mapping[str, str] = field(default_factory=dict)
    history: HistoryReport | None = None
    without_vectors: tuple[str, ...] = ()
    without_vectors_count: int = 0

    @property
    def skipped_reasons(self) -> Mapping[str, int]:
        """The number of skipped entries by reason, the most frequent first."""
        counts: dict[str, int] = {}
        for entry in self.skipped:
            counts[entry.reason] = counts.get(entry.reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
