"""``python -m aurora_dev`` is the command line."""

import subprocess
import sys


def test_the_package_runs_as_a_module_under_the_name_of_the_script() -> None:
    done = subprocess.run([sys.executable, "-m", "aurora_dev", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: aurora " in done.stdout
    done = subprocess.run([sys.executable, "-m", "aurora_dev", "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
