"""No test reads or writes the memories of whoever runs it; fixtures that several folders of tests share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pinecone_server import PineconeServer


@pytest.fixture(autouse=True, scope="session")
def own_data_folder() -> Iterator[None]:
    # Not through AURORA_USER_STORE: many tests take all of Aurora's variables away, and test processes inherit these.
    with tempfile.TemporaryDirectory(prefix="aurora-tests-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_DATA_HOME", folder)
        patch.setitem(os.environ, "LOCALAPPDATA", folder)
        yield


@pytest.fixture
def pinecone_server() -> Iterator[PineconeServer]:
    """A server that stands in for Pinecone; whatever it was asked against the description fails the test."""
    pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")
    from pinecone_server import PineconeServer

    with PineconeServer() as server:
        yield server
    assert server.violations == []
