"""The version of the installed package, and where it lies."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

__all__ = ["installed_version", "package_folder"]


def installed_version() -> str:
    """Return the version of Aurora that is installed, such as ``0.1.0``."""
    return version("aurora-dev")


def package_folder() -> Path:
    """Return the folder that Aurora runs from."""
    return Path(__file__).parent
