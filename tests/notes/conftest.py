"""A memory of an empty project whose clock tests can set ahead."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from aurora_dev import Memory
from aurora_dev.config import ENV_PREFIX

Turn = Callable[[float], None]


@pytest.fixture(autouse=True)
def own_user_store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX):
            monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("user") / "store"
    monkeypatch.setenv("AURORA_USER_STORE", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    return root


@pytest_asyncio.fixture
async def memory(project: Path) -> AsyncIterator[Memory]:
    async with Memory.open(project, reranker="none") as opened:
        yield opened


@pytest.fixture
def turn(memory: Memory) -> Turn:
    """Return a function that sets the clock of the notes and of the store ahead by some seconds."""

    def ahead(seconds: float) -> None:
        def clock() -> float:
            return time.time() + seconds

        memory.notes.project._clock = clock
        memory.store._hidden._clock = clock

    return ahead
