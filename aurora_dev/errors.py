"""The errors that Aurora raises.

::

    AuroraError
    ├── InvalidRequestError (ValueError)     an argument is wrong; nothing was done
    │   ├── InvalidFilterError               a filter is not in the grammar
    │   └── DimensionMismatchError           a vector does not have the length of the store's vectors
    ├── ConfigurationError (ValueError)      a setting is wrong or contradicts another
    ├── MissingDependencyError (ImportError) an extra is not installed; the message names it
    ├── ModelLoadError                       a model could not be loaded; the message says what to try
    ├── EmbeddingError                       a model or service did not embed
    ├── RerankError (ValueError)             a model or service did not score
    ├── IndexingError                        a project could not be read
    └── StoreError
        ├── StoreClosedError                 used after close()
        ├── StoreLockedError                 another process held the write lock for too long
        ├── StoreUnwritableError             read-only file or folder, or no permission
        ├── StoreFullError                   the disk, a quota or a size limit is exhausted
        ├── StoreCorruptError                the database itself (not a derived index) is damaged
        ├── SchemaVersionError               written by a newer Aurora
        ├── EmbedderMismatchError            the store holds vectors of another embedder; keyword search still works
        ├── BackendUnavailableError          a remote store cannot be reached or answers 5xx
        ├── AuthenticationError              a remote store refused the key
        ├── IndexNotFoundError               a remote index does not exist
        ├── RateLimitedError                 a remote store asks to slow down
        └── PartialWriteError                a remote store stored some records and not others; names both

Every message says what happened, what was kept, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence


class AuroraError(Exception):
    """Base of all errors that Aurora raises on purpose."""


class InvalidRequestError(AuroraError, ValueError):
    """An argument has the wrong type, range or shape; nothing was written."""


class InvalidFilterError(InvalidRequestError):
    """A metadata filter is not in the filter grammar."""


class DimensionMismatchError(InvalidRequestError):
    """The length of a vector is not the dimension of the store."""


class ConfigurationError(AuroraError, ValueError):
    """A setting has a value that cannot be used, or contradicts another setting."""


class MissingDependencyError(AuroraError, ImportError):
    """An optional package is not installed.

    Args:
        feature: The feature that needs it, in words for people.
        extra: The extra of ``aurora-dev`` that installs it.
        package: The missing distribution.
    """

    def __init__(self, feature: str, *, extra: str, package: str) -> None:
        super().__init__(
            f"{feature} needs the package '{package}', which is not installed. "
            f"Install it with: pip install 'aurora-dev[{extra}]'"
        )
        self.feature = feature
        self.extra = extra
        self.package = package


class ModelLoadError(AuroraError):
    """A model could not be loaded: it is missing, damaged, or of another format."""


class EmbeddingError(AuroraError):
    """A model or a service failed to embed; nothing was written."""


class RerankError(AuroraError, ValueError):
    """A reranker failed to score; the results of the earlier stages stay valid."""


class IndexingError(AuroraError):
    """A project could not be read at all; single unreadable files are only reported."""


class StoreError(AuroraError):
    """Base of the errors of stores."""


class StoreClosedError(StoreError):
    """The store was used after ``close()``."""


class StoreLockedError(StoreError):
    """Another process held the write lock for longer than the busy timeout; nothing was written."""


class StoreUnwritableError(StoreError):
    """The store's folder or file cannot be written."""


class StoreFullError(StoreError):
    """No space is left; the transaction was rolled back, and earlier writes are intact."""


class StoreCorruptError(StoreError):
    """The database itself is damaged. Damaged derived indexes do not raise: they are rebuilt."""


class SchemaVersionError(StoreError):
    """The store was written by a newer version of Aurora."""


class EmbedderMismatchError(StoreError):
    """The store holds vectors of another embedder."""


class BackendUnavailableError(StoreError):
    """A remote store cannot be reached, or answers with a server error."""


class AuthenticationError(StoreError):
    """A remote store refused the credentials."""


class IndexNotFoundError(StoreError):
    """A remote index does not exist."""


class RateLimitedError(StoreError):
    """A remote store asked to slow down, even after every retry."""


class PartialWriteError(StoreError):
    """A store without transactions stored some records of a write and not others.

    Args:
        message: The message: what happened, what was kept, and what to do next.
        stored: Ids of the records that were stored.
        failed: Ids of the records that were not stored; their earlier versions, if any, are unchanged.
    """

    def __init__(self, message: str, *, stored: Sequence[str], failed: Sequence[str]) -> None:
        super().__init__(message)
        self.stored = tuple(stored)
        self.failed = tuple(failed)
