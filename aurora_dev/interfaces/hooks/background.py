"""Take in transcripts, in a process with the arguments ``ROOT [TRANSCRIPT]``.

`start_capture` starts it; nobody waits for it or reads what it prints. It ends itself when its time is up. What it did,
or why it failed, is a line of the hooks' log.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.interfaces.hooks.journal import Run, write_log

if TYPE_CHECKING:
    from aurora_dev.config import Settings

_LIMIT: Final = 300.0  # seconds; a first capture may read years of transcripts, and goes on at the next one


def main() -> int:
    """Take in one transcript, or all that have grown, and write a line to the log."""
    root = Path(sys.argv[1])
    transcript = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    started = time.time()
    state = ""

    def log(outcome: str, *, failed: bool) -> None:
        if state:
            spent = round(1000 * (time.time() - started))
            write_log(state, Run(started, "capture", "background", spent, failed, outcome))

    def give_up() -> None:
        log("it took too long and was ended; the next capture goes on", failed=True)
        os._exit(0)

    watch = threading.Timer(_LIMIT, give_up)
    watch.daemon = True
    watch.start()
    try:
        from aurora_dev.config import Settings

        settings = Settings.load(root)
        state = str(settings.store_path(root) / "state")
        log(asyncio.run(_capture(root, settings, transcript)), failed=False)
    except Exception as error:  # noqa: BLE001 - nobody is there to be told; the log says it
        log(f"{type(error).__name__}: {error}", failed=True)
    watch.cancel()
    return 0


async def _capture(root: Path, settings: Settings, transcript: Path | None) -> str:
    from aurora_dev.memory import Memory

    async with Memory.open(root, settings=settings) as memory:
        report = await memory.capture_sessions(transcript)
    skipped = f", skipped {len(report.skipped)}: {report.skipped[0].reason}" if report.skipped else ""
    return f"took in {report.exchanges_added} exchanges of {report.sessions} sessions{skipped}"
