"""The script that distils the bundled embedder: rounding, the written folder, and the bundled files."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.embed.static import BUNDLED_PATH, StaticEmbedder

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "distil_embedder.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("distil_embedder", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rounding_errors_stay_within_half_a_step(script: ModuleType) -> None:
    vectors = np.random.default_rng(5).normal(size=(500, 256)).astype(np.float32)
    vectors *= np.geomspace(1e-3, 10, 500, dtype=np.float32)[:, None]
    vectors[3] = 0
    rounded, scales = script.quantise(vectors)
    assert (rounded.dtype, scales.dtype, scales.shape) == (np.int8, np.float32, (500,))
    assert np.abs(rounded.astype(int)).max() == 127

    errors = np.abs(rounded * scales[:, None] - vectors) / scales[:, None]
    assert errors.max() <= 0.5001
    assert not rounded[3].any()


def test_source_weights_with_another_checksum_are_refused(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(SystemExit, match="Nothing was written"):
        script.main(["--source", str(tmp_path), "--output", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_a_missing_source_package_names_the_requirements(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "SOURCE_PACKAGE", "no_package_of_this_name")
    with pytest.raises(SystemExit, match=r"requirements/distil\.txt"):
        script.find_source()


def test_a_written_folder_is_reproducible_loads_and_contains_no_local_path(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenizers import Tokenizer

    monkeypatch.setattr(script, "licence_text", lambda: "the licence\n")
    monkeypatch.setattr(script, "importlib", SimpleNamespace(metadata=SimpleNamespace(version=lambda _: "0.10.0")))
    tokenizer: Any = Tokenizer.from_file(str(BUNDLED_PATH / "tokenizer.json"))
    vectors = np.random.default_rng(3).normal(size=(tokenizer.get_vocab_size(), 256)).astype(np.float32)
    for name in ("one", "two"):
        script.write_model(tmp_path / name, vectors, tokenizer)
    first, second = StaticEmbedder(tmp_path / "one"), StaticEmbedder(tmp_path / "two")
    assert first.fingerprint == second.fingerprint
    token = tokenizer.token_to_id("token")
    assert first.embed_query("token") @ (vectors[token] / np.linalg.norm(vectors[token])) > 0.9999
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
        assert str(tmp_path).encode() not in file.read_bytes()


def test_the_bundled_folder_has_the_scripts_configuration_and_checksums(script: ModuleType) -> None:
    assert json.loads((BUNDLED_PATH / "config.json").read_text(encoding="utf-8")) == script.config_of(256)
    sums = (BUNDLED_PATH / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    assert sums == [f"{script.sha256_of(BUNDLED_PATH / name)}  {name}" for name in sorted(line[66:] for line in sums)]
    assert sum(file.stat().st_size for file in BUNDLED_PATH.iterdir()) < 16_000_000
    assert b"Apache License" in (BUNDLED_PATH / "LICENSE").read_bytes()
    card = (BUNDLED_PATH / "README.md").read_text(encoding="utf-8")
    assert script.SOURCE_SHA256 in card


@pytest.mark.slow
def test_the_bundled_vectors_are_close_to_the_distilled_ones_but_not_equal(script: ModuleType) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("skeletoken")
    pytest.importorskip(script.SOURCE_PACKAGE)
    from safetensors.numpy import load_file

    vectors, tokenizer = script.distil(script.find_source())
    bundled = load_file(BUNDLED_PATH / "model.safetensors")
    restored = bundled["embeddings"] * bundled["weights"][:, None]
    lengths = np.linalg.norm(restored, axis=1) * np.linalg.norm(vectors, axis=1)
    cosines = (restored * vectors).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    # Most tokens are rare in training and keep their direction; some that are common in code have moved.
    assert np.quantile(cosines, 0.05) > 0.95
    assert np.median(cosines) < 0.9999
    stored = json.loads((BUNDLED_PATH / "tokenizer.json").read_text(encoding="utf-8"))
    assert json.loads(tokenizer.to_str())["model"] == stored["model"]
