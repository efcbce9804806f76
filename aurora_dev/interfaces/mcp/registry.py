"""The tools of the MCP server, in the order in which clients list them.

A new tool is declared in the file of its family and gets a line here; nothing else changes.
"""

from __future__ import annotations

from typing import Final

from aurora_dev.interfaces.mcp.context_tools import BUILD_CONTEXT
from aurora_dev.interfaces.mcp.index_tools import INDEX_PROJECT, MEMORY_STATUS
from aurora_dev.interfaces.mcp.note_tools import FORGET, REMEMBER, UPDATE_MEMORY
from aurora_dev.interfaces.mcp.search_tools import RECALL, SEARCH_MEMORY
from aurora_dev.interfaces.mcp.tool import Tool

__all__ = ["TOOLS"]

TOOLS: Final[tuple[Tool, ...]] = (
    SEARCH_MEMORY,
    BUILD_CONTEXT,
    REMEMBER,
    RECALL,
    UPDATE_MEMORY,
    FORGET,
    INDEX_PROJECT,
    MEMORY_STATUS,
)
