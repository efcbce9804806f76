"""Compare docs/reranking.md with the code: its tables, services, example questions and figures."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import shlex
from pathlib import Path

import docs_examples as docs
import numpy as np
import pytest

from aurora_dev.config import ENV_PREFIX, USUAL_NAMES, Settings
from aurora_dev.core import factory, reranker
from aurora_dev.core.http_reranker import HTTPReranker
from aurora_dev.core.rerank import formats as rerank_formats
from aurora_dev.core.rerank.bundled import ONNXReranker
from aurora_dev.core.rerank.formats import FORMATS, SCORE_KINDS
from aurora_dev.core.rerank.known_models import DEFAULT_MODEL, KNOWN_MODELS
from aurora_dev.core.rerank.window import WINDOWS, select_window
from aurora_dev.core.reranker import CrossEncoderReranker
from aurora_dev.core.types import SearchOptions
from aurora_dev.evaluation import load_queries

PAGE: Path = docs.ROOT / "docs/reranking.md"
FOR_TESTS = {"wait", "clock", "jitter"}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in list(os.environ):
        if variable.startswith(ENV_PREFIX) or variable in USUAL_NAMES:
            monkeypatch.delenv(variable)


def _defaults(described: type) -> dict[str, str]:
    parameters = inspect.signature(described).parameters
    return {name: repr(each.default) for name, each in parameters.items() if name not in FOR_TESTS}


def test_every_argument_of_the_bundled_reranker_is_described_with_its_default() -> None:
    rows = docs.table(PAGE, "argument of BundledReranker", "default", "meaning")
    expected = _defaults(ONNXReranker)
    del expected["folder"]
    assert {docs.bare(row["argument of BundledReranker"]): docs.bare(row["default"]) for row in rows} == expected


@pytest.mark.parametrize("described", [CrossEncoderReranker, HTTPReranker], ids=lambda each: each.__name__)
def test_every_argument_of_a_reranker_is_described_with_its_default(described: type) -> None:
    rows = docs.table(PAGE, f"argument of {described.__name__}", "default", "meaning")
    assert {
        docs.bare(row[f"argument of {described.__name__}"]): docs.bare(row["default"]) for row in rows
    } == _defaults(described)


def test_arguments_for_tests_are_named_outside_the_table() -> None:
    parameters = set(inspect.signature(HTTPReranker).parameters)
    assert parameters >= FOR_TESTS
    assert "Three more arguments, `wait`, `clock` and `jitter`, are for tests" in PAGE.read_text("utf-8")


def test_the_defaults_behind_none_match_the_code() -> None:
    meanings = {
        docs.bare(row["argument of CrossEncoderReranker"]): row["meaning"]
        for row in docs.table(PAGE, "argument of CrossEncoderReranker", "default", "meaning")
    }
    sizes = (reranker.CPU_BATCH_SIZE, reranker.ACCELERATOR_BATCH_SIZE)
    assert tuple(map(int, re.findall(r"\d+", meanings["batch_size"]))) == sizes
    assert f"else `{DEFAULT_MODEL}`" in meanings["model_name"]


def test_every_rerank_option_of_a_search_is_described_with_its_default() -> None:
    rows = docs.table(PAGE, "field of SearchOptions", "default", "range", "meaning")
    fields = [field for field in dataclasses.fields(SearchOptions) if field.name.startswith("rerank_")]
    found = {docs.bare(row["field of SearchOptions"]): docs.bare(row["default"]) for row in rows}
    assert found == {field.name: repr(field.default) for field in fields}


def test_the_table_of_models_matches_the_code() -> None:
    rows = docs.table(PAGE, "model", "runs", "parameters, million", "weights, MB", "tokens", "use")
    shown = [
        (docs.bare(row["model"]), row["runs"], _number(row["parameters, million"]), int(row["tokens"]), row["use"])
        for row in rows
    ]
    assert shown == [(each.name, each.runs, each.parameters, each.max_tokens, each.use) for each in KNOWN_MODELS]
    for row, model in zip(rows, KNOWN_MODELS, strict=True):
        megabytes = _number(row["weights, MB"])
        assert megabytes == (None if model.megabytes is None else pytest.approx(model.megabytes)), model.name


def _number(cell: str) -> float | None:
    return None if cell in ("", "not published") else float(cell)


def test_the_compared_model_cards_are_of_models_in_the_table() -> None:
    rows = docs.table(PAGE, "model card of", "NDCG@10, TREC DL 19", "MRR@10, MS MARCO dev", "documents per second")
    names = [model.name for model in KNOWN_MODELS]
    assert len(rows) == 4
    assert all(f"cross-encoder/ms-marco-{row['model card of']}" in names for row in rows)


def test_the_table_of_formats_matches_the_code() -> None:
    columns = ("format", "`auto` chooses it for", "documents in a request", "characters of a document", "scores")
    rows = docs.table(PAGE, *columns)
    assert {docs.bare(row["format"]) for row in rows} == set(FORMATS)
    for row in rows:
        chosen = FORMATS[docs.bare(row["format"])]
        assert int(row["documents in a request"]) == chosen.max_documents, chosen.name
        assert int(row["characters of a document"]) == chosen.max_document_chars, chosen.name
        assert docs.bare(row["scores"]) == chosen.scores, chosen.name
        for model, kind in re.findall(r"`(\w+)` for `([\w-]+)`", row["scores"]):
            assert rerank_formats.default_scores(chosen, kind) == model
        assert _chosen_for(row["`auto` chooses it for"]) in (chosen.name, None), chosen.name


def _chosen_for(cell: str) -> str | None:
    """Return the format that ``auto`` chooses for the address in a cell, ``None`` for an empty cell."""
    host, path, port = (re.search(rf"{what} `?([\w./]+)`?", cell) for what in ("host", "path", "port"))
    if not (host or path or port):
        return None
    address = f"http://{host[1] if host else 'localhost'}{':' + port[1] if port else ''}{path[1] if path else ''}"
    return HTTPReranker(address).api_format


def test_each_kind_of_score_is_converted_as_the_page_says() -> None:
    rows = docs.table(PAGE, "`scores` of a service", "its values", "what Aurora does")
    assert [docs.bare(row["`scores` of a service"]) for row in rows] == list(SCORE_KINDS)
    raw = np.array([0.5])
    assert rerank_formats.relevance(raw, "probability")[0] == 0.5
    assert rerank_formats.relevance(raw, "logit")[0] == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert rerank_formats.relevance(raw, "similarity")[0] == 0.75


def test_each_window_reads_what_the_page_says() -> None:
    rows = docs.table(PAGE, "window", "what is read", "use")
    assert [docs.bare(row["window"]) for row in rows] == list(WINDOWS)
    text = "begins here\n" + "filler\n" * 500 + "the token is verified\n" + "filler\n" * 500
    read = {window: select_window("token verified", text, 200, window) for window in WINDOWS}
    assert {window: ("begins" in part, "verified" in part) for window, part in read.items()} == {
        "head": (True, False),
        "best": (False, True),
        "head+best": (True, True),
    }


def test_every_setting_exists_and_sets_the_named_argument() -> None:
    rows = docs.table(PAGE, "setting", "environment", "what it sets here")
    concerned = [name for name in Settings.model_fields if "rerank" in name]
    named = [docs.bare(row["setting"]) for row in rows]
    assert named == [*concerned, "cross_encoder_model", "cross_encoder_backend", "sentence_transformers_home"]
    for row in rows:
        variable, name = docs.bare(row["environment"]), docs.bare(row["setting"])
        assert USUAL_NAMES.get(variable, variable.removeprefix(ENV_PREFIX).lower()) == name
        further = re.search(r"also as `(\w+)`", row["what it sets here"])
        assert further is None or further[1] == ENV_PREFIX + name.upper()
    arguments = {**inspect.signature(HTTPReranker).parameters, **inspect.signature(ONNXReranker).parameters}
    sets = [
        docs.bare(row["what it sets here"]).split(" ")[0] for row in rows if row["setting"].startswith("`reranker_")
    ]
    assert all(argument in arguments for argument in sets)


def _services() -> list[dict[str, str]]:
    """Return the variables of each console block that configures a service."""
    found = []
    for block in docs.blocks(PAGE, "console"):
        exports = [shlex.split(each.text)[1:] for each in docs.commands(block) if each.text.startswith("export ")]
        variables = dict(pair.split("=", 1) for pairs in exports for pair in pairs)
        if "AURORA_RERANKER_URL" in variables:
            found.append(variables)
    return found


def test_the_variables_of_each_service_select_its_format(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    for variables in _services():
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            built = factory.create_reranker("auto")
        assert isinstance(built, HTTPReranker)
        chosen.append(built.api_format)
    assert chosen == ["tei", "llamacpp", "vllm", "infinity", "cohere-v2", "jina", "voyage", "plain"]


def test_each_service_is_started_on_the_port_of_its_variables() -> None:
    text = PAGE.read_text("utf-8")
    for variables in _services():
        port = re.search(r"localhost:(\d+)", variables["AURORA_RERANKER_URL"])
        assert port is None or re.search(rf"--port {port[1]}\b", text), variables


def test_the_example_questions_are_a_valid_query_file(tmp_path: Path) -> None:
    questions = next(block.body for block in docs.blocks(PAGE, "text") if '"expected"' in block.body)
    file = tmp_path / "queries.jsonl"
    file.write_text(questions, "utf-8")
    project = docs.make_project(tmp_path / "project")
    queries = load_queries(file)
    assert len(queries) > 2
    for target in (target for query in queries for target in query.targets):
        lines = (project / target.name).read_text("utf-8").splitlines()
        assert target.end_line is None or target.end_line <= len(lines), target


def test_the_latency_figures_are_those_of_the_benchmark_results() -> None:
    columns = {"plain": "plain `CrossEncoder.predict`", "aurora": "Aurora, torch", "int8": "Aurora, int8"}
    columns |= {"bundled": "bundled"}
    ratios = ("int8 against plain", "bundled against plain")
    *others, bundled = columns.values()
    measured = (docs.ROOT / "benchmarks/results/rerank.md").read_text("utf-8")
    rows = docs.table(PAGE, "characters of a document", *others, ratios[0], bundled, ratios[1])
    assert len(rows) == 4
    for row in rows:
        for way, column in columns.items():
            cells = [row["characters of a document"], "50", way, *[r"\S+"] * 4, r"(\S+)", r"\S+", r"\S+"]
            found = re.search(r"^\| " + r" \| ".join(cells) + r" \|$", measured, re.MULTILINE)
            assert found is not None
            assert float(row[column]) == pytest.approx(float(found[1]), abs=0.6)


def test_every_code_of_a_failed_reranking_is_described() -> None:
    source = (docs.ROOT / "aurora_dev/core/search/rerank.py").read_text("utf-8")
    rows = docs.table(PAGE, "code", "when")
    assert {docs.bare(row["code"]) for row in rows} == set(re.findall(r'trace, "(rerank_\w+)"', source))
