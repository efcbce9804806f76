"""The note commands: what they print, what they ask, and their exit codes."""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aurora_dev.config import ENV_PREFIX, USUAL_NAMES
from aurora_dev.interfaces.cli.app import app

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    logger = logging.getLogger("aurora_dev")
    handlers, level = list(logger.handlers), logger.level
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX) or name in USUAL_NAMES or name in ("VISUAL", "EDITOR"):
            monkeypatch.delenv(name)

    def invoke(*arguments: str, cwd: Path, given: str | None = None, **environment: str) -> Result:
        with monkeypatch.context() as patch:
            patch.chdir(cwd)
            patch.setenv("AURORA_USER_STORE", str(tmp_path / "own"))
            for name, value in environment.items():
                patch.setenv(name, value)
            return CliRunner().invoke(app, list(arguments), prog_name="aurora", input=given)

    yield invoke
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture
def project(tmp_path: Path, run: Run) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "auth.py").write_text("def verify(token):\n    return token\n", "utf-8")
    assert run("index", cwd=root).exit_code == 0
    return root


def remembered(run: Run, project: Path, *arguments: str) -> dict[str, object]:
    done = run("remember", *arguments, "--json", cwd=project)
    assert done.exit_code == 0, done.stderr
    note = json.loads(done.stdout)
    assert isinstance(note, dict)
    return note


def test_every_field_of_a_note_is_stored_and_shown(run: Run, project: Path) -> None:
    note = remembered(
        run, project, "Tokens are checked once.", "--kind", "decision", "--tag", "auth", "--importance", "8",
        "--source", "review of May", "--expires", "30d", "--about", "auth.py", "--symbol", "verify",
    )  # fmt: skip
    assert (note["is_new"], note["importance"], note["path"], note["symbol"]) == (True, 8, "auth.py", "verify")
    shown = run("show", str(note["id"])[:8], cwd=project)
    assert shown.exit_code == 0
    for words in ("decision", "auth", "8", "review of May", "auth.py verify", "expires", "Tokens are checked once."):
        assert words in shown.stdout


def test_a_repeated_note_is_reported_as_known(run: Run, project: Path) -> None:
    note = remembered(run, project, "Retry three times.")
    done = run("remember", "retry three times", cwd=project)
    assert f"already known, said 2 times: {note['id']}" in done.stdout
    assert "Retry three times." in done.stderr


def test_a_contradiction_is_reported_with_the_commands_that_resolve_it(run: Run, project: Path) -> None:
    first = remembered(run, project, "Sessions expire after 30 minutes.", "--kind", "decision")
    done = run("remember", "Sessions expire after 60 minutes.", "--kind", "decision", cwd=project)
    assert done.exit_code == 0
    assert "says 60 where the earlier one says 30" in done.stderr
    assert f"--supersedes {str(first['id'])[:8]}" in done.stderr
    done = run(
        "remember", "Sessions expire after 90 minutes.", "--supersedes", str(first["id"])[:8], "--json", cwd=project
    )
    assert json.loads(done.stdout)["supersedes"] == [first["id"]]
    assert "30 minutes" not in run("search", "when do sessions expire", cwd=project).stdout


def test_conflicts_are_listed_until_they_are_settled(run: Run, project: Path) -> None:
    first = remembered(run, project, "Sessions expire after 30 minutes.", "--kind", "decision")
    second = remembered(run, project, "Sessions expire after 60 minutes.", "--kind", "decision")
    ids = [str(note["id"])[:8] for note in (second, first)]
    listed = run("list", "--conflicts", cwd=project)
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()[:2]] == ids
    assert "says 60 where the earlier one says 30" in listed.stdout
    assert "--keep-both OTHER" in listed.stderr
    for id, other in (ids, ids[::-1]):
        shown = run("show", id, cwd=project).stdout.partition("may contradict:")[2]
        assert other in shown
        assert "says 60 where the earlier one says 30" in shown
    assert "1 conflict to settle (aurora list --conflicts)" in run("status", cwd=project).stdout
    data = json.loads(run("list", "--conflicts", "--json", cwd=project).stdout)["conflicts"]
    assert [(one["note"]["id"], one["other"]["id"]) for one in data] == [(second["id"], first["id"])]
    done = run("edit", ids[1], "--keep-both", ids[0], cwd=project)
    assert (done.exit_code, done.stdout) == (0, f"changed {first['id']} (decision)\n")
    assert run("list", "--conflicts", cwd=project).exit_code == 1
    assert "to settle" not in run("status", cwd=project).stdout
    assert "may contradict" not in run("show", ids[0], cwd=project).stdout
    assert run("list", "--conflicts", "--kind", "decision", cwd=project).exit_code == 2
    assert "two are needed" in run("edit", ids[0], "--keep-both", ids[0], cwd=project).stderr


def test_a_corrected_note_names_what_it_may_contradict(run: Run, project: Path) -> None:
    first = remembered(run, project, "Sessions expire after 30 minutes.", "--kind", "decision")
    second = remembered(run, project, "Apples are red.", "--kind", "decision")
    done = run("edit", str(second["id"]), "--content", "Sessions expire after 60 minutes.", cwd=project)
    assert (done.exit_code, done.stdout) == (0, f"changed {second['id']} (decision)\n")
    assert f"may contradict {str(first['id'])[:8]} (decision): says 60 where" in done.stderr
    assert f"aurora edit {str(second['id'])[:8]} --keep-both {str(first['id'])[:8]}" in done.stderr
    done = run("edit", str(second["id"]), "--importance", "9", cwd=project)
    assert "may contradict" not in done.stderr


def test_similar_notes_are_named_and_kept(run: Run, project: Path) -> None:
    first = remembered(run, project, "Sessions of the shop live in Redis.")
    done = run("remember", "Sessions of the staging shop live in Redis.", cwd=project)
    assert f"similar to {str(first['id'])[:8]} (note), both are kept: Sessions of the shop" in done.stderr
    assert len(run("list", cwd=project).stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("kind", "known"),
    [("decison", "decision"), ("decisions", "decision"), ("lessno", "lesson"), ("nota", "note"), ("Notee", "note")],
)
def test_a_kind_one_slip_off_a_known_one_is_asked_about(run: Run, project: Path, kind: str, known: str) -> None:
    done = run("remember", "Apples are red.", "--kind", kind, "--path", str(project), cwd=project.parent)
    assert done.exit_code == 0
    assert f"did you mean '{known}'? aurora edit --path {project} " in done.stderr
    assert f"did you mean '{known}'?" in run("list", "--kind", kind, "--tag", "none", cwd=project).stderr
    assert f"did you mean '{known}'?" in run("recall", "zebras", "--kind", kind, "--tag", "none", cwd=project).stderr


@pytest.mark.parametrize("kind", ["decision", "Decision", "session", "design", "commit"])
def test_other_kinds_are_not_asked_about(run: Run, project: Path, kind: str) -> None:
    assert "did you mean" not in run("remember", "Apples are red.", "--kind", kind, cwd=project).stderr


def test_tags_and_kinds_are_found_in_any_case(run: Run, project: Path) -> None:
    remembered(run, project, "Apples are red.", "--tag", "Fruit", "--kind", "Decision")
    remembered(run, project, "Pears are green.", "--tag", "fruit", "--kind", "Recipe")
    for tag in ("fruit", "Fruit", "FRUIT"):
        assert len(run("list", "--tag", tag, cwd=project).stdout.splitlines()) == 2
        assert len(json.loads(run("recall", "red green", "--tag", tag, "--json", cwd=project).stdout)["results"]) == 2
    assert "Apples" in run("list", "--kind", "DECISION", cwd=project).stdout
    assert "Pears" in run("list", "--kind", "recipe", cwd=project).stdout
    assert json.loads(run("forget", "--tag", "FRUIT", "--yes", "--json", cwd=project).stdout)["removed"] == 2


def test_a_list_without_matches_says_that_there_are_other_notes(run: Run, project: Path) -> None:
    done = run("list", "--tag", "nope", cwd=project)
    assert (done.exit_code, "there are no notes; store one with: aurora remember TEXT" in done.stderr) == (1, True)
    remembered(run, project, "Apples are red.", "--tag", "fruit")
    done = run("list", "--tag", "nope", "--path", str(project), cwd=project.parent)
    assert done.exit_code == 1
    assert f"there are others (1 in all): aurora list --path {project}" in done.stderr


def test_a_printed_command_keeps_its_options(run: Run, project: Path) -> None:
    for word in ("apples", "bridges"):
        remembered(run, project, f"{word} are {len(word)}", "--kind", "lesson", "--tag", "my tag", "--user")
    done = run(
        "list", "-n", "1", "--kind", "lesson", "--tag", "my tag", "--user", "--path", str(project), cwd=project.parent
    )
    command = done.stderr.partition("next page: ")[2].strip()
    assert "aurora list --cursor " in command
    words = shlex.split(command)
    assert words[4:] == [
        "--path", str(project), "--kind", "lesson", "--tag", "my tag", "--limit", "1", "--user",
    ]  # fmt: skip
    assert "apples" in run(*words[1:], cwd=project.parent).stdout
    done = run("recall", "zebras", "--user", "--path", str(project), cwd=project.parent)
    assert f"aurora list --path {project} --user" in done.stderr


def test_recall_prints_only_notes_and_marks_stale_ones(run: Run, project: Path) -> None:
    remembered(
        run, project, "verify accepts any token.", "--kind", "lesson", "--about", "auth.py", "--symbol", "verify"
    )
    done = run("recall", "which tokens does verify accept", cwd=project)
    assert done.exit_code == 0
    assert "verify accepts any token." in done.stdout
    assert "def verify" not in done.stdout
    assert "stale" not in done.stdout
    (project / "auth.py").write_text("def verify(token):\n    return token == 1\n", "utf-8")
    assert "stale: verify in auth.py has changed since" in run("recall", "verify tokens", cwd=project).stdout
    assert "stale: verify in auth.py has changed since" in run("search", "accepts any token", cwd=project).stdout
    assert "(stale: verify in auth.py has changed since)" in run("list", cwd=project).stdout


def test_recall_filters_by_kind_tag_and_time(run: Run, project: Path) -> None:
    remembered(run, project, "Apples are red.", "--kind", "lesson", "--tag", "fruit")
    remembered(run, project, "Apples are sold by weight.", "--kind", "note")
    for arguments, count in (
        (["--kind", "lesson"], 1),
        (["--tag", "fruit"], 1),
        (["--since", "1h"], 2),
        (["--since", "2020-01-01"], 2),
    ):
        found = json.loads(run("recall", "apples", *arguments, "--json", cwd=project).stdout)
        assert len(found["results"]) == count
    assert run("recall", "apples", "--kind", "decision", cwd=project).exit_code == 1


def test_list_continues_from_the_cursor(run: Run, project: Path) -> None:
    for word in ("apples", "bridges", "candles"):
        remembered(run, project, f"{word} are {len(word)}")
    page = json.loads(run("list", "--limit", "2", "--json", cwd=project).stdout)
    assert (len(page["notes"]), page["total"]) == (2, 3)
    last = json.loads(run("list", "--limit", "2", "--cursor", page["next_cursor"], "--json", cwd=project).stdout)
    assert [note["content"] for note in last["notes"]] == ["apples are 6"]
    assert last["next_cursor"] is None
    assert "aurora list --cursor" in run("list", "-n", "2", cwd=project).stderr


def test_edit_changes_fields_by_options_and_reads_the_text_from_standard_input(run: Run, project: Path) -> None:
    note = remembered(run, project, "Apples are red.", "--expires", "1d")
    short = str(note["id"])[:8]
    done = run(
        "edit", short, "--content", "-", "--tag", "fruit", "--importance", "9", "--expires", "never",
        cwd=project, given="Apples are green.\n",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    stored = json.loads(run("show", short, "--json", cwd=project).stdout)
    assert (stored["content"], stored["tags"], stored["importance"]) == ("Apples are green.", ["fruit"], 9)
    assert stored["expires_at"] is None
    assert [version["content"] for version in stored["history"]] == ["Apples are red."]


def editor(folder: Path, code: str) -> str:
    script = folder / "editor.py"
    script.write_text(
        f"import sys, pathlib\nfile = pathlib.Path(sys.argv[1])\ntext = file.read_text('utf-8')\n{code}\n"
    )
    return f'"{sys.executable}" "{script}"'


@pytest.mark.skipif(os.name == "nt", reason="on Windows EDITOR holds no arguments")
def test_edit_opens_the_editor_and_changes_only_the_edited_fields(run: Run, project: Path, tmp_path: Path) -> None:
    note = remembered(run, project, "Apples are red.", "--tag", "fruit", "--source", "market")
    short = str(note["id"])[:8]
    change = editor(tmp_path, "file.write_text(text.replace('red', 'green').replace('importance: 5', 'importance: 7'))")
    assert run("edit", short, cwd=project, EDITOR=change).exit_code == 0
    stored = json.loads(run("show", short, "--json", cwd=project).stdout)
    assert (stored["content"], stored["importance"]) == ("Apples are green.", 7)
    assert (stored["tags"], stored["source"], stored["expires_at"]) == (["fruit"], "market", None)
    assert "nothing was changed" in run("edit", short, cwd=project, EDITOR=editor(tmp_path, "pass")).stderr
    broken = run("edit", short, cwd=project, VISUAL=editor(tmp_path, "file.write_text('oops')"))
    assert (broken.exit_code, "line 1" in broken.stderr, "oops" in broken.stderr) == (2, True, True)
    assert run("edit", short, cwd=project, EDITOR="no-such-editor-here").exit_code == 2


def test_forget_asks_first_and_removes_nothing_without_a_terminal(run: Run, project: Path) -> None:
    note = remembered(run, project, "Apples are red.", "--tag", "fruit")
    done = run("forget", str(note["id"])[:8], cwd=project)
    assert (done.exit_code, "--yes" in done.stderr, "Apples are red." in done.stderr) == (2, True, True)
    assert run("show", str(note["id"]), cwd=project).exit_code == 0
    done = run("forget", "--tag", "fruit", "--yes", "--json", cwd=project)
    assert json.loads(done.stdout) == {"removed": 1, "ids": [note["id"]]}
    assert run("forget", "--tag", "fruit", "--yes", cwd=project).exit_code == 1


def test_prune_shows_the_notes_first_and_removes_them_with_yes(run: Run, project: Path) -> None:
    note = remembered(run, project, "Short lived.", "--expires", "0.001s")
    shown = run("prune", cwd=project)
    assert (shown.exit_code, "expired" in shown.stdout, "aurora prune --yes" in shown.stderr) == (0, True, True)
    assert run("show", str(note["id"]), cwd=project).exit_code == 0
    assert "removed 1 note" in run("prune", "--yes", cwd=project).stderr
    assert run("show", str(note["id"]), cwd=project).exit_code == 2
    assert "nothing to remove" in run("prune", cwd=project).stderr


def test_notes_are_exported_to_markdown_and_imported_into_another_project(
    run: Run, project: Path, tmp_path: Path
) -> None:
    remembered(run, project, "Apples are red.", "--kind", "lesson")
    assert "wrote 1 note" in run("notes", "export", str(tmp_path / "shared"), cwd=project).stdout
    other = tmp_path / "other"
    other.mkdir()
    done = run("notes", "import", str(tmp_path / "shared"), "--path", ".", cwd=other)
    assert (done.exit_code, done.stdout) == (0, "1 added, 0 updated, 0 unchanged\n")
    assert "Apples are red." in run("list", cwd=other).stdout
    (tmp_path / "shared" / "bad.md").write_text("---\nkind: x\nimportance: 0\n---\ny\n")
    done = run("notes", "import", str(tmp_path / "shared"), cwd=other)
    assert (done.exit_code, "bad.md, line 3" in done.stderr) == (2, True)


def test_the_users_own_notes_need_no_project_and_are_found_in_every_project(
    run: Run, project: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    done = run("remember", "I prefer tabs to spaces.", "--user", cwd=outside)
    assert (done.exit_code, "your own notes" in done.stdout) == (0, True)
    assert list(outside.iterdir()) == []
    found = run("search", "tabs or spaces", cwd=project)
    assert "your own" in found.stdout
    assert "I prefer tabs to spaces." in found.stdout
    assert "I prefer tabs to spaces." in run("list", "--user", cwd=outside).stdout
    assert "I prefer tabs to spaces." not in run("list", cwd=project).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["remember", "x", "--importance", "11"], "importance"),
        (["remember", "x", "--expires", "soon"], "not a duration"),
        (["remember", "x", "--supersedes", "abcdefgh"], "there is no note 'abcdefgh'"),
        (["remember", "x", "--about", "missing.py"], "there is no 'missing.py'"),
        (["remember", "x", "--about", "auth.py", "--symbol", "nothing_here"], "no definition named"),
        (["remember", "x", "--about", "auth.py", "--user"], "across projects"),
        (["remember", "y" * 40_000], "32,768 are possible"),
        (["recall", " "], "query is empty"),
        (["recall", "x", "--since", "soon"], "not a time"),
        (["list", "--limit", "0"], "limit"),
        (["list", "--cursor", "zzz"], "cursor"),
        (["show", "abcdefgh"], "there is no note"),
        (["edit", "abcdefgh", "--content", "x"], "there is no note"),
        (["forget"], "either ids"),
        (["forget", "abcdefgh", "--yes"], "there is no note"),
        (["notes", "import", "missing"], "there is no 'missing'"),
    ],
)
def test_a_wrong_argument_is_one_line_of_text_and_exit_code_2(
    run: Run, project: Path, arguments: list[str], words: str
) -> None:
    done = run(*arguments, cwd=project)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_export_of_notes_replaces_a_foreign_file_only_with_force(run: Run, project: Path) -> None:
    (project / "README.md").write_text("# Mine\n", "utf-8")
    done = run("notes", "export", "README.md", cwd=project)
    assert done.exit_code == 2
    assert "nothing was written. Name another file, or replace it with --force" in done.stderr
    assert (project / "README.md").read_text("utf-8") == "# Mine\n"
    assert run("notes", "export", "README.md", "--force", cwd=project).exit_code == 0
    assert "# Mine" not in (project / "README.md").read_text("utf-8")


def test_an_import_says_which_fields_it_passed_over(run: Run, project: Path) -> None:
    (project / "note.md").write_text("---\ntitle: A\nauthor:\n  name: Ann\n---\nThe text.\n", "utf-8")
    done = run("notes", "import", "note.md", cwd=project)
    assert done.exit_code == 0
    assert done.stdout == "1 added, 0 updated, 0 unchanged\n"
    assert done.stderr == "note: note.md, line 3: the field 'author' was passed over: it is no text, number or list\n"
