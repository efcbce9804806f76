r"""Passwords on command lines, in SQL and in calls: ``redis-cli -a …``, ``IDENTIFIED BY '…'``, ``login("user", "…")``.

Here the place of the value says that it is a password, so only examples, variables and paths stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from aurora_dev.core.text.secrets.edits import Edit, LazyPattern, masked
from aurora_dev.core.text.secrets.placeholders import entropy, is_random, looks_random
from aurora_dev.core.text.secrets.prefilter import Anchor, any_case, literal, spread
from aurora_dev.core.text.secrets.values import is_basic, is_given_password, is_passphrase
from aurora_dev.lazy import lazy_pattern

__all__ = ["LABELS", "rules"]

LABELS: Final = frozenset(("password", "basic-auth", "bearer-token", "password-hash"))

_S: Final = r"(?:[^\n|;&\\]|\\\r?\n|\\.){0,400}?"  # the rest of a command, over continued lines
_V: Final = (
    r"(?:'(?P<single>[^'\r\n]{3,256})'|\\?\"(?P<double>(?:[^\"\\\r\n]|\\[^\r\n\"]|\\\"(?=\S)){3,256})\\?\""
    r"|(?P<bare>[^\s'\"`|;<>()\[\]{}]{3,256}))"
)
_Q: Final = r"(?:'(?P<single>(?:[^'\\\r\n]|\\.|''){3,256})'|\"(?P<double>(?:[^\"\\\r\n]|\\.){3,256})\")"
_SPACE: Final = r"\s{0,20}"
_ARGUMENT: Final = r"(?:@?[\"'][^\"'\r\n]{0,200}[\"']|:\w{1,40})"
_COMMA: Final = r"\s{0,20}(?:,|=>)\s{0,20}"
_REFERENCE: Final = lazy_pattern(r"[A-Za-z_]{1,40}(?:\.[A-Za-z_]{1,40}){1,8}")
_MYSQL: Final = lazy_pattern(r"\b(?:mysql|mariadb)\w*\b")
_RANDOM_ENTROPY: Final = 4.2  # bits a character
_HEX_ENTROPY: Final = 3.0
_HEX: Final = lazy_pattern(r"[0-9a-fA-F]+")
_GREATER: Final = " >"  # in a list of rights of Redis, a password follows
_USER: Final = r"[\w.@+\\$%{}/-]{1,80}"


def _rule(pattern: str, *anchors: str, exact: bool = False) -> tuple[LazyPattern, tuple[Anchor, ...]]:
    found = tuple(map(literal if exact else any_case, anchors))
    return LazyPattern(pattern, 0 if exact else re.IGNORECASE), found


_RULES: Final = (
    # command lines
    _rule(rf"redis-cli\b{_S}\s(?:-a|--pass)(?:[ \t=]){_V}", "redis-cli", exact=True),
    _rule(rf"(?:mysql|mariadb|mongo|clickhouse)\w*(?:-\w+)?\b{_S}\s-p(?!ort|\s){_V}", "mysql", "mariadb"),
    _rule(
        rf"(?:mongo\w*|cqlsh|influx\w*|arangosh)\b{_S}\s(?:-p|--password)[ \t=]{_V}",
        "mongo",
        "cqlsh",
        "influx",
        "arangosh",
    ),
    _rule(
        rf"(?:sqlcmd|isql|osql|tsql|bcp|mssql-cli)\b{_S}\s-P[ \t]?{_V}",
        "sqlcmd",
        "isql",
        "osql",
        "tsql",
        "mssql-cli",
        exact=True,
    ),
    _rule(
        r"(?:sqlplus|expdp|impdp|sqlldr|rman)\s+(?:-\w+\s+)*[\"']?[\w.]+/(?P<bare>[^\s@/\"']{4,128})(?:@|\s|$)",
        "sqlplus",
        "expdp",
        "impdp",
        "sqlldr",
    ),
    _rule(r"thin:[\w.]+/(?P<bare>[^\s@/\"']{4,128})@", "thin:"),
    _rule(rf"ldap\w+\b{_S}\s-w[ \t]?{_V}", "ldap", exact=True),
    _rule(
        rf"(?:smbclient|rpcclient|smbmap|winexe)\b{_S}\s-U[ \t]?[\"']?{_USER}%(?P<bare>[^\s\"']{{4,128}})",
        "smbclient",
        "rpcclient",
        "smbmap",
        "winexe",
        exact=True,
    ),
    _rule(rf"(?:x?freerdp3?|wfreerdp)\b{_S}\s/p:{_V}", "freerdp", exact=True),
    _rule(rf"sshpass\s+-p[ \t]?{_V}", "sshpass", exact=True),
    _rule(rf"openssl\b{_S}\s-[kK][ \t]{_V}", "openssl", exact=True),
    _rule(
        rf"(?:pass(?:in|out)?|env)[ \t=]pass:{_V}",
        "passin pass:",
        "passout pass:",
        "pass pass:",
        "passin=",
        "env pass:",
        exact=True,
    ),
    _rule(rf"put-parameter\b{_S}\sSecureString\b{_S}\s--value[ \t=]{_V}", "put-parameter", exact=True),
    _rule(rf"put-parameter\b{_S}\s--value[ \t=]{_V}{_S}\sSecureString\b", "put-parameter", exact=True),
    _rule(rf"-keychain\b{_S}\s-[pP][ \t]{_V}", "-keychain", exact=True),
    _rule(rf" ENC[ \t]+{_V}[ \t]*(?:\r?$|\n)", " ENC ", exact=True),
    _rule(rf"signtool\b{_S}\s/p[ \t]{_V}", "signtool"),
    _rule(
        r"chpasswd:\s{1,40}(?:expire:\s\w+\s{1,40})?(?:list|users):[ \t]*\|?[ \t]*"
        r"\r?\n[ \t-]{0,40}[\w.-]{1,64}:(?P<bare>\S{4,128})",
        "chpasswd:",
        exact=True,
    ),
    _rule(rf"-pass[ \t]+pass:{_V}", "-pass pass:", exact=True),
    _rule(
        rf"htpasswd\s+-(?=\w*b)\w+\s+(?:-\w+\s+)*(?:\S+\s+)??{_USER}\s+{_V}[ \t]*(?:\r?$|\n|[|;&>#])",
        "htpasswd",
        exact=True,
    ),
    _rule(rf"net\s+user\s+{_USER}\s+{_V}", "net user"),
    _rule(rf"net\s+use\s+(?:\S{{1,8}}\s+)?\S+\s+/u(?:ser)?:\S+\s+{_V}", "net use"),
    _rule(rf"net\s+use\s+(?:\S{{1,8}}\s+)?\\\\\S+\s+(?!/){_V}\s+/u(?:ser)?:", "net use"),
    _rule(
        rf"(?:add_user|change_password|adduser|set_user_tags)\s+{_USER}\s+{_V}[ \t]*(?:\r?$|\n)",
        "add_user",
        "change_password",
    ),
    _rule(
        rf"(?:7za?|zip|unzip|rar|unrar)(?:\s+(?:a|x|e|-\w+)\b{_S})?\s-[pP][ \t]?{_V}",
        "7z a",
        "7z x",
        "7za ",
        "zip -",
        "rar a",
        "rar x",
        exact=True,
    ),
    _rule(rf"mosquitto_\w+\b{_S}\s-P[ \t]{_V}", "mosquitto_", exact=True),
    _rule(rf"ipmitool\b{_S}\s-P[ \t]?{_V}", "ipmitool", exact=True),
    _rule(rf"wpa_passphrase\s+(?:\"[^\"\n]+\"|\S+)\s+{_V}[ \t]*(?:\r?$|\n)", "wpa_passphrase", exact=True),
    _rule(rf"snmp\w+\b{_S}\s-[AXc][ \t]{_V}", "snmp", exact=True),
    # The file of wpa_supplicant: a passphrase in quotes may have blanks.
    _rule(r"psk=\"(?P<double>[^\"\r\n]{8,63})\"", 'psk="', exact=True),
    _rule(
        r"(?:key|secret)(?:_hex|_bytes)?\s?=\s?bytes\.fromhex\([\"'](?P<random>[0-9a-f]{32,256})[\"']",
        *(f"{name} = bytes.fromhex(" for name in ("key", "key_hex", "key_bytes", "secret", "secret_hex")),
    ),
    # The configuration of Hardhat.
    _rule(r"accounts:\s?\[\s{0,40}[\"'](?:0x)?(?P<random>[0-9a-f]{64})[\"']", "accounts:", exact=True),
    _rule(rf"snmp-server community\s+{_V}", "snmp-server", exact=True),
    _rule(
        rf"(?:tacacs|radius)-server[ \t][^\n]{{0,60}}?key[ \t]+(?:[0-9][ \t]+)?{_V}",
        "tacacs-server",
        "radius-server",
        exact=True,
    ),
    _rule(rf"isakmp key[ \t]+(?:[0-9][ \t]+)?{_V}[ \t]+address", "isakmp key", exact=True),
    _rule(rf"\binflux\b{_S}\s(?:-t|--token)[ \t=]{_V}", "influx", exact=True),
    _rule(
        rf"user[ \t]+[\w.@-]{{1,64}}[ \t]+{_V}[ \t]*\r?\n"
        rf"[ \t]*(?:put|get|mput|mget|cd|lcd|bin|binary|passive|prompt|ls|quote)\b",
        "user ",
    ),
    _rule(
        rf"(?:insecure-password|plaintext-password)[ \t]+{_V}", "insecure-password", "plaintext-password", exact=True
    ),
    _rule(
        r"(?:(?<=--password)|(?<=--passphrase))-command[ \t=]+[\"'](?:echo|printf)[ \t]+(?P<bare>[^\s\"']{4,128})",
        "-command ",
    ),
    _rule(rf"\slogin\b{_S}\s(?:-p|--password)(?:[ \t=]){_V}", " login", exact=True),
    _rule(rf"\s-u[ \t=]{_USER}\s+(?:-p[ \t]?|--pass(?:word)?[ \t=]){_V}", " -u ", exact=True),
    _rule(rf"\s-U[ \t=]{_USER}\s+-P[ \t]?{_V}", " -U ", exact=True),
    _rule(rf"\s--user(?:name)?[ \t=]{_USER}\s+(?:-p|--pass)(?:[ \t=]){_V}", " --user", exact=True),
    _rule(rf"(?:lftp|ncftp\w*)\b{_S}\s-u[ \t]{_USER},(?P<bare>[^\s\"']{{4,128}})", "lftp", exact=True),
    _rule(
        rf"(?:http|https|xh)\s{_S}\s(?:-a|--auth)[ \t=][\"']?{_USER}:(?P<bare>[^\s\"']{{4,128}})",
        " -a ",
        " --auth",
        exact=True,
    ),
    _rule(
        r"\s(?:-a|--auth)[ \t=][\"']?[\w.-]{1,64}:(?P<bare>[^\s\"':/]{4,128})[\"']?(?=\s|$)",
        " -a ",
        " --auth",
        exact=True,
    ),
    _rule(
        rf"(?:echo|printf)\s+(?:-\w+\s+|[\"']%s(?:\\n)?[\"']\s+)*{_V}\s*\|\s*[^\n]{{0,200}}?"
        r"(?:-stdin\b|sudo -\w*S|with-token|passphrase-fd|secrets? (?:set|put|create|versions)|\bkinit\b|cryptsetup|"
        r"smbpasswd|\blogin\b)",
        "echo ",
        "printf ",
        exact=True,
    ),
    _rule(
        r"(?:echo|printf)\s+(?:-\w+\s+)*[\"']?[\w.-]{1,64}:(?P<bare>[^\s\"'|]{4,128})[\"']?\s*\|\s*"
        r"(?:sudo\s+)?chpasswd",
        "echo ",
        "printf ",
        exact=True,
    ),
    _rule(
        r"(?:sudo -\w*S|chpasswd|-stdin|kinit\s+\S+)\b[^\n<]{0,80}<<<\s*[\"']?(?:[\w.-]{1,64}:)?"
        r"(?P<bare>[^\s\"'|]{4,128})",
        "sudo -",
        "chpasswd ",
        "-stdin <",
        "kinit ",
        exact=True,
    ),
    _rule(
        rf"secrets?\s+(?:set|put|create|add)\s+{_S}\s(?:--body|--value|--plaintext|-b|--data)[ \t=]{_V}",
        "secret set",
        "secrets set",
        "secret put",
        "secret add",
        "secret create",
        exact=True,
    ),
    _rule(rf"--secret-string[ \t=]{_V}", "--secret-string", exact=True),
    _rule(
        rf"(?:masterauth|masteruser\s+\S+\s+masterauth|sentinel auth-pass \S+)[ \t]+{_V}",
        "masterauth",
        "sentinel auth-pass",
        exact=True,
    ),
    _rule(
        rf"(?:bindpw|rootpw|bind_pw|ldap_pw)[ \t:=]+(?:--plaintext[ \t]+)?{_V}[ \t]*(?:\r?$|\n)",
        "bindpw",
        "rootpw",
        exact=True,
    ),
    _rule(rf"on{_GREATER}(?P<bare>(?=\S*[A-Za-z])[^\s=]\S{{3,128}})", "on" + _GREATER, exact=True),
    _rule(
        rf"(?:secret|password)[ \t]+[05789][ \t]+{_V}",
        *(f"{word} {kind} " for word in ("secret", "password") for kind in "05789"),
        exact=True,
    ),
    _rule(rf"enable (?:secret|password)[ \t]+{_V}", "enable secret ", "enable password ", exact=True),
    _rule(r"\]:(?:25|465|587|2525)\s+[^\s:]{1,80}:(?P<bare>\S{4,128})", "]:25", "]:46", "]:58", exact=True),
    _rule(rf"static:{_USER}:{_V}", "static:", exact=True),
    _rule(rf"SecureString\s+(?:-String\s+)?{_Q}", "SecureString"),
    _rule(rf":[ \t]+(?:XAUTH|EAP|PIN|NTLM)[ \t]+{_Q}", ": XAUTH", ": EAP ", ": PIN ", ": NTLM ", exact=True),
    _rule(rf"mysqladmin\b{_S}\spassword\s+{_V}", "mysqladmin", exact=True),
    _rule(rf"openssl passwd(?:\s+-\w+)*\s+(?!-){_V}", "openssl passwd", exact=True),
    _rule(rf"snmp[\w.-]{{0,20}}community[\"']?[ \t]{{0,4}}[:=][ \t]{{0,4}}{_V}", "snmp", exact=True),
    _rule(rf"r[ow]community6?[ \t]+{_V}", "rocommunity", "rwcommunity", exact=True),
    _rule(rf"ascii-text[ \t]+{_Q}", "ascii-text", exact=True),
    _rule(rf"WiFi\.begin\({_SPACE}{_ARGUMENT}{_COMMA}{_Q}{_SPACE}[),]", "WiFi.begin(", exact=True),
    # SQL
    _rule(rf"identified\s+(?:with\s+\S+\s+)?by\s+(?:password\s+)?{_Q}", "identified by", "identified with"),
    _rule(rf"IDENTIFIED BY\s+{_V}", "IDENTIFIED BY", exact=True),
    _rule(rf"AUTHENTICATION\s+BY\s+{_Q}", "AUTHENTICATION", exact=True),
    # calls
    _rule(
        rf"(?:login|basic_?auth|authenticate|auth|authentication|signin|sign_in|log_in|logon|credentials?|getconnection|"
        rf"authenticationtoken|basic)"
        rf"\({_SPACE}(?:\w{{1,40}}\s?,{_SPACE})?{_ARGUMENT}(?:{_COMMA}{_ARGUMENT}){{0,2}}{_COMMA}"
        rf"(?:Some\(|@)?{_Q}{_SPACE}(?:\)|\.\w+\((?:\)|\w+\)))?{_SPACE}[),]",
        "login(",
        "auth(",
        "signin(",
        "sign_in(",
        "log_in(",
        "logon(",
        "credential(",
        "credentials(",
        "getconnection(",
        "authenticate(",
        "authentication(",
        "authenticationtoken(",
        "basic(",
    ),
    _rule(
        rf"oracle\w{{0,2}}\.connect\({_SPACE}{_ARGUMENT}{_COMMA}{_Q}{_SPACE}[),]",
        "oracle.connect(",
        "oracledb.connect(",
    ),
    # Ruby needs no brackets.
    _rule(
        rf"(?:auth|login)[ \t][\"'][\w.@+-]{{1,64}}[\"'],[ \t]{{0,4}}{_Q}[ \t]*(?:\r|\n|\Z|;|,)",
        "auth '",
        'auth "',
        "login '",
        'login "',
    ),
    # The last argument is the domain of the user.
    _rule(rf"NetworkCredential\({_SPACE}{_ARGUMENT}{_COMMA}@?{_Q}{_COMMA}{_ARGUMENT}{_SPACE}\)", "NetworkCredential("),
    # A header of basic authentication that is made in JavaScript.
    _rule(r"btoa\([\"'`][\w.@+-]{1,64}:(?P<bare>[^\"'`\r\n]{4,128})[\"'`]", "btoa("),
    # The text of a QR code for a wireless network.
    _rule(r"WIFI:[^\n]{0,200}?;P:(?P<bare>(?:[^;\\\n]|\\.){5,64});", "WIFI:", exact=True),
    _rule(
        r"define\( ?'(?:SECURE_)?(?:AUTH|LOGGED_IN|NONCE)_(?:KEY|SALT)',\s{0,20}'(?P<random>[^'\r\n]{32,100})'",
        *(f"define({blank}'{name}_" for blank in ("", " ") for name in ("AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE")),
        exact=True,
    ),
    _rule(rf"load\({_SPACE}[\w.]{{1,40}}{_COMMA}{_Q}\.to_?char_?array", "load("),
    _rule(rf":auth\({_SPACE}{_Q}{_SPACE}\)", ":auth(", exact=True),
    _rule(
        rf"jwt\.(?:sign|verify|encode|decode)\({_SPACE}(?:\{{[^{{}}]{{0,400}}\}}|[\w.$]{{1,60}}){_COMMA}(?:key=)?{_Q}{_SPACE}[,)]",
        "jwt.sign(",
        "jwt.verify(",
        "jwt.encode(",
        "jwt.decode(",
    ),
    _rule(
        rf"(?:createHmac|createCipheriv|createSecretKey|hash_hmac|hexhmac|hmac_sha256)\({_SPACE}(?:{_ARGUMENT}{_COMMA}|[\w.$]{{1,60}}{_COMMA}){{1,2}}{_Q}"
        rf"{_SPACE}[,)]",
        "createHmac(",
        "createCipheriv(",
        "hash_hmac(",
    ),
    _rule(rf"SecretKeySpec\({_SPACE}{_Q}\.(?:getBytes|toByteArray)", "SecretKeySpec("),
    _rule(
        rf"(?:connect|mysqli|PDO|open|createconnection|datasource)\(\s{{0,20}}(?:[\"'][^\"'\r\n]{{0,200}}[\"']|[$\w.]{{1,60}})\s{{0,20}},\s{{0,20}}"
        rf"[\"'][\w.@$-]{{1,64}}[\"']\s{{0,20}},\s{{0,20}}{_Q}\s{{0,20}}[),]",
        "connect(",
        'open("',
        "mysqli(",
        "PDO(",
        "createconnection(",
        "datasource(",
    ),
    _rule(
        rf"cred(?:ential)?s?\s{{0,4}}=\s{{0,4}}[(\[]\s{{0,4}}[\"'][^\"'\r\n]{{1,100}}[\"']\s{{0,4}},\s{{0,4}}{_Q}",
        "cred",
    ),
    _rule(
        r"expect\s+[\"']?[^\"'\n]{0,40}pass\w*:?[^\"'\n]{0,8}[\"']?[;\s{]{1,8}(?:\\r)?\s{0,40}send\s+(?:--\s+)?[\"'](?P<double>[^\"'\n$]{3,128}?)(?:\\[rn])+[\"']",
        'expect "',
        "expect '",
        "expect {",
        "expect -",
    ),
)


def _value(match: re.Match[str]) -> tuple[str, int, int]:
    groups = match.groupdict()
    for name in ("single", "double", "bare", "random"):
        if groups.get(name) is not None:
            start, end = match.span(name)
            return match[name], start, end
    return "", 0, 0


def _is_mysql(text: str, at: int) -> bool:
    line = text[max(0, at - 200) : at]
    return _MYSQL.search(line[line.rfind("\n") + 1 :]) is not None


def _handler(pattern: LazyPattern) -> Callable[[str, int], tuple[Edit, ...]]:
    def edits(text: str, at: int) -> tuple[Edit, ...]:
        match = pattern.match(text, at)
        if match is None:
            return ()
        value, start, end = _value(match)
        if text[start - 1] in " \t" and text[at : at + 4] == " -u " and _is_mysql(text, at):
            return ()  # "-p shop" asks for the password of the database "shop"
        if "random" in match.groupdict():  # may hold any sign, blanks too; "put your unique phrase here" is an example
            least = _HEX_ENTROPY if _HEX.fullmatch(value) else _RANDOM_ENTROPY
            return (masked(start, end, "password"),) if entropy(value) > least else ()
        if value and (is_given_password(value) or is_passphrase(value)):
            return (masked(start, end, "password"),)
        return ()

    return edits


# --- .pgpass, htpasswd ------------------------------------------------------------------------------------------------

_PGPASS: Final = LazyPattern(
    r"(?:[\w.*-]{1,255}):(?:\d{1,5}|\*):(?:[\w*-]{1,64}):(?:[\w.*@-]{1,64}):(?P<bare>(?:[^\s:\\\"']|\\.){4,256})"
    r"(?=[\"']?[ \t]*(?:\r|\n|>|\Z))"
)
_PGPASS_HOST: Final = lazy_pattern(r"(?<![\w.:/@*-])[\w.*-]{1,255}\Z")


def _pgpass_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of a line of ``.pgpass``; ``at`` is the colon before the port."""
    host = _PGPASS_HOST.search(text, max(0, at - 256), at)
    match = _PGPASS.match(text, host.start()) if host is not None else None
    if match is not None and is_given_password(match["bare"]):
        yield masked(*match.span("bare"), "password")


_HASH: Final = lazy_pattern(r":(?P<hash>(?:\$(?:apr1|1|5|6|y|2[abxy])\$|\{(?:SHA|SSHA|SMD5)\})[\w./$+=,-]{20,200})")
_QUOTED_HASH: Final = LazyPattern(
    r"[\"'](?P<hash>\$(?:2[abxy]\$\d\d\$[\w./]{53}|P\$[\w./]{31}|(?:argon2id?|6|5|1|apr1|y)\$[\w./$+=,-]{22,200}))[\"']"
)


def _quoted_hash_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of a hash that a dump of a database has among the values of a row."""
    match = _QUOTED_HASH.match(text, at)
    if (
        match is not None
        and text[match.end() : match.end() + 1] in {",", ")"}
        and text[max(0, at - 2) : at].rstrip()[-1:] in {",", "("}
    ):
        yield masked(*match.span("hash"), "password-hash")


_HASH_USER: Final = lazy_pattern(r"(?:^|[\s\"'])[\w.@-]{1,64}\Z")


def _hash_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of a hash after a user in ``.htpasswd`` or ``/etc/shadow``."""
    match = _HASH.match(text, at)
    if match is not None and _HASH_USER.search(text, max(0, at - 66), at):
        yield masked(*match.span("hash"), "password-hash")


# --- headers ----------------------------------------------------------------------------------------------------------

_HEADER: Final = LazyPattern(
    r"(?P<scheme>basic|bearer|token|apikey|api-key|sso-key|key)"
    r"(?:[ \t]{1,4}|%20|\\?[\"'][ \t]{0,4}(?:\+|,|=>|\.)[ \t]{0,4}\\?[\"'][ \t]?)"
    r"(?P<value>[A-Za-z0-9+/=._~:-]{4,4000})",
    re.IGNORECASE,
)
_AUTH: Final = LazyPattern(
    r"(?:proxy-)?auth(?:orization|_?token)?(?:\\?[\"'`])?[ \t]{0,4}[:=][ \t]{0,4}(?:\\?[\"'`])?"
    r"(?:(?:token|[A-Za-z][\w-]{1,16})[ \t]{1,4}|[\w-]{2,12}=|)"
    r"(?P<value>[A-Za-z0-9+/._~-]{8,4000}={0,2})",
    re.IGNORECASE,
)
_AUTH_PAIR: Final = LazyPattern(
    r"(?:basic_?)?auth(?:entication)?(?:_?(?:basic|user|string|pair)){0,2}\\?[\"'`]?[ \t]{0,4}[:=][ \t]{0,4}\\?[\"'`]?"
    r"(?P<user>[\w.@+-]{1,64}):(?P<password>[^\s\"'`,;{}()\[\]<>]{4,128})(?=\\?[\"'`]|\s|\Z)",
    re.IGNORECASE,
)
_SHORTEST_BEARER: Final = 16
_SHORTEST_NAME: Final = lazy_pattern(r"[A-Za-z_]{0,20}\Z")


def _header_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of the value after "Basic" or "Bearer", which begins before ``at``."""
    match = _HEADER.match(text, at - 1) if at else None
    if match is None:
        return
    value, scheme = match["value"], match["scheme"].lower()
    start, end = match.span("value")
    if scheme == "basic":
        if is_basic(value) or (looks_random(value.rstrip("="), 16) and _is_undecodable(value)):
            yield masked(start, end, "basic-auth")
    elif looks_random(value, _SHORTEST_BEARER) or (_is_uuid(value)):
        yield masked(start, end, "bearer-token")


_AUTH_NAME: Final = lazy_pattern(r"[A-Za-z_]{4,22}(?![A-Za-z_])\\?[\"'`]?\s{0,4}[:=]")
_auth_tuple_edits: Final = _handler(
    LazyPattern(
        rf"auth(?:entication)?[\"']?\s{{0,4}}[=:]\s{{0,4}}[(\[]\s{{0,4}}[\"'][^\"'\r\n]{{1,100}}[\"']\s{{0,4}},\s{{0,4}}{_Q}",
        re.IGNORECASE,
    )
)


def _named_auth_edits(text: str, at: int) -> Iterable[Edit]:
    """Return the edits of what is assigned to a name with "auth"."""
    if _AUTH_NAME.match(text, at):
        return (*_auth_tuple_edits(text, at), *_auth_edits(text, at))
    return ()


def _auth_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of the value after "auth" or "Authorization"."""
    if at and text[at - 1].isalpha() and text[at - 1].islower() and text[at].islower():
        return
    pair = _AUTH_PAIR.match(text, at)
    if pair is not None and is_given_password(pair["password"], pair["user"]) and not pair["password"].isalpha():
        yield masked(*pair.span("password"), "password")
    match = _AUTH.match(text, at)
    if match is not None:
        value = match["value"]
        if is_basic(value):
            yield masked(*match.span("value"), "basic-auth")
        elif looks_random(value, 20) and _REFERENCE.fullmatch(value) is None:
            yield masked(*match.span("value"), "bearer-token")


_UUID: Final = lazy_pattern(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _is_uuid(value: str) -> bool:
    return _UUID.fullmatch(value) is not None and looks_random(value, 20)


def _is_undecodable(value: str) -> bool:
    """Return whether a value is no readable ``user:password``, and so must be judged by its looks."""
    import base64
    import binascii

    try:
        plain = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return True
    return b":" not in plain


# --- log lines of protocols -------------------------------------------------------------------------------------------

_SENT: Final = LazyPattern(
    r"(?:AUTH|PASS|auth|pass)[ \t]+(?:[\w.-]{2,32}[ \t]+)?(?P<bare>\S{4,128})[ \t]*(?:\r|\n|\\r|\Z)"
)
_SENT_HEAD: Final = lazy_pattern(
    r"(?:^|[\s\"'])(?:[<>*]{1,3}|-{1,3}>|[CS]:|<-|SEND:?|sent:?|127\.0\.0\.1:\d{2,5}>)[ \t]{1,4}[\"']?\Z"
)


def _sent_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of a password that a protocol sends: ``> AUTH …``, ``C: PASS …``."""
    match = _SENT.match(text, at)
    if match is not None and _SENT_HEAD.search(text, max(0, at - 24), at):
        value = match["bare"]
        if any(c.isdigit() for c in value) and is_given_password(value):
            yield masked(*match.span("bare"), "password")


# --- keys that a call takes -------------------------------------------------------------------------------------------

# The name of the function says that it takes a key; the key has no name of its own.
_TAKER: Final = lazy_pattern(
    r"(?:client(?:\.new)?|realtime|bugsnag\.start|aes\.new|hex\.decode|api|sdk|bot|wallet|signer|fernet|totp|hotp|hmac\d{0,3}|initiali[sz]e|init|configure|authenticate|auth|token|"
    r"getbytes|b64decode|secretkey|secretbox|signingkey|keypair|frommnemonic|account|apikey|connect|login|"
    r"algoliasearch|stripe|sendgrid|mailgun|openai|sentry|setapikey|credentials?)\Z",
    re.IGNORECASE,
)
_TAKEN: Final = LazyPattern(
    rf"\({_SPACE}(?:{_ARGUMENT}{_COMMA}|[\w.]{{1,60}}{_COMMA})?[bBrRu@]?[\"'](?P<value>[A-Za-z0-9+/=_.:-]{{16,200}}|0x[0-9a-fA-F]{{64}})[\"']"
    rf"{_SPACE}(?:\)|,(?!\s?[\"']\[masked))"
)
_BASE32: Final = lazy_pattern(r"(?=[A-Z]*[2-7])[A-Z2-7]{16,64}={0,6}")
_KEY_HEX: Final = lazy_pattern(r"(?:0x)?(?:[0-9a-f]{32,128}|[0-9A-F]{32,128})")
_KEY_ENDS: Final = (
    "nt",
    "pi",
    "dk",
    "ot",
    "er",
    "tp",
    "it",
    "ze",
    "re",
    "th",
    "en",
    "es",
    "de",
    "ey",
    "ox",
    "ir",
    "ic",
    "ch",
    "pe",
    "id",
    "ew",
    "me",
    "rt",
)


def _taken_edits(text: str, at: int) -> tuple[Edit, ...]:
    """Return the edit of a random argument of a function whose name says that it takes a key; ``at`` is its bracket."""
    match = _TAKEN.match(text, at)
    if match is None:
        return ()
    name = text[max(0, at - 20) : at]
    if _TAKER.search(name) is None:
        return ()
    value = match["value"]
    if (
        (_KEY_HEX.fullmatch(value) and is_random(value))
        or looks_random(value, 16 if name.lower().endswith("aes.new") else 20)
        or (name.lower().endswith("otp") and _BASE32.fullmatch(value) and is_random(value))
    ):
        return (masked(*match.span("value"), "key"),)
    return ()


def _at_bracket(text: str, at: int) -> tuple[Edit, ...]:
    return _taken_edits(text, text.find("(", at))


_CHAP: Final = LazyPattern(r"\*[ \t]{1,8}\"(?P<bare>[^\"\s]{4,128})\"[ \t]{1,8}[*\d\"]")


def _chap_edits(text: str, at: int) -> tuple[Edit, ...]:
    """Return the edit of the secret in a line of ``chap-secrets``: ``"user" * "secret" *``."""
    match = _CHAP.match(text, at)
    if match is None or not is_given_password(match["bare"]):
        return ()
    return (masked(*match.span("bare"), "password"),)


_JWK: Final = lazy_pattern(
    r"(?<=[\"'])(?:d|p|q|dp|dq|qi|k)\\?[\"']\s{0,4}:\s{0,4}\\?[\"'](?P<value>[A-Za-z0-9_-]{16,800})\\?[\"']"
)
_JWK_REACH: Final = 3_000


def _jwk_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edits of the private parts of a JSON web key; ``at`` is its ``"kty"``."""
    start = text.rfind("{", max(0, at - _JWK_REACH), at)
    end = text.find("}", at, at + _JWK_REACH)
    if start < 0 or text.find("}", start, at) >= 0:
        return
    for match in _JWK.finditer(text, start, end if end >= 0 else min(len(text), at + _JWK_REACH)):
        if is_random(match["value"]):
            yield masked(*match.span("value"), "private-key")


def rules() -> Iterator[tuple[Anchor, Callable[[str, int], Iterable[Edit]]]]:
    """Yield the rules for commands, SQL, calls, headers and password files, each with an anchor."""
    for pattern, anchors in _RULES:
        handler = _handler(pattern)
        for anchor in dict.fromkeys(anchors):
            yield anchor, handler
    for end in _KEY_ENDS:
        for anchor in spread(*end, "(", "\"'b@"):
            yield anchor._replace(shift=-2), _taken_edits
    for anchor in spread("2356", "1246", "(", "\"'", shift=-2):  # HMAC256("…")
        yield anchor, _taken_edits
    for word in ("wallet(", "fernet(", "hmac(", "account(", "connect("):
        yield any_case(word), _at_bracket
    for key in ("AUTH ", "PASS "):
        yield Anchor(key[:4].lower(), 0, key, exact=True), _sent_edits
    for key in ("asic", "eare"):
        yield any_case(key), _header_edits
    yield any_case("auth"), _named_auth_edits
    for anchor in spread("*", " \t", '"', map(chr, range(33, 127))):
        yield anchor, _chap_edits
    yield literal('kty"'), _jwk_edits
    yield literal('kty\\"'), _jwk_edits
    yield literal("kty'"), _jwk_edits
    printable = "".join(map(chr, range(33, 127)))
    for port in (":5432", ":5433", ":5434", ":6432", ":6543", ":*:"):
        for anchor in spread(*port[:4], *([printable] * (4 - len(port)))):
            yield anchor, _pgpass_edits
    for sign in "\"'":
        for key in ("$2y", "$2b", "$2a", "$P$", "$ar", "$6$", "$5$", "$ap"):
            yield literal(sign + key), _quoted_hash_edits
    for key in (":$ap", ":$2y", ":$2b", ":$2a", ":$6$", ":$5$", ":$1$", ":$y$", ":{SH", ":{SS"):
        yield literal(key), _hash_edits
