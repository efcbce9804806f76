"""`CrossEncoderReranker` with int8 models: tiny ones, quantised and run by ONNX Runtime for real."""

from __future__ import annotations

import gc
import itertools
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core.rerank import tiny_cross_encoder as tiny

pytest.importorskip("sentence_transformers")

from aurora_dev.core import reranker as module
from aurora_dev.core.rerank.shared_model import forget_models
from aurora_dev.core.reranker import CrossEncoderReranker
from aurora_dev.errors import MissingDependencyError, ModelLoadError

# The exporter warns about the code of transformers, and older sentence-transformers about its own.
pytestmark = pytest.mark.filterwarnings("ignore")

DOCUMENTS = ["good good good", "good bad", "good a b c d e f g h", "a b c", "bad"]
TEXTS = [" ".join(random.Random(seed).choices(tiny.WORDS, k=1 + seed * 2)) for seed in range(24)]
# Of a relevance in 0..1; the largest that was seen on these models is a quarter of it.
TOLERANCE = 0.05


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.build(folder / "counting", weights="counting", activation="identity")
    tiny.build(folder / "logits", activation="identity")
    return folder


@pytest.fixture(autouse=True)
def collected(fresh_models: None) -> Iterator[None]:  # noqa: ARG001
    yield
    gc.collect()  # under this module's filter: the exporter leaves temporary folders to the garbage collector


def int8(model: Path, **options: Any) -> CrossEncoderReranker:
    options = {"model_home": model.parent / "home", "cache_size": 0, **options}
    return CrossEncoderReranker(str(model), backend="onnx", quantize="int8", **options)


def made(models: Path) -> list[Path]:
    return sorted((models / "home" / "aurora-int8").glob("*"))


def test_int8_keeps_the_order_of_float_and_scores_within_a_tolerance(models: Path) -> None:
    best = int8(models / "counting").rerank("query", DOCUMENTS)
    assert [item["content"] for item in best[:3]] == DOCUMENTS[:3]
    for name, texts in (("counting", DOCUMENTS), ("logits", TEXTS)):
        floats = CrossEncoderReranker(str(models / name)).rerank("a b", texts)
        expected = {item["content"]: item["score"] for item in floats}
        small = {item["content"]: item["score"] for item in int8(models / name).rerank("a b", texts)}
        assert small == {text: pytest.approx(score, abs=TOLERANCE) for text, score in expected.items()}
        assert small != expected  # otherwise it was no int8 model
        for better, worse in itertools.combinations(expected, 2):
            if expected[better] - expected[worse] > 2 * TOLERANCE:
                assert small[better] > small[worse]


def test_an_int8_score_is_the_same_to_the_last_bit_in_any_batch(models: Path) -> None:
    alone = [int8(models / "logits").rerank("a b", [text])[0]["scores"]["rerank_raw"] for text in TEXTS]
    for batch_size in (1, 7, 64):
        best = int8(models / "logits", batch_size=batch_size).rerank("a b", TEXTS)
        together = {item["content"]: item["scores"]["rerank_raw"] for item in best}
        assert [together[text] for text in TEXTS] == alone


def test_a_model_is_quantised_once_and_again_when_its_weights_change(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "m", activation="identity")
    first = int8(model).rerank("a", TEXTS)
    (folder,) = made(tmp_path)
    state = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    forget_models()
    assert int8(model).rerank("a", TEXTS) == first
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == state
    forget_models()
    tiny.build(model, activation="identity", seed=1)
    assert int8(model).rerank("a", TEXTS) != first
    assert len(made(tmp_path)) == 2


def test_a_model_that_could_not_be_quantised_leaves_nothing_behind(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "encoder", head=False)
    with pytest.raises(ModelLoadError, match="saved as BertModel"):
        int8(model).warmup()
    assert made(tmp_path) == []


def test_a_quantised_folder_without_weights_is_a_load_error_that_names_it(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "m", activation="identity")
    int8(model).warmup()
    (folder,) = made(tmp_path)
    shutil.rmtree(folder / "onnx")
    forget_models()
    with pytest.raises(ModelLoadError, match="delete it"):
        int8(model).warmup()


def test_a_file_of_the_model_is_loaded_by_its_name(models: Path, tmp_path: Path) -> None:
    expected = int8(models / "logits").rerank("a", TEXTS)
    folder = next(path for path in made(models) if "logits" in path.name)
    published = shutil.copytree(folder, tmp_path / "published")
    file = "onnx/model_qint8.onnx"
    (published / "onnx" / "model_int8.onnx").rename(published / file)
    reranker = CrossEncoderReranker(str(published), backend="onnx", model_file=file, batch_size=9)
    assert reranker.rerank("a", TEXTS) == expected
    assert reranker._shared.get().revision.endswith(f"#{file}")


@pytest.mark.usefixtures("models")
def test_a_missing_model_file_is_a_load_error_and_starts_no_export(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "m", activation="identity")
    reranker = CrossEncoderReranker(str(model), backend="onnx", model_file="onnx/nowhere.onnx")
    with pytest.raises(ModelLoadError, match=r"nowhere\.onnx"):
        reranker.warmup()


def test_without_onnx_runtime_int8_says_what_to_install(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_installed", lambda package: package != "onnxruntime")
    with pytest.raises(MissingDependencyError, match=r"'onnxruntime'.*sentence-transformers\[onnx\]") as caught:
        int8(models / "logits").rerank("a", ["b"])
    assert caught.value.package == "onnxruntime"


def test_a_model_of_another_kind_needs_optimum_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.build(tmp_path / "m", activation="identity")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "architectures": ["ElectraForSequenceClassification"]}))
    monkeypatch.setattr(module, "_installed", lambda package: package != "optimum")
    with pytest.raises(ModelLoadError, match=r"Electra.*'optimum'.*sentence-transformers\[onnx\]"):
        int8(model).warmup()


@pytest.mark.parametrize("family", ["Bert", "Roberta", "XLMRoberta"])
def test_float_scores_without_torch_are_those_of_torch(family: str, tmp_path: Path) -> None:
    model = tiny.build_family(tmp_path / family, family)
    scores = [
        [item["scores"]["rerank_raw"] for item in sorted(best, key=lambda item: TEXTS.index(item["content"]))]
        for best in (
            CrossEncoderReranker(str(model)).rerank("a b", TEXTS),
            CrossEncoderReranker(str(model), backend="onnx").rerank("a b", TEXTS),
        )
    ]
    assert scores[1] == pytest.approx(scores[0], abs=1e-5)
    assert max(scores[0]) - min(scores[0]) > 1e-2  # they could not agree by being all the same


def test_int8_keeps_the_order_of_each_family(tmp_path: Path) -> None:
    for family in ("Roberta", "XLMRoberta"):
        model = tiny.build_family(tmp_path / family, family)
        floats = {
            item["content"]: item["scores"]["rerank_raw"]
            for item in CrossEncoderReranker(str(model)).rerank("a", TEXTS)
        }
        small = {item["content"]: item["scores"]["rerank_raw"] for item in int8(model).rerank("a", TEXTS)}
        assert np.corrcoef([floats[text] for text in TEXTS], [small[text] for text in TEXTS])[0, 1] > 0.98


def test_weights_that_are_not_in_safetensors_are_read_through_torch(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "m", activation="identity")
    expected = CrossEncoderReranker(str(model), backend="onnx").rerank("a", TEXTS)
    forget_models()
    tiny.as_torch_file(model)
    assert CrossEncoderReranker(str(model), backend="onnx").rerank("a", TEXTS) == expected


def test_neither_torch_nor_sentence_transformers_is_imported(models: Path) -> None:
    script = (
        "import sys; from aurora_dev.core.reranker import CrossEncoderReranker as C\n"
        f"best = C({str(models / 'counting')!r}, backend='onnx', quantize='int8', model_home={str(models)!r})"
        ".rerank('a', ['bad', 'good good'])\n"
        "assert best[0]['content'] == 'good good'\n"
        "sys.exit(bool({'torch', 'sentence_transformers', 'transformers', 'optimum'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
