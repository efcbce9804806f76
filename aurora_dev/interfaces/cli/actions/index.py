"""``aurora index``: bring the index up to date and report what changed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.cli.actions.project import project_to_index
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_OK
from aurora_dev.interfaces.cli.output.index_report import dense_text, report_text
from aurora_dev.interfaces.cli.output.progress import Display, progress_display
from aurora_dev.interfaces.cli.output.streams import print_text, say, wrapped
from aurora_dev.memory import Memory

if TYPE_CHECKING:
    from aurora_dev.indexing.report import IndexReport
    from aurora_dev.memory.dense import DenseStatus


def run_index(
    path: Path | None,
    *,
    full: bool,
    reembed: bool,
    dense: bool = False,
    wait: bool = False,
    mask: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Index a project and print what changed."""
    root, settings = project_to_index(path, yes=yes, **({} if mask else {"mask_secrets": False}))
    began = time.perf_counter()

    if dense and settings.dense == "off":
        raise InvalidRequestError(
            "dense vectors are switched off by the setting dense: nothing was indexed. Set AURORA_DENSE=auto, or leave "
            "out --dense"
        )

    async def work() -> tuple[IndexReport, bool, DenseStatus | None]:
        async with Memory.open(root, settings=settings) as memory:
            with progress_display(quiet=as_json) as display:
                report = await memory.index(
                    display.files,
                    full=full,
                    reembed=reembed,
                    reembed_progress=display.vectors,
                    stage_progress=display.stage,
                )
                began_dense = time.perf_counter()
                made = await _make_dense(memory, display, begin=dense, wait=wait)
                waited.append(time.perf_counter() - began_dense)
            return report, await memory.store.embedder_matches(), made

    waited: list[float] = []
    report, has_vectors, made = asyncio.run(work())
    # With the time to open and close the store, without that of the dense vectors.
    report = replace(report, seconds=time.perf_counter() - began - sum(waited))
    if as_json:
        facts = {} if made is None else {"dense": asdict(made)}
        print_text(render.to_json({"project": str(root.absolute()), **asdict(report), **facts}))
    else:
        print_text(wrapped(report_text(root, report) + dense_text(made)))
    if not has_vectors:
        say(
            "note: the stored vectors were made by another embedder, so searches use keywords only. "
            "Run: aurora index --reembed"
        )
    return EXIT_OK


async def _make_dense(memory: Memory, display: Display, *, begin: bool, wait: bool) -> DenseStatus | None:
    """Make dense vectors that are missing, here or in a process of their own; return how far they are.

    Args:
        memory: The memory of the project.
        display: Shows the progress.
        begin: Whether they are made even if the settings do not ask for them.
        wait: Whether they are made here.

    Returns:
        ``None`` where nobody asks for them.
    """
    if memory.settings.dense == "off" or not (begin or await memory.dense.wanted()):
        return None
    if memory.store.dense is None:
        raise InvalidRequestError(
            "this store keeps no dense vectors, or this installation has no model for them; everything else is "
            "indexed. Leave out --dense"
        )
    started = False
    if wait:
        await memory.dense.make(lambda step: display.stage("dense vectors", step.made, step.total))
    elif await memory.dense.missing():
        from aurora_dev.memory.dense import start_process

        started = start_process(memory.root)
    status = await memory.dense.status(begun=True)
    return None if status is None else replace(status, running=status.running or started)
