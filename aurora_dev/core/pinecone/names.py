"""Ids and namespaces in the form that Pinecone accepts: ASCII without NUL, and no space in an id that is fetched.

Names of printable ASCII stay as they are. Any other name is escaped: ``~`` and its UTF-8, percent-encoded. An id that
would be longer than Pinecone's limit becomes a digest, ``~#`` and 64 hexadecimal digits; the record keeps the id.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote, unquote

from aurora_dev.errors import InvalidRequestError

MAX_NAME = 512  # characters of an id or a namespace

ESCAPE = "~"
_DIGEST = "~#"
_VECTORS = "~v"
META_NAMESPACE = "__aurora__"  # holds the facts that the store keeps about itself
_PLAIN = re.compile(r"[!-}]{1,512}")  # printable ASCII without the space and without "~"
_RESERVED = "__"  # "__default__" is Pinecone's own, "__aurora__" is ours


def encode_id(identifier: str) -> str:
    """Return the id under which Pinecone keeps a record; the same on every machine."""
    if _PLAIN.fullmatch(identifier):
        return identifier
    escaped = ESCAPE + quote(identifier, safe="")
    if len(escaped) <= MAX_NAME:
        return escaped
    return _DIGEST + hashlib.sha256(identifier.encode()).hexdigest()


def decode_id(encoded: str) -> str | None:
    """Return the id that was encoded, or ``None`` for a digest, whose record holds the id."""
    if not encoded.startswith(ESCAPE):
        return encoded
    return None if is_digest(encoded) else unquote(encoded[len(ESCAPE) :], errors="strict")


def is_digest(encoded: str) -> bool:
    """Return whether an encoded id is the digest of one that is too long for Pinecone."""
    return encoded.startswith(_DIGEST)


def encode_namespace(namespace: str) -> str:
    """Return the namespace of Pinecone that holds the records of one of our namespaces.

    Raises:
        InvalidRequestError: Its escaped form is longer than Pinecone allows.
    """
    if _PLAIN.fullmatch(namespace) and not namespace.startswith(_RESERVED) and len(namespace) < MAX_NAME - 20:
        return namespace
    escaped = ESCAPE + quote(namespace, safe="")
    if len(escaped) > MAX_NAME - 20:  # room for the suffix of its vectors
        raise InvalidRequestError(
            f"the namespace {namespace[:40]!r} is too long for Pinecone, which allows ASCII of {MAX_NAME} characters; "
            "nothing was written. Choose a shorter one"
        )
    return escaped


def vectors_namespace(encoded: str, generation: str) -> str:
    """Return the namespace of Pinecone that holds the vectors of one generation of embedder."""
    return f"{encoded}{_VECTORS}{generation}"


def decode_namespace(name: str) -> str | None:
    """Return our namespace; ``None`` for one that holds vectors or the bookkeeping, or that is not ours."""
    if name in ("", META_NAMESPACE) or _VECTORS in name[1:]:
        return None
    if name.startswith(ESCAPE):
        return unquote(name[len(ESCAPE) :])
    return None if name.startswith(_RESERVED) else name


def vectors_owner(name: str) -> tuple[str, str] | None:
    """Return encoded namespace and generation of a namespace of vectors, or ``None`` for any other."""
    at = name.rfind(_VECTORS)
    return (name[:at], name[at + len(_VECTORS) :]) if at > 0 else None
