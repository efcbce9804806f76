"""What an indexing run takes, tells while it runs, and reports: small frozen types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aurora_dev.errors import InvalidRequestError
from aurora_dev.history.report import HistoryReport
from aurora_dev.indexing.walker import Skipped, WalkOptions

__all__ = ["IndexOptions", "IndexProgress", "IndexReport"]


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What is rarely changed about indexing.

    Attributes:
        mask_secrets: Whether credentials are masked before anything is stored or embedded.
        walk: Which files are read.
        batch_chunks: About how many documents one write holds: enough that its fixed cost does not count, few enough
            that memory stays small and progress shows.
        first_batch_chunks: The same for the first write, so that something shows soon.
        batch_files: How many files are read between two reports of progress where nothing has to be written.
    """

    mask_secrets: bool = True
    walk: WalkOptions = field(default_factory=WalkOptions)
    batch_chunks: int = 1_500
    first_batch_chunks: int = 250
    batch_files: int = 1_000

    def __post_init__(self) -> None:
        for name in ("batch_chunks", "first_batch_chunks", "batch_files"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidRequestError(f"{name} must be a whole number of at least 1, not {value!r}")


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """Where a run stands.

    Attributes:
        files_done: Files that are read, and stored where they had changed.
        files_total: Files that the walk found.
        chunks_written: Documents that this run has stored so far.
        path: The last file that is done; empty at the start.
    """

    files_done: int
    files_total: int
    chunks_written: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run did.

    Attributes:
        files_added: Files that the store did not hold.
        files_updated: Files that were stored anew: changed, or incomplete after an interrupted run.
        files_removed: Files that left the store: gone, or ignored now.
        files_unchanged: Files that were up to date.
        files_skipped: Entries of ``skipped`` (a folder counts as one).
        chunks_added: Documents that are new.
        chunks_updated: Documents of changed files that stayed the same text (their lines may have moved).
        chunks_removed: Documents that were deleted.
        chunks_unchanged: Documents of files that were up to date.
        chunks_total: Documents of files that the store holds now.
        secrets_masked: Credentials that were masked, in the files that were read anew.
        seconds: How long it took.
        timings: Seconds per stage: ``scan`` (of the store), ``walk``, ``read``, ``mask``, ``chunk``, ``write``.
            Reading and writing overlap, so that their sum may exceed ``seconds``.
        skipped: What was left out, sorted by path.
        history: What the run did with the commits of the git history; ``None`` where it only read files.
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
    history: HistoryReport | None = None

    @property
    def skipped_reasons(self) -> Mapping[str, int]:
        """How many entries were skipped for each reason, the most frequent first."""
        counts: dict[str, int] = {}
        for entry in self.skipped:
            counts[entry.reason] = counts.get(entry.reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
