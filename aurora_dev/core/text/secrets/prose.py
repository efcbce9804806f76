"""Passwords in prose and messages: "the staging password is …", "log in with admin / …"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from aurora_dev.core.text.secrets.edits import Edit, LazyPattern, masked
from aurora_dev.core.text.secrets.placeholders import looks_random
from aurora_dev.core.text.secrets.prefilter import Anchor, any_case, literal, spread
from aurora_dev.core.text.secrets.values import is_given_password, is_passphrase
from aurora_dev.lazy import lazy_pattern

__all__ = ["LABELS", "key_edits", "prose_edits", "rules"]

LABELS: Final = frozenset(("password", "token"))

_NOUN: Final = (
    r"(?:pass(?:word|phrase|code|wort|e)?|passwd|pwd|pw|creds?|credentials?|kennwort|contrase(?:ñ|\?|n)a|senha|clave|[şs]ifre|"
    r"has(?:ł|l)o|l(?:ö|o)senord(?:et)?|adgangskoden?|salasana|"
    r"mot de passe|wachtwoord|mdp|пароль|密码|パスワード|비밀번호|secret|token|(?:api[ -]?|access[ -]?)?key)s?"
)
_FOR: Final = (
    r"(?:(?:[ \t]+[\w-]{1,24}){0,2}?[ \t]+(?:for|of|on|to|in|at|from|für|fuer|vom|von|de|del|do|da|du|pour|para|voor|"
    r"der|di|della|del|do|от|для|к|на|is for)[ \t][^.:;=\n\"'`]{1,60}?|"
    # other words stand before the verb in other languages
    r"(?:[ \t]+[^\W\d_]{1,16}){1,4}?(?=[ \t]+(?:è|é|jest|to|est|ist|es|är|er)[ \t]))?"
)
_IS: Final = (
    r"(?:(?:'s|’s|[ \t]+(?:(?:was |is |now |been ){1,3}(?:re)?(?:set|changed) to|"
    r"is|c['’]est|was|are|ist|war|es|est|is now|"
    r"e|é|è|to|är|er|on|este|jest|lautet|->|→|–|—|-|"
    r"will be|has been (?:re)?set to|has been changed to|"
    r"(?:was )?(?:re)?set to|(?:was )?changed (?:it )?to|changed from|(?:to|into)|"
    r"still|now|reads|stays|remains|with|nun|jetzt))|[ \t]*:(?=[ \t\"'`])|[ \t]*：|は|是|为|는|은)"
    r"(?:[ \t]+(?:still|now|currently|just|simply|again|set|to|always|the same|jetzt|noch|immer|is))*[ \t]*(?::[ \t]*)?"
)
_WRAP: Final = r"(?:«[ \u00a0\u202f])?[\"'`“”‘’«»„「『(*<]{0,3}"
_IS_PASSWORD: Final = LazyPattern(
    rf"{_NOUN}{_FOR}{_IS}{_WRAP}(?P<value>[^\s\"`“”’«»「」『』,]{{4,128}})", re.IGNORECASE
)
_PHRASE: Final = LazyPattern(
    rf"{_NOUN}{_FOR}{_IS}(?P<quote>[\"'`“«])"
    rf"(?P<value>[a-z]{{3,12}}\d{{0,4}}(?: [a-z]{{3,12}}\d{{0,4}}){{2,7}})[\"'`”»]",
    re.IGNORECASE,
)
_AS_PASSWORD: Final = lazy_pattern(
    r"(?P<value>[^\s\"'`“”,;:()]{5,64})[\"'`”]?[ \t]+(?:as|als|como|comme)[ \t]+"
    r"(?:the|your|its|das|la|a)?[ \t]*(?:\w+[ \t]+)?\Z",
    re.IGNORECASE,
)
_DIRECT: Final = LazyPattern(rf"{_NOUN}[ \t]+{_WRAP}(?P<value>[^\s\"`“”’«»「」『』,]{{4,128}})", re.IGNORECASE)
_DIRECT_HEAD: Final = lazy_pattern(
    r"\b(?:with|using|and|mit|avec|con|und|et|y|e)[ \t]+(?:(?:the|le|das|dem|la|el|il)[ \t]+(?:mot de[ \t]+)?)?\Z|"
    r"\buser(?:name)?[ \t:]{1,3}[\w.@-]{2,40}[ \t,;/]{1,3}(?:and[ \t]+)?\Z",
    re.IGNORECASE,
)
_CHANGED: Final = LazyPattern(
    rf"{_NOUN}{_FOR}[ \t]+from[ \t]+{_WRAP}(?P<value>[^\s\"`“”’«»,]{{4,128}})[ \t\"'`”’»]{{1,4}}to[ \t]",
    re.IGNORECASE,
)
_BARE_PHRASE: Final = LazyPattern(
    rf"passphrase{_FOR}[ \t]*:[ \t]+(?P<value>[a-z]{{3,12}}(?: [a-z]{{3,12}}){{3,7}})(?=[ \t]*(?:\r|\n|\Z))",
    re.IGNORECASE,
)
_AS_REACH: Final = 110
_WITH: Final = LazyPattern(
    r"(?:log ?in|sign ?in|login|creds?|credentials?|credentials are|account|user|zugangsdaten|anmeldedaten|"
    r"identifiants?|wifi|wlan|credenciales|credenziali|credenciais|inloggegevens)\b"
    r"(?:[ \t]+(?:\w+|to [\w.-]+|on [\w.-]+)){0,4}?"
    r"(?:[ \t]*[:=]|[ \t]+(?:with|as|using|is|are|mit|avec|con))[ \t]*[\"'`(]?"
    r"(?P<user>[\w.@+-]{2,64})[\"'`]?[ \t]*(?:/|:|\||,|and|with|pw|pass(?:word)?:?|-|–)[ \t]*[\"'`]?"
    r"(?P<value>[^\s\"'`,;]{5,64})",
    re.IGNORECASE,
)
_AFTER_LATIN: Final = 0x250
_END: Final = ".,;:?)]}>*…"
_STRONG: Final = lazy_pattern(r"[!@#$%^&*+=~?]")
_MEASURE: Final = lazy_pattern(
    r"\d+(?:[.,]\d+)*[a-zA-Z%]{0,3}|\d+(?:-\w+)+|v?\d+(?:\.\d+)+|\d{4}-\d\d.*|SHA-?\d+|RFC\d+|AES-?\d+\w*",
    re.IGNORECASE,
)
_CODE: Final = lazy_pattern(
    r"\w\||:\d|[(){}\[\]<>=]|::|->|\\|^--?\w|^@\w+$|^/|^\$|^[A-Z][A-Z0-9_]+$|^[a-z_]+\d?\.[a-z_]+|^https?:|^#\d+$"
)
_HYPHENATED: Final = lazy_pattern(
    r"[^\W\d_]+(?:[-_/'’.][^\W\d_]+)*|[a-z]{1,7}\d{1,2}|[a-z]+(?:[_/'.][a-z]+)*[-_]\d{1,2}|"
    r"[A-Z]+-?\d{1,4}|[A-Za-z][a-z]+\d"
)


def _is_spoken(value: str, *, sure: bool = False) -> bool:
    """Return whether a word in a sentence is a password: it has digits or signs as no other word has."""
    if (
        not all(ord(c) < _AFTER_LATIN for c in value)
        or _MEASURE.fullmatch(value)
        or _CODE.search(value)
        or (_HYPHENATED.fullmatch(value) and not (sure and value[-1].isdigit() and len(value) > 7))
    ):
        return False
    digits = sum(c.isdigit() for c in value)
    letters = sum(c.isalpha() for c in value)
    if not letters:
        return digits >= 6 and not value.isdigit()
    strong = _STRONG.search(value) is not None
    if not digits and not strong:
        return looks_random(value, 10) and value.isalnum()
    return is_given_password(value)


def _strip(value: str) -> str:
    value = value.rstrip("\"'")
    while value and value[-1] in _END:
        value = value[:-1].rstrip("\"'")
    return value


def _in_name(text: str, at: int) -> bool:
    """Return whether a noun is a part of a name; those are for ``assignments``."""
    before = text[at - 1] if at else " "
    return before in "_.-$" or (before.isalnum() and before.isascii())


def prose_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of a password that a sentence tells, after the noun at ``at``."""
    if _in_name(text, at):
        return
    phrase = _PHRASE.match(text, at)
    if phrase is not None:
        if is_passphrase(phrase["value"]):
            yield masked(*phrase.span("value"), "password")
        return
    bare = _BARE_PHRASE.match(text, at)
    if bare is not None and is_passphrase(bare["value"]):
        yield masked(*bare.span("value"), "password")
        return
    changed = _CHANGED.match(text, at)
    if changed is not None and _is_spoken(_strip(changed["value"])):
        start = changed.start("value")
        yield masked(start, start + len(_strip(changed["value"])), "password")
    match = _IS_PASSWORD.match(text, at)
    if match is None and (text[at : at + 3].lower() == "pw " or _DIRECT_HEAD.search(text, max(0, at - 64), at)):
        match = _DIRECT.match(text, at)
    if match is not None:
        value = _strip(match["value"])
        noun = text[at : at + 4].lower()
        start = match.start("value")
        if noun in {"secr", "toke"} or noun[:3] == "key" or noun[:3] == "api":
            public = text[max(0, at - 8) : at].lower().endswith(("public ", "public_", "pubkey "))
            if looks_random(value, 16) and (value.isalnum() or not _CODE.search(value)) and not public:
                yield masked(start, start + len(value), "token")
        elif _is_spoken(value, sure=noun[:2] == "pw"):
            yield masked(start, start + len(value), "password")
    if text[at : at + 4].lower() == "pass" and _AS.search(text, max(0, at - 24), at):
        used = _AS_PASSWORD.search(text, max(0, at - _AS_REACH), at)
        if used is not None and _is_spoken(used["value"]):
            yield masked(*used.span("value"), "password")


def _with_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of the password in "log in with admin / …"."""
    match = _WITH.match(text, at)
    if match is not None:
        value = _strip(match["value"])
        if _is_spoken(value):
            start = match.start("value")
            yield masked(start, start + len(value), "password")


# A sentence goes on after the noun with a blank, a colon, a quotation mark or an apostrophe.
_TELLS: Final = lazy_pattern(
    r"[A-Za-z]{0,10}(?![A-Za-z])(?:(?=[ \t:'`\"][^\n0-9]{0,64}[0-9])"
    r"[^\n]{0,60}?(?: (?:(?:is|was|are|ist|est|es|to|with)\b|->|→)|[:'’][ \t\"'`])|’|：|は|是|为)"
)
_AS: Final = lazy_pattern(r" (?:as|als|como|comme) ")
_MAY_TELL: Final = lazy_pattern(
    r"[^\W\d_]{0,10}(?:[ \t:'`\"]|’|：)[^\n]{0,120}?[0-9!@#$%^&*+~\"'`]|(?i:passphrase)[^\n:]{0,60}:[ \t][a-z]"
)


def _password_edits(text: str, at: int) -> Iterable[Edit]:
    if _in_name(text, at) or not (_MAY_TELL.match(text, at) or _AS.search(text, max(0, at - 24), at)):
        return ()
    return prose_edits(text, at)


def key_edits(text: str, at: int) -> Iterable[Edit]:
    """Return the edits of a key or token that a sentence tells."""
    return prose_edits(text, at) if _TELLS.match(text, at) else ()


def rules() -> Iterator[tuple[Anchor, Callable[[str, int], Iterable[Edit]]]]:
    """Yield the rules for prose, each with an anchor."""
    for word in ("has?o", "l?senord", "?ifre", "pass", "kennwort", "senha", "wachtwoord", "adgangskode", "salasana"):
        yield any_case(word), _password_edits
    for anchor in spread("a", "s", "e", "?n", shift=5):
        yield anchor, _password_edits
    for word in (
        "log in ",
        "login ",
        "login:",
        "sign in ",
        "creds ",
        "creds:",
        "credentials ",
        "credentials:",
        "account:",
        "wifi:",
        "wlan:",
        "zugangsdaten",
        "anmeldedaten",
        "identifiants",
        "credenciales",
        "credenziali",
        "credenciais",
        "inloggegevens",
    ):
        yield any_case(word), _with_edits
    yield any_case("mdp:"), prose_edits
    yield literal("mdp "), prose_edits
    yield any_case("clave"), _password_edits
    for key in ("\npw ", "\npw:", " pw ", " pw:", " pw'"):
        yield Anchor(key, -1), prose_edits
    for key in ("pwd ", "pwd:"):
        yield any_case(key), prose_edits
