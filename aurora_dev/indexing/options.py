"""The options of an index run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aurora_dev.errors import InvalidRequestError
from aurora_dev.indexing.walker import WalkOptions

if TYPE_CHECKING:
    from aurora_dev.core.text.file_encodings import FileEncodings

__all__ = ["IndexOptions"]


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """The options of an index run; the defaults suit nearly every project.

    Attributes:
        mask_secrets: Whether credentials are masked before anything is stored or embedded.
        walk: The options of the walk that lists the files.
        encodings: The encodings that the project sets for its files, if it sets any.
        batch_chunks: Approximate number of chunks per write: large enough for its fixed cost not to matter, small
            enough for little memory and visible progress.
        first_batch_chunks: The same for the first write, so that progress shows early.
        batch_files: Number of files read between two progress reports if nothing has to be written.
    """

    mask_secrets: bool = True
    walk: WalkOptions = field(default_factory=WalkOptions)
    encodings: FileEncodings | None = None
    batch_chunks: int = 1_500
    first_batch_chunks: int = 250
    batch_files: int = 1_000

    def __post_init__(self) -> None:
        for name in ("batch_chunks", "first_batch_chunks", "batch_files"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidRequestError(f"{name} must be a whole number of at least 1, not {value!r}")
