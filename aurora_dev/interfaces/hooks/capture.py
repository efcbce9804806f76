"""Take in transcripts in a process of its own, so that the assistant does not wait for it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Final

from aurora_dev.interfaces.hooks.place import Place

__all__ = ["start_capture"]

_DETACHED: Final = 0x00000008 | 0x00000200 | 0x08000000  # Windows: detached, own group, no window


def start_capture(place: Place, transcript: str | None) -> None:
    """Start a process that takes in a transcript, or all that have grown, and do not wait for it.

    Args:
        place: The project.
        transcript: The transcript; ``None`` takes in every one of the project's.
    """
    command = [sys.executable, "-m", "aurora_dev.interfaces.hooks.background", str(place.root)]
    if transcript is not None:
        command.append(transcript)
    options: dict[str, Any] = {"creationflags": _DETACHED} if sys.platform == "win32" else {"start_new_session": True}
    subprocess.Popen(
        command,
        cwd=place.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **options,
    )
