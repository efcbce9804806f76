"""Types and limits of arguments that several tools share."""

from __future__ import annotations

import json
from typing import Annotated, Final, TypeVar

from pydantic import BeforeValidator, Field, StringConstraints


def _as_list(value: object) -> object:
    # Models pass one name where a list is expected, or the list as JSON text.
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return [value]


def _without_empty(value: object) -> object:
    if isinstance(value, list):
        return [part for part in value if not (isinstance(part, str) and not part.strip())]
    return value


def as_names(value: object) -> object:
    """Return short names as a list, if they are given as one text."""
    listed = _as_list(value)
    if isinstance(value, str) and listed == [value]:
        listed = value.split(",")
    if not isinstance(listed, list):
        return listed
    return _without_empty([part.strip() if isinstance(part, str) else part for part in listed])


_T = TypeVar("_T")
Listed = Annotated[list[_T], BeforeValidator(lambda value: _without_empty(_as_list(value)))]
Named = Annotated[list[_T], BeforeValidator(as_names)]
"""A list of short names, such as tags; a text of several is split at commas."""
Kind = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]
PathName = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
ProjectGroup = Annotated[str, StringConstraints(min_length=1, max_length=64)]
LanguageName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=512)]

LEAST_TOKENS: Final = 500  # fewer hold not even the head of an answer and one short result
MOST_TOKENS: Final = 20_000  # about what clients accept in one answer (Claude Code warns at 10,000, refuses at 25,000)
MOST_CONTEXT_TOKENS: Final = 100_000
MOST_RESULTS: Final = 50
LONGEST_QUERY: Final = 4_000  # characters; a pasted file is not a question
LONGEST_TASK: Final = 20_000  # characters
LONGEST_NOTE: Final = 20_000  # characters; longer text is a document, and belongs in a file
MOST_NAMES: Final = 32  # ids, tags or kinds in one call

KINDS_TEXT: Final = "decision, pattern, lesson, conflict, convention or note; any other short name is allowed"

MaxTokens = Annotated[
    int,
    Field(
        ge=LEAST_TOKENS,
        le=MOST_TOKENS,
        description="The answer takes no more tokens than this; what does not fit is on the next page.",
    ),
]
Cursor = Annotated[
    str | None,
    Field(
        max_length=1_000,
        description="For the next page: next_cursor of the answer before, with all other arguments as they were.",
    ),
]
