"""What of a document is embedded: its text, with the words that say where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def embedding_text(content: str, metadata: Mapping[str, Any]) -> str:
    """Return the text that stands for a document in vector space.

    A method's body says little without its class, and a function's name is often in its file's name too: the
    enclosing header lines (``context``) go in front. The path stays out, since the path signals of `ranking` weigh it
    apart and it would make every chunk of a file alike.
    """
    context = metadata.get("context")
    return f"{context}\n{content}" if context else content
