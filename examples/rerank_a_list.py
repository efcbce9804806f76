"""Order a list of your own by how well each text answers a question, with the reranker that ships with Aurora.

    python examples/rerank_a_list.py ["question"]

No store and no index: the texts may come from anywhere, such as another search engine.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from aurora_dev.core.rerank.bundled import BundledReranker

QUESTION = "how is a lost connection retried"
DOCUMENTS: list[str | Mapping[str, Any]] = [
    {"content": "def render(page): return template.format(**page)", "metadata": {"path": "web/page.py"}},
    {
        "content": "def reconnect(client, attempts=5):\n    for wait in backoff(attempts):\n        client.connect()",
        "metadata": {"path": "net/reconnect.py", "symbol": "reconnect"},
    },
    {
        "content": "class Connection:\n    def close(self): self.socket.close()",
        "metadata": {"path": "net/connection.py"},
    },
    "The retry policy doubles the wait after each lost connection, up to one minute.",  # plain strings are fine too
]


def ranked(question: str) -> list[str]:
    """Print the documents, best first, and return their texts."""
    reranker = BundledReranker()
    try:
        results = reranker.rerank(question, DOCUMENTS, top_k=3)
    finally:
        reranker.close()
    for result in results:
        # "score" is 0..1; "rerank_raw" in "scores" is the model's own figure.
        print(f"{result['score']:.3f}  {result['content'].splitlines()[0]}")
    return [result["content"] for result in results]


if __name__ == "__main__":
    ranked(sys.argv[1] if len(sys.argv) > 1 else QUESTION)
