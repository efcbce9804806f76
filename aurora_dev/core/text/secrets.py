"""Masking of credentials: one rule per credential and provider, behind a prefilter that makes clean text nearly free.

Where text is masked:

- before storing: files in ``indexing/file_reader.py``, all other documents and their metadata in
  ``core/search/writer.py``, notes in ``notes/service.py``;
- before a model reads it: everything in a context and in an MCP reply, in ``core/text/fencing.py`` (`safe`).

Every token contains a run of at least twenty base64 characters. Such runs are found in a copy of the text that holds
only the class of each character, which costs a microsecond per kilobyte. Ordinary code has one or two runs per
kilobyte, and only these are searched for a literal *anchor* that the token must contain (``ghp_``, ``AKIA``); at the
anchor the rule itself is matched. The formats are those that providers document and that the rule sets of gitleaks and
detect-secrets collect. There is no rule for "any string that looks random": on source code such a rule marks hashes,
test data and identifiers by the thousand.

Placeholders are left alone: documented examples, ``user:pass@``, ``${VAR}``, runs of one letter.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import unquote

__all__ = ["MASKING_VERSION", "mask_secrets"]

MASKING_VERSION: Final = 1
"""Raised whenever the same text may be masked differently, so that stored files are indexed again."""

# A token starts at a word boundary, or after an escape as in "…\nghp_…", whose letter is not part of it.
_LEFT: Final = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))"
_LEFT_DASH: Final = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))"
_END: Final = r"(?![A-Za-z0-9_])"
_END_DASH: Final = r"(?![A-Za-z0-9_-])"

# Bits per character. 32 random hexadecimal digits have about 3.6, sixteen random letters and digits about 3.5,
# "aaaabbbb…" and "x…x" less than 2.
_MIN_ENTROPY: Final = 2.7
# Forty random base64 characters have about 4.9, paths and identifiers of that length about 4.
_MIN_ENTROPY_AWS: Final = 4.3

_PLACEHOLDER: Final = re.compile(
    r"example|placeholder|your|dummy|redacted|sample|changeme|insert|fake|x{4}|\*{3}|\.{3}|0{6}|0123456789|1234567890|"
    r"abcdefgh|(.)\1{7}",
    re.IGNORECASE,
)


class _Edit(NamedTuple):
    """A replacement of ``text[start:end]``; ``number`` is 1 once per credential, else 0."""

    start: int
    end: int
    replacement: str
    number: int


def _entropy(text: str) -> float:
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())


def _is_random(token: str) -> bool:
    return _PLACEHOLDER.search(token) is None and _entropy(token) >= _MIN_ENTROPY


def _is_mixed(token: str) -> bool:
    """Return whether a token is random and has letters and digits, as nearly every real one and few identifiers do."""
    return _is_random(token) and any(c.isdigit() for c in token) and any(c.isalpha() for c in token)


def _is_aws_secret(token: str) -> bool:
    """Return whether forty characters are random base64, which a hexadecimal SHA-1 or a path is not."""
    mixed = any(c.isupper() for c in token) and any(c.islower() for c in token)
    return mixed and _PLACEHOLDER.search(token) is None and _entropy(token) >= _MIN_ENTROPY_AWS


def _is_token(token: str) -> bool:
    """Return whether a token that is proven by its own structure is not a documented example."""
    return "example" not in token.lower()


# {"sub":"1234567890", …: the payload of the example on jwt.io, which documentation and tests copy.
_JWT_SAMPLE: Final = ".eyJzdWIiOiIxMjM0NTY3ODkwI"


def _is_jwt(token: str) -> bool:
    return _JWT_SAMPLE not in token


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
    accept: Callable[[str], bool] = _is_random
    back: int = 0

    def edits(self, text: str, at: int) -> Iterator[_Edit]:
        if at < self.back:
            return
        match = self.pattern.match(text, at - self.back)
        if match is not None:
            start, end = match.span(1 if self.pattern.groups else 0)
            if self.accept(text[start:end]):
                yield _Edit(start, end, f"[masked: {self.label}]", 1)


def _token(label: str, anchors: str, body: str, *, accept: Callable[[str], bool] = _is_random, back: int = 0) -> _Rule:
    """Return a rule for a token that is a whole word; ``anchors`` are separated by blanks."""
    dash = "-" in body
    pattern = (_LEFT_DASH if dash else _LEFT) + body + (_END_DASH if dash else _END)
    return _Rule(label, tuple(anchors.split()), re.compile(pattern), accept, back)


@dataclass(frozen=True, slots=True)
class _Near:
    """A rule for a secret without a prefix: a whole run that follows its provider's name on the same line.

    Attributes:
        label: The name in the marker.
        name: The provider's name, in lower case.
        secret: Matches the whole run.
        accept: Returns whether a match is a real secret.
    """

    label: str
    name: str
    secret: re.Pattern[str]
    accept: Callable[[str], bool] = _is_random

    def edits(self, text: str, start: int, end: int) -> Iterator[_Edit]:
        before = text[max(0, start - _NEAR_REACH) : start]
        before = before[max(before.rfind("\n"), before.rfind("\r")) + 1 :]
        run = text[start:end]
        if self.name in before.lower() and self.secret.fullmatch(run) and self.accept(run):
            yield _Edit(start, end, f"[masked: {self.label}]", 1)


# Characters before a run in which the name may stand: enough for "AWS_SECRET_ACCESS_KEY: str = os.environ.get("…", ",
# and rarely enough to reach another statement.
_NEAR_REACH: Final = 80

_NEAR_RULES: Final = (
    _Near("aws-secret-key", "aws", re.compile(r"[A-Za-z0-9/+]{40}"), _is_aws_secret),
    _Near("aws-secret-key", "secretaccesskey", re.compile(r"[A-Za-z0-9/+]{40}"), _is_aws_secret),
    _Near("twilio-auth-token", "twilio", re.compile(r"[0-9a-f]{32}")),
    _Near("heroku-key", "heroku", re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")),
)
_NEAR_LENGTHS: Final = frozenset((32, 36, 40))

_RULES: Final = (
    _token("aws-access-key", "AKIA ASIA", r"A[KS]IA[A-Z2-7]{16}"),
    _token("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,251}"),
    _token("github-token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _token("gitlab-token", "glpat- gldt- glrt-", r"gl(?:pat|dt|rt)-[A-Za-z0-9_.-]{20,320}"),
    _token("gitlab-token", "glptt-", r"glptt-[0-9a-f]{40}"),
    _token("slack-token", "xox", r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{15,250}", accept=_is_mixed),
    _token("slack-token", "xapp-", r"xapp-\d-[A-Z0-9]{6,20}-\d{6,20}-[A-Za-z0-9]{32,128}"),
    _Rule(
        "slack-webhook",
        ("hooks.slack.com/",),
        re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/_]{24,80})"),
    ),
    _token("stripe-key", "k_live_", r"[sr]k_live_[A-Za-z0-9]{16,250}", back=1),
    _token("stripe-webhook-secret", "whsec_", r"whsec_[A-Za-z0-9]{32,64}"),
    _token("google-api-key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    _token("google-oauth-secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _token("anthropic-key", "sk-ant-", r"sk-ant-[a-z]{2,10}\d{2}-[A-Za-z0-9_-]{24,250}"),
    _token("openai-key", "sk-", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{40,250}", accept=_is_mixed),
    _token("openai-key", "sk-", r"sk-(?:or-v1-)?[A-Za-z0-9]{32,250}", accept=_is_mixed),
    _token("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _token("pypi-token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{50,1000}", accept=_is_token),
    _token("sendgrid-key", "SG.", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    _token("twilio-key", "SK", r"SK[0-9a-f]{32}"),
    _Rule("telegram-bot-token", (":AA",), re.compile(r"(?<=\d{8}):(AA[A-Za-z0-9_-]{32,33})(?![A-Za-z0-9_-])")),
    _Rule("azure-storage-key", ("ccountKey",), re.compile(r"ccountKey[\"' ]*[=:][\"' ]*([A-Za-z0-9+/]{86}==)")),
    _Rule("azure-access-key", ("AccessKey=",), re.compile(r"AccessKey=([A-Za-z0-9+/]{43}=)")),
    _token("azure-client-secret", "~", r"[A-Za-z0-9_.]{3}\dQ~[A-Za-z0-9_.~-]{31,34}", back=5),
    _token("digitalocean-token", "_v1_", r"do[opr]_v1_[0-9a-f]{64}", back=3),
    _token("huggingface-token", "hf_", r"hf_[A-Za-z]{34}"),
    _token("heroku-key", "HRKU-", r"HRKU-[A-Za-z0-9_-]{36,66}"),
    _token("pinecone-key", "pcsk_", r"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{50,80}"),
    _token("shopify-token", "shpat_ shpss_", r"shp(?:at|ss)_[0-9a-f]{32}"),
    _token("groq-key", "gsk_", r"gsk_[A-Za-z0-9]{52}"),
    _token("vault-token", "hvs.", r"hvs\.[A-Za-z0-9_-]{90,120}"),
    _token("databricks-token", "dapi", r"dapi[0-9a-f]{32}"),
    _token("age-secret-key", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}"),
    _token(
        "jwt", "eyJ", r"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,6000}\.[A-Za-z0-9_-]{16,2000}", accept=_is_jwt
    ),
)

# --- passwords in URLs ------------------------------------------------------------------------------------------------

_URL: Final = re.compile(
    r"://(?P<user>[^\s:@/\"'`<>\\]{0,128}):(?P<password>[^\s@/\"'`<>\\]{1,256})@(?P<host>[A-Za-z0-9.\-\[]{1,255})"
)
# Hosts that RFC 2606 reserves for examples; no real account is there.
_EXAMPLE_HOST: Final = re.compile(r"(?:^|\.)(?:example(?:\.[a-z.]+)?|test|invalid)\.?$", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"[${}%*\[\]()#]|\.\.\.")
_PLACEHOLDER_PASSWORD: Final = re.compile(
    r"(?:my|your|the|some|user|db|test|super|new|old)?[_.-]?"
    r"(?:pass|passw(?:or)?d|passphrase|pwd|pw|secret|token|key|apikey|api[_-]key|credentials?|example|sample|dummy|fake|"
    r"placeholder|change[_-]?me|changeit|redacted|masked|hidden|test|testing|admin|root|guest|user|username|postgres|"
    r"mysql|mongo|redis|rabbitmq|foo|bar|baz|abc|xyz|x+|default|none|null|true|false|here|[a-z])"
    r"[_.-]?(?:here|word)?\d{0,4}"
)
_PLACEHOLDER_WORD: Final = re.compile(r"(?:^| )(?:secret|password|passphrase)(?:$| )")  # "a%20secret"
_LEET: Final = str.maketrans("013457@$", "oieastas")
_MIN_PASSWORD: Final = 4  # "u:p@", "a:b@", "foo:bar@" are not real passwords


def _is_placeholder_password(user: str, password: str, host: str) -> bool:
    if len(password) < _MIN_PASSWORD or _EXAMPLE_HOST.search(host):
        return True
    plain = unquote(password)
    if _VARIABLE.search(password.replace("%40", "").replace("%21", "")) and plain == password:
        return True
    lower = plain.lower()
    # postgres:postgres@, guest:guest@: the defaults of container images
    if lower == unquote(user).lower() or user.lower() == "anonymous":
        return True
    readable = lower.rstrip("0123456789").translate(_LEET)
    return bool(
        _PLACEHOLDER_PASSWORD.fullmatch(lower)
        or _PLACEHOLDER_PASSWORD.fullmatch(readable)
        or _PLACEHOLDER_WORD.search(lower)
        or _PLACEHOLDER.search(lower)
        or len(set(lower)) == 1
    )


def _url_edits(text: str, at: int) -> Iterator[_Edit]:
    match = _URL.match(text, at)
    if match is not None and not _is_placeholder_password(match["user"], match["password"], match["host"]):
        yield _Edit(*match.span("password"), "[masked: url-password]", 1)


# --- private keys -----------------------------------------------------------------------------------------------------

_PEM_ANCHOR: Final = "PRIVATE KEY"
_PEM_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}\Z")
_PEM_HEAD_REACH: Final = 52  # the longest "-----BEGIN … " before the anchor
_PEM_BODY_REACH: Final = 20_000  # a 16,384-bit RSA key is 12.7 KB of base64
# The shortest private key (Ed25519 in PKCS #8) is one line of 64 characters.
_PEM_LINE_LENGTH: Final = 40
_PEM_LINE: Final = re.compile(rf"[A-Za-z0-9+/=]{{{_PEM_LINE_LENGTH},}}")
# Runs of base64 inside a body; the letter of an escaped line break is not part of a run.
_PEM_RUN: Final = re.compile(r"(?:(?<=\\)[nr])?([A-Za-z0-9+/=]{16,})")
_PEM_LAST: Final = re.compile(
    r"(?:(?<=\\[nr])|(?<![A-Za-z0-9+/=\\]))([A-Za-z0-9+/=]{1,15})(?:\\[nr]|[\s\"'`+,;>#*])*\Z"
)


def _pem_body(text: str, start: int) -> tuple[int, bool]:
    """Return the end of a key's body, and whether the key is complete: not cut off before its END line."""
    reach = min(len(text), start + _PEM_BODY_REACH)
    end = text.find("-----END", start, reach)
    begin = text.find("-----BEGIN", start, reach)
    if end >= 0 and (begin < 0 or end < begin):
        return end, True
    # The key is cut off: take lines as long as they look like base64.
    stop = start
    found = False
    for line in text[start : begin if begin >= 0 else reach].splitlines(keepends=True):
        if _PEM_RUN.search(line):
            found = True
        elif found:
            break
        stop += len(line)
    return stop, False


def _pem_edits(text: str, at: int) -> Iterator[_Edit]:
    """Yield the edits that replace a private key's first line by the marker and empty its other lines."""
    if _PEM_BEGIN.search(text[max(0, at - _PEM_HEAD_REACH) : at]) is None:
        return
    start = text.find("-----", at)
    if start < 0 or start - at > len("PRIVATE KEY BLOCK"):
        return
    start += len("-----")
    end, complete = _pem_body(text, start)
    if not any(_is_mixed_key(match[0]) for match in _PEM_LINE.finditer(text, start, end)):
        return
    spans = [match.span(1) for match in _PEM_RUN.finditer(text, start, end)]
    if complete and (last := _PEM_LAST.search(text, spans[-1][1], end)):
        spans.append(last.span(1))
    for number, (left, right) in enumerate(spans):
        yield _Edit(left, right, "" if number else "[masked: private-key]", int(number == 0))


def _is_mixed_key(line: str) -> bool:
    return _PLACEHOLDER.search(line.replace("A", "")) is None and _entropy(line) >= _MIN_ENTROPY


# --- applying the rules -----------------------------------------------------------------------------------------------

_RUN: Final = 20  # characters; the length of the shortest token, an AWS access key
_BEFORE: Final = 20  # characters before a run in which its anchor may stand ("SG.", "AccountKey=", "hooks.slack.com")
_WORD: Final = bytes(
    ord("w") if chr(code) in "+/-_" or (code < 128 and chr(code).isalnum()) else ord(" ") for code in range(256)
)
_LONG: Final = b"w" * _RUN
_AZURE_CLIENT: Final = "~"  # it interrupts runs, and is rare enough to search for separately


def _rules_by_anchor() -> dict[str, tuple[_Rule, ...]]:
    table: dict[str, list[_Rule]] = defaultdict(list)
    for rule in _RULES:
        for anchor in rule.anchors:
            table[anchor].append(rule)
    return {anchor: tuple(rules) for anchor, rules in table.items()}


_BY_ANCHOR: Final = _rules_by_anchor()
_ANY_ANCHOR: Final = re.compile("|".join(re.escape(anchor) for anchor in _BY_ANCHOR if anchor != _AZURE_CLIENT))


def _places(text: str, literal: str, start: int, end: int) -> Iterator[int]:
    at = text.find(literal, start, end)
    while at >= 0:
        yield at
        at = text.find(literal, at + len(literal), end)


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of every run of base64 characters that is long enough for a token."""
    # One byte per character of any kind, so that positions in one are positions in the other.
    classes = text.encode("ascii", "replace").translate(_WORD)
    start = classes.find(_LONG)
    while start >= 0:
        end = classes.find(b" ", start + _RUN)
        if end < 0:
            end = len(classes)
        yield start, end
        start = classes.find(_LONG, end)


def _find(text: str) -> list[_Edit]:
    edits: list[_Edit] = []
    longest = 0
    for start, end in _runs(text):
        longest = max(longest, end - start)
        if end - start in _NEAR_LENGTHS:
            for near in _NEAR_RULES:
                edits.extend(near.edits(text, start, end))
        lowest = max(0, start - _BEFORE)
        if _ANY_ANCHOR.search(text, lowest, end):
            for anchor, rules in _BY_ANCHOR.items():
                for at in _places(text, anchor, lowest, end):
                    for rule in rules:
                        edits.extend(rule.edits(text, at))
    if longest >= _PEM_LINE_LENGTH:
        for at in _places(text, _PEM_ANCHOR, 0, len(text)):
            edits.extend(_pem_edits(text, at))
    for at in _places(text, _AZURE_CLIENT, 0, len(text)):
        for rule in _BY_ANCHOR[_AZURE_CLIENT]:
            edits.extend(rule.edits(text, at))
    if "@" in text:
        for at in _places(text, "://", 0, len(text)):
            edits.extend(_url_edits(text, at))
    return edits


def _apply(text: str, edits: list[_Edit]) -> tuple[str, int]:
    parts: list[str] = []
    done = count = 0
    # Of two overlapping edits the longer one covers the other (a token inside a password).
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        if edit.start < done:
            if edit.end > done:  # overlaps only in part: remove its rest as well
                done = edit.end
            continue
        parts += (text[done : edit.start], edit.replacement)
        done = edit.end
        count += edit.number
    parts.append(text[done:])
    return "".join(parts), count


def mask_secrets(text: str) -> tuple[str, int]:
    """Replace credentials with markers such as ``[masked: aws-access-key]``.

    Masks access keys and tokens of AWS, GitHub, GitLab, Slack, Stripe, Google, OpenAI, Anthropic, npm, PyPI, SendGrid,
    Twilio, Telegram, Azure, DigitalOcean, Hugging Face, Heroku, Pinecone, Shopify, Groq, Vault and Databricks, private
    keys (PEM, age), JSON web tokens, and passwords in URLs.

    Args:
        text: Any text. Clean text costs a few microseconds per kilobyte.

    Returns:
        The masked text and the number of masked credentials. The number of lines stays the same (a private key keeps
        its line breaks and its BEGIN and END lines). Masking the result again changes nothing.
    """
    total = 0
    # Repeat until nothing is found: a marker is shorter than the secret, so masking one secret can move a provider's
    # name near another. It ends because each round removes characters that no marker adds back.
    while edits := _find(text):
        text, count = _apply(text, edits)
        total += count
    return text, total
