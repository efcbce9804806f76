"""The mining of training pairs, on small sources defined here."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import importlib
import json
import random
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts" / "train"
MEASURED = [
    "fastapi",
    "httpx",
    "zod",
    "express",
    "click",
    "flask",
    "requests",
    "starlette",
    "axios",
    "aiohttp",
    "pydantic",
    "model2vec",
    "semble",
]


def script(name: str) -> Any:
    """Import a module of scripts/train, with its folder on the import path."""
    if str(SCRIPTS) not in sys.path:
        sys.path.insert(0, str(SCRIPTS))
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def sources() -> Any:
    return script("sources")


@pytest.fixture(scope="module")
def descriptions() -> Any:
    return script("descriptions")


@pytest.fixture(scope="module")
def phrasing() -> Any:
    return script("phrasing")


def only(found: list[Any], kind: str) -> list[str]:
    return [description.sentence for description in found if description.kind == kind]


# -- sources -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MEASURED)
def test_an_evaluation_package_is_refused(sources: Any, name: str) -> None:
    source = sources.Source("x", "python", "train", "MIT", (sources.Package("pypi", name, "1.0"),), (".py",))
    with pytest.raises(ValueError, match="must not be trained on"):
        sources.check_sources([source])


def test_the_table_has_no_evaluation_package_and_only_exact_versions(sources: Any) -> None:
    table = script("source_table").SOURCES
    sources.check_sources(table)
    names = {package.name for source in table for package in source.packages}
    assert not names.intersection(MEASURED)
    assert len(table) > 30
    assert {"train", "valid", "heldout"} == {source.role for source in table}
    assert len({source.language for source in table if source.role == "heldout"}) >= 8


@pytest.mark.usefixtures("sources")
def test_the_held_out_part_shares_no_folder_of_a_package_with_training() -> None:
    table = script("source_table").SOURCES
    trained = {(p.name, p.roots) for s in table if s.role == "train" for p in s.packages}
    for source in table:
        if source.role == "heldout":
            assert not trained.intersection((package.name, package.roots) for package in source.packages)


def test_a_package_in_two_roles_is_refused(sources: Any) -> None:
    first = sources.Source("a", "go", "train", "MIT", (sources.Package("debian", "golang", "1"),), (".go",))
    second = dataclasses.replace(first, name="b", role="heldout")
    with pytest.raises(ValueError, match=r"golang is in a \(train\) and b \(heldout\)"):
        sources.check_sources([first, second])
    sources.check_sources([dataclasses.replace(first, shard=(0, 2)), dataclasses.replace(second, shard=(1, 2))])


def test_a_package_without_an_exact_version_is_refused(sources: Any) -> None:
    source = sources.Source("x", "python", "train", "MIT", (sources.Package("pypi", "numpy"),), (".py",))
    with pytest.raises(ValueError, match="no exact version"):
        sources.check_sources([source])


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("pip/_internal/cli.py", True),
        ("pip/_vendor/rich/text.py", False),
        ("celery/requests/api.py", False),
        ("lib/node_modules/x.js", False),
        ("src/index.d.ts", False),
        ("dist/all.min.js", False),
        ("effect/blur.js", True),
        ("asyncio/express.py", True),
    ],
)
def test_vendored_copies_and_compiled_files_are_left_out(sources: Any, path: str, kept: bool) -> None:
    assert sources.keeps(path) is kept


# -- descriptions --------------------------------------------------------------------------------------------------

PYTHON = '''"""Locks that several processes share.

More about them.
"""

class FileLock:
    """A lock that is held as long as a file is open."""

    def acquire(self, timeout):
        """Wait until nobody else holds the lock, or the time is over. Returns quickly."""
        # Another process may have removed the file meanwhile
        return wait(self, timeout)

    def nothing(self):
        """Only words stand here and no code."""
'''


def test_python_docstrings_and_comments_are_found_with_the_lines_they_describe(descriptions: Any) -> None:
    found = descriptions.describe(PYTHON, "python")
    assert only(found, "module") == ["Locks that several processes share"]
    assert only(found, "docstring") == [
        "A lock that is held as long as a file is open",
        "Wait until nobody else holds the lock, or the time is over",
    ]
    assert only(found, "comment") == ["Another process may have removed the file meanwhile"]
    lines = PYTHON.split("\n")
    assert [lines[d.row].strip() for d in found if d.kind != "module"] == [
        "class FileLock:",
        "def acquire(self, timeout):",
        "return wait(self, timeout)",
    ]


@pytest.mark.parametrize(
    ("language", "text", "sentence", "line"),
    [
        ("go", "package a\n\n// Open opens the named file for reading.\nfunc Open(n string) {}\n", "opens the named file for reading", "func Open(n string) {}"),  # noqa: E501
        ("rust", "/// Removes the last element of `self`.\n#[inline]\npub fn pop(&mut self) {}\n", "Removes the last element of self", "pub fn pop(&mut self) {}"),  # noqa: E501
        ("java", "class A {\n  /**\n   * Returns the {@code size} of this <b>list</b>.\n   * @return it\n   */\n  int size() { return 1; }\n}\n", "Returns the size of this list", "int size() { return 1; }"),  # noqa: E501
        ("javascript", "/**\n * Copies all keys of an object.\n * @param {object} o\n */\nexport function copy(o) { return o }\n", "Copies all keys of an object", "export function copy(o) { return o }"),  # noqa: E501
        ("ruby", "class A\n  # Joins the parts with +sep+ between them.\n  def join(sep)\n  end\nend\n", "Joins the parts with sep between them", "def join(sep)"),  # noqa: E501
        ("php", "<?php\n/**\n * Creates a folder and its parents.\n */\nfunction make($p) { return 1; }\n", "Creates a folder and its parents", "function make($p) { return 1; }"),  # noqa: E501
        ("perl", "package A;\n\n=head2 parse\n\nReads the whole file into memory.\n\n=cut\n\nsub parse {\n  1;\n}\n", "Reads the whole file into memory", "sub parse {"),  # noqa: E501
    ],
)  # fmt: skip
def test_comments_of_other_languages_belong_to_the_definition_below(
    descriptions: Any, language: str, text: str, sentence: str, line: str
) -> None:
    (found,) = [d for d in descriptions.describe(text, language) if d.kind == "docstring"]
    assert found.sentence == sentence
    assert text.split("\n")[found.row].strip() == line
    changed, shifts = descriptions.apply(text, [found.edit])
    assert sentence.split()[-1] + "." not in changed
    assert changed.split("\n")[descriptions.moved(found.row, shifts)].strip() == line


@pytest.mark.parametrize(
    "words",
    [
        "Copyright 2020 The Authors",
        "TODO: rewrite all of this",
        "Deprecated, use another one",
        "too short",
        "1 = {2} ** 3 == 4 // 5",
    ],
)
def test_a_sentence_without_information_is_not_a_query(descriptions: Any, words: str) -> None:
    assert descriptions.first_sentence(words) is None


def test_a_sentence_is_removed_from_a_paragraph_of_prose(descriptions: Any) -> None:
    text = (
        "Title\n=====\n\nThe cache keeps what was read before. Entries leave it when they were not used for an hour. "
        "A process that\nwrites to the store tells every other process, so that nothing stale is shown to anybody. "
        "The size of the cache is bounded.\n\nAnother paragraph.\n"
    )
    (found,) = [d for d in descriptions.describe(text, "markdown") if d.kind == "prose"]
    changed, _ = descriptions.apply(text, [found.edit])
    words = " ".join(changed.split())
    assert found.sentence not in words
    assert "Another paragraph." in words
    assert len(words) > 150


def test_moved_gives_the_new_row_of_every_line_that_edits_keep(descriptions: Any) -> None:
    rng = random.Random(4)
    lines = [f"line {number}" for number in range(60)]
    for _ in range(50):
        cuts = sorted(rng.sample(range(61), 8))
        edits = [
            descriptions.Edit(first, last, ("new",) * rng.randint(0, 2))
            for first, last in zip(cuts[::2], cuts[1::2], strict=True)
        ]
        changed, shifts = descriptions.apply("\n".join(lines), edits)
        removed = {row for edit in edits for row in range(edit.first, edit.last)}
        after = changed.split("\n")
        for row in set(range(60)) - removed:
            assert after[descriptions.moved(row, shifts)] == lines[row]


def test_edits_that_overlap_are_refused(descriptions: Any) -> None:
    with pytest.raises(ValueError, match="overlap"):
        descriptions.apply("a\nb\nc", [descriptions.Edit(0, 2), descriptions.Edit(1, 3)])


# -- phrasing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "verb"), [("Returns", "return"), ("copies", "copy"), ("Removing", "remove"), ("Getting", "get"), ("lock", "lock"), ("window", None)]  # noqa: E501
)  # fmt: skip
def test_the_base_form_of_a_verb_is_found(phrasing: Any, word: str, verb: str | None) -> None:
    assert phrasing.verb_of(word) == verb


def test_verbs_are_inflected(phrasing: Any) -> None:
    assert [phrasing.participle(verb) for verb in ("remove", "copy", "split", "write")] == [
        "removed",
        "copied",
        "split",
        "written",
    ]
    assert [phrasing.third_person(verb) for verb in ("fetch", "copy", "get")] == ["fetches", "copies", "gets"]
    assert [phrasing.gerund(verb) for verb in ("remove", "get", "free", "read")] == [
        "removing",
        "getting",
        "freeing",
        "reading",
    ]


def test_a_sentence_becomes_questions_sentences_and_keywords(phrasing: Any) -> None:
    rng = random.Random(1)
    asked = [phrasing.phrase("Removes the lock", rng) for _ in range(200)]
    assert {"sentence", "question"} <= {form for _, form in asked}
    assert {"where is the lock removed", "how to remove the lock", "removes the lock"} <= {query for query, _ in asked}
    assert asked == [phrasing.phrase("Removes the lock", again) for again in [random.Random(1)] for _ in range(200)]
    assert phrasing.keywords("Return the name of the file that is open") == "Return name file open"


# -- pairs and negatives -------------------------------------------------------------------------------------------


def project() -> list[tuple[str, str]]:
    """Return eight files with four documented functions each."""
    verbs, things = (
        ["remove", "copy", "count", "sort"],
        ["lock", "cache", "queue", "token", "header", "packet", "window", "record"],
    )
    files = []
    for thing in things:
        body = "".join(
            f'def {verb}_{thing}(values, limit):\n    """{verb.capitalize()} every stale {thing} of the pool."""\n'
            f"    total = 0\n    for {thing} in values:\n        total += {verb}({thing}, limit)\n"
            f'    if total > limit:\n        raise ValueError("the {thing} pool is larger than {verb} allows")\n'
            f"    return total\n\n\n" + f"# {'-' * 60}\n" * 8
            for verb in verbs
        )
        files.append((f"pool/{thing}.py", body))
    return files


def mine(seed: int) -> list[dict[str, Any]]:
    pairs, negatives = script("pairs"), script("negatives")
    rng = random.Random(seed)
    stripped = [pairs.strip_file(path, text, rng) for path, text in project()]
    rows: list[dict[str, Any]] = asyncio.run(
        negatives.rows_of("small", stripped, partial(pairs.pairs_of, stripped, most=40, rng=rng), rng)
    )
    return rows


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return mine(3)


def test_the_answer_of_a_row_is_not_among_its_negatives(rows: list[dict[str, Any]]) -> None:
    assert len(rows) >= 15
    for row in rows:
        assert 7 <= len(row["negatives"]) == len(row["negative_ranks"]) == len(row["negative_scores"]) <= 12
        assert row["positive"]["text"] not in row["negatives"]
        assert row["positive"]["rank"] not in row["negative_ranks"]
        assert row["negative_ranks"] == sorted(row["negative_ranks"])
        assert row["positive"]["id"] in row["relevant"]
        assert row["positive"]["text"].split("\n")[0].startswith(row["positive"]["path"])


def test_the_answer_to_a_symbol_is_its_definition(rows: list[dict[str, Any]]) -> None:
    found = [row for row in rows if row["kind"] == "symbol" and row["form"] == "name" and "_" in row["query"]]
    assert found
    for row in found:
        name = next(word for word in row["query"].split() if "_" in word)
        assert f"def {name}(" in row["positive"]["text"]


def test_queries_are_distinct(rows: list[dict[str, Any]]) -> None:
    assert len({row["query"].lower() for row in rows}) == len(rows)


def test_the_same_sources_give_the_same_rows(rows: list[dict[str, Any]]) -> None:
    assert mine(3) == rows


def test_most_described_sentences_are_removed_from_their_files() -> None:
    pairs = script("pairs")
    rng = random.Random(8)
    stripped = [pairs.strip_file(path, text, rng) for path, text in project()]
    places = [(file, place) for file in stripped for place in file.places if place[0].kind == "docstring"]
    removed = sum(place[0].sentence not in file.text for file, place in places)
    assert len(places) == 32
    assert 0.5 < removed / len(places) < 0.95
    for file, (description, row, _) in places:
        assert f"def {description.name}(" in file.text.split("\n")[row]


def test_validation_and_held_out_chunks_are_written_next_to_their_pairs(tmp_path: Path) -> None:
    build = script("build_data")
    parts = tmp_path / "parts"
    parts.mkdir()
    for role in ("valid", "heldout"):
        build._write(parts / f"{role}-{role}.jsonl.gz", [{"query": f"of {role}"}])
        build._write(parts / f"{role}_corpus-{role}.jsonl.gz", [{"id": role}])
    reports: list[dict[str, Any]] = [
        {"source": role, "role": role, "kinds": {}, "languages": {}} for role in ("valid", "heldout")
    ]
    build.join(parts, tmp_path, reports)
    for role in ("valid", "heldout"):
        assert json.loads(gzip.decompress((tmp_path / f"{role}.jsonl.gz").read_bytes())) == {"query": f"of {role}"}
        assert json.loads(gzip.decompress((tmp_path / f"{role}_corpus.jsonl.gz").read_bytes())) == {"id": role}
