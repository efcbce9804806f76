"""Creating backends, embedders and rerankers from names and instances."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aurora_dev.config import ENV_PREFIX, Settings
from aurora_dev.config.backends import remote_services
from aurora_dev.core import factory
from aurora_dev.core.embed.static import BUNDLED_PATH
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.http_reranker import HTTPReranker
from aurora_dev.core.rerank import bundled as onnx_reranker
from aurora_dev.core.reranker import CrossEncoderReranker
from aurora_dev.errors import ConfigurationError, InvalidRequestError, ModelLoadError
from aurora_dev.memory.opening import open_store
from aurora_dev.testing.hashing_embedder import HashingEmbedder

if TYPE_CHECKING:
    from aurora_dev.core.pinecone_store import PineconeStore


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CROSS_ENCODER_MODEL", *(ENV_PREFIX + field.upper() for field in Settings.model_fields)):
        monkeypatch.delenv(name, raising=False)


def test_instances_are_returned_as_they_are(tmp_path: Path) -> None:
    embedder, reranker = HashingEmbedder(), CrossEncoderReranker()
    store = FAISSLocalStore(tmp_path)
    try:
        assert factory.create_backend(store) is store
    finally:
        store.close()
    assert factory.create_embedder(embedder) is embedder
    assert factory.create_reranker(reranker) is reranker


def test_the_default_embedder_is_the_bundled_one() -> None:
    assert factory.create_embedder(None).name.startswith("bundled/")
    assert factory.create_embedder("bundled").fingerprint == factory.create_embedder(None).fingerprint


def test_a_folder_is_a_static_model_and_a_relative_one_starts_in_the_project() -> None:
    model = BUNDLED_PATH
    by_root = factory.create_embedder(model.name, root=model.parent)
    assert by_root.fingerprint == factory.create_embedder(str(model)).fingerprint
    assert by_root.name == model.name


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError):
        factory.create_embedder(str(tmp_path))


@pytest.mark.parametrize("name", ["bundeld", "", "openai", "sentence-transformers:", "http:localhost"])
def test_an_unusable_embedder_name_is_a_configuration_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match="embedder"):
        factory.create_embedder(name)


def test_a_service_needs_the_name_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="AURORA_EMBEDDER_MODEL"):
        factory.create_embedder("http:http://localhost:11434/v1")
    monkeypatch.setenv("AURORA_EMBEDDER_MODEL", "nomic-embed-text")
    assert "nomic-embed-text" in factory.create_embedder("http:http://localhost:11434/v1").name


def test_a_sentence_transformers_model_is_not_loaded_before_use() -> None:
    assert (
        "no-such-org/no-such-model" in factory.create_embedder("sentence-transformers:no-such-org/no-such-model").name
    )


def test_without_a_reranker_a_store_takes_the_cross_encoder() -> None:
    assert isinstance(factory.create_reranker(None), CrossEncoderReranker)
    assert factory.create_reranker("none") is None


def test_the_model_of_the_cross_encoder_comes_from_its_name_then_from_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CROSS_ENCODER_MODEL", "from/environment")
    named = factory.create_reranker("cross-encoder:by/name")
    configured = factory.create_reranker("cross-encoder", Settings(cross_encoder_model="from/settings"))
    from_environment = factory.create_reranker(None)
    names = [reranker.name for reranker in (named, configured, from_environment) if reranker]
    assert names == ["by/name", "from/settings", "from/environment"]


def test_auto_takes_the_configured_model_or_else_the_bundled_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(onnx_reranker, "BUNDLED_RERANKER", tmp_path)
    assert factory.create_reranker("auto", Settings()) is None  # an installation without the model
    named = factory.create_reranker("bundled", Settings())
    assert named is not None
    assert not named.is_available
    (tmp_path / "model.onnx").touch()
    for name in ("auto", "bundled"):
        bundled = factory.create_reranker(name, Settings(reranker_threads=3))
        assert isinstance(bundled, onnx_reranker.BundledReranker)
        assert (bundled.is_available, bundled.threads) == (True, 3)
    configured = factory.create_reranker("auto", Settings(cross_encoder_model="some/model"))
    assert configured is not None
    assert configured.name == "some/model"


def test_auto_prefers_a_configured_service() -> None:
    settings = Settings(reranker_url="http://localhost:8081/rerank", reranker_model="m", cross_encoder_model="c")
    for name in ("auto", "http"):
        reranker = factory.create_reranker(name, settings)
        assert isinstance(reranker, HTTPReranker)
        assert reranker.is_available


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(), "AURORA_RERANKER_URL"),
        (Settings(reranker_url="localhost:8081"), "api_url"),
        (Settings(reranker_url="http://localhost/rerank", reranker_format="soap"), "soap"),
    ],
)
def test_a_reranking_service_that_cannot_be_used_is_named(settings: Settings, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        factory.create_reranker("http", settings)


def test_cross_encoder_and_sentence_transformers_name_the_same_reranker() -> None:
    names = [factory.create_reranker(f"{kind}:by/name") for kind in ("cross-encoder", "sentence-transformers")]
    assert all(isinstance(each, CrossEncoderReranker) and each.name == "by/name" for each in names)


@pytest.mark.parametrize(
    ("setting", "backend", "quantize"),
    [("torch", "torch", None), ("onnx", "onnx", None), ("int8", "onnx", "int8"), ("openvino", "openvino", None)],
)
def test_a_setting_chooses_the_runtime_of_the_cross_encoder(setting: Any, backend: str, quantize: str | None) -> None:
    reranker = factory.create_reranker("cross-encoder:some/model", Settings(cross_encoder_backend=setting))
    assert isinstance(reranker, CrossEncoderReranker)
    assert (reranker.backend, reranker.quantize) == (backend, quantize)


@pytest.mark.parametrize("name", ["cohere", "auto:model", "http:model", "bundled:model", ""])
def test_an_unknown_reranker_is_refused_with_the_list_of_rerankers(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cross-encoder:MODEL"):
        factory.create_reranker(name)


def test_an_unknown_backend_is_refused_with_the_list_of_backends(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is: faiss, pinecone"):
        factory.create_backend("fais", tmp_path)


async def test_a_store_is_opened_as_the_settings_say(tmp_path: Path) -> None:
    settings = Settings(store=Path("data/memory"), namespace="docs", mask_secrets=False, reranker="none")
    async with open_store(settings, tmp_path) as store:
        assert (tmp_path / "data" / "memory").is_dir()
        assert store.namespace == "docs"
        assert store.reranker is None


def test_a_wrong_embedder_leaves_no_store_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        open_store(Settings(embedder="bundeld"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [None, 3, object(), FAISSLocalStore, Path("faiss")])
def test_a_wrong_backend_argument_is_named(given: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"backend must be .*VectorBackend.*faiss"):
        factory.create_backend(given, tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [3, object(), HashingEmbedder, Path("model"), CrossEncoderReranker()])
def test_a_wrong_embedder_argument_is_named(given: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"embedder must be .*Embedder.*bundled"):
        factory.create_embedder(given)


@pytest.mark.parametrize("given", [3, False, CrossEncoderReranker, HashingEmbedder()])
def test_a_wrong_reranker_argument_is_named(given: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"reranker must be .*Reranker.*none"):
        factory.create_reranker(given)


@pytest.mark.parametrize("path", [None, 3, "a\0b", "", b"store", Path("a\0b")])
def test_a_wrong_path_argument_is_named(path: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidRequestError, match="path must be the folder of the store"):
        factory.create_backend("faiss", path)
    assert list(tmp_path.iterdir()) == []


def test_recognising_an_embedder_loads_no_model() -> None:
    class Lazy(HashingEmbedder):
        @property
        def dimension(self) -> int:
            raise AssertionError("loaded")

    lazy = Lazy()
    assert factory.create_embedder(lazy) is lazy


def test_each_backend_is_registered_under_its_own_name() -> None:
    assert {name: kind.name for name, kind in factory.BACKENDS.items()} == {"faiss": "faiss", "pinecone": "pinecone"}
    assert [kind.name for kind in factory.BACKENDS.values() if kind.local] == [factory.LOCAL_BACKEND]


def test_the_registry_agrees_with_the_capabilities_of_the_local_backend(tmp_path: Path) -> None:
    kind = factory.backend_kind("faiss")
    with closing(kind.build(tmp_path, None)) as store:
        assert (store.capabilities.local, store.capabilities.shared) == (kind.local, kind.shared)


def test_the_registry_agrees_with_the_capabilities_of_pinecone(pinecone_store: Callable[..., PineconeStore]) -> None:
    kind, store = factory.backend_kind("pinecone"), pinecone_store()
    assert (store.capabilities.local, store.capabilities.shared) == (kind.local, kind.shared)


def test_a_backend_is_described_without_importing_numpy_or_the_backend() -> None:
    code = (
        "import sys; from aurora_dev.core.factory import backend_kind; backend_kind('pinecone').shared;"
        "print([name for name in ('numpy', 'faiss', 'sqlite3', 'pinecone', 'pydantic') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_shared_backend_protects_its_settings_from_a_projects_files() -> None:
    protected = set(remote_services())
    assert protected == {kind.name for kind in factory.BACKENDS.values() if not kind.local}
