"""The tools of assistants: which run commands, read files or edit them, under whatever name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from aurora_dev.lazy import lazy_pattern
from aurora_dev.sessions.formats.events import Call, ToolKind, as_list, as_mapping, as_text

__all__ = ["call_of", "exit_code_of", "patched_files", "shell_command"]

_KINDS: Final[Mapping[str, ToolKind]] = {
    **dict.fromkeys(
        (
            "bash",
            "shell",
            "exec_command",
            "local_shell",
            "run_shell_command",
            "powershell",
            "run_terminal_cmd",
            "terminal",
        ),
        "shell",
    ),
    **dict.fromkeys(
        ("read", "read_file", "notebookread", "view", "read_many_files", "open_file", "view_image"), "read"
    ),
    **dict.fromkeys(
        (
            *("edit", "multiedit", "write", "notebookedit", "apply_patch", "replace", "write_file", "edit_file"),
            *(
                "strreplace",
                "search_replace",
                "str_replace",
                "create_file",
                "delete",
                "delete_file",
                "patch",
                "editnotebook",
            ),
            *("edit_file_v2", "applypatch"),
        ),
        "edit",
    ),
}
_PATH_KEYS: Final = (
    *("file_path", "filePath", "path", "notebook_path", "absolute_path", "target_file", "filename", "relative_path"),
    *("targetFile", "target_notebook", "relativeWorkspacePath"),
)
_PATH_LISTS: Final = ("paths", "files", "file_paths")
_MOST_PATHS: Final = 50  # of one call
_MOST_PATCH: Final = 1_000_000  # characters of a patch that are searched for names
_PATCHED: Final = lazy_pattern(
    r"^\*\*\* (?:Add|Update|Delete) File: (.{1,1000})$|^\*\*\* Move to: (.{1,1000})$", 8
)  # re.M
_EXIT_CODE: Final = lazy_pattern(r"(?:^|\n)(?:Process exited with|Exit|exit) [Cc]ode:? (-?\d{1,10})\b")
_SCRIPTED: Final = lazy_pattern(r'\bcmd"?:\s{0,10}"((?:[^"\\]|\\.){1,4000})"')
_SHELLS: Final = frozenset(
    ("bash", "sh", "zsh", "dash", "fish", "cmd", "cmd.exe", "powershell", "powershell.exe", "pwsh")
)


def call_of(identifier: str, name: str, given: Any) -> Call:
    """Return the call of a tool.

    Args:
        identifier: The id that its result names.
        name: The name of the tool, in any case.
        given: Its arguments: a mapping, JSON text of one, or the text of a patch.
    """
    kind = _KINDS.get(name.lower().replace("functions.", ""), "other")
    if name == "exec" and isinstance(given, str):  # Codex: a script that calls tools
        return _call_of_script(identifier, given[:_MOST_PATCH])
    if isinstance(given, str):
        text = given
        if kind == "edit" and "*** " in text:
            return Call(identifier, "edit", "", patched_files(text))
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            return Call(identifier, kind, text if kind == "shell" else "")
    given = as_mapping(given)
    if kind == "shell":
        command = shell_command(given.get("command", given.get("cmd", given.get("script"))))
        if "*** Begin Patch" in command:  # Codex once patched by a command
            return Call(identifier, "edit", "", patched_files(command))
        return Call(identifier, "shell", command)
    if kind == "other":
        return Call(identifier, kind)
    patch = as_text(given.get("input")) or as_text(given.get("patch")) or as_text(given.get("patchText"))
    if patch and "*** " in patch:
        return Call(identifier, kind, "", patched_files(patch))
    paths = [as_text(given.get(key)) for key in _PATH_KEYS]
    for key in _PATH_LISTS:
        for entry in as_list(given.get(key))[:_MOST_PATHS]:
            paths.append(as_text(entry) or as_text(as_mapping(entry).get("path")))
    return Call(identifier, kind, "", tuple(dict.fromkeys(path for path in paths if path))[:_MOST_PATHS])


def _call_of_script(identifier: str, script: str) -> Call:
    if "*** Begin Patch" in script:
        return Call(identifier, "edit", "", patched_files(script.replace("\\n", "\n")))
    found = _SCRIPTED.search(script)
    if found is None:
        return Call(identifier, "other")
    try:
        command = json.loads(f'"{found[1]}"')
    except ValueError:
        command = found[1]
    return Call(identifier, "shell", as_text(command))


def shell_command(value: Any) -> str:
    """Return a command as text: ``["bash", "-lc", "make test"]`` is ``make test``."""
    if isinstance(value, str):
        return value
    words = [word for word in as_list(value) if isinstance(word, str)]
    if (
        len(words) >= 3
        and words[0].rpartition("/")[2] in _SHELLS
        and words[1].lower() in ("-lc", "-c", "/c", "-command")
    ):
        return words[2]
    return " ".join(words)


def patched_files(patch: str) -> tuple[str, ...]:
    """Return the files that a patch in Codex's format names."""
    found = _PATCHED.finditer(patch[:_MOST_PATCH])
    names = dict.fromkeys((match[1] or match[2]).strip() for match in found)
    return tuple(names)[:_MOST_PATHS]


def exit_code_of(text: str) -> int | None:
    """Return the exit code that the result of a command states in its first lines; ``None`` if it states none."""
    found = _EXIT_CODE.search(text[:2_000])
    return None if found is None else int(found[1])
