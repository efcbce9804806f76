"""Take in transcripts in a process of its own, so that the assistant does not wait for it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import Any, Final

from aurora_dev.interfaces.hooks.journal import open_plain
from aurora_dev.interfaces.hooks.place import Place

__all__ = ["start_capture"]

_PAUSE: Final = 30.0  # seconds; an assistant stops after every answer, and a capture takes half a second of one core
_STAMP: Final = "hooks-capture"
# Python would look for modules in the project first, whose files may be anybody's.
_PROGRAM: Final = (
    "import sys; sys.path[0] = sys.argv.pop(1); "
    "from aurora_dev.interfaces.hooks.background import main; raise SystemExit(main())"
)
_PACKAGES: Final = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))  # noqa: PTH100, PTH118, PTH120
_DETACHED: Final = 0x00000008 | 0x00000200 | 0x08000000  # Windows: detached, own group, no window


def start_capture(place: Place, transcript: str | None, *, always: bool = True) -> str:
    """Start a process that takes in a transcript, or all that have grown, and do not wait for it.

    Args:
        place: The project.
        transcript: The transcript; ``None`` takes in every one of the project's.
        always: Whether to start it even if one was started a moment ago. What is put off is taken in when the session
            ends, or the next one begins.

    Returns:
        What was done, for the log.
    """
    stamp = os.path.join(place.state, _STAMP)  # noqa: PTH118
    with contextlib.suppress(OSError):
        if not always and 0 <= time.time() - os.stat(stamp).st_mtime < _PAUSE:  # noqa: PTH116
            return "capture put off"
    with contextlib.suppress(OSError):
        os.makedirs(place.state, mode=0o700, exist_ok=True)  # noqa: PTH103
        os.close(open_plain(stamp, os.O_WRONLY | os.O_CREAT))
        os.utime(stamp)
    command = [sys.executable, "-c", _PROGRAM, _PACKAGES, place.root]
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
    return "capture started"
