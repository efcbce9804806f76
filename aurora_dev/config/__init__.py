"""Settings: the only package that reads the environment and configuration files.

Each value comes from the first of these that has it:

1. an argument (of `Settings.load`, `Memory.open` or the command line);
2. the environment: ``AURORA_`` and the setting's name in capitals, then the names that other tools use already
   (``CROSS_ENCODER_MODEL``, ``SENTENCE_TRANSFORMERS_HOME``, ``PINECONE_API_KEY``);
3. ``aurora.toml`` in the project's folder, then ``[tool.aurora]`` in its ``pyproject.toml``;
4. the default.

Files come with a project, and a project may come from anybody. So a file cannot hold a key, send text to another
machine, name a model that lies in the project (loading one may run code), or put the store outside of the project. An
argument or the environment can.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aurora_dev.config.environment import (
        ENV_PREFIX,
        assistant_folders,
        editor_command,
        environment_for_git,
        git_configuration_folder,
        user_data_folder,
        usual_names,
    )
    from aurora_dev.config.fields import Secret, SecretStr
    from aurora_dev.config.files import PROJECT_FILE, PYPROJECT_FILE, STORE_FOLDER, find_project, shared_worktree
    from aurora_dev.config.groups import project_groups, projects_named
    from aurora_dev.config.settings import Settings, service_url, unknown_environment
    from aurora_dev.config.sources import Source, nearest

    USUAL_NAMES = usual_names()
    """Environment variables that other tools use already, and the setting that each sets."""

# Imported on first use: a hook of an assistant needs `aurora_dev.config.quick` alone.
_HOMES = {
    "environment": (
        "ENV_PREFIX",
        "assistant_folders",
        "editor_command",
        "environment_for_git",
        "git_configuration_folder",
        "user_data_folder",
        "usual_names",
    ),
    "fields": ("Secret", "SecretStr"),
    "files": ("PROJECT_FILE", "PYPROJECT_FILE", "STORE_FOLDER", "find_project", "shared_worktree"),
    "groups": ("project_groups", "projects_named"),
    "settings": ("Settings", "service_url", "unknown_environment"),
    "sources": ("Source", "nearest"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ENV_PREFIX",
    "PROJECT_FILE",
    "PYPROJECT_FILE",
    "STORE_FOLDER",
    "USUAL_NAMES",
    "Secret",
    "SecretStr",
    "Settings",
    "Source",
    "assistant_folders",
    "editor_command",
    "environment_for_git",
    "find_project",
    "git_configuration_folder",
    "nearest",
    "project_groups",
    "projects_named",
    "service_url",
    "shared_worktree",
    "unknown_environment",
    "user_data_folder",
]


def __getattr__(name: str) -> Any:
    if name == "USUAL_NAMES":
        import_module("aurora_dev.config.settings")  # where every service is declared that has names of its own
        value: Any = import_module("aurora_dev.config.environment").usual_names()
    elif name in _HOME_OF:
        value = getattr(import_module(f"aurora_dev.config.{_HOME_OF[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
