"""Build the training, validation and held-out pairs for Aurora's own models.

    pip install -r requirements/train.txt
    python scripts/train/build_data.py --output DATA [--cache DOWNLOADS] [--sources NAME …] [--jobs 2]

Downloads the packages of `source_table.SOURCES` with the registries' own clients (pip, npm, apt-get), removes most
descriptions from their files, indexes each source with Aurora, and searches it: the results that are not the answer are
the hard negatives. Writes ``train.jsonl.gz``, ``valid.jsonl.gz``, ``heldout.jsonl.gz``, all chunks of the latter two
(``valid_corpus.jsonl.gz``, ``heldout_corpus.jsonl.gz``) and ``counts.json`` (pairs by source, kind and language;
versions; licences). The same packages give the same pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the other modules are in this folder

from asked import asked_rows
from negatives import rows_of
from pairs import counts, pairs_of, seed_of, strip_file
from source_table import SOURCES
from sources import Source, check_sources, fetch, files

SEED = 20_250_101
SEARCHED = ("valid", "heldout")  # the parts that whole searches are measured on


def build_source(source: Source, cache: Path, parts: Path, most: int | None = None) -> dict[str, Any]:
    """Write the rows of one source, and return its counts."""
    started = time.perf_counter()
    rng = seed_of(source.name, SEED)
    found = list(files(source, cache))
    stripped = [strip_file(path, text, rng) for path, text in found]
    corpus: list[dict[str, Any]] | None = [] if source.role in SEARCHED else None
    mined = partial(pairs_of, stripped, most=most or source.pairs, rng=rng)
    rows = asyncio.run(rows_of(source.name, stripped, mined, rng, corpus))
    rows += asyncio.run(asked_rows(source.name, found, rng))
    _write(parts / f"{source.role}-{source.name}.jsonl.gz", rows)
    if corpus is not None:
        _write(parts / f"{source.role}_corpus-{source.name}.jsonl.gz", corpus)
    ranks = [row["positive"]["rank"] for row in rows if row["form"] != "outline"]  # outlines have ranks of files
    return {
        "source": source.name,
        "role": source.role,
        "licence": source.licence,
        "packages": [package.spec for package in source.packages],
        "files": len(stripped),
        "pairs": len(rows),
        "kinds": counts(rows, "kind"),
        "languages": counts(rows, "language"),
        "mrr_of_stage_1": round(sum(1 / rank for rank in ranks if rank) / max(1, len(ranks)), 4),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    # A fixed time in the header makes equal rows equal bytes.
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0, filename="") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


def join(parts: Path, output: Path, reports: Sequence[dict[str, Any]]) -> None:
    """Shuffle the rows of all sources into one file per role. No training query is in another role."""
    earlier: set[str] = set()
    for role in ("heldout", "valid", "train"):
        lines: list[bytes] = []
        seen: set[tuple[str, bool]] = set()
        for report in sorted(reports, key=lambda report: str(report["source"])):
            if report["role"] != role:
                continue
            with gzip.open(parts / f"{role}-{report['source']}.jsonl.gz", "rb") as file:
                for line in file:
                    row = json.loads(line)
                    # A query written for a file has two lists, one of chunks and one of outlines.
                    query, form = row["query"].lower(), row.get("form") == "outline"
                    if query not in earlier and (query, form) not in seen:
                        seen.add((query, form))
                        lines.append(line)
        earlier.update(query for query, _ in seen)
        random.Random(SEED).shuffle(lines)
        _join(output / f"{role}.jsonl.gz", lines)
        print(f"{role}: {len(lines):,} pairs")
    for role in SEARCHED:
        corpus: list[bytes] = []
        for path in sorted(parts.glob(f"{role}_corpus-*.jsonl.gz")):
            with gzip.open(path, "rb") as file:
                corpus += file
        _join(output / f"{role}_corpus.jsonl.gz", corpus)
        print(f"{role}: {len(corpus):,} documents")
    summary: dict[str, Any] = {"sources": sorted(reports, key=lambda report: str(report["source"]))}
    for key in ("kinds", "languages"):
        totals: dict[str, Counter[str]] = defaultdict(Counter)
        for report in reports:
            totals[report["role"]].update(report[key])
        summary[key] = {role: dict(total.most_common()) for role, total in totals.items()}
    (output / "counts.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def _join(path: Path, lines: Sequence[bytes]) -> None:
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0, filename="") as file:
        file.writelines(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--cache", type=Path, help="folder of the downloads (default: OUTPUT/downloads)")
    parser.add_argument("--sources", nargs="*", help="names of sources (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="sources built in parallel; each takes a core")
    parser.add_argument("--pairs", type=int, help="most pairs per source")
    options = parser.parse_args(arguments)
    check_sources(SOURCES)
    chosen = [source for source in SOURCES if not options.sources or source.name in options.sources]
    cache = options.cache or options.output / "downloads"
    parts = options.output / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    for source in chosen:
        for package in source.packages:
            fetch(package, cache)
    reports = []
    with ProcessPoolExecutor(options.jobs) as pool:
        jobs = {pool.submit(build_source, source, cache, parts, options.pairs): source.name for source in chosen}
        for job in as_completed(jobs):
            report = job.result()
            reports.append(report)
            print(
                f"{report['source']:18} {report['role']:8}{report['files']:6} files{report['pairs']:7} pairs  "
                f"stage-1 MRR {report['mrr_of_stage_1']:.3f}  {report['seconds']:6.1f} s  {dict(report['kinds'])}",
                flush=True,
            )
    join(parts, options.output, reports)
    return 0


if __name__ == "__main__":
    sys.exit(main())
