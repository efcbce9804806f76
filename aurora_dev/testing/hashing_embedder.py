"""An embedder without a model, for tests that need real and repeatable similarities."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from aurora_dev.core.contracts import Embedder
from aurora_dev.errors import InvalidRequestError

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_SIGNS_PER_TOKEN = 4  # with one, tokens in the same bucket would be indistinguishable; with four, that is rare
_CACHED_TOKENS = 65_536


class HashingEmbedder(Embedder):
    """Hashes tokens into signed buckets: the hashing trick of Weinberger et al. (2009).

    Texts that share words are similar, texts that share none are almost orthogonal, and all machines give the same
    vectors. Tokens are runs of letters or digits in lower case; ``camelCase`` and ``snake_case`` are split into words.
    A text without tokens embeds to zeros.

    Args:
        dimension: Length of every vector, at least 1.
        salt: A different salt makes a different embedder, with other vectors, another name and fingerprint.

    Raises:
        InvalidRequestError: ``dimension`` is below 1.
    """

    def __init__(self, dimension: int = 64, *, salt: str = "") -> None:
        if isinstance(dimension, bool) or not isinstance(dimension, int) or dimension < 1:
            raise InvalidRequestError(f"dimension must be a whole number of at least 1, not {dimension!r}")
        self._dimension = dimension
        self._salt = salt

    @property
    def name(self) -> str:
        """``testing/hashing-<dimension>``, followed by the salt if there is one."""
        return f"testing/hashing-{self._dimension}" + (f"-{self._salt}" if self._salt else "")

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._dimension

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over dimension and salt."""
        return hashlib.sha256(f"hashing:{self._dimension}:{self._salt}".encode()).hexdigest()[:16]

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts: shape ``(len(texts), dimension)``, float32, rows L2-normalised or all zeros."""
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for token in _TOKEN.findall(text):
                for bucket, sign in _buckets(token.lower(), self._dimension, self._salt):
                    vectors[row, bucket] += sign
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, 1.0)
        return vectors

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed a query in the same way as a document: shape ``(dimension,)``, float32."""
        vector: npt.NDArray[np.float32] = self.embed_documents([text])[0]
        return vector


@lru_cache(maxsize=_CACHED_TOKENS)
def _buckets(token: str, dimension: int, salt: str) -> tuple[tuple[int, float], ...]:
    digest = hashlib.blake2b(f"{salt}\0{token}".encode("utf-8", "surrogatepass"), digest_size=8 * _SIGNS_PER_TOKEN)
    words = np.frombuffer(digest.digest(), dtype="<u8")
    return tuple((int(word >> np.uint64(1)) % dimension, 1.0 if word & np.uint64(1) else -1.0) for word in words)
