"""Every setting, and loading them from arguments, the environment and a project's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from aurora_dev.config.backends import remote_services
from aurora_dev.config.environment import own_variables, read_environment, user_data_folder, variable_of
from aurora_dev.config.fields import (
    SecretStr,
    SettingsGroup,
    flag,
    folder,
    number,
    one_of,
    secret,
    text,
    whole_number,
)
from aurora_dev.config.files import (
    PROJECT_FILE,
    PYPROJECT_FILE,
    STORE_FOLDER,
    read_project_file,
    read_pyproject,
    read_text,
)
from aurora_dev.config.pinecone import PineconeSettings
from aurora_dev.config.sources import Source, check_names, location
from aurora_dev.errors import ConfigurationError
from aurora_dev.lazy import lazy_pattern
from aurora_dev.log import LogFormat, LogLevel

_LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
# The names of a model hub: "name" or "owner/name", and never a path that leaves its folder.
_HUB_NAME = lazy_pattern(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")


class StoreSettings(SettingsGroup):
    """The settings that choose a store."""

    backend: str = text(default="faiss", description="Where records live: faiss (on this disk) or pinecone.")
    store: Path | None = folder(
        default=None, description="Folder of the local store; by default .aurora in the project."
    )
    user_store: str | None = text(
        default=None,
        min_length=1,
        description="Folder of the user's own memories, by default in the data folder; or none.",
    )
    namespace: str = text(
        default="default", min_length=1, description="The part of the store that is read and written."
    )


class ModelSettings(SettingsGroup):
    """The settings of the embedder and the reranker."""

    embedder: str = text(
        default="bundled",
        min_length=1,
        description="bundled, sentence-transformers:MODEL, http:URL, or the folder of a static model.",
    )
    embedder_model: str | None = text(default=None, description="The model's name at an http: embedder.")
    embedder_api_key: SecretStr | None = secret(
        default=None, description="Key of an http: embedder (environment only)."
    )
    embedder_batch_size: int | None = whole_number(
        default=None,
        at_least=1,
        at_most=10_000,
        description="Most texts in a request to an http: embedder; by default 32.",
    )
    reranker: str = text(
        default="auto",
        min_length=1,
        description="auto (configured service, configured model, bundled), bundled, cross-encoder[:MODEL], http, none.",
    )
    reranker_url: str | None = text(default=None, description="URL of a reranking service.")
    reranker_model: str | None = text(default=None, description="The model's name at a reranking service.")
    reranker_format: str = text(default="auto", description="What a reranking service speaks: auto, cohere-v2, tei, ….")
    reranker_api_key: SecretStr | None = secret(
        default=None, description="Key of a reranking service (environment only)."
    )
    reranker_threads: int | None = whole_number(
        default=None, at_least=1, description="Threads of the bundled reranker; by default up to 4."
    )
    cross_encoder_model: str | None = text(default=None, description="Model (name or folder) of the cross-encoder.")
    cross_encoder_backend: Literal["torch", "onnx", "int8", "openvino"] = one_of(
        default="torch",
        choices=("torch", "onnx", "int8", "openvino"),
        description="What runs the cross-encoder: torch, onnx, int8 (on ONNX Runtime), openvino.",
    )
    sentence_transformers_home: Path | None = folder(
        default=None, description="Folder where sentence-transformers keeps models."
    )


# The fields of the last base come first in ``aurora status``: a new group of a backend goes to the front.
class Settings(PineconeSettings, ModelSettings, StoreSettings):
    """Every setting, checked. ``Settings(...)`` takes arguments alone; `load` also reads environment and files."""

    mcp_token: SecretStr | None = secret(
        default=None,
        description="Token of aurora mcp --http (environment only); by default one is made for each project.",
    )
    mask_secrets: bool = flag(default=True, description="Whether credentials are masked before anything is stored.")
    history_limit: int = whole_number(
        default=2_000, at_least=0, description="How many commits of the git history are kept; 0: none."
    )
    history_days: float | None = number(
        default=None, above=0, description="Only commits of the last so many days; unset: all."
    )
    sessions: Literal["on", "off"] = one_of(
        default="on",
        choices=("on", "off"),
        description="Whether transcripts of assistants may be read by aurora sessions capture and by hooks.",
    )
    session_limit: int = whole_number(
        default=1_000, at_least=1, description="How many sessions of assistants are kept, the newest."
    )
    session_days: float | None = number(
        default=365.0, above=0, description="Only sessions of the last so many days are kept."
    )
    freshness: Literal["auto", "notice", "off"] = one_of(
        default="auto",
        choices=("auto", "notice", "off"),
        description="Before a search: auto (re-index what changed, or say so), notice (only say so), off.",
    )
    freshness_budget: float = number(
        default=0.2, at_least=0, at_most=60, description="Seconds a search may spend on re-indexing."
    )
    busy_timeout: float = number(
        default=30.0, above=0, description="Seconds to wait while another process writes to the store."
    )
    max_store_bytes: int | None = whole_number(
        default=None, at_least=1 << 20, description="How large a local store's memory.db may become; unset: no limit."
    )
    log: LogLevel = one_of(
        default="off", choices=get_args(LogLevel), description="Log lines on stderr: off, error, warning, info, debug."
    )
    log_format: LogFormat = one_of(
        default="text", choices=get_args(LogFormat), description="Log lines as text or json."
    )

    @classmethod
    def load(cls, project: str | Path | None = None, **arguments: Any) -> Settings:
        """Read the settings of a project.

        Args:
            project: The folder whose ``aurora.toml`` and ``pyproject.toml`` are read; ``None`` reads no file.
            **arguments: Values by setting name; ``None`` means "not given".

        Raises:
            ConfigurationError: A name or value is wrong; the message names its place.
        """
        values: dict[str, Any] = {}
        sources: dict[str, Source] = {}
        layers: list[tuple[Mapping[str, Any], Mapping[str, Source]]] = []
        if project is not None:
            root = Path(project)
            layers.append(read_pyproject(root / PYPROJECT_FILE, cls.model_fields))
            layers.append(read_project_file(root / PROJECT_FILE, cls.model_fields))
        layers.append(read_environment(cls.model_fields))
        for layer, origins in layers:
            values.update(layer)
            sources.update(origins)
        for name, value in arguments.items():
            if value is not None:
                values[name] = value
                sources[name] = Source("argument")
        check_names(arguments, cls.model_fields, Source("argument"))
        settings = cls()
        if wrong := settings._take(values):
            raise ConfigurationError("; ".join(_explain(name, why, values[name], sources[name]) for name, why in wrong))
        vars(settings)["_sources"] = sources
        if project is not None:
            settings._check_trust(Path(project))
        return settings

    def sources(self) -> dict[str, Source]:
        """Return the source of each setting's value."""
        known: Mapping[str, Source] = vars(self).get("_sources", {})
        given = {name: Source("argument") for name in self.model_fields_set}
        return {name: known.get(name) or given.get(name, Source("default")) for name in self.model_fields}

    def shown(self) -> dict[str, str | float | bool | None]:
        """Return every value for display, with secrets hidden."""
        return {name: _shown(getattr(self, name)) for name in self.model_fields}

    def store_path(self, project: Path) -> Path:
        """Return the folder of the local store: absolute, or relative to the project; ``~`` is the home folder."""
        return project / (self.store.expanduser() if self.store else STORE_FOLDER)

    def user_store_path(self) -> Path | None:
        """Return the folder of the user's own notes, which apply in every project; ``None`` if switched off."""
        if self.user_store is None:
            return user_data_folder()
        return None if self.user_store == "none" else Path(self.user_store).expanduser().absolute()

    def _check_trust(self, project: Path) -> None:
        """Refuse settings that a file in the project must not decide.

        Raises:
            ConfigurationError: Such a setting comes from a file of the project.
        """

        def refuse(name: str, why: str) -> None:
            value = getattr(self, name)
            raise ConfigurationError(
                f"{location(sources[name], name)}: {name} = '{value}' {why}, which a project's file may not decide; "
                f"nothing was done. If you want it, set the environment variable {variable_of(name)}={value}"
            )

        sources = self.sources()
        from_files = {name for name, source in sources.items() if source.kind == "file"}
        if "embedder" in from_files:
            url = service_url(self.embedder)
            if url is not None and _host(url) not in _LOOPBACK_HOSTS:
                refuse("embedder", "would send this project's text to another machine")
        if "reranker_url" in from_files and _host(self.reranker_url or "") not in _LOOPBACK_HOSTS:
            refuse("reranker_url", "would send this project's text to another machine")
        services = remote_services().values()
        if "reranker" in from_files and any(
            self.reranker.partition(":")[0] in service.rerankers for service in services
        ):
            refuse("reranker", "would send this project's text to another machine")
        if "sentence_transformers_home" in from_files:
            refuse("sentence_transformers_home", "would load models from a folder of its own")
        for name in from_files & {"embedder", "reranker", "cross_encoder_model"}:
            kind, _, model = getattr(self, name).partition(":")
            if name == "cross_encoder_model":
                model = self.cross_encoder_model or ""
            elif kind not in ("sentence-transformers", "cross-encoder") or not model:
                continue
            if not _HUB_NAME.fullmatch(model) or (project / model).exists() or Path(model).exists():
                refuse(name, "would load a model from a folder, which may run code that lies there")
        if "user_store" in from_files:
            refuse("user_store", "would decide where your own notes are")
        for service in services:
            if "backend" in from_files and self.backend == service.backend:
                refuse("backend", "would send this project's text to another machine")
            for name in sorted(from_files & service.account):
                refuse(name, f"would choose where in your {service.title} account text goes, and what that costs")
            if "namespace" in from_files and self.backend == service.backend:
                refuse(
                    "namespace",
                    f"would choose which of the namespaces that you share on {service.title} is read and changed",
                )
        if "store" in from_files and not self.store_path(project).resolve().is_relative_to(project.resolve()):
            refuse("store", "would put the store outside of the project")


def service_url(embedder: str) -> str | None:
    """Return the URL of an embedder that is a service (``https://…``, or ``http:`` before any URL), else ``None``."""
    if embedder.startswith(("http:http:", "http:https:")):
        return embedder.removeprefix("http:")
    return embedder if embedder.startswith(("http:", "https:")) else None


def unknown_environment() -> list[str]:
    """Return the ``AURORA_…`` variables that are not settings; a misspelt one has no effect, and should be reported."""
    known = {variable_of(name) for name in Settings.model_fields}
    return [name for name in own_variables() if name.upper() not in known]


def _explain(name: str, why: str, value: Any, source: Source) -> str:
    text = (read_text(Path(source.name)) or "") if source.kind == "file" else ""
    return f"{location(source, name, text)}: {name} = {SettingsGroup.shown_value(name, value)}: {why}"


def _host(url: str) -> str | None:
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _shown(value: Any) -> str | float | bool | None:
    if isinstance(value, SecretStr):
        return "[hidden]"
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
