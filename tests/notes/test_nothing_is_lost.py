"""No wording that was said is lost: each text is found again, word for word, as a note or in a history."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aurora_dev import Memory, VectorStore
from aurora_dev.testing.hashing_embedder import HashingEmbedder

WORDS = (
    "Retry", "retry", "RETRY", "Foo", "foo", "userId", "not", "nicht", "не", "не", "нет", "不", "لا", "नहीं", "only",
    "A", "a", "B", "I", "C", "C#", "C++", "1", "-1", "2", "80%", "80", "<", ">", "==", "===", "&&", "||", "👍", "👎",
    "MB", "Mb", "staging", "Redis", "тесты", "密码", "テスト", "로그", "שלום", "é", "e\u0301", "İ", "ı", "ß", "SS", ".",
    "..", ",", "!", "`x  y`", "`x y`", "(", ")", "\n", "\t", "\n    ",
)  # fmt: skip
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
ANYTHING = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
TEXTS = st.one_of(SENTENCES, ANYTHING, SENTENCES.map(str.capitalize)).filter(lambda text: bool(text.strip()))
STEPS = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def same(first: str, second: str) -> bool:
    """Return whether two texts differ at most in blanks, Unicode form, a final stop and the first letter's case."""
    blank = [re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip() for text in (first, second)]
    bare = [text[:-1] if text[-1:] in ".。．।۔｡" else text for text in blank]
    return bare[0][:1].lower() + bare[0][1:] == bare[1][:1].lower() + bare[1][1:]


async def wordings(memory: Memory) -> set[str]:
    """Return the texts of all notes and of their histories."""
    notes = (await memory.list(limit=1_000)).notes
    return {note.content for note in notes} | {old.content for note in notes for old in await memory.history(note.id)}


def all_kept(texts: list[str], found: set[str]) -> bool:
    return all(text in found or any(same(text, other) for other in found if other in texts) for text in texts)


async def with_memory(*, of: list[str], then: str) -> set[str]:
    with tempfile.TemporaryDirectory() as folder:
        store = VectorStore(path=Path(folder) / "store", embedder=HashingEmbedder(), reranker="none")
        async with store, Memory.open(folder, store=store) as memory:
            first, second = of
            note = await memory.remember(first, kind="decision")
            if then == "update":
                await memory.update(note.id, content=second)
            elif then == "import":
                file = Path(folder) / "notes" / "one.md"
                file.parent.mkdir()
                file.write_bytes(f"---\nkind: decision\ntext: {json.dumps(second)}\n---\n".encode())
                await memory.import_notes(file.parent)
            else:
                await memory.remember(second, kind="decision")
            return await wordings(memory)


@STEPS
@example("Call Foo first.", "Call foo first.")
@example("Retry while n < 3.", "Retry while n > 3.")
@example("Tests laufen.", "Tests laufen nicht.")
@given(TEXTS, TEXTS)
def test_two_texts_are_both_found_after_both_were_remembered(first: str, second: str) -> None:
    assert all_kept([first, second], asyncio.run(with_memory(of=[first, second], then="remember")))


@STEPS
@given(TEXTS, TEXTS)
def test_the_old_and_the_new_text_are_found_after_a_correction(first: str, second: str) -> None:
    found = asyncio.run(with_memory(of=[first, second], then="update"))
    assert {first, second} <= found


@STEPS
@example("Call Foo first.", "Call foo first.")
@example("Retry while n < 3.", "Retry while n > 3.")
@example("Tests laufen.", "Tests laufen nicht.")
@given(TEXTS, TEXTS)
def test_two_texts_are_both_found_after_one_was_imported(first: str, second: str) -> None:
    assert all_kept([first, second], asyncio.run(with_memory(of=[first, second], then="import")))


async def after_steps(steps: list[tuple[str, str]]) -> tuple[set[str], set[str]]:
    """Return the texts that were said and those that are found, after some steps.

    A step is a way of storing a text: ``remember``, ``update`` of the note before, or ``supersede`` it.
    """
    with tempfile.TemporaryDirectory() as folder:
        store = VectorStore(path=Path(folder) / "store", embedder=HashingEmbedder(), reranker="none")
        async with store, Memory.open(folder, store=store) as memory:
            last = ""
            for way, text in steps:
                if way == "update" and last:
                    await memory.update(last, content=text)
                else:
                    replaced = last if way == "supersede" and last else None
                    last = (await memory.remember(text, kind="decision", supersedes=replaced)).id
            return {text for _, text in steps}, await wordings(memory)


WAYS = st.sampled_from(("remember", "update", "supersede"))


@STEPS
@example([("remember", "Tests laufen."), ("update", "Tests laufen nicht."), ("remember", "Tests laufen.")])
@example([("remember", "n < 3"), ("update", "n > 3"), ("update", "n < 3")])
@example([("remember", "密码 A"), ("supersede", "密码 B"), ("supersede", "密码 A")])
@given(st.lists(st.tuples(WAYS, TEXTS), min_size=3, max_size=3))
def test_three_texts_are_found_however_they_were_stored(steps: list[tuple[str, str]]) -> None:
    said, found = asyncio.run(after_steps(steps))
    assert all_kept(sorted(said), found)


@STEPS
@given(SENTENCES, SENTENCES, st.sampled_from(WORDS), st.integers(0, 6))
def test_a_correction_by_one_word_keeps_both_wordings(first: str, text: str, word: str, place: int) -> None:
    words = text.split(" ")
    other = " ".join([*words[:place], word, *words[place:]])
    if first.strip() and text.strip() and other.strip():
        said, found = asyncio.run(after_steps([("remember", first), ("remember", text), ("update", other)]))
        assert all_kept(sorted(said), found)


@STEPS
@given(SENTENCES, st.sampled_from(WORDS), st.integers(0, 6))
def test_a_text_with_a_word_more_is_another_note(text: str, word: str, place: int) -> None:
    words = text.split(" ")
    other = " ".join([*words[:place], word, *words[place:]])
    if text.strip() and other.strip():
        assert all_kept([text, other], asyncio.run(with_memory(of=[text, other], then="remember")))


PAIRS = (
    ("Retry while n < 3.", "Retry while n > 3."),
    ("Die Tests laufen bei jedem Push.", "Die Tests laufen nicht bei jedem Push."),
    ("Sessions of the staging web shop live in Redis.", "Sessions of the web shop live in Redis."),
    ("Plan A is used.", "Plan B is used."),
    ("Reviewers answer 👍.", "Reviewers answer 👎."),
    ("Call Foo first.", "Call foo first."),
)
SCRIPT = """
import asyncio, json, sys
from aurora_dev import Memory

async def main():
    async with Memory.open(sys.argv[1], reranker="none") as memory:
        await memory.search("warm up", rerank=False)
        print("ready", flush=True)
        for text in json.loads(sys.stdin.readline()):
            await memory.remember(text, kind="decision")

asyncio.run(main())
"""


async def test_two_processes_that_remember_at_once_lose_no_wording(project: Path) -> None:
    async with Memory.open(project, reranker="none") as memory:
        await memory.remember("Counted.")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(project)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for number, process in enumerate(running):
        process.communicate(json.dumps([pair[(number + n) % 2] for n, pair in enumerate(PAIRS)]) + "\n", timeout=120)
        assert process.returncode == 0
    async with Memory.open(project, reranker="none") as memory:
        assert {text for pair in PAIRS for text in pair} <= await wordings(memory)
