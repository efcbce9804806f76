"""The chunker: cuts the text of a file into documents with line spans, along syntax if the grammar is known.

Chunks suit semantic search of code: whole functions and classes if they fit, methods (with the header of their class as
context) if a class does not, and no tiny fragments. Cutting along the syntax tree and merging small neighbours is the
method of cAST (Zhang et al., 2025, arXiv:2506.15655). Here the tree is first reduced to its definitions, because
visiting nodes from Python costs more than parsing.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

from aurora_dev.core.text.document_text import OUTLINE_CHARS
from aurora_dev.core.types import Document, MetadataValue
from aurora_dev.indexing.chunking.components import COMPONENTS, Script, find_scripts
from aurora_dev.indexing.chunking.cutting import Lines, cut_line, cut_rows
from aurora_dev.indexing.chunking.markup import MARKUP, SEPARATOR, sections
from aurora_dev.indexing.chunking.notebooks import is_notebook, read_notebook
from aurora_dev.syntax import Definition, find_definitions, language_of
from aurora_dev.syntax.file_languages import holds_data

# Smaller neighbours are merged up to this size; a static embedding (a mean over tokens) blurs longer texts. On the
# tuning packages 500 to 1,200 measured within 0.005 of each other, 1,600 lower.
TARGET_CHARS = 750
# A single definition may be this large before it is cut: whole functions are worth more than even sizes.
MAX_CHARS = 1_500
# A fragment below this size (a closing bracket, one import) joins a neighbour even beyond the target.
_FRAGMENT_CHARS = 120
# Plain text is cut at arbitrary lines, so the end of a chunk is repeated in the next: up to this many lines …
_OVERLAP_LINES = 2
# … and characters.
_OVERLAP_CHARS = 160
# If a definition is cut, this many lines of its body stay with the comment and the signature, if they fit.
_HEAD_LINES = 3
# A damaged notebook with longer lines than this has pictures in it, which are no text.
_MAX_AVERAGE_LINE = 500
# The context names this many enclosing definitions, the innermost ones.
_MAX_CONTEXT = 4


# A .h file is C++ if it contains one of these, which no C header does.
_CPP_ONLY = re.compile(r"^[ \t]*(?:class|namespace|template|public:|private:|using)\b", re.MULTILINE)


@dataclass(slots=True)
class _Piece:
    """Rows (0-based, half-open) that become a chunk, with the positions of the definitions that enclose them."""

    start: int
    end: int
    stack: tuple[int, ...] = ()
    sealed: bool = False  # part of a larger definition: not merged with the code around that


@dataclass(slots=True)
class _Outline:
    """The definitions of a file with their nesting, and sorted by line."""

    all: list[Definition]
    children: dict[int, list[int]] = field(default_factory=dict)
    depth: list[int] = field(default_factory=list)
    order: list[int] = field(default_factory=list)  # positions, sorted by first line
    lines: list[int] = field(default_factory=list)  # those lines, ascending

    @classmethod
    def of(cls, found: list[Definition]) -> _Outline:
        outline = cls(found)
        for position, definition in enumerate(found):
            outline.children.setdefault(definition.parent, []).append(position)
            outline.depth.append(0 if definition.parent < 0 else outline.depth[definition.parent] + 1)
        outline.order = sorted(range(len(found)), key=lambda position: found[position].line)
        outline.lines = [found[position].line for position in outline.order]
        return outline

    def beginning_on(self, start_line: int, end_line: int) -> list[int]:
        """Return the positions of the definitions that begin on these lines (1-based, inclusive), sorted by line."""
        return self.order[bisect_left(self.lines, start_line) : bisect_right(self.lines, end_line)]


def chunk_text(
    text: str,
    path: str,
    *,
    language: str | None = None,
    target_chars: int = TARGET_CHARS,
    max_chars: int = MAX_CHARS,
    use_grammar: bool = True,
) -> list[Document]:
    r"""Cut a file into documents.

    Code is cut into functions, classes and, if those are too large, methods and statements; Markdown and
    reStructuredText along headings; everything else by lines, with a small overlap. Only ``\n`` ends a line. The
    content of a document is exactly the lines ``start_line`` to ``end_line`` of the file, without the last line break.
    Only a line longer than ``max_chars`` is cut, into several documents that share it. Every line that is not blank is
    in at least one document. Exceptions: of a component (Vue, Svelte, Astro), the lines of the tags around its scripts
    are left out. Of a notebook, the content is the text of cells; its lines are those of the file on which that text
    stands.

    Args:
        text: The whole file, decoded.
        path: POSIX path, relative to the project.
        language: As returned by `language_of`; ``None`` calls `language_of`.
        target_chars: Small neighbours are merged up to about this many characters; at least 1.
        max_chars: The size of a document at most; if it is below ``target_chars``, that applies.
        use_grammar: False cuts code by lines, as if it had no definitions.

    Returns:
        Documents in the order of the file, without ids; an empty list for a blank text. Their metadata: ``path``,
        ``start_line`` and ``end_line`` (1-based, inclusive), ``kind`` (function, method, class, …; ``section``;
        ``module`` for code between definitions; ``text``), and if applicable ``language``, ``symbol`` (the main
        definition in it, or the one that it is part of), ``symbols`` (bare and qualified names defined in it),
        ``context`` (headers of the enclosing definitions, outermost first, one per line) and ``file_symbols`` (bare
        names defined in the whole file, or its headings, in the order of the file, about 300 characters in total).

    Raises:
        GrammarError: The grammar fails on this text, or cannot be run at present. Try ``use_grammar=False``.
    """
    if not text.strip("\ufeff \t\r\n\f\v") or not text.strip():
        return []
    target = max(1, target_chars)
    limit = max(target, max_chars)
    if language is None:
        language = language_of(path, text[:200].partition("\n")[0])
        if language == "c" and path.endswith(".h") and _CPP_ONLY.search(text):
            language = "cpp"
    base: dict[str, MetadataValue] = {"path": path}
    if is_notebook(path):
        found = _emit_notebook(text, base, target, limit, use_grammar=use_grammar)
        if found is not None:
            return _with_file_symbols(found)
    return _with_file_symbols(_emit(text, base, language, target, limit, use_grammar=use_grammar))


def _emit(
    text: str,
    base: dict[str, MetadataValue],
    language: str | None,
    target: int,
    limit: int,
    *,
    use_grammar: bool,
) -> list[Document]:
    lines = Lines(text)
    if language is not None:
        base = {**base, "language": language}
    if language in MARKUP:
        return _emit_sections(lines, base, language, target, limit)
    if language in COMPONENTS and (scripts := find_scripts(text, language)):
        return _emit_component(lines, base, language, scripts, target, limit, use_grammar=use_grammar)
    parsed = language is not None and use_grammar
    found = find_definitions(text.encode("utf-8", "surrogatepass"), str(language)) if parsed else []
    if found:
        return _emit_code(lines, base, _Outline.of(found), target, limit)
    return _emit_plain(lines, base, language, target, limit)


def _emit_component(
    lines: Lines,
    base: dict[str, MetadataValue],
    language: str,
    scripts: list[Script],
    target: int,
    limit: int,
    *,
    use_grammar: bool,
) -> list[Document]:
    """Cut the scripts of a component in their own language, and the rest (without the lines of their tags) by lines."""
    documents: list[Document] = []
    row = 0
    for script in scripts:
        documents += _emit_plain(lines, base, language, target, limit, row, script.outer_start)
        source = script.source.encode("utf-8", "surrogatepass")
        outline = _Outline.of(find_definitions(source, script.language) if use_grammar else [])
        own: dict[str, MetadataValue] = {**base, "language": script.language}
        documents += _emit_code(lines, own, outline, target, limit, script.start, script.end)
        row = script.outer_end
    return documents + _emit_plain(lines, base, language, target, limit, row)


def _emit_notebook(
    text: str, base: dict[str, MetadataValue], target: int, limit: int, *, use_grammar: bool
) -> list[Document] | None:
    """Cut the cells of a notebook; the lines of a chunk are those of the file on which its text stands."""
    groups = read_notebook(text)
    if groups is None:
        return None if len(text) <= _MAX_AVERAGE_LINE * (text.count("\n") + 1) else []
    documents: list[Document] = []
    for cells in groups:
        text = "\n".join(cells.lines)
        for document in _emit(text, base, cells.language, target, limit, use_grammar=use_grammar):
            metadata = document.metadata
            start, end = int(str(metadata["start_line"])), int(str(metadata["end_line"]))
            lines = {"start_line": cells.rows[start - 1] + 1, "end_line": cells.rows[end - 1] + 1}
            documents.append(Document(document.content, {**metadata, **lines}))
    return documents


def _with_file_symbols(documents: list[Document]) -> list[Document]:
    """Add the names that the whole file defines to each document: a chunk alone seldom shows what its file is about.

    Args:
        documents: The documents of one file, in order.
    """
    names: dict[str, int] = {}
    for document in documents:
        separator = SEPARATOR if document.metadata.get("language") in MARKUP else "."
        defined = document.metadata.get("symbols")
        for name in defined if isinstance(defined, list) else ():
            bare = name.rpartition(separator)[2]
            names[bare] = len(bare) + len(", ")
    # Leave out a name that would fill the list (in a generated file, or a whole paragraph as a heading).
    usual = {name: size for name, size in names.items() if size <= OUTLINE_CHARS // 2}
    ends = accumulate(usual.values())
    kept = [name for name, end in zip(usual, ends, strict=True) if end <= OUTLINE_CHARS]
    if not kept:
        return documents
    return [Document(each.content, {**each.metadata, "file_symbols": kept}) for each in documents]


def _emit_code(
    lines: Lines,
    base: dict[str, MetadataValue],
    outline: _Outline,
    target: int,
    limit: int,
    first_row: int = 0,
    end_row: int | None = None,
) -> list[Document]:
    pieces: list[_Piece] = []
    _cut(lines, outline, first_row, len(lines) if end_row is None else end_row, (), target, limit, pieces)
    documents: list[Document] = []
    for piece in pieces:
        start, end = lines.trim(piece.start, piece.end)
        if start >= end:
            continue
        defined = outline.beginning_on(start + 1, end)
        documents += _documents(lines, base, start, end, limit, outline, defined, piece.stack)
    return documents


def _cut(
    lines: Lines,
    outline: _Outline,
    start: int,
    end: int,
    stack: tuple[int, ...],
    target: int,
    limit: int,
    out: list[_Piece],
) -> None:
    """Cut the rows of one definition (or of the file) into pieces and append them to ``out``.

    Recursion is as deep as the nesting of the definitions, which `definitions` limits.
    """
    merged: list[_Piece] = []

    def add(first: int, last: int) -> None:
        """Merge rows into the previous piece if that stays below the target, else add a piece."""
        if merged and not merged[-1].sealed and lines.size(merged[-1].start, last) <= target:
            merged[-1].end = last
            return
        merged.append(_Piece(first, last, stack))

    def add_gap(first: int, last: int) -> None:
        first, last = lines.trim(first, last)
        if first >= last:
            return
        if lines.size(first, last) <= limit:
            add(first, last)
            return
        head = outline.all[stack[-1]] if stack and first <= outline.all[stack[-1]].line - 1 < last else None
        pieces = cut_rows(lines, first, last, target, limit) if head is None else []
        if head is not None:
            pieces = _cut_head(lines, head, first, last, target, limit)
        for piece in pieces:
            merged.append(_Piece(*piece, stack))

    row = start
    for position in outline.children.get(stack[-1] if stack else -1, ()):
        definition = outline.all[position]
        first, last = max(definition.start_line - 1, row), min(definition.end_line, end)
        if first >= last:
            continue  # it is on the lines of the previous definition
        add_gap(row, first)
        row = last
        if lines.size(first, last) <= limit:
            add(first, last)
            continue
        inner: list[_Piece] = []
        _cut(lines, outline, first, last, (*stack, position), target, limit, inner)
        for piece in inner:
            piece.sealed = True
        merged += inner
    add_gap(row, end)
    out += _without_fragments(lines, merged, limit)


def _cut_head(
    lines: Lines, definition: Definition, first: int, last: int, target: int, limit: int
) -> list[tuple[int, int]]:
    """Cut rows in which a definition begins; its comment, its signature and the next lines stay together.

    If the comment does not fit, its end stays with the signature.
    """
    row = definition.line - 1
    pieces: list[tuple[int, int]] = []
    signature = min(row + 1 + definition.header.count("\n"), last)
    if first < row and lines.size(first, signature) > limit:
        # The comment alone is larger than a chunk; its end, with the signature, is about one chunk as well.
        *pieces, (first, _) = cut_rows(lines, first, row, target, limit)
        begin = first
        while first < row and lines.size(first, signature) > limit:
            first += 1
        if begin < first:
            pieces.append((begin, first))
    stop = min(row + 1, last)
    while stop < min(signature + _HEAD_LINES, last) and lines.size(first, stop + 1) <= limit:
        stop += 1
    ends = cut_rows(lines, first, last, target, limit)
    if ends[0][1] < stop:
        # The head and as many more lines as fit: the next piece lacks the signature.
        stop = cut_rows(lines, first, last, 2 * lines.size(first, stop), limit)[0][1]
        ends = [(first, stop), *cut_rows(lines, stop, last, target, limit)]
    return pieces + ends


def _without_fragments(lines: Lines, pieces: list[_Piece], limit: int) -> list[_Piece]:
    """Merge fragments (a last bracket, a lone import) into the previous piece, or else into the next one."""
    result: list[_Piece] = []
    for piece in pieces:
        before = result[-1] if result else None
        if before is not None and lines.size(before.start, piece.end) <= limit:
            if lines.size(piece.start, piece.end) < _FRAGMENT_CHARS:
                before.end = piece.end  # the context is that of the larger part
                continue
            if lines.size(before.start, before.end) < _FRAGMENT_CHARS:
                before.end = piece.end
                before.sealed = piece.sealed
                before.stack = piece.stack
                continue
        result.append(piece)
    return result


def _documents(
    lines: Lines,
    base: dict[str, MetadataValue],
    start: int,
    end: int,
    limit: int,
    outline: _Outline,
    defined: list[int],
    stack: tuple[int, ...],
) -> list[Document]:
    """Return the document of some rows; several for a single line that is too long."""
    if end - start > 1 or len(lines.text[start]) <= limit:
        content = "\n".join(lines.text[start:end])
        return [_document(base, content, start, end, outline, defined, stack)]
    documents = []
    remaining = list(defined)
    for content in cut_line(lines.text[start], limit):
        # The first piece of a minified line that contains a name defines it.
        here = [position for position in remaining if outline.all[position].name in content]
        remaining = [position for position in remaining if position not in here]
        if content.strip():
            documents.append(_document(base, content, start, end, outline, here, stack))
    return documents


def _document(
    base: dict[str, MetadataValue],
    content: str,
    start: int,
    end: int,
    outline: _Outline,
    defined: list[int],
    stack: tuple[int, ...],
) -> Document:
    metadata = dict(base)
    metadata["start_line"] = start + 1
    metadata["end_line"] = end
    all_ = outline.all
    main: int | None = None
    if defined:
        main = min(
            defined,
            key=lambda p: (all_[p].kind == "module", outline.depth[p], all_[p].start_line - all_[p].end_line, p),
        )
    elif stack:
        main = stack[-1]
    if main is None:
        metadata["kind"] = "module"
    else:
        metadata["symbol"] = all_[main].qualified
        metadata["kind"] = all_[main].kind
    names = [n for p in defined if all_[p].kind != "impl" for n in (all_[p].name, all_[p].qualified)]
    if names:
        metadata["symbols"] = list(dict.fromkeys(names))
    headers = [all_[p].header for p in stack if not start < all_[p].line <= end]
    if headers:
        metadata["context"] = "\n".join(headers[-_MAX_CONTEXT:])
    return Document(content, metadata)


def _emit_plain(
    lines: Lines,
    base: dict[str, MetadataValue],
    language: str | None,
    target: int,
    limit: int,
    first_row: int = 0,
    end_row: int | None = None,
) -> list[Document]:
    kind = "text" if language is None or holds_data(language) else "module"
    documents: list[Document] = []
    reached = 0
    for start, end in cut_rows(lines, first_row, len(lines) if end_row is None else end_row, target, limit):
        first, last = lines.trim(start, end)
        if first >= last:
            continue
        if language is None and first == reached and first > 0:
            first = _overlap(lines, first, last, limit)
        reached = last
        metadata = {**base, "kind": kind}
        if last - first > 1 or len(lines.text[first]) <= limit:
            contents = ["\n".join(lines.text[first:last])]
        else:
            contents = cut_line(lines.text[first], limit)
        for content in contents:
            if content.strip():
                documents.append(Document(content, {**metadata, "start_line": first + 1, "end_line": last}))
    return documents


def _overlap(lines: Lines, start: int, end: int, limit: int) -> int:
    """Return the first row of a piece that repeats the last lines before it."""
    row = start
    while (
        row > 0
        and start - row < _OVERLAP_LINES
        and lines.text[row - 1].strip()
        and lines.size(row - 1, start) <= _OVERLAP_CHARS
        and lines.size(row - 1, end) <= limit
    ):
        row -= 1
    return row


def _emit_sections(
    lines: Lines, base: dict[str, MetadataValue], language: str, target: int, limit: int
) -> list[Document]:
    documents: list[Document] = []
    for section in sections(lines, language, target, limit):
        start, end = lines.trim(section.start, section.end)
        if start >= end:
            continue
        metadata: dict[str, MetadataValue] = {**base, "kind": "section" if section.symbol else "text"}
        if section.symbol:
            metadata["symbol"] = section.symbol
        if section.symbols:
            metadata["symbols"] = section.symbols
        if section.context:
            metadata["context"] = section.context
        one = end - start == 1 and len(lines.text[start]) > limit
        for content in cut_line(lines.text[start], limit) if one else ["\n".join(lines.text[start:end])]:
            if content.strip():
                documents.append(Document(content, {**metadata, "start_line": start + 1, "end_line": end}))
    return documents
