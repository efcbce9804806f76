from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from git_repository import Repository

from aurora_dev.core.record_kinds import IS_COMMIT
from aurora_dev.core.text.secrets import MASKING_VERSION
from aurora_dev.core.types import Document
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import InvalidRequestError
from aurora_dev.history import commit_indexer
from aurora_dev.history.commit import Commit
from aurora_dev.history.commit_indexer import CommitIndexer, commit_document
from aurora_dev.history.git_log import GitLog, GitUnavailableError
from aurora_dev.history.options import HistoryOptions
from aurora_dev.history.report import HistoryReport
from aurora_dev.indexing.indexer import Indexer

TOKEN = "ghp_" + "a8Kd03mPq7Zt5LwXc1Rv9BnY2sHjF6gUeQ4i"


async def index(store: VectorStore, root: Path, **options: float) -> HistoryReport:
    return await CommitIndexer(store, root, options=HistoryOptions(**options)).run()  # type: ignore[arg-type]


async def subjects(store: VectorStore) -> set[str]:
    return {record.content.split("\n")[0] for record in await store.scan(IS_COMMIT, content=True)}


async def test_commits_are_stored_once_and_new_ones_are_added(store: VectorStore, repository: Repository) -> None:
    repository.commit("First", a__py="x = 1\n")
    second = repository.commit("Second", a__py="x = 2\n")
    report = await index(store, repository.root)
    assert (report.commits_added, report.commits_total, report.head, report.skipped) == (2, 2, second, None)
    sequence = (await store.stats()).sequence
    report = await index(store, repository.root)
    assert (report.commits_added, report.commits_removed, report.commits_total) == (0, 0, 2)
    assert (await store.stats()).sequence == sequence
    repository.commit("Third", a__py="x = 3\n")
    assert (await index(store, repository.root)).commits_added == 1
    assert await subjects(store) == {"First", "Second", "Third"}


async def test_commits_that_a_rebase_made_unreachable_are_removed(store: VectorStore, repository: Repository) -> None:
    repository.commit("Base", a__txt="1")
    repository.commit("To be reworded", a__txt="2")
    await index(store, repository.root)
    repository.git("reset", "-q", "--soft", "HEAD~1")
    repository.commit("Reworded")
    report = await index(store, repository.root)
    assert (report.commits_added, report.commits_removed, report.commits_total) == (1, 1, 2)
    assert await subjects(store) == {"Base", "Reworded"}


async def test_on_an_empty_branch_all_commits_are_removed(store: VectorStore, repository: Repository) -> None:
    repository.commit("Base", a__txt="1")
    await index(store, repository.root)
    repository.git("checkout", "-q", "--orphan", "empty")
    report = await index(store, repository.root)
    assert (report.commits_removed, report.commits_total, report.head) == (1, 0, None)


async def test_the_limit_keeps_the_newest_commits(store: VectorStore, repository: Repository) -> None:
    for n in range(5):
        repository.commit(f"Number {n}", a__txt=str(n))
    assert (await index(store, repository.root, limit=2)).commits_added == 2
    assert await subjects(store) == {"Number 3", "Number 4"}
    repository.commit("Number 5", a__txt="5")
    report = await index(store, repository.root, limit=2)
    assert (report.commits_added, report.commits_removed, report.commits_total) == (1, 1, 2)
    report = await index(store, repository.root, limit=0)
    assert (report.commits_total, report.skipped) == (0, "the history limit is 0")
    assert await subjects(store) == set()


async def test_commits_older_than_the_maximum_age_are_left_out(store: VectorStore, repository: Repository) -> None:
    repository.commit("Years ago", a__txt="1")
    repository.git("commit", "-q", "--allow-empty", "-m", "Just now")
    assert (await index(store, repository.root, days=1)).commits_total == 1
    assert await subjects(store) == {"Just now"}


async def test_the_indexers_of_files_and_commits_do_not_touch_each_others_records(
    store: VectorStore, repository: Repository
) -> None:
    repository.commit("First", a__py="def alpha():\n    return 1\n")
    await index(store, repository.root)
    await Indexer(store, repository.root).run()
    assert await subjects(store) == {"First"}
    files = await store.count({"file_hash": {"$exists": True}})
    assert files > 0
    repository.commit("Second")
    await index(store, repository.root)
    (repository.root / "a.py").unlink()
    await Indexer(store, repository.root).run()
    assert await subjects(store) == {"First", "Second"}
    assert await store.count({"file_hash": {"$exists": True}}) == 0


async def test_commits_are_removed_when_the_repository_is_gone(
    store: VectorStore, repository: Repository, tmp_path: Path
) -> None:
    repository.commit("First", a__txt="1")
    await index(store, repository.root)
    (repository.root / ".git").rename(tmp_path / "gone")
    report = await index(store, repository.root)
    assert (report.commits_removed, report.commits_total) == (1, 0)
    assert report.skipped is not None
    assert "no git repository" in report.skipped


async def test_without_git_stored_commits_are_kept(
    store: VectorStore, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("First", a__txt="1")
    await index(store, repository.root)
    monkeypatch.setenv("PATH", str(repository.root))
    report = await index(store, repository.root)
    assert (report.commits_total, report.skipped) == (1, "git is not installed")
    assert await subjects(store) == {"First"}


async def test_a_new_history_version_replaces_the_stored_document(
    store: VectorStore, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("First", a__txt="1")
    await index(store, repository.root)
    monkeypatch.setattr(commit_indexer, "HISTORY_VERSION", commit_indexer.HISTORY_VERSION + 1)
    sequence = (await store.stats()).sequence
    report = await index(store, repository.root)
    assert (report.commits_added, report.commits_total) == (0, 1)
    assert (await store.stats()).sequence > sequence
    sequence = (await store.stats()).sequence
    await index(store, repository.root)
    assert (await store.stats()).sequence == sequence


async def test_credentials_in_messages_are_masked(store: VectorStore, repository: Repository) -> None:
    repository.commit(f"Rotate the token {TOKEN}", a__txt="1")
    await index(store, repository.root)
    (record,) = await store.scan(IS_COMMIT, content=True)
    assert TOKEN not in record.content
    assert "Rotate the token" in record.content


async def test_commits_that_were_stored_before_a_rule_of_masking_are_renewed(
    store: VectorStore, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(f"Rotate the token {TOKEN}", a__txt="1")
    with monkeypatch.context() as earlier:
        # As an earlier version left them: fewer rules, and a lower version of the masking.
        earlier.setattr(commit_indexer, "MASKING_VERSION", MASKING_VERSION - 1)
        earlier.setattr("aurora_dev.core.text.secrets.mask_content", lambda content, metadata: (content, metadata, 0))
        await index(store, repository.root)
    (record,) = await store.scan(IS_COMMIT, content=True)
    assert TOKEN in record.content
    await index(store, repository.root)
    (record,) = await store.scan(IS_COMMIT, content=True)
    assert TOKEN not in record.content


async def test_plain_merges_are_not_stored(store: VectorStore, repository: Repository) -> None:
    repository.commit("Base", a__txt="1")
    main = repository.git("rev-parse", "--abbrev-ref", "HEAD")
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("Work", b__txt="1")
    repository.git("checkout", "-q", main)
    repository.git("merge", "-q", "--no-ff", "-m", "Merge branch 'side'", "side")
    assert (await index(store, repository.root)).commits_total == 2
    sequence = (await store.stats()).sequence
    assert (await index(store, repository.root)).commits_total == 2
    assert (await store.stats()).sequence == sequence
    assert await subjects(store) == {"Base", "Work"}


@pytest.mark.parametrize("seconds", [253_402_300_800, 946_684_800_000, 1_099_511_627_775, 1 << 41])
async def test_a_commit_dated_after_the_year_9999_is_kept_with_the_last_day(
    store: VectorStore, repository: Repository, seconds: int
) -> None:
    repository.commit("Usual", a__py="x = 1\n")
    repository.put("a.py", "x = 2\n")
    when = f"@{seconds} +0000"
    repository.git("commit", "-qam", "Imported", GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when)
    report = await index(store, repository.root)
    assert (report.commits_added, report.failed) == (2, ())
    contents = {record.content for record in await store.scan(IS_COMMIT, content=True)}
    assert any("Imported" in content and "of 9999-12-30 by" in content for content in contents)
    assert (await index(store, repository.root)).commits_added == 0


async def test_a_commit_that_cannot_be_stored_is_named_and_tried_again(
    store: VectorStore, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [repository.commit(f"Number {number}", a__py=f"x = {number}\n") for number in range(4)]

    def cannot(commit: Commit, namespace: str) -> Document:
        document = commit_document(commit, namespace)
        if commit.hash == names[1]:
            raise OverflowError("out of range")
        return replace(document, content=document.content + "\ud800") if commit.hash == names[2] else document

    with monkeypatch.context() as patched:
        patched.setattr(commit_indexer, "commit_document", cannot)
        report = await index(store, repository.root)
    assert (report.commits_added, report.commits_total, set(report.failed)) == (2, 2, {names[1], names[2]})
    assert await subjects(store) == {"Number 0", "Number 3"}
    report = await index(store, repository.root)
    assert (report.commits_added, report.commits_total, report.failed) == (2, 4, ())


async def test_when_git_fails_during_a_run_what_it_read_is_kept(
    store: VectorStore, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        repository.commit(f"Number {number}", a__py=f"x = {number}\n")

    def fails(_self: GitLog, hashes: Iterable[str]) -> Iterator[list[Commit]]:
        yield [Commit(next(iter(hashes)), "Number 2", "", "Ada", 1_700_000_000, 1, ("a.py",), 1)]
        raise GitUnavailableError("git could not be started (Cannot allocate memory)")

    with monkeypatch.context() as patched:
        patched.setattr(GitLog, "read", fails)
        report = await index(store, repository.root)
    assert (report.commits_added, report.skipped) == (1, "git could not be started (Cannot allocate memory)")
    assert (await index(store, repository.root)).commits_added == 2


def test_a_document_holds_message_date_author_and_files() -> None:
    files = tuple(f"src/f{n:02}.py" for n in range(30))
    commit = Commit(
        "ab" * 20, "Retry twice", "Once was not enough.", "Ada", 86_400, 1, files, 45, ("send", "test_send")
    )
    document = commit_document(commit, "tests")
    assert document.content.startswith(
        "Retry twice\n\nOnce was not enough.\n\nCommit ababababab of 1970-01-02 by Ada\n"
    )
    assert "src/f11.py and 33 more" in document.content
    assert "src/f12.py" not in document.content
    assert document.content.endswith("\nIn: send")
    assert document.metadata["kind"] == "commit"
    assert document.metadata["commit"] == "ab" * 20
    assert document.metadata["files"] == list(files)
    assert document.metadata["created_at"] == 86_400.0
    assert not {"path", "file_hash", "symbol", "symbols"} & set(document.metadata)
    assert commit_document(commit, "tests").id == document.id != commit_document(commit, "others").id


@pytest.mark.parametrize("options", [{"limit": -1}, {"limit": True}, {"limit": 1.5}, {"days": 0}, {"days": -3}])
def test_a_limit_or_age_out_of_range_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidRequestError):
        HistoryOptions(**options)  # type: ignore[arg-type]


async def test_a_commit_that_is_stored_under_two_ids_stays_once(store: VectorStore, repository: Repository) -> None:
    name = repository.commit("First", a__py="x = 1\n")
    await index(store, repository.root)
    (record,) = await store.scan(IS_COMMIT, content=True)
    copies = [Document(record.content, dict(record.metadata), "copied-from-elsewhere")]
    copies.append(Document(record.content, {**record.metadata, "history_version": 1}, "of-an-older-release"))
    await store.write(copies)
    report = await index(store, repository.root)
    assert (report.commits_added, report.commits_total) == (0, 1)
    assert [kept.metadata["commit"] for kept in await store.scan(IS_COMMIT)] == [name]
