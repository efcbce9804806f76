"""Measure the masking of credentials: how many are found, what else is masked, and what clean text costs.

    python benchmarks/credentials.py [--half tune|report] [PACKAGE_FOLDER]

Uses ``credentials/shapes.jsonl`` (one credential in a snippet each) and ``credentials/lookalikes.jsonl`` (snippets that
hold none). Both come from other projects, see ``credentials/README.md``; values are cut into pieces by "·" and joined
at run time, so that no scanner reports this repository. The rules were tuned on one half, split by provider or file;
the other half was not looked at. A credential counts as found if its whole value is gone from the masked snippet.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from aurora_dev.core.text.secrets import mask_secrets

DATA = Path(__file__).parent / "credentials"
ROUNDS = 5


def read(name: str) -> list[dict[str, str]]:
    """Return the rows of a file, with the pieces of their values joined."""
    lines = (DATA / name).read_text("utf-8").splitlines()
    return [{key: value.replace("·", "") for key, value in json.loads(line).items()} for line in lines]


def show_recall(half: str) -> None:
    counts: dict[str, list[bool]] = defaultdict(list)
    for row in read("shapes.jsonl"):
        if row["half"] == half:
            counts[row["source"]].append(row["secret"] not in mask_secrets(row["text"])[0])
    show(f"found, {half}", counts)


def show_false_positives(half: str) -> None:
    counts: dict[str, list[bool]] = defaultdict(list)
    for row in read("lookalikes.jsonl"):
        if row["half"] == half:
            counts[row["kind"].split(":")[0]].append(mask_secrets(row["text"])[1] > 0)
    show(f"masked look-alikes, {half}", counts)


def show(title: str, counts: dict[str, list[bool]]) -> None:
    for name, values in sorted(counts.items()):
        print(f"{title:<28} {name:<14} {sum(values):>4} of {len(values):<4} {sum(values) / len(values):6.1%}")
    every = [value for values in counts.values() for value in values]
    print(f"{title:<28} {'all':<14} {sum(every):>4} of {len(every):<4} {sum(every) / len(every):6.1%}")


def show_speed(folder: Path) -> None:
    texts = list(sources(folder))
    size = sum(map(len, texts)) / 1024
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for text in texts:
            mask_secrets(text)
        seconds.append(time.process_time() - start)
    print(f"{folder.name}: {size:,.0f} KB, {min(seconds) / size * 1e6:.1f} microseconds per KB")


def sources(folder: Path) -> Iterable[str]:
    for path in sorted(folder.rglob("*.py")):
        try:
            yield path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("tune", "report"), action="append")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent.parent / "aurora_dev")
    arguments = parser.parse_args()
    for half in arguments.half or ("tune", "report"):
        show_recall(half)
        show_false_positives(half)
    show_speed(arguments.folder)


if __name__ == "__main__":
    main()
