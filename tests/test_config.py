"""Settings: the order of sources, the source of each value, and the errors for wrong ones."""

import copy
import os
import pickle
from pathlib import Path

import pytest

from aurora_dev.config import ENV_PREFIX, USUAL_NAMES, Settings, find_project, unknown_environment
from aurora_dev.errors import ConfigurationError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(ENV_PREFIX) or name in USUAL_NAMES:
            monkeypatch.delenv(name)


def write(folder: Path, text: str, name: str = "aurora.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_an_argument_beats_the_environment_which_beats_aurora_toml_which_beats_pyproject_which_beats_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings.load(tmp_path).namespace == "default"
    write(tmp_path, '[tool.aurora]\nnamespace = "pyproject"', "pyproject.toml")
    assert Settings.load(tmp_path).namespace == "pyproject"
    write(tmp_path, 'namespace = "toml"')
    assert Settings.load(tmp_path).namespace == "toml"
    monkeypatch.setenv("AURORA_NAMESPACE", "environment")
    assert Settings.load(tmp_path).namespace == "environment"
    assert Settings.load(tmp_path, namespace="argument").namespace == "argument"
    assert Settings.load(tmp_path, namespace=None).namespace == "environment"


def test_every_value_has_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "mask_secrets = false")
    monkeypatch.setenv("AURORA_LOG", "debug")
    monkeypatch.setenv("PINECONE_API_KEY", "pc-1")
    sources = Settings.load(tmp_path, busy_timeout=5).sources()
    assert str(sources["mask_secrets"]) == str(path)
    assert str(sources["log"]) == "AURORA_LOG"
    assert str(sources["pinecone_api_key"]) == "PINECONE_API_KEY"
    assert str(sources["busy_timeout"]) == "argument"
    assert str(sources["backend"]) == "default"
    assert set(sources) == set(Settings.model_fields)


def test_our_own_variable_beats_the_usual_name_of_another_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_ENCODER_MODEL", "theirs/model")
    assert Settings.load().cross_encoder_model == "theirs/model"
    monkeypatch.setenv("AURORA_CROSS_ENCODER_MODEL", "ours/model")
    assert Settings.load().cross_encoder_model == "ours/model"


def test_an_empty_variable_is_as_if_it_were_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_LOG", "")
    monkeypatch.setenv("CROSS_ENCODER_MODEL", "")
    settings = Settings.load()
    assert (settings.log, settings.cross_encoder_model) == ("off", None)


def test_constructing_settings_reads_neither_environment_nor_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_NAMESPACE", "environment")
    settings = Settings(namespace="mine")
    assert settings.namespace == "mine"
    assert Settings().namespace == "default"
    assert str(settings.sources()["namespace"]) == "argument"
    assert str(settings.sources()["log"]) == "default"


@pytest.mark.parametrize(("name", "table"), [("aurora.toml", ""), ("pyproject.toml", "[tool.aurora]\n")])
def test_an_unknown_key_in_a_file_names_the_file_the_line_and_the_nearest_setting(
    tmp_path: Path, name: str, table: str
) -> None:
    path = write(tmp_path, f'{table}# a comment\nembeder = "bundled"\n', name)
    line = 3 if table else 2
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(tmp_path)
    assert f"{path}, line {line}" in str(caught.value)
    assert "did you mean 'embedder'?" in str(caught.value)


def test_an_unknown_key_without_a_neighbour_lists_the_settings(tmp_path: Path) -> None:
    write(tmp_path, "zzz = 1")
    with pytest.raises(ConfigurationError, match="the settings are: backend, busy_timeout"):
        Settings.load(tmp_path)


def test_an_unknown_argument_is_an_error_too() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'namespace'"):
        Settings.load(namspace="x")


def test_broken_toml_names_the_file_and_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, 'log = "off"\nnamespace = oops\n')
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(tmp_path)
    assert f"{path}, line 2" in str(caught.value)
    assert caught.value.__cause__ is None


def test_toml_that_breaks_off_at_its_end_still_names_a_line(tmp_path: Path) -> None:
    path = write(tmp_path, 'log = "off"\nnamespace = "open')
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(tmp_path)
    assert f"{path}, line 2" in str(caught.value)


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "aurora.toml").write_bytes(b'log = "off"\nnamespace = "\xff"\n')
    with pytest.raises(ConfigurationError, match=r"line 2: not UTF-8"):
        Settings.load(tmp_path)


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "aurora.toml").write_bytes(b"\xef\xbb\xbf" + b'namespace = "bom"\n')
    assert Settings.load(tmp_path).namespace == "bom"


@pytest.mark.parametrize("text", ["[tool.other]\nx = 1", "{{ cookiecutter.header }}\n", "[tool.aurora-other]\nx = = 1"])
def test_a_pyproject_without_a_table_of_aurora_is_not_parsed_even_if_it_is_broken(tmp_path: Path, text: str) -> None:
    write(tmp_path, text, "pyproject.toml")
    assert Settings.load(tmp_path).namespace == "default"
    assert find_project(tmp_path) != tmp_path


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("busy_timeout = -1", "greater than 0"),
        ('busy_timeout = "soon"', "busy_timeout = 'soon'"),
        ('log = "loud"', "'off', 'error', 'warning', 'info' or 'debug'"),
        ('namespace = ""', "at least 1 character"),
    ],
)
def test_a_wrong_value_names_its_place_and_what_is_allowed(tmp_path: Path, line: str, words: str) -> None:
    path = write(tmp_path, f"# settings\n{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(tmp_path)
    assert f"{path}, line 2" in str(caught.value)
    assert words in str(caught.value)


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_MASK_SECRETS", "perhaps")
    with pytest.raises(ConfigurationError, match="AURORA_MASK_SECRETS"):
        Settings.load()


def test_keys_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_EMBEDDER_API_KEY", "sk-hush")
    monkeypatch.setenv("PINECONE_API_KEY", "pc-hush")
    settings = Settings.load()
    assert settings.embedder_api_key is not None
    assert settings.embedder_api_key.get_secret_value() == "sk-hush"
    assert "hush" not in f"{settings!r} {settings} {settings.shown()} {settings.model_dump_json()}"
    assert settings.shown()["embedder_api_key"] == "[hidden]"


def test_a_key_in_a_file_is_refused_without_being_repeated(tmp_path: Path) -> None:
    write(tmp_path, 'embedder_api_key = "sk-hush"')
    with pytest.raises(ConfigurationError, match="AURORA_EMBEDDER_API_KEY") as caught:
        Settings.load(tmp_path)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["https://evil.example/v1", "http:https://evil.example/v1", "http:http://10.0.0.1/v1"]
)
def test_a_projects_file_cannot_send_its_text_to_another_machine_but_the_environment_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    write(tmp_path, f'embedder = "{value}"')
    with pytest.raises(ConfigurationError, match="another machine"):
        Settings.load(tmp_path)
    monkeypatch.setenv("AURORA_EMBEDDER", value)
    assert Settings.load(tmp_path).embedder == value


def test_a_projects_file_cannot_send_candidates_to_a_reranker_on_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 'reranker_url = "https://evil.example/rerank"')
    with pytest.raises(ConfigurationError, match="another machine"):
        Settings.load(tmp_path)
    write(tmp_path, 'reranker_url = "http://localhost:8081/rerank"')
    assert Settings.load(tmp_path).reranker_url == "http://localhost:8081/rerank"
    monkeypatch.setenv("AURORA_RERANKER_URL", "https://service.example/rerank")
    assert Settings.load(tmp_path).reranker_url == "https://service.example/rerank"


@pytest.mark.parametrize("value", ["http:http://localhost:11434/v1", "http://127.0.0.1:8080/v1", "bundled"])
def test_a_projects_file_can_name_a_service_on_this_machine(tmp_path: Path, value: str) -> None:
    write(tmp_path, f'embedder = "{value}"')
    assert Settings.load(tmp_path).embedder == value


@pytest.mark.parametrize(
    "line",
    [
        'embedder = "sentence-transformers:./model"',
        'embedder = "sentence-transformers:model"',
        'embedder = "sentence-transformers:../model"',
        'reranker = "cross-encoder:model"',
        'cross_encoder_model = "model"',
        'cross_encoder_model = "/tmp/model"',
        'sentence_transformers_home = "model"',
    ],
)
def test_a_projects_file_cannot_name_a_model_that_came_with_it(tmp_path: Path, line: str) -> None:
    (tmp_path / "model").mkdir()
    write(tmp_path, line)
    with pytest.raises(ConfigurationError, match="may not decide"):
        Settings.load(tmp_path)


def test_a_projects_file_can_name_a_model_of_the_hub(tmp_path: Path) -> None:
    write(tmp_path, 'reranker = "cross-encoder"\ncross_encoder_model = "cross-encoder/ms-marco-MiniLM-L-6-v2"')
    assert Settings.load(tmp_path).cross_encoder_model == "cross-encoder/ms-marco-MiniLM-L-6-v2"


def test_the_store_is_in_the_project_unless_an_argument_or_the_environment_moves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    assert Settings.load(project).store_path(project) == project / ".aurora"
    write(project, 'store = ".cache/aurora"')
    assert Settings.load(project).store_path(project) == project / ".cache" / "aurora"
    write(project, 'store = "../elsewhere"')
    with pytest.raises(ConfigurationError, match="outside of the project"):
        Settings.load(project)
    monkeypatch.setenv("AURORA_STORE", str(elsewhere))
    assert Settings.load(project).store_path(project) == elsewhere


def test_a_misspelt_variable_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_EMBEDER", "x")
    monkeypatch.setenv("AURORA_EMBEDDER", "bundled")
    assert unknown_environment() == ["AURORA_EMBEDER"]


def test_the_nearest_project_is_found_upwards(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (tmp_path / ".aurora").mkdir()
    assert find_project(inner) == tmp_path
    write(tmp_path / "a", '[tool.aurora]\nnamespace = "x"', "pyproject.toml")
    assert find_project(inner) == tmp_path / "a"
    write(tmp_path / "a" / "b", "")
    assert find_project(inner) == tmp_path / "a" / "b"


_EACH_FILE = "must have a glob and an encoding in every entry"
_ENCODINGS = "must be a table of globs and encodings, or text such as 'old/**=cp1251; *.csv=cp932'"


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("history_limit", " +1_000 ", 1000),
        ("history_limit", "7.0", 7),
        ("history_limit", 7.0, 7),
        ("history_limit", True, 1),
        ("history_limit", "1.5", "must be a whole number"),
        ("history_limit", "1e3", "must be a whole number"),
        ("history_limit", "\u0667", "must be a whole number"),
        ("history_limit", "9" * 5000, "must be a whole number"),
        ("history_limit", [1], "must be a whole number"),
        ("history_limit", float("nan"), "must be a number"),
        ("history_limit", "-1", "must be at least 0"),
        ("embedder_batch_size", 10_001, "must be at most 10000"),
        ("freshness_budget", "1e1", 10.0),
        ("freshness_budget", 3, 3.0),
        ("freshness_budget", "nan", "must be at most 60"),
        ("freshness_budget", 10**400, "must be a number"),
        ("history_days", "inf", float("inf")),
        ("history_days", -0.0, "must be greater than 0"),
        ("mask_secrets", "OFF", False),
        ("mask_secrets", 1.0, True),
        ("mask_secrets", " true ", "must be true or false"),
        ("mask_secrets", 2, "must be true or false"),
        ("mask_secrets", [], "must be true or false"),
        ("namespace", 1, "must be text"),
        ("namespace", "", "must have at least 1 character"),
        ("store", "a/b", Path("a/b")),
        ("store", 1, "must be text"),
        ("freshness", "AUTO", "must be 'auto', 'notice' or 'off'"),
        ("freshness", ["auto"], "must be 'auto', 'notice' or 'off'"),
        ("file_encodings", {"*.pas": "cp1251"}, (("*.pas", "cp1251"),)),
        (
            "file_encodings",
            " a=b/*.pas = cp1251;\n*.csv=shift_jis; ",
            (("a=b/*.pas", "cp1251"), ("*.csv", "shift_jis")),
        ),
        ("file_encodings", {}, ()),
        ("file_encodings", {"*.pas": "cp1251x"}, f"{_EACH_FILE}, not '*.pas' = 'cp1251x'"),
        ("file_encodings", {"*.pas": "hex"}, f"{_EACH_FILE}, not '*.pas' = 'hex'"),
        ("file_encodings", {"*.pas": 1251}, _ENCODINGS),
        ("file_encodings", {" ": "cp1251"}, f"{_EACH_FILE}, not '' = 'cp1251'"),
        ("file_encodings", "cp1251", f"{_EACH_FILE}, not '' = 'cp1251'"),
        ("file_encodings", 7, _ENCODINGS),
        ("cross_encoder_backend", "tpu", "must be 'torch', 'onnx', 'int8' or 'openvino'"),
    ],
)
def test_a_value_is_converted_or_refused_by_load_and_by_the_constructor(
    name: str, given: object, taken: object
) -> None:
    if isinstance(taken, str):
        with pytest.raises(ConfigurationError) as caught:
            Settings.load(None, **{name: given})
        assert str(caught.value) == f"argument {name}: {name} = {given!r}: {taken}"
        with pytest.raises(ConfigurationError) as caught:
            Settings(**{name: given})
        assert str(caught.value) == f"{name} = {given!r}: {taken}"
        return
    for settings in (Settings.load(None, **{name: given}), Settings(**{name: given})):
        value = getattr(settings, name)
        assert (type(value), value) == (type(taken), taken)


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_HISTORY_LIMIT", "x")
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(None, mcp_token=1, log="loud")
    assert str(caught.value) == (
        "argument mcp_token: mcp_token = [hidden]: must be text; "
        "environment AURORA_HISTORY_LIMIT: history_limit = 'x': must be a whole number; "
        "argument log: log = 'loud': must be 'off', 'error', 'warning', 'info' or 'debug'"
    )


def test_the_case_of_a_variable_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("aurora_namespace", "lower")
    assert Settings.load().namespace == "lower"


def test_settings_are_fixed_and_a_copy_takes_other_values() -> None:
    settings = Settings(history_limit=3, mcp_token="hush")
    with pytest.raises(AttributeError, match="model_copy"):
        settings.history_limit = 4
    with pytest.raises(AttributeError):
        del settings.history_limit
    other = settings.model_copy(update={"busy_timeout": 1.5})
    assert (other.busy_timeout, other.history_limit, settings.busy_timeout) == (1.5, 3, 30.0)
    assert str(other.sources()["busy_timeout"]) == str(other.sources()["history_limit"]) == "argument"
    assert settings == Settings(history_limit=3, mcp_token="hush") != other
    assert hash(settings) == hash(copy.deepcopy(settings))
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_the_constructor_refuses_a_name_that_is_no_setting() -> None:
    with pytest.raises(ConfigurationError, match="there is no setting 'namspace'"):
        Settings(namspace="x")
