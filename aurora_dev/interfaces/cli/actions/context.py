"""The command ``aurora context``: the prompt to standard output, what went in and what it cost to standard error."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from aurora_dev.core.context.items import Context, ContextItem
from aurora_dev.interfaces.cli.actions.project import indexed_project, print_text
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.lines import cut, visible
from aurora_dev.interfaces.cli.output.process import EXIT_NOTHING_FOUND, EXIT_OK, say
from aurora_dev.memory import Memory

Format = Literal["text", "messages", "json"]

# A map of an eighth of the budget names the definitions that a project turns around, and leaves the rest for the task.
_MAP_SHARE = 8
_SOURCE_WIDTH = 48
_WHY_WIDTH = 60


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
    """Assemble a context and print it."""
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
    for line in _table(context, explain=explain):
        say(line)
    for notice in context.notices:
        say(f"note: {notice.text}")
    if not any(item.section in ("reference", "notes") for item in context.items):
        say(f"nothing of the project went in for '{task}'; try a larger --budget, other words, or: aurora status")
        return EXIT_NOTHING_FOUND
    return EXIT_OK


def _table(context: Context, *, explain: bool) -> list[str]:
    lines = [f"{'tokens':>7}  {'level':9}  {'source':{_SOURCE_WIDTH}}  {'why' if explain else ''}".rstrip()]
    lines += [_row(item, explain=explain) for item in context.items]
    limit = max(0, context.token_budget - context.reserve)
    total = f"{context.tokens:>7,}  of {limit:,} as text, {context.message_tokens:,} as messages"
    lines.append(f"{total} ({visible(context.counter)}; {visible(context.search_method or 'nothing searched')})")
    if context.left_out:
        lines.append(f"{len(context.left_out):>7,}  left out" + ("" if explain else " (--explain lists them)"))
    if explain:
        lines += [
            f"{'-':>7}  {'':9}  {_place(one.source, one.lines):{_SOURCE_WIDTH}}  {visible(one.why)}"
            for one in context.left_out
        ]
        lines += _timings(context)
    return lines


def _row(item: ContextItem, *, explain: bool) -> str:
    why = f"  {cut(visible(item.why), _WHY_WIDTH)}" if explain else ""
    return f"{item.tokens:>7,}  {item.level:9}  {_place(item.source, item.lines):{_SOURCE_WIDTH}}{why}".rstrip()


def _place(source: str, lines: Sequence[int] | None) -> str:
    text = visible(source)
    if not lines:
        return text
    span = f":{lines[0]}-{lines[1]}"
    # The end of a long path says more than its beginning.
    room = _SOURCE_WIDTH - len(span)
    return (text if len(text) <= room else f"...{text[len(text) - room + 3 :]}") + span


def _timings(context: Context) -> list[str]:
    return [f"{seconds * 1e3:>7.1f}  ms {visible(stage)}" for stage, seconds in context.timings.items()]
