"""Reads commits by running the user's ``git``, hardened against what a hostile repository may have configured.

A repository is somebody else's data, and its configuration may name programs to run. Every call switches that off:
hooks, the file system monitor, external diffs, text conversions, signature checks, and fetching from remotes (which git
does by itself where objects of a partial clone are missing). Messages are read from the commit objects by their length,
and paths up to a NUL, so that nothing a commit says can pass for something else.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from aurora_dev.config import environment_for_git
from aurora_dev.history.changed_symbols import changed_symbols
from aurora_dev.log import get_logger

__all__ = ["Commit", "GitLog", "GitUnavailableError", "NotARepositoryError"]

_log = get_logger(__name__)

# A call on a healthy repository takes milliseconds; one on a network drive, or with damaged packs, may never end.
_TIMEOUT: Final = 60.0
# What one call may print: 200 commits of 1,000 files each are 10 MB.
_MOST_OUTPUT: Final = 64 * 1024 * 1024
_MOST_DIFF: Final = 16 * 1024 * 1024
_COMMITS_PER_CALL: Final = 200
# Of a commit that touches more, the list says little: it is an import, a reformatting or a vendored update.
MOST_FILES: Final = 30
MOST_SYMBOLS: Final = 20
# Diffs of larger commits are not read at all: their symbols would be everything.
_MOST_FILES_FOR_SYMBOLS: Final = 60
# Longer messages are generated (change logs of a release, squashed branches).
_MOST_MESSAGE: Final = 6_000

_ATTRIBUTES: Final = Path(__file__).with_name("gitattributes")
_HARDENED: Final = (
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
    "protocol.allow=never",
    "-c",
    "safe.bareRepository=explicit",  # a folder that merely looks like a repository is none
    "-c",
    "credential.helper=",
)
_HASH: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# Said by git where it merges by itself; the branch's name is all there is to know.
_PLAIN_MERGE: Final = re.compile(r"Merge (?:(?:remote-tracking )?branch(?:es)?|pull request|tag|commit) .*")


class GitUnavailableError(Exception):
    """Git is not installed, refused the repository, or did not answer; what is stored of it stays."""


class NotARepositoryError(Exception):
    """The folder is in no repository."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit.

    Attributes:
        hash: Full name, 40 or 64 lower-case hexadecimal digits.
        subject: First line of the message; empty where there is none.
        body: The rest, without the blank lines around it.
        author: Name, without the address.
        time: Seconds since the epoch at which it was committed.
        parents: How many it has.
        files: Changed paths below the project's folder, POSIX, relative to it, sorted; of more than `MOST_FILES` the
            first. Empty for merges and where a shallow clone ends.
        file_count: How many there are in all.
        symbols: Names of functions and classes in which lines were changed, at most `MOST_SYMBOLS`.
    """

    hash: str
    subject: str
    body: str
    author: str
    time: int
    parents: int
    files: tuple[str, ...] = ()
    file_count: int = 0
    symbols: tuple[str, ...] = ()

    @property
    def is_plain_merge(self) -> bool:
        """Whether it says nothing but what was merged."""
        return self.parents > 1 and not self.body and _PLAIN_MERGE.fullmatch(self.subject) is not None


class GitLog:
    """The commits that lead to the present one and touch a folder. Blocking: to be called from a worker thread.

    Args:
        root: The project's folder: a repository's, or one below it; a linked worktree's or a submodule's as well.

    Raises:
        GitUnavailableError: Git is not installed, or refuses the repository.
        NotARepositoryError: The folder is in no repository.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._git = _executable(root)
        self._stop = threading.Event()
        inside = self._text("rev-parse", "--is-inside-work-tree", "--show-prefix").split("\n")
        if inside[0] != "true":
            raise NotARepositoryError(f"{root} is in no git repository")
        self.prefix = inside[1] if len(inside) > 1 else ""

    def stop(self) -> None:
        """Make the call that is under way end."""
        self._stop.set()

    def head(self) -> str | None:
        """Return the present commit's hash; ``None`` before the first commit."""
        found = self._text("rev-parse", "--verify", "--quiet", "HEAD^{commit}", missing_ok=True).strip()
        return found if _HASH.fullmatch(found) else None

    def newest(self, limit: int, since: float | None = None) -> list[str]:
        """Return the hashes of the newest commits that touch the folder, newest first.

        Args:
            limit: At most so many.
            since: Seconds since the epoch; older ones are left out.
        """
        if limit < 1 or self.head() is None:
            return []
        command = ["rev-list", f"--max-count={limit}"]
        if since is not None:
            command.append(f"--since={max(0, int(since))}")
        command.append("HEAD")
        if self.prefix:
            command += ["--", "."]
        return [line for line in self._text(*command).split("\n") if _HASH.fullmatch(line)]

    def read(self, hashes: Iterable[str]) -> Iterator[list[Commit]]:
        """Read commits, some hundred at a time; what cannot be read (a damaged object) is left out."""
        boundary = self._shallow_boundary()
        pending = iter(hashes)
        while batch := list(islice(pending, _COMMITS_PER_CALL)):
            commits = self._objects(batch)
            with_files = [commit.hash for commit in commits if commit.hash not in boundary]
            files = self._files(with_files)
            small = [name for name in with_files if 0 < len(files.get(name, ())) <= _MOST_FILES_FOR_SYMBOLS]
            symbols = self._symbols(small)
            yield [_complete(commit, files.get(commit.hash, []), symbols.get(commit.hash, ())) for commit in commits]

    def _objects(self, hashes: Sequence[str]) -> list[Commit]:
        data = self._output(["cat-file", "--batch"], hashes)
        commits = []
        place = 0
        while place < len(data):
            end = data.find(b"\n", place)
            if end < 0:
                break
            header = data[place:end].split(b" ")
            place = end + 1
            if len(header) != 3 or not header[2].isdigit():
                continue  # "… missing"
            size = int(header[2])
            if header[1] == b"commit" and place + size <= len(data):
                commits.append(_parse(header[0].decode("ascii", "replace"), data[place : place + size]))
            place += size + 1
        return commits

    def _files(self, hashes: Sequence[str]) -> dict[str, list[str]]:
        command = ["diff-tree", "--stdin", "-r", "-z", "--root", "--name-status", "--no-renames", "--relative"]
        data = self._output([*command, *_PLAIN_DIFF], hashes)
        found: dict[str, list[str]] = {}
        current: list[str] | None = None
        tokens = iter(data.split(b"\0"))
        for token in tokens:
            if len(token) >= 40:  # a status is one letter
                # Without a NUL of its own the hash ends in a line break before the first status.
                name, _, status = token.decode("ascii", "replace").partition("\n")
                current = found.setdefault(name, []) if _HASH.fullmatch(name) else None
                token = status.encode("ascii", "replace")
            if not token:
                continue
            path = next(tokens, b"")
            if current is not None and path:
                current.append(path.decode("utf-8", "replace"))
        return found

    def _symbols(self, hashes: Sequence[str]) -> dict[str, tuple[str, ...]]:
        command = ["diff-tree", "--stdin", "-r", "-p", "--root", "-U0", "--no-renames", "--relative", "--no-color"]
        data = self._output([*command, *_PLAIN_DIFF], hashes, most=_MOST_DIFF)
        return changed_symbols(data, MOST_SYMBOLS)

    def _shallow_boundary(self) -> frozenset[str]:
        """Return the commits whose parents a shallow clone lacks: they look as if they had added every file."""
        path = self._text("rev-parse", "--git-path", "shallow").strip()
        try:
            return frozenset(Path(self.root, path).read_text("ascii").split()) if path else frozenset()
        except (OSError, UnicodeDecodeError):
            return frozenset()

    def _text(self, *command: str, missing_ok: bool = False) -> str:
        done = _run([self._git, *_HARDENED, "-C", str(self.root), *command], b"", _MOST_OUTPUT, self._stop)
        if done.code and not missing_ok:
            raise _refusal(done.error, self.root)
        return done.output.decode("utf-8", "surrogateescape").rstrip("\n") if not done.code else ""

    def _output(self, command: Sequence[str], hashes: Sequence[str], most: int = _MOST_OUTPUT) -> bytes:
        """Run a command over commits; what it printed before it failed counts: a partial clone lacks objects."""
        if not hashes:
            return b""
        names = "".join(f"{name}\n" for name in hashes).encode("ascii")
        done = _run([self._git, *_HARDENED, "-C", str(self.root), *command], names, most, self._stop)
        if done.code:
            _log.info("git_incomplete", command=command[0], code=done.code, error=done.error[:200])
        return done.output


_PLAIN_DIFF: Final = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=none", "--submodule=short")


@dataclass(frozen=True, slots=True)
class _Done:
    code: int
    output: bytes
    error: str


def _executable(root: Path) -> str:
    found = shutil.which("git")
    if found is None:
        raise GitUnavailableError("git is not installed")
    # On Windows the current folder is searched too: a project must not bring its own git.
    if Path(found).resolve().is_relative_to(root.resolve()):
        raise GitUnavailableError(f"the git that is found first lies in the project itself: {found}")
    return found


def _run(command: Sequence[str], given: bytes, most: int, stop: threading.Event) -> _Done:
    """Run a program to its end, its time-out, or the most that is read of it, without a shell."""
    try:
        process = subprocess.Popen(  # no shell; fixed arguments and hashes
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment_for_git(),
            start_new_session=True,  # Ctrl-C at the terminal is ours to handle
        )
    except OSError as error:
        raise GitUnavailableError(f"git could not be started ({error.strerror or error})") from None
    if process.stdin is None or process.stdout is None or process.stderr is None:  # never: all three are pipes
        raise GitUnavailableError("git could not be started")
    errors: list[bytes] = []
    stderr, stdin = process.stderr, process.stdin

    def feed() -> None:
        with contextlib.suppress(OSError):  # it ended early
            stdin.write(given)
        with contextlib.suppress(OSError):
            stdin.close()

    sides = [threading.Thread(target=feed), threading.Thread(target=lambda: errors.append(stderr.read(65_536)))]
    clock = threading.Timer(_TIMEOUT, process.kill)
    parts: list[bytes] = []
    size = 0
    cut = False
    try:
        clock.start()
        for side in sides:
            side.start()
        while part := process.stdout.read1(1 << 20):  # type: ignore[attr-defined]  # a pipe of Popen is buffered
            parts.append(part)
            size += len(part)
            if size > most or stop.is_set():
                cut = True
                process.kill()
                break
        for side in sides:
            side.join()
        code = process.wait()
    finally:
        clock.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        stderr.close()
    return _Done(0 if cut else code, b"".join(parts), b"".join(errors).decode("utf-8", "replace").strip())


def _refusal(error: str, root: Path) -> Exception:
    line = error.split("\n", 1)[0].removeprefix("fatal: ")
    if "not a git repository" in line or "must be run in a work tree" in line or "cannot use bare repository" in line:
        return NotARepositoryError(f"{root} is in no git repository")
    if "dubious ownership" in line:
        return GitUnavailableError(
            "git refuses the repository, which belongs to another user; if you trust it: "
            f"git config --global --add safe.directory {root}"
        )
    return GitUnavailableError(f"git failed: {line or 'it was ended, or said nothing'}")


def _parse(name: str, data: bytes) -> Commit:
    head, _, message = data.partition(b"\n\n")
    encoding, author, time, parents = "utf-8", "", 0, 0
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"parent":
            parents += 1
        elif key == b"author":
            author = _decode(value.partition(b" <")[0], "utf-8")
        elif key == b"committer":
            time = _seconds(value)
        elif key == b"encoding":
            encoding = value.decode("ascii", "replace").strip()
    text = _decode(message[: 4 * _MOST_MESSAGE], encoding).replace("\r\n", "\n").replace("\0", "")
    subject, _, body = text.strip().partition("\n")
    return Commit(name, subject.strip(), body.strip()[:_MOST_MESSAGE], author.strip(), time, parents)


def _seconds(value: bytes) -> int:
    parts = value.rsplit(b" ", 2)
    try:
        found = int(parts[-2])
    except (ValueError, IndexError):
        return 0
    return found if 0 <= found < 1 << 40 else 0  # beyond that it is damage, or a joke


def _decode(data: bytes, encoding: str) -> str:
    for name in (encoding, "utf-8"):
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return data.decode("latin-1")


def _complete(commit: Commit, files: Sequence[str], symbols: Sequence[str]) -> Commit:
    return Commit(
        commit.hash,
        commit.subject,
        commit.body,
        commit.author,
        commit.time,
        commit.parents,
        tuple(sorted(files)[:MOST_FILES]),
        len(files),
        tuple(symbols),
    )


Reader = Callable[[Path], GitLog]
