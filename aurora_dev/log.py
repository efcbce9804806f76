"""Structured log lines through the standard library's logging.

A library never configures logging: importing Aurora adds no handler that prints and sets no level. A program that calls
``logging.basicConfig(level=logging.DEBUG)`` sees our lines like anyone else's; `configure_logging` is for the command
line alone. structlog is imported with the first line that somebody will see: it costs 0.1 s, and most processes log
nothing.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from collections.abc import MutableMapping

ROOT_LOGGER = "aurora_dev"
LogLevel = Literal["off", "error", "warning", "info", "debug"]
LogFormat = Literal["text", "json"]

_HIDDEN = "[hidden]"
# Whole words of a key, so that "api_key" and "authorization" are hidden and "tokens", "keyword" and "monkey" are not.
_SECRET_KEY = re.compile(
    r"(?:^|_)(?:key|apikey|token|secret|password|passwd|authorization|credentials?)$", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*(?=@)")
_BEARER = re.compile(r"(?i)(\bbearer\s+)[^\s'\",;]+")
_EVENT_ATTRIBUTE = "aurora_event"

logging.getLogger(ROOT_LOGGER).addHandler(logging.NullHandler())


class Logger:
    """A named logger whose methods take an event and key-value pairs: ``log.info("index.done", files=12)``."""

    __slots__ = ("_bound", "_standard")

    def __init__(self, name: str) -> None:
        self._standard = logging.getLogger(name)
        self._bound: Any = None

    def is_enabled_for(self, level: int) -> bool:
        """Whether anybody would see a line of this level (the numbers of the ``logging`` module)."""
        return self._standard.isEnabledFor(level)

    def debug(self, event: str, **values: object) -> None:
        """Log what only somebody who is looking for it wants to see."""
        self._log(logging.DEBUG, event, values)

    def info(self, event: str, **values: object) -> None:
        """Log the normal course of things."""
        self._log(logging.INFO, event, values)

    def warning(self, event: str, **values: object) -> None:
        """Log what went worse than was asked for."""
        self._log(logging.WARNING, event, values)

    def error(self, event: str, **values: object) -> None:
        """Log what failed."""
        self._log(logging.ERROR, event, values)

    def exception(self, event: str, **values: object) -> None:
        """Log what failed, with the traceback of the exception that is being handled."""
        self._log(logging.ERROR, event, {"exc_info": True, **values})

    def _log(self, level: int, event: str, values: dict[str, Any]) -> None:
        if not self._standard.isEnabledFor(level):
            return
        if self._bound is None:
            self._bound = _bind(self._standard)
        self._bound.log(level, event, **values)


def get_logger(name: str) -> Logger:
    """Return the logger of a module; pass ``__name__``."""
    return Logger(name)


def _bind(standard: logging.Logger) -> Any:
    import structlog

    # Wrapped with its own processors: the host program's structlog.configure() changes nothing here, nor we there.
    return structlog.wrap_logger(
        standard,
        processors=[structlog.stdlib.filter_by_level, hide_secrets, _to_record],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank what a key names as a credential, bearer tokens, and the user and password of URLs."""
    for key, value in event.items():
        event[key] = _hidden(key, value)
    return event


def _hidden(key: str, value: Any) -> Any:
    if _SECRET_KEY.search(key) and value is not None and not isinstance(value, bool | int | float):
        return _HIDDEN
    if isinstance(value, str):
        return _BEARER.sub(rf"\1{_HIDDEN}", _URL_PASSWORD.sub(_HIDDEN, value))
    if isinstance(value, dict):
        return {name: _hidden(str(name), inner) for name, inner in value.items()}
    if isinstance(value, BaseException):
        return _hidden(key, f"{type(value).__name__}: {value}")
    return value


def _to_record(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """Hand the event to stdlib logging: readable as a message, and whole in ``record.aurora_event``."""
    extra = {key: event.pop(key) for key in ("exc_info", "stack_info") if key in event}
    name = str(event.get("event", ""))
    pairs = " ".join(f"{key}={_readable(value)}" for key, value in event.items() if key != "event")
    message = f"{name} {pairs}".rstrip()
    # logging formats a message only when arguments come with it: a % in the message is safe.
    return (message,), {"extra": {_EVENT_ATTRIBUTE: dict(event)}, **extra}


def _readable(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    # One event is one line, and nothing that was read from a file may drive the terminal that shows it.
    return text if text.isprintable() and " " not in text and text else json.dumps(text)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return line if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {line}"


class _JSONFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``event`` and the pairs."""

    def format(self, record: logging.LogRecord) -> str:
        from datetime import datetime, timezone

        event = getattr(record, _EVENT_ATTRIBUTE, None) or {"event": record.getMessage()}
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **event,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(
    level: LogLevel = "off", log_format: LogFormat = "text", *, stream: TextIO | None = None
) -> logging.Handler | None:
    """Show Aurora's own lines on stderr; for programs that we own (the command line), never for the library.

    Args:
        level: ``off`` prints nothing; ``debug`` shows the seconds that every stage took.
        log_format: ``text`` for people, ``json`` for one object a line.
        stream: Where to write; ``None`` is stderr.

    Returns:
        The handler that was added to the ``aurora_dev`` logger in place of an earlier one, or ``None`` for ``off``.
    """
    logger = logging.getLogger(ROOT_LOGGER)
    for handler in list(logger.handlers):
        if not isinstance(handler, logging.NullHandler):
            logger.removeHandler(handler)
    if level == "off":
        # Above every level: not even logging's handler of last resort speaks.
        logger.setLevel(logging.CRITICAL + 1)
        return None
    handler = logging.StreamHandler(stream or sys.stderr)
    formatter = (
        _JSONFormatter() if log_format == "json" else _TextFormatter("%(asctime)s %(name)s %(message)s", "%H:%M:%S")
    )
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    return handler
