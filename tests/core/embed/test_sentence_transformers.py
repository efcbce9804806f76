from __future__ import annotations

import importlib.util
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.contracts import Embedder
from aurora_dev.core.embed import sentence_transformers as embeddings
from aurora_dev.core.embed.sentence_transformers import SentenceTransformerEmbedder
from aurora_dev.errors import EmbeddingError, InvalidRequestError, MissingDependencyError, ModelLoadError
from aurora_dev.testing.hashing_embedder import HashingEmbedder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "green", "blue", "query", "passage", ":", "##s"]
DIMENSION = 16


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of sentence-transformers with random weights, saved in the format of real ones."""
    sentence_transformers = pytest.importorskip("sentence_transformers")
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast  # type: ignore[attr-defined]

    torch.manual_seed(11)
    folder = tmp_path_factory.mktemp("models")
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    bert = BertModel(
        BertConfig(
            vocab_size=len(WORDS),
            hidden_size=DIMENSION,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=32,
        )
    )
    bert.save_pretrained(folder / "bert")
    BertTokenizerFast(vocab={word: place for place, word in enumerate(WORDS)}).save_pretrained(folder / "bert")
    parts = getattr(sentence_transformers, "models", None) or pytest.importorskip("sentence_transformers.models")
    transformer = parts.Transformer(str(folder / "bert"))
    model = sentence_transformers.SentenceTransformer(
        modules=[transformer, parts.Pooling(DIMENSION, "mean")], device="cpu"
    )
    model.save(str(folder / "tiny"))
    return folder / "tiny"


def with_prompts(source: Path, folder: Path, **prompts: str) -> Path:
    shutil.copytree(source, folder)
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "prompts": prompts}))
    return folder


def test_a_model_on_disk_embeds_normalised_and_in_order(tiny: Path) -> None:
    embedder = SentenceTransformerEmbedder(tiny, batch_size=2)
    found = embedder.embed_documents(["red", "green green blue", "reds", "blue"])
    assert isinstance(embedder, Embedder)
    assert (embedder.name, embedder.dimension) == (str(tiny), DIMENSION)
    assert found.shape == (4, DIMENSION)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    for row, text in zip(found, ["red", "green green blue", "reds", "blue"], strict=True):
        np.testing.assert_allclose(embedder.embed_query(text), row, atol=1e-5)
    assert abs(float(found[0] @ found[1])) < 0.999
    assert embedder.embed_documents([]).shape == (0, DIMENSION)


def test_the_model_is_loaded_once_on_first_use_however_many_threads_ask(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny, copy)
    opened: list[str] = []
    real = embeddings._open

    def counting(source: str, device: str, cache_folder: str | None) -> Any:
        opened.append(source)
        return real(source, device, cache_folder)

    monkeypatch.setattr(embeddings, "_open", counting)
    monkeypatch.chdir(tmp_path)
    embedders = [SentenceTransformerEmbedder(copy), SentenceTransformerEmbedder("copy")]
    assert opened == []
    found: dict[int, Any] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: embedders[n % 2].embed_documents(["red", "blue s"])}))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [str(copy.resolve())]
    for number in range(6):
        np.testing.assert_array_equal(found[number], found[0])


def test_prompts_of_the_model_are_used_for_queries_and_documents(tiny: Path, tmp_path: Path) -> None:
    plain = SentenceTransformerEmbedder(tiny)
    prompted = SentenceTransformerEmbedder(
        with_prompts(tiny, tmp_path / "prompted", query="query: ", document="passage: ")
    )
    np.testing.assert_allclose(prompted.embed_query("red"), plain.embed_query("query: red"), atol=1e-5)
    np.testing.assert_allclose(prompted.embed_documents(["red"])[0], plain.embed_query("passage: red"), atol=1e-5)
    assert abs(float(prompted.embed_query("red") @ prompted.embed_documents(["red"])[0])) < 0.9999


@pytest.mark.parametrize("name", ["document", "passage", "corpus"])
def test_prompts_are_found_under_their_usual_names_by_older_versions_too(tiny: Path, tmp_path: Path, name: str) -> None:
    from sentence_transformers import SentenceTransformer

    folder = with_prompts(tiny, tmp_path / "prompted", **{"query": "query: ", name: "passage: "})

    class Older:
        """A model of versions before 5, which has only ``encode``."""

        def __init__(self) -> None:
            self._model = SentenceTransformer(str(folder), device="cpu")
            self.prompts = self._model.prompts
            self.encode = self._model.encode

    plain = SentenceTransformerEmbedder(tiny)
    query = embeddings._encode(Older(), ["red"], "query", 8)[0]
    document = embeddings._encode(Older(), ["red"], "document", 8)[0]
    np.testing.assert_allclose(query, plain.embed_query("query: red"), atol=1e-5)
    np.testing.assert_allclose(document, plain.embed_query("passage: red"), atol=1e-5)


def test_the_fingerprint_follows_weights_and_prompts_not_the_folder(tiny: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    first = SentenceTransformerEmbedder(tiny)
    shutil.copytree(tiny, tmp_path / "moved")
    shutil.copytree(tiny, tmp_path / "trained")
    weights = next((tmp_path / "trained").rglob("model.safetensors"))
    tensors = load_file(weights)
    name = next(name for name in tensors if name.endswith("word_embeddings.weight"))
    tensors[name] = tensors[name] + torch.tensor(0.001)
    save_file(tensors, weights, metadata={"format": "pt"})
    prompted = with_prompts(tiny, tmp_path / "prompted", query="query: ")
    prints = [SentenceTransformerEmbedder(tmp_path / "moved"), SentenceTransformerEmbedder(tmp_path / "trained")]
    prints.append(SentenceTransformerEmbedder(prompted))
    assert prints[0].fingerprint == first.fingerprint
    assert len({first.fingerprint, prints[1].fingerprint, prints[2].fingerprint}) == 3


def test_a_text_longer_than_the_model_reads_is_cut_off(tiny: Path) -> None:
    assert SentenceTransformerEmbedder(tiny).embed_documents(["red green " * 500]).any()


def test_weights_that_are_not_finite_are_an_error(tiny: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny, tmp_path / "broken")
    weights = next((tmp_path / "broken").rglob("model.safetensors"))
    save_file(
        {name: t * torch.tensor(float("nan")) for name, t in load_file(weights).items()},
        weights,
        metadata={"format": "pt"},
    )
    with pytest.raises(EmbeddingError, match="not finite"):
        SentenceTransformerEmbedder(tmp_path / "broken").embed_query("red")


def test_a_missing_device_is_named(tiny: Path) -> None:
    with pytest.raises(ModelLoadError, match="could not be loaded on nonsense"):
        SentenceTransformerEmbedder(tiny, device="nonsense").embed_query("red")


def test_a_missing_folder_is_named_with_advice(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    embedder = SentenceTransformerEmbedder(tmp_path / "nowhere")
    for _ in range(2):
        with pytest.raises(ModelLoadError, match=r"no folder .*nowhere.*save_pretrained.*bundled"):
            embedder.embed_query("red")


def test_a_folder_that_holds_no_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}")
    with pytest.raises(ModelLoadError, match="empty could not be loaded"):
        _ = SentenceTransformerEmbedder(tmp_path / "empty").dimension


@pytest.mark.parametrize("missing", ["sentence_transformers", "torch"])
def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, _package=None: None if name == missing else real("json")
    )
    embedder = SentenceTransformerEmbedder(f"nobody/without-{missing}")
    for use in (lambda: embedder.dimension, lambda: embedder.embed_query("red"), lambda: embedder.fingerprint):
        with pytest.raises(MissingDependencyError, match=r"aurora-dev\[rerank\]"):
            use()


@pytest.mark.parametrize("arguments", [{"model": ""}, {"model": None}, {"model": "m", "batch_size": 0}])
def test_wrong_arguments_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        SentenceTransformerEmbedder(**arguments)


def test_texts_that_are_no_strings_are_refused_before_anything_is_loaded() -> None:
    embedder = SentenceTransformerEmbedder("nobody/nothing")
    with pytest.raises(InvalidRequestError):
        embedder.embed_documents("one string")
    with pytest.raises(InvalidRequestError):
        embedder.embed_query(None)  # type: ignore[arg-type]


def test_the_hashing_embedder_ranks_by_shared_words_the_same_on_every_machine() -> None:
    embedder = HashingEmbedder(256)
    documents = embedder.embed_documents(["def verifyToken(jwt)", "cook some pasta", ""])
    query = embedder.embed_query("verify a token")
    assert isinstance(embedder, Embedder)
    assert query @ documents[0] > 0.5 > abs(query @ documents[1]) + 0.2
    assert not documents[2].any()
    assert embedder.fingerprint != HashingEmbedder(256, salt="other").fingerprint
    assert np.flatnonzero(HashingEmbedder(64).embed_query("aurora")).tolist() == [9, 10, 52, 58]
