"""Queries that were written for whole files: what somebody asks who does not know the code.

Docstrings and comments say what their author had in mind beside the code. These queries were written by a language
model that read one file of a source after the other, in the words of the domain: for most files a phrase that names a
concern, and a question how something works or what happens in a case. They are the only part of the data that no
script makes, so they are kept here, in ``asked/SOURCE.json``: a list of ``query``, ``kind`` (``phrase`` or
``question``) and ``files``, the paths that answer, best first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairs import Chunks, Pair, Stripped

from aurora_dev.syntax import language_of

FOLDER = Path(__file__).parent / "asked"
KIND = "asked"


def read_asked(name: str) -> list[dict[str, Any]]:
    """Return the queries of a source; most have none."""
    path = FOLDER / f"{name}.json"
    asked: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else []
    return asked


def whole(files: Sequence[tuple[str, str]]) -> list[Stripped]:
    """Return files as they are: nothing that they say gives an answer away."""
    return [Stripped(path, text, language_of(path, text[:200].partition("\n")[0]) or "text") for path, text in files]


def pairs_asked(asked: Sequence[dict[str, Any]], chunks: Chunks) -> list[Pair]:
    """Return the queries as pairs that any chunk of their files answers."""
    pairs = []
    for query in asked:
        answers = frozenset(identifier for path in query["files"] for identifier in chunks.of_file(path))
        if answers:
            path = query["files"][0]
            language = str(chunks.by_path[path][0].metadata.get("language", "")) if path in chunks.by_path else ""
            pairs.append(Pair(query["query"], KIND, query["kind"], language, path, "", answers))
    return pairs
