from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from git_repository import Repository

from aurora_dev.core.vector_store import VectorStore
from aurora_dev.testing.hashing_embedder import HashingEmbedder


@pytest.fixture(autouse=True)
def no_git_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the user's git configuration, and the repository that contains the tests."""
    home = tmp_path / "home"
    home.mkdir()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "project")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[VectorStore]:
    opened = VectorStore(path=tmp_path / "store", namespace="tests", embedder=HashingEmbedder(), reranker="none")
    yield opened
    await opened.close()
