"""Queries written for whole files, as asked by someone who does not know the code, and the training lists from them.

Docstrings and comments say what their author had in mind next to the code. These queries were written by a language
model that read the files of a source one by one, in the words of the domain: for most files a phrase that names a
concern, and a question how something works or what happens in some case. No script can recreate them, so they are
kept in ``asked/SOURCE.json``: a list of ``query``, ``kind`` (``phrase`` or ``question``) and ``files``, the paths that
answer, best first.

Each query gives two lists: one of chunks, as for any other pair, and one of outlines (a file's path and the names that
it defines). A chunk cut to 256 characters seldom says what its file is about; the path and the names do.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from negatives import indexed, rows_in
from pairs import Chunks, Pair, Stripped

from aurora_dev.core.text.document_text import outline_text
from aurora_dev.core.types import SearchOptions
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.syntax import language_of

FOLDER = Path(__file__).parent / "asked"
KIND = "asked"
_CANDIDATES = 100  # per candidate list
_MOST_FILES, _FEWEST_FILES = 14, 5


def read_asked(name: str) -> list[dict[str, Any]]:
    """Return the queries of a source; empty for most sources."""
    path = FOLDER / f"{name}.json"
    asked: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else []
    return asked


async def asked_rows(name: str, files: Sequence[tuple[str, str]], rng: random.Random) -> list[dict[str, Any]]:
    """Return the lists of a source's queries. Its files are not stripped, since no query repeats a sentence of them."""
    asked = read_asked(name)
    if not asked:
        return []
    whole = [Stripped(path, text, language_of(path, text[:200].partition("\n")[0]) or "text") for path, text in files]
    async with indexed(whole) as store:
        rows = await rows_in(name, store, partial(pairs_asked, asked), rng, without_signals=0.0)
        return rows + await outline_rows(name, store, asked)


def pairs_asked(asked: Iterable[dict[str, Any]], chunks: Chunks) -> list[Pair]:
    """Return the queries as pairs; any chunk of their files is an answer."""
    pairs = []
    for query in asked:
        paths = [path for path in query["files"] if chunks.of_file(path)]
        if paths:
            answers = frozenset(identifier for path in paths for identifier in chunks.of_file(path))
            language = str(chunks.by_path[paths[0]][0].metadata.get("language", ""))
            pairs.append(Pair(query["query"], KIND, query["kind"], language, paths[0], "", answers))
    return pairs


async def outline_rows(name: str, store: VectorStore, asked: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one list per query: the outline of the first file that answers, and those of the first other files."""
    rows = []
    options = SearchOptions(candidates=_CANDIDATES)
    for query in asked:
        outlines: dict[str, str] = {}
        languages: dict[str, str] = {}
        for result in await store.search(query["query"], top_k=2 * _CANDIDATES, rerank=False, options=options):
            path, text = str(result.metadata["path"]), outline_text(result.metadata)
            if text is not None:
                outlines.setdefault(path, text)
                languages.setdefault(path, str(result.metadata.get("language", "")))
        answer = next((path for path in outlines if path in query["files"]), None)
        others = [path for path in list(outlines)[:_MOST_FILES] if path not in query["files"]]
        if answer is None or len(others) < _FEWEST_FILES:
            continue
        rows.append(
            {
                "query": query["query"],
                "kind": KIND,
                "form": "outline",
                "language": languages[answer],
                "source": name,
                "positive": {"text": outlines[answer], "path": answer, "rank": list(outlines).index(answer) + 1},
                "negatives": [outlines[path] for path in others],
            }
        )
    return rows
