"""Real git repositories for tests, independent of the machine's git configuration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada Writer",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Writer",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_ALLOW_PROTOCOL": "file",
}


class Repository:
    """A repository in a folder; its commits are a minute apart, so that their order is defined."""

    def __init__(self, root: Path, *, init: bool = True) -> None:
        self.root = root
        self.minute = 0
        if init:
            root.mkdir(parents=True, exist_ok=True)
            self.git("init", "-q")

    def git(self, *command: str, given: bytes | None = None, **environment: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(
            ["git", "-C", str(self.root), *command],
            env={**kept, **ENVIRONMENT, **environment},
            input=given,
            stdout=subprocess.PIPE,
            check=True,
        )
        return done.stdout.decode("utf-8", "replace").strip()

    def put(self, path: str, text: str | bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)

    def commit(self, message: str | bytes, **files: str | bytes) -> str:
        """Write files (``a__py`` is ``a.py``, ``pkg___a__py`` is ``pkg/a.py``), commit everything, return the hash."""
        for name, text in files.items():
            self.put(name.replace("___", "/").replace("__", "."), text)
        self.git("add", "-A")
        self.minute += 1
        when = f"{1_700_000_000 + 60 * self.minute} +0000"
        given = message.encode() if isinstance(message, str) else message
        options = ["-q", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "-F", "-"]
        self.git("commit", *options, given=given, GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when)
        return self.git("rev-parse", "HEAD")
