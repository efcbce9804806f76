"""The process environment: the variables of settings, and those of other programs that Aurora runs or follows."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from aurora_dev.config.backends import remote_services
from aurora_dev.config.sources import Source

ENV_PREFIX = "AURORA_"
USER_FOLDER = "aurora"
_GIT_CONFIGURATION = frozenset(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"))

_USUAL_NAMES: Mapping[str, str] = {
    "CROSS_ENCODER_MODEL": "cross_encoder_model",
    "SENTENCE_TRANSFORMERS_HOME": "sentence_transformers_home",
}


def usual_names() -> dict[str, str]:
    """Return the environment variables that other tools use already, and the setting that each sets."""
    names = dict(_USUAL_NAMES)
    for service in remote_services().values():
        names.update(service.usual_names)
    return names


def read_environment(known: Collection[str]) -> tuple[dict[str, Any], dict[str, Source]]:
    """Return the values that the environment gives to settings, and the variable of each.

    Args:
        known: The names of all settings. The case of their own variables does not matter.
    """
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for variable, name in usual_names().items():
        if value := os.environ.get(variable):
            values[name], sources[name] = value, Source("environment", variable)
    for variable, value in os.environ.items():
        if value and variable.upper().startswith(ENV_PREFIX):
            name = variable[len(ENV_PREFIX) :].lower()
            if name in known:
                values[name], sources[name] = value, Source("environment", variable_of(name))
    return values, sources


def variable_of(name: str) -> str:
    """Return Aurora's own environment variable of a setting."""
    return ENV_PREFIX + name.upper()


def own_variables() -> list[str]:
    """Return the ``AURORA_…`` variables that are set, sorted."""
    return sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX))


def user_data_folder() -> Path | None:
    """Return the folder for a user's data on this platform; ``None`` for an account without a home folder."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base, USER_FOLDER) if base else _home("AppData", "Local", USER_FOLDER)
    base = os.environ.get("XDG_DATA_HOME")
    if base and Path(base).is_absolute():  # the specification says to ignore others
        return Path(base, USER_FOLDER)
    if sys.platform == "darwin":
        return _home("Library", "Application Support", USER_FOLDER)
    return _home(".local", "share", USER_FOLDER)


def user_settings_folder() -> Path | None:
    """Return the folder for a user's own settings on this platform; ``None`` for an account without a home folder."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA")
        return Path(base, USER_FOLDER) if base else _home("AppData", "Roaming", USER_FOLDER)
    base = os.environ.get("XDG_CONFIG_HOME")
    if base and Path(base).is_absolute():
        return Path(base, USER_FOLDER)
    return _home(".config", USER_FOLDER)


def _home(*parts: str) -> Path | None:
    try:
        return Path.home().joinpath(*parts)
    except RuntimeError:  # an account without a home folder, as services have
        return None


def assistant_folders() -> dict[str, Path | None]:
    """Return the folders in which assistants keep their data, by their own variables or in their usual places."""

    def folder(variable: str, *usual: str) -> Path | None:
        named = os.environ.get(variable)
        return Path(named).expanduser() if named else _home(*usual)

    data = os.environ.get("XDG_DATA_HOME")
    return {
        "claude": folder("CLAUDE_CONFIG_DIR", ".claude"),
        "codex": folder("CODEX_HOME", ".codex"),
        "gemini": _home(".gemini"),
        "opencode": Path(data, "opencode") if data else _home(".local", "share", "opencode"),
        "cursor": _home(".cursor"),
    }


def environment_for_git() -> dict[str, str]:
    """Return the environment for running git: without variables of git, terminal prompts, a pager or remote access.

    The variables that git exports to its hooks (``GIT_DIR``, ``GIT_INDEX_FILE``) would redirect every call to that
    repository. Those that name the user's configuration files stay.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("GIT_") or name.upper() in _GIT_CONFIGURATION
    }
    return {
        **kept,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,  # as replacements, grafts hide what was committed
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_PAGER": "cat",
        "LC_ALL": "C",
    }


def git_configuration_folder() -> Path | None:
    """Return the user's folder for git's files (``ignore``, ``config``); ``None`` for an account without a home."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return Path(base, "git") if base else _home(".config", "git")


def editor_command() -> str:
    """Return the command of the user's editor, as other programs choose it."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if sys.platform == "win32" else "vi")


def disable_runtime_telemetry() -> None:
    """Switch off the telemetry of ONNX Runtime, unless the user has set its variable; call it before its import.

    Its recent wheels collect usage events, keep an id of the machine in the user's cache folder, and send both.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
