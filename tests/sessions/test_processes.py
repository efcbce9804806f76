"""Several assistants at once, whose hooks capture while they write, and some of which are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from transcripts import Claude, request_of

from aurora_dev import Memory

_EXCHANGES = 4
_CHILD = """
import asyncio, sys
from pathlib import Path
from transcripts import Claude, days_of_work
from aurora_dev import Memory

async def work(home, project, session, count):
    transcript = Claude(home, project, session)
    async with Memory.open(project, reranker="none") as memory:
        for request in days_of_work(transcript, count):
            await memory.capture_sessions(transcript.path)
            print(request, flush=True)

asyncio.run(work(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
"""


@pytest.mark.parametrize(
    ("assistants", "killed"), [(3, (1,)), pytest.param(8, (2, 5), marks=pytest.mark.slow)], ids=["three", "eight"]
)
async def test_every_exchange_of_several_assistants_is_found_once_though_some_were_killed(
    home: Path, project: Path, assistants: int, killed: tuple[int, ...]
) -> None:
    sessions = [f"{number}{number}aaaaaa-0000-4000-8000-00000000000{number}" for number in range(assistants)]
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r})\n{_CHILD}"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(home), str(project), session, str(_EXCHANGES)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for session in sessions
    ]
    for number in killed:
        output = children[number].stdout
        assert output is not None
        assert output.readline()  # it has captured once, and is at the next exchange
        children[number].kill()
    for number, child in enumerate(children):
        _, errors = child.communicate(timeout=120)
        assert number in killed or child.returncode == 0, errors
    written = {
        session: [
            json.loads(line)
            for line in Claude(home, project, session).path.read_text("utf-8").splitlines(True)
            if line.endswith("\n")
        ]
        for session in sessions
    }
    async with Memory.open(project, reranker="none") as memory:
        await memory.capture_sessions()
        assert sorted(summary.id for summary in await memory.sessions()) == sessions
        for number, session in enumerate(sessions):
            found = await memory.session(session)
            asked = [exchange.request for exchange in found.exchanges]
            complete = sum(
                line["type"] == "user" and isinstance(line["message"]["content"], str) for line in written[session]
            )
            assert asked == [request_of(session, place) for place in range(complete)]
            assert found.summary.exchanges == complete
            assert complete == _EXCHANGES or number in killed
