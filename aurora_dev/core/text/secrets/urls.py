"""Passwords in URLs and on the command line of curl."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from aurora_dev.core.text.secrets.edits import Edit, masked
from aurora_dev.core.text.secrets.placeholders import is_placeholder_password, is_template, looks_random
from aurora_dev.lazy import lazy_pattern

__all__ = ["at_host_edits", "curl_edits", "url_edits"]

_LONGEST: Final = 400  # characters of user and password
# RFC 3986 lets ! $ & ' ( ) * + , ; = stand unescaped in a password, and people leave # [ / and @ unescaped too. The
# user part ends at the last @ before the host.
_URL: Final = lazy_pattern(
    r"(?P<user>[^\s:@/\"`<>\\?#]{0,128}):(?P<password>[^\s\"`<>\\]{1,256})@(?P<host>[A-Za-z0-9.\-\[]{1,255})"
)
_TOKEN: Final = lazy_pattern(r"(?P<token>[A-Za-z0-9_-]{20,256})@(?P<host>[A-Za-z0-9.-]{1,255})")
_HOST: Final = lazy_pattern(r"[A-Za-z0-9.\-\[\]]+(?::\d{1,5})?[/?#]")
_PORT: Final = lazy_pattern(r"\d{1,5}(?:[/?#]|$)")
_STOP: Final = lazy_pattern(r"[\s\"`<>\\]")


def _ends(text: str, at: int) -> Iterator[int]:
    """Yield the positions of each @ after a ``://``, nearest first."""
    stop = min(len(text), at + _LONGEST)
    found = _STOP.search(text, at, stop)
    stop = found.start() if found else stop
    # The next URL of a list such as "a://x,b://y" is not part of this one.
    following = text.find("://", at, stop)
    if following >= 0:
        stop = following
    place = text.find("@", at, stop)
    while place >= 0:
        yield place
        place = text.find("@", place + 1, stop)


def url_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of the password of a URL whose ``://`` ends at ``at``."""
    last = -1
    for place in _ends(text, at):
        if last >= 0 and _HOST.match(text, last + 1, place):
            break  # an @ in the path, as in "@scope/package"
        last = place
    if last < 0:
        return
    match = _URL.match(text, at, min(len(text), last + 256))
    if match is None or text[at] == "[":  # the address of a host
        token = _TOKEN.match(text, at)
        if token is not None and looks_random(token["token"], 20):
            yield masked(*token.span("token"), "url-password")
        return
    start, end = match.start("password"), last
    password = text[start:end]
    if not password or _PORT.match(password) or ("'" in password and "," in password):
        return  # "http://host:8080/path/@x"
    host = re.match(r"[A-Za-z0-9.\-\[]*", text[last + 1 : last + 256])
    if host is None or not host[0]:
        return
    if not is_placeholder_password(password, match["user"], host[0]):
        yield masked(start, end, "url-password")


# --- user:password@host without a scheme ------------------------------------------------------------------------------

_PAIR_REACH: Final = 130
_PAIR: Final = lazy_pattern(
    r"(?<![\w.:/@%$&+~-])(?P<user>[A-Za-z][\w.+-]{1,63}):(?P<password>[^\s:@/\"'`<>(){}\[\],;|\\]{4,64})\Z"
)
_PAIR_HOST: Final = lazy_pattern(
    r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}|[A-Za-z][\w-]{1,62}(?=:\d{2,5}))"
    r"(?![\w@.-]*[@(])"
)
_VERSION: Final = lazy_pattern(r"\d{1,4}\.\d{1,4}(?:\.\d{1,6}(?![\d.]))?(?!\.\d)")
_SCHEMES: Final = frozenset(
    """
    npm workspace patch file git jsr virtual node docker pkg mailto ssh sip sips xmpp acct http https ftp link portal
    golang maven pypi cargo gem nuget image container
    """.split()  # noqa: SIM905 - a list of words reads better
)


def at_host_edits(text: str) -> Iterator[Edit]:
    """Yield the edits of the passwords in ``user:password@host`` without a scheme, anywhere in a text."""
    at = text.find("@", 6)
    while at >= 0:
        # Most are decorators, and have a line break or a blank before them.
        if text[at - 1] > " " and text.rfind(":", max(0, at - 66), at - 3) > 0:
            yield from _at_host(text, at)
        at = text.find("@", at + 1)


def _at_host(text: str, at: int) -> Iterator[Edit]:
    pair = _PAIR.search(text, max(0, at - _PAIR_REACH), at)
    if pair is None or pair["user"].lower() in _SCHEMES:
        return
    password = pair["password"]
    if not any(c.isdigit() or c in "!#$%^&*+=?~" for c in password) or _VERSION.match(text, at + 1):
        return
    host = _PAIR_HOST.match(text, at + 1)
    if host is not None and not is_placeholder_password(password, pair["user"], host[0]) and not is_template(password):
        yield masked(*pair.span("password"), "url-password")


_CURL: Final = lazy_pattern(
    r"(?:\s-[a-zA-Z]{0,5}u|\s--user|\s--proxy-user|\s-U)(?:[ \t]{1,4}|=)?(?P<quote>[\"'])?"
    r"(?P<user>[^\s:\"'$<{]{1,128}):"
    r"(?P<password>(?(quote)(?:(?!(?P=quote))[^\r\n]){4,256}|[^\s\"'<>{}]{4,256}))"
)
_CURL_REACH: Final = 600


def curl_edits(text: str, at: int) -> Iterator[Edit]:
    """Yield the edit of the password after ``-u`` in the curl command at ``at``."""
    end = min(len(text), at + 2 * _CURL_REACH)
    line = text.find("\n", at, end)
    while line > 0 and text[line - 1] in "\\`^":  # the command goes on
        line = text.find("\n", line + 1, end)
    match = _CURL.search(text, at, line if line >= 0 else end)
    if match is not None and not is_placeholder_password(match["password"], match["user"]):
        yield masked(*match.span("password"), "password")
