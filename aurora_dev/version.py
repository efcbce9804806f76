"""The version of the installed package."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["installed_version"]


def installed_version() -> str:
    """Return the version of Aurora that is installed, such as ``0.1.0``."""
    return version("aurora-dev")
