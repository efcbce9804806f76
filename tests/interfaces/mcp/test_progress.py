"""Progress notifications: they never go back, the last one is sent, and they are not too frequent."""

from __future__ import annotations

import asyncio

import pytest

from aurora_dev.interfaces.mcp.progress import ProgressPump


class Client:
    def __init__(self) -> None:
        self.told: list[tuple[float, float | None, str | None]] = []
        self.heard = asyncio.Event()

    async def hear(self, done: float, total: float | None, text: str | None) -> None:
        self.told.append((done, total, text))
        self.heard.set()


async def test_the_last_progress_is_sent_even_if_a_call_ends_at_once() -> None:
    client = Client()
    async with ProgressPump(client.hear) as pump:
        pump.report(1, 2, "half")
        pump.report(2, 2, "all")
    assert client.told == [(2, 2, "all")]


async def test_progress_never_goes_back_or_repeats() -> None:
    client = Client()
    async with ProgressPump(client.hear) as pump:
        pump.report(5, 10, "five")
        await client.heard.wait()
        pump.report(0, 10, "a second pass")
    assert client.told == [(5, 10, "five")]
    async with ProgressPump(client.hear) as pump:
        pump.report(7, 10, "seven")
        client.heard.clear()
        await client.heard.wait()
        pump.report(7, 10, "seven again")
    assert client.told[1:] == [(7, 10, "seven")]


async def test_many_steps_are_sent_in_few_messages() -> None:
    client = Client()
    async with ProgressPump(client.hear) as pump:
        for number in range(1, 1_000):
            pump.report(number, 1_000, "")
            await asyncio.sleep(0)
    assert client.told[-1][0] == 999
    assert len(client.told) < 100


async def test_a_worker_thread_can_report_progress() -> None:
    client = Client()
    async with ProgressPump(client.hear) as pump:
        await asyncio.to_thread(pump.report, 3, None, "three")
        await client.heard.wait()
    assert client.told == [(3, None, "three")]


async def test_a_failed_call_sends_no_more_progress() -> None:
    client = Client()
    with pytest.raises(ValueError, match="broken"):  # noqa: PT012
        async with ProgressPump(client.hear) as pump:
            pump.report(1, 1, "one")
            raise ValueError("broken")
    assert client.told == []
