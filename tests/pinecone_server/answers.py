"""Answers and refusals, with the bodies of the published description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_CODES = {
    400: ("INVALID_ARGUMENT", 3),
    401: ("UNAUTHENTICATED", 16),
    403: ("FORBIDDEN", 7),
    404: ("NOT_FOUND", 5),
    409: ("ALREADY_EXISTS", 6),
    412: ("FAILED_PRECONDITION", 9),
    413: ("OUT_OF_RANGE", 11),
    429: ("RESOURCE_EXHAUSTED", 8),
    500: ("INTERNAL", 13),
    503: ("UNAVAILABLE", 14),
}


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any = None  # None: an empty body
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The service refuses a request.

    Args:
        violation: Whether the documentation forbids the request; the test then fails.
    """

    def __init__(self, status: int, text: str, *, violation: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.violation = violation


def error(api: str, status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an error in the format of one part of the API."""
    code, number = _CODES.get(status, ("UNKNOWN", 2))
    if api == "data":
        return Answer(status, {"code": number, "message": text, "details": []}, headers or {})
    return Answer(status, {"status": status, "error": {"code": code, "message": text}}, headers or {})
