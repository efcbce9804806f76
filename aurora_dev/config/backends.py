"""The base of a backend's group of settings, and its declaration of what a project's file may not decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from aurora_dev.config.fields import SettingsGroup

__all__ = ["BackendSettings", "RemoteService", "remote_services"]


@dataclass(frozen=True, slots=True)
class RemoteService:
    """A service on other machines, to which a project's file may not send text.

    Attributes:
        backend: The value of the setting ``backend`` that sends every record there.
        title: The name for people.
        rerankers: The kinds of the setting ``reranker`` that send text there.
        account: The settings that choose where in the user's account text goes, who reads it there and what it costs.
            The others of the group only change how fast it is.
        create: The setting that allows Aurora to create what is missing there.
        usual_names: Environment variables that the vendor's own tools read, and the setting that each sets.
    """

    backend: str
    title: str
    rerankers: frozenset[str] = frozenset()
    account: frozenset[str] = field(default_factory=frozenset)
    create: str | None = None
    usual_names: Mapping[str, str] = field(default_factory=dict)


class BackendSettings(SettingsGroup):
    """Base of the settings of one backend; `Settings` inherits from each group."""

    remote_service: ClassVar[RemoteService]

    def __init_subclass__(cls) -> None:
        """Register the remote service that a new group of settings declares."""
        super().__init_subclass__()
        if "remote_service" in vars(cls):
            _SERVICES[cls.remote_service.backend] = cls.remote_service


_SERVICES: dict[str, RemoteService] = {}


def remote_services() -> Mapping[str, RemoteService]:
    """Return the service that each group of settings declares, by the name of its backend."""
    return _SERVICES
