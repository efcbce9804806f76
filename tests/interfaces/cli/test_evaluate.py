"""``aurora eval`` on a small project: figures, thresholds, tags, mistakes, and what a person and a program see."""

import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from aurora_dev.config import ENV_PREFIX, USUAL_NAMES
from aurora_dev.core.types import Notice
from aurora_dev.evaluation import Evaluation, Measured, Query, Side, Target, Threshold
from aurora_dev.interfaces.cli.app import app
from aurora_dev.interfaces.cli.output.evaluation_table import plain_evaluation, print_evaluation
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_BELOW

ESCAPE = "\x1b"
STYLE = re.compile(r"\x1b\[[0-9;]*m")
Run = Callable[..., Result]
QUERIES = [
    {"query": "where are tokens verified", "expected": ["src/auth.py"], "tags": ["auth"]},
    {
        "query": "sign a new token for a user",
        "expected": [{"path": "auth.py", "start_line": 6, "end_line": 8}],
        "tags": ["auth"],
    },
    {"query": "restart the service", "expected": ["docs/deploy.md", "docs/gone.md"], "tags": ["[red]ops[/red]"]},
]


def index(root: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ENV_PREFIX) and k not in USUAL_NAMES}
    command = [sys.executable, "-m", "aurora_dev.interfaces.cli.app", "index"]
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("eval") / "project"
    for name, text in {
        "src/auth.py": 'def verify_token(token):\n    """Verify it."""\n    return token == "ok"\n\n\n'
        'def issue_token(user):\n    """Sign a new token for a user."""\n    return "ok"\n',
        "src/paint.py": 'def paint():\n    return "red"\n',
        "docs/deploy.md": "# Deploying\n\nPush the image, then restart the service.\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    index(root)
    return root


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, indexed: Path, tmp_path: Path) -> Iterator[Run]:
    logger = logging.getLogger("aurora_dev")
    handlers, level = list(logger.handlers), logger.level
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX) or name in USUAL_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AURORA_RERANKER", "none")  # the first stage only, unless a test sets a reranker
    (tmp_path / "q.jsonl").write_text("".join(f"{json.dumps(query)}\n" for query in QUERIES), "utf-8")

    def invoke(*arguments: str, project: Path = indexed, **environment: str) -> Result:
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            if "CROSS_ENCODER_MODEL" in environment:
                patch.setenv("AURORA_RERANKER", "auto")
            for name, value in environment.items():
                patch.setenv(name, value)
            return CliRunner().invoke(app, ["eval", "--path", str(project), *arguments], prog_name="aurora")

    yield invoke
    logger.handlers[:] = handlers
    logger.setLevel(level)


def rows(text: str) -> dict[tuple[str, str], list[str]]:
    """Return the figures of the plain table by tag and metric."""
    table = text.split("\n\n")[1].splitlines()
    cells = [re.split(r"\s{2,}", line) for line in table if not line.startswith("*")]
    return {(row[0], row[2]): row[3:] for row in cells}


def test_figures_are_in_aligned_columns_without_colours(run: Run) -> None:
    done = run("q.jsonl", "-k", "1", "-k", "3")
    assert done.exit_code == 0
    assert ESCAPE not in done.stdout
    assert done.stdout.startswith("3 queries of q.jsonl on ")
    assert "mode hybrid; mrr and map look at 3 results\n\n" in done.stdout
    figures = rows(done.stdout)
    assert figures["tag", "metric"] == ["without rerank"]
    assert figures["(all)", "recall@3"] == ["0.8333"]  # (1 + 1 + 1/2) / 3
    assert figures["(all)", "hit_rate@1"] == ["1.0000"]
    assert figures["(all)", "mrr"] == ["1.0000"]
    assert figures["auth", "map"] == ["1.0000"]
    assert figures["[red]ops[/red]", "map"] == ["0.5000"]
    assert float(figures["(all)", "median ms"][0]) > 0
    table = done.stdout.split("\n\n")[1].splitlines()
    assert len({len(line) for line in table}) == 1


def test_missing_targets_and_a_missing_reranker_are_reported_on_standard_error(run: Run) -> None:
    done = run("q.jsonl")
    assert "no reranker is configured" in done.stderr
    assert "q.jsonl:3: 'docs/gone.md' is not in the store" in done.stderr
    assert "note:" not in done.stdout


def test_a_query_without_an_answer_is_measured_like_any_other(run: Run, tmp_path: Path) -> None:
    queries = [QUERIES[0], {"query": "frobnicate_widget banana bread", "expected": ["src/paint.py"]}]
    (tmp_path / "n.jsonl").write_text("".join(f"{json.dumps(query)}\n" for query in queries), "utf-8")
    done = run("n.jsonl", "--min", "recall@10=1")
    assert done.exit_code == 0
    assert "occurs nowhere" not in done.stderr
    assert "matches the query well" not in done.stderr
    (side,) = json.loads(run("n.jsonl", "--json").stdout)["sides"]
    assert (side["notices"], side["fell_back"]) == ([], 0)


def test_a_figure_below_its_threshold_sets_the_exit_code(run: Run) -> None:
    done = run("q.jsonl", "--min", "recall@10=0.9", "--min", "mrr=0.5", "--min", "hit-rate@10=1")
    assert done.exit_code == EXIT_BELOW == 5
    assert "  NOT MET  recall@10    0.8333, at least 0.9  (0.0667 too low)\n" in done.stdout
    assert "  met      mrr          1.0000, at least 0.5\n" in done.stdout
    assert "  met      hit_rate@10  1.0000, at least 1\n" in done.stdout
    assert "1 of 3 thresholds is not met" in done.stderr
    assert run("q.jsonl", "--min", "recall@10=0.83").exit_code == 0


def test_tags_choose_queries(run: Run) -> None:
    done = run("q.jsonl", "--tag", "auth", "--min", "recall@10=1")
    assert done.exit_code == 0
    assert done.stdout.startswith("2 queries of ")
    assert "ops" not in done.stdout
    both = json.loads(run("q.jsonl", "--tag", "auth", "--tag", "[red]ops[/red]", "--json").stdout)
    assert both["queries"] == 3


def test_json_has_every_figure_and_search(run: Run) -> None:
    done = run("q.jsonl", "-k", "5", "--json", "--mode", "keyword", "--min", "recall@5=0.9")
    assert done.exit_code == EXIT_BELOW
    found = json.loads(done.stdout)
    assert (found["mode"], found["k"], found["queries"], found["difference"]) == ("keyword", [5], 3, None)
    assert found["tags"] == {"[red]ops[/red]": 1, "auth": 2}
    (side,) = found["sides"]
    assert side["rerank"] is False
    assert list(side["metrics"]) == ["precision@5", "recall@5", "ndcg@5", "hit_rate@5", "mrr", "map"]
    assert side["tags"]["auth"]["recall@5"] == 1.0
    assert 0 < side["seconds_median"] <= side["seconds_p95"]
    search = side["searches"][2]
    assert (search["line"], search["query"], search["search_method"]) == (3, "restart the service", "keyword")
    assert search["targets"] == [
        {"target": "docs/deploy.md", "grade": 1.0, "rank": 1},
        {"target": "docs/gone.md", "grade": 1.0, "rank": None},
    ]
    assert search["relevant"] == [1]
    assert found["thresholds"][0]["met"] is False
    assert found["unknown_targets"] == [{"line": 3, "target": "docs/gone.md"}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.jsonl"], "'missing.jsonl' does not exist"),
        (["."], "is a folder"),
        (["empty.jsonl"], "holds no queries"),
        (["binary.jsonl"], "binary.jsonl:1: this is binary data"),
        (["broken.jsonl"], "broken.jsonl:2: this is not JSON"),
        (["q.jsonl", "--min", "ndcg@10"], "such as ndcg@10=0.8"),
        (["q.jsonl", "--min", "ndcg@10=2"], "from 0 to 1"),
        (["q.jsonl", "--min", "ndcg@10=nan"], "from 0 to 1"),
        (["q.jsonl", "--min", "ndcg@5=0.5"], "To measure it, add: -k 5"),
        (["q.jsonl", "--min", "f1=0.5"], "The metrics are: precision@10"),
        (["q.jsonl", "-k", "0"], "k must be a whole number"),
        (["q.jsonl", "--tag", "nope"], "has the tag 'nope': nothing was measured. The tags are: [red]ops[/red], auth"),
        (["q.jsonl", "--rerank"], "--no-rerank"),
        (["q.jsonl", "--rerank-weight", "2"], "rerank_weight"),
        (["q.jsonl", "--rerank-top-k", "0"], "rerank_top_k"),
        (["q.jsonl", "--no-rerank", "--rerank-top-k", "9"], "--rerank-top-k"),
        (["q.jsonl", "--mode", "psychic"], "psychic"),
        ([], "QUERIES"),
    ],
)
def test_a_mistake_ends_with_2_and_a_sentence(run: Run, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "binary.jsonl").write_bytes(b"\x00\x01")
    (tmp_path / "broken.jsonl").write_text('{"query": "a", "expected": ["a"]}\n{oops}\n', "utf-8")
    done = run(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_without_an_index_the_error_names_the_command_to_run(run: Run, tmp_path: Path) -> None:
    done = run("q.jsonl", project=tmp_path)
    assert done.exit_code == 3
    assert "aurora index" in done.stderr


def test_a_query_file_that_is_indexed_itself_does_not_answer_its_own_queries(
    run: Run, indexed: Path, tmp_path: Path
) -> None:
    project = shutil.copytree(indexed, tmp_path / "project")
    file = project / "docs" / "q.jsonl"
    shutil.copy(tmp_path / "q.jsonl", file)
    index(project)
    copied = run(str(file), "--json", project=project)
    assert "itself indexed" in copied.stderr
    inside, outside = json.loads(copied.stdout), json.loads(run("q.jsonl", "--json", project=project).stdout)
    assert (inside["file_left_out"], outside["file_left_out"]) == (True, False)
    assert inside["sides"][0]["metrics"]["mrr"] == 1.0
    assert outside["sides"][0]["metrics"]["mrr"] < 1.0  # the reason for leaving it out


def test_searches_that_could_not_be_reranked_are_reported_and_meet_no_threshold(run: Run, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()  # a folder without a model: loading it fails
    # ONNX Runtime fails at once. Torch is slow to import: on a busy machine some searches would not wait for it.
    environment = {"CROSS_ENCODER_MODEL": str(tmp_path / "model"), "AURORA_CROSS_ENCODER_BACKEND": "onnx"}
    done = run("q.jsonl", "--min", "mrr=0", **environment)
    assert done.exit_code == EXIT_BELOW
    figures = rows(done.stdout)
    assert figures["tag", "metric"] == ["without rerank", "with rerank*", "difference"]
    assert figures["(all)", "mrr"] == ["1.0000", "1.0000", "-"]
    assert "* 3 of 3 searches could not be reranked" in done.stdout
    assert "NOT MET  mrr  1.0000, at least 0  (3 of 3 searches were not reranked)" in done.stdout
    # A busy machine may give two reasons, of which each counts its own searches.
    assert sum(map(int, re.findall("with rerank, ([1-3]) of 3 searches: ", done.stderr))) == 3


def test_the_candidates_and_the_weight_of_the_reranker_can_be_set(run: Run, tmp_path: Path) -> None:
    from core.rerank import tiny_onnx_reranker as tiny

    environment = {
        "CROSS_ENCODER_MODEL": str(tiny.build_plain(tmp_path / "model", "random")),
        "AURORA_CROSS_ENCODER_BACKEND": "onnx",
    }

    def ranks(*arguments: str) -> list[list[int | None]]:
        found = json.loads(run("q.jsonl", "--json", "--rerank", *arguments, **environment).stdout)
        (side,) = found["sides"]
        assert {search["search_method"] for search in side["searches"]} == {"rrf_hybrid+rerank"}
        return [[target["rank"] for target in search["targets"]] for search in side["searches"]]

    plain = json.loads(run("q.jsonl", "--json", "--no-rerank").stdout)["sides"][0]["searches"]
    stage1 = [[target["rank"] for target in search["targets"]] for search in plain]
    assert ranks() != stage1
    assert ranks("--rerank-weight", "0") == stage1
    assert ranks("--rerank-top-k", "1") == stage1


@pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="needs sentence-transformers")
def test_both_sides_are_measured_with_a_real_model(run: Run, tmp_path: Path) -> None:
    from core.rerank import tiny_cross_encoder as tiny

    model = tiny.build(tmp_path / "model")
    found = json.loads(run("q.jsonl", "--json", CROSS_ENCODER_MODEL=str(model)).stdout)
    assert [side["rerank"] for side in found["sides"]] == [False, True]
    assert [side["fell_back"] for side in found["sides"]] == [0, 0]
    assert {search["search_method"] for search in found["sides"][1]["searches"]} == {"rrf_hybrid+rerank"}
    without, reranked = (side["metrics"]["mrr"] for side in found["sides"])
    assert found["difference"]["metrics"]["mrr"] == pytest.approx(reranked - without)


def evaluation() -> Evaluation:
    """Two queries, measured by hand on both sides; reranking failed for the second."""

    def side(rerank: bool, *figures: float) -> Side:
        searches = []
        for line, figure in enumerate(figures, start=1):
            query = Query(f"query {ESCAPE}[31m {line}", (Target("a"),), ("[red]x",) if line == 1 else (), line)
            metrics = dict.fromkeys(("precision@5", "recall@5", "ndcg@5", "hit_rate@5", "mrr", "map"), figure)
            failed = rerank and line == 2
            notices = (Notice("rerank_failed", "the lights went out"),) if failed else ()
            searches.append(Measured(query, (), (figure > 0,), metrics, 0.25 * line, "x", notices, failed))
        return Side(rerank, tuple(searches))

    return Evaluation((5,), "hybrid", (side(False, 0.5, 0.0), side(True, 0.75, 0.0)))


def test_both_sides_are_shown_next_to_each_other_with_their_difference() -> None:
    measured = evaluation()
    text = plain_evaluation(Path("q.jsonl"), Path(), measured, measured.check([Threshold("mrr", 0.1)]))
    figures = rows(text)
    assert figures["(all)", "ndcg@5"] == ["0.2500", "0.3750", "+0.1250"]
    assert figures["[red]x", "ndcg@5"] == ["0.5000", "0.7500", "+0.2500"]
    assert figures["(all)", "median ms"] == ["375.0", "375.0", "+0.0"]
    assert figures["(all)", "p95 ms"] == ["500.0", "500.0", "+0.0"]
    assert "* 1 of 2 searches could not be reranked" in text
    assert "1 of 2 queries found no expected result, with rerank:\n  line 2: query \\x1b[31m 2\n" in text
    assert "NOT MET  mrr  0.3750, at least 0.1  (1 of 2 searches were not reranked)" in text


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_terminal_gets_a_table_with_sections_and_no_control_characters(encoding: str) -> None:
    measured = evaluation()
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="\n") as stream:
        console = Console(file=stream, force_terminal=True, color_system="standard", width=100, legacy_windows=False)
        print_evaluation(console, Path("q.jsonl"), Path(), measured, measured.check([Threshold("mrr", 0.1)]))
        stream.flush()
        shown = raw.getvalue().decode(encoding)
    assert f"{ESCAPE}[32m" in shown  # a gain is green
    plain = STYLE.sub("", shown).replace("|", " ")  # between columns, where there are no better lines
    assert ESCAPE not in plain
    assert re.search(r"\(all\) +2 +precision@5 +0\.2500 +0\.3750 +\+0\.1250", plain)
    assert re.search(r"\[red\]x +1 +precision@5 +0\.5000 +0\.7500 +\+0\.2500", plain)
    assert plain.count("(all)") == 1
    assert "* 1 of 2 searches could not be reranked" in plain
    assert "NOT MET  mrr" in plain


def test_the_help_names_the_exit_code_of_a_threshold() -> None:
    done = CliRunner().invoke(app, ["--help"], prog_name="aurora")
    assert re.search(r"^ +5  eval: a figure is below a threshold", done.stdout, re.MULTILINE)
    done = CliRunner().invoke(app, ["eval", "--help"], prog_name="aurora")
    for word in ("--min", "--tag", "--no-rerank", "ndcg@10=0.8", "QUERIES.jsonl"):
        assert word in done.stdout
