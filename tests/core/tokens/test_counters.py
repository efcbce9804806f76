"""Token counters: exact for known tokenizers, offline, and never too low for unknown ones."""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken_ext import openai_public

import aurora_dev.core.tokens.openai as module
from aurora_dev.core.contracts import DEFAULT_CHAT, ChatOverhead, TokenCounter, with_defaults
from aurora_dev.core.embed.static import BUNDLED_PATH
from aurora_dev.core.tokens import (
    ENCODINGS,
    EstimateCounter,
    HuggingFaceCounter,
    TiktokenCounter,
    count_messages,
    create_counter,
)
from aurora_dev.errors import ConfigurationError, ModelLoadError

PACKAGE = Path(module.__file__).parents[2]
SCRIPTS = (
    "日本語のテキストを処理する関数",
    "Größe naïve здравствуйте",
    "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪 ok",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "안녕하세요 세계",
)


@pytest.mark.parametrize(
    ("encoding", "text", "count"),
    [
        # Counts that OpenAI's cookbook prints for these encodings, and counts made with the files that tiktoken
        # downloads.
        ("cl100k_base", "antidisestablishmentarianism", 6),
        ("o200k_base", "antidisestablishmentarianism", 6),
        ("cl100k_base", "2 + 2 = 4", 7),
        ("o200k_base", "2 + 2 = 4", 7),
        ("cl100k_base", "お誕生日おめでとう", 9),
        ("o200k_base", "お誕生日おめでとう", 8),
        ("cl100k_base", "tiktoken is great!", 6),
        ("o200k_base", "", 0),
    ],
)
def test_counts_equal_those_of_openai(encoding: str, text: str, count: int) -> None:
    assert TiktokenCounter(encoding).count(text) == count


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoding_uses_tiktokens_own_definition(encoding: str) -> None:
    ours = module._encoding(encoding)
    assert ours.name == encoding
    assert ours.n_vocab == {"o200k_base": 200_019, "cl100k_base": 100_277, "o200k_harmony": 201_088}[encoding]
    assert ours.decode(ours.encode_ordinary("def f(x):\n\treturn 'é'")) == "def f(x):\n\treturn 'é'"


@pytest.mark.parametrize("encoding", ["o200k_base", "cl100k_base"])
def test_the_shipped_ranks_have_the_checksum_in_tiktokens_source(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        openai_public,
        "load_tiktoken_bpe",
        lambda _url, expected_hash: asked.append(expected_hash) or {},  # type: ignore[func-returns-value]
    )
    getattr(openai_public, encoding)()
    data = gzip.decompress((module.RANKS_PATH / f"{encoding}.tiktoken.gz").read_bytes())
    assert [hashlib.sha256(data).hexdigest()] == asked


def test_damaged_ranks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = gzip.decompress((module.RANKS_PATH / "cl100k_base.tiktoken.gz").read_bytes())
    shorter = data[: data.rindex(b"\n", 0, -1) + 1]
    (tmp_path / "cl100k_base.tiktoken.gz").write_bytes(gzip.compress(shorter, 1))
    (tmp_path / "o200k_base.tiktoken.gz").write_bytes(b"not gzip")
    monkeypatch.setattr(module, "RANKS_PATH", tmp_path)
    with pytest.raises(ModelLoadError, match="SHA-256"):
        module._load_encoding.__wrapped__("cl100k_base")
    with pytest.raises(ModelLoadError, match="cannot be read"):
        module._load_encoding.__wrapped__("o200k_base")


def test_threads_that_count_at_once_load_the_ranks_once() -> None:
    module._load_encoding.cache_clear()
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(TiktokenCounter().count("a b c"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3] * 8
    assert module._load_encoding.cache_info().misses == 1


def test_special_tokens_in_a_text_count_as_text() -> None:
    assert TiktokenCounter().count("<|endoftext|>") > 1


@settings(max_examples=150, deadline=None, derandomize=True)
@given(text=st.text(max_size=300), limit=st.integers(0, 60))
@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base", "estimate", "wordpiece"])
def test_a_truncated_text_is_a_prefix_that_fits(name: str, text: str, limit: int) -> None:
    counter = COUNTERS[name]
    short = counter.truncate(text, limit)
    assert text.startswith(short)
    assert counter.count(short) <= limit
    if 0 < limit >= counter.count(text):
        assert short == text


def test_truncating_never_splits_a_character() -> None:
    counter = TiktokenCounter()
    for limit in range(40):
        counter.truncate("👩‍👩‍👧‍👦𝔘𝔫𝔦" * 5, limit).encode("utf-8")


def test_truncating_keeps_nearly_as_much_as_fits() -> None:
    counter = TiktokenCounter()
    assert counter.count(counter.truncate("word " * 1_000, 500)) >= 495


COUNTERS: dict[str, TokenCounter] = {
    "o200k_base": TiktokenCounter(),
    "cl100k_base": TiktokenCounter("cl100k_base"),
    "estimate": EstimateCounter(),
    "wordpiece": HuggingFaceCounter(BUNDLED_PATH),
}


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base", "wordpiece"])
def test_the_estimate_never_undercounts_lines_of_code(name: str) -> None:
    estimate = COUNTERS["estimate"]
    low = []
    for path in sorted(PACKAGE.rglob("*.py"))[:60]:
        for line in path.read_text("utf-8").split("\n")[:150]:
            if estimate.count(line) < COUNTERS[name].count(line):
                low.append(line)
    assert not low


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base", "wordpiece"])
@pytest.mark.parametrize(
    "text", [*SCRIPTS, "a" * 5_000, " " * 500, "\n" * 500, "\t\t{\n" * 50, "0123456789abcdef" * 50]
)
def test_the_estimate_never_undercounts_scripts_and_data(name: str, text: str) -> None:
    assert COUNTERS["estimate"].count(text) >= COUNTERS[name].count(text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.characters(min_codepoint=0x80, exclude_categories=["Cs"]), max_size=60))
def test_the_estimate_is_an_upper_bound_beyond_ascii(text: str) -> None:
    assert COUNTERS["estimate"].count(text) >= max(
        COUNTERS["o200k_base"].count(text), COUNTERS["cl100k_base"].count(text)
    )


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("gpt-5", "o200k_base"),
        ("gpt-99-unheard-of", "o200k_base"),
        ("openai/gpt-5", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("gpt-oss-120b", "o200k_harmony"),
        ("text-embedding-3-small", "cl100k_base"),
        ("claude-sonnet-4-5", "estimate"),
        ("some-model", "estimate"),
        (str(BUNDLED_PATH), "minilm-static-256/tokenizer.json"),
        (str(BUNDLED_PATH / "tokenizer.json"), "minilm-static-256/tokenizer.json"),
    ],
)
def test_a_model_gets_its_counter(model: str, name: str) -> None:
    assert create_counter(model=model).name == name


def test_the_default_encoding_is_the_newest() -> None:
    assert create_counter().name == "o200k_base"
    assert create_counter(encoding="cl100k_base").name == "cl100k_base"
    assert create_counter(encoding="estimate").name == "estimate"


def test_an_invalid_model_or_encoding_is_refused_with_advice() -> None:
    with pytest.raises(ConfigurationError, match="o200k_base, cl100k_base"):
        create_counter(encoding="p50k")
    with pytest.raises(ConfigurationError, match="not both"):
        create_counter(model="gpt-4o", encoding="o200k_base")
    with pytest.raises(ConfigurationError, match="empty"):
        create_counter(model=" ")


def test_a_file_that_is_not_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="no tokenizer"):
        HuggingFaceCounter(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    with pytest.raises(ModelLoadError, match="not a tokenizer"):
        HuggingFaceCounter(tmp_path)


def test_a_tokenizer_file_counts_as_its_tokenizer_does() -> None:
    counter = HuggingFaceCounter(BUNDLED_PATH, chat=ChatOverhead(5, 1))
    assert counter.count("hello world") == 2
    assert counter.count("a " * 5_000) == 5_000  # a tokenizer's own limit does not cut the count
    assert counter.chat == ChatOverhead(5, 1)


def test_messages_cost_their_overhead() -> None:
    counter = TiktokenCounter()
    messages = [{"role": "system", "content": "hello world"}, {"role": "user", "content": "hi"}]
    assert count_messages(counter, messages) == 3 + (3 + 1 + 2) + (3 + 1 + 1)
    assert count_messages(counter, []) == 0


def test_a_counter_without_chat_costs_gets_the_highest() -> None:
    class Plain:
        name = "plain"

        def count(self, text: str) -> int:
            return len(text)

        def truncate(self, text: str, limit: int) -> str:
            return text[:limit]

    counter: Any = with_defaults(Plain(), TokenCounter)
    assert (counter.chat, counter.name, counter.count("abc")) == (DEFAULT_CHAT, "plain", 3)
    assert isinstance(counter, TokenCounter)


COUNT_OFFLINE = """
import socket, sys
def refuse(*arguments, **options):
    raise AssertionError("the network was asked")
socket.getaddrinfo = refuse
from aurora_dev.core.tokens import TiktokenCounter
print(TiktokenCounter("o200k_base").count("hello world"), TiktokenCounter("cl100k_base").count("hello world"))
assert "requests" not in sys.modules
"""


def without_network() -> list[str]:
    """Return the prefix that runs a command without a network; empty if this machine does not allow it."""
    if sys.platform == "linux" and shutil.which("unshare"):
        command = ["unshare", "-rn", "--"]
        if subprocess.run([*command, sys.executable, "-c", ""], capture_output=True).returncode == 0:
            return command
    return []


def test_tokens_are_counted_without_a_network(tmp_path: Path) -> None:
    # tiktoken finds neither a cache of its own nor a working proxy.
    environment = {
        **{key: value for key, value in os.environ.items() if not key.upper().endswith("_PROXY")},
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
        "TIKTOKEN_CACHE_DIR": str(tmp_path / "none"),
    }
    done = subprocess.run(
        [*without_network(), sys.executable, "-c", COUNT_OFFLINE],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "2"]
    assert not (tmp_path / "none").exists()


def test_importing_aurora_does_not_load_tiktoken() -> None:
    code = "import sys, aurora_dev.core.tokens, aurora_dev.core.context_manager; assert 'tiktoken' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tiktoken_is_new_enough() -> None:
    assert tuple(map(int, tiktoken.__version__.split(".")[:2])) >= (0, 9)
