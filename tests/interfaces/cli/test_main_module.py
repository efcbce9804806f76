"""``python -m aurora_dev`` is the command line."""

import subprocess
import sys
from pathlib import Path

import pytest


def test_the_package_runs_as_a_module_under_the_name_of_the_script() -> None:
    done = subprocess.run([sys.executable, "-m", "aurora_dev", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: aurora " in done.stdout
    done = subprocess.run([sys.executable, "-m", "aurora_dev", "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2


@pytest.mark.parametrize("module", ["typer", "aurora_dev.interfaces.cli.notes", "aurora_dev.memory", "asyncio"])
def test_an_interrupt_while_modules_are_loaded_ends_quietly(tmp_path: Path, module: str) -> None:
    code = f"""
import runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
sys.argv = ["aurora", "list"]
runpy.run_module("aurora_dev", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
