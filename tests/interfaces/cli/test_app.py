"""The command line in this process: searches, mistakes, notes and status."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from aurora_dev.core.embed.static import BUNDLED_PATH

ESCAPE = "\x1b"
Run = Callable[..., Result]


def other_model(folder: Path) -> Path:
    """Return a copy of the bundled model with another name and checksum."""
    shutil.copytree(BUNDLED_PATH, folder, ignore=shutil.ignore_patterns("SHA256SUMS"))
    with (folder / "tokenizer.json").open("a", encoding="utf-8") as file:
        file.write("\n ")
    return folder


@pytest.fixture
def project(tmp_path: Path, run: Run, write_two_files: Callable[[Path], None]) -> Path:
    root = tmp_path / "project"
    write_two_files(root)
    done = run("index", cwd=root)
    assert done.exit_code == 0, done.stderr
    return root


def test_explain_shows_every_stages_score_and_the_timings(run: Run, project: Path) -> None:
    done = run("search", "verify_token", "--explain", "-k", "1", cwd=project)
    for word in ("vector ", "keyword ", "rrf ", "signals ", "method   rrf_hybrid", "timings  ", "total "):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", "zzqqxx", "--mode", "keyword"], 1, "nothing was found"),
        (["search", ""], 2, "query is empty"),
        (["search", "x", "-k", "0"], 2, "top_k"),
        (["search", "x", "--filter", "{oops"], 2, "not JSON"),
        (["search", "x", "--filter", "[1]"], 2, "JSON object"),
        (["search", "x", "--filter", '{"kind": {"$like": "a"}}'], 2, "$like"),
        (["search", "x", "--mode", "psychic"], 2, "psychic"),
        (["search", "x", "--path", "missing"], 2, "does not exist"),
        (["search"], 2, "QUERY"),
        (["serch", "x"], 2, "serch"),
        (["index", "README.md"], 2, "is a file"),
        (["remember", " "], 2, "no text"),
        (["remember", "x", "--kind", ""], 2, "kind"),
    ],
)
def test_a_mistake_has_an_exit_code_and_a_sentence_but_no_traceback(
    run: Run, project: Path, arguments: list[str], code: int, words: str
) -> None:
    done = run(*arguments, cwd=project)
    assert done.exit_code == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", [["search", "x"], ["status"]])
def test_without_an_index_the_error_names_the_command_to_run(run: Run, tmp_path: Path, command: list[str]) -> None:
    done = run(*command, cwd=tmp_path)
    assert done.exit_code == 3
    assert "aurora index" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrong_settings_and_missing_models_have_their_own_exit_codes(run: Run, project: Path, tmp_path: Path) -> None:
    done = run("search", "token", cwd=project, AURORA_EMBEDDER="bundeld")
    assert (done.exit_code, "bundeld" in done.stderr) == (2, True)
    (tmp_path / "model").mkdir()
    done = run("search", "token", cwd=project, AURORA_EMBEDDER=str(tmp_path / "model"))
    assert done.exit_code == 4
    assert "Traceback" not in done.stderr


def test_a_store_that_is_not_a_database_exits_with_the_code_for_stores(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    assert run("index", cwd=tmp_path).exit_code == 0
    for file in (tmp_path / ".aurora").glob("*.db*"):
        file.write_bytes(b"this is not a database" * 1000)
    done = run("search", "x", cwd=tmp_path)
    assert done.exit_code == 3
    assert "Traceback" not in done.stderr


def test_a_remembered_decision_is_found_and_counted(run: Run, project: Path) -> None:
    done = run("remember", "Sessions last nine hours.", "--kind", "decision", "--tag", "auth", "--json", cwd=project)
    note = json.loads(done.stdout)
    assert (note["kind"], note["tags"]) == ("decision", ["auth"])
    found = run("search", "how long do sessions last", "--filter", '{"kind": "decision"}', cwd=project)
    assert found.stdout.startswith(f"note {note['id'][:8]}  (decision) [auth]  ")
    assert "    Sessions last nine hours." in found.stdout
    status = json.loads(run("status", "--json", cwd=project).stdout)
    assert status["notes"] == {"decision": 1}


def test_a_note_starts_a_store_if_the_folder_is_named(run: Run, tmp_path: Path) -> None:
    assert run("remember", "First", "things", "first.", "--path", ".", cwd=tmp_path).exit_code == 0
    assert "First things first." in run("search", "first", cwd=tmp_path).stdout


def test_a_note_can_be_stored_before_the_first_index_and_belongs_to_the_repository(run: Run, tmp_path: Path) -> None:
    inner = tmp_path / "repository" / "package"
    inner.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    done = run("remember", "First things first.", cwd=inner)
    assert done.exit_code == 0
    assert done.stderr == (
        "note: the project is not indexed yet, so searches find only notes. Index it with: aurora index\n"
    )
    assert (tmp_path / "repository" / ".aurora").is_dir()
    assert "First things first." in run("recall", "first", cwd=inner).stdout
    assert run("remember", "Second.", cwd=inner).stderr == ""


def test_a_note_never_makes_the_home_folder_a_project_by_itself(run: Run, tmp_path: Path) -> None:
    done = run("remember", "x", cwd=tmp_path, HOME=str(tmp_path), USERPROFILE=str(tmp_path))
    assert done.exit_code == 2
    assert "the current folder is your home folder: nothing was stored" in done.stderr
    assert "--user" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["index", "watch"])
def test_the_home_folder_and_the_file_system_are_not_indexed_without_a_yes(
    run: Run, tmp_path: Path, command: str
) -> None:
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    (tmp_path / "a.py").write_text("x = 1\n")
    for arguments, cwd in ((["."], tmp_path), ([], tmp_path), ([str(tmp_path)], tmp_path.parent), (["/"], tmp_path)):
        done = run(command, *arguments, cwd=cwd, **home)
        assert done.exit_code == 2
        assert ": nothing was indexed. Change to a project's folder, or pass --yes" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]


def test_the_home_folder_is_indexed_with_a_yes_and_then_without_asking(run: Run, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    (tmp_path / "a.py").write_text("x = 1\n")
    assert run("index", "--yes", cwd=tmp_path, **home).exit_code == 0
    assert run("index", cwd=tmp_path, **home).exit_code == 0


def test_a_subfolder_of_a_repository_is_indexed_with_a_note_about_the_whole(run: Run, tmp_path: Path) -> None:
    inner = tmp_path / "package"
    inner.mkdir()
    (tmp_path / ".git").mkdir()
    (inner / "a.py").write_text("x = 1\n")
    done = run("index", cwd=inner)
    assert done.exit_code == 0
    assert done.stderr == (
        "note: indexing only this folder of the repository '..'. To index all of it, run: aurora index ..\n"
    )
    assert (inner / ".aurora").is_dir()
    assert run("index", cwd=inner).stderr == ""
    assert run("index", "..", cwd=inner).exit_code == 0


@pytest.mark.parametrize(("answer", "indexed"), [("y", True), ("n", False)])
def test_a_terminal_is_offered_the_whole_repository(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, indexed: bool
) -> None:
    from aurora_dev.interfaces.cli.actions import project

    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return answer == "y"

    monkeypatch.setattr(project, "ask", ask)
    inner = tmp_path / "package"
    inner.mkdir()
    (tmp_path / ".git").mkdir()
    assert run("index", cwd=inner).exit_code == 0
    assert asked == ["This is a subfolder of the repository '..'. Index the whole repository?"]
    assert (tmp_path / ".aurora").is_dir() == indexed
    assert (inner / ".aurora").is_dir() != indexed


def test_the_seconds_of_an_index_run_include_its_history(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "One"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    began = time.perf_counter()
    report = json.loads(run("index", "--json", cwd=tmp_path).stdout)
    assert report["history"]["commits_total"] == 1
    assert sum(report["timings"].values()) + report["history"]["seconds"] <= report["seconds"]
    assert report["seconds"] <= time.perf_counter() - began


def test_status_shows_settings_with_their_sources_and_hides_keys(run: Run, project: Path) -> None:
    done = run("status", cwd=project, PINECONE_API_KEY="pc-hush", AURORA_BUSY_TIMEOUT="7")
    assert done.exit_code == 0
    assert "2 files" in done.stdout
    assert "7.0  (AURORA_BUSY_TIMEOUT)" in done.stdout
    assert "[hidden]  (PINECONE_API_KEY)" in done.stdout
    assert "hush" not in done.stdout


def test_indexing_without_a_path_stays_in_the_current_repository(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".aurora").mkdir()
    inner = tmp_path / "repository" / "package"
    inner.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    (inner / "a.py").write_text("x = 1\n")
    assert run("index", cwd=inner).exit_code == 0
    assert (inner / ".aurora").is_dir()
    assert list((tmp_path / ".aurora").iterdir()) == []


def test_stored_text_cannot_control_the_terminal(run: Run, project: Path) -> None:
    done = run("search", "paint", "-k", "1", cwd=project)
    assert "\\x1b[31mred\\x1b]0;owned\\x07" in done.stdout
    assert ESCAPE not in done.stdout
    as_json = run("search", "paint", "-k", "1", "--json", cwd=project)
    assert ESCAPE not in as_json.stdout
    assert ESCAPE in json.loads(as_json.stdout)["results"][0]["content"]


def test_only_the_main_help_lists_the_exit_codes(run: Run, tmp_path: Path) -> None:
    assert "130  interrupted" in run("--help", cwd=tmp_path).stdout
    for command in (["index"], ["search"], ["remember"], ["notes"], ["notes", "export"], ["status"]):
        done = run(*command, "--help", cwd=tmp_path)
        assert done.exit_code == 0
        assert "interrupted" not in done.stdout
    assert run("--version", cwd=tmp_path).stdout.startswith("aurora 0.")


def test_the_help_lists_every_command_in_a_section_with_its_whole_summary(run: Run, tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert [line[:-1] for line in done.stdout.splitlines() if re.fullmatch(r"[A-Z][a-z ]+:", line)] == [
        *("Options", "Project", "Search", "Notes", "Sessions", "Assistants", "Data", "Exit codes")
    ]
    assert "..." not in done.stdout.replace("[ARGS]...", "")
    text = " ".join(done.stdout.split())
    assert (
        "prune Show the notes that have expired or were superseded more than 90 days ago; --yes removes them." in text
    )


def test_no_help_names_a_type_of_python(run: Run, tmp_path: Path) -> None:
    commands = [[name] for name in re.findall(r"^  ([a-z]+)  ", run("--help", cwd=tmp_path).stdout, re.MULTILINE)]
    assert len(commands) > 20
    for command in (*commands, ["notes", "export"], ["notes", "import"]):
        done = run(*command, "--help", cwd=tmp_path)
        assert done.exit_code == 0
        assert not re.search(r"<(?:list|str|path|int|bool|float)|\[\[", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["search", "x", "-k", "abc"], {}, "must be a whole number\n"),
        (["search", "x", "-k", "1.5"], {}, "must be a whole number\n"),
        (["search", "x", "--mode", "foo"], {}, "'foo' is not one of 'hybrid', 'vector', 'keyword'"),
        (["status"], {"AURORA_BUSY_TIMEOUT": "abc"}, "busy_timeout = 'abc': must be a number\n"),
        (["status"], {"AURORA_FRESHNESS": "abc"}, "freshness = 'abc': must be 'auto', 'notice' or 'off'\n"),
        (["status"], {"AURORA_MASK_SECRETS": "abc"}, "mask_secrets = 'abc': must be true or false\n"),
        (["status"], {"AURORA_HISTORY_LIMIT": "-4"}, "history_limit = '-4': must be at least 0\n"),
        (["status"], {"AURORA_HISTORY_LIMIT": "4.5"}, "history_limit = '4.5': must be a whole number\n"),
    ],
)
def test_a_wrong_value_is_explained_in_our_words(
    run: Run, project: Path, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    done = run(*arguments, cwd=project, **environment)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "nput should" not in done.stderr
    assert "alue error" not in done.stderr


def test_status_lists_the_settings_that_differ_and_with_an_option_all(run: Run, project: Path) -> None:
    assert "settings: all have their defaults; aurora status --all lists them" in run("status", cwd=project).stdout
    some = run("status", cwd=project, AURORA_BUSY_TIMEOUT="7").stdout
    assert "  busy_timeout  7.0  (AURORA_BUSY_TIMEOUT)" in some
    assert "history_limit" not in some
    assert "history_limit" in run("status", "--all", cwd=project, AURORA_BUSY_TIMEOUT="7").stdout


def test_credentials_are_masked_unless_masking_is_off(run: Run, tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    (tmp_path / "deploy.py").write_text(f'def deploy():\n    return login("{secret}")\n')
    assert "1 credential masked" in run("index", cwd=tmp_path).stdout
    assert secret not in run("search", "deploy", cwd=tmp_path).stdout
    run("index", "--no-mask", cwd=tmp_path)
    assert secret in run("search", "deploy", cwd=tmp_path).stdout


def test_an_index_report_as_json_counts_files_and_chunks(run: Run, project: Path) -> None:
    (project / "src" / "new.py").write_text("def fresh():\n    return 1\n")
    (project / "README.md").unlink()
    report = json.loads(run("index", "--json", cwd=project).stdout)
    counts = [report[f"files_{what}"] for what in ("added", "updated", "removed", "unchanged")]
    assert counts == [1, 0, 1, 1]
    assert report["project"] == str(project)
    forced = json.loads(run("index", "--json", "--full", cwd=project).stdout)
    assert forced["files_updated"] == 2


def test_vectors_of_another_embedder_are_reported_and_can_be_replaced(run: Run, project: Path) -> None:
    own = {"AURORA_EMBEDDER": str(other_model(project.parent / "model"))}
    done = run("search", "verify_token", cwd=project, **own)
    assert done.exit_code == 0
    assert "aurora index --reembed" in done.stderr
    assert "aurora index --reembed" in run("status", cwd=project, **own).stdout
    assert "aurora index --reembed" in run("index", cwd=project, **own).stderr
    assert run("index", "--reembed", cwd=project, **own).stderr == ""
    assert "everything that is configured works" in run("status", cwd=project, AURORA_RERANKER="none", **own).stdout


def test_a_search_in_an_empty_store_names_the_command_that_fills_it(tmp_path: Path, run: Run) -> None:
    assert run("index", cwd=tmp_path).exit_code == 0
    done = run("search", "anything", cwd=tmp_path)
    assert done.exit_code == 1
    assert "nothing is stored" in done.stderr
    assert "aurora index" in done.stderr


def test_a_long_query_that_finds_nothing_is_not_repeated_in_full(project: Path, run: Run) -> None:
    done = run("search", "zebra " * 1_000, "--filter", '{"language": "cobol"}', cwd=project)
    assert done.exit_code == 1
    assert len(done.stderr) < 400


def test_a_filter_that_is_nested_too_deeply_is_a_usage_error(project: Path, run: Run) -> None:
    done = run("search", "token", "--filter", '{"$and":[' * 20_000, cwd=project)
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr
