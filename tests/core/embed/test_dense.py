"""Dense embeddings: what a vector depends on, what is read of a text, and faults of a model's folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from core.embed import tiny_dense
from core.rerank import tiny_onnx_reranker as tiny

from aurora_dev.core.contracts import Embedder
from aurora_dev.core.embed import dense
from aurora_dev.core.embed.dense import BUNDLED_DENSE, DenseEmbedder, has_bundled_dense
from aurora_dev.core.text.document_text import dense_text
from aurora_dev.errors import InvalidRequestError, MissingDependencyError, ModelLoadError

TEXTS = ["good a b c", "bad w1", "w2 w3 w4 w5 w6 w7 w8 good", "a b", "good bad w9 w10 w11"]


def signed(path: Path, text: str) -> None:
    """Write a file that is not what it should be, and checksums that say so."""
    path.write_text(text)
    tiny.sign(path.parent)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dense.build(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def embedder(folder: Path) -> DenseEmbedder:
    return DenseEmbedder(folder, threads=1)


def test_rows_have_length_one_and_stand_in_the_order_of_the_texts(embedder: DenseEmbedder) -> None:
    vectors = embedder.embed_documents(TEXTS)
    assert isinstance(embedder, Embedder)
    assert vectors.shape == (len(TEXTS), embedder.dimension) == (len(TEXTS), tiny.WIDTH)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_array_equal(embedder.embed_documents([text])[0], vector)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_any_number_of_threads_gives_the_same_vectors(folder: Path, embedder: DenseEmbedder, threads: int) -> None:
    texts = TEXTS * 7
    np.testing.assert_array_equal(
        DenseEmbedder(folder, threads=threads).embed_documents(texts), embedder.embed_documents(texts)
    )


def test_the_order_of_words_changes_a_vector(embedder: DenseEmbedder) -> None:
    one, other = embedder.embed_documents(["a good b bad", "b bad a good"])
    assert abs(float(one @ other)) < 0.9999


def test_a_document_is_read_up_to_its_tokens_and_a_query_up_to_fewer(embedder: DenseEmbedder) -> None:
    words = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]  # ten, and the first and the last token make twelve
    whole, longer = embedder.embed_documents([" ".join(words), " ".join([*words, "good", "bad"])])
    np.testing.assert_array_equal(whole, longer)
    shorter = embedder.embed_documents([" ".join(words[:9])])[0]
    assert not np.array_equal(whole, shorter)
    np.testing.assert_array_equal(embedder.embed_query(" ".join(words)), embedder.embed_query(" ".join(words[:6])))


def test_a_text_of_unbounded_length_is_cut_before_it_is_tokenized(folder: Path) -> None:
    encoder = DenseEmbedder(folder).load().encoder
    assert len(encoder.tokens("a " * 2_000_000, 12)) == 12
    assert encoder.tokens(" " * 10_000 + "good", 12) == encoder.tokens("", 12)


def test_texts_without_a_known_token_have_zeros(embedder: DenseEmbedder) -> None:
    for text in ("", " \n\t", "unheard of"):
        assert not embedder.embed_documents([text]).any()
        assert not embedder.embed_query(text).any()
    assert embedder.embed_documents([]).shape == (0, tiny.WIDTH)


def test_fewer_dimensions_are_the_first_ones_scaled_to_length_one(embedder: DenseEmbedder, tmp_path: Path) -> None:
    fewer = DenseEmbedder(tiny_dense.build(tmp_path / "fewer", dimensions=6))
    vectors, whole = fewer.embed_documents(TEXTS), embedder.embed_documents(TEXTS)[:, :6]
    assert fewer.dimension == 6
    np.testing.assert_allclose(vectors, whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-6)
    assert not fewer.embed_query("unheard").any()


def test_prefixes_come_before_queries_and_documents(embedder: DenseEmbedder, tmp_path: Path) -> None:
    prefixed = DenseEmbedder(tiny_dense.build(tmp_path / "p", query_prefix="good ", document_prefix="bad "))
    np.testing.assert_array_equal(prefixed.embed_query("a b"), embedder.embed_query("good a b"))
    np.testing.assert_array_equal(prefixed.embed_documents(["a b"]), embedder.embed_documents(["bad a b"]))
    assert not prefixed.embed_documents([" "]).any()


def test_a_single_string_is_refused(embedder: DenseEmbedder) -> None:
    with pytest.raises(InvalidRequestError):
        embedder.embed_documents("good")
    with pytest.raises(InvalidRequestError):
        embedder.embed_query(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError):
        DenseEmbedder(BUNDLED_DENSE, threads=0)


def test_the_fingerprint_is_that_of_the_files(folder: Path, embedder: DenseEmbedder, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    assert DenseEmbedder(copy).fingerprint == embedder.fingerprint
    other = tiny_dense.build(tmp_path / "other", document_tokens=13)
    assert DenseEmbedder(other).fingerprint != embedder.fingerprint


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda at: (at / "model.onnx").unlink(), "model.onnx"),
        (lambda at: (at / "SHA256SUMS").unlink(), "SHA256SUMS"),
        (lambda at: (at / "model.onnx").write_bytes(b"no model"), "damaged"),
        (lambda at: (at / "tokenizer.json").write_text("{}"), "damaged"),
        (lambda at: signed(at / "model.onnx", "no model"), "cannot be used"),
        (lambda at: signed(at / "config.json", '{"format": 2}'), "format"),
        (lambda at: shutil.rmtree(at), "no folder"),
    ],
)
def test_a_fault_of_the_folder_is_named(folder: Path, tmp_path: Path, damage: object, message: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    assert callable(damage)
    damage(copy)
    with pytest.raises(ModelLoadError, match="cannot be used") as raised:
        DenseEmbedder(copy).embed_query("good")
    assert message in str(raised.value)


def test_a_cross_encoder_is_not_taken_for_an_encoder(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="no encoder"):
        DenseEmbedder(tiny.build(tmp_path / "reranker")).load()


def test_without_onnx_runtime_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "_installed", lambda: False)
    assert "pip install onnxruntime" in (DenseEmbedder(folder).missing() or "")
    with pytest.raises(MissingDependencyError, match="pip install onnxruntime"):
        DenseEmbedder(folder).load()


def test_a_missing_model_is_known_before_it_is_loaded(folder: Path, tmp_path: Path) -> None:
    assert DenseEmbedder(folder).missing() is None
    assert "model.onnx" in (DenseEmbedder(tmp_path / "nowhere").missing() or "")


@pytest.mark.skipif(not has_bundled_dense(), reason="this build has no dense model")
def test_the_bundled_model_finds_what_is_meant() -> None:
    embedder = DenseEmbedder.bundled()
    assert embedder is DenseEmbedder.bundled()
    assert embedder.name == "bundled/minilm-dense"
    files = {
        "auth/tokens.py": ("verify", "def verify(token):\n    return jwt.decode(token, key)"),
        "io/cache.py": (
            "evict",
            "def evict(self):\n    while len(self) > self.limit:\n        self.popitem(last=False)",
        ),
        "ui/table.py": ("draw", "def draw(rows):\n    for row in rows:\n        print(' | '.join(row))"),
    }
    texts = [dense_text(text, {"path": path, "symbol": symbol}) for path, (symbol, text) in files.items()]
    vectors = embedder.embed_documents(texts)
    for query, answer in (("check that a login is genuine", 0), ("drop the oldest entries", 1), ("show a grid", 2)):
        assert int(np.argmax(vectors @ embedder.embed_query(query))) == answer, query


def test_constructing_one_imports_neither_onnx_runtime_nor_tokenizers() -> None:
    code = (
        "import sys\nfrom aurora_dev.core.embed.dense import DenseEmbedder\n"
        "DenseEmbedder.bundled().fingerprint, DenseEmbedder.bundled().missing()\n"
        "assert not {'onnxruntime', 'tokenizers', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
