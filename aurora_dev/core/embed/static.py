"""Static embeddings: a text is the normalised mean of the vectors of its tokens; no neural network runs.

Format and method are those of model2vec (https://github.com/MinishLab/model2vec). ``scripts/distil_embedder.py`` made
the bundled model; see its card in ``aurora_dev/models/minilm-static-256``.
"""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_dev.core.contracts import Embedder
from aurora_dev.core.embed.checks import checked_texts
from aurora_dev.core.embed.word_tokens import TokenGroup, WordTokens
from aurora_dev.errors import ModelLoadError
from aurora_dev.lazy import np, npt

BUNDLED_NAME = "bundled/minilm-static-256"
BUNDLED_DIMENSION = 256
BUNDLED_PATH = Path(__file__).resolve().parents[2] / "models" / "minilm-static-256"

_CHECKSUMS = "SHA256SUMS"
_WEIGHTS, _TOKENIZER, _CONFIG = "model.safetensors", "tokenizer.json", "config.json"
_FILES = frozenset((_WEIGHTS, _TOKENIZER, _CONFIG))
_VECTOR_TENSORS = ("embeddings", "embedding.weight")  # model2vec's name, and that of sentence-transformers
_POOLING_VERSION = "mean-1"  # part of the fingerprint: to be raised when this module gives other numbers
_BLOCK_ROWS = 32  # texts whose vectors are gathered together: neighbours share most of their tokens


class StaticEmbedder(Embedder):
    """Embeds with a table of token vectors.

    Equal to ``model2vec.StaticModel.encode(texts, max_length=None)`` with normalisation, up to float32 rounding: all
    tokens of a text count, except unknown ones. Several times faster, since it works on bags of words. There is nothing
    to close: `close` does nothing.

    Args:
        path: A model2vec folder: ``model.safetensors``, ``tokenizer.json``, ``config.json``, and optionally
            ``SHA256SUMS``, which is verified.
        name: The name of the embedder; the folder's name by default.

    Raises:
        ModelLoadError: The folder is missing, incomplete or damaged, or holds tensors that this class cannot read.
    """

    def __init__(self, path: str | Path, *, name: str | None = None) -> None:
        self._folder = Path(path)
        self._name = name or self._folder.resolve().name
        self._loaded: _Model | None = None
        self._loading = threading.Lock()
        self.load()

    @classmethod
    def bundled(cls) -> StaticEmbedder:
        """Return the model that ships with Aurora, all-MiniLM-L6-v2 distilled to 256 dimensions; loaded once.

        Its files are read when something is embedded, so that a command without vectors starts in half the time. Until
        then ``SHA256SUMS`` says what they are. `load` reads them at once.

        Raises:
            ModelLoadError: A file is missing; a damaged one is found when the files are read.
        """
        return _bundled()

    def load(self) -> None:
        """Read the files of the model, unless they have been read.

        Raises:
            ModelLoadError: The folder is missing, incomplete or damaged, or holds tensors that cannot be read.
        """
        self._model()

    @property
    def name(self) -> str:
        """The name that was given, else the folder's name."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return int(self._model().table.shape[1])

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of the contents of weights and tokenizer, independent of their folder."""
        return self._model().fingerprint

    def _model(self) -> _Model:
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    self._loaded = _load(self._folder)
        return self._loaded

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts of any length; needs bounded memory besides the result.

        Returns:
            Shape ``(len(texts), dimension)``, float32, rows L2-normalised; zeros for a text without a known token.

        Raises:
            InvalidRequestError: ``texts`` is a single string, or holds something other than strings.
        """
        texts = checked_texts(texts)
        model = self._model()
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for group in model.tokens.groups(texts):
            model.add(vectors, group)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, np.float32(1))
        return vectors

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed one query as a document: shape ``(dimension,)``, float32, L2-normalised."""
        vector: npt.NDArray[np.float32] = self.embed_documents([text])[0]
        return vector


class _BundledEmbedder(StaticEmbedder):
    """The bundled model, which is read on first use; its checksums are those of its files, or reading them fails."""

    def __init__(self) -> None:
        self._folder = BUNDLED_PATH
        self._name = BUNDLED_NAME
        self._loaded = None
        self._loading = threading.Lock()
        expected = _expected(BUNDLED_PATH)
        if any(not (BUNDLED_PATH / file).is_file() for file in _FILES) or not expected.keys() >= _FILES:
            self.load()  # which says what is wrong
        self._expected = _fingerprint(expected)

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return BUNDLED_DIMENSION

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of the contents of weights and tokenizer."""
        return self._expected


@dataclass(frozen=True)
class _Model:
    """The contents of a model's folder.

    Attributes:
        table: The vectors, in their stored type.
        scales: The scale of each token; ``None``: all are 1.
        rows: The row of each token's vector; ``None``: its id.
        tokens: The tokenizer.
        vocabulary: The number of tokens that have a vector.
        fingerprint: See `StaticEmbedder.fingerprint`.
    """

    table: npt.NDArray[Any]
    scales: npt.NDArray[np.float32] | None
    rows: npt.NDArray[np.int64] | None
    tokens: WordTokens
    vocabulary: int
    fingerprint: str

    def add(self, vectors: npt.NDArray[np.float32], group: TokenGroup) -> None:
        """Add up the vectors of a group's tokens: each distinct token of a text once, times its number in the text.

        These are sums and not matrix products: BLAS splits even small products among all cores and waits for the
        slowest. On a machine with other work, that took 40 times as long.
        """
        order = np.argsort(group.rows, kind="stable")  # radix sort: linear
        rows, ids = group.rows[order], group.ids[order]
        column_of = np.zeros(self.vocabulary, dtype=np.int64)
        for first in range(group.first, group.stop, _BLOCK_ROWS):
            stop = min(first + _BLOCK_ROWS, group.stop)
            low, high = np.searchsorted(rows, (first, stop))
            block = ids[low:high]
            column_of[block] = 1
            distinct = np.flatnonzero(column_of)
            column_of[distinct] = np.arange(len(distinct))
            cells = (rows[low:high] - first) * len(distinct) + column_of[block]
            counts = np.bincount(cells, minlength=(stop - first) * len(distinct)).astype(np.float32)
            gathered = self._gather(distinct)
            for row, occurrences in enumerate(counts.reshape(stop - first, len(distinct)), start=first):
                present = np.flatnonzero(occurrences)
                vectors[row] += np.einsum("i,ij->j", occurrences[present], gathered[present])
            column_of[distinct] = 0

    def _gather(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        rows = ids if self.rows is None else self.rows[ids]
        gathered = self.table[rows].astype(np.float32)
        if self.scales is not None:
            gathered *= self.scales[ids][:, None]
        return gathered


def _load(folder: Path) -> _Model:
    files = {file: _read(folder, file) for file in (_WEIGHTS, _TOKENIZER, _CONFIG)}
    digests = {file: hashlib.sha256(data).hexdigest() for file, data in files.items()}
    _verify(folder, digests)
    table, scales, rows = _table_of(folder, _tensors(folder, files[_WEIGHTS]))
    _check_config(folder, files[_CONFIG])
    tokens = _tokens(folder, files[_TOKENIZER])
    vocabulary = len(table) if rows is None else len(rows)
    highest = tokens.highest_id
    if highest >= vocabulary or (scales is not None and highest >= len(scales)):
        raise _unusable(folder, f"its tokenizer has the token id {highest}, its table {vocabulary} tokens")
    return _Model(table, scales, rows, tokens, vocabulary, _fingerprint(digests))


def _fingerprint(digests: Mapping[str, str]) -> str:
    seed = "\0".join((_POOLING_VERSION, digests[_WEIGHTS], digests[_TOKENIZER]))
    return hashlib.sha256(seed.encode("ascii")).hexdigest()[:32]


@functools.cache
def _bundled() -> StaticEmbedder:
    return _BundledEmbedder()


def _read(folder: Path, file: str) -> bytes:
    try:
        return (folder / file).read_bytes()
    except OSError as error:
        what = "is not a folder" if not folder.is_dir() else f"has no readable {file} ({error.strerror or error})"
        raise ModelLoadError(f"The embedding model at {folder} {what}. {_advice(folder)}") from error


def _advice(folder: Path) -> str:
    if folder == BUNDLED_PATH:
        return "Reinstall Aurora: pip install --force-reinstall --no-deps aurora-dev"
    return "Fetch or distil the model again, or leave the setting out to use the bundled one."


def _unusable(folder: Path, why: str) -> ModelLoadError:
    return ModelLoadError(f"The embedding model at {folder} cannot be used: {why}. {_advice(folder)}")


def _verify(folder: Path, digests: Mapping[str, str]) -> None:
    """Compare the files with ``SHA256SUMS``; the bundled model must have one."""
    expected = _expected(folder)
    if not expected and not (folder / _CHECKSUMS).exists():
        if folder == BUNDLED_PATH:
            raise _unusable(folder, f"{_CHECKSUMS} is missing")
        return
    for file, digest in digests.items():
        if expected.get(file) != digest:
            raise _unusable(folder, f"{file} is damaged (its SHA-256 is not the one in {_CHECKSUMS})")


def _expected(folder: Path) -> dict[str, str]:
    """Return the checksums in ``SHA256SUMS``, in the format of sha256sum; none where there is no such file."""
    try:
        lines = (folder / _CHECKSUMS).read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(folder, f"{_CHECKSUMS} cannot be read") from error
    return {file.lstrip(" *"): digest.lower() for digest, _, file in (line.partition(" ") for line in lines)}


def _tensors(folder: Path, data: bytes) -> dict[str, npt.NDArray[Any]]:
    import safetensors
    import safetensors.numpy

    try:
        tensors: dict[str, npt.NDArray[Any]] = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _unusable(folder, f"{_WEIGHTS} cannot be read ({error})") from error
    return tensors


def _table_of(
    folder: Path, tensors: Mapping[str, npt.NDArray[Any]]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32] | None, npt.NDArray[np.int64] | None]:
    """Return the vectors (in their stored type), the scale of each token, and the row of each token's vector."""
    table = next((tensors[name] for name in _VECTOR_TENSORS if name in tensors), None)
    if table is None:
        raise _unusable(folder, f"{_WEIGHTS} has no tensor named {' or '.join(_VECTOR_TENSORS)}")
    if table.ndim != 2 or 0 in table.shape or table.dtype.kind not in "fi":
        raise _unusable(folder, f"its vectors have the shape {table.shape} and the type {table.dtype}")
    strange = sorted(set(tensors) - {*_VECTOR_TENSORS, "weights", "mapping"})
    if strange:
        raise _unusable(folder, f"{_WEIGHTS} has tensors of an unknown meaning: {', '.join(strange)}")
    scales, rows = tensors.get("weights"), tensors.get("mapping")
    if rows is not None:
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or not len(rows):
            raise _unusable(folder, f"its mapping has the shape {rows.shape} and the type {rows.dtype}")
        if int(rows.min()) < 0 or int(rows.max()) >= len(table):
            raise _unusable(folder, "its mapping points outside its vectors")
    if scales is not None and (scales.ndim != 1 or scales.dtype.kind != "f"):
        raise _unusable(folder, f"its weights have the shape {scales.shape} and the type {scales.dtype}")
    for numbers in (table, scales):
        if numbers is not None and numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
            raise _unusable(folder, f"{_WEIGHTS} holds numbers that are not finite")
    return (
        table,
        None if scales is None else scales.astype(np.float32),
        None if rows is None else rows.astype(np.int64),
    )


def _tokens(folder: Path, data: bytes) -> WordTokens:
    """Return the tokens of a model; the tokenizer of the bundled one, which is known to be whole, is read late."""
    if folder != BUNDLED_PATH:
        return WordTokens(_tokenizer(folder, data))
    return WordTokens.of_layout(json.loads(data), lambda: _tokenizer(folder, data))


def _tokenizer(folder: Path, data: bytes) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(data.decode("utf-8"))
    except Exception as error:  # tokenizers raises plain Exception for any fault of the file
        raise _unusable(folder, f"{_TOKENIZER} cannot be read ({error})") from error


def _check_config(folder: Path, data: bytes) -> None:
    try:
        config = json.loads(data)
    except ValueError as error:
        raise _unusable(folder, f"{_CONFIG} cannot be read ({error})") from error
    if not isinstance(config, dict):
        raise _unusable(folder, f"{_CONFIG} is not a JSON object")
