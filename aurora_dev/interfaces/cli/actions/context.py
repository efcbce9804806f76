"""``aurora context``: print the context to standard output, and a table of its items to standard error."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

from aurora_dev.core.context.items import Context
from aurora_dev.interfaces.cli.actions.project import indexed_project
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.context_table import context_table
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_NOTHING_FOUND, EXIT_OK
from aurora_dev.interfaces.cli.output.streams import print_text, say
from aurora_dev.memory import Memory

Format = Literal["text", "messages", "json"]

# A map of an eighth of the budget lists the most used definitions, and leaves the rest for the task.
_MAP_SHARE = 8


def run_context(
    task: str,
    path: Path | None,
    *,
    budget: int,
    reserve: int,
    model: str | None,
    encoding: str | None,
    output: Format,
    with_map: bool,
    rerank: bool,
    explain: bool,
) -> int:
    """Build a context and print it."""
    root, settings = indexed_project(path)

    async def work() -> Context:
        async with Memory.open(root, settings=settings) as memory:
            return await memory.context(
                task,
                budget,
                reserve=reserve,
                model=model,
                encoding=encoding,
                map_budget=budget // _MAP_SHARE if with_map else 0,
                rerank=rerank,
            )

    context = asyncio.run(work())
    if output == "json":
        print_text(context.to_json())
    elif output == "messages":
        print_text(render.to_json(context.to_messages()))
    else:
        print_text(context.text, end="")
    for line in context_table(context, explain=explain):
        say(line)
    for notice in context.notices:
        say(f"note: {notice.text}")
    if not any(item.section in ("reference", "notes") for item in context.items):
        say(
            f"nothing from the project is in the context for '{task}'. Try a larger --budget or other words, or run: "
            "aurora status"
        )
        return EXIT_NOTHING_FOUND
    return EXIT_OK
