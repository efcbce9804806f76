"""The check of a file that an export or a backup would replace."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from aurora_dev.errors import InvalidRequestError
from aurora_dev.target_file import check_target


def check(file: Path, *, own: bool = False, replace: bool = False) -> None:
    check_target(file, lambda _: own, kind="an export", replace=replace)


def refuse(file: Path, reason: str) -> None:
    """Expect a refusal even where the file is Aurora's own and may be replaced."""
    for own, replace in ((True, False), (False, True)):
        with pytest.raises(InvalidRequestError, match=f"{reason}.*; nothing was written"):
            check(file, own=own, replace=replace)


def test_a_new_an_empty_and_an_own_file_may_be_written(tmp_path: Path) -> None:
    check(tmp_path / "new")
    check(tmp_path / "no folder" / "new")
    (tmp_path / "empty").touch()
    check(tmp_path / "empty")
    (tmp_path / "own").write_text("x")
    check(tmp_path / "own", own=True)


def test_a_foreign_file_is_replaced_only_if_told_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidRequestError, match=r"is not an export of Aurora; nothing was written.*--force"):
        check(tmp_path / "file")
    check(tmp_path / "file", replace=True)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    def unreadable(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(InvalidRequestError, match=r"cannot be read \(Permission denied\); nothing was written"):
        check_target(tmp_path / "file", unreadable, kind="an export")


def test_folders_links_and_read_only_files_are_refused(tmp_path: Path) -> None:
    refuse(tmp_path, "is a folder")
    refuse(Path("/"), "is a folder")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    refuse(tmp_path / "link", "is a link to '.*file'")
    refuse(tmp_path / "dangling", "is a link to '.*nothing'")
    (tmp_path / "file").chmod(0o444)
    refuse(tmp_path / "file", "is read-only")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_pipes_devices_and_sockets_are_refused_without_being_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for file in (tmp_path / "pipe", tmp_path / "socket", Path(os.devnull)):
            refuse(file, "is not a regular file")


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_database_in_use_and_its_files_are_never_replaced(tmp_path: Path, suffix: str) -> None:
    for name in ("some.db", f"some.db{suffix}"):
        (tmp_path / name).write_text("x")
    refuse(tmp_path / "some.db", "belongs to a database in use")
    refuse(tmp_path / f"some.db{suffix}", "belongs to a database in use")
