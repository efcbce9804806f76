"""Git as a subprocess, hardened against what a hostile repository may configure.

A repository is foreign data, and its configuration can name programs to run. Every call switches that off: hooks, the
file system monitor, external diffs, text conversions, signature checks, and fetching from remotes (which git does by
itself if objects of a partial clone are missing).
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aurora_dev.config import environment_for_git

__all__ = [
    "HARDENED",
    "PLAIN_DIFF",
    "GitResult",
    "GitUnavailableError",
    "NotARepositoryError",
    "error_for",
    "find_git",
    "run_git",
]

# Seconds. A call on a healthy repository takes milliseconds; on a network drive or damaged packs it may never end.
_TIMEOUT: Final = 60.0

_ATTRIBUTES: Final = Path(__file__).with_name("gitattributes")
HARDENED: Final = (
    "--no-pager",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.pager=cat",
    "-c",
    "core.commitGraph=true",
    "-c",
    "core.bigFileThreshold=1m",  # larger files are not compared line by line
    "-c",
    f"core.attributesFile={_ATTRIBUTES}",
    "-c",
    "log.showSignature=false",
    "-c",
    "advice.graftFileDeprecated=false",  # the environment names an empty one
    "-c",
    "protocol.allow=never",
    "-c",
    "safe.bareRepository=explicit",  # a folder that only looks like a repository is not one
    "-c",
    "credential.helper=",
)
PLAIN_DIFF: Final = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=none", "--submodule=short")


class GitUnavailableError(Exception):
    """Raised when git is not installed, refuses the repository or does not answer; stored commits are kept."""


class NotARepositoryError(Exception):
    """Raised when the folder is not in a repository."""


@dataclass(frozen=True, slots=True)
class GitResult:
    """The exit status (0 if the output was cut on purpose), stdout, and the beginning of stderr."""

    code: int
    output: bytes
    error: str


def find_git(root: Path) -> str:
    """Return the path of the git executable.

    Raises:
        GitUnavailableError: It is not installed, or the first one on the search path lies in the project.
    """
    found = shutil.which("git")
    if found is None:
        raise GitUnavailableError("git is not installed")
    # Windows also searches the current folder: a project must not bring its own git.
    if Path(found).resolve().is_relative_to(root.resolve()):
        raise GitUnavailableError(f"the first git on the search path is inside the project: {found}")
    return found


def run_git(command: Sequence[str], stdin: bytes, max_output: int, stop: threading.Event) -> GitResult:
    """Run git, without a shell, until it ends, is stopped, times out, or has printed enough.

    Args:
        command: The executable and its arguments.
        stdin: Bytes for its standard input.
        max_output: Bytes of output after which it is killed; the output so far is returned.
        stop: Kills it at its next output when set.

    Raises:
        GitUnavailableError: It could not be started.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment_for_git(),
            start_new_session=True,  # Ctrl-C in the terminal must reach Aurora only
        )
    except OSError as error:
        raise GitUnavailableError(f"git could not be started ({error.strerror or error})") from None
    if process.stdin is None or process.stdout is None or process.stderr is None:  # never: all three are pipes
        raise GitUnavailableError("git could not be started")
    errors: list[bytes] = []
    error_pipe, input_pipe = process.stderr, process.stdin

    def feed() -> None:
        with contextlib.suppress(OSError):  # git ended early
            input_pipe.write(stdin)
        with contextlib.suppress(OSError):
            input_pipe.close()

    def read_errors() -> None:
        errors.append(error_pipe.read(65_536))

    threads = [threading.Thread(target=feed), threading.Thread(target=read_errors)]
    timer = threading.Timer(_TIMEOUT, process.kill)
    parts: list[bytes] = []
    size = 0
    cut = False
    try:
        timer.start()
        for thread in threads:
            thread.start()
        while part := process.stdout.read1(1 << 20):  # type: ignore[attr-defined]  # a pipe of Popen is buffered
            parts.append(part)
            size += len(part)
            if size > max_output or stop.is_set():
                cut = True
                process.kill()
                break
        for thread in threads:
            thread.join()
        code = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        error_pipe.close()
    return GitResult(0 if cut else code, b"".join(parts), b"".join(errors).decode("utf-8", "replace").strip())


def error_for(stderr: str, root: Path) -> Exception:
    """Return the exception for a failed call, from what git printed."""
    lines = stderr.split("\n")
    line = next((line for line in lines if line.startswith("fatal: ")), lines[0]).removeprefix("fatal: ")
    if "not a git repository" in line or "must be run in a work tree" in line or "cannot use bare repository" in line:
        return NotARepositoryError(f"{root} is in no git repository")
    if "dubious ownership" in line:
        return GitUnavailableError(
            "git refuses the repository because it belongs to another user. If you trust it, run: "
            f"git config --global --add safe.directory {root}"
        )
    return GitUnavailableError(f"git failed: {line or 'it was killed, or printed no error'}")
