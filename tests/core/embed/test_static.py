from __future__ import annotations

import json
import shutil
import threading
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from aurora_dev.core.contracts import Embedder
from aurora_dev.core.embed import static, word_tokens
from aurora_dev.core.embed.static import BUNDLED_NAME, BUNDLED_PATH, StaticEmbedder
from aurora_dev.core.embed.word_tokens import WordTokens
from aurora_dev.errors import InvalidRequestError, ModelLoadError

SAMPLES = [
    "def verify_token(jwt: str) -> Claims:\n\treturn decode(jwt, key=PUBLIC_KEY, algorithms=['EdDSA'])\n",
    "where are JWTs verified",
    "HTTPServer2::listenAndServe(&self, addr) { x <<= 3; /* {}[]()~`|\\ */ }",
    "Grüße aus Köln – naïve café, e\u0301tude, ÀÉÎÕÜ",
    "日本語のコメント と code 混在 関数()",
    "Привет, мир! Ελληνικά ΣΊΣΥΦΟΣ ... İstanbul ﬁ ＡＢＣ",
    "emoji 🎉🎉 zero\u200bwidth nb\u00a0space thin\u2009space line\u2028sep",
    "control\x00\x01char form\x0cfeed vertical\x0btab\x7f \x1c\x1d\x85 end",
    "form\x0cfeed vertical\x0btab con\x00trol rub\x7fout sep\x1carator \x1d end",
    "[UNK] [PAD] [CLS] [unk] x[PAD]y [MASK]",
    "z" * 101 + " " + "a" * 100 + " 0x" + "f" * 90,
    "##ing ##a #include <stdio.h>",
    "\r\n\t ",
]


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder.bundled()


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return Tokenizer.from_file(str(BUNDLED_PATH / "tokenizer.json"))


@pytest.fixture(scope="module")
def tokens(tokenizer: Any) -> WordTokens:
    return WordTokens(Tokenizer.from_str(tokenizer.to_str()))


def bags(tokens: WordTokens, texts: list[str]) -> list[Counter[int]]:
    found: list[Counter[int]] = [Counter() for _ in texts]
    for group in tokens.groups(texts):
        assert np.all((group.rows >= group.first) & (group.rows < group.stop))
        for row, token in zip(group.rows.tolist(), group.ids.tolist(), strict=True):
            found[row][token] += 1
    return found


def real_bags(tokenizer: Any, texts: list[str]) -> list[Counter[int]]:
    unknown = tokenizer.token_to_id("[UNK]")
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [Counter(token for token in encoding.ids if token != unknown) for encoding in encodings]


def reference(folder: Path, texts: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A plain implementation of the format: the normalised mean of the scaled vectors of the known tokens."""
    from safetensors.numpy import load_file

    tensors = load_file(folder / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    out = np.zeros((len(texts), tensors["embeddings"].shape[1]))
    for row, bag in enumerate(real_bags(tokenizer, texts)):
        for token, count in bag.items():
            line = tensors["mapping"][token] if "mapping" in tensors else token
            scale = tensors["weights"][token] if "weights" in tensors else 1.0
            out[row] += count * float(scale) * tensors["embeddings"][line].astype(np.float64)
    lengths = np.linalg.norm(out, axis=1, keepdims=True)
    return out / np.where(lengths > 0, lengths, 1)


def copied(folder: Path) -> Path:
    shutil.copytree(BUNDLED_PATH, folder)
    return folder


def write_model(folder: Path, **tensors: np.ndarray[Any, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    vocabulary = {"[UNK]": 0, "red": 1, "green": 2, "blue": 3}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({"normalize": True}), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(save(tensors))
    return folder


def test_the_bundled_model_is_an_embedder_of_256_normalised_dimensions(embedder: StaticEmbedder) -> None:
    vectors = embedder.embed_documents(SAMPLES[:6])
    assert isinstance(embedder, Embedder)
    assert (embedder.name, embedder.dimension) == ("bundled/minilm-static-256", 256)
    assert vectors.shape == (6, 256)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(embedder.embed_query(SAMPLES[0]), embedder.embed_documents([SAMPLES[0]])[0])


def test_no_texts_give_no_rows(embedder: StaticEmbedder) -> None:
    assert embedder.embed_documents([]).shape == (0, 256)


def test_a_text_without_a_known_token_embeds_to_zeros(embedder: StaticEmbedder) -> None:
    vectors = embedder.embed_documents(["", " \n", "z" * 101, "token"])
    assert not vectors[:3].any()
    assert vectors[3].any()


def test_vectors_are_the_normalised_mean_of_the_token_vectors(embedder: StaticEmbedder) -> None:
    found = embedder.embed_documents(SAMPLES)
    np.testing.assert_allclose(found, reference(BUNDLED_PATH, SAMPLES), atol=2e-6)


def test_vectors_equal_those_of_model2vec(embedder: StaticEmbedder) -> None:
    model2vec = pytest.importorskip("model2vec")
    model = model2vec.StaticModel.from_pretrained(str(BUNDLED_PATH), max_length=None)
    expected = model.encode(SAMPLES, max_length=None, normalize=True)
    cosines = (expected * embedder.embed_documents(SAMPLES)).sum(axis=1)
    assert cosines[:-1].min() >= 0.9999
    assert not expected[-1].any()


def test_texts_about_one_thing_are_nearer_than_texts_about_two(embedder: StaticEmbedder) -> None:
    query = embedder.embed_query("verify the signature of a JSON web token")
    near, far = embedder.embed_documents(["def check_jwt(token): validate signature", "draw a red circle on a canvas"])
    assert query @ near > query @ far + 0.2


@pytest.mark.parametrize("text", SAMPLES)
def test_each_sample_has_the_tokens_of_the_real_tokenizer(text: str, tokens: WordTokens, tokenizer: Any) -> None:
    assert tokens.is_fast
    assert bags(tokens, [text]) == real_bags(tokenizer, [text])


CODE = st.text(alphabet=st.sampled_from("abcXYZ019_ \n\t\r.,;:(){}[]<>#\"'`~|\\/+-*=&^%$@!?"), max_size=80)
ANYTHING = st.text(max_size=40)
PIECES = st.sampled_from([*SAMPLES, "[UNK]", "[PAD]", "é", "e\u0301", "\x00", "\x0c", "\u3000", "Σ", "ß", "ﬀ", "İ"])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.one_of(CODE, ANYTHING, PIECES), max_size=4).map("".join), max_size=4))
@example(["a\u0301\u0323b", "\u0301abc", "x \u0301y"])
@example(["[\nPAD]", "[UN", "K]"])
def test_any_texts_have_the_tokens_of_the_real_tokenizer(tokens: WordTokens, tokenizer: Any, texts: list[str]) -> None:
    assert bags(tokens, texts) == real_bags(tokenizer, texts)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=st.lists(st.one_of(CODE, ANYTHING), min_size=1, max_size=6).map(" ".join))
def test_a_text_that_is_cut_into_segments_has_the_same_tokens(tokenizer: Any, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_tokens, "_SEGMENT_CHARS", 7)
        patch.setattr(word_tokens, "_GROUP_CHARS", 20)
        fresh = WordTokens(Tokenizer.from_str(tokenizer.to_str()))
        texts = [text, "", text]
        assert bags(fresh, texts) == real_bags(tokenizer, texts)


def test_the_cache_of_words_stays_bounded_and_right(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_tokens, "_CACHED_WORDS", 10)
    fresh = WordTokens(Tokenizer.from_str(tokenizer.to_str()))
    for start in range(0, 60, 7):
        texts = [f"word{number} and{number} {'long' * 40}" for number in range(start, start + 7)]
        assert bags(fresh, texts) == real_bags(tokenizer, texts)
        assert len(fresh._cache) <= 10
        assert all(len(word) <= 128 for word in fresh._cache)


def test_a_cased_bert_tokenizer_keeps_its_cases(tokenizer: Any) -> None:
    layout = json.loads(tokenizer.to_str())
    layout["normalizer"]["lowercase"] = False
    cased = Tokenizer.from_str(json.dumps(layout))
    fresh = WordTokens(Tokenizer.from_str(json.dumps(layout)))
    assert fresh.is_fast
    assert bags(fresh, ["Hello hello HELLO"]) == real_bags(cased, ["Hello hello HELLO"])
    assert bags(fresh, ["Hello"]) != bags(fresh, ["hello"])


def test_a_long_text_is_embedded_whole_in_bounded_memory(embedder: StaticEmbedder) -> None:
    line = "value = compute(alpha, beta) # comment\n"
    text = line * (2_000_000 // len(line)) + "zebra " * 20_000
    tracemalloc.start()
    try:
        vector = embedder.embed_query(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 80_000_000
    np.testing.assert_allclose(vector, reference(BUNDLED_PATH, [text])[0], atol=1e-5)
    assert abs(float(vector @ embedder.embed_query(line)) - 1) > 1e-3


def test_a_long_text_without_any_space_is_embedded(embedder: StaticEmbedder) -> None:
    texts = ["var a=1;" * 20_000, "関数" * 40_000, "x" * 200_000]
    np.testing.assert_allclose(embedder.embed_documents(texts), reference(BUNDLED_PATH, texts), atol=1e-5)


def test_a_unigram_tokenizer_is_read_by_the_tokenizer_itself() -> None:
    unigram = Tokenizer(models.Unigram([("<unk>", 0.0), ("red", -1.0), ("green", -2.0)], unk_id=0))
    unigram.pre_tokenizer = pre_tokenizers.Whitespace()
    unigram.add_special_tokens(["<s>"])
    found = WordTokens(unigram)
    assert not found.is_fast
    assert found.highest_id == 3
    assert bags(found, ["red green red", "blue", "<s>"]) == [Counter({1: 2, 2: 1}), Counter(), Counter({3: 1})]


def test_a_lone_surrogate_does_not_fail(embedder: StaticEmbedder) -> None:
    assert np.isfinite(embedder.embed_documents(["broken \ud800 name", "\udcff"])).all()


def test_rows_do_not_depend_on_the_other_texts(embedder: StaticEmbedder) -> None:
    texts = [f"{SAMPLES[number % len(SAMPLES)]} {number}" for number in range(150)]
    together = embedder.embed_documents(texts)
    alone = np.stack([embedder.embed_query(text) for text in texts])
    np.testing.assert_allclose(together, alone, atol=2e-6)


def test_threads_share_an_embedder() -> None:
    shared = StaticEmbedder(BUNDLED_PATH)
    texts = [[f"{text} thread{number}" for text in SAMPLES] for number in range(8)]
    found: dict[int, Any] = {}
    threads = [
        threading.Thread(target=lambda n=number: found.update({n: shared.embed_documents(texts[n])}))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        np.testing.assert_allclose(found[number], reference(BUNDLED_PATH, texts[number]), atol=2e-6)


@pytest.mark.parametrize("texts", ["one string", [b"bytes"], [None]])
def test_anything_but_a_list_of_strings_is_refused(embedder: StaticEmbedder, texts: Any) -> None:
    with pytest.raises(InvalidRequestError, match="list of strings"):
        embedder.embed_documents(texts)


def test_a_copy_elsewhere_has_the_same_fingerprint_and_its_own_name(tmp_path: Path, embedder: StaticEmbedder) -> None:
    copy = StaticEmbedder(copied(tmp_path / "elsewhere"))
    assert copy.fingerprint == embedder.fingerprint
    assert copy.name == "elsewhere"


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_damaged_file_is_refused_with_advice(tmp_path: Path, file: str) -> None:
    folder = copied(tmp_path / "model")
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(bytes(data))
    with pytest.raises(ModelLoadError, match=rf"{file} is damaged.*again"):
        StaticEmbedder(folder)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    folder = copied(tmp_path / "model")
    (folder / file).unlink()
    with pytest.raises(ModelLoadError, match=f"no readable {file}"):
        StaticEmbedder(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="nowhere is not a folder"):
        StaticEmbedder(tmp_path / "nowhere")


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_rubbish_without_checksums_is_refused(tmp_path: Path, file: str) -> None:
    folder = write_model(tmp_path / "model", embeddings=np.eye(4, dtype=np.float32))
    (folder / file).write_bytes(b"rubbish")
    with pytest.raises(ModelLoadError, match=f"{file} cannot be read"):
        StaticEmbedder(folder)


TABLE = np.random.default_rng(7).normal(size=(4, 6))


@pytest.mark.parametrize(
    "tensors",
    [
        {"embeddings": TABLE.astype(np.float64)},
        {"embeddings": TABLE.astype(np.float16)},
        {"embeddings": (TABLE * 40).astype(np.int8)},
        {"embeddings": TABLE, "weights": np.array([1.0, 2.0, 0.5, 3.0])},
        {"embeddings": TABLE[:2], "mapping": np.array([0, 1, 1, 0])},
        {"embeddings": TABLE[:2], "mapping": np.array([0, 1, 1, 0]), "weights": np.array([1.0, 2.0, 0.5, 3.0])},
    ],
    ids=["float64", "float16", "int8", "weights", "mapping", "mapping and weights"],
)
def test_every_form_of_the_format_is_read(tmp_path: Path, tensors: dict[str, Any]) -> None:
    folder = write_model(tmp_path / "model", **tensors)
    texts = ["Red red green", "blue unheard of", "purple", ""]
    found = StaticEmbedder(folder)
    assert found.dimension == 6
    np.testing.assert_allclose(found.embed_documents(texts), reference(folder, texts), atol=1e-6)


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ({"vectors": TABLE}, "no tensor named"),
        ({"embeddings": TABLE[0]}, "shape"),
        ({"embeddings": TABLE[:0]}, "shape"),
        ({"embeddings": TABLE > 0}, "type bool"),
        ({"embeddings": np.where(TABLE > 0, np.nan, 1.0)}, "not finite"),
        ({"embeddings": TABLE[:3]}, "token id 3"),
        ({"embeddings": TABLE, "weights": np.ones(3)}, "token id 3"),
        ({"embeddings": TABLE, "weights": np.ones((4, 1))}, "weights have the shape"),
        ({"embeddings": TABLE, "mapping": np.array([0, 1, 2, 4])}, "outside"),
        ({"embeddings": TABLE, "mapping": np.array([0, -1, 2, 3])}, "outside"),
        ({"embeddings": TABLE, "mapping": np.array([0.0, 1, 2, 3])}, "mapping has the shape"),
        ({"embeddings": TABLE, "codebook": np.ones(3)}, "unknown meaning: codebook"),
    ],
)
def test_invalid_tensors_are_refused(tmp_path: Path, tensors: dict[str, Any], why: str) -> None:
    with pytest.raises(ModelLoadError, match=why):
        StaticEmbedder(write_model(tmp_path / "model", **tensors))


def test_the_bundled_model_says_what_it_is_before_its_files_are_read() -> None:
    lazy, read = static._BundledEmbedder(), StaticEmbedder(BUNDLED_PATH, name=BUNDLED_NAME)
    assert (lazy.name, lazy.dimension, lazy.fingerprint) == (read.name, read.dimension, read.fingerprint)
    assert lazy._loaded is None
    assert np.array_equal(lazy.embed_query("a clock"), read.embed_query("a clock"))
    assert lazy._loaded is not None


def test_several_threads_read_the_bundled_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []
    load = static._load

    def counted(folder: Path) -> static._Model:
        reads.append(folder)
        return load(folder)

    monkeypatch.setattr(static, "_load", counted)
    embedder = static._BundledEmbedder()
    with ThreadPoolExecutor(4) as pool:
        vectors = list(pool.map(embedder.embed_query, ["red", "red", "red", "red"]))
    assert reads == [BUNDLED_PATH]
    assert all(np.array_equal(vector, vectors[0]) for vector in vectors)


@pytest.mark.parametrize("file", ["model.safetensors", "SHA256SUMS"])
def test_a_bundled_model_without_one_of_its_files_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    copied = tmp_path / "model"
    shutil.copytree(BUNDLED_PATH, copied)
    (copied / file).unlink()
    monkeypatch.setattr(static, "BUNDLED_PATH", copied)
    with pytest.raises(ModelLoadError, match=file):
        static._BundledEmbedder()


def test_few_words_are_cut_without_the_tokenizer_as_the_tokenizer_cuts_them(tokenizer: Any) -> None:
    def refuse() -> Any:
        raise AssertionError("the tokenizer was read")

    layout = json.loads(tokenizer.to_str())
    late = WordTokens.of_layout(layout, refuse)
    real = WordTokens(Tokenizer.from_str(tokenizer.to_str()))
    rng = np.random.default_rng(5)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = ["".join(rng.choice(list(letters), size=int(rng.integers(1, 14)))) for _ in range(600)]
    pieces = [word.removeprefix("##") for word in rng.choice(list(layout["model"]["vocab"]), 600)]
    words += [word for word in pieces if word.isascii() and word.isalnum()]
    words += ["a" * 100, "a" * 101, "zq" * 60, "Where", "is", "resolve_scope()", "C++", "x[0]->y", "100%", "~/.cache"]
    assert bags(late, words) == bags(real, words)
    assert late.highest_id == real.highest_id


def test_the_tokenizer_is_read_for_a_text_beyond_ascii_and_for_many_words(tokenizer: Any) -> None:
    layout, real = json.loads(tokenizer.to_str()), WordTokens(Tokenizer.from_str(tokenizer.to_str()))
    many = " ".join(f"word{number}" for number in range(3_000))
    for text in ("Grüße an alle", "an [UNK] token", many):
        reads: list[int] = []

        def read(reads: list[int] = reads) -> Any:
            reads.append(1)
            return Tokenizer.from_str(tokenizer.to_str())

        late = WordTokens.of_layout(layout, read)
        assert bags(late, ["plain words first"]) == bags(real, ["plain words first"])
        assert not reads
        assert bags(late, [text, "and more"]) == bags(real, [text, "and more"])
        assert len(reads) == 1
