"""Which folders' sessions belong to a project, and what files from elsewhere cannot claim."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from aurora_dev.sessions.places import ProjectPlaces


def _git(folder: Path, command: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *command.split()], cwd=folder, check=True
    )


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A repository of somebody else's project, with one worktree."""
    root = tmp_path / "other"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.txt").write_text("a")
    _git(root, "init -q")
    _git(root, "add .")
    _git(root, "commit -q -m x")
    _git(root, f"worktree add -q {tmp_path / 'tree'}")
    return root


def _unpacked(tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    return folder


def _holds_nothing_of(other: Path, folder: Path) -> bool:
    places = ProjectPlaces(folder)
    return not any(places.holds(str(each)) for each in (other, other / "sub", other.parent / "tree"))


def test_every_worktree_of_a_repository_holds_the_sessions_of_the_others(other: Path, tmp_path: Path) -> None:
    for folder in (other, tmp_path / "tree"):
        places = ProjectPlaces(folder)
        assert places.holds(str(other))
        assert places.holds(str(tmp_path / "tree"))
    assert ProjectPlaces(other / "sub").holds(str(tmp_path / "tree" / "sub"))
    assert not ProjectPlaces(other / "sub").holds(str(tmp_path / "tree"))


@pytest.mark.parametrize("claim", ["{other}/.git", "{other}/.git/worktrees/tree", "../other/.git"])
def test_a_git_file_that_names_another_repository_brings_none_of_its_sessions(
    other: Path, tmp_path: Path, claim: str
) -> None:
    folder = _unpacked(tmp_path)
    (folder / ".git").write_text(f"gitdir: {claim.format(other=other)}\n")
    assert _holds_nothing_of(other, folder)


def test_a_git_folder_that_names_another_repository_brings_none_of_its_sessions(other: Path, tmp_path: Path) -> None:
    folder = _unpacked(tmp_path)
    _git(folder, "init -q")
    for name, place in (("a", other), ("b", tmp_path / "tree")):
        entry = folder / ".git" / "worktrees" / name
        entry.mkdir(parents=True)
        (entry / "gitdir").write_text(f"{place}/.git\n")
    assert _holds_nothing_of(other, folder)
    (folder / ".git" / "commondir").write_text(f"{other}/.git\n")
    assert _holds_nothing_of(other, folder)


@pytest.mark.parametrize("target", ["other/.git", "tree/.git"])
def test_a_link_to_the_git_of_another_repository_brings_none_of_its_sessions(
    other: Path, tmp_path: Path, target: str
) -> None:
    folder = _unpacked(tmp_path)
    (folder / ".git").symlink_to(tmp_path / target)
    assert _holds_nothing_of(other, folder)


def test_a_removed_worktree_still_counts_and_an_existing_folder_is_not_believed(other: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    remembered = ProjectPlaces(other).folders
    shutil.rmtree(tree)
    _git(other, "worktree prune")
    assert ProjectPlaces(other, remembered).holds(str(tree))
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    claimed = ProjectPlaces(other, [str(stranger), "/", "", "relative"])
    assert not claimed.holds(str(stranger))
    assert not claimed.holds(str(tmp_path))
