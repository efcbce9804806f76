from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from aurora_dev.regular_files import open_lock, read_regular, write_new

posix_only = pytest.mark.skipif(os.name != "posix", reason="named pipes and devices")


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_file_up_to_the_limit_is_read(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    assert read_regular(tmp_path / "file", 100) == b"x" * size


def test_a_larger_file_is_refused_or_cut(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"ab" * 51)
    with pytest.raises(OSError, match="more than 100 bytes"):
        read_regular(path, 100)
    assert read_regular(path, 100, cut=True) == b"ab" * 50
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # takes no room on a disk
    with pytest.raises(OSError, match="more than 1,000 bytes"):
        read_regular(path, 1_000)
    assert len(read_regular(path, 1_000, cut=True)) == 1_000


def test_a_file_that_says_it_is_empty_is_read() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("no files without a size")
    assert read_regular("/proc/self/status", 100_000).startswith(b"Name:")


@posix_only
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "socket", "link to a pipe"])
def test_anything_but_a_regular_file_is_refused_at_once(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    path = tmp_path / "x"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("x")
    else:
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    for read in (read_regular, lambda path, most: read_regular(path, most, cut=True)):
        with pytest.raises(OSError, match=r"regular file|directory"):
            read(path, 100)
    with pytest.raises(OSError, match=r"\w"):
        open_lock(path)


def test_a_lock_is_created_where_there_is_none(tmp_path: Path) -> None:
    os.close(open_lock(tmp_path / "lock"))
    os.close(open_lock(tmp_path / "lock"))
    assert (tmp_path / "lock").stat().st_size == 0


@posix_only
def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        open_lock(tmp_path / "link")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "link", b"x")
    assert not (tmp_path / "elsewhere").exists()
