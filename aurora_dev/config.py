"""Settings: the only place that reads the environment and configuration files.

Each value comes from the first of these that has it:

1. an argument (of `Settings.load`, `Memory.open` or the command line);
2. the environment: ``AURORA_`` and the setting's name in capitals, then the names that other tools use already
   (``CROSS_ENCODER_MODEL``, ``SENTENCE_TRANSFORMERS_HOME``, ``PINECONE_API_KEY``);
3. ``aurora.toml`` in the project's folder, then ``[tool.aurora]`` in its ``pyproject.toml``;
4. the default.

Files come with a project, and a project may come from anybody. So a file can neither hold a key, nor send text to
another machine, nor name a model that lies in the project (loading one may run code), nor put the store outside of the
project: an argument or the environment can.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from aurora_dev.errors import ConfigurationError
from aurora_dev.log import LogFormat, LogLevel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENV_PREFIX = "AURORA_"
PROJECT_FILE = "aurora.toml"
PYPROJECT_FILE = "pyproject.toml"
STORE_FOLDER = ".aurora"
USER_FOLDER = "aurora"

USUAL_NAMES: Mapping[str, str] = {
    "CROSS_ENCODER_MODEL": "cross_encoder_model",
    "SENTENCE_TRANSFORMERS_HOME": "sentence_transformers_home",
    "PINECONE_API_KEY": "pinecone_api_key",
}
"""Environment names that other tools use already, and the setting each gives."""

_SECRET_ENDINGS = ("_api_key", "_token")
# What decides where on Pinecone text goes, who reads it there and what it costs; the rest is a matter of speed.
_OF_THE_ACCOUNT = {f"pinecone_{name}" for name in ("index", "host", "sparse_host", "create", "cloud", "region")}
_LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
# What a model hub calls a model: "name" or "owner/name", and never a path that leaves its folder.
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")
_OWN_TABLE = re.compile(r"\btool\s*\.\s*[\"']?aurora[\"']?\s*[\].=]")
_TOML_LINE = re.compile(r"\(at line (\d+), column \d+\)")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a setting's value came from.

    Attributes:
        kind: ``argument``, ``environment``, ``file`` or ``default``.
        name: The variable's name or the file's path; empty for the other kinds.
    """

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.kind


class Settings(BaseSettings):
    """Every setting, checked. ``Settings(...)`` takes arguments alone; `load` also reads environment and files."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_ignore_empty=True)

    backend: str = Field("faiss", description="Where records live: faiss (on this disk) or pinecone.")
    store: Path | None = Field(None, description="Folder of the local store; by default .aurora in the project.")
    user_store: str | None = Field(
        None, min_length=1, description="Folder of the user's own memories, by default in the data folder; or none."
    )
    namespace: str = Field("default", min_length=1, description="The part of the store that is read and written.")
    embedder: str = Field(
        "bundled",
        min_length=1,
        description="bundled, sentence-transformers:MODEL, http:URL, or the folder of a static model.",
    )
    embedder_model: str | None = Field(None, description="The model's name at an http: embedder.")
    embedder_api_key: SecretStr | None = Field(None, description="Key of an http: embedder (environment only).")
    reranker: str = Field(
        "auto",
        min_length=1,
        description="auto (configured service, configured model, bundled), bundled, cross-encoder[:MODEL], http, none.",
    )
    reranker_url: str | None = Field(None, description="URL of a reranking service.")
    reranker_model: str | None = Field(None, description="The model's name at a reranking service.")
    reranker_format: str = Field("auto", description="What a reranking service speaks: auto, cohere-v2, tei, ….")
    reranker_api_key: SecretStr | None = Field(None, description="Key of a reranking service (environment only).")
    reranker_threads: int | None = Field(None, ge=1, description="Threads of the bundled reranker; by default up to 4.")
    cross_encoder_model: str | None = Field(None, description="Model (name or folder) of the cross-encoder.")
    cross_encoder_backend: Literal["torch", "onnx", "int8", "openvino"] = Field(
        "torch", description="What runs the cross-encoder: torch, onnx, int8 (on ONNX Runtime), openvino."
    )
    sentence_transformers_home: Path | None = Field(
        None, description="Folder where sentence-transformers keeps models."
    )
    pinecone_api_key: SecretStr | None = Field(None, description="Key of Pinecone (environment only).")
    pinecone_index: str = Field("aurora", min_length=1, description="Pinecone's dense index; <name>-sparse for words.")
    pinecone_host: str | None = Field(None, description="Address of the dense index, else looked up by name.")
    pinecone_sparse_host: str | None = Field(None, description="Address of the sparse index, else looked up by name.")
    pinecone_create: bool = Field(False, description="Whether missing indexes are made on Pinecone.")
    pinecone_cloud: str = Field("aws", min_length=1, description="Cloud of an index that is made: aws, gcp, azure.")
    pinecone_region: str = Field("us-east-1", min_length=1, description="Region of an index that is made.")
    pinecone_keyword: bool = Field(True, description="Whether Pinecone also keeps words, for hybrid search.")
    pinecone_timeout: float = Field(20.0, gt=0, description="Seconds for one attempt of a request to Pinecone.")
    pinecone_concurrency: int = Field(16, ge=1, le=64, description="Most requests to Pinecone at a time.")
    mcp_token: SecretStr | None = Field(
        None, description="Token of aurora mcp --http (environment only); by default one is made for each project."
    )
    mask_secrets: bool = Field(True, description="Whether credentials are masked before anything is stored.")
    history_limit: int = Field(2_000, ge=0, description="How many commits of the git history are kept; 0: none.")
    history_days: float | None = Field(None, gt=0, description="Only commits of the last so many days; unset: all.")
    freshness: Literal["auto", "notice", "off"] = Field(
        "auto", description="Before a search: auto (re-index what changed, or say so), notice (only say so), off."
    )
    freshness_budget: float = Field(0.2, ge=0, le=60, description="Seconds a search may spend on re-indexing.")
    busy_timeout: float = Field(30.0, gt=0, description="Seconds to wait while another process writes to the store.")
    max_store_bytes: int | None = Field(
        None, ge=1 << 20, description="How large a local store's memory.db may become; unset: no limit."
    )
    log: LogLevel = Field("off", description="Log lines on stderr: off, error, warning, info, debug.")
    log_format: LogFormat = Field("text", description="Log lines as text or json.")

    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Construct from arguments alone: `load` layers the rest, so that it knows where each value came from."""
        return (init_settings,)

    @classmethod
    def load(cls, project: str | Path | None = None, **arguments: Any) -> Settings:
        """Read the settings of a project.

        Args:
            project: The folder whose ``aurora.toml`` and ``pyproject.toml`` are read; ``None`` reads no file.
            **arguments: Values by setting name; ``None`` means "not given".

        Raises:
            ConfigurationError: A name or value is wrong; the text names where it stands.
        """
        values: dict[str, Any] = {}
        sources: dict[str, Source] = {}
        layers: list[tuple[Mapping[str, Any], Mapping[str, Source]]] = []
        if project is not None:
            root = Path(project)
            layers += [_read_pyproject(root / PYPROJECT_FILE), _read_project_file(root / PROJECT_FILE)]
        layers.append(_read_environment(cls))
        for layer, origins in layers:
            values.update(layer)
            sources.update(origins)
        for name, value in arguments.items():
            if value is not None:
                values[name] = value
                sources[name] = Source("argument")
        _check_names(arguments, Source("argument"))
        try:
            settings = cls(**values)
        except ValidationError as error:
            raise ConfigurationError(_explain(error, values, sources)) from None
        settings._sources.update(sources)
        if project is not None:
            settings._check_trust(Path(project))
        return settings

    def sources(self) -> dict[str, Source]:
        """Return where the value of each setting came from."""
        given = {name: Source("argument") for name in self.model_fields_set}
        return {name: self._sources.get(name) or given.get(name, Source("default")) for name in type(self).model_fields}

    def shown(self) -> dict[str, str | float | bool | None]:
        """Return every value as it may be shown: keys are hidden."""
        return {name: _shown(getattr(self, name)) for name in type(self).model_fields}

    def store_path(self, project: Path) -> Path:
        """Return the folder of the local store: absolute, or relative to the project; ``~`` is the home folder."""
        return project / (self.store.expanduser() if self.store else STORE_FOLDER)

    def user_store_path(self) -> Path | None:
        """Return the folder of the user's own memories, which hold in every project; ``None``: switched off."""
        if self.user_store is None:
            return user_data_folder()
        return None if self.user_store == "none" else Path(self.user_store).expanduser().absolute()

    def _check_trust(self, project: Path) -> None:
        """Refuse what a file that came with a project must not decide."""

        def refuse(name: str, why: str) -> None:
            value = getattr(self, name)
            raise ConfigurationError(
                f"{_place(sources[name], name)}: {name} = '{value}' {why}, which a project's file may not decide; "
                f"nothing was done. If you want it, set the environment variable {ENV_PREFIX}{name.upper()}={value}"
            )

        sources = self.sources()
        from_files = {name for name, source in sources.items() if source.kind == "file"}
        if "embedder" in from_files:
            url = service_url(self.embedder)
            if url is not None and _host(url) not in _LOOPBACK_HOSTS:
                refuse("embedder", "would send this project's text to another machine")
        if "reranker_url" in from_files and _host(self.reranker_url or "") not in _LOOPBACK_HOSTS:
            refuse("reranker_url", "would send this project's text to another machine")
        if "reranker" in from_files and self.reranker.partition(":")[0] == "pinecone":
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
            refuse("user_store", "would decide where your own memories are")
        if "backend" in from_files and self.backend == "pinecone":
            refuse("backend", "would send this project's text to another machine")
        for name in sorted(from_files & _OF_THE_ACCOUNT):
            refuse(name, "would choose where in your Pinecone account text goes, and what that costs")
        if "namespace" in from_files and self.backend == "pinecone":
            refuse("namespace", "would choose which of the namespaces that you share on Pinecone is read and changed")
        if "store" in from_files and not self.store_path(project).resolve().is_relative_to(project.resolve()):
            refuse("store", "would put the store outside of the project")


def user_data_folder() -> Path | None:
    """Return where programs keep a user's data on this platform; ``None`` where there is no home folder."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base, USER_FOLDER) if base else _home("AppData", "Local", USER_FOLDER)
    base = os.environ.get("XDG_DATA_HOME")
    if base and Path(base).is_absolute():  # the specification says to ignore others
        return Path(base, USER_FOLDER)
    if sys.platform == "darwin":
        return _home("Library", "Application Support", USER_FOLDER)
    return _home(".local", "share", USER_FOLDER)


def _home(*parts: str) -> Path | None:
    try:
        return Path.home().joinpath(*parts)
    except RuntimeError:  # an account without a home folder, as services have
        return None


def service_url(embedder: str) -> str | None:
    """Return the URL of an embedder that is a service (``https://…``, or ``http:`` before any URL), else ``None``."""
    if embedder.startswith(("http:http:", "http:https:")):
        return embedder.removeprefix("http:")
    return embedder if embedder.startswith(("http:", "https:")) else None


def unknown_environment() -> list[str]:
    """Return the ``AURORA_…`` variables that are no setting: misspelt ones change nothing, and should be seen."""
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX) and name.upper() not in known)


def environment_for_git() -> dict[str, str]:
    """Return the environment for running git: nothing of another repository in it, no terminal, pager or remote.

    What git exports to its hooks (``GIT_DIR``, ``GIT_INDEX_FILE``) would turn every call to that repository.
    """
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("GIT_")}
    return {
        **kept,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_PAGER": "cat",
        "LC_ALL": "C",
    }


def editor_command() -> str:
    """Return the command of the user's editor, as other programs choose it."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if sys.platform == "win32" else "vi")


def find_project(start: Path, *, within_repository: bool = False) -> Path | None:
    """Return the nearest folder from ``start`` upwards with a ``.aurora`` folder or Aurora's settings, as git does.

    Args:
        start: Where to begin.
        within_repository: Whether to look no further up than the git repository that ``start`` is in.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / STORE_FOLDER).is_dir() or (folder / PROJECT_FILE).is_file():
            return folder
        if _has_own_table(folder / PYPROJECT_FILE):
            return folder
        if within_repository and (folder / ".git").exists():
            return None
    return None


def nearest(name: str, choices: Mapping[str, Any] | list[str]) -> str:
    """Return a sentence that names what was probably meant, or all there is."""
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"the settings are: {', '.join(sorted(choices))}"


def _read_environment(cls: type[BaseSettings]) -> tuple[dict[str, Any], dict[str, Source]]:
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for variable, name in USUAL_NAMES.items():
        if value := os.environ.get(variable):
            values[name], sources[name] = value, Source("environment", variable)
    for name, value in EnvSettingsSource(cls)().items():
        values[name], sources[name] = value, Source("environment", ENV_PREFIX + name.upper())
    return values, sources


def _read_project_file(path: Path) -> tuple[dict[str, Any], dict[str, Source]]:
    text = _read_text(path)
    return ({}, {}) if text is None else _checked_table(_parse(text, path), path, text)


def _read_pyproject(path: Path) -> tuple[dict[str, Any], dict[str, Source]]:
    text = _read_text(path) if _has_own_table(path) else None
    if text is None:
        return {}, {}
    tool = _parse(text, path).get("tool", {})
    return _checked_table(tool.get("aurora", {}) if isinstance(tool, dict) else {}, path, text)


def _has_own_table(path: Path) -> bool:
    # A pyproject.toml that says nothing of Aurora is not parsed: whether it is valid is not our affair.
    try:
        return bool(_OWN_TABLE.search(path.read_text("utf-8", errors="replace")))
    except OSError:
        return False


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            f"{path}, line {line}: not UTF-8, which TOML has to be; save the file as UTF-8"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}); make it readable or remove it") from None


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _TOML_LINE.search(message)
        line = int(found[1]) if found else text.count("\n") + 1
        what = _TOML_LINE.sub("", message).strip() or "not valid TOML"
        raise ConfigurationError(f"{path}, line {line}: {what}; correct the line (strings need quotes)") from None


def _checked_table(table: Any, path: Path, text: str) -> tuple[dict[str, Any], dict[str, Source]]:
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: [tool.aurora] must be a table of settings")
    source = Source("file", str(path))
    _check_names(table, source, text)
    for name in table:
        if name.endswith(_SECRET_ENDINGS):
            variable = next((usual for usual, own in USUAL_NAMES.items() if own == name), ENV_PREFIX + name.upper())
            raise ConfigurationError(
                f"{_place(source, name, text)}: '{name}' is not read from files, which are shared and committed; "
                f"remove it, and set the environment variable {variable}"
            )
    return table, dict.fromkeys(table, source)


def _check_names(values: Mapping[str, Any], source: Source, text: str = "") -> None:
    for name in values:
        if name not in Settings.model_fields:
            hint = nearest(name, Settings.model_fields)
            raise ConfigurationError(f"{_place(source, name, text)}: there is no setting '{name}'; {hint}")


def _place(source: Source, name: str, text: str = "") -> str:
    if source.kind != "file":
        return f"{source.kind} {source.name or name}".strip()
    for number, line in enumerate(text.split("\n"), start=1):
        if re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*[=.]", line):
            return f"{source.name}, line {number}"
    return source.name


def _explain(error: ValidationError, values: Mapping[str, Any], sources: Mapping[str, Source]) -> str:
    parts = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        source = sources.get(name, Source("argument"))
        text = (_read_text(Path(source.name)) or "") if source.kind == "file" else ""
        given = "[hidden]" if name.endswith(_SECRET_ENDINGS) else repr(values.get(name))
        message = problem["msg"][:1].lower() + problem["msg"][1:]
        parts.append(f"{_place(source, name, text)}: {name} = {given}: {message}")
    return "; ".join(parts)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _shown(value: Any) -> str | float | bool | None:
    if isinstance(value, SecretStr):
        return "[hidden]"
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
