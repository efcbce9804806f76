"""Log lines: silent by default, structured on request, and never with a key in them."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from aurora_dev.core.text.secrets import mask_secrets
from aurora_dev.log import configure_logging, get_logger


@pytest.fixture(autouse=True)
def restored_logger() -> Iterator[None]:
    logger = logging.getLogger("aurora_dev")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


def test_without_logging_configuration_nothing_is_printed_and_structlog_is_not_imported() -> None:
    done = run_python(
        "import sys\n"
        "from aurora_dev.log import get_logger\n"
        "get_logger('aurora_dev.x').error('broken', n=1)\n"
        "get_logger('aurora_dev.x').debug('seen', n=1)\n"
        "import logging; assert not logging.getLogger().handlers\n"
        "print('structlog' in sys.modules)"
    )
    assert done.stderr == ""


def test_a_level_without_a_handler_does_not_import_structlog() -> None:
    done = run_python(
        "import sys\n"
        "from aurora_dev.log import get_logger\n"
        "get_logger('aurora_dev.x').debug('seen', n=1)\n"
        "print('structlog' in sys.modules)"
    )
    assert done.stdout.strip() == "False"


def test_basic_config_of_the_users_program_shows_our_lines() -> None:
    done = run_python(
        "import logging; logging.basicConfig(level=logging.DEBUG)\n"
        "from aurora_dev.log import get_logger\n"
        "get_logger('aurora_dev.x').debug('search', method='vector', vector_ms=0.25)"
    )
    assert "DEBUG:aurora_dev.x:search method=vector vector_ms=0.25" in done.stderr


def test_the_host_programs_structlog_configuration_is_neither_used_nor_changed() -> None:
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    before = structlog.get_config()["processors"]
    try:
        stream = io.StringIO()
        configure_logging("debug", stream=stream)
        get_logger("aurora_dev.x").info("plain", n=1)
        assert "plain n=1" in stream.getvalue()
        assert structlog.get_config()["processors"] is before
    finally:
        structlog.reset_defaults()


def test_json_format_writes_one_object_a_line_with_its_values_kept_apart() -> None:
    stream = io.StringIO()
    configure_logging("debug", "json", stream=stream)
    log = get_logger("aurora_dev.core.x")
    log.debug("search", total_ms=1.5, query="two\nlines")
    log.warning("rerank_skipped", reason="no model")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["total_ms"], first["query"]) == ("search", 1.5, "two\nlines")
    assert (first["level"], first["logger"]) == ("debug", "aurora_dev.core.x")
    assert second["level"] == "warning"


def test_a_text_line_shows_control_characters_instead_of_sending_them() -> None:
    stream = io.StringIO()
    configure_logging("debug", stream=stream)
    get_logger("aurora_dev.x").info("read", path="a\x1b[31m\nb")
    assert "\x1b" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_keys_tokens_and_passwords_are_hidden_in_every_format(log_format: str) -> None:
    stream = io.StringIO()
    configure_logging("debug", log_format, stream=stream)  # type: ignore[arg-type]
    get_logger("aurora_dev.x").info(
        "request",
        api_key="k-hush",
        headers={"Authorization": "Bearer b-hush"},
        url="https://me:p-hush@host/v1",
        error=ValueError("sent Bearer e-hush to it"),
        tokens=12,
    )
    line = stream.getvalue()
    assert "hush" not in line
    assert "12" in line
    assert "host/v1" in line


def test_an_exception_is_logged_with_its_traceback() -> None:
    stream = io.StringIO()
    configure_logging("debug", "json", stream=stream)
    try:
        raise KeyError("gone")
    except KeyError:
        get_logger("aurora_dev.x").exception("failed")
    assert "KeyError: 'gone'" in json.loads(stream.getvalue())["exception"]


def test_configuring_twice_writes_each_line_once() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logging("debug", stream=first)
    configure_logging("info", stream=second)
    get_logger("aurora_dev.x").info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


def test_a_percent_sign_in_a_value_is_printed_as_it_is() -> None:
    stream = io.StringIO()
    configure_logging("debug", stream=stream)
    get_logger("aurora_dev.x").info("done 100%s", share="50%d")
    assert "done 100%s share=50%d" in stream.getvalue()


def test_a_log_line_holds_no_credential_in_texts_lists_objects_or_tracebacks() -> None:
    token = "glpat-" + "Ab3dEf6hIj9kLm2nOp5q"
    password = "kQ7v" + "X2mNpL"
    mask_secrets("")  # loading the rules tells the log to use them
    for log_format in ("text", "json"):
        stream = io.StringIO()
        configure_logging("debug", log_format, stream=stream)
        log = get_logger("aurora_dev.x")
        log.info("sent", text=f"use {token}", many=["a", token], path=Path("/x") / token, n=3)
        log.info("ran", command=f"redis-cli -a {password}", nested={"inner": [f"DB_PASSWORD={password}"]})
        try:
            raise ValueError(f"cannot reach postgres://app:{password}@db/x with {token}")
        except ValueError as error:
            log.exception("failed", error=error)
        lines = stream.getvalue()
        assert token not in lines
        assert password not in lines
        assert "[masked: gitlab-token]" in lines
        assert "Traceback" in lines
        assert "n=3" in lines or '"n": 3' in lines
