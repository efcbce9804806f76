"""Addresses, keys and headers of HTTP services: checks, and forms that are safe to show."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx

from aurora_dev.errors import InvalidRequestError

if TYPE_CHECKING:
    from aurora_dev.config import Secret

# Names of query parameters that carry credentials.
_SECRET_PARAMETER = re.compile(r"(?i)key|token|secret|passw|signature|^sig$|^auth")


def checked_url(url: str, argument: str = "url") -> httpx.URL:
    """Return the address of a service.

    Args:
        url: The address as a person wrote it.
        argument: The caller's name for it, for the error.

    Raises:
        InvalidRequestError: It is not an http(s) URL, or holds a user name or a password.
    """
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, AttributeError, TypeError):
        raise InvalidRequestError(
            f"{argument} must be the address of a service, as in http://localhost:8081/rerank"
        ) from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidRequestError(f"{argument} must begin with http:// or https:// and name a host")
    if parsed.userinfo:
        raise InvalidRequestError(f"{argument} must hold no user name or password; give the key as api_key")
    return parsed.copy_with(fragment=None)


def refuse_key_in(url: httpx.URL, argument: str = "url") -> None:
    """Raise `InvalidRequestError` if a parameter of the address looks like a key, since httpx logs whole addresses."""
    for name in url.params:
        if _SECRET_PARAMETER.search(name):
            raise InvalidRequestError(f"{argument} must hold no key (its parameter '{name}'); give it as api_key")


def checked_key(api_key: Secret | str | None) -> str:
    """Return a key without surrounding space; empty for none.

    Raises:
        InvalidRequestError: A header cannot hold it; the error does not show it.
    """
    key = api_key if api_key is None or isinstance(api_key, str) else api_key.get_secret_value()
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise InvalidRequestError("api_key holds characters that a header cannot hold; was all of it copied?")
    return key


def shown(url: httpx.URL) -> str:
    """Return an address for people, without its query."""
    return str(url.copy_with(query=None))


def shown_origin(url: httpx.URL) -> str:
    """Return scheme, host and port of an address for people."""
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"


def redacted(text: str, key: str) -> str:
    """Return a text of the service without the key, which some services repeat."""
    return text.replace(key, "[hidden]") if key else text


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return scheme, host and port: whatever differs in them must not get the key."""
    return url.scheme, url.host, url.port


def retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds of ``Retry-After``, a number or a date (RFC 9110, section 10.2.3); ``None`` without one."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
