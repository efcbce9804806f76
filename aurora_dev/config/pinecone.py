"""The settings of Pinecone."""

from __future__ import annotations

from typing import ClassVar

from aurora_dev.config.backends import BackendSettings, RemoteService
from aurora_dev.config.fields import SecretStr, flag, number, secret, text, whole_number

__all__ = ["PineconeSettings"]


class PineconeSettings(BackendSettings):
    """The settings of the backend ``pinecone``; the key also serves the reranker ``pinecone``."""

    remote_service: ClassVar[RemoteService] = RemoteService(
        backend="pinecone",
        title="Pinecone",
        rerankers=frozenset({"pinecone"}),
        account=frozenset(f"pinecone_{name}" for name in ("index", "host", "sparse_host", "create", "cloud", "region")),
        create="pinecone_create",
        usual_names={"PINECONE_API_KEY": "pinecone_api_key"},
    )

    pinecone_api_key: SecretStr | None = secret(default=None, description="Key of Pinecone (environment only).")
    pinecone_index: str = text(
        default="aurora", min_length=1, description="Pinecone's dense index; <name>-sparse for words."
    )
    pinecone_host: str | None = text(default=None, description="Address of the dense index, else looked up by name.")
    pinecone_sparse_host: str | None = text(
        default=None, description="Address of the sparse index, else looked up by name."
    )
    pinecone_create: bool = flag(default=False, description="Whether to create missing indexes on Pinecone.")
    pinecone_cloud: str = text(default="aws", min_length=1, description="Cloud for a new index: aws, gcp or azure.")
    pinecone_region: str = text(default="us-east-1", min_length=1, description="Region for a new index.")
    pinecone_keyword: bool = flag(default=True, description="Whether Pinecone also keeps keywords, for hybrid search.")
    pinecone_timeout: float = number(
        default=20.0, above=0, description="Seconds for one attempt of a request to Pinecone."
    )
    pinecone_concurrency: int = whole_number(
        default=16, at_least=1, at_most=64, description="Most requests to Pinecone at a time."
    )
