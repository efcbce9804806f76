"""The list of formats that are read."""

from __future__ import annotations

from aurora_dev.sessions.formats.claude_code import ClaudeCode
from aurora_dev.sessions.formats.codex import Codex
from aurora_dev.sessions.formats.events import TranscriptFormat

__all__ = ["FORMATS"]

FORMATS: tuple[TranscriptFormat, ...] = (ClaudeCode(), Codex())
"""Every format that is read."""
