"""A tool of the MCP server: one object with a name, a model of its arguments and a function.

A tool is declared in the file of its family and listed in `aurora_dev.interfaces.mcp.tools.registry`. It knows nothing
of the protocol: it takes checked arguments, and returns text and data.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from aurora_dev.interfaces.mcp.tools.open_memory import OpenMemory

__all__ = ["Answer", "Arguments", "Progress", "Reply", "Tool"]

Progress = Callable[[float, float | None, str], None]
"""Reports the progress of a call: done, the total if known, and a sentence. Returns at once, from any thread."""


class Arguments(BaseModel):
    """The arguments of a tool. A misspelt one is refused, so that it is not silently ignored.

    Attributes:
        empty_is_given: Optional arguments for which an empty text or list has a meaning of its own. For all others it
            is the same as leaving them out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    empty_is_given: ClassVar[frozenset[str]] = frozenset()


class Answer(BaseModel):
    """The structured answer of a tool. Fields without a value are left out of the reply."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a tool call, as text and as data with the same content."""

    text: str
    data: Answer


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a model sees it, and the function behind it.

    Attributes:
        name: The name that a client calls.
        title: The name that a client shows to people.
        description: Tells a model when to use the tool and what comes back.
        arguments: The model that checks the arguments, and the source of their JSON schema.
        answer: The model of the structured answer, and the source of its JSON schema.
        run: Called with the memory, the checked arguments and a progress callback.
        read_only: Whether it changes nothing.
        destructive: Whether it may remove or overwrite what is stored.
        idempotent: Whether a second call with the same arguments changes nothing more.
    """

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    answer: type[Answer]
    run: Callable[[OpenMemory, Any, Progress], Awaitable[Reply]]
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
