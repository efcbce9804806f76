"""A text as claims: for each clause, its subjects, places, values, numbers, names, and whether it denies them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from aurora_dev.core.text.terms import STOP_WORDS
from aurora_dev.lazy import lazy_pattern
from aurora_dev.notes.similarity import vocabulary
from aurora_dev.notes.similarity.concepts import Found, find_concepts, folded, is_run, left_over, tokens

# Longer texts say more than one thing.
MOST_CHARS: Final = 1_000
_CLAUSE_END: Final = lazy_pattern(r"[;:!?()\n。；：，！？、—–]|[.,](?=\s|$)|\s-\s")
_NAME: Final = lazy_pattern(
    r"`([^`\n]{1,80})`|(?<![\w/@])((?:@?[\w.*-]+/)+[\w.*<>-]+/?|/[\w.*-]+(?:/[\w.*-]+)*|\.?[A-Za-z_][\w-]*(?:\.[A-Za-z][\w-]*)+"
    r"|[A-Za-z]\w*_\w+|[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+)"
)
_CAPITAL: Final = lazy_pattern(r"(?<![\w/.])[^\W\d_a-z][^\W\d_]+(?:['’]s)?(?![\w/])")
_TITLES: Final = frozenset(("Herr", "Frau", "Mr", "Mrs", "Ms", "Dr", "Since", "For"))
_NUMBER: Final = lazy_pattern(r"\d+(?:[.,]\d+)*")
_THOUSANDS: Final = lazy_pattern(r"[.,](?=\d{3}(?:\D|$))")
_CLOCK: Final = lazy_pattern(r"\b([01]?\d|2[0-3])[:h]([0-5]\d)\b")
_PORTUGUESE: Final = frozenset(
    ("do", "da", "dos", "das", "um", "uma", "os", "em", "na", "nas", "ao", "com", "sao", "para")
)
_NEGATING_NO: Final = frozenset(
    ("the", "is", "are", "and", "to", "of", "in", "for", "we", "there", "el", "la", "los", "las", "se", "de", "en",
     "es", "y", "con", "por", "que", "un", "una", "hay")
)  # fmt: skip
_LABELS: Final = vocabulary.LABELS - {"port", "python", "node", "java", "ruby", "line"}
_LABEL_ENDS: Final = 2  # words
_BEFORE_VERSION: Final = frozenset(("is", "version", "v", "ist", "est", "es", "e", "at", "auf"))
_LEAST_PORT: Final = 79
_MOST_PORT: Final = 65_535
STEM: Final = 5  # characters of a word that its forms share
_LANGUAGES: Final = "choice python"
_MOST_CLAUSES: Final = 40
_NEAR: Final = 3  # words between "not" and what it rejects


@dataclass(slots=True)
class Clause:
    """A part of a text between two marks.

    Attributes:
        objects: Subjects.
        predicates: What is said of them.
        names: Paths, files and identifiers.
        values: Values by set, each with the words that stand for it.
        rejected: Values that are denied, by set.
        cues: Words that deny, limit or lift.
        unknown: Content words that no concept has.
        scopes: Places, roles and kinds, each as ``GROUP=NAME``.
        without: Subjects after "without".
        swapped: Sets of which one value takes the place of another.
    """

    objects: set[str] = field(default_factory=set)
    predicates: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    rejected: dict[str, set[str]] = field(default_factory=dict)
    cues: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    scopes: set[str] = field(default_factory=set)
    swapped: set[str] = field(default_factory=set)
    without: set[str] = field(default_factory=set)

    @property
    def denies(self) -> bool:
        """True if the clause says that something is not so."""
        if self.cues & {"off", "gone", "optional"}:
            return True
        # "Must not fall below" is a bound, and "Vault, not variables" says what is so.
        if any(
            found.keys() - self.rejected.get(group, set())
            for group, found in self.values.items()
            if self.rejected.get(group)
        ):
            return False
        return "not" in self.cues and not self.predicates & {"minimum", "limit"}

    def concepts(self) -> set[str]:
        """Return what the clause is about."""
        values = {f"{group}={name}" for group, found in self.values.items() for name in found}
        return self.objects | self.names | values


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in a text.

    Attributes:
        dimension: ``duration``, ``size``, ``period``, ``clock``, ``version NAME`` or
            ``count``.
        value: In the smallest unit.
        text: How the text says it.
        about: Subjects of its clause.
    """

    dimension: str
    value: float
    text: str
    about: frozenset[str]


@dataclass(slots=True)
class Claim:
    """A text as clauses, with what they say together."""

    text: str
    words: list[str]
    clauses: list[Clause]
    scopes: dict[str, set[str]]
    numbers: list[Quantity]
    people: frozenset[str]

    def all(self, name: str) -> set[str]:
        """Return the union of a set of all clauses."""
        return set().union(*(getattr(clause, name) for clause in self.clauses))

    def values(self, group: str) -> dict[str, str]:
        """Return the values of a set that the text affirms, with the words for each."""
        found: dict[str, str] = {}
        for clause in self.clauses:
            for name, text in clause.values.get(group, {}).items():
                if name not in clause.rejected.get(group, ()):
                    found.setdefault(name, text)
        return found

    def rejected(self, group: str) -> set[str]:
        """Return the values of a set that the text denies and nowhere affirms."""
        denied = set().union(*(clause.rejected.get(group, set()) for clause in self.clauses))
        return denied - self.values(group).keys()

    def begins_with(self, group: str) -> bool:
        """Return whether the first word is of a value of a set: "public functions"."""
        first = next((clause for clause in self.clauses), None)
        texts = first.values.get(group, {}).values() if first is not None else ()
        return any(self.text.startswith(text) for text in texts)

    @property
    def groups(self) -> set[str]:
        """The sets of which the text has a value."""
        return {group for clause in self.clauses for group in clause.values}


@lru_cache(maxsize=1024)
def claim_of(text: str) -> Claim | None:
    """Return a text as claims; ``None`` where it has more than `MOST_CHARS` characters."""
    if len(text) > MOST_CHARS:
        return None
    clauses: list[Clause] = []
    scopes: dict[str, set[str]] = {}
    numbers: list[Quantity] = []
    for hour, minute in _CLOCK.findall(text):
        numbers.append(Quantity("clock", int(hour) * 60 + int(minute), f"{hour}:{minute}", frozenset()))
    text = text.replace("()", " ")
    names = _NAME.sub(lambda match: match[0].replace(".", "\u00b7"), _CLOCK.sub(" ", text))
    no_negates = _no_negates(tokens(text))
    for part in _CLAUSE_END.split(names):
        part = part.replace("\u00b7", ".")
        if part.strip() and len(clauses) < _MOST_CLAUSES:
            # "Line length: 120": a number belongs to the subject before it.
            before = clauses[-1].objects if clauses else set()
            clauses.append(_clause(part, before, no_negates, scopes, numbers))
    return Claim(" ".join(tokens(text)), _frame(tokens(text)), clauses, scopes, numbers, _people(text))


def _people(text: str) -> frozenset[str]:
    """Return the words of a text that may be names of people: capitals that no concept has."""
    found = {word.removesuffix("'s").removesuffix("’s") for word in _CAPITAL.findall(text)}
    known = set(STOP_WORDS) | _fillers()
    return frozenset(
        word
        for word in found
        if folded(word) not in known and not any(True for _ in find_concepts(tokens(word))) and word not in _TITLES
    )


def _frame(words: list[str]) -> list[str]:
    """Return the words of a text without numbers, units and values; those of scripts without blanks one by one."""
    found = [
        each
        for each in find_concepts(words)
        if each.group.startswith(("unit", "number", "choice", "tool", "part", "period"))
    ]
    left_out = {place for each in found for place in range(each.start, each.end) if not is_run(words[place])}
    kept: list[str] = []
    for place, word in enumerate(words):
        if place in left_out or word[0].isdigit() or word == "%":
            continue
        if is_run(word):
            inside = [each.text for each in found if each.start == place]
            for text in inside:
                word = word.replace(text, "")
            kept += word
        else:
            kept.append(word)
    return kept


def _clause(
    text: str, before: set[str], no_negates: bool, scopes: dict[str, set[str]], numbers: list[Quantity]
) -> Clause:
    clause = Clause()
    clause.names = {(quoted or name).casefold().strip("./") for quoted, name in _NAME.findall(text)}
    words = tokens(text)
    found = [each for each in find_concepts(words) if no_negates or each.text != "no"]
    covered: set[int] = set()
    numerals = {each.end - 1 for each in found if each.group == "number"}
    in_names = {part for name in clause.names for part in tokens(name)}
    units = {each.start for each in found if each.group.startswith("unit ")}
    for each in found:
        if each.group.startswith(("unit", "number")):
            if each.group == "number" or (
                each.start > 0 and (each.start - 1 in numerals or _NUMBER.fullmatch(words[each.start - 1]))
            ):
                covered.update(range(each.start, each.end))
            continue
        if each.start > 0 and _NUMBER.fullmatch(words[each.start - 1]) and each.start in units:
            continue  # "15 min" is no minimum
        covered.update(range(each.start, each.end))
        if each.group == "object":
            clause.objects.add(each.name)
        elif each.group == "predicate":
            clause.predicates.add(each.name)
        elif each.group == "cue":
            clause.cues.add(each.name)
        elif each.group.startswith("scope "):
            scopes.setdefault(each.group, set()).add(each.name)
            clause.scopes.add(f"{each.group}={each.name}")
        elif each.group.startswith(("choice ", "tool ", "part ")):
            clause.values.setdefault(each.group, {}).setdefault(each.name, each.text)
    clause.without = {
        each.name
        for each in found
        for cue in found
        if each.group == "object" and cue.name == "without" and 0 <= each.start - cue.end < _NEAR
    }
    _reject(clause, found)
    numbers += _quantities(words, found, clause.objects or before)
    clause.unknown = {
        word[:STEM]
        for place, word in enumerate(words)
        if place not in covered
        and len(word) > 2
        and not word[0].isdigit()
        and word not in STOP_WORDS
        and word not in in_names
        and word not in _fillers()
        and not is_run(word)
    } | {sign for word in words if is_run(word) for sign in left_over(word)}
    return clause


def _no_negates(words: list[str]) -> bool:
    """Return whether "no" negates: in Portuguese it is "in the"."""
    if not _PORTUGUESE.isdisjoint(words):
        return False
    return words[:1] == ["no"] or not _NEGATING_NO.isdisjoint(words)


@lru_cache(maxsize=1)
def _fillers() -> frozenset[str]:
    return frozenset(folded(word) for word in (*vocabulary.FILLERS, *vocabulary.UNITS))


def _reject(clause: Clause, found: list[Found]) -> None:
    """Note which values of a clause it denies: "not npm", "Jest was removed"."""
    values = [each for each in found if each.group.startswith(("choice ", "tool ", "part "))]
    cues = [each for each in found if each.group == "cue"]
    for each in values:
        others = [other for other in values if other.group == each.group and other.name != each.name]
        denied = any(
            (cue.name in ("not", "gone", "off") and not others)
            or (cue.name == "not" and 0 <= each.start - cue.end < _NEAR)
            or (cue.name == "gone" and 0 <= cue.start - each.end <= _NEAR)
            for cue in cues
        )
        if denied:
            clause.rejected.setdefault(each.group, set()).add(each.name)
        if others and any(cue.name in ("gone", "swap") for cue in cues):
            clause.swapped.add(each.group)


def _quantities(words: list[str], found: list[Found], objects: set[str]) -> list[Quantity]:
    about = frozenset(objects)
    quantities = [Quantity("period", float(each.name), each.text, about) for each in found if each.group == "period"]
    starts: dict[int, list[Found]] = {}
    for each in found:
        starts.setdefault(each.start, []).append(each)
    taken = {place for each in found if each.group == "period" for place in range(each.start, each.end)}
    for place, word in enumerate(words):
        if place in taken:
            continue
        value: float | None = None
        end = place + 1
        is_word = False
        if _NUMBER.fullmatch(word):
            value = _value(word)
        else:
            for each in starts.get(place, ()):
                if each.group == "number":
                    value, end, is_word = float(each.name), each.end, True
        if value is None:
            continue
        if 0 < place <= _LABEL_ENDS and words[place - 1] in _LABELS:
            continue  # "Version 2 of the API" is a subject
        unit = next((each for each in starts.get(end, ()) if each.group.startswith("unit ")), None)
        if unit is None and is_word and value == 1 and ("review" not in about or word in ("a", "an")):
            continue  # an article
        if unit is not None:
            text = " ".join(words[place : unit.end])
            dimension = "count" if unit.group[5:] in ("length", "percent") else unit.group[5:]
            quantities.append(Quantity(dimension, value * float(unit.name), text, about))
            continue
        beside = place - 1 if place > 0 and words[place - 1] in _BEFORE_VERSION else place
        product = next(
            (
                each
                for each in found
                if each.end == beside and (each.group.startswith(("tool ", "part ")) or each.group == _LANGUAGES)
            ),
            None,
        )
        if product is not None:
            quantities.append(Quantity(f"version {product.name}", value, word, about))
        elif place > 0 and words[place - 1] in ("node", "android", "ios", "version", "v"):
            quantities.append(Quantity(f"version {words[place - 1]}", value, word, about))
        elif "port" in about and _LEAST_PORT <= value <= _MOST_PORT and float(value).is_integer():
            quantities.append(Quantity("port", value, word, about))
        else:
            quantities.append(Quantity("count", value, " ".join(words[place:end]), about))
    return quantities


def _value(word: str) -> float:
    plain = _THOUSANDS.sub("", word).replace(",", ".")
    head, _, tail = plain.partition(".")
    return float(f"{head}.{tail.replace('.', '')}" if tail else head)
