"""Measurements of a pair of texts, from which a learned model tells whether both can hold.

Words of many languages are read as one of three: a pole (``poles.txt``: allowed or forbidden, on or off, before or
after), one of the products for a purpose (``products.txt``: Jenkins or CircleCI), or a number with its unit. What is
left is the subject. Texts that share the subject and differ in one of the three contradict each other more often than
others. All measurements are symmetric: the order of the two texts does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from typing import Final

from aurora_dev.core.text.terms import STOP_WORDS
from aurora_dev.lazy import lazy_pattern
from aurora_dev.notes.similarity import vocabulary
from aurora_dev.notes.similarity.claims import STEM, Claim, claim_of
from aurora_dev.notes.similarity.concepts import (
    Lexicon,
    find_concepts,
    folded,
    grouped,
    is_run,
    lexicon_of,
    tokens,
)
from aurora_dev.notes.similarity.differences import contradiction
from aurora_dev.notes.similarity.paraphrases import AFFIRMS, NEGATES, verdicts

_FOLDER: Final = Path(__file__).parent
_CUES: Final = ("swap", "not", "off", "gone", "only", "all", "exception", "minor", "now", "may", "must", "enough")
_UNITS: Final = ("duration", "size", "share", "other", "none", "period", "clock")
_FLAGS: Final = ("sequence", "ownership", "cause", "exception", "default", "change")
_NEGATIVE: Final = frozenset(
    ("two permission forbidden", "two switch off", "two duty optional", "two life dead", "two works fails",
     "two worth bad", "two visibility hidden", "polarity negative")
)  # fmt: skip
_GENERAL: Final = frozenset(
    ("file", "code", "data", "server", "directory", "environment", "type", "script", "service", "api", "backend",
     "endpoint", "port", "hosting", "version", "ownership", "library", "feature", "team")
)  # fmt: skip
_SAME_NUMBER: Final = 0.02
_MOST_ALIGNED: Final = 100  # words
_NEAR: Final = 3  # words between a negation and what it denies
_LEAST_STEM: Final = 5  # characters of a name, of which an inflected form may have another ending
_MOST_SHOWN: Final = 40  # characters of a word in a reason
_NUMBER: Final = lazy_pattern(r"\d+(?:[.,]\d+)*")
_THOUSANDS: Final = lazy_pattern(r"[.,](?=\d{3}(?:\D|$))")
_CLOCK: Final = lazy_pattern(r"(?<!\d)([01]?\d|2[0-3])[:h]([0-5]\d)(?!\d)")
_CAPITAL: Final = lazy_pattern(r"(?<![\w/.])[^\W\d_a-z][^\W\d_]{2,30}")
_NAME: Final = lazy_pattern(r"[A-Za-z][\w.+#/-]{0,60}")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, read for comparison.

    Attributes:
        words: Its tokens.
        poles: Names by set, each with the words that stand for it.
        products: Products by purpose, each with its words.
        numbers: Values by kind of unit, each with its words.
        rest: Stems of the words that are none of these: the subject.
        names: Proper names and identifiers.
        people: Capitalised words that may be names of people.
        negations: How many words deny.
        order: Stems of the rest by place, with the place of words such as "before" and "after".
        letters: Groups of three letters.
    """

    words: list[str]
    poles: dict[str, dict[str, str]]
    products: dict[str, dict[str, str]]
    numbers: dict[str, dict[float, str]]
    rest: frozenset[str]
    names: frozenset[str]
    people: frozenset[str]
    negations: int
    order: list[str]
    letters: frozenset[str]


@lru_cache(maxsize=1)
def _poles() -> Lexicon:
    return lexicon_of(grouped((_FOLDER / "poles.txt").read_text("utf-8")))


def _product_names() -> Iterator[tuple[str, str, str]]:
    for line in (_FOLDER / "products.txt").read_text("utf-8").splitlines():
        purpose, _, products = line.partition(":")
        if line.startswith("#") or not products:
            continue
        for product in products.split(","):
            names = product.strip().split("=")
            for name in names:
                # "Postgresie", "tabulatorami"
                yield purpose, names[0], name + ("*" if len(folded(name)) >= _LEAST_STEM else "")


@lru_cache(maxsize=1)
def _products() -> Lexicon:
    return lexicon_of(_product_names())


@lru_cache(maxsize=1)
def _ignored() -> frozenset[str]:
    return frozenset(folded(word) for word in (*vocabulary.FILLERS, *vocabulary.UNITS, *STOP_WORDS))


@lru_cache(maxsize=512)
def read(text: str) -> Reading:
    """Return a text as poles, products, numbers and the rest."""
    numbers: dict[str, dict[float, str]] = {}
    for hour, minute in _CLOCK.findall(text):
        numbers.setdefault("clock", {})[int(hour) * 60.0 + int(minute)] = f"{hour}:{minute}"
    words = tokens(_CLOCK.sub(" ", text))
    found = list(find_concepts(words, _poles()))
    poles: dict[str, dict[str, str]] = {}
    covered: set[int] = set()
    values: dict[int, tuple[float, str]] = {}
    units: dict[int, tuple[str, float]] = {}
    inside: dict[int, list[str]] = {}
    negations = 0
    marks: dict[int, str] = {}
    for each in found:
        if each.group == "number":
            if not is_run(words[each.start]):
                values[each.end - 1] = float(each.name), each.text
            continue
        if each.group.startswith("unit "):
            units.setdefault(each.start, (each.group[5:], float(each.name)))
            continue
        if each.group == "period":
            numbers.setdefault("period", {})[float(each.name)] = each.text
        else:
            poles.setdefault(each.group, {}).setdefault(each.name, each.text)
            negations += f"{each.group} {each.name}" in _NEGATIVE
            if each.group in ("two order", "sequence"):
                marks[each.start] = each.name
        inside.setdefault(each.start, []).append(each.text)
        if not is_run(words[each.start]):
            covered.update(range(each.start, each.end))
    products: dict[str, dict[str, str]] = {}
    for each in find_concepts(words, _products()):
        products.setdefault(each.group, {}).setdefault(each.name, each.text)
        inside.setdefault(each.start, []).append(each.text)
        if not is_run(words[each.start]):
            covered.update(range(each.start, each.end))
    for place, word in enumerate(words):
        value, said = (_value(word), word) if _NUMBER.fullmatch(word) else values.get(place, (None, ""))
        if value is None or place in covered:
            continue
        unit, end = units.get(place + 1), place + 2
        if unit is None and place + 1 not in values:
            unit, end = units.get(place + 2), place + 3
        if unit is None and not _NUMBER.fullmatch(word) and value <= 1:
            continue  # an article
        kind, size = unit or ("none", 1.0)
        text_of = " ".join([said, *words[place + 1 : end]]) if unit is not None else said
        numbers.setdefault(kind, {})[value if kind == "other" else value * size] = text_of
        covered.add(place)
        if unit is not None and not is_run(words[place + 1]):
            covered.add(place + 1)
    rest: list[str] = []
    order: list[str] = []
    for place, word in enumerate(words):
        if place in marks and not is_run(word):
            order.append(f"<{marks[place]}>")
        if is_run(word):
            for part in sorted(inside.get(place, ()), key=len, reverse=True):
                word = word.replace(part, " ", 1)
            rest += _signs(word)
        elif place not in covered and word not in _ignored() and len(word) > 1:
            rest.append(word[:STEM])
            order.append(word[:STEM])
    plain = folded(text)
    mixed = sum(character > "\u024f" for character in text) > len(text) // 4
    names = frozenset(
        name.casefold().strip("./-") for name in _NAME.findall(text) if mixed or not name.islower() or "." in name[:-1]
    )
    people = frozenset(
        name
        for name in _CAPITAL.findall(text)
        if folded(name) not in _ignored() and folded(name) not in products and not _is_known(folded(name))
    )
    return Reading(
        words, poles, products, numbers, frozenset(rest), names, people, negations, order,
        frozenset(plain[n : n + 3] for n in range(len(plain) - 2)),
    )  # fmt: skip


def _is_known(word: str) -> bool:
    return any(any(True for _ in find_concepts([word], known)) for known in (_poles(), _products(), None))


def _signs(run: str) -> Iterator[str]:
    """Yield the parts of a run that carry meaning: Chinese signs, words in Katakana, starts of Korean words."""
    for part in run.split():
        if "\uac00" <= part[0] <= "\ud7af":
            yield part[:2]
            continue
        katakana = ""
        for sign in part:
            if "\u30a0" <= sign <= "\u30ff":
                katakana += sign
                continue
            if len(katakana) > 1:
                yield katakana[:STEM]
            katakana = ""
            if sign >= "\u3400" and sign not in vocabulary.FILLERS:
                yield sign
        if len(katakana) > 1:
            yield katakana[:STEM]


def _value(word: str) -> float:
    plain = _THOUSANDS.sub("", word).replace(",", ".")
    head, _, tail = plain.partition(".")
    return float(f"{head}.{tail.replace('.', '')}" if tail else head)


def features(new: str, old: str) -> dict[str, float] | None:
    """Return the measurements of two texts by name; ``None`` where one is too long to be compared.

    Args:
        new: The new text.
        old: The earlier text.
    """
    claim_a, claim_b = claim_of(new), claim_of(old)
    if claim_a is None or claim_b is None:
        return None
    a, b = read(new), read(old)
    found: dict[str, float] = {}
    _subject(found, a, b, claim_a, claim_b)
    _frame(found, a, b)
    _choices(found, a, b)
    _claims(found, claim_a, claim_b)
    _numbers(found, a, b)
    _poles_of(found, a, b)
    _together(found)
    found["difference is named"] = float(difference(new, old) is not None)
    found["rule same words"] = float(contradiction(new, old) is not None)
    for name, said in verdicts(claim_a, claim_b).items():
        found[f"rule {name}"] = float(said)
    return found


def _compare(found: dict[str, float], name: str, a: Set[str], b: Set[str]) -> None:
    """Count what two sets share, and what the one has that lacks less and the one that lacks more."""
    fewer, more = sorted((len(a - b), len(b - a)))
    found[f"{name} both"] = min(6.0, len(a & b))
    found[f"{name} fewer"] = min(6.0, fewer)
    found[f"{name} more"] = min(8.0, more)


def _share(a: Set[str], b: Set[str]) -> float:
    return len(a & b) / max(1, len(a | b))


def _subject(found: dict[str, float], a: Reading, b: Reading, claim_a: Claim, claim_b: Claim) -> None:
    _compare(found, "rest", a.rest, b.rest)
    found["rest share"] = _share(a.rest, b.rest)
    found["rest held"] = len(a.rest & b.rest) / max(1, min(len(a.rest), len(b.rest)))
    objects_a, objects_b = claim_a.all("objects"), claim_b.all("objects")
    _compare(found, "object", objects_a - _GENERAL, objects_b - _GENERAL)
    _compare(found, "general object", objects_a & _GENERAL, objects_b & _GENERAL)
    _compare(found, "predicate", claim_a.all("predicates"), claim_b.all("predicates"))
    _compare(found, "unknown", claim_a.all("unknown"), claim_b.all("unknown"))
    _compare(found, "identifier", claim_a.all("names"), claim_b.all("names"))
    _compare(found, "name", a.names, b.names)
    _compare(found, "person", a.people, b.people)
    found["people differ"] = float(bool(a.people - b.people) and bool(b.people - a.people))
    found["letters"] = _share(a.letters, b.letters)
    found["letters held"] = len(a.letters & b.letters) / max(1, min(len(a.letters), len(b.letters)))
    shorter, longer = sorted((len(a.words), len(b.words)))
    found["words shorter"], found["words longer"] = min(30.0, shorter), min(30.0, longer)
    shared = claim_a.scopes.keys() & claim_b.scopes.keys()
    found["scopes apart"] = sum(claim_a.scopes[each].isdisjoint(claim_b.scopes[each]) for each in shared)
    found["scopes same"] = sum(not claim_a.scopes[each].isdisjoint(claim_b.scopes[each]) for each in shared)
    found["scopes of one"] = len(claim_a.scopes.keys() ^ claim_b.scopes.keys())


def _frame(found: dict[str, float], a: Reading, b: Reading) -> None:
    """Measure whether the words stand in the same order, and where they differ."""
    stems_a, stems_b = ([word[:STEM] for word in text.words[:_MOST_ALIGNED]] for text in (a, b))
    if any(is_run(word) for word in (*a.words, *b.words)):
        stems_a, stems_b = list("".join(a.words)[:_MOST_ALIGNED]), list("".join(b.words)[:_MOST_ALIGNED])
    matcher = SequenceMatcher(None, stems_a, stems_b, autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    ratio = 2 * sum(block.size for block in blocks) / max(1, len(stems_a) + len(stems_b))
    alike = ratio >= 0.5
    gaps = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    found["frame"] = ratio
    found["frame one gap"] = float(alike and len(gaps) == 1)
    found["frame two gaps"] = float(alike and len(gaps) == 2)
    found["frame more gaps"] = float(alike and len(gaps) > 2)
    found["frame gap at start"] = float(alike and bool(gaps) and gaps[0][1] <= 1 and gaps[0][0] == "replace")
    found["frame gap at end"] = float(alike and bool(gaps) and gaps[-1][2] == len(stems_a))
    found["frame insert"] = float(len(gaps) == 1 and gaps[0][0] != "replace")


def _choices(found: dict[str, float], a: Reading, b: Reading) -> None:
    shared = a.products.keys() & b.products.keys()
    apart = [each for each in shared if a.products[each].keys().isdisjoint(b.products[each])]
    all_a, all_b = (frozenset[str]().union(*text.products.values()) for text in (a, b))
    _compare(found, "product", all_a, all_b)
    found["products apart"] = min(2.0, len(apart))
    found["products apart only"] = float(bool(apart) and not all_a & all_b)
    found["products same"] = min(2.0, len(shared) - len(apart))
    fewer, more = sorted((len(a.products.keys() - shared), len(b.products.keys() - shared)))
    found["purposes fewer"], found["purposes more"] = min(4.0, fewer), min(6.0, more)


def _claims(found: dict[str, float], a: Claim, b: Claim) -> None:
    groups = a.groups & b.groups
    for kind in ("choice", "tool", "part"):
        apart = same = denied = 0
        for group in groups:
            if not group.startswith(kind):
                continue
            of_a, of_b = a.values(group).keys(), b.values(group).keys()
            apart += bool(of_a) and bool(of_b) and of_a.isdisjoint(of_b)
            same += bool(of_a & of_b)
            denied += bool(of_a & b.rejected(group)) or bool(of_b & a.rejected(group))
        found[f"{kind} apart"], found[f"{kind} same"], found[f"{kind} denied"] = min(2, apart), min(2, same), denied
        only_a, only_b = ({each for each in claim.groups - groups if each.startswith(kind)} for claim in (a, b))
        found[f"{kind} of each"] = min(2, len(only_a), len(only_b))
    cues_a, cues_b = a.all("cues"), b.all("cues")
    for cue in _CUES:
        found[f"cue {cue} of one"] = float((cue in cues_a) != (cue in cues_b))
        found[f"cue {cue} of both"] = float(cue in cues_a and cue in cues_b)
    denies_a, denies_b = (any(clause.denies for clause in claim.clauses) for claim in (a, b))
    found["denied by one"], found["denied by both"] = float(denies_a != denies_b), float(denies_a and denies_b)
    apart = same = 0
    for dimension in {each.dimension for each in a.numbers} & {each.dimension for each in b.numbers}:
        values_a, values_b = ([each.value for each in claim.numbers if each.dimension == dimension] for claim in (a, b))
        is_same = any(_near(x, y) for x in values_a for y in values_b)
        same, apart = same + is_same, apart + (not is_same)
    found["claimed numbers apart"], found["claimed numbers same"] = min(2, apart), min(2, same)


def _near(x: float, y: float) -> bool:
    return abs(x - y) <= _SAME_NUMBER * max(abs(x), abs(y))


def _numbers(found: dict[str, float], a: Reading, b: Reading) -> None:
    any_apart = any_same = False
    for unit in _UNITS:
        of_a, of_b = a.numbers.get(unit, {}), b.numbers.get(unit, {})
        same = any(_near(x, y) for x in of_a for y in of_b)
        apart = bool(of_a) and bool(of_b) and not same
        any_apart, any_same = any_apart or apart, any_same or same
        found[f"{unit} apart"], found[f"{unit} same"] = float(apart), float(same)
        found[f"{unit} of one"] = float(bool(of_a) != bool(of_b))
    found["numbers apart"], found["numbers same"] = float(any_apart and not any_same), float(any_same)
    found["numbers of one"] = float(bool(a.numbers) != bool(b.numbers))
    found["duration and period"] = float(
        ("duration" in a.numbers and "period" in b.numbers) or ("period" in a.numbers and "duration" in b.numbers)
    )


def _poles_of(found: dict[str, float], a: Reading, b: Reading) -> None:
    apart_all = same_all = turned = turned_same = 0
    negated = ("polarity" in a.poles) != ("polarity" in b.poles)
    for group in _pole_names():
        of_a, of_b = a.poles.get(group, {}).keys(), b.poles.get(group, {}).keys()
        apart = bool(of_a) and bool(of_b) and of_a.isdisjoint(of_b)
        same = bool(of_a) and of_a == of_b
        apart_all, same_all = apart_all + apart, same_all + same
        turned, turned_same = turned + (negated and same), turned_same + (negated and apart)
        found[f"{group} apart"], found[f"{group} same"] = float(apart), float(same)
        found[f"{group} of one"] = float(bool(of_a) != bool(of_b))
    found["poles apart"], found["poles same"] = min(3.0, apart_all), min(3.0, same_all)
    found["poles turned"], found["poles turned same"] = min(2.0, turned), min(2.0, turned_same)
    for flag in _FLAGS:
        found[f"{flag} of both"] = float(flag in a.poles and flag in b.poles)
        found[f"{flag} of one"] = float((flag in a.poles) != (flag in b.poles))
    found["negated one"] = float(negated)
    found["negated both"] = float("polarity" in a.poles and "polarity" in b.poles)
    found["negative one"] = float(bool(a.negations) != bool(b.negations))
    found["negative parity"] = float(a.negations % 2 != b.negations % 2)
    found["order turned"] = float(_turned(a, b))


@lru_cache(maxsize=1)
def _pole_names() -> tuple[str, ...]:
    known = _poles()
    groups = {
        group for table in (known.exact, known.stems, known.runs) for found in table.values() for group, _ in found
    }
    return tuple(sorted(group for group in groups if group.startswith("two ")))


def _turned(a: Reading, b: Reading) -> bool:
    """Return whether two texts put the same two steps in the opposite order."""
    steps_a, steps_b = _steps(a.order), _steps(b.order)
    return bool(steps_a[0] & steps_b[1] and steps_a[1] & steps_b[0])


def _steps(order: list[str]) -> tuple[set[str], set[str]]:
    """Return the stems of the earlier and of the later step of a text."""
    marks = [place for place, word in enumerate(order) if word[0] == "<"]
    if not marks:
        return set(), set()
    place = next((mark for mark in marks if order[mark] != "<yes>"), marks[-1])
    if place == 0:
        # "Before a deploy, ...", "First ..., then ...": the words in two halves
        middle = (len(order) + 1) // 2 if len(marks) == 1 else marks[1]
        first, second = set(order[1:middle]), set(order[middle:])
    else:
        first, second = set(order[:place]), set(order[place + 1 :])
    later_first = (order[place] == "<after>") != (place == 0 and order[place] == "<before>")
    if place == 0 and order[place] == "<after>":
        later_first = False
    return (second, first) if later_first else (first, second)


def _together(found: dict[str, float]) -> None:
    """Add products of measurements: a difference counts where the subject is the same."""
    subject = min(1.0, (found["object both"] + found["rest both"] + found["identifier both"]) / 2)
    other = min(1.0, found["object fewer"] + found["scopes apart"])
    for name in (
        "products apart", "poles apart", "numbers apart", "claimed numbers apart", "choice apart", "tool apart",
        "part apart", "negated one", "negative parity", "poles turned", "people differ", "ownership of both",
    ):  # fmt: skip
        value = min(1.0, found[name])
        found[f"{name} * subject"] = value * subject
        found[f"{name} * other"] = value * other
        found[f"{name} * frame"] = value * found["frame"]
        found[f"{name} * short"] = value * float(found["rest fewer"] == 0)
    found["people * ownership"] = found["people differ"] * found["ownership of both"]
    found["ownership * rest"] = found["ownership of both"] * float(found["rest both"] > 0 and found["rest fewer"] > 0)


def difference(new: str, old: str) -> str | None:
    """Return in words what differs between two texts; ``None`` where only their subjects or forms differ.

    Args:
        new: The new text.
        old: The earlier text.
    """
    a, b = read(new), read(old)
    people_a, people_b = sorted(a.people - b.people), sorted(b.people - a.people)
    if "ownership" in a.poles and "ownership" in b.poles and people_a and people_b:
        return f"names {', '.join(people_a[:3])} where the earlier one names {', '.join(people_b[:3])}"
    found = _apart(a.products, b.products) or _values_apart(new, old) or _numbers_apart(a, b)
    if found is None and len(a.poles.get("polarity", ())) == len(b.poles.get("polarity", ())):
        found = _apart(*({group: each for group, each in text.poles.items() if group[:4] == "two "} for text in (a, b)))
    if found is not None:
        return f"says '{found[0][:_MOST_SHOWN]}' where the earlier one says '{found[1][:_MOST_SHOWN]}'"
    if ("polarity" in a.poles) != ("polarity" in b.poles):
        return NEGATES if "polarity" in a.poles else AFFIRMS
    if _turned(a, b):
        return "puts in another order what the earlier one orders"
    return None


def _apart(a: dict[str, dict[str, str]], b: dict[str, dict[str, str]]) -> tuple[str, str] | None:
    """Return the words for two names of the first set of which the texts have different ones."""
    for group in sorted(a.keys() & b.keys()):
        if a[group].keys().isdisjoint(b[group]):
            return next(iter(a[group].values())), next(iter(b[group].values()))
    return None


def _values_apart(new: str, old: str) -> tuple[str, str] | None:
    a, b = claim_of(new), claim_of(old)
    if a is None or b is None:
        return None
    groups = a.groups & b.groups
    return _apart(*({group: claim.values(group) for group in groups if claim.values(group)} for claim in (a, b)))


def _numbers_apart(a: Reading, b: Reading) -> tuple[str, str] | None:
    units = sorted(a.numbers.keys() & b.numbers.keys(), key=lambda unit: (unit == "none", unit))
    for unit in units:
        if a.numbers[unit].keys().isdisjoint(b.numbers[unit]):
            return next(iter(a.numbers[unit].values())), next(iter(b.numbers[unit].values()))
    return None
