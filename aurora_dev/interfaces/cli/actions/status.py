"""``aurora status``: print what is stored, with which models and settings, and what could work better."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

from aurora_dev.interfaces.cli.actions.project import indexed_project
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_OK
from aurora_dev.interfaces.cli.output.status_report import print_status, status_text
from aurora_dev.interfaces.cli.output.streams import print_text, stdout_is_terminal
from aurora_dev.memory import Memory, MemoryStatus


def run_status(path: Path | None, *, every_setting: bool, as_json: bool) -> int:
    """Print the status of a project's memory."""
    root, settings = indexed_project(path)

    async def work() -> MemoryStatus:
        async with Memory.open(root, settings=settings) as memory:
            return await memory.status()

    status = asyncio.run(work())
    if as_json:
        print_text(render.to_json(asdict(status)))
    elif stdout_is_terminal():
        from rich.console import Console

        print_status(Console(highlight=False), status, every_setting=every_setting)
    else:
        print_text(status_text(status, every_setting=every_setting))
    return EXIT_OK
