"""Cross-encoders and models of services that are known to work, with their sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DEFAULT_MODEL = "cross-encoder/ms-marco-MiniLM-L-6-v2"

BYTES_PER_PARAMETER = 4  # float32, as sentence-transformers loads them on a CPU


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One row of the table of models in the guide.

    Attributes:
        name: The value of ``model_name``, or of ``model`` for a service.
        runs: ``local`` through `CrossEncoderReranker`, ``service`` through an HTTP API.
        parameters: Millions of parameters; ``None`` if they are not published.
        max_tokens: Longest query and document together that the model reads.
        use: A few words on when to choose it.
    """

    name: str
    runs: Literal["local", "service"]
    parameters: float | None
    max_tokens: int
    use: str

    @property
    def megabytes(self) -> float | None:
        """Size of the float32 weights in MB (10^6 bytes): the download, and the least memory that it takes."""
        return None if self.parameters is None else self.parameters * BYTES_PER_PARAMETER


KNOWN_MODELS: tuple[KnownModel, ...] = (
    KnownModel("cross-encoder/ms-marco-TinyBERT-L-2-v2", "local", 4.4, 512, "the least time; English"),
    KnownModel("cross-encoder/ms-marco-TinyBERT-L-6", "local", 67.0, 512, "where it is in use already; English"),
    KnownModel(DEFAULT_MODEL, "local", 22.7, 512, "the default; English"),
    KnownModel("cross-encoder/ms-marco-MiniLM-L-12-v2", "local", 33.4, 512, "twice the time, a little better; English"),
    KnownModel("BAAI/bge-reranker-base", "local", 278.0, 512, "English and Chinese; a GPU helps"),
    KnownModel("BAAI/bge-reranker-large", "local", 560.0, 512, "English and Chinese; needs a GPU"),
    KnownModel("BAAI/bge-reranker-v2-m3", "local", 568.0, 8192, "many languages, long documents; needs a GPU"),
    KnownModel("rerank-english-v3.0", "service", None, 4096, "Cohere; English"),
    KnownModel("rerank-multilingual-v3.0", "service", None, 4096, "Cohere; many languages"),
    KnownModel("rerank-v3.5", "service", None, 4096, "Cohere; many languages, code and tables"),
)
