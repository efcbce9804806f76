"""`CrossEncoderReranker` without sentence-transformers: runs everywhere, imports no torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core import reranker as module
from aurora_dev.core.contracts import Reranker
from aurora_dev.core.rerank.known_models import DEFAULT_MODEL, KNOWN_MODELS
from aurora_dev.core.reranker import CrossEncoderReranker, default_model
from aurora_dev.errors import InvalidRequestError, MissingDependencyError, ModelLoadError

HEAVY = ("torch", "sentence_transformers", "transformers")


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CROSS_ENCODER_MODEL", "SENTENCE_TRANSFORMERS_HOME"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"AURORA_{name}", raising=False)


def test_it_is_a_reranker() -> None:
    assert isinstance(CrossEncoderReranker(), Reranker)


@pytest.mark.usefixtures("hidden")
def test_without_the_package_it_is_not_available_and_says_what_to_install() -> None:
    reranker = CrossEncoderReranker()
    assert reranker.is_available is False
    assert "pip install 'aurora-dev[rerank]'" in (reranker.unavailable_reason or "")


@pytest.mark.usefixtures("hidden")
async def test_without_the_package_direct_calls_raise_an_error_that_names_the_extra() -> None:
    reranker = CrossEncoderReranker()
    with pytest.raises(MissingDependencyError) as caught:
        await reranker.score("query", ["text"])
    assert (caught.value.extra, caught.value.package) == ("rerank", "sentence-transformers")
    for call in (reranker.warmup, lambda: reranker.rerank("query", ["text"])):
        with pytest.raises(MissingDependencyError, match=r"aurora-dev\[rerank\]"):
            call()
    with pytest.raises(MissingDependencyError):
        await reranker.rerank_async("query", ["text"])


@pytest.mark.usefixtures("hidden")
async def test_nothing_to_rerank_needs_no_package() -> None:
    reranker = CrossEncoderReranker()
    assert reranker.rerank("query", []) == []
    assert await reranker.rerank_async("query", []) == []
    assert (await reranker.score("query", [])).shape == (0,)


def test_a_package_that_is_too_old_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_installed", lambda _package: True)
    monkeypatch.setattr(module, "_too_old", lambda: "3.4.1")
    reranker = CrossEncoderReranker()
    assert reranker.is_available is False
    assert "sentence-transformers>=4.1" in (reranker.unavailable_reason or "")


@pytest.mark.parametrize(("backend", "needs"), [("onnx", "onnxruntime"), ("openvino", "optimum")])
def test_a_backend_without_its_package_says_what_to_install(
    backend: Any, needs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_installed", lambda package: package != needs)
    monkeypatch.setattr(module, "_too_old", lambda: None)
    reranker = CrossEncoderReranker(backend=backend)
    assert reranker.is_available is False
    assert f"sentence-transformers[{backend}]" in (reranker.unavailable_reason or "")
    with pytest.raises(ModelLoadError, match=needs):
        reranker.rerank("query", ["text"])


def test_the_environment_names_the_model_and_its_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert CrossEncoderReranker().name == default_model() == DEFAULT_MODEL
    monkeypatch.setenv("CROSS_ENCODER_MODEL", "someone/some-model")
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    assert CrossEncoderReranker().name == "someone/some-model"
    assert CrossEncoderReranker("other/model").name == "other/model"


@pytest.mark.parametrize(
    "arguments",
    [
        {"backend": "tensorflow"},
        {"window": "tail"},
        {"max_length": 0},
        {"max_document_chars": -1},
        {"batch_size": 0},
        {"batch_size": True},
        {"cache_size": -1},
        {"model_name": " "},
        {"model_name": 7},
    ],
)
def test_an_argument_out_of_range_is_an_error(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(arguments))):
        CrossEncoderReranker(**arguments)


@pytest.mark.parametrize(("query", "texts"), [(7, ["a"]), ("q", "a string"), ("q", [None])])
async def test_a_query_or_text_that_is_no_string_is_an_error(query: Any, texts: Any) -> None:
    with pytest.raises(InvalidRequestError):
        await CrossEncoderReranker().score(query, texts)


def test_a_top_k_below_one_is_an_error_before_anything_loads() -> None:
    with pytest.raises(ValueError, match="top_k"):
        CrossEncoderReranker().rerank("query", ["a"], top_k=0)


def test_the_table_of_known_models_names_the_default_and_their_sizes() -> None:
    by_name = {model.name: model for model in KNOWN_MODELS}
    assert by_name[DEFAULT_MODEL].runs == "local"
    assert all((model.megabytes is None) == (model.runs == "service") for model in KNOWN_MODELS)
    assert by_name[DEFAULT_MODEL].megabytes == pytest.approx(91, abs=1)


def test_in_an_environment_without_the_package_it_is_unavailable_and_imports_nothing_heavy(
    run_without: Callable[..., str],
) -> None:
    printed = run_without(
        HEAVY,
        "import asyncio, sys\n"
        "from aurora_dev.core.reranker import CrossEncoderReranker\n"
        "from aurora_dev.errors import MissingDependencyError\n"
        "reranker = CrossEncoderReranker()\n"
        "assert reranker.is_available is False\n"
        "try:\n"
        "    asyncio.run(reranker.score('q', ['t']))\n"
        "except MissingDependencyError as error:\n"
        "    print('absent:', error)\n"
        "assert not {'torch', 'sentence_transformers', 'transformers'} & set(sys.modules)\n",
    )
    assert printed.startswith("absent:")


def test_is_available_imports_nothing_heavy_with_the_package_installed() -> None:
    script = (
        "import sys; from aurora_dev.core.reranker import CrossEncoderReranker; CrossEncoderReranker().is_available; "
        "sys.exit(bool({'torch', 'sentence_transformers', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
