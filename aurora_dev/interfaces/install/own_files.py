"""Read and replace the user's configuration files atomically."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from aurora_dev.errors import ConfigurationError


def read_text(path: Path, largest: int) -> str | None:
    """Return a file's text with its newlines unchanged, or ``None`` if the file does not exist.

    Args:
        path: The file.
        largest: The size limit in bytes.

    Raises:
        ConfigurationError: The file cannot be read, is too large, or is not UTF-8.
    """
    try:
        found = path.stat()
        if stat.S_ISFIFO(found.st_mode):  # reading would block for ever
            raise ConfigurationError(f"{path} is not a regular file: nothing was changed")
        if found.st_size > largest:
            raise ConfigurationError(f"{path} is larger than {largest:,} bytes: nothing was changed")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8: nothing was changed. Save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}): nothing was changed") from None


def write_text(path: Path, text: str) -> None:
    """Replace a file atomically: a crash or a full disk leaves the old file.

    A link stays a link, and its target is replaced. The file keeps its permissions.

    Raises:
        ConfigurationError: The file cannot be written; it is unchanged.
    """
    target = Path(os.path.realpath(path))
    temporary = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        if mode is not None and not mode & 0o222:  # renaming over it would succeed
            raise ConfigurationError(f"{path} is read-only: the file is unchanged. Make it writable first")
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        # Only the owner can read a temporary file; a new configuration file gets the mode of any new file.
        Path(temporary).chmod(_new_file_mode() if mode is None else mode)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}): the file is unchanged") from None


def _new_file_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
