"""Find the project that a command works on, and load its settings."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from aurora_dev.config import Settings, find_project
from aurora_dev.errors import IndexingError, InvalidRequestError
from aurora_dev.interfaces.cli.output.render import shown_path
from aurora_dev.interfaces.cli.output.streams import say
from aurora_dev.log import configure_logging


def indexed_project(path: Path | None) -> tuple[Path, Settings]:
    """Return the nearest project with an index, upwards from a folder, and its settings.

    Args:
        path: Where to start; ``None`` starts from the current folder.

    Raises:
        IndexingError: There is no index; the message names the command that makes one.
    """
    start = _folder(path) if path is not None else _current_folder()
    root = find_project(start)
    settings = _settings(root) if root is not None else None
    if root is None or settings is None or not settings.store_path(root).is_dir():
        where = shown_folder(root or start) + ("" if root else " or above it")
        raise IndexingError(f"there is no index in {where}. Make one with: {index_command(path)}")
    return root, settings


def project_to_index(path: Path | None, *, yes: bool = False, **arguments: Any) -> tuple[Path, Settings]:
    """Return the folder to index, which need not have an index yet, and its settings.

    Args:
        path: The folder; ``None`` takes the indexed project around the current folder, or else that folder. In a
            subfolder of a repository without an index a terminal is offered the whole repository.
        yes: Whether the home folder or the whole file system may be indexed without asking.
        **arguments: Settings by name.

    Raises:
        InvalidRequestError: The folder is the home folder or the file system, and nobody agreed to index it.
    """
    here = _folder(path) if path else _current_folder()
    root = here if path else find_project(here, within_repository=True)
    if root is None:
        root = _choose_root(here, repository_of(here))
    settings = _settings(root, **arguments)
    if not yes and not settings.store_path(root).is_dir() and (what := too_wide(root)):
        problem = f"{shown_folder(root)} is {what}: nothing was indexed"
        if not ask(f"{shown_folder(root)} is {what}. Index all of it?"):
            raise InvalidRequestError(f"{problem}. Change to a project's folder, or pass --yes to index all of it")
    return root, settings


def project_to_begin(path: Path | None) -> tuple[Path, Settings]:
    """Return the project of a folder, which may be new: then the repository around it, or else the folder.

    Raises:
        InvalidRequestError: It would be the home folder or the file system, and was not named.
    """
    start = _folder(path) if path is not None else _current_folder()
    root = find_project(start) or (start if path is not None else repository_of(start) or start)
    settings = _settings(root)
    if settings.store_path(root).is_dir():
        return root, settings
    if path is None and (what := too_wide(root)):
        raise InvalidRequestError(
            f"{shown_folder(root)} is {what}: nothing was stored. Change to a project's folder, store it as your own "
            "note with --user, or name the folder with --path"
        )
    say(f"note: the project is not indexed yet, so searches find only notes. Index it with: {index_command(path)}")
    return root, settings


def repository_of(folder: Path) -> Path | None:
    """Return the root of the git repository around a folder."""
    folder = folder.absolute()
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


def too_wide(folder: Path) -> str | None:
    """Return what a folder is, if it is the home folder or the whole file system."""
    absolute = folder.resolve()
    if absolute.parent == absolute:
        return "the whole file system"
    with suppress(RuntimeError, OSError):  # an account without a home folder
        if absolute == Path.home().resolve():
            return "your home folder"
    return None


def ask(question: str) -> bool:
    """Ask on a terminal; without one the answer is no."""
    if sys.stdin is None or not sys.stdin.isatty() or sys.stderr is None or not sys.stderr.isatty():
        return False
    import typer

    return typer.confirm(question, err=True)


def shown_folder(folder: Path) -> str:
    """Return a folder as a message names it."""
    shown = shown_path(folder)
    return "the current folder" if shown == "." else f"'{shown}'"


def _choose_root(here: Path, repository: Path | None) -> Path:
    if repository is None or repository == here.absolute() or too_wide(repository):
        return here
    if ask(f"This is a subfolder of the repository {shown_folder(repository)}. Index the whole repository?"):
        return repository
    say(
        f"note: indexing only this folder of the repository {shown_folder(repository)}. To index all of it, run: "
        f"{index_command(repository)}"
    )
    return here


def index_command(path: Path | None) -> str:
    """Return the command that indexes a project."""
    return "aurora index" if path is None else f"aurora index {shlex.quote(shown_path(path))}"


def _folder(path: Path) -> Path:
    if not path.is_dir():
        problem = "is a file; name its folder" if path.exists() else "does not exist"
        raise InvalidRequestError(f"'{path}' {problem}: nothing was done")
    return path


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError as error:  # it was removed, or is not readable
        raise InvalidRequestError(f"the current folder cannot be read ({error.strerror}): nothing was done") from None


def _settings(root: Path, **arguments: Any) -> Settings:
    settings = Settings.load(root, **arguments)
    configure_logging(settings.log, settings.log_format)
    return settings
