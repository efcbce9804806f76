"""The first line of every benchmark table: date and machine."""

from __future__ import annotations

import os
import platform
from datetime import date


def machine() -> str:
    """Return today's date, the system, the number of cores and the Python version."""
    system = f"{platform.system()} {platform.machine()}"
    return f"{date.today()}, {system}, {os.cpu_count()} cores, Python {platform.python_version()}"
