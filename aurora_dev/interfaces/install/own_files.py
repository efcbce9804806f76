"""Read and replace configuration files that belong to the user: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from aurora_dev.errors import ConfigurationError


def read_text(path: Path, largest: int) -> str | None:
    """Return a file's text with its newlines as they are, or ``None`` where there is no such file.

    Args:
        path: The file.
        largest: In bytes; a larger one is refused.

    Raises:
        ConfigurationError: It cannot be read, is too large, or is not UTF-8.
    """
    try:
        if path.stat().st_size > largest:
            raise ConfigurationError(f"{path} is larger than {largest:,} bytes: nothing was changed")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8: nothing was changed. Save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}): nothing was changed") from None


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step, so that neither a crash nor a full disk leaves half of it.

    A link stays a link and its target is replaced; the file keeps its permissions.

    Raises:
        ConfigurationError: It cannot be written; it is as it was.
    """
    target = Path(os.path.realpath(path))
    temporary = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        # A temporary file is its owner's alone; a new configuration file is as readable as any other new file.
        Path(temporary).chmod(_new_file_mode() if mode is None else mode)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}): it is as it was") from None


def _new_file_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
