"""No test reads or writes the memories of whoever runs it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def own_data_folder() -> Iterator[None]:
    # Not through AURORA_USER_STORE: many tests take all of Aurora's variables away, and test processes inherit these.
    with tempfile.TemporaryDirectory(prefix="aurora-tests-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_DATA_HOME", folder)
        patch.setitem(os.environ, "LOCALAPPDATA", folder)
        yield
