"""The errors that Aurora raises.

::

    AuroraError
    ├── InvalidRequestError (ValueError)     an argument is wrong; nothing was done
    │   ├── InvalidFilterError               a filter is not in the grammar
    │   └── DimensionMismatchError           vectors of another length than the store's
    ├── ConfigurationError (ValueError)      a setting is wrong or contradicts another
    ├── MissingDependencyError (ImportError) an extra is not installed; the text names it
    ├── ModelLoadError                       a model could not be loaded; the text says what to try
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
        ├── EmbedderMismatchError            vectors of another embedder; keyword search goes on
        ├── BackendUnavailableError          a remote store cannot be reached or answers 5xx
        ├── AuthenticationError              a remote store refused the key
        ├── IndexNotFoundError               a remote index does not exist
        ├── RateLimitedError                 a remote store asks to slow down
        └── PartialWriteError                a remote store took some records and not others; names both

Every message says what happened, what was kept, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence


class AuroraError(Exception):
    """Base of every error that Aurora raises on purpose."""


class InvalidRequestError(AuroraError, ValueError):
    """An argument has the wrong type, range or shape; nothing was written."""


class InvalidFilterError(InvalidRequestError):
    """A metadata filter is not in the filter grammar."""


class DimensionMismatchError(InvalidRequestError):
    """A vector's length is not the dimension of the store."""


class ConfigurationError(AuroraError, ValueError):
    """A setting has a value that cannot be used."""


class MissingDependencyError(AuroraError, ImportError):
    """An optional package is not installed.

    Args:
        feature: What was asked for, as a person would name it.
        extra: The extra of ``aurora-dev`` that brings it.
        package: The distribution that is missing.
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
    """A model could not be loaded: missing, damaged, or of another format."""


class EmbeddingError(AuroraError):
    """A model or a service failed to embed; nothing was written."""


class RerankError(AuroraError, ValueError):
    """A reranker failed to score; the results of the earlier stages still stand."""


class IndexingError(AuroraError):
    """A project could not be read as a whole (single unreadable files are only reported)."""


class StoreError(AuroraError):
    """Base of the errors of a vector store."""


class StoreClosedError(StoreError):
    """The store was used after ``close()``."""


class StoreLockedError(StoreError):
    """Another process held the write lock longer than the busy timeout; nothing was written."""


class StoreUnwritableError(StoreError):
    """The store's folder or file cannot be written."""


class StoreFullError(StoreError):
    """No space is left; the transaction was rolled back and earlier writes are intact."""


class StoreCorruptError(StoreError):
    """The database itself is damaged (derived indexes repair themselves instead)."""


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
    """A remote store asked to slow down, and went on asking through every retry."""


class PartialWriteError(StoreError):
    """A store without transactions took some of the records of one write, and not the others.

    Args:
        message: What happened, what was kept, and what to do next.
        stored: Ids of the records that were stored.
        failed: Ids of the records that were not; their earlier versions, if any, are as they were.
    """

    def __init__(self, message: str, *, stored: Sequence[str], failed: Sequence[str]) -> None:
        super().__init__(message)
        self.stored = tuple(stored)
        self.failed = tuple(failed)
