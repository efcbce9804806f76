r"""Values whose name says that they are secret: ``password = "…"``, ``api_token: …``, ``<password>…</password>``.

A name ends in one of a few words, an operator follows, then a value. ``values`` decides whether the value is a
credential. A password may be short; the value of a ``key`` or a ``token`` must look random, since most keys and tokens
in source code are no credentials.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from aurora_dev.core.text.secrets.edits import Edit, LazyPattern, masked
from aurora_dev.core.text.secrets.placeholders import is_template, is_uuid, looks_random
from aurora_dev.core.text.secrets.prefilter import Anchor, any_case, spread
from aurora_dev.core.text.secrets.prose import key_edits
from aurora_dev.core.text.secrets.providers import NAMES
from aurora_dev.core.text.secrets.values import (
    is_given_password,
    is_named_password,
    is_no_password,
    is_passphrase,
    is_secret,
)
from aurora_dev.lazy import lazy_pattern

__all__ = ["LABELS", "assignment_edits", "guarded_edits", "rules"]

LABELS: Final = frozenset(("password", "secret", "token", "key"))

_NAME_REACH: Final = 48  # characters before the word that may belong to the name
_NAME_CHARACTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$-"
_LINE_REACH: Final = 200
_LONGEST_LINE: Final = 2_000

# What may follow the word in a name: "secret_key_base", "password2", "client-key-data", "apiKeyProd".
_TAIL: Final = (
    r"(?:[_.-]?(?:value|string|base|data|b64|base64|hex|plain|plaintext|text|raw|prod|production|dev|development|stage|"
    r"staging|live|main|default|current|primary|secondary|old|new|admin|root|user|db|app|v?[0-9]{1,3})){0,2}"
)
_OPERATOR: Final = (
    r"(?:"
    # {"name": "X-Auth-Token", "value": "…"}: before "," below
    r"(?:,[\"'\s]{0,40}|\s{1,40}[\"']?)(?:default|(?:parameter)?value|content)[\"']?[ \t]{0,4}[:=][ \t]{0,4}"
    # the default of a parameter of a template
    r"|:?[ \t]{0,3}\{[^{}]{0,200}?\b(?i:default)[\"']?[ \t]{0,20}[=:][ \t]{0,3}"
    # a block of YAML, and a tag
    r"|:[ \t]{1,4}[|>][+-]?[ \t]{0,4}\r?\n[ \t]{1,40}|:[ \t]{1,4}(?:!!str|!!binary|!unsafe)[ \t]{1,4}"
    # **Password:** …
    r"|[ \t]{0,3}:\*\*[ \t]{1,4}|\*\*:?[ \t]{0,3}:?[ \t]{1,4}|[ \t]{1,3}to[ \t]{1,3}(?=[\"'])"
    # "=", ":", and with a type between the name and the value, as in "password: Optional[str] = …"
    r"|[ \t]{0,40}(?:\?|!)?(?::[ \t]{0,3}[\w.|&]{0,14}[\[<]?(?:str(?:ing)?|char)?[\]>]?\??"
    r"(?:[ \t]\|[ \t](?:None|null|undefined))?[ \t]{0,3}=|"
    r":=|=>|\?=|\+=|={1,3}|:{1,2}|->|→|,|\|\||\?\?|\?:|or(?=[ ][\"'])|\|)[ \t]{0,40}"
    r"|>[ \t]{0,8}(?:\s{0,20}<(?:value|string)>[ \t]{0,8})?(?:<!\[CDATA\[)?"
    r"|</(?:key|name|string)>\s{0,20}<(?:string|value)>"
    r"|[ \t]{0,3}\([ \t]{0,3}(?=[\"'`])"
    r"|[\"'`)\]]{0,3}\.(?:type|send_?keys|fill|set_?value|input|write)\([ \t]{0,3}(?=[\"'`])"
    r"|[ \t]{0,3}\{[ \t]{0,3}(?=[\"'])"
    r"|[ \t]{1,8}string[ \t]{0,8}=[ \t]{0,8}"
    r"|%3[dD]"
    r"|[ \t]{1,8}"
    r")"
)
_QUOTED: Final = (
    r"(?:\\\"(?P<escaped>[^\"\\\r\n]{1,4000})\\\""
    r"|(?:<<|[bBuUrRnNL@$]{0,2})\"(?P<double>(?:[^\"\\\r\n]|\\[^\r\n]){1,4000})\""
    r"|[bBuUrRnNL@$]{0,2}'(?P<single>(?:[^'\\\r\n]|\\[^\r\n]|''){1,4000})'"
    r"|`(?P<back>[^`\r\n]{1,4000})`"
)
_VALUE: Final = (
    _QUOTED
    # A few "=" at most, so that "password=password=…" is not read again and again.
    + r"|(?P<entity>[^\s\"'`<>&]{0,64}&(?:amp|lt|gt|quot|apos|#\d{1,4});[^\s\"'`<>]{0,128})(?=</)"
    + r"|(?P<bare>[^\s\"'`,;&<>(){}\[\]|\\=]{1,4000}(?:=[^\s\"'`,;&<>(){}\[\]|\\=]{0,64}){0,3})"
    + r"|\{(?P<brace>[^{}\r\n]{4,128})\}(?=[;\"'\s]|\Z)|(?P<odd>[^\s=]{1,64}))"
)
_PASSWORD_WORDS: Final = (
    r"passw(?:or)?ds?|passwort|passwd|passphrase|passcode|pass|pwd|pw|psk|requirepass|masterauth|kennwort|"
    r"contrase(?:n|ñ|\?)a|senha|wachtwoord|mot_?de_?passe|parola|has(?:l|ł)o|l(?:ö|o)senord(?:et)?|adgangskode|salasana|"
    r"[şs]ifre|пароль|密码|パスワード|비밀번호"
)
_ASSIGNMENT: Final = LazyPattern(
    rf"(?P<word>{_PASSWORD_WORDS}|secrets?|tokens?|keys?|credentials?|creds?)"
    rf"(?P<tail>{_TAIL})(?![A-Za-z0-9_])(?P<close>(?:\\?[\"'`])?[\])]{{0,2}})(?P<operator>{_OPERATOR}){_VALUE}",
    re.IGNORECASE,
)
# A key or a token that is worth a look has a digit on its line, or its name ends the line and the value is on the next.
# After the name an operator follows, or a blank and a long word. This ends the search on most lines of source code
# before any of the slower rules.
_GUARD: Final = lazy_pattern(
    rf"(?i:secrets?|tokens?|keys?|credentials?|creds?)(?i:{_TAIL})(?![A-Za-z0-9_])[\\\"'`\])]{{0,4}}"
    # an operator, then a value with a digit, or a long one, or three words
    r"(?:[ \t]{0,40}(?:[=:|?>%({,<+!\[*]|[-=]>|→|or[ ][\"']|to[ ][\"']|string)"
    r"(?:[^\n0-9]{0,64}[0-9]|[\"'\]): =]{0,5}(?:[A-Za-z+/_-]{24}|[a-z]{3,14} [a-z]{3,14} [a-z]{3,14})|"
    r" [|>][+-]?[ \t]{0,4}\r?\n|[, {]{0,2}\r?\n"
    r"\s{0,40}(?:[\"'<]{0,2}(?:default|\w{0,9}value|content|string|description|type|sensitive)))"
    # a blank, then a long word
    r"|[ \t]{1,8}[\"'`]?(?=[^\s0-9]{0,64}[0-9])[^\s\"'`]{8}"
    r"|\.(?:type|send|fill|set|input|write)|\s{1,40}[\"'<]{0,2}(?:default|\w{0,9}value|content)"
    r"|</\w{3,6}>\s{0,20}<|[ \t]{1,8}[A-Za-z+/_-]{24})",
    re.ASCII,
)
# The same for passwords, which may be one word.
_PASSWORD_GUARD: Final = lazy_pattern(
    rf"(?i:{_PASSWORD_WORDS})(?i:{_TAIL})(?![A-Za-z0-9_])[\\\"'`\])]{{0,4}}"
    r"(?:[ \t]{0,40}(?:[=:|?>%({,<+!\[*]|[-=]>|→|or[ ][\"']|to[ ][\"']|string)|[ \t]{1,8}[\"'`]?[^\s\"'`]{4}"
    r"|\.(?:type|send|fill|set|input|write)|\r?\n?\s{0,40}[\"'<]{0,2}(?:default|\w{0,9}value|content))"
)

# Names that end like a secret's and hold something else: "primary_key", "next_page_token", "public_key".
_NO_KEY: Final = lazy_pattern(
    r"(?:^|[^A-Za-z]|(?-i:(?<=[a-z0-9])(?=[A-Z])))(?:public|pub|publishable|primary|foreign|cache|sort|partition|row|lookup|object|dedup\w*|map|dict|hash|index|"
    r"unique|idempotency|group|i18n|lang|translation|message|msg|locale|file|path|item|node|state|pixel|"
    r"shortcut|hot|arrow|column|field|s3|metric|label|sitekey|site|next|page|continu\w+|cursor|sync|cancel\w*|bos|eos|"
    r"pad|unk|mask|sep|cls|special|stop|fixture|trace|event|json|xml|attr\w*|property|config|settings?|known_hosts|gpg|"
    r"keyring|not|no|without|storage|commit|etag|checksum|finger\w*|version|build|model|prompt|completion|input|output|"
    r"image|text|max|min|total|num\w*|forget|csrf|xsrf|verification|confirmation)[_.-]?\Z",
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
_PROVIDER: Final = lazy_pattern(rf"(?:^|[^A-Za-z])(?:{NAMES})[\w.-]{{0,24}}\Z", re.IGNORECASE)
_NAMED: Final = lazy_pattern(r"[A-Za-z]{3,20}[_.-]?\Z")
_SETTING: Final = lazy_pattern(
    r"\A[ \t>|+*-]{0,40}(?:export[ \t]+|setx?[ \t]+(?:-x[ \t]+)?|ENV[ \t]+|ARG[ \t]+|-[ \t]+|[#;/]{1,2}[ \t]?)?"
    r"[\w.$\"'\[\]/:@%-]*\Z",
    re.IGNORECASE,
)
_SETTING_SIGN: Final = lazy_pattern(r"[;?&\"'=-]")  # one of them begins each end below
# The end of a line up to the word, within a connection string, an option or a list of settings.
_SETTING_END: Final = lazy_pattern(
    r"(?:[;?&\"'][\w .-]{0,48}|(?<![\w.-])-{1,2}[\w.-]{0,48}|=\S{1,60}\s{1,4}[\w.]{0,48})\Z"
)
_OPTION_END: Final = lazy_pattern(
    r"(?:-set(?:-string)?|-from-literal|-e|-env|-var|-build-arg|-o|-P|-property|-extra-vars)[= ]+[\"']?"
    r"(?:[^\s,=]{1,40}=[^\s,]{0,60},){0,4}"
    r"[\w.-]{0,48}\Z"
)
_BLANK_PASSWORD: Final = lazy_pattern(
    r"(?:\blogin[ \t]+\S+[ \t]+|(?<!\w)-(?:-[\w-]*|[a-zA-Z][\w-]{2,}|)|"
    r"^[ \t]*require|^[ \t]*master|^[ \t]*bind|"
    r"^[ \t]*root|\bENV[ \t]+\w*|\bsetenv[ \t]+\w*|"
    r"^[ \t]*set[ \t]+-\w{1,3}[ \t]+\w*|"
    r"^[ \t]*neighbor[ \t]\S+[ \t]+|^[ \t]*set[ \t][^\"']{0,120}(?:-|[ \t])|^[ \t]*\w*_|^[ \t]*|^[ \t]*(?:store|key)|"
    r"^[ \t]*(?:enable|username[ \t]\S+(?:[ \t]privilege[ \t]\d+)?)[ \t]+|"
    r"\bwifi[ \t]connect[ \t].{1,60}[ \t]|\bconfig[ \t]+set[ \t]+\S*)\Z",
    re.IGNORECASE,
)
_PLAIN_HEAD: Final = lazy_pattern(r"login|require|master", re.IGNORECASE)
_KNOWN_FLAG: Final = lazy_pattern(r"(?<!\w)-(?:-[\w-]*|[a-zA-Z][\w-]{2,}|)\Z")
_OPTION_NAME: Final = lazy_pattern(
    r"--(?:[a-z]{2,16}-)?(?:api-?|access-?|auth-?|secret-?|app-?|deploy-?|bot-?|personal-access-?)?(?:token|key|secret)",
)
# In a query, or in a form that curl sends.
_QUERY_END: Final = lazy_pattern(r"(?:[?&]|\s-(?:F|d|-form|-data)[ \t=][\"']?)\Z")
_GETTER: Final = lazy_pattern(
    r"(?:^|[._$>-])(?:get|fetch|find|load|lookup|read|delete|remove|prompt|ask|request|has|forgot)_?\Z", re.IGNORECASE
)
_LEVEL: Final = lazy_pattern(r"(?:[05-9][ \t]+)")
_LOGIN_BEFORE: Final = lazy_pattern(r"\b(?:login|user|machine|username|account)[ \t]+\S+[ \t]*\r?\n\Z")
_LINE_END: Final = lazy_pattern(r"[ \t]*(?:(?:[;,][ \t]*)?(?:#|//|--)|\r|\n|\Z)")  # a comment ends with its line
_WHOLE: Final = lazy_pattern(r"[^\s]{1,400}")
_PHRASE: Final = lazy_pattern(
    r"[a-z]{3,14}\d{0,4}(?: (?:[A-Za-z][a-z]{2,13}\d{0,4}|\d{1,4})){2,7}(?=[ \t]*(?:\r|\n|\Z))"
)
_CALLS: Final = frozenset("([")
_CALL_AFTER: Final = lazy_pattern(r"\w[\w.]*[(\[{]")
_INI_LINE: Final = lazy_pattern(
    r"^[ \t]*[\w.-]*(?:user(?:name)?|login|host(?:name)?|server|port|database|db(?:name)?|repository|email|url|account)"
    r"[ \t]*[:=][ \t]*[^\s\"'({]+[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def _ends(text: str, at: int) -> bool:
    """Return whether a value without quotes ends at a place, whatever may stand in it."""
    return text[at : at + 1] in _VALUE_ENDS


_VALUE_ENDS: Final = frozenset(("", " ", "\n", "\r", "\t", ",", ")"))


def assignment_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of a value that is assigned to a name whose word (``password``, ``key``, …) starts at ``at``."""
    match = _ASSIGNMENT.match(text, at)
    if match is None:
        return
    kind = match.lastgroup or ""
    if kind == "bare" and text[match.end() : match.end() + 1] in _CALLS:
        return  # a call or a subscript, as most often in source code
    word, operator = match["word"].lower(), match["operator"].strip()
    in_block = "\n" in match["operator"] and operator[:1] == ":"
    if in_block or (operator[:1] == ":" and operator[-1:].isalpha()):
        operator = ":"
    is_password = not word.startswith(("secret", "token", "key", "cred"))
    if kind == "bare" and is_password and _ends(text, match.end()) and is_no_password(match["bare"].rstrip(".:")):
        return  # "password: str", "the password is", as most often in source code and prose
    before = text[max(0, at - _NAME_REACH) : at]
    head_text = before[len(before.rstrip(_NAME_CHARACTERS)) :]
    if text.endswith("://", max(0, at - len(head_text) - 3), at - len(head_text)):
        return  # "https://x-access-token:…@host" is a URL
    if text.endswith("${", max(0, at - len(head_text) - 2), at - len(head_text)):
        yield from _default_edits(text, match.end("tail"), is_password, head_text + match["word"])
        return
    if operator[:1] == "(" and _GETTER.search(head_text):
        return  # get_password("service", "user")
    name = head_text + match["word"]
    quoted = kind not in {"bare", "odd"}
    bare_blank = not operator and not quoted
    if _is_listed(
        match[kind], word, head_text, operator, quoted=quoted, is_password=is_password, is_constant=name.isupper()
    ):
        return
    line_start = max(text.rfind("\n", max(0, at - _LINE_REACH), at) + 1, at - _LINE_REACH, 0)
    line = text[line_start:at]
    setting = (
        bare_blank
        or in_block
        or operator[:1] == ">"
        or operator[:2] == "</"
        or (operator[-6:-1].lower() == "value" and name.isupper())
        or operator == "%3D"
        or _is_setting(line, operator)
    )
    start, end = match.span(kind)
    if not quoted:
        found = _bare(text, start, end, odd=kind == "odd", setting=setting, operator=operator, is_password=is_password)
        if found is None:
            return
        start, end = found
    value = text[start:end]
    if is_template(value):
        return
    if kind == "brace" and not (is_password and operator == "=" and ";" in line):
        return
    if word.startswith("cred"):
        yield from _pair_edits(value, start, quoted, setting, is_bind="bind" in head_text.lower())
        return
    if is_password:
        if len(value) < 4 or not _password_name(word, head_text, value):
            return
        if word == "pass" and head_text[-1:].isupper() and operator not in {"=", ":"}:
            return  # a list of keywords
        if bare_blank:
            if not _takes_password(text, line, line_start, value, end):
                return
            if _LEVEL.fullmatch(text[start:end] + " "):
                return
            if is_given_password(value):
                yield masked(start, end, "password")
            return
        if not operator and kind == "back" and not head_text:
            return  # "pass `name=`"
        if not quoted and not setting and operator == "=" and match["operator"] != "=":
            setting = _is_ini(text, line_start, end)
        if operator[:1] == ">":
            operator = ">" if not match["close"] else ">name"
        tight = match["operator"] == "=" and text[end : end + 1] not in {",", ")", ".", "["}
        tight = tight or (setting and not quoted and _is_ini(text, line_start, end))
        if is_named_password(value, quoted=quoted, name=name, operator=operator, setting=setting, tight=tight):
            yield masked(start, end, "password")
        return
    if len(value) < 8 or (head_text and _NO_KEY.search(head_text)):
        return
    if bare_blank and line.lower().endswith(("public ", "primary ")):
        return
    label = "secret" if word.startswith("secret") else word.rstrip("s")
    in_environment = operator == "=" and setting and name.isupper() and value.count("-") > 2
    if (
        label == "secret"
        and value.islower()
        and is_passphrase(value if quoted else value.replace("-", " " * in_environment))
    ):
        yield masked(start, end, label)
        return
    option = (bare_blank or operator == "=") and not quoted and _OPTION_NAME.fullmatch(head_text + word) is not None
    if _is_credential(
        value,
        word,
        head_text,
        name,
        quoted=quoted,
        bare_blank=bare_blank,
        setting=setting,
        option=option,
        in_query=_QUERY_END.search(line) is not None and "key" not in word,
    ):
        yield masked(start, end, label)


_DIGIT: Final = lazy_pattern(r"[0-9]")
_LONG_LETTERS: Final = 20  # a credential without digits is at least as long


def _is_listed(
    value: str, word: str, head_text: str, operator: str, *, quoted: bool, is_password: bool, is_constant: bool
) -> bool:
    """Return whether a value is one of a list of words, or too plain for a key: most are, and this costs little."""
    if is_password:
        return operator in {",", "|"} and (not quoted or (value.isalpha() and not is_constant))
    if word.startswith("cred"):
        return False
    if len(value) < 8 or (operator in {",", "|"} and not quoted):
        return True
    plain = len(value) < _LONG_LETTERS and _DIGIT.search(value) is None
    return plain and not (quoted and word.startswith("secret")) and not head_text.endswith("pre-shared-")


_DEFAULT: Final = lazy_pattern(r":?[-=]?(?P<value>[^\s{}\"'$]{4,200})\}")


def _default_edits(text: str, at: int, is_password: bool, name: str) -> Iterator[Edit]:
    """Yield the edit of the default in ``${DB_PASSWORD:-…}``."""
    match = _DEFAULT.match(text, at)
    if match is None or match["value"][0] == "?":
        return
    value = match["value"]
    if is_password:
        if is_named_password(value, quoted=False, name=name, operator="=", setting=True):
            yield masked(*match.span("value"), "password")
    elif not _NO_KEY.search(name) and is_secret(value, qualified=True, quoted=False, shortest=16, setting=True):
        yield masked(*match.span("value"), "secret")


def _bare(
    text: str, start: int, end: int, *, odd: bool, setting: bool, operator: str, is_password: bool
) -> tuple[int, int] | None:
    """Return the span of a value without quotes, or ``None`` if it is an expression of a program."""
    if operator.endswith("(") or (operator == "{" or operator.endswith("{")):
        return None
    if setting and is_password and operator not in {">", ",", "|"} and operator[:1] not in ">%<":
        phrase = _PHRASE.match(text, start)
        if phrase is not None:
            return phrase.span()
        whole = _WHOLE.match(text, start)
        # In a settings file a value ends with its line: pa"ss\w;rd(1
        if whole is not None and _LINE_END.match(text, whole.end()) and not _CALL_AFTER.match(whole[0]):
            stop = whole.end()
            line_start = max(0, start - _LONGEST_LINE)
            line = text[max(line_start, text.rfind("\n", line_start, start) + 1) : start]
            if not re.search(r"[;?&\"'{(<]", line) and not whole[0].endswith((",", ";")):
                return start, stop
    if odd or text[end : end + 1] in {"(", "[", "{"}:
        return None  # a call or a subscript
    if operator[:1] != ">":
        end = start + len(text[start:end].rstrip(".:"))
    return start, end


def _password_name(word: str, head_text: str, value: str) -> bool:
    if word == "pwd" and value[:1] in "/~.":
        return False
    if word == "pass" and not re.search(r"(?:^|[_.\-\s])\Z|[a-z]\Z|^[A-Z0-9_]+\Z", head_text):
        return False
    if word == "pass" and head_text.lower().endswith(("by", "com", "tres", "sur", "im", "over", "under")):
        return False
    if word in {"pw", "psk", "senha", "parola"}:
        return not head_text or not head_text[-1].isalpha() or word != "parola"
    return True


def _takes_password(text: str, line: str, line_start: int, value: str, end: int) -> bool:
    """Return whether a blank between "password" and a word makes the word a password, as in ``.netrc``."""
    readable = not any(c.isdigit() or c in "!#$%^*@?&+=~" for c in value)
    # A plain word is a password after an option, or on a line of its own, and in hardly any sentence.
    if readable and "-" not in line and not _PLAIN_HEAD.search(line) and not _LINE_END.match(text, end):
        return False
    option = _BLANK_PASSWORD.search(line)
    if option is None:
        return False
    if option[0].strip() == "":
        # "password …" alone on its line: ".netrc", a router, a kickstart file
        if not _LINE_END.match(text, end):
            return False
        return not readable or _LOGIN_BEFORE.search(text, max(0, line_start - 200), line_start) is not None
    if not readable:
        return True
    return _KNOWN_FLAG.search(line) is not None or option[0].lower().lstrip().startswith(("login", "require", "master"))


def _is_ini(text: str, line_start: int, end: int) -> bool:
    """Return whether the lines around a line set a user, a host or the like without quotes."""
    around = text[max(0, line_start - 160) : line_start] + text[end : end + 160]
    return _INI_LINE.search(around) is not None


_PAIR: Final = lazy_pattern(r"(?P<user>[\w.@+-]{1,64})[:/](?P<password>\S{4,128})")


def _pair_edits(value: str, start: int, quoted: bool, setting: bool, *, is_bind: bool) -> Iterator[Edit]:
    """Yield the edit of the password in ``user:password``, or of a value that looks random.

    Args:
        value: The value.
        start: Its place.
        quoted: Whether it was quoted.
        setting: Whether it stands in a settings file.
        is_bind: Whether it is for binding to a directory, and so the password itself.
    """
    if not (quoted or setting):
        return
    pair = _PAIR.fullmatch(value)
    if pair is not None and is_given_password(pair["password"], pair["user"]) and not pair["password"].isalpha():
        yield masked(start + pair.start("password"), start + pair.end("password"), "password")
    elif pair is None and looks_random(value, 20):
        yield masked(start, start + len(value), "secret")
    elif pair is None and is_bind and is_given_password(value):
        yield masked(start, start + len(value), "password")


def _is_credential(
    value: str,
    word: str,
    head_text: str,
    name: str,
    *,
    quoted: bool,
    bare_blank: bool,
    setting: bool,
    option: bool,
    in_query: bool,
) -> bool:
    qualified = word.startswith("secret") or (
        bool(head_text) and (_QUALIFIED.search(head_text) or _PROVIDER.search(head_text)) is not None
    )
    qualified = qualified or in_query
    if option and looks_random(value, 8) and sum(c.isdigit() for c in value) > 1:
        return True
    if bare_blank and head_text.endswith("pre-shared-") and is_given_password(value):
        return True
    if bare_blank:
        long = len(value) >= 24
        if not (looks_random(value, 20) and (qualified or long)) and not (is_uuid(value) and qualified):
            return False
        if _HEX.fullmatch(value) and not qualified:
            return False
    elif not quoted and value.isalpha() and len(value) < 20:
        return False
    if word.startswith("secret"):
        shortest = 8 if quoted else 10
    elif qualified:
        shortest = 12
    else:
        shortest = 16
    # "newscatcher_key": any other name before the word is most often a provider's.
    if not qualified and _NAMED.search(head_text):
        qualified = _is_upper_or_long(name, value)
    return is_secret(value, qualified=qualified, quoted=quoted, shortest=shortest, setting=setting)


_HEX: Final = lazy_pattern(r"[0-9a-f]+|[0-9A-F]+")


def _is_upper_or_long(name: str, value: str) -> bool:
    """Return whether a hexadecimal value or a UUID is a credential, by a name that may be a provider's."""
    return len(value) >= 32 and (name.isupper() or name.lower().endswith(("_key", "_token", "apikey", "key", "token")))


def _is_setting(before: str, operator: str) -> bool:
    """Return whether a line up to the word reads like settings: ``DB_``, ``Server=db;``, ``?user=app&``, ``-D``."""
    if operator not in {"=", ":", ""} and operator[-6:-1].lower() != "value":
        return False
    if _SETTING.match(before):
        return True
    sign = _SETTING_SIGN.search(before)
    if sign is None:
        return False
    begin, size = sign.start(), len(before)
    return bool(
        _SETTING_END.search(before, max(begin, size - 80)) or _OPTION_END.search(before, max(begin, size - 120))
    )


def _password_edits(text: str, at: int) -> Iterable[Edit]:
    return assignment_edits(text, at) if _PASSWORD_GUARD.match(text, at) else ()


# As `_GUARD`, without a digit near the name, as it nearly always is: a long word, three words, or the next line.
_WITHOUT_DIGIT: Final = lazy_pattern(
    r"[A-Za-z0-9_]{3,40}(?![A-Za-z0-9_])(?:[.-][A-Za-z0-9]{1,12}(?![A-Za-z0-9_])){0,2}[\\\"'`\])]{0,4}"
    r"(?:[ \t]{0,40}(?:[=:|?>%({,<+!\[*]|[-=]>|→|or[ ][\"']|to[ ][\"']|string)"
    r"(?:[\"'\]): =]{0,5}(?:[A-Za-z+/_-]{24}|[a-z]{3,14} [a-z]{3,14} [a-z]{3,14})|[, {|>+-]{0,4}\r?\n)"
    r"|\.[tsfiw]|\r?\n\s{0,40}[\"'<]{0,2}(?:default|\w{0,9}value|content)|</|[ \t]{1,8}[A-Za-z+/_-]{24}|[’：は是为])"
)


def guarded_edits(text: str, at: int, *, has_digit: bool = True) -> Iterable[Edit]:
    """Return the edits of a key, a token or another secret whose word starts at ``at``.

    Args:
        text: The text.
        at: The place.
        has_digit: Whether a digit follows within 110 characters on the line, as in most values.
    """
    if not has_digit and not _WITHOUT_DIGIT.match(text, at):
        return ()
    if _GUARD.match(text, at):
        return (*assignment_edits(text, at), *key_edits(text, at))
    return key_edits(text, at)


def rules() -> Iterator[tuple[Anchor, Callable[[str, int], Iterable[Edit]]]]:
    """Yield the rules for assignments, each with an anchor."""
    lower = "abcdefghijklmnopqrstuvwxyz"
    others = "".join(chr(code) for code in (9, 10, 13, *range(32, 127)) if not chr(code).isalpha())
    for anchor in spread("a", "s", "e", "?n", shift=5):
        yield anchor, _password_edits
    words = (
        "has?o",
        "l?senord",
        "?ifre",
        "sifre",
        "losenord",
        "pass",
        "kennwort",
        "senha",
        "wachtwoord",
        "adgangskode",
    )
    for word in (*words, "salasana"):
        yield any_case(word), _password_edits
    for anchor in spread("p", "w", "d", others + "s"):
        yield anchor, _password_edits
    for anchor in spread(lower + "_-. \"'\n$", "p", "w", "=: \"'\n]", shift=-1):
        yield anchor, _password_edits
    for anchor in spread("p", "w", " =:", "=\"' "):
        yield anchor, _password_edits
    for anchor in spread("p", "s", "k", "=: \"'"):
        yield anchor, _password_edits
    for word in ("secret", "token", "cred"):
        yield any_case(word[:4]), guarded_edits
    # A word of `_TAIL` begins with one of these letters; those of "keyword", "keyed" and "keyring" are none.
    for anchor in spread("k", "e", "y", others + "abcdhlmnoprstuv"):
        yield anchor, guarded_edits
