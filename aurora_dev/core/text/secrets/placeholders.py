"""Telling real credentials from documented examples, placeholders, variables and templates."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final
from urllib.parse import unquote

from aurora_dev.lazy import lazy_pattern

__all__ = [
    "PLACEHOLDER",
    "entropy",
    "is_mixed",
    "is_placeholder_password",
    "is_random",
    "is_template",
    "is_uuid",
    "looks_random",
]

# Bits per character. 32 random hexadecimal digits have about 3.6, sixteen random letters and digits about 3.5,
# "aaaabbbb…" and "x…x" less than 2.
_MIN_ENTROPY: Final = 2.7
_LONG_UPPER: Final = 16  # characters

PLACEHOLDER: Final = lazy_pattern(
    r"example|placeholder|your|dummy|redacted|sample|changeme|change_me|change-me|insert|fake|x{4}|\*{3}|\.{3}|0{6}|"
    r"0123456789|1234567890|abcdefgh|(.)\1{7}",
    re.IGNORECASE,
)


def entropy(text: str) -> float:
    """Return the bits per character of a text, by the frequency of its characters."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())


def is_random(token: str) -> bool:
    """Return whether a token is neither a placeholder nor a repetition."""
    return PLACEHOLDER.search(token) is None and entropy(token) >= _MIN_ENTROPY


def is_mixed(token: str) -> bool:
    """Return whether a token is random and has letters and digits, as nearly every real one and few identifiers do."""
    return is_random(token) and any(c.isdigit() for c in token) and any(c.isalpha() for c in token)


# --- values of assignments --------------------------------------------------------------------------------------------

_UUID: Final = lazy_pattern(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Words, numbers and versions that are joined by punctuation: a name, a date, a model, a host, a path.
_WORDS: Final = lazy_pattern(r"[A-Za-z]*\d{0,4}(?:[-_./:@+ ](?:[A-Za-z]{0,40}\d{0,4}|\d{1,3}[A-Za-z]{1,3})){0,40}")
_RUN: Final = lazy_pattern(r"[A-Z]+|[a-z]+|\d+")
_LONGEST_WORD: Final = 20  # letters after its capital one
_LONGEST_ACRONYM: Final = 6  # letters; a longer run counts as several
_LONGEST_NUMBER: Final = 3
_MOST_PARTS: Final = 12


def is_uuid(value: str) -> bool:
    """Return whether a value is a UUID."""
    return _UUID.fullmatch(value) is not None


def is_camel_case(value: str) -> bool:
    """Return whether a value is a name of up to twelve words, acronyms and numbers: ``getHTTPResponse2``.

    A regular expression for it can split a run of capital letters in many ways, and would try all of them.
    """
    runs = _RUN.findall(value)
    if sum(map(len, runs)) != len(value):
        return False
    parts, before = 0, ""
    for at, run in enumerate(runs):
        if "a" <= run[0] <= "z":
            # The first word may begin with a small letter; the capital one of any other is the end of the run before.
            if len(run) > _LONGEST_WORD or (at and not ("A" <= before[0] <= "Z" and len(run) > 1)):
                return False
            parts += at > 0
        elif "A" <= run[0] <= "Z":
            following = runs[at + 1][0] if at + 1 < len(runs) else ""
            acronym = len(run) - ("a" <= following <= "z")
            if acronym == 1:
                return False
            parts += -(-acronym // _LONGEST_ACRONYM)
        else:
            parts += -(-len(run) // _LONGEST_NUMBER)
        before = run
    return parts <= _MOST_PARTS


def looks_random(value: str, shortest: int) -> bool:
    """Return whether a value of at least ``shortest`` characters looks like no name, number, version or path."""
    if len(value) < shortest or not is_random(value) or entropy(value) < min(3.0, math.log2(shortest) - 0.3):
        return False
    digits = sum(c.isdigit() for c in value)
    letters = sum(c.isalpha() for c in value)
    if not letters:
        return digits >= 16
    if not digits:
        # Random letters change case often; a name in camel case does so only at its words.
        mixed = any(c.isupper() for c in value) and any(c.islower() for c in value)
        return mixed and len(value) >= 20 and not is_camel_case(value) and not _WORDS_ONLY.fullmatch(value)
    if digits > 1 and len(value) >= _LONG_UPPER and value.isalnum() and value.isupper():
        return True  # base32
    return _WORDS.fullmatch(value) is None and not is_camel_case(value)


_WORDS_ONLY: Final = lazy_pattern(r"(?:[A-Z]?[a-z]+|[A-Z]+)(?:[-_./: ](?:[A-Z]?[a-z]+|[A-Z]+)){0,40}")

_TEMPLATE: Final = lazy_pattern(
    r"\$\{|\$\("
    r"|\{\{|%\(|<%|#\{|@\{|\$\[|\[masked: [a-z0-9-]{1,40}\]"
    r"|^\$[A-Za-z_]|^%[A-Za-z_]\w*%$|^%[sdrv]$|^[<{\[(].*[>})\]]$|^<|^!|"
    r"\\[dwsbW][+*{)\]]|\[a-z|\[A-Z|\[0-9|\[\^|\.\*|^@[a-z]|\bprocess\.env|\bos\.environ|\bENV\[",
)


def is_template(value: str) -> bool:
    """Return whether a value is filled in later, or is a pattern: ``${VAR}``, ``{{ value }}``, ``<password>``."""
    return _TEMPLATE.search(value) is not None


# --- passwords --------------------------------------------------------------------------------------------------------

# Hosts that RFC 2606 reserves for examples; no real account is there.
_EXAMPLE_HOST: Final = lazy_pattern(r"(?:^|\.)(?:example(?:\.[a-z.]+)?|invalid)\.?$", re.IGNORECASE)
_VARIABLE: Final = lazy_pattern(
    r"\$\{?[A-Za-z_][\w.]*\}?|\$\(.*\)|%[A-Za-z_]\w*%|%[sdrv]|%\(\w+\)s|\{.*\}|<.*>|\[.*\]|\*+|#+|.*(?:\$\{|\{\{|\.\.\.).*"
)
_PLACEHOLDER_PASSWORD: Final = lazy_pattern(
    r"(?:my|your|the|some|user|db|test|super|new|old)?[_.-]?"
    r"(?:pass|passw(?:or)?d|passphrase|pwd|pw|secret|token|key|apikey|api[_-]key|credentials?|example|sample|dummy|fake|"
    r"placeholder|change[_-]?me|changeit|redacted|masked|hidden|test|testing|admin|root|guest|user|username|postgres|"
    r"mysql|mongo|redis|rabbitmq|foo|bar|baz|abc|xyz|x+|default|none|null|true|false|here|hunter2|[a-z])"
    r"[_.-]?(?:here|word)?\d{0,4}[!?.]?"
)
_PLACEHOLDER_WORD: Final = lazy_pattern(r"(?:^| )(?:secret|password|passphrase)(?:$| )")  # "a%20secret"
_LEET: Final = str.maketrans("013457@$", "oieastas")
_MIN_PASSWORD: Final = 4  # "u:p@", "a:b@", "foo:bar@" are not real passwords


def is_placeholder_password(password: str, user: str = "", host: str = "") -> bool:
    """Return whether a password is a documented example, a variable, or the default of a container image."""
    if len(password) < _MIN_PASSWORD or _VARIABLE.fullmatch(password):
        return True
    if _EXAMPLE_HOST.search(host) and not any(c.isdigit() for c in password):
        return True
    plain = unquote(password)
    lower = plain.lower()
    # postgres:postgres@, guest:guest@: the defaults of container images
    if lower == unquote(user).lower() or user.lower() == "anonymous":
        return True
    readable = lower.rstrip("0123456789").translate(_LEET)
    return bool(
        _PLACEHOLDER_PASSWORD.fullmatch(lower)
        or _PLACEHOLDER_PASSWORD.fullmatch(readable)
        or _PLACEHOLDER_WORD.search(lower)
        or PLACEHOLDER.search(lower)
        or len(set(lower)) == 1
    )
