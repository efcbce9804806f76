"""Texts of transcripts made fit to be stored: private parts left out, cut, without what no store can hold."""

from __future__ import annotations

from typing import Final

from aurora_dev.lazy import lazy_pattern

__all__ = ["PRIVATE", "clean", "cut", "cut_end", "forbids_memory", "one_line"]

PRIVATE: Final = "[private]"
_ELISION: Final = "…"
_OPEN: Final = lazy_pattern(r"<private(?:\s[^<>]{0,100})?>", 2)  # re.IGNORECASE
_CLOSE: Final = lazy_pattern(r"</private\s*>", 2)
_ANSI: Final = lazy_pattern(r"\x1b\[[0-9;?]{0,20}[A-Za-z]|\x1b\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]")
_CONTROL: Final = lazy_pattern(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# On a line of its own, so that a request that speaks about the marker does not trigger it.
_FORBIDS: Final = lazy_pattern(
    r"^[ \t]*(?:<(?:no-memory|do-not-remember|no-remember)\s{0,4}/?>|#(?:no-?memory|do-?not-?remember|off-the-record)"
    r"|(?:please )?(?:do not|don't) remember (?:this|the) (?:session|conversation|chat))[ \t]*[.!]?[ \t]*$",
    2 | 8,  # re.IGNORECASE | re.MULTILINE
)
_MOST_SEARCHED: Final = 200_000  # characters


def forbids_memory(request: str) -> bool:
    """Return whether a request holds, on a line of its own, the marker that its session must not be remembered."""
    return _FORBIDS.search(request[:_MOST_SEARCHED]) is not None


def clean(text: str) -> str:
    """Return a text without its private parts, colours of terminals, control characters and halves of characters."""
    text = _without_private(text)
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def _without_private(text: str) -> str:
    """Return a text with `PRIVATE` in the place of what stands between ``<private>`` and ``</private>``.

    Tags may be nested; a tag that is not closed hides the rest.
    """
    if "<" not in text or _OPEN.search(text) is None:
        return text
    kept: list[str] = []
    position = 0
    while (start := _OPEN.search(text, position)) is not None:
        kept += [text[position : start.start()], PRIVATE]
        depth, position = 1, start.end()
        while depth:
            close = _CLOSE.search(text, position)
            if close is None:
                return "".join(kept)
            inner = _OPEN.search(text, position, close.start())
            if inner is not None:
                depth, position = depth + 1, inner.end()
            else:
                depth, position = depth - 1, close.end()
    return "".join([*kept, text[position:]])


def cut(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters: its beginning and, after an ellipsis, a quarter from its end."""
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 3].rstrip()}\n{_ELISION}\n{text[len(text) - end :].lstrip()}"[:most]


def cut_end(text: str, most: int) -> str:
    """Return the end of a text, where a program says what went wrong."""
    return text if len(text) <= most else f"{_ELISION}{text[len(text) - most + 1 :]}"


def one_line(text: str, most: int) -> str:
    """Return a text on one line of at most ``most`` characters."""
    line = " ".join(text[: 4 * most + 200].split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}{_ELISION}"
