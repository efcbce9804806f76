"""A working day with an assistant whose hooks are Aurora's: what is added to which prompt."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interfaces.hooks.scripted_client import ScriptedClient

from aurora_dev import Memory
from aurora_dev.core.tokens import create_counter
from aurora_dev.interfaces.hooks.journal import Run, read_log

SOURCES = {
    "shop/checkout.py": (
        'def charge(order, card):\n    """Charge the card of an order."""\n'
        "    return provider.charge(card, order.total_cents)\n"
    ),
    "shop/catalogue.py": (
        'class Catalogue:\n    """Products by category."""\n\n    def products(self, category):\n'
        "        return [each for each in self.rows if each.category == category]\n"
    ),
    "shop/mailer.py": 'def send_mail(to):\n    """Put an email into the queue."""\n    queue.put(to)\n',
    "docs/setup.md": "# Setup\n\nInstall PostgreSQL and run the migrations.\n",
}
DECIDED = (
    "We settled on idempotency keys for refunds: each refund carries the order number and the line, so that a webhook "
    "that Stripe delivers twice pays back once. I changed shop/checkout.py."
)
# Prompts of a day that have no history in this project.
UNRELATED = [
    "run the tests",
    "thanks, commit this",
    "what does this function do?",
    "add a favicon to the landing page",
    "write a Dockerfile",
    "why is the CI pipeline red on Windows?",
    "bump the version to 1.4",
    "add type hints to the helpers module",
    "sort the suppliers by country",
    "add a captcha to the contact form",
    "make the footer sticky on mobile",
    "generate a sitemap",
    "translate the error pages to Spanish",
    "add keyboard shortcuts to the editor",
    "let the user pick an avatar",
    "yes, go ahead",
]


@pytest.fixture
def client(tmp_path: Path) -> ScriptedClient:
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    for name, text in SOURCES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, "utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AURORA_", "XDG_", "CLAUDE_"))}
    environment = {**kept, "HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home / "AppData")}
    aurora = f"{sys.executable} -m aurora_dev"
    for arguments in (["index"], ["install", "claude-code", "--hooks", "--command", aurora]):
        done = subprocess.run(
            [sys.executable, "-m", "aurora_dev", *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    return ScriptedClient(home, project, environment)


def wait_for_captures(client: ScriptedClient, count: int) -> list[Run]:
    """Wait until so many captures have ended, each in a process of its own; return the log."""
    until = time.monotonic() + 120
    while True:
        runs = read_log(str(client.project / ".aurora" / "state"))
        if sum(run.event == "capture" for run in runs) >= count or time.monotonic() > until:
            return runs
        subprocess.run([sys.executable, "-c", ""], check=True)  # gives them time


def captures_so_far(client: ScriptedClient) -> int:
    return sum(run.outcome.endswith("capture started") for run in wait_for_captures(client, 0))


def test_what_was_decided_in_the_morning_comes_back_in_the_afternoon(client: ScriptedClient) -> None:
    # The morning: one decision, remembered, and one that only the transcript has.
    assert client.start() == ""
    edit = {"name": "Edit", "input": {"file_path": str(client.project / "shop/checkout.py"), "old_string": "a"}}
    client.ask("how do we keep Stripe from paying a refund twice?", DECIDED, edit)
    added = [client.ask(prompt, "Done.") for prompt in UNRELATED[:6]]
    client.compact()
    added += [client.ask(prompt, "Done.") for prompt in UNRELATED[6:10]]

    async def remember() -> None:
        async with Memory.open(client.project, user_store="none") as memory:
            await memory.remember(
                "Emails to customers go through the queue, because the provider blocks more than ten connections",
                kind="decision",
            )

    asyncio.run(remember())
    client.end()
    runs = wait_for_captures(client, captures_so_far(client))
    assert not [run for run in runs if run.failed], runs

    # The afternoon: a new session knows what stands and what was done, and prompts bring back what belongs to them.
    start = client.start()
    assert "Emails to customers go through the queue" in start
    assert "how do we keep Stripe from paying a refund twice?" in start
    refunds = client.ask("a customer got a refund twice through the Stripe webhook, why?", "Looking.")
    assert "idempotency keys" in refunds
    assert client.session not in refunds
    added += [client.ask(prompt, "Done.") for prompt in UNRELATED[10:]]
    asked_again = client.ask("does the Stripe webhook pay a refund twice?", "No.")
    assert "idempotency keys" not in asked_again, "what is in the conversation is not added again"
    client.compact()
    assert "idempotency keys" in client.ask("does the Stripe webhook pay a refund twice?", "No.")
    client.end()

    assert len(added) == len(UNRELATED) == 16
    assert sum(not text for text in added) >= 15, [text for text in added if text]
    assert set(client.codes) == {0}
    count = create_counter().count
    assert max(map(count, client.context)) <= 1_000
    assert max(count(text) for text in client.context if "on this prompt" in text) <= 600
    wait_for_captures(client, captures_so_far(client))


def test_a_resumed_session_is_not_told_its_own_past(client: ScriptedClient) -> None:
    client.start()
    client.ask("how do we keep Stripe from paying a refund twice?", DECIDED)
    client.end()
    wait_for_captures(client, captures_so_far(client))
    client.start("resume")
    assert client.ask("does the Stripe webhook pay a refund twice?", "No.") == ""
    client.end()
    wait_for_captures(client, captures_so_far(client))
