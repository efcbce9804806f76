"""Everything that reads untrusted text takes time in proportion to it: twice the text, at most two and a half times.

The inputs are built to hurt regular expressions: long runs, openings without an end, nearly matching repetitions.
"""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from aurora_dev.core.context.conversation import read_history
from aurora_dev.core.rerank.window import select_window
from aurora_dev.core.search.history import asks_for_history
from aurora_dev.core.search.signals import QueryProfile
from aurora_dev.core.text.fencing import fenced, safe
from aurora_dev.core.text.path_kinds import path_weight
from aurora_dev.core.text.secrets import mask_secrets
from aurora_dev.core.text.terms import document_terms, is_symbol_query, query_terms, split_identifier
from aurora_dev.core.text.visible import visible
from aurora_dev.core.tokens import create_counter
from aurora_dev.history.changed_symbols import changed_symbols
from aurora_dev.indexing.chunking.chunker import chunk_text
from aurora_dev.indexing.filetypes import content_reason
from aurora_dev.interfaces.cli.output.search_snippet import query_pattern
from aurora_dev.interfaces.install.agent_rules import with_rules, without_rules
from aurora_dev.interfaces.install.json_members import JSONTextError, set_member
from aurora_dev.log import hide_secrets
from aurora_dev.notes.markdown import MarkdownError, parse_markdown
from aurora_dev.syntax.imports import imports
from aurora_dev.syntax.languages import LANGUAGES
from aurora_dev.syntax.languages.declaration import without_aliases

SIZE = 20_000
MOST_GROWTH = 2.5
# Below this many seconds, the clock and other processes decide.
NOTHING = 0.03

UNITS = {
    "letters": "a",
    "capitals": "A",
    "blanks": " ",
    "lines": "\n",
    "blank lines": " \n",
    "dots": ".",
    "dotted": "a.",
    "openings": "(",
    "square openings": "[",
    "angle openings": "<",
    "braces": "{#",
    "links": "[a](",
    "hashes": "#",
    "rules": "- ",
    "quotes": '"',
    "backticks": "`",
    "backslashes": "\\",
    "digits": "1",
    "accents": "\u00e9",
    "han": "\u6570",
    "camel": "aB",
    "snake": "_a",
    "calls": "a(",
    "colons": "a::",
    "urls": "://a:",
    "keys": "sk-",
    "pem": "-----BEGIN ",
    "marks": "<!--",
    "why": "why is ",
}
IMPORT_STARTS = (
    *(
        "import ",
        "import {",
        "import(",
        "import A.{",
        "import A (",
        'import "a" show a,',
        "export {",
        "const {a",
        "from ",
    ),
    *(
        "from . import (",
        "require(",
        "use a::{",
        "use A\\{",
        "pub(",
        "alias A.{",
        "using ",
        "using a",
        "open ",
        "library(",
    ),
    *("#include ", "@import ", "autoload :a,", "source ", "require(__DIR__ "),
)


def text_of(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def seconds(work: Callable[[str], object], text: str) -> float:
    gc.disable()
    try:
        start = time.thread_time()
        work(text)
        return time.thread_time() - start
    finally:
        gc.enable()


def check(work: Callable[[str], object], unit: str, start: str = "", size: int = SIZE) -> None:
    """Compare the least times of two sizes; a busy machine makes times longer, never shorter."""
    large = small = math.inf
    for _ in range(5):
        large = min(large, seconds(work, start + text_of(unit, 2 * size)))
        if large <= NOTHING:
            return
        small = min(small, seconds(work, start + text_of(unit, size)))
        if large <= MOST_GROWTH * small:
            return
    raise AssertionError(f"{start + unit!r}: {small:.3f} s, twice as much text {large:.3f} s")


def try_notes(text: str) -> None:
    with contextlib.suppress(MarkdownError):
        parse_markdown(text)


def try_settings(text: str) -> None:
    with contextlib.suppress(JSONTextError):
        set_member(text, ["x", "aurora"], {})


COUNTER = create_counter()
READERS: dict[str, Callable[[str], Any]] = {
    "query_terms": query_terms,
    "document_terms": lambda text: document_terms(text, {}),
    "is_symbol_query": is_symbol_query,
    "split_identifier": split_identifier,
    "asks_for_history": asks_for_history,
    "QueryProfile": QueryProfile.of,
    "mask_secrets": mask_secrets,
    "visible": visible,
    "fenced": lambda text: fenced("a", text),
    "safe": lambda text: safe(text, mask=True),
    "path_weight": path_weight,
    "select_window": lambda text: select_window("alpha beta", text, 2_000, "best"),
    "markdown": lambda text: chunk_text(text, "a.md"),
    "markdown heading": lambda text: chunk_text("# " + text, "a.md"),
    "markdown underlined": lambda text: chunk_text(text + "\n===\n", "a.md"),
    "rst": lambda text: chunk_text(text + "\n====\n", "a.rst"),
    "plain text": lambda text: chunk_text(text, "a.txt"),
    "content_reason": lambda text: content_reason("a.py", text.encode()),
    "patch": lambda text: changed_symbols(b"@@ -1 +1 @@ " + text.encode() + b"\n+" + text.encode(), 10),
    "log": lambda text: hide_secrets(None, "info", {"event": text}),
    "Markdown notes": lambda text: try_notes("---\nkind: fact\n---\n" + text),
    "a field of a Markdown note": lambda text: try_notes("---\na: " + text + "\n---\nb"),
    "query_pattern": query_pattern,
    "aliases": without_aliases,
    "history": lambda text: read_history([{"role": "tool", "content": text}]),
    "rules of an assistant": lambda text: without_rules(with_rules(text)),
    "settings of an assistant": lambda text: try_settings(text),
    "tokens": COUNTER.count,
    "estimate": create_counter(encoding="estimate").count,
}


@pytest.fixture(scope="module", autouse=True)
def made_table() -> None:
    """Make the table of the prefilter of masking, which the first 128 KiB of a process do without."""
    mask_secrets(" " * 300_000)


@pytest.mark.parametrize("name", READERS)
def test_reading_takes_time_in_proportion_to_the_text(name: str) -> None:
    for unit in UNITS.values():
        check(READERS[name], unit)


def test_masking_a_line_of_passwords_and_comments_takes_time_in_proportion_to_it() -> None:
    for mark in ("#", "//", "--"):
        check(mask_secrets, f"password=Tr0ub4dor&3x {mark} ")
    check(mask_secrets, " ", "password=Tr0ub4dor&3x")


@pytest.mark.parametrize("language", sorted(name for name, declared in LANGUAGES.items() if declared.imports))
def test_finding_imports_takes_time_in_proportion_to_the_text(language: str) -> None:
    def work(text: str) -> object:
        return imports(text, language)

    for start in IMPORT_STARTS:
        check(work, start)
        check(work, start + "\n")
        for unit in (" ", "a", ".", "\n", ",", "a "):
            check(work, unit, start, SIZE // 2)


def test_editing_settings_in_one_line_takes_time_in_proportion_to_them() -> None:
    def work(text: str) -> None:
        set_member('{"x":{' + text.replace("!", '"a') + '"b":1}}', ["x", "aurora"], {})

    def members(count: int) -> str:
        return "".join(f'!{number}":1,' for number in range(count))

    for _ in range(3):
        small, large = seconds(work, members(4_000)), seconds(work, members(8_000))
        if large <= MOST_GROWTH * small:
            return
    raise AssertionError(f"{small:.3f} s, twice as many members {large:.3f} s")
