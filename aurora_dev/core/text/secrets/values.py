"""Judge a value that stands where a credential stands: is it a real one?

What a program computes, what a template fills in, documented examples, types, labels and prose are none.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from aurora_dev.core.text.secrets.placeholders import (
    PLACEHOLDER,
    entropy,
    is_placeholder_password,
    is_template,
    is_uuid,
    looks_random,
)
from aurora_dev.lazy import lazy_pattern

__all__ = [
    "is_basic",
    "is_given_password",
    "is_named_password",
    "is_no_password",
    "is_passphrase",
    "is_path_or_url",
    "is_secret",
]

_SHORTEST_PASSWORD: Final = 4
_CSS: Final = ("-ms-", "-moz-", "-webkit-")  # after `input[type="password"]::`
_LONG_BASE64: Final = 40  # characters; base64 may begin like a path

# One word that stands where a password stands, and is none: a type, a rule of a validator, a label, a state.
_NO_PASSWORD: Final = frozenset(
    """
    and argument arguments flag flags for instead options or parameters switch to
    absent absolute account actual adgangskode admin advanced aes again algorithm allowed already always ambient
    anonymous any apikey applied argon2 argon2id array ask auto autocomplete automatic available base64 basic
    bcrypt bearer belongs between binary blank blob body bool boolean bound broken built bytea bytes cached
    callable called cert certificate changed changeit char check checked class cleared cleartext client code
    collected column comes common compared complex compromised configured confirm confirmation confirmed
    considered const contains contrasena contrasenya copied correct created credential credentials creds current
    current-password custom data database default delete deny deprecated derived details determined dialog
    different digest disabled disallow displayed does easily either either-or email empty enabled encoded
    encrypt encrypted enter entered entry env environ environment equal equals error exact exactly example
    exceeds exit expired exposed expr external external-secret extracted failed failure false fetched field file
    filled first fixed float forgot form found function generate generated github given google grant group guest
    guid handled hash hashed haslo header help here hidden hint host identical ignore ignored image included
    incorrect inherit injected input insecure int integer intended internal invalid isnull issued item json
    kennwort kept key keychain keyring keyword known label ldap leaked length less limited link list literal
    loaded local locked logged login logout long longer longtext losenord managed mandatory manual mask masked
    match matched matches maximum md5 measured mediumtext memory message method minimum missing mixed more mot-
    de-passe must name needed needs neither never new new-password nil none normal not nothing nowhere null
    nullable number oauth oauth2 object obtainable obtained off often okay old omit omitted once only opaque
    open option optional other our ours outdated owner page param parameter parola part passcode passed
    passphrase passwd password password_hash passwordless passwort pattern pbkdf2 pending permit picked pin
    plain plaintext policy post prefixed present preserved printed private process processed profile prohibited
    prompt prompted protected provided public query random read read-only readonly really received recover
    redacted reference refresh regex register reject rejected remember remove removed rendered repeat replace
    request requested required reset resolved restricted result retrieved return returned reused revoked role
    root rotated safe salasana salt same sample save saved scram scrubbed scrypt secret secrets secure security
    see select self send senha sensitive sent session set settings setup sha1 sha256 sha512 shared short shorter
    show shown sifre signed similar simple single skip skipped some something specified standard state static
    status stdin store stored str strict string string-literal stripped strong submit success supplied supported
    system tab table taken temporary test tested text textarea that the their then there this tied title todo
    toggle token tokens too transmitted treated true truncated trust trusted type typed unchanged uncommon
    undefined unencrypted unicode unique unknown unmasked unsafe unset unused update updated used user username
    using usually utf8 uuid valid validate validated validation value values varchar variable vault verified
    verified-by verify version visible wachtwoord warning was weak webauthn were whatever when whitelisted wiped
    with without written wrong xml yaml yes you your zero foobared files systemd sss compat winbind
    """.split()  # noqa: SIM905 - a list of words reads better
)
_KEYWORD: Final = lazy_pattern(
    r"passw|pass_?phrase|secret|token|api_?key|credential|kennwort|passwort|contrase|mot.de.passe|wachtwoord|"
    r"\bkey\b|\bpass\b",
    re.IGNORECASE,
)
_IDENTIFIER: Final = lazy_pattern(r"[A-Za-z_$][A-Za-z_$]*\d{0,2}(?:(?:\.|::|->|/|-|_)[A-Za-z_$]+\d{0,2}){0,20}[!?.:]?")
_REFERENCE: Final = lazy_pattern(r"[A-Za-z_$]\w*(?:(?:\.|::|->|\?\.)[A-Za-z_$]\w*){1,20}|@\w+|:\w+")
# Two words, one of them with a capital letter, in a place where no program looks an attribute up: "twite.Bough".
_TWO_WORDS: Final = lazy_pattern(r"[a-z]{3,12}\.[A-Z][a-z]{2,12}|[A-Z][a-z]{2,12}\.[A-Z][a-z]{2,12}")
_MIXED_WORDS: Final = lazy_pattern(r"[a-z]{2,12}[-_.][A-Z][a-z]{2,12}")
_ONE_CALL: Final = lazy_pattern(r"[A-Za-z]{3,12}\(\d{1,4}\)\S{0,4}")
_HUMP: Final = lazy_pattern(r"[a-z](?=[A-Z])")
_DASHED: Final = lazy_pattern(r"[a-z]{3,12}(?:[-_.][a-z]{3,12}){1,5}")
_PATH_OR_URL: Final = lazy_pattern(
    r"[a-z][a-z0-9+.-]{1,20}://|\.{0,2}/[\w.-]+(?:/|\Z)|~/|[A-Za-z]:\\|[\w.-]{1,64}:\d{2,5}/|arn:|data:|sha\d+[-:]"
)
_NUMBER: Final = lazy_pattern(r"[-+]?[\d_]*\.?\d+(?:[eE][-+]?\d+)?[smhdLlfF%]?|0x[0-9a-fA-F]{1,8}")
_HEX: Final = lazy_pattern(r"[0-9a-f]+|[0-9A-F]+")
_HOST_PORT: Final = lazy_pattern(r"[\w.-]*:\d{2,5}(?::\d{2,5})?")
_CODE: Final = lazy_pattern(r"==|=>|&&|::|\)\.|^\w+\(|^[\w.]+\[|\breturn\b|\+ ")
_SHELL: Final = lazy_pattern(r"^\$|\$[({]|^[<>|&]|`")
_STRONG: Final = lazy_pattern(r"[!@#$%^&*+=?~]")
_DISGUISE: Final = lazy_pattern(r"[A-Za-z]\d[a-z]")
_SIGNED_NUMBER: Final = lazy_pattern(r"(?<!\S)[!@#$%^&*+~]\d{2,6}(?!\S)")
_NUMERONYM: Final = lazy_pattern(r"\b(?:w3c|[a-z]\d{1,2}[a-z]|x509|md5\w|sha\d\w)\b", re.IGNORECASE)
_VALIDATION: Final = lazy_pattern(r"[a-z_]+(?::[\w,]+)?(?:\|[a-z_]+(?::[\w,]+)?)+")
_WORD: Final = lazy_pattern(r"[a-z]{3,14}\d{0,4}|\d{1,4}")
# Words that stand in sentences and labels, and rarely in passphrases.
_PROSE: Final = frozenset(
    """
    a account again already an and any are as at be been before below but by can cannot change characters check
    choose click confirm contain create credentials current do does email empty enter expired failed
    field for forgot from given has hash have here hidden if in incorrect input invalid is it its key least
    length letters log login long longer match may minimum missing more must my new no not of old on one only
    optional or our pass passphrase passwd password passwords please required reset same secret set should show
    sign strength strong than that the their this to token too type update use used user username valid was we
    weak when which will with without wrong you your
    """.split()  # noqa: SIM905 - a list of words reads better
)


def is_path_or_url(value: str) -> bool:
    """Return whether a value begins like a path, a URL or a name of a resource."""
    return _PATH_OR_URL.match(value) is not None


def is_given_password(value: str, user: str = "") -> bool:
    """Return whether a value is a password, standing where a command or a connection string takes one.

    Args:
        value: The value without quotes.
        user: The name of the user, if it is known: a password that is the same is a default.
    """
    if len(value) < _SHORTEST_PASSWORD or is_placeholder_password(value, user) or is_template(value):
        return False
    if _SHELL.search(value) or value[0] == "-" or _is_reference(value) or _HOST_PORT.fullmatch(value):
        return False
    if _PATH_OR_URL.match(value) or is_no_password(value) or (_KEYWORD.search(value) and not _is_strong(value)):
        return False
    return not (value.isdigit() and len(value) < 6)


def _is_reference(value: str) -> bool:
    """Return whether a value names an attribute, which rarely has both digits and capital letters."""
    capital_and_digit = any(c.isdigit() for c in value) and any(c.isupper() for c in value)
    return _REFERENCE.fullmatch(value) is not None and not capital_and_digit and not _TWO_WORDS.fullmatch(value)


def is_no_password(value: str) -> bool:
    """Return whether a value is a word that stands where a password stands, and is none: a type, a label, a state."""
    lower = value.lower()
    return lower in _NO_PASSWORD or lower.replace("_", "-") in _NO_PASSWORD


def _is_strong(value: str) -> bool:
    return any(c.isdigit() for c in value) and _STRONG.search(value) is not None


def _is_disguised(value: str) -> bool:
    """Return whether a digit stands within a word, and a sign somewhere or few words: "s0me #hash", "n1ght owl"."""
    if _SIGNED_NUMBER.search(value) and value.count(" ") < 3 and _is_no_talk(value):
        return True  # "Maple $482 harbour"
    found = _DISGUISE.search(value)
    if found is None or value.count(" ") > 4:
        return False
    return _STRONG.search(value) is not None or (
        value.count(" ") < 3 and _NUMERONYM.search(value) is None and _is_no_talk(value)
    )


def _is_no_talk(value: str) -> bool:
    return not any(word in _PROSE or word in _NO_PASSWORD for word in value.lower().split())


def _is_long_phrase(name: str, value: str) -> bool:
    """Return whether the value of a passphrase has several words, one of them a number: "grey owls in May 7"."""
    words = value.split()
    return (
        name.lower().endswith("passphrase")
        and 3 <= len(words) <= 8
        and any(word.isdigit() for word in words)
        and all(word.isalnum() for word in words)
        and _is_no_talk(value)
    )


def is_passphrase(value: str) -> bool:
    """Return whether a value is three to eight words that make no sentence and no label."""
    words = value.split(" ")
    if not 3 <= len(words) <= 8 or is_placeholder_password(value):
        return False
    lower = [word.lower() for word in words]
    return (
        len(set(lower)) > 2
        and all(_WORD.fullmatch(word) for word in lower)
        and not any(word in _PROSE for word in lower)
        and sum(word in _NO_PASSWORD for word in lower) < 2
    )


def is_named_password(
    value: str, *, quoted: bool, name: str, operator: str, setting: bool, tight: bool = False
) -> bool:
    """Return whether the value of a name that ends in "password" is one.

    Args:
        value: The value without quotes.
        quoted: Whether it was quoted.
        name: The name, as it stands.
        operator: What stands between the name and the value, without blanks.
        setting: Whether the name stands in a settings file or a connection string, where bare values are literals.
        tight: Whether the line around the value leaves no doubt that it is a literal, so that one plain word counts.
    """
    if len(value) < _SHORTEST_PASSWORD or is_placeholder_password(value) or value.startswith(_CSS):
        return False
    if _CODE.search(value.rstrip("=")) and not (quoted and operator == "=" and _ONE_CALL.fullmatch(value)):
        return False
    if _KEYWORD.search(value) and not (_is_strong(value) or (setting and _DISGUISE.search(value))):
        return False
    if (_PATH_OR_URL.match(value) and not _is_strong(value)) or _HOST_PORT.fullmatch(value):
        return False
    if any(c.isspace() for c in value):
        spoken = is_passphrase(value) or _is_disguised(value) or (quoted and _is_long_phrase(name, value))
        return (quoted or setting) and spoken
    if is_no_password(value) or _VALIDATION.fullmatch(value):
        return False
    if _NUMBER.fullmatch(value):
        return value.isdigit() and (len(value) >= 8 or (len(value) >= 6 and setting))
    digits = sum(c.isdigit() for c in value)
    symbols = sum(not c.isalnum() for c in value)
    letters = sum(c.isalpha() for c in value)
    if not letters:
        return digits > 3 and symbols > 0
    if not value.isascii() and not digits and not _STRONG.search(value):
        return False  # a label in another language
    if not digits:
        if _IDENTIFIER.fullmatch(value):
            return _is_word_password(value, quoted=quoted, name=name, operator=operator, setting=setting, tight=tight)
        # A sentence ends in a full stop.
        return symbols >= 1 and letters >= 3 and value[-1] not in ":.…" and (quoted or setting or symbols > 1)
    if not quoted and _IDENTIFIER.fullmatch(value):
        if _REFERENCE.fullmatch(value) and not value[-1].isdigit():
            return setting and name.isupper()
        return setting and (digits > 1 or name.isupper() or value[-1].isdigit())
    if quoted or setting:
        return letters + symbols >= 2
    return looks_random(value, 8) or (_is_strong(value) and _REFERENCE.fullmatch(value) is None)


def _is_word_password(value: str, *, quoted: bool, name: str, operator: str, setting: bool, tight: bool) -> bool:
    """Return whether a value of letters, dots and dashes is a password: a word, or words with dashes."""
    if value[-1] in ":?." or value.isupper():
        return False
    if quoted and _changes_case(value):
        return True
    if looks_random(value, 8) and (quoted or setting):
        return True
    if _MIXED_WORDS.fullmatch(value):
        return (quoted and operator == "=") or (
            "." not in value and setting and operator[-1:] in {"=", ":"} and len(name) > 4
        )
    if _DASHED.fullmatch(value):
        if "." in value or "_" in value:
            return False
        return (quoted or setting) and value.count("-") > 1
    if not value.isalpha() or len(value) < (5 if name.isupper() and operator == "=" else 6):
        return False
    # A label begins with a capital letter, and a name in camel case has one inside.
    if any(c.isupper() for c in value[1:]):
        return False
    if value[0].isupper():
        return quoted and operator in {"=", ":="} and not name[:1].isupper()
    if quoted:
        return True
    return setting and (name.isupper() or operator == ">" or (operator in {"=", ":"} and tight))


def _changes_case(value: str) -> bool:
    """Return whether letters change case as no camel case name does."""
    return len(_HUMP.findall(value)) >= 3 and len(value) <= 20


def is_secret(value: str, *, qualified: bool, quoted: bool, shortest: int, setting: bool = False) -> bool:
    """Return whether the value of a name that ends in "secret", "key" or "token" is a credential."""
    random_part = any(looks_random(part, 20) for part in value.split("."))
    if not quoted and _REFERENCE.fullmatch(value) and not random_part:
        return False  # "ed25519.PrivateKey"
    is_path = _PATH_OR_URL.match(value) is not None and not (value.endswith("=") and len(value) >= _LONG_BASE64)
    if is_path or PLACEHOLDER.search(value):
        return False
    if any(c.isspace() for c in value):
        return quoted and qualified and _is_disguised(value)
    if is_uuid(value):
        return qualified and entropy(value) > 3.0
    if _NUMBER.fullmatch(value) or _HOST_PORT.fullmatch(value):
        return qualified and value.isdigit() and len(value) >= 20 and entropy(value) > 2.7
    if _HEX.fullmatch(value) and len(value) >= 16:
        return qualified and entropy(value) >= 2.7
    if not quoted and _IDENTIFIER.fullmatch(value) and not any(c.isdigit() for c in value):
        return qualified and looks_random(value, 20)
    if _KEYWORD.search(value) and not looks_random(value, 24) and not _is_strong(value):
        return False
    if looks_random(value, shortest):
        return True
    if qualified and (quoted or setting) and len(value) >= 8 and _is_strong(value) and not _CODE.search(value):
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
        plain = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return False
    user, colon, password = plain.partition(":")
    return bool(colon) and plain.isprintable() and not is_placeholder_password(password, user)
