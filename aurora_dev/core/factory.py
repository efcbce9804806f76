"""Backends, embedders and rerankers by name: the only module that knows the concrete classes.

Each class is imported when it is asked for: most processes need one embedder, one backend and no reranker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aurora_dev.errors import ConfigurationError, InvalidRequestError

if TYPE_CHECKING:
    from aurora_dev.config import Settings
    from aurora_dev.config.pinecone import PineconeSettings
    from aurora_dev.core.contracts import Embedder, Reranker, VectorBackend

__all__ = [
    "BACKENDS",
    "LOCAL_BACKEND",
    "BackendKind",
    "backend_kind",
    "create_backend",
    "create_dense",
    "create_embedder",
    "create_reranker",
    "create_worktree_view",
    "worktree_namespace",
]

_T = TypeVar("_T")

_EMBEDDERS = "bundled, sentence-transformers:MODEL, http:URL, or the folder of a static model"
_RERANKERS = "auto, bundled, cross-encoder, cross-encoder:MODEL, http (with reranker_url), pinecone[:MODEL], none"
_CROSS_ENCODERS = ("cross-encoder", "sentence-transformers")  # two names of one library's models
_WITH_MODEL = (*_CROSS_ENCODERS, "pinecone")  # rerankers that a model may follow, after a colon


@dataclass(frozen=True, slots=True)
class BackendKind:
    """A kind of backend, known without importing or opening it.

    Attributes:
        name: The value of the setting ``backend``.
        title: The name for people.
        local: Whether its records lie in a folder of this machine, as `Capabilities.local` says of an instance.
        shared: Whether several projects keep their records in one store, as `Capabilities.shared` says.
        extra: The extra of ``aurora-dev`` that it needs, or ``None``.
        package: The package that the extra installs, as it is imported, or ``None``.
        exists: Whether there is a store in a folder; a remote one is assumed to exist.
        build: Opens it, given the folder of a local store and the settings; without settings it takes its defaults.
    """

    name: str
    title: str
    local: bool
    shared: bool
    extra: str | None
    package: str | None
    exists: Callable[[Path], bool]
    build: Callable[[str | Path, Settings | None], VectorBackend]


def _faiss_exists(folder: Path) -> bool:
    from aurora_dev.core.local.connections import DATABASE

    return (folder / DATABASE).is_file()


def _faiss(path: str | Path, settings: Settings | None) -> VectorBackend:
    from aurora_dev.core.faiss_store import FAISSLocalStore

    if settings is None:
        return FAISSLocalStore(path)
    return FAISSLocalStore(path, busy_timeout=settings.busy_timeout, max_bytes=settings.max_store_bytes)


def _pinecone(_path: str | Path, settings: Settings | None) -> VectorBackend:
    from aurora_dev.core.pinecone_store import PineconeStore

    group: PineconeSettings = settings or _environment()
    return PineconeStore(
        group.pinecone_api_key,
        index=group.pinecone_index,
        host=group.pinecone_host,
        sparse_host=group.pinecone_sparse_host,
        create=group.pinecone_create,
        cloud=group.pinecone_cloud,
        region=group.pinecone_region,
        keyword=group.pinecone_keyword,
        timeout=group.pinecone_timeout,
        concurrency=group.pinecone_concurrency,
    )


def _assumed(_folder: Path) -> bool:
    return True


LOCAL_BACKEND: Final = "faiss"

# A backend is added in three places: a line here with a function that builds it; its room, which is a door
# (core/NAME_store.py) and a folder (core/NAME/); and its group of settings (config/NAME.py, which `Settings` inherits).
# Code above `core` asks a kind whether it is local or shared, and never compares names.
BACKENDS: Final[Mapping[str, BackendKind]] = {
    kind.name: kind
    for kind in (
        BackendKind(
            LOCAL_BACKEND,
            "FAISS",
            local=True,
            shared=False,
            extra=None,
            package=None,
            exists=_faiss_exists,
            build=_faiss,
        ),
        BackendKind(
            "pinecone",
            "Pinecone",
            local=False,
            shared=True,
            extra="pinecone",
            package="pinecone",
            exists=_assumed,
            build=_pinecone,
        ),
    )
}


def backend_kind(name: str) -> BackendKind:
    """Return the kind of backend that a setting names.

    Raises:
        ConfigurationError: No backend has that name.
    """
    kind = BACKENDS.get(name)
    if kind is None:
        raise ConfigurationError(f"there is no backend '{name}'; nothing was opened. There is: {', '.join(BACKENDS)}")
    return kind


def create_backend(
    backend: VectorBackend | str, path: str | Path = ".aurora", settings: Settings | None = None
) -> VectorBackend:
    """Return a backend by name, or the instance itself.

    Args:
        backend: A name of `BACKENDS`, such as ``"faiss"`` or ``"pinecone"``, or an instance.
        path: Folder of a local backend; created where it does not exist.
        settings: For the busy timeout and size limit of a local backend, or the group of settings of another one;
            ``None`` takes the backend's defaults, for Pinecone with what the environment says.

    Raises:
        InvalidRequestError: ``backend`` is neither, or ``path`` names no folder.
        ConfigurationError: No backend has that name.
        StoreError: The store cannot be opened.
    """
    if isinstance(backend, str):
        return backend_kind(backend).build(path, settings)
    from aurora_dev.core.contracts import VectorBackend

    return _instance(backend, "backend", VectorBackend, "vector_query", ", ".join(BACKENDS))


def create_worktree_view(backend: VectorBackend, name: str) -> VectorBackend:
    """Return a backend as one linked worktree of a repository sees it; see `WorktreeStore`.

    Args:
        backend: The backend, which is closed with the view.
        name: The name of the worktree.
    """
    from aurora_dev.core.local.worktree import WorktreeStore

    return WorktreeStore(backend, name)


def worktree_namespace(namespace: str, name: str = "") -> str:
    """Return the namespace of a worktree's chunks; without a name, how these begin for all worktrees."""
    from aurora_dev.core.local.worktree import worktree_namespace as named

    return named(namespace, name)


def create_embedder(
    embedder: Embedder | str | None = None, settings: Settings | None = None, root: str | Path = "."
) -> Embedder:
    """Return an embedder by name, or the instance itself.

    Args:
        embedder: An instance; ``None`` or ``"bundled"`` for the one in the wheel; ``"sentence-transformers:MODEL"`` (a
            folder, or a name of the model hub); ``"http:URL"`` for a service that speaks OpenAI's ``/v1/embeddings``;
            or the folder of a static model.
        settings: For the model and key of a service; ``None`` reads the environment where one is named.
        root: Where the relative folder of a static model starts.

    Raises:
        InvalidRequestError: ``embedder`` is none of these.
        ConfigurationError: No embedder has that name, or the model of a service is not set.
        MissingDependencyError: It needs an extra that is not installed.
        ModelLoadError: The model cannot be loaded.
    """
    if embedder is not None and not isinstance(embedder, str):
        from aurora_dev.core.contracts import Embedder

        return _instance(embedder, "embedder", Embedder, "embed_documents", _EMBEDDERS)
    if embedder is None or embedder == "bundled":
        from aurora_dev.core.embed.static import StaticEmbedder

        return StaticEmbedder.bundled()
    kind, _, model = embedder.partition(":")
    if kind == "sentence-transformers":
        if not model:
            raise ConfigurationError("embedder 'sentence-transformers' needs a model: sentence-transformers:MODEL")
        from aurora_dev.core.embed.sentence_transformers import SentenceTransformerEmbedder

        home = (settings or _environment()).sentence_transformers_home
        return SentenceTransformerEmbedder(model, cache_folder=home)
    if kind in ("http", "https"):
        return _service(embedder, settings or _environment())
    folder = Path(root, Path(embedder).expanduser())
    if embedder and folder.is_dir():
        from aurora_dev.core.embed.static import StaticEmbedder

        return StaticEmbedder(folder)
    raise ConfigurationError(f"there is no embedder '{embedder}', nor a folder of that name. There is: {_EMBEDDERS}")


def _service(embedder: str, settings: Settings) -> Embedder:
    from aurora_dev.config import service_url
    from aurora_dev.core.embed.http import HTTPEmbedder, HTTPEmbedderOptions

    url = service_url(embedder)
    if url is None or "://" not in url:
        raise ConfigurationError(f"embedder '{embedder}' has no URL; write it as http:https://host/v1")
    if not settings.embedder_model:
        raise ConfigurationError(
            f"embedder '{embedder}' needs the name of a model: set embedder_model, or AURORA_EMBEDDER_MODEL"
        )
    options: HTTPEmbedderOptions = {}
    if settings.embedder_batch_size is not None:
        options["batch_size"] = settings.embedder_batch_size
    return HTTPEmbedder(url, settings.embedder_model, api_key=settings.embedder_api_key, **options)


def create_reranker(reranker: Reranker | str | None = None, settings: Settings | None = None) -> Reranker | None:
    """Return a reranker by name, or the instance itself.

    Args:
        reranker: An instance; ``None`` or ``"cross-encoder"`` for `CrossEncoderReranker` with the model that is set,
            else its default one; ``"cross-encoder:MODEL"``; ``"sentence-transformers"`` is another name for these;
            ``"bundled"`` for the model in the wheel; ``"http"`` for the service at ``reranker_url``; ``"pinecone"`` or
            ``"pinecone:MODEL"`` for a model that Pinecone hosts; ``"auto"`` for a configured service, else a configured
            model, else the bundled one; ``"none"``.
        settings: For the service, the model and what runs it; ``None`` reads the environment.

    Returns:
        ``None`` where nothing is to rerank.

    Raises:
        InvalidRequestError: ``reranker`` is none of these.
        ConfigurationError: No reranker has that name, or the service's URL or format cannot be used.
    """
    if reranker is not None and not isinstance(reranker, str):
        from aurora_dev.core.contracts import Reranker

        return _instance(reranker, "reranker", Reranker, "score", _RERANKERS)
    if reranker == "none":
        return None
    kind, _, model = ("cross-encoder" if reranker is None else reranker).partition(":")
    if kind not in ("auto", "bundled", "http", *_WITH_MODEL) or (kind not in _WITH_MODEL and model):
        raise ConfigurationError(f"there is no reranker '{reranker}'. There is: {_RERANKERS}")
    settings = settings or _environment()
    if kind == "pinecone":
        from aurora_dev.core.rerank.pinecone import DEFAULT_MODEL, PineconeReranker

        return PineconeReranker(settings.pinecone_api_key, model or DEFAULT_MODEL)
    if kind == "http" or (kind == "auto" and settings.reranker_url):
        return _reranking_service(settings)
    model = model or settings.cross_encoder_model or ""
    if kind == "bundled" or (kind == "auto" and not model):
        from aurora_dev.core.rerank.bundled import BundledReranker, has_bundled_reranker

        if kind == "auto" and not has_bundled_reranker():
            return None  # an installation that leaves models out
        return BundledReranker(threads=settings.reranker_threads)
    from aurora_dev.core.reranker import CrossEncoderReranker

    return CrossEncoderReranker(
        model or None,
        backend="onnx" if settings.cross_encoder_backend == "int8" else settings.cross_encoder_backend,
        quantize="int8" if settings.cross_encoder_backend == "int8" else None,
        model_home=settings.sentence_transformers_home,
    )


def create_dense(settings: Settings) -> Embedder | None:
    """Return the embedder of the dense vectors, for one text at a time on one core; nothing is loaded yet.

    Args:
        settings: ``dense`` says whether there is one. With ``auto`` there is none in an installation without the model;
            with ``on`` its searches say what is missing.
    """
    if settings.dense == "off":
        return None
    from aurora_dev.core.embed.dense import BUNDLED_DENSE, DenseEmbedder, has_bundled_dense

    if settings.dense == "auto" and not has_bundled_dense():
        return None
    return DenseEmbedder(BUNDLED_DENSE, threads=1)


def _reranking_service(settings: Settings) -> Reranker:
    from aurora_dev.core.http_reranker import HTTPReranker

    if not settings.reranker_url:
        raise ConfigurationError("reranker 'http' needs the URL of a service: set AURORA_RERANKER_URL")
    try:
        return HTTPReranker(
            settings.reranker_url,
            settings.reranker_api_key,
            settings.reranker_model or "",
            api_format=settings.reranker_format,
        )
    except InvalidRequestError as error:
        raise ConfigurationError(f"the reranking service cannot be used: {error}") from error


def _instance(given: _T, argument: str, contract: Any, method: str, names: str) -> _T:
    """Return an instance with the defaults of its contract, recognised by the contract's main method.

    Properties are not read: a model's dimension would load the model.
    """
    from aurora_dev.core.contracts import with_defaults

    if isinstance(given, type) or not callable(getattr(given, method, None)):
        kind = f"the class {given.__name__}" if isinstance(given, type) else f"{type(given).__name__}"
        raise InvalidRequestError(
            f"{argument} must be an instance of {contract.__name__} or a name, not {kind}; nothing was opened. "
            f"Names: {names}"
        )
    return with_defaults(given, contract)


def _environment() -> Settings:
    from aurora_dev.config import Settings

    return Settings.load()
