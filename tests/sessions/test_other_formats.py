"""Sessions of Gemini CLI, opencode and Cursor."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from aurora_dev import Memory
from aurora_dev.sessions.types import Failure, SessionExchange


async def exchanges(memory: Memory) -> list[SessionExchange]:
    return [e for summary in await memory.sessions() for e in (await memory.session(summary.id)).exchanges]


def gemini_messages(project: Path) -> list[dict[str, Any]]:
    def call(name: str, args: dict[str, Any], output: str, status: str = "success") -> dict[str, Any]:
        response = {"functionResponse": {"response": {"output": output}}}
        return {"id": f"{name}-{output[:9]}", "name": name, "args": args, "result": [response], "status": status}

    return [
        {"id": "1", "timestamp": "2026-11-02T09:00:00Z", "type": "user", "content": "why is the menu empty?"},
        {
            "id": "2",
            "timestamp": "2026-11-02T09:00:20Z",
            "type": "gemini",
            "content": "",
            "thoughts": [{"subject": "a thought"}],
            "toolCalls": [
                call("run_shell_command", {"command": "npm test"}, "Output: bad\nExit Code: 1"),
                call("replace", {"file_path": str(project / "menu.ts"), "old_string": "a"}, "done"),
                call("run_shell_command", {"command": "npm test"}, "Output: fine\nExit Code: 0"),
            ],
        },
        {"id": "3", "timestamp": "2026-11-02T09:01:00Z", "type": "info", "content": "context compressed"},
        {"id": "4", "timestamp": "2026-11-02T09:01:30Z", "type": "gemini", "content": "The list was filtered twice."},
    ]


def assert_menu(exchange: SessionExchange) -> None:
    assert (exchange.request, exchange.conclusion) == ("why is the menu empty?", "The list was filtered twice.")
    assert exchange.files_changed == ("menu.ts",)
    assert exchange.failures == (Failure("npm test", "Output: bad\nExit Code: 1", "after a change of menu.ts"),)


async def test_gemini_documents_are_read_again_when_they_were_rewritten(
    memory: Memory, home: Path, project: Path
) -> None:
    name = hashlib.sha256(str(project).encode()).hexdigest()
    path = home / ".gemini" / "tmp" / name / "chats" / "session-2026-11-02T09-00-abcdef01.json"
    path.parent.mkdir(parents=True)
    document = {"sessionId": "g-1", "projectHash": name, "startTime": "2026-11-02T09:00:00Z"}
    path.write_text(json.dumps({**document, "messages": gemini_messages(project)}), "utf-8")
    assert (await memory.capture_sessions()).exchanges_added == 1
    (exchange,) = await exchanges(memory)
    assert_menu(exchange)
    assert (await memory.sessions())[0].resume == "gemini --resume g-1"
    assert (await memory.capture_sessions()).read == 0
    more = {"id": "5", "timestamp": "2026-11-02T09:05:00Z", "type": "user", "content": [{"text": "and the footer?"}]}
    path.write_text(json.dumps({**document, "messages": [*gemini_messages(project), more]}), "utf-8")
    assert (await memory.capture_sessions()).exchanges_added == 1
    path.write_text(json.dumps({**document, "messages": []})[:-5], "utf-8")
    await memory.capture_sessions()
    assert [e.request for e in await exchanges(memory)] == ["why is the menu empty?", "and the footer?"]


async def test_gemini_lines_that_repeat_a_message_add_what_is_new(memory: Memory, home: Path, project: Path) -> None:
    folder = home / ".gemini" / "tmp" / "project"
    path = folder / "chats" / "session-2026-11-02T09-00-abcdef02.jsonl"
    path.parent.mkdir(parents=True)
    (folder / ".project_root").write_text(f"{project}\n", "utf-8")
    first, second, *rest = gemini_messages(project)
    half = {**second, "toolCalls": second["toolCalls"][:1]}
    start = {"sessionId": "g-2", "projectHash": "x", "startTime": "2026-11-02T09:00:00Z", "kind": "main"}
    lines = [start, first, first, half, {"$set": {"lastUpdated": "x"}}, second, *rest, rest[-1]]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    await memory.capture_sessions()
    (exchange,) = await exchanges(memory)
    assert_menu(exchange)


async def test_gemini_sessions_of_other_projects_are_left_out(memory: Memory, home: Path, tmp_path: Path) -> None:
    for name, root in (("f" * 64, None), ("other", tmp_path / "other")):
        folder = home / ".gemini" / "tmp" / name
        (folder / "chats").mkdir(parents=True)
        document = {"sessionId": name, "messages": gemini_messages(tmp_path)}
        (folder / "chats" / "session-1.json").write_text(json.dumps(document), "utf-8")
        if root is not None:
            (folder / ".project_root").write_text(str(root), "utf-8")
    report = await memory.capture_sessions()
    assert (report.transcripts, report.exchanges_added) == (0, 0)


async def test_cursor_transcripts_have_requests_answers_and_tools_without_results(
    memory: Memory, home: Path, project: Path
) -> None:
    name = "-".join(part for part in str(project).replace("_", "/").replace(".", "/").split("/") if part)
    path = home / ".cursor" / "projects" / name / "agent-transcripts" / "c-1" / "c-1.jsonl"
    path.parent.mkdir(parents=True)
    edit = {"type": "tool_use", "name": "StrReplace", "input": {"path": str(project / "a.py")}}
    lines = [
        {"role": "user", "message": {"content": [{"type": "text", "text": "<user_info>OS</user_info>"}]}},
        {
            "role": "user",
            "message": {"content": [{"type": "text", "text": "<user_query>\nsort the list\n</user_query>"}]},
        },
        {"role": "assistant", "message": {"content": [{"type": "text", "text": "I will."}, edit]}},
        {"role": "assistant", "message": {"content": [{"type": "text", "text": "Sorted by name."}]}},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    await memory.capture_sessions()
    (exchange,) = await exchanges(memory)
    assert (exchange.request, exchange.conclusion) == ("sort the list", "Sorted by name.")
    assert (exchange.files_changed, exchange.at) == (("a.py",), None)
    assert (await memory.sessions())[0].started is None


def opencode_database(home: Path, project: Path) -> Path:
    path = home / "data" / "opencode" / "opencode.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE session (id TEXT, project_id TEXT, parent_id TEXT, directory TEXT, title TEXT, version TEXT, "
            "time_created INTEGER, time_updated INTEGER)"
        )
        database.execute("CREATE TABLE message (id TEXT, session_id TEXT, time_created INTEGER, data TEXT)")
        database.execute("CREATE TABLE part (id TEXT, message_id TEXT, session_id TEXT, data TEXT)")
    add_opencode(path, "ses_1", str(project), "sort the table", "Sorted by date.")
    add_opencode(path, "ses_2", "/elsewhere", "another project", "Yes.")
    return path


def add_opencode(path: Path, session: str, folder: str, request: str, answer: str) -> None:
    at = 1_793_610_000_000
    with closing(sqlite3.connect(path)) as database, database:
        known = database.execute("SELECT count(*) FROM message WHERE session_id = ?", (session,)).fetchone()[0]
        if not known:
            row = (session, "p", None, folder, "New session - 2026", "1.0", at, at)
            database.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        at += known + 1
        database.execute("UPDATE session SET time_updated = ? WHERE id = ?", (at, session))
        state = {"status": "completed", "input": {"filePath": f"{folder}/t.py"}, "output": "ok"}
        for number, role, parts in (
            (known, "user", [{"type": "text", "text": request}, {"type": "text", "text": "added", "synthetic": True}]),
            (
                known + 1,
                "assistant",
                [
                    {"type": "step-start"},
                    {"type": "tool", "tool": "edit", "callID": "c", "state": state},
                    {"type": "text", "text": answer},
                ],
            ),
        ):
            name = f"msg_{session}_{number:03}"
            data = json.dumps({"role": role, "time": {"created": at + number}})
            database.execute("INSERT INTO message VALUES (?, ?, ?, ?)", (name, session, at + number, data))
            for place, part in enumerate(parts):
                stored = (f"prt_{name}_{place}", name, session, json.dumps(part))
                database.execute("INSERT INTO part VALUES (?, ?, ?, ?)", stored)


async def test_opencode_sessions_are_read_from_its_database(memory: Memory, home: Path, project: Path) -> None:
    path = opencode_database(home, project)
    assert (await memory.capture_sessions()).exchanges_added == 1
    (exchange,) = await exchanges(memory)
    assert (exchange.request, exchange.conclusion) == ("sort the table", "Sorted by date.")
    assert exchange.files_changed == ("t.py",)
    assert (await memory.capture_sessions()).read == 0
    add_opencode(path, "ses_1", str(project), "and the chart", "That too.")
    await memory.capture_sessions()
    assert [e.request for e in await exchanges(memory)] == ["sort the table", "and the chart"]
    assert (await memory.sessions())[0].resume == "opencode --session ses_1"


async def test_a_database_of_another_version_is_skipped_with_a_notice(memory: Memory, home: Path) -> None:
    path = home / "data" / "opencode" / "opencode.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE conversation (id TEXT)")
    (notice,) = (await memory.capture_sessions()).skipped
    assert "no such table: session" in notice.reason
    path.write_bytes(b"not a database, but long enough to be looked at as one" * 20)
    (notice,) = (await memory.capture_sessions()).skipped
    assert "cannot be read" in notice.reason
