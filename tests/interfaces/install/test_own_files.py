"""The configuration files that an installation edits are never lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aurora_dev.errors import ConfigurationError
from aurora_dev.interfaces.install.own_files import read_text, write_text


def test_a_read_only_file_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{}", "utf-8")
    file.chmod(0o444)
    with pytest.raises(ConfigurationError, match="is read-only: the file is unchanged"):
        write_text(file, "other")
    assert file.read_text("utf-8") == "{}"
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_is_refused_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(ConfigurationError, match="is not a regular file: nothing was changed"):
        read_text(tmp_path / "config.json", 1_000)
