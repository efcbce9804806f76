"""An agent that reads a project, works on two tasks, and remembers in the second what it learned in the first.

    python examples/agent_loop.py [PROJECT]

Without a project it makes a small one in a temporary folder. Put a call of your model in place of `ask_model`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from aurora_dev import Memory

BUDGET = 1_500  # tokens for everything that the model sees
TASKS = ["Why do refunds fail on weekends?", "Refund an order that was paid on a Sunday"]

SETTLEMENT = '''
"""Settlement of payments."""


def settle(order: dict[str, str]) -> str:
    """Settle an order at the bank; banks answer on weekdays only."""
    return "queued" if order["day"] in ("Saturday", "Sunday") else "settled"


def refund(order: dict[str, str]) -> str:
    """Pay an order back. It must have been settled first."""
    if settle(order) != "settled":
        raise ValueError("not settled yet")
    return "refunded"
'''


async def ask_model(prompt: str) -> str:
    """Pretend to be a model: repeat the lesson where the prompt holds one, else state it."""
    lesson = "Refunds fail until the bank has settled the payment, which it does on weekdays only."
    return f"As learned before: {lesson}" if lesson in prompt else lesson


async def work_on(memory: Memory, task: str) -> str:
    """Do one turn of the loop: context, model, memory."""
    context = await memory.context(task, BUDGET, reserve=300)
    print(f"\n{task}\n  context: {context.tokens} of {context.token_budget} tokens")
    for item in context.items:
        print(f"    {item.section}: {item.source}")
    answer = await ask_model(context.text)
    print(f"  answer: {answer}")
    if not answer.startswith("As learned before"):
        learned = await memory.remember(answer, kind="lesson", tags=["payments"], source="agent_loop.py")
        print(f"  remembered as {learned.id[:8]}, new: {learned.is_new}")
    return answer


async def run(project: Path) -> list[str]:
    """Index the project, then work on the tasks one after the other."""
    async with Memory.open(project, user_store="none") as memory:
        report = await memory.index()
        print(f"indexed {report.files_added} files")
        answers = [await work_on(memory, task) for task in TASKS]
        print("\nlessons about payments:")
        for note in await memory.recall("when are refunds possible", tags=["payments"]):
            print(f"  {note.score:.2f} {note.content}")
    return answers


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(run(Path(sys.argv[1])))
    else:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "settlement.py").write_text(SETTLEMENT, "utf-8")
            asyncio.run(run(Path(folder)))
