"""A commit, and how it is read from a git commit object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aurora_dev.core.text.encodings import text_codec
from aurora_dev.lazy import lazy_pattern

__all__ = ["MOST_FILES", "MOST_SYMBOLS", "Commit", "parents_and_time", "parse_commit"]

# The list of a commit that touches more says little: it is an import, a reformatting or a vendored update.
MOST_FILES: Final = 30
MOST_SYMBOLS: Final = 20
# Longer messages are generated (change logs of a release, squashed branches).
_MOST_MESSAGE: Final = 6_000  # characters
_MOST_ENCODING: Final = 100  # bytes of its name
# Messages that git writes for a merge; the branch's name is their only information.
_PLAIN_MERGE: Final = lazy_pattern(r"Merge (?:(?:remote-tracking )?branch(?:es)?|pull request|tag|commit) .*")


# One day before the end of the calendar, so that no time zone leads beyond it. Git accepts any later time, such as one
# that an import wrote in milliseconds.
_LATEST: Final = 253_402_214_399  # 9999-12-30T23:59:59Z


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit.

    Attributes:
        hash: Full hash, 40 or 64 lower-case hexadecimal digits.
        subject: First line of the message; may be empty.
        body: The rest of the message, without surrounding blank lines.
        author: Name, without the address.
        time: Committer time, seconds since the epoch; a time after the year 9999 is the last one that can be written.
        parents: Number of parents.
        files: Changed paths below the project's folder, POSIX, relative to it, sorted; the first `MOST_FILES` of them.
            Empty for merges and at the boundary of a shallow clone.
        file_count: Number of changed paths.
        symbols: Names of functions and classes with changed lines, at most `MOST_SYMBOLS`.
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
        """True if the message says only what was merged."""
        return self.parents > 1 and not self.body and _PLAIN_MERGE.fullmatch(self.subject) is not None


def parse_commit(name: str, data: bytes) -> Commit:
    """Read a commit object, without its files and symbols; no content raises.

    Args:
        name: Its hash.
        data: The object as ``git cat-file`` prints it.
    """
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
            encoding = value[:_MOST_ENCODING].decode("ascii", "replace").strip()
    text = _decode(message[: 4 * _MOST_MESSAGE], encoding).replace("\r\n", "\n").replace("\0", "")
    subject, _, body = text.strip().partition("\n")
    return Commit(name, subject.strip(), body.strip()[:_MOST_MESSAGE], author.strip(), time, parents)


def parents_and_time(data: bytes) -> tuple[list[str], int]:
    """Return the hashes of a commit's parents and its committer time, as in `Commit`; no content raises."""
    parents, time = [], 0
    for line in data.partition(b"\n\n")[0].split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"parent" and value.isalnum():
            parents.append(value.decode("ascii", "replace"))
        elif key == b"committer":
            time = _seconds(value)
    return parents, time


def _seconds(value: bytes) -> int:
    parts = value.rsplit(b" ", 2)
    try:
        found = int(parts[-2])
    except (ValueError, IndexError):
        return 0
    return min(max(found, 0), _LATEST)


def _decode(data: bytes, encoding: str) -> str:
    for name in (text_codec(encoding), "utf-8"):
        if name is None:
            continue
        try:
            # Some codecs can spell half of a character, which no store can hold.
            return data.decode(name).encode("utf-8", "replace").decode("utf-8")
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")
