"""The text of a document that embedders and rerankers read: its content with a heading from its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The file name and the nearest folders say what a file is about. The folders above are alike for most files, and a
# cross-encoder pays for each of their tokens.
_PATH_PARTS = 4
# Generated names can be longer than a chunk; what exceeds this adds nothing.
_LONGEST_NAME = 120
_SEPARATOR = " > "
OUTLINE_CHARS = 300
"""Most characters of the names in an outline, joined by commas; the names of most files fit."""


def embedding_text(content: str, metadata: Mapping[str, Any]) -> str:
    """Return the text of a document that is embedded: the enclosing header lines (``context``), then the content.

    The body of a method says little without its class. The path is left out: it would make all chunks of a file alike,
    and `aurora_dev.core.search.signals` weighs it separately.
    """
    context = metadata.get("context")
    return f"{context}\n{content}" if context else content


def reranker_heading(metadata: Mapping[str, Any]) -> str:
    """Return the line that tells a cross-encoder where a document is: ``client/auth.py > Client.send``.

    Returns:
        The last four parts of ``path`` and the qualified ``symbol``, as far as the metadata has them. One line without
        a line break; ``""`` for a document that has neither.
    """
    path, symbol = metadata.get("path"), metadata.get("symbol")
    parts = ["/".join(path.split("/")[-_PATH_PARTS:])] if isinstance(path, str) and path else []
    if isinstance(symbol, str) and symbol:
        parts.append(symbol)
    return _SEPARATOR.join(" ".join(part.split())[-_LONGEST_NAME:] for part in parts)


def reranker_text(content: str, metadata: Mapping[str, Any]) -> str:
    r"""Return the text of a document that a cross-encoder reads: `reranker_heading`, a line break, and the content.

    The bundled model was trained on exactly this form. To shorten a long text and keep the heading, shorten ``content``
    first.
    """
    heading = reranker_heading(metadata)
    return f"{heading}\n{content}" if heading else content


def dense_text(content: str, metadata: Mapping[str, Any]) -> str:
    r"""Return the text of a document that a dense embedder reads: that of a cross-encoder, the heading first.

    The bundled model was trained on this form. It reads only the beginning of a text, and the heading says most there.
    """
    return reranker_text(content, metadata)


def outline_text(metadata: Mapping[str, Any]) -> str | None:
    r"""Return the outline of a file that a cross-encoder reads: the end of its path, a line break, and its names.

    Returns:
        ``"client/auth.py\nAuth, BasicAuth, auth_flow"``; ``None`` for a document that is in no file, or in a file that
        defines nothing.
    """
    names = metadata.get("file_symbols")
    heading = reranker_heading({"path": metadata.get("path")})
    if not heading or not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return None
    return f"{heading}\n{', '.join(names)[:OUTLINE_CHARS]}"
