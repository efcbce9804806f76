"""Taking transcripts in: what is kept, and that it can be repeated, interrupted and limited."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from transcripts import Claude, Codex, days_of_work

from aurora_dev import Memory
from aurora_dev.core.record_kinds import IS_SESSION
from aurora_dev.errors import InvalidRequestError
from aurora_dev.sessions.state import CaptureState
from aurora_dev.sessions.types import Failure, SessionExchange

SECRET = "ghp_" + "R4nd0mT0kenOfTheTestSu1teXy9Zq8Wv7Ub"


async def exchanges(memory: Memory) -> list[SessionExchange]:
    found: list[SessionExchange] = []
    for summary in await memory.sessions(100):
        found += (await memory.session(summary.id)).exchanges
    return found


async def requests(memory: Memory) -> list[str]:
    return sorted(exchange.request for exchange in await exchanges(memory))


def work(transcript: Claude) -> Claude:
    transcript.ask("why does the export lose the last row?")
    transcript.use("Read", {"file_path": str(transcript.project / "src/export.py")}, "1→def export():\n" * 500)
    transcript.run("pytest -q tests/test_export.py", "E   AssertionError: assert 9 == 10\n1 failed", failed=True)
    transcript.edit("src/export.py")
    transcript.run("pytest -q tests/test_export.py", "1 passed")
    transcript.run("git commit -qam x", "[main 1a2b3c4d] Write the last row\n 1 file changed")
    return transcript.answer("The loop stopped one row early: the range excluded its end. Fixed in export.py.")


async def test_an_exchange_keeps_what_was_asked_concluded_read_changed_failed_and_committed(
    memory: Memory, home: Path, project: Path
) -> None:
    work(Claude(home, project))
    report = await memory.capture_sessions()
    assert (report.transcripts, report.read, report.exchanges_added, report.skipped) == (1, 1, 1, ())
    (exchange,) = await exchanges(memory)
    assert exchange.request == "why does the export lose the last row?"
    assert exchange.conclusion.startswith("The loop stopped one row early")
    assert exchange.files_read == exchange.files_changed == ("src/export.py",)
    assert exchange.failures == (
        Failure(
            "pytest -q tests/test_export.py",
            "Exit code 1\nE   AssertionError: assert 9 == 10\n1 failed",
            "after a change of src/export.py",
        ),
    )
    assert (exchange.branch, exchange.commit, exchange.number) == ("main", "1a2b3c4d", 1)
    assert str(exchange.at) == "2026-11-02 09:00:10+00:00"
    stored = await memory.store.scan(IS_SESSION, content=True)
    assert [record for record in stored if "def export" in record.content] == []


async def test_a_session_names_its_first_request_its_last_conclusion_its_files_and_how_to_resume_it(
    memory: Memory, home: Path, project: Path
) -> None:
    transcript = work(Claude(home, project))
    transcript.use("TodoWrite", {"todos": [{"content": "write the docs", "status": "pending"}]}, "ok")
    transcript.run("make docs", "no rule", failed=True).ask("and the changelog?")
    await memory.capture_sessions()
    (session,) = await memory.sessions()
    assert session.first_request == "why does the export lose the last row?"
    assert session.conclusion.endswith("Fixed in export.py.")
    assert session.files_changed == ("src/export.py",)
    assert session.resume == f"claude --resume {transcript.session}"
    assert session.open_ends == (
        "not answered: and the changelog?",
        "not done: write the docs",
        "still failing: make docs (no rule)",
    )
    assert session.exchanges == 2


async def test_a_grown_transcript_costs_only_its_new_lines(memory: Memory, home: Path, project: Path) -> None:
    transcript = Claude(home, project)
    list(days_of_work(transcript, 20))
    first = await memory.capture_sessions()
    assert (first.exchanges_added, first.bytes_read) == (20, transcript.path.stat().st_size)
    again = await memory.capture_sessions()
    assert (again.read, again.bytes_read, again.exchanges_added, again.exchanges_updated) == (0, 0, 0, 0)
    size = transcript.path.stat().st_size
    transcript.answer("One more remark.").ask("thanks, what is left?")
    grown = await memory.capture_sessions(transcript.path)
    assert (grown.exchanges_added, grown.exchanges_updated) == (1, 1)
    assert grown.bytes_read == transcript.path.stat().st_size - size
    assert len(await exchanges(memory)) == 21
    assert (await memory.sessions())[0].exchanges == 21


async def test_half_of_a_line_is_read_when_it_is_complete(memory: Memory, home: Path, project: Path) -> None:
    transcript = Claude(home, project).ask("first").answer("done")
    line = transcript.line("user", {"role": "user", "content": "second"})
    transcript.add(line[:40])
    await memory.capture_sessions()
    assert await requests(memory) == ["first"]
    transcript.add(line[40:])
    await memory.capture_sessions()
    assert await requests(memory) == ["first", "second"]


async def test_a_rewritten_transcript_loses_what_it_holds_no_more(memory: Memory, home: Path, project: Path) -> None:
    transcript = Claude(home, project).ask("an old request").answer("an old answer").ask("kept").answer("yes")
    await memory.capture_sessions()
    transcript.path.unlink()
    Claude(home, project).ask("a new request").answer("a new answer")
    report = await memory.capture_sessions()
    assert await requests(memory) == ["a new request"]
    assert report.removed == 2


async def test_lost_state_costs_a_second_reading_and_changes_nothing(memory: Memory, home: Path, project: Path) -> None:
    work(Claude(home, project)).ask("next").answer("fine")
    Codex(home, project).ask("and in codex?").run("ls").answer("There too.")
    await memory.capture_sessions()
    before = {record.id: record for record in await memory.store.scan(IS_SESSION, content=True)}
    for path in (project / ".aurora" / "state" / "sessions").rglob("*.json"):
        path.write_text("{half of", "utf-8")
    report = await memory.capture_sessions()
    assert (report.read, report.exchanges_added, report.removed) == (2, 0, 0)
    assert {record.id: record for record in await memory.store.scan(IS_SESSION, content=True)} == before


async def test_what_a_resumed_session_copies_is_stored_once_and_stays_with_the_first(
    memory: Memory, home: Path, project: Path
) -> None:
    first = Claude(home, project, "aaaaaaaa-0000-4000-8000-000000000001")
    first.ask("port the parser to the new grammar").answer("Ported.")
    second = Claude(home, project, "bbbbbbbb-0000-4000-8000-000000000002")
    second.path.write_text(first.path.read_text("utf-8").replace(first.session, second.session), "utf-8")
    second.moment = first.moment
    second.ask("now its tests").answer("Tested.")
    os.utime(first.path, (1_790_000_000, 1_790_000_000))
    report = await memory.capture_sessions()
    assert report.exchanges_added == 2
    assert await requests(memory) == ["now its tests", "port the parser to the new grammar"]
    by_id = {session.id: session for session in await memory.sessions()}
    assert by_id[second.session].first_request == "now its tests"
    assert by_id[first.session].exchanges == by_id[second.session].exchanges == 1


async def test_credentials_are_masked_in_every_field_before_anything_is_stored(
    memory: Memory, home: Path, project: Path
) -> None:
    transcript = Claude(home, project)
    transcript.ask(f"use the token {SECRET} for the upload")
    transcript.run(f"curl -H 'Authorization: Bearer {SECRET}' https://example.org", f"denied: {SECRET}", failed=True)
    transcript.use("TodoWrite", {"todos": [{"content": f"rotate {SECRET}", "status": "pending"}]}, "ok")
    transcript.answer(f"The server refused {SECRET}.")
    transcript.add(json.dumps({"type": "summary", "summary": f"Upload with {SECRET}", "leafUuid": "x"}) + "\n")
    transcript.ask(f"try {SECRET} again")
    await memory.capture_sessions()
    stored = await memory.store.scan(IS_SESSION, content=True)
    assert len(stored) == 3
    assert SECRET not in json.dumps([(record.content, dict(record.metadata)) for record in stored])
    written = [path for path in (project / ".aurora").rglob("*") if path.is_file()]
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []
    assert len(written) > 2


async def test_private_parts_are_left_out_and_a_marked_session_is_forgotten(
    memory: Memory, home: Path, project: Path
) -> None:
    open_one = Claude(home, project, "aaaaaaaa-0000-4000-8000-000000000001")
    open_one.ask("rename it <private>for the client Umbrella</private> everywhere").answer("Renamed.")
    secret = Claude(home, project, "bbbbbbbb-0000-4000-8000-000000000002").ask("compare the salaries").answer("Done.")
    await memory.capture_sessions()
    assert await requests(memory) == ["compare the salaries", "rename it [private] everywhere"]
    secret.ask("one more thing\n#no-memory\nthe bonus").answer("Sure.")
    report = await memory.capture_sessions()
    assert await requests(memory) == ["rename it [private] everywhere"]
    assert [entry.reason for entry in report.skipped] == ["this session is not to be remembered"]
    secret.ask("and then?").answer("Nothing.")
    await memory.capture_sessions()
    assert await requests(memory) == ["rename it [private] everywhere"]


async def test_only_sessions_that_worked_in_the_project_belong_to_it(
    memory: Memory, home: Path, project: Path, tmp_path: Path
) -> None:
    (project / "sub").mkdir()
    neighbour = tmp_path / "project-2"
    neighbour.mkdir()
    link = tmp_path / "link"
    link.symlink_to(project, target_is_directory=True)
    Claude(home, project / "sub", "aaaaaaaa-0000-4000-8000-000000000001").ask("below the root")
    Claude(home, neighbour, "bbbbbbbb-0000-4000-8000-000000000002").ask("in the neighbour")
    Codex(home, link, "cccccccc-0000-4000-8000-000000000003").ask("through a link")
    Codex(home, neighbour, "dddddddd-0000-4000-8000-000000000004").ask("codex in the neighbour")
    await memory.capture_sessions()
    assert await requests(memory) == ["below the root", "through a link"]
    other = home / ".codex/sessions/2026/11/02/rollout-2026-11-02T09-00-00-dddddddd-0000-4000-8000-000000000004.jsonl"
    report = await memory.capture_sessions(other)
    assert [entry.reason for entry in report.skipped] == ["its session did not work in this project"]


async def test_the_sessions_of_a_worktree_belong_to_every_worktree(home: Path, project: Path, tmp_path: Path) -> None:
    worktree = tmp_path / "elsewhere"
    for command in ("init -q", "commit -q --allow-empty -m x", f"worktree add -q {worktree}"):
        named = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *command.split()]
        subprocess.run(named, cwd=project, check=True, capture_output=True)
    Claude(home, worktree).ask("in the worktree").edit("a/b.py").answer("done")
    Codex(home, project).ask("in the project").answer("done")
    for folder in (project, worktree):
        async with Memory.open(folder, reranker="none") as memory:
            await memory.capture_sessions()
            assert await requests(memory) == ["in the project", "in the worktree"]
            assert {file for e in await exchanges(memory) for file in e.files_changed} == {"a/b.py"}


async def test_one_unreadable_transcript_does_not_stop_the_others(memory: Memory, home: Path, project: Path) -> None:
    good = Claude(home, project, "aaaaaaaa-0000-4000-8000-000000000001").ask("the good one").answer("yes")
    odd = Claude(home, project, "bbbbbbbb-0000-4000-8000-000000000002").ask("the odd one")
    odd.add("not json at all\n", "[1, 2]\n", '"text"\n', '{"type":"user","message":"error"}\n', "[" * 100_000 + "\n")
    odd.add('{"type":"assistant","message":{"content":[{"type":"text","text":5},7,null]}}\n', '{"type":{"a":1}}\n')
    odd.add('{"type":"user","uuid":"u","timestamp":"never","message":{"content":"half \\ud800 of a character"}}\n')
    (good.path.parent / "cccccccc.jsonl").mkdir()
    os.mkfifo(good.path.parent / "dddddddd.jsonl")
    (good.path.parent / "eeeeeeee.jsonl").symlink_to(good.path.parent / "nowhere")
    report = await memory.capture_sessions()
    assert await requests(memory) == ["half ? of a character", "the good one", "the odd one"]
    assert [entry.reason for entry in report.skipped] == ["2 lines left out: not JSON"]


async def test_a_line_that_is_too_long_is_left_out_and_counted(
    memory: Memory, home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_dev.sessions.reading.MOST_LINE", 20_000)
    transcript = Claude(home, project).ask("before").run("cat log", "x" * 50_000).answer("seen").ask("after")
    report = await memory.capture_sessions()
    assert await requests(memory) == ["after", "before"]
    assert [entry.reason for entry in report.skipped] == ["1 line left out: too long"]
    transcript.ask("later")
    await memory.capture_sessions()
    assert await requests(memory) == ["after", "before", "later"]


async def test_old_and_surplus_sessions_are_pruned_and_do_not_come_back(home: Path, project: Path) -> None:
    now = time.time()
    for number in range(5):
        transcript = Claude(home, project, f"{number}aaaaaaa-0000-4000-8000-000000000001")
        transcript.ask(f"request {number}").answer("done")
        os.utime(transcript.path, (now - 86_400 * number, now - 86_400 * number))
    async with Memory.open(project, reranker="none", session_limit=3, session_days=20_000) as memory:
        report = await memory.capture_sessions()
        assert (report.exchanges_added, report.removed) == (5, 4)
        assert len(await memory.sessions()) == 3
        again = await memory.capture_sessions()
        assert (again.read, again.removed) == (0, 0)
        pruned = await memory.prune_sessions(keep=1)
        assert (pruned.sessions, pruned.records) == (2, 4)
        assert len(await memory.sessions()) == 1
    async with Memory.open(project, reranker="none", session_days=1) as memory:
        await memory.capture_sessions()
        assert await memory.sessions() == []
        assert await memory.store.count(IS_SESSION) == 0


async def test_a_forgotten_session_is_never_taken_in_again(memory: Memory, home: Path, project: Path) -> None:
    transcript = Claude(home, project).ask("forget me").answer("done")
    await memory.capture_sessions()
    done = await memory.forget_session(transcript.session[:6])
    assert (done.sessions, done.records) == (1, 2)
    transcript.ask("still there?").answer("no")
    await memory.capture_sessions()
    assert await memory.sessions() == []
    with pytest.raises(InvalidRequestError, match="no session has the id"):
        await memory.session(transcript.session)


async def test_nothing_is_read_when_sessions_are_switched_off(home: Path, project: Path) -> None:
    Claude(home, project).ask("anything").answer("yes")
    async with Memory.open(project, reranker="none", sessions="off") as memory:
        report = await memory.capture_sessions()
        assert (report.transcripts, len(report.skipped)) == (0, 1)
        assert await memory.store.count(IS_SESSION) == 0


async def test_a_missing_transcript_and_an_unknown_assistant_are_named(memory: Memory, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"no transcript .*nowhere\.jsonl"):
        await memory.capture_sessions(tmp_path / "nowhere.jsonl")
    with pytest.raises(InvalidRequestError, match="'emacs' are read"):
        await memory.capture_sessions(clients=["emacs"])
    with pytest.raises(InvalidRequestError, match="limit"):
        await memory.sessions(0)
    for given in ("", " "):
        with pytest.raises(InvalidRequestError, match="not empty"):
            await memory.session(given)


async def test_a_transcript_elsewhere_is_recognised_by_what_it_holds(
    memory: Memory, home: Path, project: Path, tmp_path: Path
) -> None:
    for name, transcript in (
        ("a.jsonl", Claude(home, project).ask("from claude").answer("yes")),
        ("b.jsonl", Codex(home, project).ask("from codex").answer("yes")),
    ):
        moved = tmp_path / name
        transcript.path.rename(moved)
        assert (await memory.capture_sessions(moved)).exchanges_added == 1
    (tmp_path / "c.jsonl").write_text('{"hello": 1}\n', "utf-8")
    report = await memory.capture_sessions(tmp_path / "c.jsonl")
    assert [entry.reason for entry in report.skipped] == ["no known format"]
    assert await requests(memory) == ["from claude", "from codex"]


async def test_searches_find_sessions_and_keep_them_apart_from_notes(memory: Memory, home: Path, project: Path) -> None:
    work(Claude(home, project))
    await memory.remember("rows are exported in batches of 500")
    await memory.capture_sessions()
    from aurora_dev import SearchScope

    found = await memory.search("what did we find out about the lost last row?")
    first = next(result for result in found if result.metadata["kind"] != "note")
    assert first.location == "session 11111111"
    only = await memory.search("export", scope=SearchScope(sources=("sessions",), paths=("src/export.py",)))
    assert [result.metadata["kind"] for result in only] == ["session", "session"]
    assert [note.content for note in (await memory.list()).notes] == ["rows are exported in batches of 500"]
    assert {result.metadata["kind"] for result in await memory.recall("export rows")} == {"note"}
    status = await memory.status()
    assert (status.sessions, dict(status.notes)) == (1, {"note": 1})
    context = await memory.context("why did we change the export? what was tried?", 2_000)
    assert "The loop stopped one row early" in context.text


async def test_half_a_credential_at_the_end_of_what_is_looked_at_is_not_kept(
    memory: Memory, home: Path, project: Path
) -> None:
    long = ("word " * 20_000)[: 100_000 - 12] + SECRET + " tail" * 50
    Claude(home, project).ask(f"please read {long[12:]}").answer(long)
    await memory.capture_sessions()
    [exchange] = await exchanges(memory)
    assert SECRET[:8] not in exchange.request + exchange.conclusion
    assert exchange.conclusion.startswith("word word")


async def test_credentials_in_names_of_files_and_the_end_of_a_printed_key_are_masked(
    memory: Memory, home: Path, project: Path
) -> None:
    body = "\n".join(hashlib.sha512(str(number).encode()).hexdigest()[:64] for number in range(110))
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\nkey is not valid"
    transcript = Claude(home, project).ask("check the key").run("openssl rsa -check -in key", key, failed=True)
    transcript.edit(f"conf/{SECRET}.env").answer("It is not valid.")
    await memory.capture_sessions()
    [exchange] = await exchanges(memory)
    assert SECRET not in exchange.files_changed[0]
    assert exchange.files_changed[0].startswith("conf/")
    assert exchange.failures[0].error.endswith("key is not valid")
    assert body[-20:] not in exchange.failures[0].error
    stored = b"".join(path.read_bytes() for path in (project / ".aurora").rglob("*") if path.is_file())
    assert SECRET.encode() not in stored
    assert body[-20:].encode() not in stored


async def test_a_session_that_is_forgotten_while_a_capture_runs_stays_forgotten(
    memory: Memory, home: Path, project: Path
) -> None:
    transcript = work(Claude(home, project))
    await memory.capture_sessions()
    [summary] = await memory.sessions()
    state = CaptureState(next((project / ".aurora" / "state" / "sessions").iterdir()))
    foreign, folders, forgotten = state.read_project()  # as a capture that has begun
    assert forgotten == set()
    await memory.forget_session(summary.id)
    state.write_project(foreign, folders)
    transcript.ask("and now?").answer("More.")
    await memory.capture_sessions()
    assert await memory.sessions() == []
