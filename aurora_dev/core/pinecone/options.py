"""The options of a store on Pinecone, in groups, with their defaults and ranges."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_dev.core.pinecone.requests import DEFAULT_BATCH, DEFAULT_CONCURRENCY, MAX_BATCH, MAX_CONCURRENCY
from aurora_dev.errors import ConfigurationError

__all__ = ["SPARSE_SUFFIX", "ClientOptions", "IndexOptions", "WriteOptions"]

SPARSE_SUFFIX = "-sparse"
MAX_INDEX_NAME = 45  # characters that Pinecone allows

DEFAULT_INDEX = "aurora"
DEFAULT_CLOUD, DEFAULT_REGION = "aws", "us-east-1"  # every plan of Pinecone may have an index there
DEFAULT_TIMEOUT = 20.0  # seconds of one attempt; an upsert of 2 MB over a slow line takes some of them
DEFAULT_VISIBILITY = 30.0  # seconds; writes show after a few


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """The indexes of a store.

    Attributes:
        index: Name of the dense index; the sparse one is ``<index>-sparse``.
        host: Address of the dense index; ``None`` looks it up by name.
        sparse_host: Address of the sparse index.
        create: Whether missing indexes are made.
        cloud: The cloud of new indexes, such as ``aws``.
        region: The region of new indexes, such as ``us-east-1``.
        keyword: Whether there is keyword search, and so a sparse index.

    Raises:
        ConfigurationError: The name is too short or too long.
    """

    index: str = DEFAULT_INDEX
    host: str | None = None
    sparse_host: str | None = None
    create: bool = False
    cloud: str = DEFAULT_CLOUD
    region: str = DEFAULT_REGION
    keyword: bool = True

    def __post_init__(self) -> None:
        longest = MAX_INDEX_NAME - len(SPARSE_SUFFIX)
        if not isinstance(self.index, str) or not 1 <= len(self.index) <= longest:
            raise ConfigurationError(f"the name of an index has 1 to {longest} characters, not {self.index!r}")


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """The connection to Pinecone.

    Attributes:
        timeout: Seconds for one attempt of a write; reads have half of them.
        concurrency: Most requests at a time, 1..64.
        control_host: Address of the control plane; ``None`` for Pinecone's own.

    Raises:
        ConfigurationError: A value is out of range.
    """

    timeout: float = DEFAULT_TIMEOUT
    concurrency: int = DEFAULT_CONCURRENCY
    control_host: str | None = None

    def __post_init__(self) -> None:
        _check_whole("concurrency", self.concurrency, MAX_CONCURRENCY)
        _check_seconds("timeout", self.timeout)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The writes of a store.

    Attributes:
        batch_size: Most records of an upsert, 1..1,000.
        visibility_timeout: Seconds to wait until a write shows.

    Raises:
        ConfigurationError: A value is out of range.
    """

    batch_size: int = DEFAULT_BATCH
    visibility_timeout: float = DEFAULT_VISIBILITY

    def __post_init__(self) -> None:
        _check_whole("batch_size", self.batch_size, MAX_BATCH)
        _check_seconds("visibility_timeout", self.visibility_timeout)


def _check_whole(name: str, value: object, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ConfigurationError(f"{name} must be a whole number of 1 to {most}, not {value!r}")


def _check_seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise ConfigurationError(f"{name} must be seconds above 0, not {value!r}")
