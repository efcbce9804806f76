"""Fixtures of the tests of rerankers."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import aurora_dev
from aurora_dev.core.rerank.shared_model import forget_models

RunWithout = Callable[..., str]


@pytest.fixture(autouse=True)
def fresh_models() -> Iterator[None]:
    """Let each test load its own models."""
    forget_models()
    yield
    forget_models()


@pytest.fixture
def run_without(tmp_path: Path) -> RunWithout:
    """Run code in an environment without some packages, and return its output."""
    if sys.platform == "win32":
        pytest.skip("links need a privilege on Windows")

    def run(beginnings: str | tuple[str, ...], code: str) -> str:
        packages = tmp_path / "packages"
        packages.mkdir()
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if not entry.name.startswith(beginnings):
                (packages / entry.name).symlink_to(entry)
        script = tmp_path / "script.py"
        paths = [str(packages), str(Path(aurora_dev.__file__).parent.parent)]
        script.write_text(f"import sys\nsys.path += {paths!r}\n{code}")
        # Without the site module, no other packages are seen.
        done = subprocess.run(
            [sys.executable, "-I", "-S", script], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
