"""The base of a backend's group of settings, and its declaration of what a project's file may not decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel

__all__ = ["BackendSettings", "RemoteService"]


@dataclass(frozen=True, slots=True)
class RemoteService:
    """A service on other machines, to which a project's file may not send text.

    Attributes:
        backend: The value of the setting ``backend`` that sends every record there.
        title: The name for people.
        rerankers: The kinds of the setting ``reranker`` that send text there.
        account: The settings that choose where in the user's account text goes, who reads it there and what it costs.
            The others of the group only change how fast it is.
    """

    backend: str
    title: str
    rerankers: frozenset[str] = frozenset()
    account: frozenset[str] = field(default_factory=frozenset)


class BackendSettings(BaseModel):
    """Base of the settings of one backend; `Settings` inherits from each group."""

    remote_service: ClassVar[RemoteService]
