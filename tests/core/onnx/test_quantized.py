"""The cache of quantised models, and the arguments that ask for one: runs everywhere, imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.onnx.quantized import onnx_file, quantization_scheme, quantized_folder
from aurora_dev.core.reranker import CrossEncoderReranker
from aurora_dev.errors import InvalidRequestError


def write(target: Path) -> None:
    (target / "onnx").mkdir()
    (target / "onnx" / "model_int8.onnx").write_bytes(b"weights")


def refuse(_target: Path) -> None:
    raise AssertionError("it was made already")


def test_a_model_is_made_once(tmp_path: Path) -> None:
    folder = quantized_folder(tmp_path / "new", "org/model", "r1", ["avx2"], write)
    assert onnx_file(folder) == "onnx/model_int8.onnx"
    assert folder.name.startswith("org-model-")
    assert quantized_folder(tmp_path / "new", "org/model", "r1", ["avx2"], refuse) == folder


def test_another_revision_or_scheme_is_another_model(tmp_path: Path) -> None:
    asked = [("r1", "avx2"), ("r2", "avx2"), ("r1", "arm64")]
    folders = {quantized_folder(tmp_path, "m", revision, [scheme], write) for revision, scheme in asked}
    assert len(folders) == 3


def test_a_failure_half_way_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    def fail(target: Path) -> None:
        write(target)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        quantized_folder(tmp_path, "m", "r", [], fail)
    assert list(tmp_path.iterdir()) == []
    assert quantized_folder(tmp_path, "m", "r", [], write).is_dir()


def test_two_processes_that_make_a_model_at_once_use_the_first(tmp_path: Path) -> None:
    inner: list[Path] = []

    def overtaken(target: Path) -> None:
        write(target)
        inner.append(quantized_folder(tmp_path, "m", "r", [], write))
        (inner[0] / "mark").touch()

    assert quantized_folder(tmp_path, "m", "r", [], overtaken) == inner[0]
    assert (inner[0] / "mark").exists()
    assert list(tmp_path.iterdir()) == inner


def test_an_arm_processor_gets_its_own_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "AMD64")
    assert [quantization_scheme(vnni=vnni) for vnni in (True, False)] == ["avx512_vnni", "avx2"]
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert quantization_scheme(vnni=False) == "arm64"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"quantize": "int4", "backend": "onnx"}, "quantize must be"),
        ({"quantize": "int8"}, 'backend="onnx"'),
        ({"quantize": "int8", "backend": "openvino"}, "model_file"),
        ({"model_file": "onnx/m.onnx"}, 'backend="onnx" or "openvino"'),
        ({"model_file": "onnx/m.onnx", "backend": "onnx", "quantize": "int8"}, "no quantize"),
        ({"model_file": "../m.onnx", "backend": "onnx"}, "inside the model"),
        ({"model_file": "/m.onnx", "backend": "onnx"}, "inside the model"),
        ({"model_file": " ", "backend": "onnx"}, "inside the model"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        CrossEncoderReranker("m", **options)
