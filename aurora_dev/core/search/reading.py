"""Reading a query: the names, messages, paths and stack frames in it, and the parts of a long one.

A query may be a name, a question, or a whole issue with its template, log and traceback. Each part is evidence of its
own weight. A frame in a file of the project is nearly an answer, while a checklist says nothing. Every expression here
is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from aurora_dev.core.text.mentions import EXTENSION, EXTENSIONS, find_paths, is_file_name
from aurora_dev.core.text.terms import STOP_WORDS, is_symbol_query, split_identifier
from aurora_dev.lazy import lazy_pattern

__all__ = ["Frame", "QueryReading", "is_long_task", "read_query"]

LONG_WORDS: Final = 40
"""A query of more words, or of several lines, is a long task: its parts are read apart."""

# Bounds on what one query contributes. Logs repeat names, and what comes late in them says little.
_MOST_NAMES: Final = 48
_MOST_LITERALS: Final = 12
_MOST_FRAMES: Final = 40
_MOST_TITLE_CHARS: Final = 300
_SHORTEST_LITERAL: Final = 3
_LONGEST_LITERAL: Final = 300

_BACKTICKS = lazy_pattern(r"(`{1,2})([^`\n]{1,300})\1")
_QUOTES = lazy_pattern(r"\"([^\"\n]{3,300})\"|(?<!\w)'([^'\n]{3,300})'(?!\w)|\u201c([^\u201c\u201d\n]{3,300})\u201d")
_FENCE = lazy_pattern(r"^ {0,3}(?:```|~~~)")
_CHECKBOX = lazy_pattern(r"^\s*[-*] \[[ xX]\]")
_HEADING = lazy_pattern(r"^\s{0,3}#{1,6}\s")
_IMAGE = lazy_pattern(r"!\[[^\]\n]{0,300}\]\([^)\s]{0,500}\)|<img [^>\n]{0,500}>")
_URL = lazy_pattern(r"\bhttps?://[^\s)>\]\"'`]{1,500}")
_NO_ANSWER = frozenset({"_no response_", "no response", "n/a", "none", "no_response"})

_WORD = lazy_pattern(r"[$@]?[^\W\d]\w*(?:(?:\.|::|->|#)[$@]?[^\W\d]\w*)*(?P<call>\()?|--?[a-z][\w-]*[\w]")
_MARKS = lazy_pattern(r"[%{}=<>;!\[\]$\"]|: |\.$|(?<!\w)\d|(?<!\w)'|'(?!\w)")
_ASKS = lazy_pattern(
    r"(?:how|why|what|where|which|when|who|is|are|does|do|can|find|show|list|explain)\b", re.IGNORECASE
)
_PYTHON_FRAME = lazy_pattern(r"File \"([^\"\n]{1,400})\", line (\d{1,7})(?:, in ([\w.<>]{1,120}))?")
_LINE_FRAME = lazy_pattern(
    rf"(?<![\w.@+~/\\:-])([\w.@+~/\\:-]{{1,400}}\.{EXTENSION})(?::|\(|#L|\", line |, line )(\d{{1,7}})"
)
_ERROR_LINE = lazy_pattern(
    r"^\W{0,8}(?:[\w.:$]{0,120}(?:Error|Exception|Warning|Panic|Failure|Fault)|error|fatal|panic|warning|exception|failed)"
    r"(?:\[\w{1,12}\])?\s?[:(]\s?(.{3,300})$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Frame:
    """A line of a file that a traceback, a log or a link names.

    Attributes:
        path: As written, with ``/`` between its parts.
        line: 1-based.
        function: The name of the function, if the frame says so.
    """

    path: str
    line: int
    function: str | None = None


@dataclass(frozen=True, slots=True)
class QueryReading:
    """The parts of a query.

    Attributes:
        text: The query.
        title: Its first line of words; the whole query unless it is a long task.
        prose: The sentences of a long task, without code, logs, checklists and headings; else the query.
        names: Identifiers, options and variables as written, each once, the most often named first. They cannot be
            plain words, unless they are in backticks or are the whole query.
        title_names: Those of them that the title has.
        literals: Quoted texts and error messages, in order.
        paths: File names and paths, with ``/`` between their parts, in order.
        frames: Lines of files, in order.
        is_long: Whether the query is a long task: several lines or more than `LONG_WORDS` words.
        is_symbol: Whether the query is one identifier that cannot be a plain word.
        is_path: Whether the query is one path or file name.
    """

    text: str
    title: str
    prose: str
    names: tuple[str, ...] = ()
    title_names: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    is_long: bool = False
    is_symbol: bool = False
    is_path: bool = False


def is_long_task(query: str) -> bool:
    """Return whether a query is a long task: several lines or more than `LONG_WORDS` words."""
    text = query.strip()
    return "\n" in text or len(text.split(maxsplit=LONG_WORDS)) > LONG_WORDS


@lru_cache(maxsize=64)
def read_query(query: str) -> QueryReading:
    """Return the parts of a query; reading one again costs nothing."""
    text = query.strip()
    if not is_long_task(text):
        paths = find_paths(text)
        names = _names(text, whole=True)
        return QueryReading(
            text,
            text,
            text,
            names,
            names,
            _literals(text, whole=True),
            paths,
            _frames(text),
            is_symbol=is_symbol_query(text),
            is_path=bool(paths) and len(text.split()) == 1 and ("/" in paths[0] or is_file_name(paths[0])),
        )
    text = _without_comments(text)
    prose, code = _split(text)
    title = next(
        (line.strip("# \t")[:_MOST_TITLE_CHARS] for line in prose if line.strip("# \t")), text[:_MOST_TITLE_CHARS]
    )
    kept = "\n".join((*prose, *code))
    return QueryReading(
        text,
        title,
        _URL.sub(" ", "\n".join(prose)),
        _names(_URL.sub(" ", kept), whole=False),
        _names(title, whole=False),
        _literals(kept, whole=False),
        find_paths(kept),
        _frames(kept),
        is_long=True,
    )


def _without_comments(text: str) -> str:
    """Return a text without the HTML comments of its template; a comment without an end stays."""
    parts = []
    at = 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        parts += [text[at:start], " "]
        at = end + 3
    return "".join((*parts, text[at:]))


def _split(text: str) -> tuple[list[str], list[str]]:
    """Return the lines of prose, and those of code and logs, without what a template asked for."""
    prose: list[str] = []
    code: list[str] = []
    fenced = False
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        elif fenced or _is_log(line):
            code.append(line)
        elif _CHECKBOX.match(line) or line.strip().casefold() in _NO_ANSWER or (prose and _HEADING.match(line)):
            continue
        else:
            prose.append(_IMAGE.sub(" ", line))
    return prose, code


def _is_log(line: str) -> bool:
    return (
        line.startswith(("    ", "\t", ">>> ", "... ", "$ "))
        or "Traceback (most recent" in line
        or bool(_PYTHON_FRAME.search(line))
    )


def _names(text: str, *, whole: bool) -> tuple[str, ...]:
    """Return the names in a text, the most often named first; ``whole``: the text may itself be one."""
    counts: Counter[str] = Counter()
    if whole and len(text.split()) == 1:
        bare = text.strip("`").removesuffix("()")
        if bare and (is_symbol_query(text) or bare.replace("-", "").replace("_", "").isalnum()):
            counts[bare] += 1
    for match in _BACKTICKS.finditer(text):
        inner = match[2].strip().removesuffix("()")
        if _WORD.fullmatch(inner) and len(inner) >= _SHORTEST_LITERAL:
            counts[inner] += 1
    for match in _QUOTES.finditer(text):
        inner = (match[1] or match[2] or match[3]).strip()
        if _WORD.fullmatch(inner) and inner.lower() not in STOP_WORDS:
            counts[inner] += 1
    for match in _WORD.finditer(text):
        name = match[0].rstrip("(")
        if _is_name(name, called=match["call"] is not None):
            counts[name] += 1
    return tuple(name for name, _ in counts.most_common(_MOST_NAMES))


def _is_name(word: str, *, called: bool) -> bool:
    """Return whether a word of a text cannot be a plain word."""
    if word.startswith("-"):
        return word.startswith("--") and len(word) > 3
    bare = word.lstrip("$@")
    if len(bare) < 3 or bare.lower() in STOP_WORDS:
        return False
    if "_" in bare.strip("_") or bare.startswith("_") or word[0] in "$@":
        return True
    if "::" in bare or "->" in bare:
        return True
    if "." in bare:
        last = bare.rpartition(".")[2]
        return last.lower() not in EXTENSIONS or "_" in bare
    if called:
        return len(bare) > 3
    return len(split_identifier(bare)) > 1 and any(character.isupper() for character in bare[1:]) and not bare.isupper()


def _literals(text: str, *, whole: bool) -> tuple[str, ...]:
    """Return quoted texts of several words and the messages of errors; ``whole``: the text may itself be one."""
    found: dict[str, None] = {}
    if whole and _is_message(text):
        found[text] = None
    for match in _BACKTICKS.finditer(text):
        found[match[2].strip()] = None
    for match in _QUOTES.finditer(text):
        found[(match[1] or match[2] or match[3]).strip()] = None
    for line in text.splitlines():
        if (error := _ERROR_LINE.match(line[:_LONGEST_LITERAL])) is not None:
            found[error[1].strip()] = None
    return tuple(literal for literal in found if " " in literal)[:_MOST_LITERALS]


def _is_message(text: str) -> bool:
    """Return whether a short text reads like a message or a piece of code, and not like a question about it."""
    if " " not in text or text.endswith("?"):
        return False
    sentence = text[0].isupper() and text.partition(" ")[0][1:].islower() and text.count(" ") >= 2
    return _MARKS.search(text) is not None or (sentence and not _ASKS.match(text))


def _frames(text: str) -> tuple[Frame, ...]:
    found: dict[tuple[str, int], Frame] = {}
    for match in _PYTHON_FRAME.finditer(text):
        path = match[1].replace("\\", "/")
        found[path, int(match[2])] = Frame(path, int(match[2]), match[3])
    for match in _LINE_FRAME.finditer(text):
        path = match[1].replace("\\", "/")
        found.setdefault((path, int(match[2])), Frame(path, int(match[2])))
    return tuple(found.values())[:_MOST_FRAMES]
