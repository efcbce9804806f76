"""Maps the exceptions of Pinecone's client to Aurora's.

The table knows the client's classes by their names, so that it needs no client. A test compares it with the installed
client.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aurora_dev.core.services.addresses import redacted
from aurora_dev.core.services.retry import RETRIED_STATUS
from aurora_dev.errors import (
    AuthenticationError,
    BackendUnavailableError,
    IndexNotFoundError,
    InvalidRequestError,
    RateLimitedError,
    StoreError,
)

_LONGEST_MESSAGE = 300  # characters of the service's own message

# Matches the message of a 404 about a namespace. One about an index has the name of the index, which may hold the word.
_MISSING_NAMESPACE = re.compile(r"^(?:the )?namespace\b.*\bnot\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mapping:
    """The error of Aurora that stands for an exception of the client.

    Attributes:
        error: Its class.
        text: What happened; comes before the service's own message.
        advice: What to do; comes after it.
        retried: Whether another attempt may succeed, for exceptions without a status code.
    """

    error: type[Exception]
    text: str
    advice: str
    retried: bool = False


MAPPINGS: dict[str, Mapping] = {
    "UnauthorizedError": Mapping(
        AuthenticationError, "Pinecone refused the API key (401)", "check PINECONE_API_KEY; was it deleted or revoked?"
    ),
    "ForbiddenError": Mapping(
        AuthenticationError,
        "Pinecone does not allow this (403)",
        "check the key's permissions, the project's quota and the index's deletion protection",
    ),
    "PaymentRequiredError": Mapping(
        AuthenticationError, "Pinecone asks for payment first (402)", "see the organization's billing page"
    ),
    "NotFoundError": Mapping(
        IndexNotFoundError,
        "Pinecone knows no such index (404)",
        "check pinecone_index and the key's project, or let Aurora create it with pinecone_create",
    ),
    "ConflictError": Mapping(
        BackendUnavailableError, "another process changes this index just now (409)", "try again in a moment"
    ),
    "FailedPreconditionError": Mapping(
        BackendUnavailableError, "the index is in no state for this (412)", "wait until it is ready, and try again"
    ),
    "PayloadTooLargeError": Mapping(
        InvalidRequestError, "a request was larger than Pinecone takes (413)", "cut the texts in smaller parts"
    ),
    "RateLimitError": Mapping(
        RateLimitedError,
        "Pinecone asks to slow down (429), and went on asking through every attempt",
        "try again later, or lower pinecone_concurrency",
        retried=True,
    ),
    "ServiceError": Mapping(
        BackendUnavailableError, "Pinecone failed", "try again later; its status page may say why", retried=True
    ),
    "ApiError": Mapping(InvalidRequestError, "Pinecone refused the request", "correct what it names"),
    "PineconeTimeoutError": Mapping(
        BackendUnavailableError,
        "Pinecone did not answer in time",
        "check the network, or raise pinecone_timeout",
        retried=True,
    ),
    "PineconeConnectionError": Mapping(
        BackendUnavailableError,
        "Pinecone cannot be reached",
        "check the network and its proxy settings",
        retried=True,
    ),
    "ResponseParsingError": Mapping(
        BackendUnavailableError,
        "Pinecone's client cannot read the answer",
        "update the client: pip install --upgrade 'aurora-dev[pinecone]'",
    ),
    "IndexInitFailedError": Mapping(
        BackendUnavailableError, "Pinecone could not make the index", "delete it, and choose another cloud or region"
    ),
    "IndexTerminatedError": Mapping(
        IndexNotFoundError, "the index was deleted or disabled meanwhile", "see it in Pinecone's console"
    ),
    "PineconeValueError": Mapping(InvalidRequestError, "Pinecone's client refused a value", "correct what it names"),
    "PineconeTypeError": Mapping(InvalidRequestError, "Pinecone's client refused a type", "correct what it names"),
    "HTTPError": Mapping(
        BackendUnavailableError, "the connection to Pinecone failed", "check the network and its proxy", retried=True
    ),
    "InvalidURL": Mapping(InvalidRequestError, "the address is not valid", "correct pinecone_host"),
    "PineconeError": Mapping(StoreError, "Pinecone's client failed", "try again"),
}
"""The client's exceptions by name, and the two of httpx that it lets through. A subclass that is missing here is mapped
as its nearest base."""

_BASES = {("pinecone", "PineconeError"), ("httpx", "HTTPError"), ("httpx", "InvalidURL")}


def is_clients(error: BaseException) -> bool:
    """Return whether an exception comes from Pinecone's client, or from the HTTP client in it."""
    return any((kind.__module__.partition(".")[0], kind.__name__) in _BASES for kind in type(error).__mro__)


def mapping_of(error: BaseException) -> Mapping:
    """Return the mapping of the nearest known base of an exception."""
    for kind in type(error).__mro__:
        if kind.__name__ in MAPPINGS:
            return MAPPINGS[kind.__name__]
    return MAPPINGS["PineconeError"]


def is_retried(error: BaseException) -> bool:
    """Return whether another attempt may succeed: by the status code if there is one, else by the class."""
    status = getattr(error, "status_code", None)
    return status in RETRIED_STATUS if isinstance(status, int) else mapping_of(error).retried


def is_missing_namespace(error: BaseException) -> bool:
    """Return whether a 404 is about a namespace that holds nothing, which is not an error here."""
    status = getattr(error, "status_code", None)
    return status == 404 and _MISSING_NAMESPACE.match(str(getattr(error, "message", ""))) is not None


def is_not_found(error: BaseException) -> bool:
    """Return whether an exception says that something does not exist."""
    return getattr(error, "status_code", None) == 404


def is_conflict(error: BaseException) -> bool:
    """Return whether an exception says that something exists already."""
    return getattr(error, "status_code", None) == 409


def retry_after(error: BaseException) -> float | None:
    """Return the seconds that the service asks to wait, or ``None``."""
    seconds = getattr(error, "retry_after", None)
    return float(seconds) if isinstance(seconds, int | float) else None


def translated(error: BaseException, key: str, doing: str) -> Exception:
    """Return our error for one of the client's.

    Args:
        error: The client's error.
        key: The API key, which is removed from the service's message.
        doing: The call that failed, as in ``reading from the index 'aurora'``.
    """
    found = mapping_of(error)
    message = redacted(str(getattr(error, "message", "") or error), key)
    message = " ".join(message.split())[:_LONGEST_MESSAGE]
    status = getattr(error, "status_code", None)
    number = f" (HTTP {status})" if status and f"({status})" not in found.text else ""
    kind = found.error
    if kind is InvalidRequestError and status in RETRIED_STATUS:
        kind = BackendUnavailableError
    return kind(f"{doing}: {found.text}{number}: {message}; {found.advice}")
