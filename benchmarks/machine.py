"""The line that every table starts with."""

from __future__ import annotations

import os
import platform
from datetime import date


def machine() -> str:
    """Return today's date and what the figures were measured on."""
    system = f"{platform.system()} {platform.machine()}"
    return f"{date.today()}, {system}, {os.cpu_count()} cores, Python {platform.python_version()}"
