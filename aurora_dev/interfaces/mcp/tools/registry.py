"""The tools of the MCP server, in the order in which clients list them.

A new tool is declared in the file of its family and gets a line here; nothing else changes.
"""

from __future__ import annotations

from typing import Final

from aurora_dev.interfaces.mcp.tools.context import BUILD_CONTEXT
from aurora_dev.interfaces.mcp.tools.index import INDEX_PROJECT, MEMORY_STATUS
from aurora_dev.interfaces.mcp.tools.notes import FORGET, REMEMBER, UPDATE_MEMORY
from aurora_dev.interfaces.mcp.tools.search import RECALL, SEARCH_MEMORY
from aurora_dev.interfaces.mcp.tools.tool import Tool

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
