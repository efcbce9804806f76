"""Answer one question from a local store in a process that just started: the door for assistants' hooks.

`VectorStore` needs NumPy, settings and caches, which take longer to load than a hook may run. This reads the same
store, without ever changing it: its records, its saved keyword index and vectors of the bundled embedder.
"""

from __future__ import annotations

from aurora_dev.core.embed.one_text import BUNDLED_MODEL, cosine, embed_one
from aurora_dev.core.keyword.postings import SavedPostings
from aurora_dev.core.local.quick import QuickReader, QuickRecord

__all__ = ["BUNDLED_MODEL", "QuickReader", "QuickRecord", "SavedPostings", "cosine", "embed_one"]
