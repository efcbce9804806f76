"""Build the training rows of the dense encoder: descriptions and the code below them, commits and what they change.

    python scripts/train/dense_data.py --output DATA [--sources NAME …] [--mirror DIR --repositories OWNER/NAME …]

``--sources`` are training sources of `source_table`, mined as by ``build_data.py``. An encoder needs less than a
reranker, so nothing is indexed: files are cut into chunks, and the hard negatives are the nearest static vectors.
``--repositories`` are clones with histories in ``DIR/OWNER+NAME/repo``: the subject of a commit is the query, and the
chunk of the old file that it changes most is the answer; the negatives are other chunks of that file. Writes
``dense-NAME.jsonl.gz`` for each, and leaves out what is there.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the other modules are in this folder

import numpy as np
from pairs import PROSE, Chunks, Pair, pairs_of, seed_of, strip_file
from source_table import SOURCES
from sources import EXCLUDED, Source, files, keeps

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.text.document_text import dense_text, embedding_text
from aurora_dev.core.types import Document, Record
from aurora_dev.indexing.chunking.chunker import chunk_text
from aurora_dev.syntax import language_of
from aurora_dev.syntax.guard import GrammarError

SEED = 20_261_130
NEGATIVES = 4
# The nearest are often answers too; farther than this, they teach little.
_FIRST, _LAST = 1, 16
_COPY = 0.7  # Jaccard similarity of words
_NEWEST = 4_000  # commits that are drawn from
_MOST_FILES = 3
_LONGEST_FILE = 200_000  # characters
_LEAST_WORDS = 4
_UNINFORMATIVE = re.compile(
    r"(?i)^(?:v?\d+\.\d|bump|release|version|prepare|merge|revert|upgrade|update dep|changelog|fix(?:ed)? typo|typo"
    r"|wip\b|chore|build\(|ci\b|format|lint|docs?\b|test|add tests?|black|isort|pre-commit|\[pre-commit)"
)
_ADDED = re.compile(
    r"\s*\((?:#|gh-)\d+\)\s*$|^\[[^\]]{1,30}\]\s*|\s*(?:#|gh-)\d+\s*$|^(?:fix|feat|refactor|perf)(?:\([^)]*\))?!?:\s*"
)
_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+", re.MULTILINE)
_WORD = re.compile(r"\w+")


def chunks_of(path: str, text: str) -> list[Record]:
    """Return the chunks of a file, cut by lines if its grammar fails; their ids are unique within a source."""
    try:
        documents: Sequence[Document] = chunk_text(text, path)
    except GrammarError:
        documents = chunk_text(text, path, use_grammar=False)
    return [Record(f"{path}:{number}", each.content, each.metadata) for number, each in enumerate(documents)]


def mined_rows(source: Source, cache: Path, most: int) -> list[dict[str, Any]]:
    """Return the rows of a source: a sentence about code or prose, and the chunk that it was written in."""
    rng = seed_of(source.name, SEED)
    stripped = [strip_file(path, text, rng) for path, text in files(source, cache)]
    records = [record for file in stripped for record in chunks_of(file.path, file.text)]
    by_id = {record.id: number for number, record in enumerate(records)}
    found = [pair for pair in pairs_of(stripped, Chunks(records), most, rng) if pair.target]
    embedder = StaticEmbedder.bundled()
    vectors = embedder.embed_documents([embedding_text(record.content, record.metadata) for record in records])
    rows = []
    for start in range(0, len(found), 256):
        part = found[start : start + 256]
        scores = embedder.embed_documents([pair.query for pair in part]) @ vectors.T
        nearest = np.argsort(-scores, axis=1)[:, : _LAST + 8]
        for pair, order in zip(part, nearest, strict=True):
            row = _row(pair, records, by_id, order.tolist(), rng)
            if row is not None:
                rows.append(row | {"source": source.name})
    return rows


def _row(
    pair: Pair, records: Sequence[Record], by_id: dict[str, int], order: Sequence[int], rng: random.Random
) -> dict[str, Any] | None:
    answer = records[by_id[pair.target]]
    words, symbol = set(_WORD.findall(answer.content)), answer.metadata.get("symbol")
    near = []
    for number in order:
        other = records[number]
        others = set(_WORD.findall(other.content))
        copies = len(words & others) >= _COPY * len(words | others)
        may_answer = other.id == pair.target or other.id in pair.excluded or copies
        if not may_answer and (not symbol or other.metadata.get("symbol") != symbol):
            near.append(number)
    near = near[_FIRST:_LAST]
    if len(near) < NEGATIVES:
        return None
    return {
        "query": pair.query,
        "kind": pair.kind,
        "positive": dense_text(answer.content, answer.metadata),
        "negatives": [dense_text(records[n].content, records[n].metadata) for n in rng.sample(near, NEGATIVES)],
    }


def commit_rows(name: str, clone: Path, most: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a repository: the subject of a commit, and the chunk that it changes most."""
    rng = seed_of(name, SEED)
    log = _git(clone, "log", "--no-merges", f"-{_NEWEST}", "--name-status", "--no-renames", "--format=%x01%H%x02%s")
    entries = log.split("\x01")[1:]
    rng.shuffle(entries)
    count = 0
    for entry in entries:
        head, _, rest = entry.partition("\x02")
        subject, *changed = rest.splitlines()
        query = _ADDED.sub("", _ADDED.sub("", subject)).strip()
        paths = [line.partition("\t")[2] for line in changed if line.startswith("M\t")]
        paths = [path for path in paths if _is_source(path)]
        if len(query.split()) < _LEAST_WORDS or _UNINFORMATIVE.match(subject) or not 1 <= len(paths) <= _MOST_FILES:
            continue
        row = _changed(clone, head, query, paths, rng)
        if row is not None:
            yield row | {"source": name}
            count += 1
            if count == most:
                return


def _changed(clone: Path, commit: str, query: str, paths: Sequence[str], rng: random.Random) -> dict[str, Any] | None:
    touched: list[tuple[int, Record]] = []
    others: list[Record] = []
    for path in paths:
        text = _git(clone, "show", f"{commit}^:{path}")
        if not text or len(text) > _LONGEST_FILE:
            continue
        ranges = []
        for first, count in _HUNK.findall(_git(clone, "diff", "-U0", f"{commit}^", commit, "--", path)):
            ranges.append((int(first), int(first) + max(1, int(count or 1)) - 1))
        for record in chunks_of(path, text):
            start, end = int(str(record.metadata["start_line"])), int(str(record.metadata["end_line"]))
            lines = sum(max(0, min(end, last) - max(start, first) + 1) for first, last in ranges)
            if lines:
                touched.append((lines, record))
            else:
                others.append(record)
    if not touched or len(touched) > 4 or len(others) < NEGATIVES:
        return None
    answer = max(touched, key=lambda item: item[0])[1]
    return {
        "query": query,
        "kind": "commit",
        "positive": dense_text(answer.content, answer.metadata),
        "negatives": [dense_text(each.content, each.metadata) for each in rng.sample(others, NEGATIVES)],
    }


def _is_source(path: str) -> bool:
    language = language_of(path)
    tests = re.search(r"(?:^|/)(?:tests?|spec|testing|docs?|examples?)/|(?:^|/)test_|_test\.|\.(?:spec|test)\.", path)
    return language is not None and language not in PROSE and language != "json" and not tests and keeps(path)


def _git(clone: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", clone, *arguments], capture_output=True, check=False)
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0, filename="") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--cache", type=Path, help="folder of the downloads (default: OUTPUT/downloads)")
    parser.add_argument("--sources", nargs="*", default=[], help="names of training sources")
    parser.add_argument("--pairs", type=int, default=1500, help="most rows of a source")
    parser.add_argument("--mirror", type=Path, default=Path(), help="folder of the clones")
    parser.add_argument("--repositories", nargs="*", default=[], help="OWNER/NAME")
    parser.add_argument("--commits", type=int, default=150, help="most rows of a repository")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    wanted = [source for source in SOURCES if source.name in options.sources]
    if wrong := [source.name for source in wanted if source.role != "train"]:
        raise SystemExit(f"not a training source: {', '.join(wrong)}")
    if wrong := [name for name in options.repositories if name.rpartition("/")[2].lower() in EXCLUDED]:
        raise SystemExit(f"used for evaluation, and must not be trained on: {', '.join(wrong)}")
    jobs = [(source.name, source) for source in wanted] + [(name, None) for name in options.repositories]
    for name, source in jobs:
        target = options.output / f"dense-{name.replace('/', '+')}.jsonl.gz"
        if target.exists():
            continue
        started = time.process_time()
        if source is not None:
            rows = mined_rows(source, options.cache or options.output / "downloads", options.pairs)
        else:
            clone = options.mirror / name.replace("/", "+") / "repo"
            rows = list(commit_rows(name, clone, options.commits))
        write(target, rows)
        print(f"{name:40}{len(rows):6} rows  {time.process_time() - started:6.1f} CPU s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
