"""The scripts in single-file components: ``<script>`` of Vue, Svelte and Astro, and the front matter of Astro."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["COMPONENTS", "Script", "find_scripts"]

COMPONENTS: Final = frozenset({"astro", "svelte", "vue"})

_OPENING: Final = re.compile(r"<script(?=[\s>])", re.IGNORECASE)
# Attributes in quotes may contain ">": generic="T extends Record<string, Row>".
_ATTRIBUTES: Final = re.compile(r"((?:\"[^\"]*\"|'[^']*'|[^\"'>])*)>")
_MAX_ATTRIBUTES: Final = 2_000  # characters
_MAX_SCRIPTS: Final = 50
_NOT_BREAKS: Final = re.compile(r"[^\n]")
_CLOSING: Final = re.compile(r"</script\s*>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"\b(lang|type)\s*=\s*[\"']?([^\s\"'>]+)", re.IGNORECASE)
_FRONT_MATTER: Final = re.compile(r"\ufeff?\s*---[ \t]*\r?\n(.*?)^[ \t]*---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_LANGUAGES: Final = {
    "ts": "typescript",
    "typescript": "typescript",
    "tsx": "tsx",
    "js": "javascript",
    "javascript": "javascript",
    "jsx": "javascript",
    "module": "javascript",
    "text/javascript": "javascript",
    "application/javascript": "javascript",
}


@dataclass(frozen=True, slots=True)
class Script:
    """One script of a component.

    Attributes:
        language: ``typescript``, ``tsx`` or ``javascript``.
        start: First row (0-based) of its code.
        end: Row after its code.
        outer_start: As ``start``, with the line of the opening tag if there is nothing else on it.
        outer_end: As ``end``, with the line of the closing tag.
        source: Its code after as many empty lines as it needs to stand on the same lines as in the file.
    """

    language: str
    start: int
    end: int
    outer_start: int
    outer_end: int
    source: str


def find_scripts(text: str, language: str) -> list[Script]:
    """Return the scripts of a component in order; those on the lines of an earlier one, and data, are left out."""
    hidden = _without_comments(text)
    spans: list[tuple[str, int, int]] = []  # language, start and end of the code
    at = 0
    if language == "astro" and (found := _FRONT_MATTER.match(text)) is not None:
        spans.append(("typescript", found.start(1), found.end(1)))
        at = found.end()
    for _ in range(_MAX_SCRIPTS):
        opening = _OPENING.search(hidden, at)
        if opening is None:
            break
        at = opening.end()
        tag = _ATTRIBUTES.match(hidden[at : at + _MAX_ATTRIBUTES])
        if tag is None:
            continue
        first = at + tag.end()
        closing = _CLOSING.search(hidden, first)
        if closing is None:
            break
        at = closing.end()
        attributes = {name.lower(): value.lower() for name, value in _ATTRIBUTE.findall(tag[1])}
        default = "ts" if language == "astro" else "js"
        name = attributes.get("lang", attributes.get("type", default))
        if name == "module":
            name = default
        if name in _LANGUAGES and text[first : closing.start()].strip():
            spans.append((_LANGUAGES[name], first, closing.start()))
    scripts: list[Script] = []
    for script_language, first, last in spans:
        script = _script(text, script_language, first, last)
        if not scripts or script.outer_start >= scripts[-1].outer_end:
            scripts.append(script)
    return scripts


def _without_comments(text: str) -> str:
    """Return a text of the same length in which blanks replace the characters of HTML comments, except line breaks."""
    parts: list[str] = []
    at = 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts += [text[at:start], _NOT_BREAKS.sub(" ", text[start : end + 3])]
        at = end + 3
    return "".join([*parts, text[at:]])


def _script(text: str, language: str, first: int, last: int) -> Script:
    row = text.count("\n", 0, first)
    column = first - (text.rfind("\n", 0, first) + 1)
    end = row + text.count("\n", first, last)
    line_end = text.find("\n", first)
    # The tag stands alone on its line: the code begins on the next one.
    start = row + 1 if line_end >= 0 and not text[first:line_end].strip() else row
    closing_row_has_code = bool(text[text.rfind("\n", 0, last) + 1 : last].strip())
    stop = end + 1 if closing_row_has_code else end
    source = "\n" * row + " " * column + text[first:last]
    if text[first - 1 : first] == "\n":  # front matter begins on a line of its own
        start, outer_start = row, max(row - 1, 0)
    else:
        outer_start = row
    return Script(language, min(start, stop), max(start, stop), outer_start, end + 1, source)
