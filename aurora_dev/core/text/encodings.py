"""Encodings of files that are not UTF-8: UTF-16 without a mark, declarations, and a guess among legacy encodings.

The guess decodes a sample with each candidate and asks how ordinary the result looks: whether characters are among the
common ones of the encoding, and whether words are of one script and one case. Statistical detectors need longer texts
than a file of code has; its only words in the other encoding may be one comment.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aurora_dev.lazy import lazy_pattern

__all__ = ["declared_encoding", "decode_legacy", "legacy_text", "text_codec", "wide_encoding"]

_SAMPLE: Final = 8_192  # bytes
_WIDE_SHARE: Final = 0.9  # of the characters of UTF-16 without a mark that must be ASCII
_MIN_WIDE: Final = 8  # bytes
_CONTROLS: Final = lazy_pattern(r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")

_DECLARED: Final = lazy_pattern(
    rb"coding[ \t]*[:=][ \t]*[\"']?([A-Za-z][-\w.]{1,40})|charset[ \t]*=?[ \t]*[\"']?([A-Za-z][-\w.]{1,40})"
)
_DECLARED_BYTES: Final = 1_000
_DECLARED_LINES: Final = 2
_LINE_ENDS: Final = ("-unix", "-dos", "-mac")  # Emacs adds them
# The names of other tools, and supersets that programs write under the name of the older set.
_CODECS: Final = {
    "iso-latin-1": "cp1252",
    "japanese-shift-jis": "cp932",
    "japanese-iso-8bit": "euc_jp",
    "windows-31j": "cp932",
    "cp65001": "utf-8",
    "iso8859-1": "cp1252",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
# Codecs that are no encodings of files, or take quadratic time.
_NO_CODECS: Final = frozenset(
    ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7", "undefined", "mbcs", "oem")
)

DAMAGED_UTF8: Final = "utf-8 with damaged bytes"
_LEAST_SCORE: Final = 0.7  # below it, the text counts as Windows-1252


def wide_encoding(data: bytes) -> str | None:
    """Return the UTF-16 or UTF-32 encoding of text without a byte order mark whose characters are nearly all ASCII."""
    sample = data[: _SAMPLE - _SAMPLE % 4]
    if len(sample) < _MIN_WIDE:
        return None
    for encoding, width, first in (("utf-32-le", 4, 0), ("utf-32-be", 4, 3), ("utf-16-le", 2, 0), ("utf-16-be", 2, 1)):
        units = len(sample) // width
        if sum(sample[at::width].count(0) for at in range(width) if at != first) < _WIDE_SHARE * units * (width - 1):
            continue
        whole = sample[: units * width]
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(whole)
        except UnicodeDecodeError:
            continue
        ascii_ = len(text.encode("ascii", "ignore"))
        if not _CONTROLS.search(text) and ascii_ >= _WIDE_SHARE * len(text):
            return encoding
    return None


def declared_encoding(data: bytes) -> str | None:
    """Return the codec that the first two lines name (PEP 263, Emacs, Vim, XML, CSS), or ``None``."""
    head = b"\n".join(data[:_DECLARED_BYTES].split(b"\n")[:_DECLARED_LINES])
    found = _DECLARED.search(head)
    if found is None:
        return None
    return text_codec((found[1] or found[2]).decode("ascii"))


def text_codec(name: str) -> str | None:
    """Return the codec for the name of an encoding; ``None`` if there is none, or it decodes something else than text.

    Args:
        name: As people, editors and other tools write it.
    """
    name = name.lower()
    for ending in _LINE_ENDS:
        name = name.removesuffix(ending)
    name = _CODECS.get(name, name)
    try:
        canonical = codecs.lookup(name).name
        with suppress(UnicodeError):  # the byte need not be text; codecs of something else than text are refused
            b"x".decode(canonical)
    except (LookupError, ValueError):
        return None
    if canonical.replace("_", "-") in _NO_CODECS:
        return None
    return _CODECS.get(canonical, canonical)


def decode_legacy(data: bytes) -> str:
    """Return the text of bytes that are not valid UTF-8; see `legacy_text`."""
    return legacy_text(data)[0]


def legacy_text(data: bytes) -> tuple[str, str]:
    """Return the text of bytes that are not valid UTF-8, and the codec; never fails.

    In this order: UTF-8 with a few damaged bytes (replaced by U+FFFD), the declared encoding, a guess, Windows-1252,
    Latin-1.
    """
    text = data.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    if len(text) - len(text.encode("ascii", "ignore")) - damaged >= 2 * damaged:
        return text.removeprefix("\ufeff"), DAMAGED_UTF8
    for encoding in (declared_encoding(data), _guess(data), "cp1252"):
        if encoding is not None and (decoded := _strictly(data, encoding)) is not None:
            return decoded, encoding
    return data.decode("latin-1"), "latin-1"


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeError, ValueError):
        return None


def _guess(data: bytes) -> str | None:
    """Return the encoding in which a sample of the lines that are not ASCII looks most ordinary."""
    lines: list[bytes] = []
    size = 0
    for line in data.split(b"\n"):
        if not line.isascii():
            lines.append(line[:_SAMPLE])
            size += len(line)
            if size >= _SAMPLE:
                break
    sample = b"\n".join(lines)
    best, most = None, _LEAST_SCORE
    for encoding, score in _CANDIDATES.items():
        # A codec that cannot decode all of the file is not its encoding; the sample alone is quicker to refuse.
        decoded = _strictly(sample, encoding)
        if decoded is not None and (found := score(decoded, encoding)) > most:
            best, most = encoding, found
    return best or ("cp1250" if _is_central_european(sample) else None)


def _score_of_bytes(text: str, encoding: str) -> float:
    """Return the share of characters from the rows of a Chinese, Japanese or Korean set with the common ones."""
    common = kana = low = count = 0
    first, last, trail = _COMMON_ROWS[encoding]
    japanese = encoding in ("cp932", "euc_jp")
    for character in text:
        if character.isascii():
            continue
        count += 1
        is_kana = "\u3041" <= character <= "\u30fe"
        kana += is_kana
        if "\u3000" <= character <= "\u3020" or character in _WIDE_PUNCTUATION or (is_kana and japanese):
            common += 1
            continue
        code = character.encode(encoding)
        if len(code) == 2 and first <= code[0] <= last and code[1] >= trail:
            common += 1
            low += code[1] < 0xA1
    if count < _MIN_CHARACTERS:
        return 0.0
    share = (common - len(_AMONG_LETTERS.findall(text))) / count
    if (japanese and not kana) or (encoding == "big5" and not low):
        return share * 0.8  # real text nearly always has some
    # Korean syllables are the first part of the rows that are common in Chinese.
    return share * (1.02 if encoding == "cp949" else 1.01 if japanese else 1.0)


def _score_of_words(text: str, encoding: str) -> float:
    """Score how much a decoded text looks like Cyrillic or Greek.

    Words in one case, without Latin letters mixed in and made of common letters, raise the score.
    """
    common = _COMMON_LETTERS["greek" if encoding == "cp1253" else "cyrillic"]
    letters = frequent = longest = 0
    ordinary = 0.0
    for word in re.findall(r"[^\W\d_]+", text):
        if word.isascii():
            continue
        own = [character for character in word.lower() if not character.isascii()]
        letters += len(own)
        longest = max(longest, len(own))
        frequent += sum(character in common for character in own)
        if len(own) == len(word) and (word[1:].islower() or len(word) == 1):
            ordinary += len(own)
        elif len(own) == len(word) and word.isupper():
            ordinary += len(own) * 0.7
    strange = sum(not (c.isascii() or c.isalpha() or c in _PUNCTUATION) for c in text)
    if longest < _MIN_WORD:
        return 0.0
    usual = min(1.0, frequent / letters / _USUAL_SHARE)
    # More than any score of bytes: words of pairs of bytes also look like Chinese, but not the other way round.
    return 1.1 * ordinary / (letters + strange) * usual


def _is_central_european(sample: bytes) -> bool:
    """Return whether Windows-1250 has letters inside words where Windows-1252 has signs (``za¿ó³æ``)."""
    western, central = _strictly(sample, "cp1252"), _strictly(sample, "cp1250")
    if central is None:
        return False
    inside = re.compile(
        r"(?<=[^\W\d_])[^\w\s\0-\x7f\u2018-\u201f\u00ad\u00b7](?=[^\W\d_])|(?<=[^\W\d_])[\u00b2\u00b3\u00b9]"
    )
    return western is None or len(inside.findall(western)) > len(inside.findall(central))


_MIN_CHARACTERS: Final = 2
_MIN_WORD: Final = 3  # letters of the longest word; signs such as × and ÷ stand alone
_AMONG_LETTERS: Final = lazy_pattern(r"(?<=[A-Za-z])[^\0-\x7f](?=[A-Za-z])")  # an accented letter in fact
_WIDE_PUNCTUATION: Final = frozenset("\uff01\uff08\uff09\uff0c\uff0e\uff0f\uff1a\uff1b\uff1d\uff1f\uff5e")
_USUAL_SHARE: Final = 0.6  # of letters that are the common ones
_PUNCTUATION: Final = frozenset(
    "\u00a0\u00ab\u00bb\u2013\u2014\u2018\u2019\u201c\u201d\u201e\u2026\u2116\u00a9\u00a7\u00b0"
)
_COMMON_LETTERS: Final = {
    "cyrillic": frozenset(
        "\u043e\u0435\u0430\u0438\u043d\u0442\u0441\u0440\u0432\u043b\u043a\u043c\u0434\u043f\u0443\u044f\u0456"
    ),
    "greek": frozenset(
        "\u03b1\u03bf\u03b9\u03b5\u03c4\u03c3\u03bd\u03b7\u03c5\u03c1\u03c0\u03ba\u03bc\u03bb\u03c2\u03ac\u03ad\u03af\u03cc\u03ae"
    ),
}
# The rows with the most common characters (level 1), and the least second byte that is counted.
_COMMON_ROWS: Final = {
    "cp932": (0x88, 0x97, 0x40),
    "euc_jp": (0xB0, 0xCF, 0xA1),
    "gb18030": (0xB0, 0xD7, 0xA1),
    "big5": (0xA4, 0xC6, 0x40),
    "cp949": (0xB0, 0xC8, 0xA1),
}
_CANDIDATES: Final[dict[str, Callable[[str, str], float]]] = {
    **dict.fromkeys(_COMMON_ROWS, _score_of_bytes),
    **dict.fromkeys(("cp1251", "koi8_r", "cp866", "cp1253"), _score_of_words),
}
