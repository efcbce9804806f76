"""What of a document models read: its text, with the words that say where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A file's name and the folders right above it say what it is about; the folders above those are alike for all files,
# and a cross-encoder pays for each token of them.
_PATH_PARTS = 4
# Generated names may be longer than any passage; beyond this they say nothing more.
_LONGEST_NAME = 120
_SEPARATOR = " > "
# Of the names of a file, joined by commas: all that most files have.
OUTLINE_CHARS = 300


def embedding_text(content: str, metadata: Mapping[str, Any]) -> str:
    """Return the text that stands for a document in vector space.

    A method's body says little without its class, and a function's name is often in its file's name too: the
    enclosing header lines (``context``) go in front. The path stays out, since the path signals of `ranking` weigh it
    apart and it would make every chunk of a file alike.
    """
    context = metadata.get("context")
    return f"{context}\n{content}" if context else content


def reranker_heading(metadata: Mapping[str, Any]) -> str:
    """Return the line that tells a cross-encoder where a document stands: ``client/auth.py > Client.send``.

    Returns:
        The last parts of the ``path`` and the qualified ``symbol``, each where the metadata has it; one line without
        its line break, ``""`` for a note that has neither.
    """
    path, symbol = metadata.get("path"), metadata.get("symbol")
    parts = ["/".join(path.split("/")[-_PATH_PARTS:])] if isinstance(path, str) and path else []
    if isinstance(symbol, str) and symbol:
        parts.append(symbol)
    return _SEPARATOR.join(" ".join(part.split())[-_LONGEST_NAME:] for part in parts)


def reranker_text(content: str, metadata: Mapping[str, Any]) -> str:
    r"""Return what a cross-encoder reads of a document: `reranker_heading`, a line break, and the text.

    The bundled model was trained on exactly this. A caller that shortens a long text shortens ``content`` before, so
    that the heading stays.
    """
    heading = reranker_heading(metadata)
    return f"{heading}\n{content}" if heading else content


def outline_text(metadata: Mapping[str, Any]) -> str | None:
    r"""Return what a cross-encoder reads of a whole file: the end of its path, a line break, and names that it defines.

    Returns:
        ``"client/auth.py\nAuth, BasicAuth, auth_flow"``; ``None`` for what stands in no file, or in one that defines
        nothing.
    """
    names = metadata.get("file_symbols")
    heading = reranker_heading({"path": metadata.get("path")})
    if not heading or not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return None
    return f"{heading}\n{', '.join(names)[:OUTLINE_CHARS]}"
