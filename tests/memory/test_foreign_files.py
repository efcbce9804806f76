"""What stands in the place of a file of the store or of a project: it neither holds nor floods nor fails anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_dev.config import Settings
from aurora_dev.core.local import derived
from aurora_dev.errors import ConfigurationError, StoreError
from aurora_dev.memory import Memory

pytestmark = pytest.mark.skipif(os.name != "posix", reason="named pipes and devices")

DERIVED = ("index/*.vector", "index/*.keyword", "state/*.files.json", "state/*.run.json", "state/*.lock")
KINDS = ("pipe", "folder", "device", "huge")


def put(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)  # takes no room on a disk


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.py").write_text("def alpha():\n    return 'fruit'\n")
    yield folder
    shutil.rmtree(folder)


def opened(project: Path) -> Memory:
    return Memory.open(project, settings=Settings.load(project, reranker="none", user_store="none"))


async def found(memory: Memory, query: str) -> str:
    return (await memory.search(query, 1))[0].content


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*DERIVED, ".gitignore", "note_uses.json"])
async def test_what_stands_in_the_place_of_a_derived_file_counts_as_damaged(
    project: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derived, "SAVE_AFTER_REFRESH", 0.0)
    async with opened(project) as memory:
        await memory.index()
        await memory.search("alpha", 1)
        await memory.remember("Use pears.")
        await memory.recall("pears")
    paths = list((project / ".aurora").glob(name))
    assert paths
    for path in paths:
        put(path, kind)
    async with opened(project) as memory:
        assert "alpha" in await found(memory, "alpha")
        assert (await memory.recall("pears"))[0].content == "Use pears."
        (project / "b.py").write_text("def beta():\n    return 'nut'\n")
        await memory.index()
        assert "beta" in await found(memory, "beta")
        assert (await memory.status()).files == 2


@pytest.mark.parametrize("kind", ["pipe", "device", "huge"])
@pytest.mark.parametrize("name", ["index", "state"])
async def test_what_stands_in_the_place_of_a_folder_of_the_store_costs_only_what_it_saves(
    project: Path, name: str, kind: str
) -> None:
    async with opened(project) as memory:
        await memory.index()
    shutil.rmtree(project / ".aurora" / name, ignore_errors=True)
    put(project / ".aurora" / name, kind)
    async with opened(project) as memory:
        assert "alpha" in await found(memory, "alpha")
        await memory.index()
        assert (await memory.status()).files == 1


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
async def test_what_stands_in_the_place_of_the_database_is_refused(project: Path, kind: str) -> None:
    async with opened(project) as memory:
        await memory.index()
    put(project / ".aurora" / "memory.db", kind)
    with pytest.raises(StoreError, match="is not a file"):
        async with opened(project) as memory:
            await memory.search("alpha", 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [".gitignore", ".auroraignore", ".git", "../.gitignore"])
async def test_what_stands_in_the_place_of_a_file_of_the_project_does_not_hold_a_run(
    project: Path, name: str, kind: str
) -> None:
    (project.parent / ".git").mkdir()
    put(project / name, kind)
    async with opened(project) as memory:
        report = await memory.index()
        assert (report.files_added, await found(memory, "alpha")) == (1, (project / "a.py").read_text().rstrip("\n"))
    (project.parent / ".git").rmdir()


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "huge"])
def test_what_stands_in_the_place_of_the_settings_is_refused(project: Path, kind: str) -> None:
    put(project / "aurora.toml", kind)
    with pytest.raises(ConfigurationError, match=r"aurora\.toml cannot be read"):
        Settings.load(project)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_the_place_of_pyproject_has_no_settings(project: Path, kind: str) -> None:
    put(project / "pyproject.toml", kind)
    assert Settings.load(project).backend == "faiss"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"format":1}',
        "[]",
        '{"format":1,"recipe":"x","files":{"a":[1,2,null]},"folders":{"\\u0000":1},"rules":{},"costs":{}}',
        '{"format":1,"recipe":"x","files":{"a":["x","y","z"]},"folders":[],"rules":{},"costs":{}}',
        '{"format":1,"recipe":7,"sequence":"x","files":{},"folders":{"":"x"},"rules":{},"costs":{"update":"x"}}',
    ],
)
async def test_a_state_file_with_other_content_never_fails_a_search(project: Path, text: str) -> None:
    async with opened(project) as memory:
        await memory.index()
    for pattern in ("*.files.json", "*.run.json"):
        for path in (project / ".aurora" / "state").glob(pattern):
            path.write_text(text)
    async with opened(project) as memory:
        assert "alpha" in await found(memory, "alpha")
        await memory.status()
        await memory.index()
        assert (await memory.status()).files == 1
