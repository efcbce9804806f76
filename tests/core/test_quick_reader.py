"""Reading a store quickly: the answers equal those of the usual way, and nothing is changed."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from array import array
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from aurora_dev import Memory
from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.keyword.index import ASIDE_TERM, KeywordIndex
from aurora_dev.core.quick_reader import BUNDLED_MODEL, QuickReader, SavedPostings, cosine, embed_one
from aurora_dev.core.record_kinds import FILE_KEY
from aurora_dev.core.text.terms import query_terms

TEXTS = [
    "How do sessions expire? See `TokenVerifier.check()` in auth/tokens.py",
    "don't use foo_bar2, 3.14 or naïve façades",
    "Größe der Überweisung prüfen",
    "Привет, мир",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_gets_the_vector_of_the_usual_embedder(text: str) -> None:
    vector = embed_one(text)
    assert vector is not None
    usual = StaticEmbedder.bundled().embed_query(text)
    assert np.allclose(np.array(vector), usual, atol=1e-5)
    assert cosine(vector, usual.astype("<f4").tobytes()) == pytest.approx(1.0, abs=1e-5)
    assert cosine(vector, b"1234") is None


def test_a_text_without_a_known_token_has_no_vector() -> None:
    assert embed_one("") is None
    assert embed_one("\u200b") is None
    assert StaticEmbedder.bundled().name == BUNDLED_MODEL


def test_saved_postings_rank_as_the_index_that_saved_them(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    index = KeywordIndex()
    documents = [
        {f"t{term}": float(random.integers(1, 5)) for term in random.integers(0, 60, random.integers(1, 30))}
        for _ in range(400)
    ]
    index.add(range(10, 410), documents)
    index.save(tmp_path / "index", {"store": "s", "last_row": 409})
    with SavedPostings(str(tmp_path / "index")) as postings:
        assert (len(postings), postings.header["last_row"]) == (400, 409)
        for _ in range(20):
            terms = {f"t{term}": float(random.random()) + 0.1 for term in random.integers(0, 70, 5)}
            rows, scores = index.search(terms, 10)
            found = postings.search(terms, 10)
            assert [score for _, score in found] == pytest.approx(scores.tolist(), rel=1e-4)
            assert [postings.holders(term) for term in terms] == index.holders(list(terms))
            assert len({row for row, _ in found} & set(rows.tolist())) >= len(rows) - 1  # equal scores may swap places


def test_documents_that_are_set_aside_are_not_among_the_rows(tmp_path: Path) -> None:
    index = KeywordIndex()
    index.add([1, 2, 3], [{"x": 1.0}, {"x": 3.0, ASIDE_TERM: 1.0}, {"x": 2.0, "y": 1.0}])
    index.save(tmp_path / "index", {})
    with SavedPostings(str(tmp_path / "index")) as postings:
        assert sorted(row for row, _ in postings.search({"x": 1.0}, 5)) == [1, 3]


def test_every_damage_to_saved_postings_is_an_error_and_no_crash(tmp_path: Path) -> None:
    index = KeywordIndex()
    index.add(range(50), [{f"t{number % 7}": 1.0} for number in range(50)])
    index.save(tmp_path / "index", {"store": "s"})
    whole = (tmp_path / "index").read_bytes()
    random = np.random.default_rng(6)
    for cut in (0, 7, 47, 60, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:cut])
        with pytest.raises((ValueError, OSError)):
            SavedPostings(str(tmp_path / "cut"))
    for _ in range(50):
        damaged = bytearray(whole)
        damaged[int(random.integers(len(whole)))] ^= 1 << int(random.integers(8))
        (tmp_path / "bit").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"damaged|not a keyword index"):
            SavedPostings(str(tmp_path / "bit"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for number in range(5):
        (root / f"file{number}.py").write_text(f"def handler_{number}(request):\n    return request.user\n", "utf-8")
    return root


def remember(root: Path, *texts: str) -> None:
    async def work() -> None:
        async with Memory.open(root, user_store="none") as memory:
            await memory.index()
            for text in texts:
                await memory.remember(text)

    asyncio.run(work())


def learned(root: Path) -> list[str]:
    with QuickReader(str(root / ".aurora"), "default") as reader:
        return [record.content for record in reader.learned(100, FILE_KEY)]


def test_notes_are_read_newest_first_and_later_ones_are_seen_at_once(project: Path) -> None:
    remember(project, "The first note", "The second note is longer")
    assert learned(project) == ["The second note is longer", "The first note"]
    remember(project, "Some third thing")
    assert learned(project)[0] == "Some third thing"
    remembered = list((project / ".aurora" / "state").glob("learned-*.json"))
    assert len(remembered) == 1
    remembered[0].write_text("[1, {}]")  # damaged: looked through again
    assert len(learned(project)) == 3


def test_forgotten_notes_are_not_read_and_a_restored_backup_is_looked_through(project: Path, tmp_path: Path) -> None:
    remember(project, "Kept in the backup")
    shutil.copytree(project / ".aurora", tmp_path / "backup")
    for number in range(4):
        (project / f"later{number}.py").write_text(f"LATER = {number}\n", "utf-8")
    remember(project, "Written after the backup", "Another thing, after it")
    assert len(learned(project)) == 3

    async def forget() -> None:
        async with Memory.open(project, user_store="none") as memory:
            notes = (await memory.list()).notes
            await memory.forget(next(note.id for note in notes if note.content.startswith("Another")))

    asyncio.run(forget())
    assert learned(project) == ["Written after the backup", "Kept in the backup"]
    state = shutil.copytree(project / ".aurora" / "state", tmp_path / "state")
    shutil.rmtree(project / ".aurora")
    shutil.copytree(tmp_path / "backup", project / ".aurora")
    shutil.copytree(state, project / ".aurora" / "state", dirs_exist_ok=True)
    assert learned(project) == ["Kept in the backup"]
    for number in range(4):
        (project / f"later{number}.py").unlink()
    # Rows of the restored store have the numbers of those that are lost.
    remember(project, "First after the restore", "Second after the restore", "Third one", "Fourth one of them")
    assert len(learned(project)) == 5


def test_records_come_with_their_vectors_and_the_saved_index_finds_chunks(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_dev.core.local.derived.SAVE_AFTER_REFRESH", 0.0)  # so small an index is not saved
    remember(project, "Handlers return the user of a request")
    with QuickReader(str(project / ".aurora"), "default") as reader:
        assert (reader.embedder, reader.records) == (BUNDLED_MODEL, 6)
        (note,) = reader.learned(10, FILE_KEY)
        vector = embed_one(note.content)
        assert vector is not None
        assert note.vector is not None
        assert cosine(vector, note.vector) == pytest.approx(1.0, abs=1e-3)
        assert isinstance(vector, array)
        postings = reader.postings()
        assert postings is not None
        with postings:
            rows = [row for row, _ in postings.search(query_terms("handler_3"), 5)]
        (best, *_) = reader.read(rows)
        assert best.metadata["path"] == "file3.py"


def test_a_folder_without_a_store_and_another_programs_database_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        QuickReader(str(tmp_path), "default")
    import sqlite3

    connection = sqlite3.connect(tmp_path / "memory.db")
    connection.execute("CREATE TABLE x (y)")
    connection.close()
    with pytest.raises(ValueError, match="not a store"):
        QuickReader(str(tmp_path), "default")


def test_an_unknown_namespace_is_empty(project: Path) -> None:
    remember(project, "A note")
    with QuickReader(str(project / ".aurora"), "other") as reader:
        assert (reader.records, reader.learned(10, FILE_KEY), reader.postings()) == (0, [], None)


@pytest.mark.parametrize("name", ["50% done?#1", "plain"])
def test_reading_does_not_write_the_log_of_a_killed_process_back(tmp_path: Path, name: str) -> None:
    root, copy = tmp_path / "project", tmp_path / name
    root.mkdir()
    (root / "a.py").write_text("def a():\n    return 1\n", "utf-8")

    async def work() -> None:
        async with Memory.open(root, user_store="none") as memory:
            await memory.index()
            await memory.remember("A note that is only in the log")
            shutil.copytree(root, copy)  # as a kill leaves it

    asyncio.run(work())
    database, log = (copy / ".aurora" / file for file in ("memory.db", "memory.db-wal"))
    before = database.read_bytes(), log.read_bytes()
    assert len(before[1]) > 0
    assert learned(copy) == ["A note that is only in the log"]
    assert (database.read_bytes(), log.read_bytes()) == before


def test_a_note_is_found_behind_more_chunks_than_can_be_looked_through(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(project, "The first note")
    for number in range(5, 20):
        (project / f"file{number}.py").write_text(f"def handler_{number}():\n    pass\n", "utf-8")
    remember(project)
    monkeypatch.setattr("aurora_dev.core.local.quick._MOST_SCANNED", 3)
    assert learned(project) == ["The first note"]
    shutil.rmtree(project / ".aurora" / "state")
    with closing(sqlite3.connect(project / ".aurora" / "memory.db")) as connection:
        (plan,) = connection.execute("PRAGMA user_version").fetchone()
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%json_extract%'"
        ).fetchall():
            connection.execute(f"DROP INDEX {name}")
        assert plan == 2
        connection.execute("PRAGMA user_version = 1")
    assert learned(project) == [], "a store of an earlier version has no index of notes"
