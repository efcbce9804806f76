"""What ``aurora watch`` does: one line per batch, until it is told to end."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import aclosing, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.interfaces.cli.actions.project import print_text, project_to_index
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.lines import visible
from aurora_dev.interfaces.cli.output.process import EXIT_OK, say
from aurora_dev.memory import Memory

if TYPE_CHECKING:
    from aurora_dev.indexing.watch import WatchBatch


def run_watch(path: Path | None, *, poll: bool, as_json: bool) -> int:
    """Index a project, follow its changes, and print a line for each batch; it ends by a signal."""
    root, settings = project_to_index(path)

    async def work() -> int:
        stop = asyncio.Event()
        if not as_json:
            say(f"bringing the index of {render.shown_path(root)} up to date")
        with suppress(NotImplementedError, RuntimeError):  # Windows has no such signal; threads other than the main one
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        async with Memory.open(root, settings=settings) as memory, aclosing(memory.watch(stop=stop, poll=poll)) as all_:
            async for batch in all_:
                if as_json:
                    print_text(json.dumps(asdict(batch), ensure_ascii=True))
                else:
                    print_text(batch_text(batch))
                if batch.polling and (batch.first or not poll) and not as_json:
                    say(f"note: looking for changes every second: {batch.polling}")
                if batch.first and not as_json:
                    say("watching; end it with Ctrl-C")
        return EXIT_OK

    return asyncio.run(work())


def batch_text(batch: WatchBatch) -> str:
    """Return a batch as one line: ``12:03:01  2 files updated, 1 removed (0.1 s)``."""
    when = datetime.fromtimestamp(batch.at).strftime("%H:%M:%S")
    if batch.error is not None:
        return visible(f"{when}  failed, will be tried again: {batch.error}")
    parts = []
    if batch.files_updated:
        parts.append(f"{render.counted(batch.files_updated, 'file')} updated")
    if batch.files_removed:
        parts.append(f"{render.counted(batch.files_removed, 'file')} removed")
    if batch.commits:
        parts.append(render.counted(batch.commits, "new commit"))
    return f"{when}  {', '.join(parts) or 'up to date'} ({batch.seconds:.1f} s)"
