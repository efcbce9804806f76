"""Tokens of providers: each rule is matched where a literal *anchor* stands that the token must contain (``ghp_``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Final, NamedTuple

from aurora_dev.core.text.secrets.edits import Edit, LazyPattern, masked
from aurora_dev.core.text.secrets.placeholders import PLACEHOLDER, entropy, is_mixed, is_random, looks_random
from aurora_dev.core.text.secrets.prefilter import Anchor, any_case, literal, prefix, spread
from aurora_dev.core.text.secrets.providers import TABLE
from aurora_dev.lazy import lazy_pattern

__all__ = ["LABELS", "rules", "run_edits"]

# A token starts at a word boundary, or after an escape as in "…\nghp_…" or the colour of a terminal, whose letters are
# not part of it.
_LEFT: Final = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt])|(?<=%[0-9A-F]{2})|(?<=-D)|(?<=\[\dm)|(?<=\[\d\dm)|(?<=\[\d;\d\dm))"
_END: Final = r"(?![A-Za-z0-9_-])"
# Forty random base64 characters have about 4.9 bits per character, paths and identifiers of that length about 4.
_MIN_ENTROPY_AWS: Final = 4.3


def _is_aws_secret(token: str) -> bool:
    """Return whether forty characters are random base64, which a hexadecimal SHA-1 or a path is not."""
    mixed = any(c.isupper() for c in token) and any(c.islower() for c in token)
    return mixed and PLACEHOLDER.search(token) is None and entropy(token) >= _MIN_ENTROPY_AWS


# {"sub":"1234567890", …: the payload of the example on jwt.io, which documentation and tests copy.
_JWT_SAMPLE: Final = ".eyJzdWIiOiIxMjM0NTY3ODkwI"


def _is_no_sample(token: str) -> bool:
    """Return whether a token of an unmistakable format is real, and not a sample from documentation."""
    return "example" not in token.lower() and _JWT_SAMPLE not in token and "XXXX" not in token


class _Rule(NamedTuple):
    """A rule for one credential of one provider.

    Attributes:
        label: The name in the marker.
        anchors: Literals; the credential contains one of them.
        pattern: Matched at ``back`` characters before an anchor. Group 1, or the whole match, is the credential.
        accept: Returns whether a match is a real credential.
        back: Characters between the start of the match and the anchor.
    """

    label: str
    anchors: tuple[str, ...]
    pattern: LazyPattern
    accept: Callable[[str], bool] = is_random
    back: int = 0

    def edits(self, text: str, at: int) -> tuple[Edit, ...]:
        match = self.pattern.match(text, at - self.back) if at >= self.back else None
        if match is None:
            return ()
        start, end = match.span(match.re.groups)
        if not self.accept(text[start:end]) or (self.label == "twilio-key" and _is_sku(text, start)):
            return ()
        return (masked(start, end, self.label),)


def _is_sku(text: str, start: int) -> bool:
    return "sku" in text[max(0, start - 24) : start].lower()


def _rules(table: str) -> Iterator[_Rule]:
    """Yield the rules of a table; see ``providers``."""
    for line in table.strip().split("\n"):
        label, anchors, *rest = line.split(" | ")
        flags = rest.pop() if len(rest) > 1 else ""
        (body,) = rest
        accept = is_mixed if "?" in flags else _is_no_sample if "!" in flags else is_random
        back = flags[flags.find("\\") + 1 :] if "\\" in flags else "0"
        if re.search(r"(?<!\\)\((?!\?)", body) is None:
            body = _LEFT + "(?:" + body + ")" + _END
        yield _Rule(label, tuple(anchors.split()), LazyPattern(body), accept, int(back))


_RULES: Final = tuple(_rules(TABLE))


# --- secrets without a prefix -----------------------------------------------------------------------------------------

_AWS: Final = lazy_pattern(r"[^\r\n]{0,80}?(?<![A-Za-z0-9/+])([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])")
_ASSIGNED: Final = (
    r"[\w.-]{0,24}(?:token|key|secret|passw|auth|pat|sid)[\w.-]{0,16}[\"'`\])]{0,3}[ \t]{0,8}"
    r"(?::?=|:|=>|,|\()?[ \t]{0,8}[\"'`]?"
)
_TWILIO: Final = lazy_pattern(rf"twilio{_ASSIGNED}([0-9a-f]{{32}})(?![A-Za-z0-9])", re.IGNORECASE)
_HEROKU: Final = lazy_pattern(
    rf"heroku{_ASSIGNED}([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})(?![A-Za-z0-9])", re.IGNORECASE
)
# A bot token of Discord begins with the number of its user in base64.
_DISCORD: Final = lazy_pattern(
    r"(?<![A-Za-z0-9_-])[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,40}" + _END
)


def _aws_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of a secret key on a line after the word "aws" or "secretAccessKey"."""
    if text[at + 3 : at + 4].islower() and text[at : at + 3].lower() == "aws":
        return  # "pawse", a part of another word
    match = _AWS.match(text, at)
    if match is not None and _is_aws_secret(match[1]):
        yield masked(*match.span(1), "aws-secret-key")


def _discord_edits(text: str, at: int) -> Iterator[Edit]:
    match = _DISCORD.match(text, at)
    if match is not None and is_mixed(match[0]):
        yield masked(*match.span(), "discord-token")


def _near(label: str, pattern: re.Pattern[str]) -> Callable[[str, int], Iterator[Edit]]:
    def edits(text: str, at: int) -> Iterator[Edit]:
        match = pattern.match(text, at)
        if match is not None and is_random(match[1]):
            yield masked(*match.span(1), label)

    return edits


# "acme_live_…", "acme-api-…": providers name their tokens so, also those without a rule of their own.
_KIND: Final = LazyPattern(
    r"[_-](?:live|test|prod|api|key|pat|sk|token|secret|auth|v1)[_-](?P<random>[A-Za-z0-9]{20,120})" + _END
)
_KIND_HEAD: Final = lazy_pattern(r"(?<![A-Za-z0-9_/.-])[A-Za-z][A-Za-z0-9]{1,15}\Z")
_MIN_ENTROPY_KIND: Final = 3.5


def _kind_edits(text: str, at: int) -> tuple[Edit, ...]:
    """Return the edit of a token such as ``acme_live_…``; ``at`` is the sign before its kind."""
    match = _KIND.match(text, at)
    if match is None or not looks_random(match["random"], 20) or entropy(match["random"]) < _MIN_ENTROPY_KIND:
        return ()
    head = _KIND_HEAD.search(text, max(0, at - 20), at)
    if head is None:
        return ()
    start = head.start()
    if text[start - 1 : start] == "\\" and text[start] in "nrt":
        start += 1  # the letter of an escaped line break
    return (masked(start, match.end(), "token"),)


# --- tokens of providers that nobody listed ---------------------------------------------------------------------------

_RUN: Final = b"w" * 30
_RUNS: Final = bytes(ord("w") if chr(c).isascii() and chr(c).isalnum() else ord(" ") for c in range(256))
_LONGEST_RUN: Final = 200
# A short prefix in lower case, perhaps with a kind: "acme_", "acme_pat_", "acme-".
_RUN_HEAD: Final = lazy_pattern(r"(?<![A-Za-z0-9_/.+%~-])[a-z][a-z0-9]{1,11}(?:_[a-z0-9]{1,10}){0,2}[_-]\Z")
# What else is named so: checksums, identifiers, names of built files.
_NO_TOKEN: Final = lazy_pattern(
    r"(?:sha|md)\d|(?:blake|sri|nonce|hash|etag|rev|digest|id|uid|uuid|guid|cid|ref|fp|img|chunk|page|file|msg|req|run|"
    r"resp|evt|event|commit|build|cache|asset|bundle|css|style|font|sprite|index|main|vendor|public|pub|pk|client|user|"
    r"project|account|acct|cus|price|prod|plan|site|verification|trace|span|chatcmpl|thread|call|data|base64|b64|proof|"
    r"sig|signature|cert|key|checksum|snapshot|version|image|layer|container|pod|node|job|task|test|example)(?:[_-]|\Z)"
)
# Checksums in base64 for URLs have such signs, too: "sha256=ab_…".
_CHECKED: Final = lazy_pattern(
    r"(?:sha\d{0,3}|md5|hash|digest|checksum|etag|integrity|nonce|rev|commit|(?<![A-Za-z])id|[_-]id|Id)"
    r"[\"']?[ \t]{0,2}[=:][ \t\"']{0,3}\Z"
)
_AIRTABLE: Final = lazy_pattern(r"(?<![A-Za-z0-9])pat[A-Za-z0-9]{14}\.\Z")
_HEX_RUN: Final = lazy_pattern(r"[0-9a-f]+|[0-9A-F]+")
_MIN_ENTROPY_RUN: Final = 4.0


def run_edits(text: str, ascii_text: bytes) -> Iterator[Edit]:
    """Yield the edits of long random runs of letters and digits after a short prefix.

    Args:
        text: The text.
        ascii_text: One byte per character of the text.
    """
    classes = ascii_text.translate(_RUNS)
    at = classes.find(_RUN)
    while at >= 0:
        end = classes.find(b" ", at)
        end = end if end >= 0 else len(text)
        if end - at <= _LONGEST_RUN and at and text[at - 1] in "_-.":
            yield from _run(text, at, end)
        at = classes.find(_RUN, end)


def _run(text: str, start: int, end: int) -> Iterator[Edit]:
    token = text[start:end]
    if text[start - 1] == ".":
        head = _AIRTABLE.search(text, max(0, start - 19), start)
        if head is not None and len(token) == 64 and is_random(token):
            yield masked(head.start(), end, "airtable-token")
        return
    head = _RUN_HEAD.search(text, max(0, start - 36), start)
    if head is None or text[end : end + 1] in {"/", "+", "_", "-"} or _NO_TOKEN.match(head[0]):
        return
    if _CHECKED.search(text, max(0, head.start() - 24), head.start()):
        return
    mixed = token.lower() != token and token.upper() != token
    long = (mixed or len(token) >= 36) and not _HEX_RUN.fullmatch(token)
    if long and looks_random(token, 30) and entropy(token) >= _MIN_ENTROPY_RUN:
        # The letter of an escaped line break is no part of a prefix.
        begin = head.start() + (text[head.start() - 1 : head.start()] == "\\" and head[0][0] in "nrt")
        yield masked(begin, end, "token")


LABELS: Final = frozenset(
    {rule.label for rule in _RULES} | {"token"} | {"aws-secret-key", "twilio-auth-token", "heroku-key", "discord-token"}
)

_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "0123456789"
_TOKEN: Final = _LOWER + _DIGITS  # in any case
_HEX: Final = "0123456789abcdef"


def _anchors(anchor: str) -> Iterable[Anchor]:
    """Return the anchors of a literal; a short one goes on with any character of a token."""
    if len(anchor) >= 4:
        return (literal(anchor),)
    return prefix(anchor, _TOKEN)


def rules() -> Iterator[tuple[Anchor, Callable[[str, int], Iterable[Edit]]]]:
    """Yield the rules for tokens, each with an anchor."""
    for rule in _RULES:
        for word in rule.anchors:
            if word == ":A":
                anchors: Iterable[Anchor] = spread(_DIGITS, _DIGITS, ":", "A", shift=-2)
            elif word == "~":
                anchors = spread(_DIGITS, "Q", "~", _TOKEN + ".~", shift=-2)
            elif word == "pat":
                # Few words of source code go on so: "path", "pattern", "patch", "patient" do not.
                anchors = prefix(word, sorted(set(_TOKEN) - set("chietCHIET")))
            elif word in {"sk_", "ck_", "cs_", "SK", "AC"}:
                anchors = prefix(word, _HEX)
            else:
                anchors = _anchors(word)
            for anchor in anchors:
                yield anchor, rule.edits
    for anchor in spread("a", "w", "s", (chr(code) for code in range(32, 127))):
        yield anchor, _aws_edits
    for word, edits in (
        ("accesskey", _aws_edits),
        ("twilio", _near("twilio-auth-token", _TWILIO)),
        ("heroku", _near("heroku-key", _HEROKU)),
    ):
        yield any_case(word), edits
    for kind in ("live", "test", "prod", "api", "key", "pat", "sk", "token", "secret", "auth", "v1"):
        for sign in "_-":
            for anchor in _anchors(f"{sign}{kind}{sign}"):
                yield anchor, _kind_edits
    # Three digits in base64: "MTA3", "ODk4".
    for letters in product("MNO", "DTjz", "AEIMQUYcgk", "wxyz012345"):
        if "".join(letters) not in {"NDEx", "NTEx"}:  # "index" and "context" are everywhere
            yield literal("".join(letters)), _discord_edits
    for second in "DT":
        for before in "\"'` =:":
            yield Anchor(f"{before}n{second.lower()}e", -1), _discord_edits
