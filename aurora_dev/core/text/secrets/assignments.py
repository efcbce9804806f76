r"""Values whose name says that they are secret: ``password = "…"``, ``api_token: …``, ``Authorization: Basic …``.

A name ends in one of a few words, an operator follows, then a value. The value decides: what a program computes, what a
template fills in, documented examples, labels and prose stay. A password may be short; the value of a ``key`` or a
``token`` must look random, since most keys and tokens in source code are no credentials.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from aurora_dev.core.text.secrets.edits import Edit, masked
from aurora_dev.core.text.secrets.placeholders import (
    PLACEHOLDER,
    entropy,
    is_placeholder_password,
    is_template,
    is_uuid,
    looks_random,
)
from aurora_dev.lazy import lazy_pattern

__all__ = ["LABELS", "assignment_edits", "header_edits"]

LABELS: Final = frozenset(("password", "secret", "token", "key", "basic-auth", "bearer-token"))

_NAME_REACH: Final = 48  # characters before the word that may belong to the name
_NAME_HEAD: Final = lazy_pattern(r"[A-Za-z0-9_.$-]*\Z")

# What may follow the word in a name: "secret_key_base", "password2", "client-key-data", "apiKeyProd".
_TAIL: Final = (
    r"(?:[_.-]?(?:value|string|base|data|b64|base64|hex|plain|plaintext|text|raw|prod|production|dev|development|stage|"
    r"staging|live|main|default|current|primary|secondary|old|new|admin|root|user|db|app|v?[0-9]{1,3})){0,2}"
)
_OPERATOR: Final = (
    r"(?:"
    r"[ \t]{0,40}(?::[ \t]{0,3}[\w.|]{0,12}\[?str(?:ing)?\]?\??(?:[ \t]\|[ \t]None)?[ \t]{0,3}=|"
    r":=|=>|={1,3}|:|->|,|\|\||\?\?|\?:|or(?=[ ][\"'])|\|)[ \t]{0,40}"
    r"|>"
    r"|[ \t]{0,3}\([ \t]{0,3}(?=[\"'`])"
    r"|,?\s{1,40}[\"']?(?:default|value)[\"']?[ \t]{0,4}[:=][ \t]{0,4}"
    r"|[ \t]{0,3}\{[^{}]{0,200}?\bdefault[ \t]{0,20}=[ \t]{0,3}"
    r"|[ \t]-p[ \t]{0,2}"
    r"|[ \t]{1,8}"
    r")"
)
_VALUE: Final = (
    r"(?:\\\"(?P<escaped>[^\"\\\r\n]{1,4000})\\\""
    r"|[bBuUrR@]{0,2}\"(?P<double>(?:[^\"\\\r\n]|\\[^\r\n]){1,4000})\""
    r"|[bBuUrR@]{0,2}'(?P<single>(?:[^'\\\r\n]|\\[^\r\n]){1,4000})'"
    r"|`(?P<back>[^`\r\n]{1,4000})`"
    # A few "=" at most, so that "password=password=…" is not read again and again.
    r"|(?P<bare>[^\s\"'`,;&<>(){}\[\]|\\=]{1,4000}(?:=[^\s\"'`,;&<>(){}\[\]|\\=]{0,64}){0,3}))"
)
_ASSIGNMENT: Final = lazy_pattern(
    r"(?P<word>passw(?:or)?ds?|passphrase|pass|pwd|secrets?|tokens?|keys?)"
    rf"(?P<tail>{_TAIL})(?![A-Za-z0-9_])(?P<close>(?:\\?[\"'`])?[\])]{{0,2}})(?P<operator>{_OPERATOR}){_VALUE}",
    re.IGNORECASE,
)

_HEADER: Final = lazy_pattern(
    r"(?P<scheme>basic|bearer|token|apikey|api-key)[ \t]{1,4}\Z|(?<![a-z])_?auth(?:\\?[\"'`])?[ \t]{0,4}[:=][ \t]{0,4}"
    r"(?:\\?[\"'`])?\Z",
    re.IGNORECASE,
)
_HEADER_REACH: Final = 24
_BEFORE_VALUE: Final = frozenset((" ", "\t", '"', "'", "`", "=", ":"))
_CREDENTIAL: Final = lazy_pattern(r"[A-Za-z0-9+/=._~-]{8,4000}")
_SHORTEST_BEARER: Final = 16

# Names that end like a secret's and hold something else: "primary_key", "next_page_token", "public_key".
_NO_KEY: Final = lazy_pattern(
    r"(?:public|pub|publishable|primary|foreign|cache|sort|partition|row|lookup|object|dedup\w*|map|dict|hash|index|"
    r"unique|idempotency|rout\w+|group|i18n|lang|translation|message|msg|locale|file|path|item|node|state|pixel|"
    r"shortcut|hot|arrow|column|field|s3|metric|label|sitekey|site|next|page|continu\w+|cursor|sync|cancel\w*|bos|eos|"
    r"pad|unk|mask|sep|cls|special|stop|fixture|trace|event|json|xml|attr\w*|property|config|settings?|known_hosts|gpg|"
    r"keyring|not|no|without|storage|commit|etag|checksum|finger\w*|version|build|model|prompt|completion|input|output|"
    r"image|text|max|min|total|num\w*)[_.-]?\Z",
    re.IGNORECASE,
)
# Names that say that the value is a credential, even if it is hexadecimal or a UUID.
_QUALIFIED: Final = lazy_pattern(
    r"(?:api|secret|access|auth\w*|private|client|encryption|encrypt|signing|sign|master|service|licen[cs]e|account|app|"
    r"application|shared|session|hmac|crypto|cipher|aes|deploy|admin|insert|ingest|developer|dev|user|bot|consumer|"
    r"server|subscription|function|write|read|bearer|refresh|oauth\w*|jwt|personal|pat|webhook|bind|cookie|security|"
    r"integration|stream|io|push|_)[_.-]?\Z",
    re.IGNORECASE,
)
_KEYWORD: Final = lazy_pattern(
    r"passw|pass_?phrase|secret|token|api_?key|credential|kennwort|passwort|contrase|mot.de.passe|\bkey\b|\bpass\b",
    re.IGNORECASE,
)
_IDENTIFIER: Final = lazy_pattern(r"[A-Za-z_$][A-Za-z_$]*\d{0,2}(?:(?:\.|::|->|/|-|_)[A-Za-z_$]+\d{0,2}){0,20}[!?.:]?")
_HUMP: Final = lazy_pattern(r"[a-z](?=[A-Z])")
_DASHED: Final = lazy_pattern(r"[a-z]{3,12}(?:-[a-z]{3,12}){1,5}")
_PATH_OR_URL: Final = lazy_pattern(
    r"[a-z][a-z0-9+.-]{1,20}://|\.{0,2}/[\w.-]+(?:/|\Z)|~/|[A-Za-z]:\\|arn:|data:|sha\d+[-:]"
)
_NUMBER: Final = lazy_pattern(r"[-+]?[\d_]*\.?\d+(?:[eE][-+]?\d+)?[smhdLlfF%]?|0x[0-9a-fA-F]{1,8}")
_HEX: Final = lazy_pattern(r"[0-9a-f]+|[0-9A-F]+")
_HOST_PORT: Final = lazy_pattern(r"[\w.-]+:\d{2,5}")
_CODE: Final = lazy_pattern(r"==|=>|&&|::|\)\.|^\w+\(|^[\w.]+\[|\breturn\b|\+ ")


def _is_password(value: str, quoted: bool, name: str, *, setting: bool) -> bool:
    """Return whether the value of a name that ends in "password" is one.

    Args:
        value: The value without quotes.
        quoted: Whether it was quoted.
        name: The name, in lower case.
        setting: Whether the name stands in a settings file or a connection string, where bare values are literals.
    """
    if len(value) < 5 or is_placeholder_password(value) or _KEYWORD.search(value) or _CODE.search(value):
        return False
    if _PATH_OR_URL.match(value) or _HOST_PORT.fullmatch(value) or any(c.isspace() for c in value):
        return False
    if _NUMBER.fullmatch(value):
        return len(value) >= 8 and value.isdigit()
    digits = sum(c.isdigit() for c in value)
    symbols = sum(not c.isalnum() for c in value)
    letters = sum(c.isalpha() for c in value)
    if not letters:
        return digits > 3 and symbols > 0 and quoted
    if not digits:
        if _IDENTIFIER.fullmatch(value):
            if quoted and _DASHED.fullmatch(value):
                return name.endswith(("password", "passwd", "passphrase", "pass"))
            return looks_random(value, 8) or (quoted and _changes_case(value))
        # A label in another language has letters beyond ASCII, and a sentence ends in a full stop.
        return value.isascii() and symbols >= 1 and letters >= 4 and value[-1] not in ":.…" and (quoted or symbols > 1)
    if not quoted and _IDENTIFIER.fullmatch(value):
        return setting and (digits > 1 or name.isupper())
    if quoted or setting:
        return letters + symbols >= 2
    return looks_random(value, 8)


def _changes_case(value: str) -> bool:
    """Return whether letters change case as no camel case name does."""
    return len(_HUMP.findall(value)) >= 3 and len(value) <= 20


def _is_secret(value: str, *, qualified: bool, quoted: bool, shortest: int) -> bool:
    """Return whether the value of a name that ends in "secret", "key" or "token" is a credential."""
    if PLACEHOLDER.search(value) or _PATH_OR_URL.match(value) or any(c.isspace() for c in value):
        return False
    if is_uuid(value):
        return qualified and entropy(value) > 3.0
    if _NUMBER.fullmatch(value) or _HOST_PORT.fullmatch(value):
        return qualified and value.isdigit() and len(value) >= 20 and entropy(value) > 2.7
    if _HEX.fullmatch(value) and len(value) >= 16:
        return qualified and entropy(value) >= 2.7
    if not quoted and _IDENTIFIER.fullmatch(value) and not any(c.isdigit() for c in value):
        return qualified and looks_random(value, 20)
    if _KEYWORD.search(value) and not looks_random(value, 24):
        return False
    if looks_random(value, shortest):
        return True
    # Django's keys: fifty characters of letters, digits and punctuation.
    return (
        len(value) >= 24
        and entropy(value) >= 4.0
        and sum(not c.isalnum() for c in value) >= 4
        and (re.search(r"[!@#$%^&*()=+]", value) is not None)
    )


def is_basic(value: str) -> bool:
    """Return whether a value is ``user:password`` in base64, with a real password."""
    try:
        plain = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return False
    user, colon, password = plain.partition(":")
    return bool(colon) and not is_placeholder_password(password, user)


def header_edits(text: str, start: int) -> Iterator[Edit]:
    """Yield the edit of a value that starts at ``start`` if ``Basic``, ``Bearer`` or ``"auth":`` stands before it."""
    if text[start - 1 : start] not in _BEFORE_VALUE:
        return
    head = _HEADER.search(text, max(0, start - _HEADER_REACH), start)
    match = _CREDENTIAL.match(text, start) if head is not None else None
    if head is None or match is None:
        return
    value, scheme = match[0], (head["scheme"] or "auth").lower()
    if scheme in {"basic", "auth"}:
        if is_basic(value) or (scheme == "basic" and looks_random(value.rstrip("="), 16) and _undecodable(value)):
            yield masked(*match.span(), "basic-auth")
    elif looks_random(value, _SHORTEST_BEARER) or (is_uuid(value) and PLACEHOLDER.search(value) is None):
        yield masked(*match.span(), "bearer-token")


def _undecodable(value: str) -> bool:
    """Return whether a value is no readable ``user:password``, and so must be judged by its looks."""
    try:
        plain = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return True
    return b":" not in plain


def assignment_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of a value that is assigned to a name whose word (``password``, ``key``, …) starts at ``at``."""
    match = _ASSIGNMENT.match(text, at)
    if match is None:
        return
    kind = match.lastgroup or ""
    value, quoted = match[kind], kind != "bare"
    word, operator = match["word"].lower(), match["operator"]
    if len(value) < (5 if word[0] == "p" else 8) or (not quoted and value.isalpha() and len(value) < 20):
        return  # most values in source code
    if is_template(value):
        return
    start, end = match.span(kind)
    head = _NAME_HEAD.search(text, max(0, at - _NAME_REACH), at)
    head_text = head[0] if head is not None else ""
    name = head_text + match["word"]
    if text.endswith("://", max(0, at - len(head_text) - 3), at - len(head_text)):
        return  # "https://x-access-token:…@host" is a URL
    if not quoted:
        if text[end : end + 1] in {"(", "[", "{"} or operator[-1:] == "(":
            return  # a call or a subscript
        value = value.rstrip(".:") if operator != ">" else value
        end = start + len(value)
    bare_blank = operator.strip() == "" and not quoted
    if word.startswith(("pass", "pwd")):
        if word == "pwd" and value[:1] in "/~.":
            return
        if word == "pass" and not re.search(r"(?:^|[_.\-\s])\Z|[a-z]\Z", head_text):
            return
        line = text[max(0, at - 200) : at]
        line = line[line.rfind("\n") + 1 :]
        if bare_blank:
            # ".netrc", "redis.conf", "--password …": elsewhere a word after "password" is prose.
            option = re.search(
                r"(?:\blogin[ \t]+\S+[ \t]+|--?[\w-]*|^[ \t]*require|^[ \t]*master|\bENV[ \t]+\w*|"
                r"^[ \t]*\w*_)\Z",
                line,
                re.IGNORECASE,
            )
            if option is None or not any(c.isdigit() or c in "!#$%^*@?" for c in value):
                return
        elif not quoted and operator.strip() in {",", "|"}:
            return
        setting = bare_blank or operator == ">" or _is_setting(line, operator)
        if _is_password(value, quoted, name.lower() if not name.isupper() else name, setting=setting):
            yield masked(start, end, "password")
        return
    if operator.strip() in {",", "|"} and not quoted:
        return
    if head_text and _NO_KEY.search(head_text):
        return
    qualified = word.startswith("secret") or (bool(head_text) and _QUALIFIED.search(head_text) is not None)
    long = len(value) >= 24
    if bare_blank:
        if not (looks_random(value, 20) and (qualified or long)) and not (is_uuid(value) and qualified):
            return
        if _HEX.fullmatch(value) and not qualified:
            return
    if word.startswith("secret"):
        shortest = 8 if quoted else 10
    elif qualified:
        shortest = 12
    else:
        shortest = 16
    # "newscatcher_key": any other name before the word is most often a provider's.
    if not qualified and _NAMED.search(head_text):
        qualified = _is_upper_or_long(name, value)
    if _is_secret(value, qualified=qualified, quoted=quoted, shortest=shortest):
        yield masked(start, end, "secret" if word.startswith("secret") else word.rstrip("s"))


def _is_upper_or_long(name: str, value: str) -> bool:
    """Return whether a hexadecimal value or a UUID is a credential, by a name that may be a provider's."""
    return len(value) >= 32 and (name.isupper() or name.lower().endswith(("_key", "_token", "apikey", "key", "token")))


_NAMED: Final = lazy_pattern(r"[A-Za-z]{3,20}[_.-]?\Z")
_SETTING: Final = lazy_pattern(
    r"\A[ \t>|+-]*(?:export[ \t]+|set[ \t]+|ENV[ \t]+|ARG[ \t]+|-[ \t]+|[#;/]{1,2}[ \t]?)?[\w.$\"'\[\]/:@-]*\Z"
    r"|[;?&\"'][\w .-]*\Z|-D[\w.]*\Z|--[\w.-]*\Z"
    r"|(?:^|\s)[\w.]*(?:=\S*\s+)[\w.]*\Z",
    re.IGNORECASE,
)


def _is_setting(before: str, operator: str) -> bool:
    """Return whether a line up to the word reads like settings: ``DB_``, ``Server=db;``, ``?user=app&``, ``-D``."""
    return operator.strip() in {"=", ":", ""} and _SETTING.search(before) is not None
