"""Tokens of providers: found by an anchor in a run of base64 characters.

Every token contains a run of at least twenty base64 characters. Such runs are found in a copy of the text that holds
only the class of each character, which costs a microsecond per kilobyte. Ordinary code has one or two runs per
kilobyte, and only those with a digit are searched for a literal *anchor* that the token must contain (``ghp_``,
``AKIA``); at the anchor the rule itself is matched.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from aurora_dev.core.text.secrets.edits import Edit, masked
from aurora_dev.core.text.secrets.placeholders import PLACEHOLDER, entropy, is_mixed, is_random
from aurora_dev.core.text.secrets.providers import TABLE
from aurora_dev.lazy import lazy_pattern

__all__ = ["LABELS", "may_hold_token", "run_edits", "runs", "tilde_edits"]

# A token starts at a word boundary, or after an escape as in "…\nghp_…", whose letter is not part of it.
_LEFT: Final = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt])|(?<=%[0-9A-F]{2})|(?<=-D))"
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


@dataclass(frozen=True, slots=True)
class _Rule:
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
    pattern: re.Pattern[str]
    accept: Callable[[str], bool] = is_random
    back: int = 0

    def edits(self, text: str, at: int) -> Iterator[Edit]:
        if at < self.back:
            return
        match = self.pattern.match(text, at - self.back)
        if match is not None:
            start, end = match.span(1 if self.pattern.groups else 0)
            if self.accept(text[start:end]) and not (self.label == "twilio-key" and _is_sku(text, start)):
                yield masked(start, end, self.label)


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
        yield _Rule(label, tuple(anchors.split()), lazy_pattern(body), accept, int(back))


@dataclass(frozen=True, slots=True)
class _Near:
    """A rule for a secret without a prefix: a whole run that follows its provider's name on the same line.

    Attributes:
        label: The name in the marker.
        before: Matches the text from the provider's name up to the run.
        secret: Matches the whole run.
        accept: Returns whether a match is a real secret.
    """

    label: str
    before: re.Pattern[str]
    secret: re.Pattern[str]
    accept: Callable[[str], bool] = is_random

    def edits(self, text: str, start: int, end: int) -> Iterator[Edit]:
        run = text[start:end]
        if self.secret.fullmatch(run) and self.accept(run):
            before = text[max(0, start - _NEAR_REACH) : start]
            before = before[max(before.rfind("\n"), before.rfind("\r")) + 1 :]
            if self.before.search(before.lower()):
                yield masked(start, end, self.label)


# Characters before a run in which the name may stand: enough for "AWS_SECRET_ACCESS_KEY: str = os.environ.get("…", ",
# and rarely enough to reach another statement.
_NEAR_REACH: Final = 80
_ASSIGNED: Final = (
    r"[\w.-]{0,24}(?:token|key|secret|passw|auth|pat|sid)[\w.-]{0,16}[\"'`\])]{0,3}[ \t]{0,8}"
    r"(?::?=|:|=>|,|\()?[ \t]{0,8}[\"'`]?\Z"
)

_NEAR_RULES: Final = (
    _Near("aws-secret-key", lazy_pattern("aws|secretaccesskey"), lazy_pattern(r"[A-Za-z0-9/+]{40}"), _is_aws_secret),
    _Near("twilio-auth-token", lazy_pattern("twilio" + _ASSIGNED), lazy_pattern(r"[0-9a-f]{32}")),
    _Near(
        "heroku-key",
        lazy_pattern("heroku" + _ASSIGNED),
        lazy_pattern(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ),
)
_NEAR_LENGTHS: Final = frozenset((32, 36, 40))

# Tokens of three parts without a prefix; matched where a run of the first part's, or last part's, length stands.
_DISCORD: Final = lazy_pattern(r"[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,40}" + _END)
_DISCORD_LENGTHS: Final = range(23, 29)
_AIRTABLE: Final = lazy_pattern(r"pat[A-Za-z0-9]{14}\.\Z")
_AIRTABLE_HEAD: Final = 18
_AIRTABLE_LENGTH: Final = 64


def _three_part_edits(text: str, start: int, end: int) -> Iterator[Edit]:
    length = end - start
    if length in _DISCORD_LENGTHS and text[start] in "MNO" and text.startswith(".", end):
        match = _DISCORD.match(text, start)
        if match is not None and is_mixed(match[0]):
            yield masked(*match.span(), "discord-token")
    elif length == _AIRTABLE_LENGTH and text.startswith(".", start - 1):
        head = _AIRTABLE.search(text[max(0, start - _AIRTABLE_HEAD) : start])
        if head is not None and is_mixed(text[start:end]):
            yield masked(start - len(head[0]), end, "airtable-token")


LABELS: Final = frozenset(
    {line.partition(" | ")[0] for line in TABLE.strip().split("\n")}
    | {near.label for near in _NEAR_RULES}
    | {"discord-token", "airtable-token"}
)

# --- runs -------------------------------------------------------------------------------------------------------------

_RUN: Final = 20  # characters; the length of the shortest token, an AWS access key
_BEFORE: Final = 20  # characters before a run in which its anchor may stand ("SG.", "AccountKey=", "hooks.slack.com")
_WORD: Final = bytes(
    ord("w") if chr(code) in "+/-_" or (code < 128 and chr(code).isalnum()) else ord(" ") for code in range(256)
)
_LONG: Final = b"w" * _RUN
_TILDE: Final = "~"  # it interrupts runs, and is rare enough to search for separately


def _any_of(literals: Iterable[str]) -> str:
    """Return an expression that matches any of the literals, as a tree by letters: faster than a list."""
    heads: dict[str, list[str]] = defaultdict(list)
    for literal in literals:
        heads[literal[:1]].append(literal[1:])
    if "" in heads:
        return ""  # a literal ends here
    branches = [re.escape(head) + _any_of(rests) for head, rests in sorted(heads.items())]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


class _Anchors(NamedTuple):
    """The rules by anchor.

    Attributes:
        rules: The rules of each anchor.
        search: Finds the next anchor. Of several that begin alike it stops at the shortest: "fm1", "sk" and "sk-ant-".
        beginning: The anchors that begin with what was found.
    """

    rules: Mapping[str, tuple[_Rule, ...]]
    search: Callable[[str, int, int], re.Match[str] | None]
    beginning: Mapping[str, tuple[str, ...]]


@cache
def _anchors() -> _Anchors:
    # Built for the first run that may hold a token, which most commands never read.
    rules: dict[str, list[_Rule]] = defaultdict(list)
    for rule in _rules(TABLE):
        for anchor in rule.anchors:
            rules[anchor].append(rule)
    in_runs = [anchor for anchor in rules if anchor != _TILDE]
    beginning = {found: tuple(anchor for anchor in rules if anchor.startswith(found)) for found in in_runs}
    return _Anchors(
        {anchor: tuple(found) for anchor, found in rules.items()}, re.compile(_any_of(in_runs)).search, beginning
    )


_DIGIT: Final = lazy_pattern("[0-9]")


def runs(ascii_text: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and end of every run of base64 characters that is long enough for a token.

    Args:
        ascii_text: One byte per character of the text, so that positions in one are positions in the other.
    """
    classes = ascii_text.translate(_WORD)
    start = classes.find(_LONG)
    while start >= 0:
        end = classes.find(b" ", start + _RUN)
        if end < 0:
            end = len(classes)
        yield start, end
        start = classes.find(_LONG, end)


def may_hold_token(text: str, start: int, end: int) -> bool:
    """Return whether a run may hold a token: it has a digit, or is one of Hugging Face, which need none."""
    return _DIGIT.search(text, start, end) is not None or text.find("hf_", start, end) >= 0


def run_edits(text: str, start: int, end: int) -> Iterator[Edit]:
    """Yield the edits of the tokens in a run."""
    if end - start in _NEAR_LENGTHS:
        for near in _NEAR_RULES:
            yield from near.edits(text, start, end)
    yield from _three_part_edits(text, start, end)
    place = max(0, start - _BEFORE)
    anchors = _anchors()
    while match := anchors.search(text, place, end):
        for anchor in anchors.beginning[match[0]]:
            if text.startswith(anchor, match.start()):
                for rule in anchors.rules[anchor]:
                    yield from rule.edits(text, match.start())
        place = match.start() + 1


def tilde_edits(text: str) -> Iterator[Edit]:
    """Yield the edits of the tokens whose anchor is a tilde."""
    at = text.find(_TILDE)
    while at >= 0:
        for rule in _anchors().rules[_TILDE]:
            yield from rule.edits(text, at)
        at = text.find(_TILDE, at + 1)
