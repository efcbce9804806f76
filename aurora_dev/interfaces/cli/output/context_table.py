"""The table that ``aurora context`` prints: the items of a context and their tokens."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_dev.core.context.items import Context, ContextItem
from aurora_dev.core.text.visible import visible
from aurora_dev.interfaces.cli.output.render import cut

_SOURCE_WIDTH = 48
_WHY_WIDTH = 60


def context_table(context: Context, *, explain: bool) -> list[str]:
    """Return the rows of the table.

    Args:
        context: The context.
        explain: Add the reason for each item, the items that were left out, and the time of each stage.
    """
    lines = [f"{'tokens':>7}  {'level':9}  {'source':{_SOURCE_WIDTH}}  {'why' if explain else ''}".rstrip()]
    lines += [_row(item, explain=explain) for item in context.items]
    limit = max(0, context.token_budget - context.reserve)
    total = f"{context.tokens:>7,}  of {limit:,} as text, {context.message_tokens:,} as messages"
    lines.append(f"{total} ({visible(context.counter)}; {visible(context.search_method or 'nothing searched')})")
    if context.left_out:
        lines.append(f"{len(context.left_out):>7,}  left out" + ("" if explain else " (--explain lists them)"))
    if explain:
        lines += [
            f"{'-':>7}  {'':9}  {_location(item.source, item.lines):{_SOURCE_WIDTH}}  {visible(item.why)}"
            for item in context.left_out
        ]
        lines += _timings(context)
    return lines


def _row(item: ContextItem, *, explain: bool) -> str:
    why = f"  {cut(visible(item.why), _WHY_WIDTH)}" if explain else ""
    return f"{item.tokens:>7,}  {item.level:9}  {_location(item.source, item.lines):{_SOURCE_WIDTH}}{why}".rstrip()


def _location(source: str, lines: Sequence[int] | None) -> str:
    text = visible(source)
    if not lines:
        return text
    span = f":{lines[0]}-{lines[1]}"
    # The end of a long path says more than its start.
    room = _SOURCE_WIDTH - len(span)
    return (text if len(text) <= room else f"...{text[len(text) - room + 3 :]}") + span


def _timings(context: Context) -> list[str]:
    return [f"{seconds * 1e3:>7.1f}  ms {visible(stage)}" for stage, seconds in context.timings.items()]
