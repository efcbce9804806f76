"""Cutting of Markdown and reStructuredText along headings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from aurora_dev.indexing.chunking.cutting import Lines, cut_rows

MARKUP = frozenset({"markdown", "rst"})

# CommonMark: up to three spaces, one to six "#", then a blank or the end of the line; trailing "#" are ignored.
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*\r?$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*\r?$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")
# Lines that cannot be the text of an underlined heading: lists, quotes, tables, indented code, another rule.
_NO_TITLE = re.compile(r"(?:\s*$|\s*[-*+>|]\s| {4}|\t|\s*\d+[.)]\s|\s*(?:[-*_]\s*){3,}$)")
_RST_RULE = re.compile(r"([!-/:-@\[-`{-~])\1{1,}\s*$")
# Emphasis, code and links in a heading are not part of its name.
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_DECORATION = re.compile(r"[`*]+|\s*\{#[^}]*\}\s*$|<[^>]+>")
# A section shorter than this joins the previous one, even a sibling: a heading with one sentence is a poor chunk.
_SMALL_SECTION_CHARS = 200
_MOST_LINE_CHARS = 2_000  # of a heading
_MOST_TITLE_CHARS = 1_000
# A heading with less text than this joins its first subsection, however long that is.
_BARE_HEADING_CHARS = 100
SEPARATOR = " > "
# Costs of a cut before a row, ascending; a fenced block is cut only as a last resort.
_HEADING, _PARAGRAPH, _LINE, _FENCED = 0, 1, 2, 3


@dataclass(slots=True)
class Heading:
    """A heading: 0-based row, level from 1, title, and the path of titles that leads to it, outermost first."""

    row: int
    level: int
    title: str
    path: str = ""


@dataclass(slots=True)
class Section:
    """Rows (0-based, half-open) of one chunk, with the names of its headings."""

    start: int
    end: int
    symbol: str = ""
    symbols: list[str] = field(default_factory=list)
    context: str = ""


def sections(lines: Lines, language: str, target: int, limit: int) -> list[Section]:
    """Cut a text along its headings.

    A section and its subsections stay together up to ``target`` characters; a longer one is cut between paragraphs.

    Args:
        lines: The file.
        language: ``markdown`` or ``rst``.
        target: Desired size in characters.
        limit: The size of a section of several lines at most.

    Returns:
        Sections in order, which cover the file. ``symbol`` is the path of the first heading (``Guide > Install``),
        ``symbols`` has every heading in it, bare and with its path, and ``context`` is the path that encloses it.
    """
    headings, costs = _markdown(lines) if language == "markdown" else _rst(lines)
    _name_paths(headings)
    result: list[Section] = []
    starts = [heading.row for heading in headings]
    if not starts or starts[0] > 0:
        result += _cut(lines, costs, 0, starts[0] if starts else len(lines), None, target, limit)
    group: list[Heading] = []
    for position, heading in enumerate(headings):
        end = starts[position + 1] if position + 1 < len(starts) else len(lines)
        if group and not _joins(lines, group, heading, end, target):
            result += _cut(lines, costs, group[0].row, heading.row, group, target, limit)
            group = []
        group.append(heading)
    if group:
        result += _cut(lines, costs, group[0].row, len(lines), group, target, limit)
    return result


def _joins(lines: Lines, group: list[Heading], heading: Heading, end: int, target: int) -> bool:
    if heading.level > group[-1].level and lines.size(group[-1].row, heading.row) < _BARE_HEADING_CHARS:
        return True
    if lines.size(group[0].row, end) > target:
        return False
    if heading.level > group[0].level:
        return True
    small = min(lines.size(group[0].row, heading.row), lines.size(heading.row, end)) < _SMALL_SECTION_CHARS
    return small and heading.level == group[0].level


def _cut(
    lines: Lines, costs: list[int], start: int, end: int, group: list[Heading] | None, target: int, limit: int
) -> list[Section]:
    whole = lines.size(start, end) <= limit
    pieces = [(start, end)] if whole else cut_rows(lines, start, end, target, limit, costs)
    result: list[Section] = []
    for first, last in pieces:
        if not group:
            result.append(Section(first, last))
            continue
        here = [heading for heading in group if first <= heading.row < last]
        if here:
            symbol, context = here[0].path, here[0].path.rpartition(SEPARATOR)[0]
        else:
            symbol = context = next(h.path for h in reversed(group) if h.row < first or h is group[0])
        names = [name for heading in here for name in (heading.title, heading.path) if name]
        result.append(Section(first, last, symbol, list(dict.fromkeys(names)), context))
    return result


def _name_paths(headings: list[Heading]) -> None:
    stack: list[Heading] = []
    for heading in headings:
        while stack and stack[-1].level >= heading.level:
            stack.pop()
        stack.append(heading)
        heading.path = SEPARATOR.join(above.title for above in stack if above.title)


def _clean(title: str) -> str:
    return " ".join(_DECORATION.sub("", _LINK.sub(r"\1", title[:_MOST_TITLE_CHARS])).split())


def _markdown(lines: Lines) -> tuple[list[Heading], list[int]]:
    headings: list[Heading] = []
    costs = [_LINE] * len(lines)
    text = lines.text
    row = 0
    if text[0].lstrip("\ufeff").rstrip() in ("---", "+++"):  # front matter
        rule = text[0].lstrip("\ufeff").rstrip()
        closing = next((r for r in range(1, len(text)) if text[r].rstrip() == rule), None)
        if closing is not None:
            row = closing + 1
    fence = ""
    previous = ""  # a line that an underline would make a heading
    for current in range(row, len(text)):
        line = text[current]
        mark = _FENCE.match(line)
        if fence:
            costs[current] = _FENCED
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
            continue
        if mark and not (mark[1][0] == "`" and "`" in mark[2]):
            fence, previous = mark[1], ""
            continue
        if current == 0:
            line = line.lstrip("\ufeff")
        # A longer line is no heading; the patterns of headings and links take quadratic time.
        atx = _ATX.match(line) if len(line) <= _MOST_LINE_CHARS else None
        if atx:
            headings.append(Heading(current, len(atx[1]), _clean(atx[2] or "")))
            costs[current], previous = _HEADING, ""
            continue
        if previous:
            underline = _SETEXT.match(line)
            if underline:
                headings.append(Heading(current - 1, 1 if underline[1][0] == "=" else 2, _clean(previous)))
                costs[current - 1], costs[current], previous = _HEADING, _FENCED, ""
                continue
        if current == 0 or not text[current - 1].strip():
            costs[current] = _PARAGRAPH
            previous = "" if _NO_TITLE.match(line) else line
        else:
            previous = ""
    return headings, costs


def _rst(lines: Lines) -> tuple[list[Heading], list[int]]:
    """Find the headings of reStructuredText: a line with a rule under (and over) it; styles rank by first use."""
    headings: list[Heading] = []
    costs = [_LINE] * len(lines)
    styles: list[str] = []
    text = lines.text
    for row, line in enumerate(text):
        if row == 0 or not text[row - 1].strip():
            costs[row] = _PARAGRAPH
        if row == 0 or not _RST_RULE.match(line):
            continue
        title = text[row - 1].lstrip("\ufeff") if row == 1 else text[row - 1]
        words = title.strip()
        if not words or _RST_RULE.match(words) or len(line.rstrip()) < len(words):
            continue
        over = row >= 2 and text[row - 2].rstrip() == line.rstrip()
        if not over and (title[0].isspace() or (row >= 2 and text[row - 2].strip())):
            continue
        style = line[0] * 2 if over else line[0]
        if style not in styles:
            styles.append(style)
        first = row - 2 if over else row - 1
        headings.append(Heading(first, styles.index(style) + 1, _clean(words)))
        costs[first : row + 1] = [_HEADING] + [_FENCED] * (row - first)
    return headings, costs
