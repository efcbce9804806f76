"""A cache of scores with least-recently-used eviction, so that a repeated query needs no model."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

_KEY_BYTES = 16  # 128 bits, so that keys do not collide


def pair_keys(settings: Sequence[str], query: str, texts: Iterable[str]) -> list[bytes]:
    """Return one key for each (settings, query, text).

    Args:
        settings: Everything else that a score depends on: model revision, backend, window, lengths.
        query: The query.
        texts: Whole documents, so that a key needs no choice of a window.

    Returns:
        16 bytes each, in input order.
    """
    prefix = hashlib.blake2b(digest_size=_KEY_BYTES)
    for part in (*settings, query):
        data = part.encode("utf-8", "surrogatepass")
        prefix.update(len(data).to_bytes(8, "little"))  # keeps ("ab", "c") and ("a", "bc") apart
        prefix.update(data)
    keys = []
    for text in texts:
        digest = prefix.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        keys.append(digest.digest())
    return keys


class ScoreCache:
    """The most recently used scores, by key; thread-safe.

    Args:
        size: Most entries that are kept (about 250 bytes each); 0 keeps none.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._scores: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._scores)

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, float]:
        """Return the known scores, and mark them as used now."""
        with self._lock:
            found = {}
            for key in keys:
                score = self._scores.get(key)
                if score is not None:
                    self._scores.move_to_end(key)
                    found[key] = score
            return found

    def put_many(self, scores: Mapping[bytes, float]) -> None:
        """Keep scores, and evict the least recently used ones beyond the size."""
        with self._lock:
            for key, score in scores.items():
                self._scores[key] = score
                self._scores.move_to_end(key)
            while len(self._scores) > self.size:
                self._scores.popitem(last=False)

    def clear(self) -> None:
        """Remove all scores."""
        with self._lock:
            self._scores.clear()
