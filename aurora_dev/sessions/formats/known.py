"""The list of formats that are read."""

from __future__ import annotations

from aurora_dev.sessions.formats.claude_code import ClaudeCode
from aurora_dev.sessions.formats.codex import Codex
from aurora_dev.sessions.formats.cursor import Cursor
from aurora_dev.sessions.formats.events import TranscriptFormat
from aurora_dev.sessions.formats.gemini import Gemini, GeminiDocuments
from aurora_dev.sessions.formats.opencode import OpenCode

__all__ = ["FORMATS"]

FORMATS: tuple[TranscriptFormat, ...] = (
    ClaudeCode(),
    Codex(),
    Gemini(),
    GeminiDocuments(),
    Cursor(),
    OpenCode(),
)
"""Every format that is read."""
