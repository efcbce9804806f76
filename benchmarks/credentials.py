"""Measure the masking of credentials: how many are found, what else is masked, and what clean text costs.

    python benchmarks/credentials.py [--half tune|report] [--data FOLDER] [PACKAGE_FOLDER]

Uses ``credentials/shapes.jsonl`` (one credential in a snippet each) and ``credentials/lookalikes.jsonl`` (snippets that
hold none). Both come from other projects, see ``credentials/README.md``; values are cut into pieces by "·" and joined
at run time, so that no scanner reports this repository. The rules were tuned on one half, split by provider or file;
the other half was not looked at. A credential counts as found if its whole value is gone from the masked snippet.
``--data`` measures a further folder with files of the same names and format; rows without a half count as reporting.
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
LONG_RUN = b"w" * 20
CLASSES = bytes(ord("w") if chr(c) in "+/-_" or (c < 128 and chr(c).isalnum()) else ord(" ") for c in range(256))


def read(file: Path) -> list[dict[str, str]]:
    """Return the rows of a file, with the pieces of their values joined."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    return [{key: str(value).replace("·", "") for key, value in row.items()} for row in rows]


def show_recall(folder: Path, half: str) -> None:
    counts: dict[str, list[bool]] = defaultdict(list)
    for row in read(folder / "shapes.jsonl"):
        if row.get("half", "report") == half:
            counts[row.get("source", folder.name)].append(row["secret"] not in mask_secrets(row["text"])[0])
    show(f"found, {half}", counts)


def show_false_positives(folder: Path, half: str) -> None:
    counts: dict[str, list[bool]] = defaultdict(list)
    for row in read(folder / "lookalikes.jsonl"):
        if row.get("half", "report") == half:
            group = row["kind"].split(":")[0] if "half" in row else folder.name
            counts[group].append(mask_secrets(row["text"])[1] > 0)
    show(f"masked look-alikes, {half}", counts)


def show(title: str, counts: dict[str, list[bool]]) -> None:
    if not counts:
        return
    for name, values in sorted(counts.items()):
        print(f"{title:<28} {name[:24]:<24} {sum(values):>4} of {len(values):<4} {sum(values) / len(values):6.1%}")
    every = [value for values in counts.values() for value in values]
    print(f"{title:<28} {'all':<24} {sum(every):>4} of {len(every):<4} {sum(every) / len(every):6.1%}")


def plain_scan(text: str) -> None:
    """Do the least that any masking does: one pass for long runs of base64 characters, one for URLs."""
    classes = text.encode("ascii", "replace").translate(CLASSES)
    at = classes.find(LONG_RUN)
    while at >= 0:
        at = classes.find(LONG_RUN, max(classes.find(b" ", at), at + 1))
    text.find("://")


def show_speed(folder: Path) -> None:
    texts = list(sources(folder))
    size = sum(map(len, texts)) / 1024
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        for name, work in (("masking", mask_secrets), ("a plain scan", plain_scan)):
            start = time.process_time()
            for text in texts:
                work(text)
            seconds[name].append(time.process_time() - start)
    for name, values in seconds.items():
        print(f"{folder.name}: {size:,.0f} KB, {name}: {min(values) / size * 1e6:.1f} microseconds per KB")


def sources(folder: Path) -> Iterable[str]:
    for path in sorted(folder.rglob("*.py")):
        try:
            yield path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("tune", "report"), action="append")
    parser.add_argument("--data", type=Path, action="append", default=[])
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent.parent / "aurora_dev")
    arguments = parser.parse_args()
    for data in (DATA, *arguments.data):
        for half in arguments.half or ("tune", "report"):
            show_recall(data, half)
            show_false_positives(data, half)
    show_speed(arguments.folder)


if __name__ == "__main__":
    main()
