"""The assistants whose transcripts are read."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

__all__ = ["CLIENTS", "Client"]

Client: TypeAlias = Literal["claude-code", "codex", "gemini-cli", "opencode", "cursor"]
"""An assistant whose transcripts are read."""
CLIENTS: Final[tuple[Client, ...]] = ("claude-code", "codex", "gemini-cli", "opencode", "cursor")
