"""Draw the queries of ``names.py`` from the files of a project: names, messages, paths, flags, as agents type them.

The draw is fixed: candidates are ordered by a hash of a seed, the project, the form and the candidate, and the first
ones are taken. So one more candidate changes at most one query, and one form never changes another.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from aurora_dev.syntax import GrammarError, definitions, language_of, supported_languages
from aurora_dev.syntax.file_languages import holds_data, prose_suffixes

SEED = "aurora names 1"
# Raised when the draw changes, so that kept queries are drawn again.
EDITION = 2
# A text that occurs in more files than this is no longer looked for by its name alone.
FEW_FILES = 3
# The number of queries of each form and project.
FORMS = {
    "defined name": 20,
    "defined in tests": 5,
    "used name": 10,
    "name in a sentence": 20,
    "literal": 15,
    "error message": 15,
    "filled message": 15,
    "file name": 15,
    "partial path": 8,
    "whole path": 8,
    "last words": 8,
    "middle words": 8,
    "run together": 8,
    "words with spaces": 8,
    "other case": 8,
    "flag": 8,
    "environment variable": 8,
    "dotted name": 15,
}
SENTENCES = (
    "where is {} used",
    "who calls {}",
    "how does {} handle errors",
    "which tests cover {}",
    "what does {} return",
    "what happens if {} gets an empty value",
    "I want to rename {}, which places change",
    "why would {} be slow",
    "explain what {} is for",
    "find all places that set {}",
    "`{}` does not behave as documented, where do I look",
    "where does the default of {} come from",
    "add an argument to {}",
)

_IDENTIFIER = re.compile(r"(?<![\w$])[A-Za-z_$][\w$]*")
_COMPOUND = re.compile(r"[a-z0-9]_[a-z0-9]|[a-z][A-Z]|[A-Z]_[A-Z]", re.ASCII)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Not after another quote, which begins a docstring, nor inside a word (``don't``), except for prefixes such as ``f``.
# What begins with a space or a bracket is code between two strings.
_STRING = re.compile(
    r"""(?:(?<![\w"'`])|(?<=\b[fFrRbBuUL])|(?<=\b[fFrRbB]{2}))(["'`])((?=[\w<{%$@:/*])(?:(?!\1)[^\\\n]){12,160})(?<!\s)\1"""
)
_PLAIN_WORD = re.compile(r"[A-Za-z]{2,}")
_COMMENT = re.compile(r"\s*(?:#|//|/\*|\*|--|;|%|<!--)")
_SAYS_ERROR = re.compile(
    r"(?i)\b\w*(?:raise|throw|error|exception|panic|fatal|die|fail|warn|abort|assert|invariant|stderr|reject)\w*\b"
)
_PLACEHOLDER = re.compile(
    r"\$\{[^{}]*\}|#\{[^{}]*\}|(?<![\w])\{[^{}\s]*\}|%[-+#0-9.*]*[hlzjt]*[diouxXeEfgGsScpvqTwr@](?![\w])"
)
_QUOTES = re.compile(r"![ra]|:\?|inspect|%q")  # formats that print a value with quotes
_LONGEST_LINE = 2_000  # a file with longer lines is minified, or data
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9]+(?:-[a-z0-9]+)*(?![\w-])")
_QUOTED_BEFORE = ("'", '"', "`", "[", "|")
_DASH_COMMENTS = frozenset({"lua", "haskell", "sql", "ada", "elm"})
_ENVIRONMENT = re.compile(
    r"""(?:environ(?:\.get|\.setdefault|\.pop)?[(\[]|[gG]etenv\(|LookupEnv\(|process\.env[.\[]|ENV(?:\.fetch\(|\[)"""
    r"""|env::var(?:_os)?\(|get_env\(|envvar=)\s*["']?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"""
)
_SHELL_VARIABLE = re.compile(r"\$\{?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)")
_TEST_PATH = re.compile(r"(?i)(?:^|[/_.-])(?:tests?|specs?|examples?|__tests__|testing|demo)(?:[/_.-]|$)|Tests?\.\w+$")
_NAMELESS_KINDS = frozenset({"impl", "module", "target"})
_SEPARATORS = {"rust": "::", "cpp": "::", "php": "::", "perl": "::", "ruby": "#"}
_VALUES = (
    ("path|file|dir|folder|src", ("src/app/config.yaml", "lib/main.conf", "/tmp/out")),
    ("type|class|kind", ("str", "NoneType", "Widget")),
    ("count|len|size|num|line|index|code|status|port|%[-+#0-9.*]*[hlzjt]*[diouxX]", ("42", "3", "404")),
    ("url|uri|host|addr", ("https://example.com/items", "localhost")),
    ("err|exc|reason|msg|message", ("connection reset", "unexpected end of input")),
    ("", ("user_id", "foo", "timeout", "my-item")),
)


class Place(NamedTuple):
    """A line of a file, 1-based."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Query:
    """A query whose answer is known.

    Attributes:
        form: A key of `FORMS`.
        needle: The exact text that a right result contains; empty if any will do.
        whole: Whether the needle counts only as a whole identifier.
        places: The definitions that the query is about.
        paths: The files that the query names; a right result is a chunk of one of them.
        detail: The kind of the definition, or of whatever was drawn.
    """

    project: str
    form: str
    text: str
    needle: str = ""
    whole: bool = True
    places: tuple[Place, ...] = ()
    paths: tuple[str, ...] = ()
    detail: str = ""

    def contains(self) -> Callable[[str], bool]:
        """Return the test of a text for the needle."""
        if not self.whole:
            return lambda text: self.needle in text
        edge = r"[\w$-]" if self.needle.startswith("-") else r"[\w$]"  # ``--all`` is not a part of ``--all-files``
        pattern = re.compile(rf"(?<!{edge}){re.escape(self.needle)}(?!{edge})")
        return lambda text: pattern.search(text) is not None

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Query:
        """Return the query of `dataclasses.asdict`, after a round trip through JSON."""
        places = tuple(Place(*place) for place in row["places"])
        return cls(**{**row, "places": places, "paths": tuple(row["paths"])})


@dataclass(frozen=True, slots=True)
class _Defined:
    """A name that a project defines, with all places that define it."""

    name: str
    kind: str
    places: tuple[Place, ...]

    @property
    def words(self) -> tuple[str, ...]:
        return words_of(self.name)


@dataclass(slots=True)
class _Survey:
    """A project's files, and in which of them each identifier occurs."""

    project: str
    texts: Mapping[str, str]
    languages: dict[str, str] = field(default_factory=dict)
    files_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    defined: dict[str, _Defined] = field(default_factory=dict)
    dotted: dict[str, set[Place]] = field(default_factory=lambda: defaultdict(set))

    def is_rare(self, name: str) -> bool:
        return 1 <= len(self.files_of.get(name, ())) <= FEW_FILES

    def take(self, form: str, queries: Iterable[Query]) -> list[Query]:
        """Return the drawn queries of a form, with no text twice."""
        by_text = {query.text: query for query in queries}
        return self.order(form, by_text.values(), key=lambda query: query.text)[: FORMS[form]]

    def order(self, form: str, candidates: Iterable[Any], key: Callable[[Any], str]) -> list[Any]:
        """Return the candidates as if shuffled, in the same order in every run."""
        return sorted(candidates, key=lambda candidate: _digest(self.project, form, key(candidate)))


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join((SEED, *parts)).encode("utf-8", "replace")).digest()


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a compound name, in lower case: ``getUserByID`` is ``get user by id``."""
    return tuple(word.lower() for word in _WORDS.findall(name))


def draw(project: str, texts: Mapping[str, str]) -> list[Query]:
    """Return the queries of a project, given the texts of its files by path."""
    written = {path: text for path, text in texts.items() if max(map(len, text.split("\n"))) <= _LONGEST_LINE}
    survey = _survey(project, written)
    return [
        *_names(survey),
        *_sentences(survey),
        *_messages(survey),
        *_paths(survey),
        *_partial_names(survey),
        *_flags_and_variables(survey),
        *_dotted_names(survey),
    ]


def _survey(project: str, texts: Mapping[str, str]) -> _Survey:
    survey = _Survey(project, texts)
    parsed = set(supported_languages())
    found: dict[str, list[tuple[str, Place]]] = defaultdict(list)
    for path, text in texts.items():
        survey.languages[path] = language = language_of(path, text[:200].partition("\n")[0]) or ""
        for name in set(_IDENTIFIER.findall(text)):
            survey.files_of[name].add(path)
        if language not in parsed:
            continue
        try:
            listed = definitions(text.encode("utf-8", "replace"), language)
        except GrammarError:
            continue
        for definition in listed:
            if definition.kind in _NAMELESS_KINDS or not _IDENTIFIER.fullmatch(definition.name):
                continue
            place = Place(path, definition.line)
            found[definition.name].append((definition.kind, place))
            for dotted in _ways_to_write(definition.qualified, language, path):
                survey.dotted[dotted].add(place)
    for name, uses in found.items():
        kinds = [kind for kind, _ in uses]
        survey.defined[name] = _Defined(name, max(kinds, key=kinds.count), tuple(place for _, place in uses))
    return survey


def _ways_to_write(qualified: str, language: str, path: str) -> list[str]:
    """Return ``Class.method`` for a member, ``module.function`` for a definition at the top of a module."""
    parts = qualified.split(".")
    separator = _SEPARATORS.get(language, ".")
    if len(parts) > 1:
        return [separator.join(parts[-2:])]
    stem = PurePosixPath(path).stem
    if language in {"python", "javascript", "typescript", "lua"} and stem.isidentifier() and stem != "__init__":
        return [f"{stem}.{qualified}"]
    folder = PurePosixPath(path).parent.name
    return [f"{folder}.{qualified}"] if language == "go" and folder else []


def _names(survey: _Survey) -> list[Query]:
    rare = [one for one in survey.defined.values() if survey.is_rare(one.name) and len(one.name) >= 4]
    tests = [one for one in rare if all(_TEST_PATH.search(place.path) for place in one.places)]
    by_kind: dict[str, list[_Defined]] = defaultdict(list)
    for one in survey.order("defined name", rare, lambda one: one.name):
        by_kind[one.kind].append(one)
    defined: list[_Defined] = []
    while any(by_kind.values()) and len(defined) < FORMS["defined name"]:  # one of each kind in turn
        defined += [group.pop(0) for group in by_kind.values() if group]
    queries = [_of_name(survey, "defined name", one) for one in defined[: FORMS["defined name"]]]
    queries += survey.take("defined in tests", (_of_name(survey, "defined in tests", one) for one in tests))
    return queries + survey.take(
        "used name", (Query(survey.project, "used name", name, name) for name in _used_names(survey))
    )


def _of_name(survey: _Survey, form: str, one: _Defined) -> Query:
    return Query(survey.project, form, one.name, one.name, places=one.places, detail=one.kind)


def _used_names(survey: _Survey) -> list[str]:
    """Return rare identifiers that no file of the project defines: parameters, keys, names of other packages."""
    return [
        name
        for name in survey.files_of
        if survey.is_rare(name)
        and name not in survey.defined
        and _COMPOUND.search(name)
        and 5 <= len(name) <= 40
        and sum(character.isdigit() for character in name) <= 4
    ]


def _sentences(survey: _Survey) -> list[Query]:
    form = "name in a sentence"
    rare = [one for one in survey.defined.values() if survey.is_rare(one.name) and _COMPOUND.search(one.name)]
    chosen = [_of_name(survey, form, one) for one in survey.order(form, rare, lambda one: one.name)[:14]]
    used = survey.order(form, _used_names(survey), str)
    chosen += [Query(survey.project, form, name, name) for name in used[: FORMS[form] - len(chosen)]]
    return [
        Query(
            survey.project,
            form,
            SENTENCES[_digest(survey.project, query.text)[0] % len(SENTENCES)].format(query.text),
            query.needle,
            places=query.places,
            detail=query.detail,
        )
        for query in chosen
    ]


def _messages(survey: _Survey) -> list[Query]:
    files_of: dict[str, set[str]] = defaultdict(set)
    errors: set[str] = set()
    prose = prose_suffixes()
    for path, text in survey.texts.items():
        language = survey.languages[path]
        if not language or holds_data(language) or path.endswith(tuple(prose)):
            continue
        above = ""
        for line in text.splitlines():
            if not _COMMENT.match(line):
                for _, literal in _STRING.findall(line):
                    if len(_PLAIN_WORD.findall(_PLACEHOLDER.sub(" ", literal))) < 3 or " " not in literal:
                        continue
                    files_of[literal].add(path)
                    if _SAYS_ERROR.search(above) or _SAYS_ERROR.search(line.replace(literal, "")):
                        errors.add(literal)
            above = line
    rare = [literal for literal, paths in files_of.items() if len(paths) <= FEW_FILES]
    groups: dict[str, list[tuple[str, str]]] = {"literal": [], "error message": [], "filled message": []}
    for literal in rare:
        groups["error message" if literal in errors else "literal"].append((literal, literal))
        if literal in errors and _PLACEHOLDER.search(literal):
            groups["filled message"].append((fill(literal), literal))
    return [
        query
        for form, pairs in groups.items()
        for query in survey.take(form, (Query(survey.project, form, text, lit, whole=False) for text, lit in pairs))
    ]


def fill(message: str) -> str:
    """Return a message as a user sees it, with a plausible value for each placeholder."""

    def value(match: re.Match[str]) -> str:
        hint = match.group().lower()
        values = next(values for pattern, values in _VALUES if re.search(pattern, hint))
        chosen = values[_digest(message, str(match.start()))[0] % len(values)]
        return f"'{chosen}'" if _QUOTES.search(hint) else chosen

    return _PLACEHOLDER.sub(value, message)


def _paths(survey: _Survey) -> list[Query]:
    by_name: dict[str, list[str]] = defaultdict(list)
    by_end: dict[str, list[str]] = defaultdict(list)
    for path in survey.texts:
        parts = path.split("/")
        by_name[parts[-1]].append(path)
        if len(parts) > 2:
            by_end["/".join(parts[-2:])].append(path)
    groups = {
        "file name": {name: paths for name, paths in by_name.items() if len(paths) <= FEW_FILES},
        "partial path": {end: paths for end, paths in by_end.items() if len(paths) == 1},
        "whole path": {path: [path] for path in survey.texts if "/" in path},
    }
    return [
        query
        for form, candidates in groups.items()
        for query in survey.take(
            form, (Query(survey.project, form, text, paths=tuple(paths)) for text, paths in candidates.items())
        )
    ]


def _partial_names(survey: _Survey) -> list[Query]:
    compounds = [one for one in survey.defined.values() if len(one.words) >= 2 and survey.is_rare(one.name)]
    known: dict[str, set[str]] = defaultdict(set)  # the names of each run of words
    for name in survey.defined:
        words = words_of(name)
        for start in range(len(words)):
            for end in range(start + 1, len(words) + 1):
                known[" ".join(words[start:end])].add(name)
    forms: dict[str, list[Query]] = defaultdict(list)

    def add(form: str, one: _Defined, words: Sequence[str], text: str) -> None:
        names = known[" ".join(words)]
        if len(names) > FEW_FILES or text in survey.files_of:
            return  # too many answers, or another name
        places = tuple(sorted({place for name in names for place in survey.defined[name].places}))
        forms[form].append(Query(survey.project, form, text, places=places, detail=one.name))

    for one in compounds:
        words = one.words
        if len(words) >= 3:
            add("last words", one, words[1:], in_case_of(one.name, words[1:]))
        if len(words) >= 4:
            add("middle words", one, words[1:-1], in_case_of(one.name, words[1:-1]))
        add("run together", one, words, "".join(words))
        add("words with spaces", one, words, " ".join(words))
        other = "snake_case" if "_" not in one.name.strip("_") else "camelCase"
        add("other case", one, words, in_case_of(other, words))
    return [query for form, queries in forms.items() for query in survey.take(form, queries)]


def in_case_of(name: str, words: Sequence[str]) -> str:
    """Return words joined as in a name: with underscores, in camel case, or with capitals."""
    bare = name.strip("_$")
    if "_" in bare:
        joined = "_".join(words)
        return joined.upper() if bare.isupper() else joined
    joined = "".join(word.capitalize() for word in words)
    return joined if bare[:1].isupper() else joined[:1].lower() + joined[1:]


def _flags_and_variables(survey: _Survey) -> list[Query]:
    flags: dict[str, set[str]] = defaultdict(set)
    variables: dict[str, set[str]] = defaultdict(set)
    for path, text in survey.texts.items():
        language = survey.languages[path]
        for match in _FLAG.finditer(text):
            before = text[match.start() - 1 : match.start()]
            # A comment of Lua or a decrement of C is no flag.
            is_plain = "-" not in match.group()[2:] and language not in {"bash", "markdown"}
            if before in _QUOTED_BEFORE or not (is_plain or language in _DASH_COMMENTS):
                flags[match.group()].add(path)
        pattern = _SHELL_VARIABLE if language == "bash" else _ENVIRONMENT
        for name in pattern.findall(text):
            variables[name].add(path)
    groups = {"flag": flags, "environment variable": variables}
    return [
        query
        for form, found in groups.items()
        for query in survey.take(
            form, (Query(survey.project, form, name, name) for name, paths in found.items() if len(paths) <= FEW_FILES)
        )
    ]


def _dotted_names(survey: _Survey) -> list[Query]:
    form = "dotted name"
    return survey.take(
        form,
        (
            Query(survey.project, form, text, places=tuple(sorted(places)))
            for text, places in survey.dotted.items()
            if len(places) <= FEW_FILES
        ),
    )
