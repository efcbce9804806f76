"""``aurora watch``: follow a project and print a line per batch until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import aclosing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.interfaces.cli.actions.project import project_to_index
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_OK
from aurora_dev.interfaces.cli.output.index_report import batch_text
from aurora_dev.interfaces.cli.output.streams import print_text, say
from aurora_dev.memory import Memory

if TYPE_CHECKING:
    from aurora_dev.core.contracts import DenseProgress

_SECONDS_BETWEEN_LINES: Final = 10.0


def run_watch(path: Path | None, *, poll: bool, yes: bool, as_json: bool) -> int:
    """Index a project, follow its changes, and print a line for each batch, until SIGTERM or Ctrl-C."""
    root, settings = project_to_index(path, yes=yes)

    async def work() -> int:
        stop = asyncio.Event()
        if not as_json:
            say(f"bringing the index of {render.shown_path(root)} up to date")
        with suppress(NotImplementedError, RuntimeError):  # on Windows, or outside the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        opened = Memory.open(root, settings=settings)
        async with opened as memory, aclosing(memory.watch(stop=stop, poll=poll)) as batches:
            memory.dense.keep(DenseLines(as_json=as_json).show)
            async for batch in batches:
                if as_json:
                    print_text(json.dumps(asdict(batch), ensure_ascii=True))
                else:
                    print_text(batch_text(batch))
                if batch.polling and (batch.first or not poll) and not as_json:
                    say(f"note: looking for changes every second: {batch.polling}")
                if batch.first and not as_json:
                    say("watching; stop with Ctrl-C")
        return EXIT_OK

    return asyncio.run(work())


class DenseLines:
    """Prints how far the dense vectors are, every few seconds and at the end; called from a worker thread."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._last = 0.0

    def show(self, step: DenseProgress) -> None:
        """Print a line, unless the last one is too young."""
        now = time.monotonic()
        if not step.complete and now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        if self._as_json:
            print_text(json.dumps({"dense": asdict(step)}))
        else:
            print_text(f"{time.strftime('%H:%M:%S')}  dense vectors: {step.made:,} of {step.total:,}")
