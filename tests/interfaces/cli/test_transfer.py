"""``aurora export``, ``import``, ``copy``, ``backup`` and ``restore``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import Result

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.interfaces.cli.output.progress import progress_display

if TYPE_CHECKING:
    from pinecone_server import PineconeServer

Run = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, run: Run) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for number in range(5):
        (root / f"module{number}.py").write_text(f"def function{number}():\n    return {number}\n", "utf-8")
    assert run("index", cwd=root).exit_code == 0
    return root


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def count(root: Path, namespace: str = "default") -> int:
    with closing(FAISSLocalStore(root / ".aurora")) as store:
        return store.stats(namespace).vectors


def test_a_project_moves_to_another_folder_in_a_file(run: Run, project: Path, empty: Path) -> None:
    records = count(project)
    done = run("export", "../memory.jsonl.gz", cwd=project)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"exported {records} records of the namespace 'default' to ../memory.jsonl.gz (")
    done = run("import", "../memory.jsonl.gz", cwd=empty)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"imported {records} records into the namespace 'default' of .\n"
    assert count(empty) == records
    found = run("search", "function3", "--json", "--no-rerank", cwd=empty)
    assert json.loads(found.stdout)["results"][0]["metadata"]["path"] == "module3.py"
    assert "were already there" in run("import", "../memory.jsonl.gz", cwd=empty).stdout


def test_reports_are_json_with_the_option(run: Run, project: Path, empty: Path) -> None:
    exported = json.loads(run("export", "m.jsonl", "--json", cwd=project).stdout)
    assert exported["records"] == exported["vectors"] == count(project)
    assert exported["path"] == "m.jsonl"
    imported = json.loads(run("import", str(project / "m.jsonl"), "--namespace", "x", "--json", cwd=empty).stdout)
    assert (imported["namespace"], imported["written"]) == ("x", exported["records"])
    copied = json.loads(run("copy", "--to", f"faiss:{empty / 'copy'}", "--json", cwd=project).stdout)
    assert (copied["records"], copied["agreement"]) == (exported["records"], 1.0)
    backed_up = json.loads(run("backup", "b.db", "--json", cwd=project).stdout)
    assert backed_up["bytes"] == (project / "b.db").stat().st_size
    restored = json.loads(run("restore", str(project / "b.db"), "--yes", "--json", cwd=empty).stdout)
    assert (restored["records"], restored["namespaces"]) == (
        exported["records"],
        {"default": exported["records"]},
    )


def test_a_backup_replaces_an_empty_store_and_another_store_only_with_yes(run: Run, project: Path, empty: Path) -> None:
    assert run("backup", "../backup.db", cwd=project).stdout.startswith("backed up . to ../backup.db (")
    done = run("restore", "../backup.db", cwd=empty)
    assert (done.exit_code, done.stdout) == (0, f"restored {count(project)} records from ../backup.db into .\n")
    assert run("remember", "Releases are cut on Tuesdays.", cwd=empty).exit_code == 0
    done = run("restore", "../backup.db", cwd=empty)
    assert done.exit_code == 2
    assert "holds 6 records" in done.stderr
    assert "--yes" in done.stderr
    done = run("restore", "../backup.db", "--yes", cwd=empty)
    assert done.stdout.endswith("replacing 6\n")
    assert count(empty) == 5


def test_a_copy_says_how_it_was_compared(run: Run, project: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    done = run("copy", "--to", f"faiss:{target}", "--to-namespace", "moved", cwd=project)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        f"copied 5 records from faiss ('default') to faiss:{target} ('moved')\n"
        "compared: the count, 5 records, and 5 searches, whose first results agree to 100%\n"
    )
    back = run("copy", "--from", f"faiss:{target}", "--to", "faiss", "--namespace", "moved", cwd=project)
    assert back.exit_code == 0
    assert "('moved') to faiss ('moved')" in back.stdout
    assert count(project, "moved") == 5


def test_vectors_of_another_embedder_are_refused_and_can_be_left_out(run: Run, project: Path, empty: Path) -> None:
    run("export", "m.jsonl", cwd=project)
    lines = (project / "m.jsonl").read_text("utf-8").splitlines(keepends=True)
    header = json.loads(lines[0])
    header["embedder"]["fingerprint"] = "another"
    end = {"end": True, "records": len(lines) - 2}
    (project / "m.jsonl").write_text(
        "\n".join([json.dumps(header), *map(str.rstrip, lines[1:-1]), json.dumps(end), ""])
    )
    assert run("index", cwd=empty).exit_code == 0
    with closing(FAISSLocalStore(project / ".aurora")) as store, closing(FAISSLocalStore(empty / ".aurora")) as other:
        info = store.embedder()
        assert info is not None
        other.set_embedder(info)
    done = run("import", str(project / "m.jsonl"), cwd=empty)
    assert done.exit_code == 3
    assert "nothing was written" in done.stderr
    assert "--without-vectors" in done.stderr
    done = run("import", str(project / "m.jsonl"), "--without-vectors", cwd=empty)
    assert done.exit_code == 0
    assert "5 vectors were left out" in done.stderr
    assert "aurora index --reembed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["export"], 2, "FILE"),
        (["export", "."], 2, "is a folder"),
        (["export", "missing/m.jsonl"], 3, "cannot be written"),
        (["export", "m.jsonl", "--path", "missing"], 2, "does not exist"),
        (["import", "missing.jsonl"], 2, "cannot be read"),
        (["import", "module1.py"], 2, "line 1"),
        (["import", "m.jsonl", "--path", "missing"], 2, "is not a folder"),
        (["copy"], 2, "--to"),
        (["copy", "--to", "s3"], 2, "there is no store 's3'"),
        (["copy", "--to", "faiss:"], 2, "there is no store"),
        (["copy", "--to", "faiss"], 2, "same store and namespace"),
        (["copy", "--to", "faiss:x", "--from", "faiss:missing"], 2, "there is no local store"),
        (["copy", "--to", "pinecone"], 2, "its own namespace"),
        (["copy", "--to", "pinecone", "--to-namespace", "x"], 2, "PINECONE_API_KEY"),
        (["backup", "."], 2, "is a folder"),
        (["backup", ".aurora/memory.db"], 2, "the store itself"),
        (["restore", "module1.py", "--yes"], 2, "is not a backup"),
        (["restore", "missing.db", "--yes"], 2, "there is no file"),
    ],
)
def test_a_mistake_has_an_exit_code_and_a_sentence_but_no_traceback(
    run: Run, project: Path, arguments: list[str], code: int, words: str
) -> None:
    done = run(*arguments, cwd=project)
    assert done.exit_code == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert count(project) == 5


def test_a_project_without_an_index_has_nothing_to_move(run: Run, empty: Path) -> None:
    for command in (["export", "m.jsonl"], ["backup", "b.db"]):
        done = run(*command, cwd=empty)
        assert done.exit_code == 3
        assert "there is no index" in done.stderr
    assert list(empty.iterdir()) == []


def test_an_import_into_a_full_store_is_refused_and_names_the_setting(run: Run, project: Path) -> None:
    for part in range(6):
        text = "".join(f"def big{i}():\n    return '{'x' * 700}{i}'\n\n\n" for i in range(part * 500, part * 500 + 500))
        (project / f"big{part}.py").write_text(text, "utf-8")
    done = run("index", cwd=project, AURORA_MAX_STORE_BYTES=str(1 << 20))
    assert done.exit_code == 3
    assert "max_store_bytes (1,048,576)" in done.stderr
    assert run("search", "function3", cwd=project).exit_code == 0
    with closing(sqlite3.connect(project / ".aurora" / "memory.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert run("index", cwd=project).exit_code == 0


@pytest.mark.usefixtures("few_certificates")
def test_a_project_moves_to_pinecone_and_back(
    run: Run,
    project: Path,
    empty: Path,
    pinecone_server: PineconeServer,
) -> None:
    account = {"PINECONE_API_KEY": pinecone_server.api_key, "PINECONE_CONTROLLER_HOST": pinecone_server.url}
    done = run("copy", "--to", "pinecone", "--to-namespace", "team", "--create", cwd=project, **account)
    assert done.exit_code == 0, done.stderr
    assert "to pinecone ('team')" in done.stdout
    assert "agree to 100%" in done.stdout
    assert pinecone_server.api_key not in done.output
    back = ["copy", "--from", "pinecone", "--namespace", "team", "--to", "faiss", "--to-namespace", "default"]
    done = run(*back, cwd=empty, **account)
    assert done.exit_code == 0, done.stderr
    assert count(empty) == count(project) == 5


def test_progress_is_printed_as_lines_without_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aurora_dev.interfaces.cli.output import progress

    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    with progress_display() as display:
        display.stage("copying", 1_000, 2_500)
    assert capsys.readouterr().err == "copying: 1,000 of 2,500\n"


@pytest.mark.parametrize("command", ["export", "backup"])
def test_a_foreign_file_is_replaced_only_with_force_and_an_own_one_without(
    run: Run, project: Path, command: str
) -> None:
    (project / "mine.txt").write_text("mine", "utf-8")
    done = run(command, "mine.txt", cwd=project)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "of Aurora; nothing was written. Name another file, or replace it with --force" in done.stderr
    assert (project / "mine.txt").read_text("utf-8") == "mine"
    assert run(command, "mine.txt", "--force", cwd=project).exit_code == 0
    assert run(command, "mine.txt", cwd=project).exit_code == 0
