"""``aurora index``: bring the index up to date and report what changed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.interfaces.cli.actions.project import project_to_index
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_OK
from aurora_dev.interfaces.cli.output.index_report import report_text
from aurora_dev.interfaces.cli.output.progress import progress_display
from aurora_dev.interfaces.cli.output.streams import print_text, say, wrapped
from aurora_dev.memory import Memory

if TYPE_CHECKING:
    from aurora_dev.indexing.report import IndexReport


def run_index(path: Path | None, *, full: bool, reembed: bool, mask: bool, yes: bool, as_json: bool) -> int:
    """Index a project and print what changed."""
    root, settings = project_to_index(path, yes=yes, **({} if mask else {"mask_secrets": False}))
    began = time.perf_counter()

    async def work() -> tuple[IndexReport, bool]:
        async with Memory.open(root, settings=settings) as memory:
            with progress_display(quiet=as_json) as display:
                report = await memory.index(
                    display.files,
                    full=full,
                    reembed=reembed,
                    reembed_progress=display.vectors,
                    stage_progress=display.stage,
                )
            return report, await memory.store.embedder_matches()

    report, has_vectors = asyncio.run(work())
    report = replace(report, seconds=time.perf_counter() - began)  # with the time to open and close the store
    if as_json:
        print_text(render.to_json({"project": str(root.absolute()), **asdict(report)}))
    else:
        print_text(wrapped(report_text(root, report)))
    if not has_vectors:
        say(
            "note: the stored vectors were made by another embedder, so searches use keywords only. "
            "Run: aurora index --reembed"
        )
    return EXIT_OK
