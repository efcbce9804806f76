"""Pairs of a query and the chunk that answers it, mined from files cut by Aurora's own chunker."""

from __future__ import annotations

import random
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import phrasing
from descriptions import Description, apply, describe, moved

from aurora_dev.core.types import Record
from aurora_dev.syntax import language_of

PROSE = frozenset({"markdown", "rst", "text"})
# Share of the descriptions that are removed from the files, whether they become queries or not: a missing comment must
# not give the answer away, and yet most queries must not be found by their own words.
STRIPPED = {"docstring": 0.75, "comment": 0.9, "module": 0.9, "directive": 1.0, "prose": 1.0}
# Most pairs of each kind, as a share of a source's pairs; docstrings fill what scarce kinds leave over.
_SHARES = {
    "docstring": 1.0, "comment": 0.15, "module": 0.08, "directive": 0.3, "prose": 0.6, "symbol": 0.13, "path": 0.05,
    "message": 0.04, "heading": 0.25,
}  # fmt: skip
_MESSAGE = re.compile(
    r"(?:raise \w|throw new|panic!?\(|errors\.New|fmt\.Errorf|\bdie\b|croak|raise ArgumentError|Error\()[^\"'\n]{0,40}"
    r"[\"']([A-Za-z][^\"'\n]{14,100})[\"']"
)
_PLACEHOLDER = re.compile(r"%[-\d.]*[a-z]|%\([^)]*\)[a-z]|\$?\{[^{}]*\}|#\{[^{}]*\}")
_GENERIC_HEADINGS = frozenset(
    """example examples usage notes note synopsis description see also options introduction overview summary syntax
    parameters install installation contents license bugs author authors copyright history changelog""".split()  # noqa: SIM905
)
_COMMON_NAMES = frozenset(
    "main init setup test run get set new name value default index data next close open read write call toString".split()  # noqa: SIM905,E501
)
_PATH_STOP = frozenset("src lib py js ts go rs java rb php pm index mod init main package core usr share site".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Pair:
    """A query with its one answer.

    Attributes:
        target: Id of the chunk. Empty if any chunk of the file ``path`` answers; then the search chooses one.
        excluded: Ids of chunks that may be answers too, and so are not used as negatives.
    """

    query: str
    kind: str
    form: str
    language: str
    path: str
    target: str
    excluded: frozenset[str] = frozenset()


@dataclass(slots=True)
class Stripped:
    """A file as it is indexed, with its descriptions and the rows (0-based) that they are about now."""

    path: str
    text: str
    language: str
    places: list[tuple[Description, int, int]] = field(default_factory=list)


def strip_file(path: str, text: str, rng: random.Random) -> Stripped:
    """Remove most descriptions from a file."""
    language = language_of(path, text[:200].partition("\n")[0]) or "text"
    found: list[Description] = []
    edits = []
    reached = 0
    for description in describe(text, language):
        if description.edit.first < reached:
            continue
        reached = description.edit.last
        found.append(description)
        if rng.random() < STRIPPED[description.kind]:
            edits.append(description.edit)
    changed, shifts = apply(text, edits)
    result = Stripped(path, changed, language)
    for description in found:
        result.places.append((description, moved(description.row, shifts), moved(description.end, shifts)))
    return result


class Chunks:
    """The chunks of a source, by path and by name."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.by_path: dict[str, list[Record]] = defaultdict(list)
        self.by_name: dict[str, list[Record]] = defaultdict(list)
        for record in sorted(records, key=lambda r: (str(r.metadata.get("path")), _line(r, "start_line"), r.id)):
            self.by_path[str(record.metadata.get("path"))].append(record)
            names = record.metadata.get("symbols")
            for name in names if isinstance(names, list) else []:
                self.by_name[name].append(record)

    def at(self, path: str, row: int) -> Record | None:
        """Return the chunk that holds a 0-based row of a file."""
        for record in self.by_path.get(path, ()):
            if _line(record, "start_line") <= row + 1 <= _line(record, "end_line"):
                return record
        return None

    def overlapping(self, path: str, first: int, last: int) -> list[str]:
        """Return the ids of the chunks that hold any of the rows ``first..last`` (0-based, half-open)."""
        return [
            record.id
            for record in self.by_path.get(path, ())
            if _line(record, "start_line") <= last and _line(record, "end_line") > first
        ]

    def of_file(self, path: str) -> list[str]:
        """Return the ids of a file's chunks, in line order."""
        return [record.id for record in self.by_path.get(path, ())]


def pairs_of(stripped: Sequence[Stripped], chunks: Chunks, most: int, rng: random.Random) -> list[Pair]:
    """Return at most ``most`` pairs of one source, shuffled, with distinct queries."""
    found = [*_described(stripped, chunks, rng), *_named(chunks, rng), *_paths(chunks, rng), *_messages(chunks, rng)]
    found += _headings(chunks, rng)
    # A query that several chunks gave does not tell them apart.
    counts = Counter(normal(pair.query) for pair in found)
    found = [pair for pair in found if counts[normal(pair.query)] == 1 and 2 <= len(pair.query) <= 300]
    rng.shuffle(found)
    kept: list[Pair] = []
    used: Counter[str] = Counter()
    for pair in found:
        if used[pair.kind] < _SHARES[pair.kind] * most:
            used[pair.kind] += 1
            kept.append(pair)
    # Docstrings fill the rest after the scarcer kinds.
    scarce = [pair for pair in kept if pair.kind != "docstring"][: int(0.7 * most)]
    plenty = [pair for pair in kept if pair.kind == "docstring"][: most - len(scarce)]
    result = scarce + plenty
    rng.shuffle(result)
    return result


def normal(text: str) -> str:
    """Return the words in lower case, so that texts which differ only in punctuation are equal."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _line(record: Record, key: str) -> int:
    value = record.metadata.get(key, 0)
    return value if isinstance(value, int) else 0


def _described(stripped: Sequence[Stripped], chunks: Chunks, rng: random.Random) -> list[Pair]:
    sentences = Counter(normal(place[0].sentence) for file in stripped for place in file.places)
    result = []
    for file in stripped:
        for description, row, end in file.places:
            if sentences[normal(description.sentence)] > 1:
                continue
            if description.kind == "module":
                query, form = phrasing.about_file(description.sentence, rng)
                if chunks.of_file(file.path) and len(query.split()) >= 2:
                    all_ids = frozenset(chunks.of_file(file.path))
                    result.append(Pair(query, "module", form, file.language, file.path, "", all_ids))
                continue
            target = chunks.at(file.path, row)
            if target is None:
                continue
            query, form = phrasing.phrase(description.sentence, rng)
            excluded = frozenset(chunks.overlapping(file.path, row, end))
            result.append(Pair(query, description.kind, form, file.language, file.path, target.id, excluded))
    return result


def _named(chunks: Chunks, rng: random.Random) -> list[Pair]:
    result = []
    for name in sorted(chunks.by_name):
        records = chunks.by_name[name]
        bare = name.rpartition(".")[2]
        if " " in name or len(records) != 1 or len(bare) < 4 or bare in _COMMON_NAMES or bare.startswith("__"):
            continue
        record = records[0]
        draw = rng.random()
        if name != bare:
            # There are as many qualified names as bare ones, but people search for them less often.
            if draw < 0.35 or len(chunks.by_name.get(bare, ())) == 1:
                continue
            query, form = name, "qualified"
        elif draw < 0.7:
            query, form = name, "name"
        else:
            words = phrasing.split_name(name)
            if len(words.split()) < 2:
                continue
            options = [words, f"where is {name} defined", f"{name} implementation", f"definition of {name}"]
            query, form = rng.choice(options), "name"
        result.append(_pair(query, "symbol", form, record))
    return result


def _paths(chunks: Chunks, rng: random.Random) -> list[Pair]:
    result = []
    for path in sorted(chunks.by_path):
        stem = [word for part in path.split("/")[-2:] for word in phrasing.split_name(part).split()]
        words = [word for word in dict.fromkeys(stem) if word not in _PATH_STOP and len(word) > 2]
        records = [record for record in chunks.by_path[path] if record.metadata.get("symbol")]
        if not words or not records:
            continue
        record = rng.choice(records)
        symbol = str(record.metadata["symbol"])
        last = phrasing.split_name(re.split(r"[.>]", symbol)[-1])
        query = " ".join(dict.fromkeys([*words, *last.split()]))
        if len(query.split()) >= 3:
            result.append(_pair(query, "path", "keywords", record))
    return result


def _messages(chunks: Chunks, rng: random.Random) -> list[Pair]:
    result = []
    for path in sorted(chunks.by_path):
        for record in chunks.by_path[path]:
            match = _MESSAGE.search(record.content)
            if not match:
                continue
            words = " ".join(_PLACEHOLDER.sub(" ", match.group(1)).split()).strip(" :'")
            if len(words.split()) < 4:
                continue
            query = rng.choice(
                [words, words, f"why do I get {words}", f"error: {words}", f"where is the error {words} raised"]
            )
            result.append(_pair(query, "message", "sentence", record))
    return result


def _headings(chunks: Chunks, rng: random.Random) -> list[Pair]:
    result = []
    for path in sorted(chunks.by_path):
        for record in chunks.by_path[path]:
            symbol = record.metadata.get("symbol")
            if record.metadata.get("kind") != "section" or not isinstance(symbol, str) or len(record.content) < 150:
                continue
            parts = [part.strip() for part in symbol.split(" > ")]
            title = parts[-1]
            if title.lower() in _GENERIC_HEADINGS or len(title.split()) < 2:
                title = " ".join(parts[-2:])
            if len(title.split()) < 2 or not title[:1].isalpha():
                continue
            low = phrasing.lower_first(title)
            options = [low, low, f"docs about {low}", f"what does the documentation say about {low}", f"guide to {low}"]
            first = title.split()[0].lower()
            if first.endswith("ing"):
                options += [f"how does {low} work", f"{low} explained"]
            elif phrasing.verb_of(first):
                options += [f"how to {low}", f"how do I {low}"]
            else:
                options += [f"what is {low}", f"explain {low}"]
            query = rng.choice(options)
            same_name = (other.id for other in chunks.by_name.get(symbol, ()))
            result.append(_pair(query, "heading", "question", record, same_name))
    return result


def _pair(query: str, kind: str, form: str, record: Record, may_answer: Iterable[str] = ()) -> Pair:
    """Return a pair whose answer is one chunk; ``may_answer`` are ids of others that are not used as negatives."""
    language, path = str(record.metadata.get("language", "")), str(record.metadata.get("path"))
    return Pair(query, kind, form, language, path, record.id, frozenset((record.id, *may_answer)))


def seed_of(name: str, seed: int) -> random.Random:
    """Return the random generator of one source, which does not depend on the sources before it."""
    return random.Random(zlib.crc32(name.encode("utf-8")) ^ seed)


def counts(rows: Iterable[Mapping[str, object]], key: str) -> Counter[str]:
    return Counter(str(row[key]) for row in rows)
