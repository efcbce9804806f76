"""Contradictions between texts that say something in different words, in many languages.

The rules of `differences` want nothing else to differ. These rules read both texts as claims about known concepts: "CI
runs on GitHub Actions" and "pipelines are defined in .gitlab-ci.yml" both name the service that builds. They see a
contradiction only if the two are about the same thing: neither names a subject, a place or a role that the other does
not have while the other names one, too. In doubt there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from aurora_dev.notes.similarity.claims import STEM, Claim, Clause, Quantity, claim_of
from aurora_dev.notes.similarity.concepts import folded

NEGATES: Final = "negates what the earlier one says"
AFFIRMS: Final = "says what the earlier one negates"
_LEAST_ALIKE: Final = 0.4  # share of common words in the same order
_WIDE_SCOPES: Final = frozenset(
    ("scope role", "scope direction", "scope aspect", "scope age", "scope access", "scope platform")
)
_WIDE_PLACES: Final = frozenset(
    ("scope role user", "scope direction in", "scope direction out", "scope aspect shown", "scope aspect stored")
)
"""Places that a text may name and another leave out, since they tell little."""
_MOST_ALIGNED: Final = 100  # words; longer texts take long, and do not say one thing
_SHORT: Final = 6  # words; in so short texts, a word that no concept has is the subject
_FEW_WORDS: Final = 6  # words; in so short texts, general subjects count, too
_FEW_SUBJECTS: Final = 2  # of a clause that may deny another without a common verb
_LEAST_UNKNOWN: Final = 2  # common words that no concept has, which stand for a common subject
_SAME_NUMBER: Final = 0.02  # share by which two numbers may differ
_MOST_NUMBERS: Final = 2  # of one dimension
_GENERAL: Final = frozenset(
    ("file", "code", "data", "server", "directory", "environment", "type", "script", "service", "api", "backend",
     "endpoint", "port", "hosting", "version", "ownership", "library", "feature", "team")
)  # fmt: skip
"""Subjects that tell little: a text may name one more of them."""


def paraphrase(new: str, old: str) -> str | None:
    """Return why two texts in different words may contradict each other; ``None`` where nothing shows it.

    Args:
        new: The new text.
        old: The earlier text.
    """
    a, b = claim_of(new), claim_of(old)
    if a is None or b is None or _are_about_different_things(a, b) or _is_exception(a, b) or _is_exception(b, a):
        return None
    rules = (_value, _number, _denial, _gone, _owner)
    return next((reason for rule in rules if (reason := rule(a, b))), None)


def verdicts(a: Claim, b: Claim) -> dict[str, bool]:
    """Return what each rule says of two texts by itself, by name, for a learned model to weigh.

    Args:
        a: The new text.
        b: The earlier text.
    """
    rules = {"value": _value, "number": _number, "denial": _denial, "gone": _gone, "owner": _owner}
    found = {name: rule(a, b) is not None for name, rule in rules.items()}
    found["other subject"] = _are_about_different_things(a, b)
    found["exception"] = _is_exception(a, b) or _is_exception(b, a)
    return found


def _are_about_different_things(a: Claim, b: Claim) -> bool:
    if any(a.scopes[group].isdisjoint(b.scopes[group]) for group in a.scopes.keys() & b.scopes.keys()):
        return True
    unknown_a, unknown_b = (claim.all("unknown") - {folded(name)[:STEM] for name in claim.people} for claim in (a, b))
    if max(len(a.words), len(b.words)) <= _SHORT and unknown_a - unknown_b and unknown_b - unknown_a:
        return True
    # In texts with the same words around it, a word that only one has is the subject.
    if not _are_alike(a, b):
        return False
    of_a, of_b = (_subjects(claim) | claim.all("unknown") for claim in (a, b))
    return bool(of_a - of_b) and bool(of_b - of_a)


def _are_alike(a: Claim, b: Claim) -> bool:
    """Return whether two texts have the same words in the same order, apart from their values and numbers."""
    matcher = SequenceMatcher(None, _stems(a.words), _stems(b.words), autojunk=False)
    if matcher.quick_ratio() < _LEAST_ALIKE or max(len(a.words), len(b.words)) > _MOST_ALIGNED:
        return False
    return matcher.ratio() >= _LEAST_ALIKE


def _stems(words: Sequence[str]) -> list[str]:
    return [word[:STEM] for word in words]


def _subjects(claim: Claim) -> set[str]:
    places = {f"{group} {name}" for group, names in claim.scopes.items() for name in names} - _WIDE_PLACES
    # In a few words, each counts.
    return claim.all("objects") - (frozenset() if len(claim.words) <= _FEW_WORDS else _GENERAL) | places


def _places(claim: Claim) -> set[str]:
    """Return the groups of places, roles and kinds that a text names."""
    return claim.scopes.keys() - _WIDE_SCOPES


def _is_blocked(a: Claim, b: Claim) -> bool:
    """Return whether each of two texts has a subject that the other has not."""
    of_a, of_b = _subjects(a), _subjects(b)
    return bool(of_a - of_b) and bool(of_b - of_a)


def _is_exception(a: Claim, b: Claim) -> bool:
    """Return whether a text names an exception to the other, which does not say that it holds for all."""
    cues = a.all("cues")
    return "exception" in cues or ("minor" in cues and "all" not in b.all("cues"))


def _value(a: Claim, b: Claim) -> str | None:
    """Compare values of one set: the tools, formats, days and methods of which there is one."""
    if _places(a) != _places(b):
        return None
    for group in sorted(a.groups & b.groups):
        if not _share_the_subject(a, b, group) or _differ_in_others(a, b, group):
            continue
        of_a, of_b = a.values(group), b.values(group)
        no_a, no_b = a.rejected(group), b.rejected(group)
        if of_a and of_b and of_a.keys().isdisjoint(of_b):
            return f"says '{next(iter(of_a.values()))}' where the earlier one says '{next(iter(of_b.values()))}'"
        if of_a.keys().isdisjoint(of_b):
            if of_b.keys() & no_a and "only" not in b.all("cues"):
                return NEGATES
            if of_a.keys() & no_b and "only" not in a.all("cues"):
                return AFFIRMS
        if len(of_a) > 1 and of_b.keys() < of_a.keys() and any(group in clause.swapped for clause in a.clauses):
            return NEGATES
        if len(of_b) > 1 and of_a.keys() < of_b.keys() and any(group in clause.swapped for clause in b.clauses):
            return AFFIRMS
    return None


def _differ_in_others(a: Claim, b: Claim, group: str) -> bool:
    """Return whether each of two texts with the same words around has a value of another set that the other lacks."""
    of_a, of_b = (
        {text for other in claim.groups - {group} for text in claim.values(other).values()} for claim in (a, b)
    )
    same = {*a.values(group).values(), *b.values(group).values()}
    return bool(of_a - of_b - same) and bool(of_b - of_a - same) and _are_alike(a, b)


def _share_the_subject(a: Claim, b: Claim, group: str) -> bool:
    """Return whether the clauses with a value of a set are about the same, as far as their words show."""
    clauses_a, clauses_b = (_clauses_with(claim, group) for claim in (a, b))
    of_a, of_b = (set().union(*(clause.objects for clause in clauses)) for clauses in (clauses_a, clauses_b))
    if group.startswith("choice "):
        if a.begins_with(group) and b.begins_with(group):
            return False
        said_a, said_b = (set().union(*(clause.predicates for clause in each)) for each in (clauses_a, clauses_b))
        places = {(name, *sorted(found)) for name, found in a.scopes.items()} & {
            (name, *sorted(found)) for name, found in b.scopes.items()
        }
        return bool((of_a & of_b) | (said_a & said_b) | places) and not _is_blocked(a, b)
    of_a, of_b = of_a - _GENERAL, of_b - _GENERAL
    if of_a & of_b:
        return not (of_a - of_b and of_b - of_a)
    if max(len(a.words), len(b.words)) <= _FEW_WORDS:
        places_a, places_b = (
            set().union(*(clause.objects | clause.scopes for clause in clauses)) for clauses in (clauses_a, clauses_b)
        )
        if places_a - places_b and places_b - places_a:
            return False
    all_a, all_b = (_subjects(claim) for claim in (a, b))
    if group.startswith("part "):
        of_a, of_b = (
            found | set().union(*(clause.unknown for clause in clauses))
            for found, clauses in ((of_a, clauses_a), (of_b, clauses_b))
        )
    return not of_a or not of_b or bool(of_a & of_b) or (bool(all_a & all_b) and not _is_blocked(a, b))


def _clauses_with(claim: Claim, group: str) -> list[Clause]:
    """Return the clauses that affirm a value of a set, or if there are none, those that deny one."""
    found = [clause for clause in claim.clauses if group in clause.values]
    affirming = [each for each in found if each.values[group].keys() - each.rejected.get(group, set())]
    return affirming or found


def _number(a: Claim, b: Claim) -> str | None:
    """Compare numbers of one dimension about the same subject."""
    if _is_blocked(a, b):
        return None
    shared = a.all("objects") & b.all("objects")
    if len(words := a.all("unknown") & b.all("unknown")) >= _LEAST_UNKNOWN:
        shared |= words
    ports = {each.dimension for each in (*a.numbers, *b.numbers)} == {"port"}
    if not shared and not ports:
        return None
    cues_a, cues_b = a.all("cues"), b.all("cues")
    if ("now" in cues_a) != ("now" in cues_b):
        return None
    said_a, said_b = a.all("predicates"), b.all("predicates")
    if ("minimum" in said_a and "limit" in said_b) or ("limit" in said_a and "minimum" in said_b):
        return None
    periods_a, periods_b = ({each.value for each in claim.numbers if each.dimension == "period"} for claim in (a, b))
    if periods_a and periods_b and periods_a.isdisjoint(periods_b) and len({each.dimension for each in a.numbers}) > 1:
        return None  # daily and monthly backups
    for dimension in sorted({each.dimension for each in a.numbers} & {each.dimension for each in b.numbers}):
        of_a, of_b = ([each for each in claim.numbers if each.dimension == dimension] for claim in (a, b))
        if dimension == "count":
            of_a, of_b = ([each for each in found if each.about & shared] for found in (of_a, of_b))
        if not of_a or not of_b or max(len(of_a), len(of_b)) > _MOST_NUMBERS:
            continue
        if not any(_is_same(x, y) for x in of_a for y in of_b):
            return f"says {of_a[0].text} where the earlier one says {of_b[0].text}"
    return None


def _is_same(x: Quantity, y: Quantity) -> bool:
    # A month is 30 days, too.
    return abs(x.value - y.value) <= _SAME_NUMBER * max(abs(x.value), abs(y.value))


def _denial(a: Claim, b: Claim) -> str | None:
    """Compare a clause with one that denies it; `differences` does so for texts with the same words around it."""
    of_a, of_b = (_subjects(claim) | claim.all("unknown") for claim in (a, b))
    may_deny = of_a == of_b or not _are_alike(a, b)
    for x in a.clauses:
        for y in b.clauses:
            shared = x.objects & y.objects
            denies_x, denies_y = (clause.denies or bool(clause.without & shared) for clause in (x, y))
            affirming = y if denies_x else x
            if may_deny and denies_x != denies_y and "only" not in affirming.cues and _say_the_same(x, y, affirming):
                return NEGATES if denies_x else AFFIRMS
            if (
                {"only", "anyone"} <= x.cues | y.cues
                and ("only" in x.cues) != ("only" in y.cues)
                and _say_the_same(x, y, x)
            ):
                return "allows all what the other allows few"
    return None


def _gone(a: Claim, b: Claim) -> str | None:
    """Compare a text that names a file or an identifier with one that says that it is gone."""
    for x, y, reason in ((a, b, NEGATES), (b, a, AFFIRMS)):
        gone = set().union(*(clause.names for clause in x.clauses if "gone" in clause.cues))
        kept = set().union(*(clause.names for clause in y.clauses if not clause.denies))
        if gone & kept:
            return reason
    return None


def _owner(a: Claim, b: Claim) -> str | None:
    """Compare who is responsible for the same thing."""
    if not all("ownership" in claim.all("objects") for claim in (a, b)) or _is_blocked(a, b):
        return None
    shared = ((a.all("objects") & b.all("objects")) - {"ownership"}) | (a.all("unknown") & b.all("unknown"))
    new, old = sorted(a.people - b.people), sorted(b.people - a.people)
    if not shared or not new or not old:
        return None
    return f"names {', '.join(new)} where the earlier one names {', '.join(old)}"


def _say_the_same(x: Clause, y: Clause, affirming: Clause) -> bool:
    if any(names & y.rejected.get(group, set()) for group, names in x.rejected.items()):
        return False
    about_x, about_y = x.concepts() - _GENERAL, y.concepts() - _GENERAL
    shared = about_x & about_y
    if not shared or (about_x - about_y and about_y - about_x):
        return False
    if about_x == about_y == shared and len(shared) == 1 and affirming.cues & {"must", "all"}:
        return True
    if max(len(about_x), len(about_y)) <= _FEW_SUBJECTS and not (x.unknown - y.unknown and y.unknown - x.unknown):
        return True
    others = (x.predicates & y.predicates) | (x.unknown & y.unknown) | (x.scopes & y.scopes)
    return bool(others) or (about_x == about_y and len(shared) > 1)
