"""Structured log lines through the standard library's logging.

The library never configures logging: importing Aurora adds no handler that prints and sets no level. A program that
calls ``logging.basicConfig(level=logging.DEBUG)`` gets Aurora's lines like those of any other library;
`configure_logging` is for the command line only. structlog is imported with the first line that a handler receives: it
costs 0.1 s, and most processes log nothing.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

ROOT_LOGGER = "aurora_dev"
LogLevel = Literal["off", "error", "warning", "info", "debug"]
LogFormat = Literal["text", "json"]

_HIDDEN = "[hidden]"
# Whole words of a key: "api_key" and "authorization" are hidden, "tokens", "keyword" and "monkey" are not.
_SECRET_KEY = re.compile(
    r"(?:^|_)(?:key|apikey|token|secret|password|passwd|authorization|credentials?)$", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*(?=@)")
_BEARER = re.compile(r"(?i)(\bbearer\s+)[^\s'\",;]+")
_EVENT_ATTRIBUTE = "aurora_event"
_masks: list[Callable[[str], str]] = []


def mask_logged_texts(mask: Callable[[str], str]) -> None:
    """Pass every text of a log line through ``mask``.

    This module is below the one that knows the formats of credentials, which registers itself here when it is loaded.
    """
    _masks[:] = [mask]


def _masked(text: str) -> str:
    for mask in _masks:
        text = mask(text)
    return text


logging.getLogger(ROOT_LOGGER).addHandler(logging.NullHandler())


class Logger:
    """A named logger whose methods take an event and key-value pairs: ``log.info("index.done", files=12)``."""

    __slots__ = ("_bound", "_standard")

    def __init__(self, name: str) -> None:
        self._standard = logging.getLogger(name)
        self._bound: Any = None

    def is_enabled_for(self, level: int) -> bool:
        """Return whether a line of this level (a number of the ``logging`` module) would be handled."""
        return self._standard.isEnabledFor(level)

    def debug(self, event: str, **values: object) -> None:
        """Log details for debugging."""
        self._log(logging.DEBUG, event, values)

    def info(self, event: str, **values: object) -> None:
        """Log a normal event."""
        self._log(logging.INFO, event, values)

    def warning(self, event: str, **values: object) -> None:
        """Log something that worked less well than it should."""
        self._log(logging.WARNING, event, values)

    def error(self, event: str, **values: object) -> None:
        """Log a failure."""
        self._log(logging.ERROR, event, values)

    def exception(self, event: str, **values: object) -> None:
        """Log a failure with the traceback of the exception that is being handled."""
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

    # With processors of its own, so that the host program's structlog.configure() does not affect it, and vice versa.
    return structlog.wrap_logger(
        standard,
        processors=[structlog.stdlib.filter_by_level, hide_secrets, _to_record],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values whose key names a credential, bearer tokens, users and passwords of URLs, and what masking finds."""
    for key, value in event.items():
        event[key] = _hidden(key, value)
    return event


def _hidden(key: str, value: Any) -> Any:
    if _SECRET_KEY.search(key) and value is not None and not isinstance(value, bool | int | float):
        return _HIDDEN
    if isinstance(value, str):
        return _masked(_BEARER.sub(rf"\1{_HIDDEN}", _URL_PASSWORD.sub(_HIDDEN, value)))
    if isinstance(value, dict):
        return {name: _hidden(str(name), inner) for name, inner in value.items()}
    if isinstance(value, BaseException):
        return _hidden(key, f"{type(value).__name__}: {value}")
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden(key, inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _hidden(key, str(value))


def _to_record(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """Pass the event to stdlib logging: as a readable message, and complete in ``record.aurora_event``."""
    extra = {key: event.pop(key) for key in ("exc_info", "stack_info") if key in event}
    name = str(event.get("event", ""))
    pairs = " ".join(f"{key}={_readable(value)}" for key, value in event.items() if key != "event")
    message = f"{name} {pairs}".rstrip()
    # logging formats a message only if it has arguments, so a % in the message is safe.
    return (message,), {"extra": {_EVENT_ATTRIBUTE: dict(event)}, **extra}


def _readable(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    # An event stays on one line, and text that was read from a file must not control the terminal.
    return text if text.isprintable() and " " not in text and text else json.dumps(text)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _masked(super().format(record))
        return line if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {line}"


class _JSONFormatter(logging.Formatter):
    """One JSON object for each line: ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``event`` and the pairs."""

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
            line["exception"] = _masked(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


def configure_logging(
    level: LogLevel = "off", log_format: LogFormat = "text", *, stream: TextIO | None = None
) -> logging.Handler | None:
    """Print Aurora's lines on stderr; for the command line, never for the library.

    Args:
        level: ``off`` prints nothing; ``debug`` shows the seconds of every stage.
        log_format: ``text`` for people, ``json`` for one object on each line.
        stream: The stream to write to; ``None`` is stderr.

    Returns:
        The handler that replaces earlier ones on the ``aurora_dev`` logger, or ``None`` for ``off``.
    """
    logger = logging.getLogger(ROOT_LOGGER)
    for handler in list(logger.handlers):
        if not isinstance(handler, logging.NullHandler):
            logger.removeHandler(handler)
    if level == "off":
        # Above every level, so that logging's handler of last resort prints nothing either.
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
