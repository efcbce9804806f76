"""Fixtures for all tests: an empty folder for user data, and the Pinecone server that runs on loopback."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pinecone_server import PineconeServer

    from aurora_dev.core.pinecone_store import PineconeStore


@pytest.fixture(autouse=True, scope="session")
def own_data_folder() -> Iterator[None]:
    """Keep the notes of the person who runs the tests out of them."""
    # AURORA_USER_STORE would not do: many tests delete all AURORA_ variables, and child processes inherit these.
    with tempfile.TemporaryDirectory(prefix="aurora-tests-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_DATA_HOME", folder)
        patch.setitem(os.environ, "LOCALAPPDATA", folder)
        yield


@pytest.fixture
def pinecone_server() -> Iterator[PineconeServer]:
    """Run a server that stands in for Pinecone; a request that breaks the API description fails the test."""
    pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")
    from pinecone_server import PineconeServer

    with PineconeServer() as server:
        yield server
    assert server.violations == []


@pytest.fixture
def few_certificates(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each HTTP client load one certificate instead of 140; none is needed on loopback."""
    import certifi

    bundle = Path(certifi.where()).read_text("utf-8")
    end = "-----END CERTIFICATE-----\n"
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    path.write_text(bundle[: bundle.index(end) + len(end)], "utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@pytest.fixture
def pinecone_store(
    pinecone_server: PineconeServer,
    few_certificates: None,  # noqa: ARG001
) -> Iterator[Callable[..., PineconeStore]]:
    """Return a function that opens stores on the loopback server; they are closed at the end of the test."""
    from aurora_dev.core.pinecone_store import PineconeStore

    opened: list[PineconeStore] = []

    def open_store(**options: Any) -> PineconeStore:
        given = {"create": True, "control_host": pinecone_server.url, **options}
        opened.append(PineconeStore(given.pop("api_key", pinecone_server.api_key), **given))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()
