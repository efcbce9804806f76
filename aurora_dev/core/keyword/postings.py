"""Read a saved keyword index in place and without NumPy, whose import takes longer than the whole search.

A process that answers one question and ends, as an assistant's hook does, reads a few postings of a file that another
process wrote. See `aurora_dev.core.keyword.file` for the layout.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
import stat
import sys
from bisect import bisect_left
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

__all__ = ["SavedPostings", "saved_index_name"]

_MAGIC: Final = b"AURORAKW"
_PREFIX: Final = len(_MAGIC) + 32  # and the digest
_VERSION: Final = 1
# The arrays of the file, with their type as `memoryview.cast` names it, in order.
_FIELDS: Final[tuple[tuple[str, Any], ...]] = (
    ("rows", "q"),
    ("lengths", "f"),
    ("keys", "Q"),
    ("starts", "q"),
    ("documents", "i"),
    ("frequencies", "f"),
)
_LARGEST_HEADER: Final = 1 << 20  # bytes
_CHECKED: Final = 2 * 1024 * 1024  # bytes; of a larger file, reading all from the disk takes longer than the search
_ASIDE: Final = "def:\0aside"  # as `aurora_dev.core.keyword.index`
_K1, _B = 1.2, 0.75  # as `aurora_dev.core.keyword.index`
_MOST_POSTINGS: Final = 20_000  # that one search reads, of the rarest terms first; about 8 ms


def saved_index_name(namespace: str) -> str:
    """Return the name of the file that holds the keyword index of a namespace."""
    return hashlib.sha256(namespace.encode("utf-8")).hexdigest()[:24] + ".keyword"


class SavedPostings:
    """The postings of a snapshot, mapped into memory: ``with SavedPostings(path) as postings: …``.

    Attributes:
        header: The facts about the index that were saved with it: its store, its namespace, its last row.

    Raises:
        ValueError: The file is not a keyword index, is damaged, or has another format.
        OSError: The file cannot be read, or is not a regular file.
    """

    def __init__(self, path: str) -> None:
        if sys.byteorder != "little":
            raise ValueError("the arrays of a keyword index are little-endian")
        with open(path, "rb") as file:  # noqa: PTH123 - importing pathlib is not needed for one file
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(f"{path} is not a regular file")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._views: list[memoryview] = []
        try:
            self._read(path)
        except BaseException:  # includes an interrupt: the map must not stay open
            self.close()
            raise

    def __enter__(self) -> SavedPostings:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self._rows)

    def close(self) -> None:
        """Release the file."""
        for view in reversed(self._views):
            view.release()
        self._views.clear()
        self._map.close()

    def holders(self, term: str) -> int:
        """Return the number of documents that hold a term."""
        start, stop = self._span(term)
        return stop - start

    def search(self, terms: Mapping[str, float], top_k: int) -> list[tuple[int, float]]:
        """Return the rows with the best BM25 scores, best first, without those that are set aside (sessions).

        Args:
            terms: The weight of each term. If they have too many postings together, the most frequent are left out.
            top_k: Most rows to return.
        """
        count = len(self._rows)
        if not count or top_k <= 0:
            return []
        spans = sorted(
            (stop - start, start, stop, weight) for term, weight in terms.items() for start, stop in (self._span(term),)
        )
        mean = self._mean or 1.0
        scores: dict[int, float] = {}
        start, stop = self._span(_ASIDE)
        aside = set(self._documents[start:stop])
        read = 0
        documents, frequencies, lengths = self._documents, self._frequencies, self._lengths
        get = scores.get
        for held, start, stop, weight in spans:
            read += held
            if read > _MOST_POSTINGS and scores:
                break
            if not held:
                continue
            factor = weight * (_K1 + 1) * math.log(1 + (count - held + 0.5) / (held + 0.5))
            for document, frequency in zip(documents[start:stop], frequencies[start:stop], strict=True):
                if not 0 <= document < count:  # a damaged file, which was too large to be checked as a whole
                    continue
                norm = _K1 * (1 - _B + _B * lengths[document] / mean)
                scores[document] = get(document, 0.0) + factor * frequency / (frequency + norm)
        for document in aside:
            scores.pop(document, None)
        best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:top_k]
        return [(self._rows[document], score) for document, score in best]

    def _span(self, term: str) -> tuple[int, int]:
        digest = hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        key = int.from_bytes(digest, "little")
        at = bisect_left(self._keys, key)
        if at >= len(self._keys) or self._keys[at] != key:
            return 0, 0
        start, stop = self._starts[at], self._starts[at + 1]
        return (start, stop) if 0 <= start <= stop <= len(self._documents) else (0, 0)

    def _read(self, path: str) -> None:
        data = self._view(memoryview(self._map))
        if len(data) < _PREFIX + 8 or bytes(data[: len(_MAGIC)]) != _MAGIC:
            raise ValueError(f"{path} is not a keyword index")
        if len(data) <= _CHECKED:
            digest = hashlib.blake2b(data[_PREFIX:], digest_size=32).digest()
            if digest != data[len(_MAGIC) : _PREFIX]:
                raise ValueError(f"{path} is damaged: its digest does not match")
        size = int.from_bytes(data[_PREFIX : _PREFIX + 8], "little")
        if size > _LARGEST_HEADER:
            raise ValueError(f"{path} is damaged: its header is too long")
        about = json.loads(bytes(data[_PREFIX + 8 : _PREFIX + 8 + size]))
        if about.get("version") != _VERSION:
            raise ValueError(f"{path} has format {about.get('version')}, but only {_VERSION} can be read")
        self.header: dict[str, Any] = about["header"]
        arrays: dict[str, Any] = {}
        offset = _PREFIX + 8 + size
        for name, kind in _FIELDS:
            length = int(about["sizes"][name]) * (8 if kind in "qQ" else 4)
            part = data[offset : offset + length]
            if length < 0 or len(part) != length:
                raise ValueError(f"{path} is damaged: it is too short")
            arrays[name] = self._view(part.cast(kind))
            part.release()
            offset += length + -length % 8
        self._rows, self._lengths, self._keys = arrays["rows"], arrays["lengths"], arrays["keys"]
        self._starts, self._documents = arrays["starts"], arrays["documents"]
        self._frequencies = arrays["frequencies"]
        self._mean = math.fsum(self._lengths) / max(1, len(self._lengths))

    def _view(self, view: memoryview) -> memoryview:
        self._views.append(view)
        return view
