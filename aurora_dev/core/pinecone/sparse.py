"""Keyword search on Pinecone: BM25 as the inner product of two sparse vectors.

The vector of a document holds, for each of its terms, the saturated frequency ``f · (k1 + 1) / (f + k1 · (1 - b + b · l
/ mean))``. The vector of a query holds the weight of each term times its inverse document frequency (Robertson &
Zaragoza, 2009). The terms are those of `aurora_dev.core.text.terms`, so that names are found as in the local index.

Two values are approximations. The mean length is a constant, because the vector of a document must not depend on the
machine and the moment of its writing. Document frequencies come from a sample of the namespace (all of a small one).
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from aurora_dev.core.keyword.index import K1, B
from aurora_dev.core.text.terms import UNCOUNTED_PREFIXES, document_terms, query_terms

# The mean number of terms that `document_terms` counts in a chunk of code or prose, measured on this package and its
# documentation with the chunker's default sizes.
MEAN_LENGTH = 126.0
MAX_TERMS = 1000  # most non-zero values of a sparse vector on Pinecone
SAMPLE_DOCUMENTS = 1000  # 100 read units; a term that is in none of them is rare
_MOST_FREQUENCIES = 4500  # 8 characters each in base64, within the 40 KB of a record's metadata
# The dimension of a document without any term, which still needs one non-zero value; no query has it.
_PLACEHOLDER = 0
_LARGEST_INDEX = 2**32 - 1
_CACHED_TERMS = 65_536

Sparse = dict[str, list[Any]]  # {"indices": whole numbers of 32 bits, "values": floats}


@lru_cache(maxsize=_CACHED_TERMS)
def term_index(term: str) -> int:
    """Return the dimension of a term, 1..2^32 - 1, the same on every machine."""
    digest = hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % _LARGEST_INDEX + 1


def document_vector(content: str, metadata: Mapping[str, Any]) -> Sparse:
    """Return the sparse vector of a document: at least one value, at most `MAX_TERMS`, ascending indices."""
    terms = document_terms(content, metadata)
    length = sum(count for term, count in terms.items() if not term.startswith(UNCOUNTED_PREFIXES))
    norm = K1 * (1.0 - B + B * length / MEAN_LENGTH)
    weights: dict[int, float] = {}
    for term, count in terms.items():
        index = term_index(term)
        # Two terms with one dimension (one pair in 2^32) count as one term.
        weights[index] = weights.get(index, 0.0) + count * (K1 + 1.0) / (count + norm)
    return _sparse(weights or {_PLACEHOLDER: 1.0})


def placeholder() -> Sparse:
    """Return a sparse vector that no query finds."""
    return _sparse({_PLACEHOLDER: 1.0})


def query_vector(text: str, frequencies: Frequencies) -> Sparse | None:
    """Return the sparse vector of a query, or ``None`` if it has no term."""
    weights: dict[int, float] = {}
    for term, weight in query_terms(text).items():
        index = term_index(term)
        weights[index] = weights.get(index, 0.0) + weight * frequencies.inverse(index)
    return _sparse(weights) if weights else None


def _sparse(weights: Mapping[int, float]) -> Sparse:
    if len(weights) > MAX_TERMS:
        kept = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:MAX_TERMS]
        weights = dict(kept)
    indices = sorted(weights)
    # Six digits: Pinecone keeps floats of 32 bits, which hold seven.
    return {"indices": indices, "values": [float(f"{weights[index]:.6g}") for index in indices]}


@dataclass(frozen=True, slots=True, eq=False)
class Frequencies:
    """The document frequency of each dimension in a namespace, estimated from a sample.

    Attributes:
        documents: Number of documents in the namespace when the sample was taken.
        sampled: Number of documents in the sample.
        counts: Number of sampled documents that hold a dimension, by dimension.
    """

    documents: int
    sampled: int
    counts: Mapping[int, int]

    @classmethod
    def of(cls, vectors: Iterable[Sequence[int]], documents: int) -> Frequencies:
        """Count the dimensions of a sample of documents."""
        counts: Counter[int] = Counter()
        sampled = 0
        for indices in vectors:
            counts.update(set(indices) - {_PLACEHOLDER})
            sampled += 1
        return cls(max(documents, sampled), sampled, counts)

    def inverse(self, index: int) -> float:
        """Return the inverse document frequency of a dimension by Lucene's formula: above 0, higher for rarer ones."""
        if not self.sampled:
            return 1.0  # no sample: every term counts alike
        share = self.documents / self.sampled
        # A dimension in no sampled document counts as half a document: the sample only bounds its frequency from above.
        unseen = 0.5 if share > 1.0 else 0.0
        holders = min(self.counts.get(index, unseen) * share, float(self.documents))
        return math.log1p((self.documents - holders + 0.5) / (holders + 0.5))

    def to_text(self) -> str:
        """Return the frequencies as text that fits into the metadata of one record; the rarest are left out."""
        kept = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_FREQUENCIES]
        indices = np.array([index for index, _ in kept], "<u4").tobytes()
        counts = np.array([min(count, 0xFFFF) for _, count in kept], "<u2").tobytes()
        figures = {"documents": self.documents, "sampled": self.sampled, "count": len(kept)}
        return json.dumps({**figures, "data": base64.b64encode(indices + counts).decode("ascii")})

    @classmethod
    def from_text(cls, text: str) -> Frequencies:
        """Read the text of `to_text`.

        Raises:
            ValueError: The text is damaged, or of another version.
        """
        try:
            figures = json.loads(text)
            number = int(figures["count"])
            data = base64.b64decode(figures["data"], validate=True)
            indices = np.frombuffer(data, "<u4", number).tolist()
            counts = np.frombuffer(data, "<u2", number, offset=4 * number).tolist()
            return cls(int(figures["documents"]), int(figures["sampled"]), dict(zip(indices, counts, strict=True)))
        except (KeyError, TypeError) as error:
            raise ValueError(f"the stored document frequencies cannot be read: {error}") from error


NO_FREQUENCIES = Frequencies(0, 0, {})
