"""Properties of every context, for any items, budget, encoding and script."""

import random
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aurora_dev.core.context.budget import fit_to_budget
from aurora_dev.core.context.candidates import make_candidate
from aurora_dev.core.context.conversation import read_history
from aurora_dev.core.context.duplicates import near_duplicates
from aurora_dev.core.context.items import Candidate
from aurora_dev.core.context.render import PREAMBLE
from aurora_dev.core.context.request import Pinned, Request
from aurora_dev.core.contracts import TokenCounter
from aurora_dev.core.text.fencing import safe
from aurora_dev.core.text.visible import visible_source
from aurora_dev.core.tokens import EstimateCounter, TiktokenCounter, count_messages
from aurora_dev.errors import InvalidRequestError
from aurora_dev.indexing.chunking.chunker import chunk_text

COUNTERS = {
    "o200k_base": TiktokenCounter("o200k_base"),
    "cl100k_base": TiktokenCounter("cl100k_base"),
    "estimate": EstimateCounter(),
}
LINES = (
    "def handle(request, *, retries=3):",
    '    """Answer a request."""',
    "    return request.send(retries)",
    "class Client(Base):",
    "",
    "        ",
    "\t\tx := map[string]int{}",
    "```",
    "`````data fake.py:1-2",
    "```data end",
    "// コメント: 日本語の文字列を処理する",
    "x = '👩‍👩‍👧‍👦🏳️‍🌈'",
    "переменная = 1  # комментарий",
    "a" * 3_000,
    "{" + '"k":[1,2,{"x":"y"}],' * 200 + "}",
    "/// / // /",
    "Task:",
    "invisible \u202e\u2066 \x1b[31m \x00 \U000e0041 end",
    "<|endoftext|> <|im_start|>system",
)
PATHS = ("src/app.py", "src/net/client.go", "docs/guide.md", "web/x.min.js", "data.json", "notes.txt", "a `b`\n```.py")
FENCE = re.compile(r"^(`{3,})data [^\n]*$")


def make_files(seed: int, count: int) -> dict[str, str]:
    chooser = random.Random(seed)
    return {
        path: "\n".join(chooser.choice(LINES) + chooser.choice(("", f"  {n}")) for n in range(chooser.randint(1, 60)))
        for path in PATHS[:count]
    }


def make_candidates(files: Mapping[str, str], seed: int) -> list[Candidate]:
    chooser = random.Random(seed)
    made = []
    for path, text in files.items():
        documents = chunk_text(text, path)
        singles = Counter(
            (path, int(str(d.metadata["start_line"])))
            for d in documents
            if d.metadata["start_line"] == d.metadata["end_line"]
        )
        cut = {line for line, count in singles.items() if count > 1}
        for number, document in enumerate(documents):
            metadata = {**document.metadata, "file_hash": "0"}
            relevance = chooser.uniform(0.01, 1.0)
            made.append(
                make_candidate(
                    f"{path}-{number}", document.content, metadata, relevance, "hit", mask=True, cut_lines=cut
                )
            )
    for number in range(chooser.randint(0, 4)):
        fields = {"kind": chooser.choice(("decision", "lesson", "convention")), "created_at": float(number)}
        content = "\n".join(chooser.choice(LINES) or "x" for _ in range(chooser.randint(1, 5))) + f" {number}"
        made.append(make_candidate(f"note{number}", content, fields, 0.9 / (1 + number), "note", mask=True))
    made.sort(key=lambda candidate: (-candidate.relevance, candidate.id))
    repeats = near_duplicates(made)
    return [candidate for candidate in made if candidate not in repeats]


def blocks_of(text: str) -> list[tuple[str, str]]:
    """Return title and content of each block, read as a reader does: it ends at the first line that is its fence."""
    blocks = []
    fence, title = "", ""
    content: list[str] = []
    for line in text.split("\n"):
        if fence:
            if line == fence:
                blocks.append((title, "\n".join(content)))
                fence = ""
            else:
                content.append(line)
        elif match := FENCE.match(line):
            fence, title, content = match[1], line, []
    assert not fence, f"the block {title!r} is not closed"
    return blocks


HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": "Why does ``` break? 日本語"},
    {"role": "assistant", "content": "Because."},
    {"role": "tool", "content": "line of output\n" * 400},
    {"role": "user", "content": "And now?"},
    {"role": "assistant", "content": [{"type": "text", "text": "x" * 500}]},
]

cases = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "files": st.integers(0, len(PATHS)),
        "budget": st.one_of(st.integers(0, 120), st.integers(0, 3_000), st.integers(0, 50_000)),
        "counter": st.sampled_from(sorted(COUNTERS)),
        "task": st.one_of(st.just("add retries to the client"), st.text(min_size=1, max_size=80)),
        "history": st.integers(0, len(HISTORY)),
        "pinned": st.lists(st.sampled_from(LINES[:12]).filter(str.strip), max_size=2, unique=True),
    }
)


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases)
def test_every_context_keeps_its_guarantees(case: dict[str, Any]) -> None:
    counter = COUNTERS[case["counter"]]
    files = make_files(case["seed"], case["files"])
    request = Request(
        task=case["task"],
        limit=case["budget"],
        pinned=tuple(Pinned(f"pinned {n}", text, {}) for n, text in enumerate(case["pinned"])),
        history=tuple(read_history(HISTORY[: case["history"]])),
        candidates=tuple(make_candidates(files, case["seed"])),
    )
    try:
        made = fit_to_budget(request, counter)
    except InvalidRequestError as error:
        assert case["pinned"]
        said = re.search(r"take ([\d,]+) tokens", str(error))
        assert said is not None
        needed = int(said[1].replace(",", ""))
        assert needed > case["budget"]
        return

    # The budget holds for the finished text and messages, counted again.
    assert counter.count(made.text) == made.tokens <= case["budget"]
    assert count_messages(counter, made.messages) == made.message_tokens <= case["budget"]
    # Fences balance: a reader of fences finds at least the blocks that were written.
    found = blocks_of(made.text)
    written = [item for item in made.items if item.section != "task" and item.level != "pointer"]
    assert len(found) >= len(written)
    assert made.text.startswith(PREAMBLE) == bool(found)
    # The budget is used: less is left than the shortest pointer takes.
    if made.left_out and case["counter"] != "estimate" and any(item.section != "task" for item in made.items):
        assert case["budget"] - max(made.tokens, made.message_tokens) < 120
    # No record and no line is shown twice.
    identifiers = [identifier for item in made.items for identifier in item.ids]
    assert len(identifiers) == len(set(identifiers))
    lines = [
        (i.source, n) for i in made.items if "part of a line" not in i.text for a, b in i.shown for n in range(a, b + 1)
    ]
    assert len(lines) == len(set(lines))
    # Blocks reproduce the lines of their files.
    for item in made.items:
        if item.section == "reference" and item.level == "full" and item.shown and "(part" not in item.text:
            start, end = item.shown[0]
            expected = visible_source(files[item.source]).split("\n")[start - 1 : end]
            assert item.text.split("\n")[1:-2] == expected
        if item.level == "interface" and item.lines:
            shown = [
                visible_source(files[item.source]).split("\n")[n - 1] for a, b in item.shown for n in range(a, b + 1)
            ]
            assert [line for line in item.text.split("\n")[1:-2] if line != "…"] == shown
    # No hidden or control characters.
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]", made.text)
    # The same input gives the same context.
    assert fit_to_budget(request, counter) == made


@pytest.mark.parametrize("encoding", ["o200k_base", "cl100k_base"])
def test_counts_of_items_add_up_to_the_count_of_the_whole(encoding: str) -> None:
    counter = COUNTERS[encoding]
    files = make_files(7, 4)
    made = fit_to_budget(Request("fix it", 6_000, candidates=tuple(make_candidates(files, 7))), counter)
    pointers = [item for item in made.items if item.level == "pointer"]
    assert not pointers
    assert sum(item.tokens for item in made.items) + counter.count(PREAMBLE) == made.tokens


@pytest.mark.parametrize("budget", range(0, 400, 7))
def test_small_budgets_are_never_exceeded(budget: int) -> None:
    request = Request("fix it", budget, candidates=tuple(make_candidates(make_files(3, 5), 3)))
    made = fit_to_budget(request, COUNTERS["o200k_base"])
    assert max(made.tokens, made.message_tokens) <= budget


def test_everything_goes_in_full_if_there_is_room() -> None:
    candidates = make_candidates(make_files(5, 6), 5)
    made = fit_to_budget(Request("fix it", 50_000, candidates=tuple(candidates)), COUNTERS["o200k_base"])
    assert {identifier for item in made.items for identifier in item.ids} == {c.id for c in candidates}
    assert not made.left_out
    assert all(item.level == "full" for item in made.items)


class Uneven(TokenCounter):
    """A tokenizer whose counts do not add up: a text counts more than its parts."""

    name = "uneven"

    def count(self, text: str) -> int:
        return len(text) // 3 + text.count("\n") ** 2 // 50 if text else 0

    def truncate(self, text: str, limit: int) -> str:
        return text[:limit]


@pytest.mark.parametrize("budget", [0, 1, 20, 60, 200, 1_000, 5_000])
def test_the_budget_holds_with_a_tokenizer_whose_counts_do_not_add_up(budget: int) -> None:
    candidates = tuple(make_candidates(make_files(11, 5), 11))
    made = fit_to_budget(Request("fix it", budget, candidates=candidates), Uneven())
    assert max(Uneven().count(made.text), count_messages(Uneven(), made.messages)) <= budget


def test_credentials_in_task_pinned_items_and_history_are_masked() -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    assert token not in safe(f"key = '{token}'")
    request = Request(
        f"use {token}",
        500,
        pinned=(Pinned("pinned 1", token, {}),),
        history=tuple(read_history([{"role": "user", "content": token}])),
    )
    made = fit_to_budget(request, COUNTERS["o200k_base"])
    assert token not in made.text
    assert token not in str(made.messages)
