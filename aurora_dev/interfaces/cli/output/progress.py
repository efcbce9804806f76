"""Progress on standard error: a bar on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from aurora_dev.core.text.visible import visible
from aurora_dev.interfaces.cli.output.render import cut
from aurora_dev.interfaces.cli.output.streams import say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from aurora_dev.indexing.report import IndexProgress

_SECONDS_BETWEEN_LINES = 5.0  # a log shows that the work goes on, and a short run prints nothing
_PATH_CHARS = 40


class Display(Protocol):
    """Shows progress. Every method may be called from worker threads."""

    def files(self, progress: IndexProgress) -> None:
        """Show how many files are indexed."""

    def vectors(self, done: int, total: int) -> None:
        """Show how many vectors are embedded again."""

    def searches(self, done: int, total: int) -> None:
        """Show how many searches of an evaluation are done."""

    def stage(self, name: str, done: int, total: int) -> None:
        """Show how many records, or pages of a file, a stage has moved."""


@contextmanager
def progress_display(*, quiet: bool = False) -> Iterator[Display]:
    """Yield a display: a bar on a terminal, which disappears at the end, lines elsewhere, or nothing if ``quiet``."""
    if quiet or sys.stderr is None:
        yield _Silent()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            yield _Bars(bars)


class _Silent:
    def files(self, progress: IndexProgress) -> None: ...

    def vectors(self, done: int, total: int) -> None: ...

    def searches(self, done: int, total: int) -> None: ...

    def stage(self, name: str, done: int, total: int) -> None: ...


class _Lines:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def files(self, progress: IndexProgress) -> None:
        self._line(
            f"{progress.files_done:,} of {progress.files_total:,} files, {progress.chunks_written:,} chunks stored"
        )

    def vectors(self, done: int, total: int) -> None:
        self._line(f"{done:,} of {total:,} vectors made again")

    def searches(self, done: int, total: int) -> None:
        self._line(f"{done:,} of {total:,} searches")

    def stage(self, name: str, done: int, total: int) -> None:
        self._line(f"{name}: {done:,} of {total:,}")

    def _line(self, text: str) -> None:
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            say(text)


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def files(self, progress: IndexProgress) -> None:
        note = cut(visible(progress.path.rpartition("/")[2]), _PATH_CHARS)
        self._show("files", progress.files_done, progress.files_total, note)

    def vectors(self, done: int, total: int) -> None:
        self._show("vectors", done, total, "")

    def searches(self, done: int, total: int) -> None:
        self._show("searches", done, total, "")

    def stage(self, name: str, done: int, total: int) -> None:
        self._show(name, done, total, "")

    def _show(self, name: str, done: int, total: int, note: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total, note=note)
        self._bars.update(self._tasks[name], completed=done, total=total, note=note)
