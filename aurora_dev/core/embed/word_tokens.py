"""Bags of tokens, equal to those of the real tokenizer and several times faster.

A static embedding needs no order, no offsets and no special tokens, only the number of each token. The words of a
project repeat, so a cache from word to token ids in front of the real tokenizer does most of its work.
"""

from __future__ import annotations

import json
import re
import string
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

from aurora_dev.lazy import np, npt

Ids: TypeAlias = "npt.NDArray[np.int64]"

_GROUP_CHARS = 1 << 19  # characters of texts that are read together, so that new words reach the tokenizer in bulk
_GROUP_TEXTS = 4096
_SEGMENT_CHARS = 1 << 16  # bounds the memory for one text at a few MB, however long the text
_CACHED_WORDS = 1 << 16  # about 10 MB; 1,200 chunks of code have about 5,000
_CACHED_WORD_CHARS = 128  # longer words are data, and seldom occur twice
_WITHOUT_TOKENIZER = 2_000  # new words, which are cut here in the time that reading the tokenizer takes

# BERT's cleaning turns these four into spaces and removes every other ASCII control character.
_WHITESPACE = " \t\n\r"
_SPLIT = re.compile(f"[{_WHITESPACE}]+")
_PLAIN = "".join(map(chr, range(0x21, 0x7F)))
_PLAIN_BYTES = (_PLAIN + _WHITESPACE).encode("ascii")
_NOT_PLAIN = re.compile(r"[^\x21-\x7e]")
_CUT_AT_SPACE = re.compile(f"[{_WHITESPACE}]")
_CUT_AT_PUNCTUATION = re.compile(r"[,;{}()]")  # not brackets: special tokens such as [UNK] are written with them


@dataclass(frozen=True, slots=True)
class TokenGroup:
    """The tokens of some consecutive texts.

    Attributes:
        first: Index of the first text (0-based).
        stop: One above the index of the last text; a long text may continue in the next group.
        rows: int64, shape ``(tokens,)``: the index of the text of each token, ``first <= row < stop``; ascending for
            words, and again for punctuation.
        ids: int64, shape ``(tokens,)``: the id of each token; unknown tokens are left out.
    """

    first: int
    stop: int
    rows: Ids
    ids: Ids


class WordTokens:
    """Turns texts into bags of token ids; thread-safe.

    The cache is used with BERT's tokenizer (``BertNormalizer``, ``BertPreTokenizer``, ``WordPiece``); any other
    tokenizer reads each text itself. With `of_layout`, the tokenizer is not read before a text needs it: a short query
    in ASCII needs only its vocabulary.

    Args:
        tokenizer: A ``tokenizers.Tokenizer``. Its truncation and padding are switched off.
        layout: What its ``tokenizer.json`` says.

    Attributes:
        highest_id: The highest token id that can occur, -1 if there is none.
    """

    def __init__(self, tokenizer: Any) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._start(json.loads(tokenizer.to_str()))

    @classmethod
    def of_layout(cls, layout: Mapping[str, Any], read: Callable[[], Any]) -> WordTokens:
        """Return the tokens of a tokenizer that is read later.

        Args:
            layout: The contents of its ``tokenizer.json``, in the present format of that file.
            read: Returns the ``tokenizers.Tokenizer``.
        """
        tokens = cls.__new__(cls)
        tokens._tokenizer = None
        tokens._read = read
        tokens._start(layout)
        return tokens

    _tokenizer: Any
    _read: Callable[[], Any]

    def _start(self, layout: Mapping[str, Any]) -> None:
        self._reading = threading.Lock()
        self._few = _WITHOUT_TOKENIZER  # new words that may still be cut here
        self._pieces: WordPieces | None = None
        self._unknown = _unknown_id(layout)
        self.highest_id = _highest_id(layout)
        self._reserved = tuple(token["content"].lower() for token in layout.get("added_tokens") or ())
        self._cache: dict[bytes | str, list[int]] = {}
        self._words_only: bytes | None = None
        if _is_bert(layout):
            self._words_only = _word_table(lowercase=layout["normalizer"].get("lowercase", True))
            self._pieces = WordPieces.of(layout["model"])
            self._punctuation = self._punctuation_ids()

    @property
    def is_fast(self) -> bool:
        """True if the cache of words is used with this tokenizer."""
        return self._words_only is not None

    def groups(self, texts: Sequence[str]) -> Iterator[TokenGroup]:
        """Yield the tokens of ``texts`` in groups of bounded size, in order."""
        rows: list[int] = []
        segments: list[str] = []
        chars = 0
        for row, text in enumerate(texts):
            for segment in _segments(text):
                rows.append(row)
                segments.append(segment)
                chars += len(segment)
                if chars >= _GROUP_CHARS or len(segments) >= _GROUP_TEXTS:
                    yield self._group(rows, segments)
                    rows, segments, chars = [], [], 0
        if segments:
            yield self._group(rows, segments)

    def _group(self, rows: list[int], segments: list[str]) -> TokenGroup:
        row_of = np.asarray(rows, dtype=np.int64)
        if self._words_only is None:
            found = self._tokenize(segments)
            lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
            ids = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=int(lengths.sum()))
            return TokenGroup(rows[0], rows[-1] + 1, np.repeat(row_of, lengths), ids)
        plain, words = self._split(segments, self._words_only)
        word_rows, word_ids = self._ids_of_words(row_of, words)
        mark_rows, mark_ids = self._ids_of_punctuation(row_of, plain)
        return TokenGroup(
            rows[0], rows[-1] + 1, np.concatenate((word_rows, mark_rows)), np.concatenate((word_ids, mark_ids))
        )

    def _split(self, segments: list[str], table: bytes) -> tuple[list[bytes], list[list[bytes | str]]]:
        """Return the plain ASCII part of each segment, and its words with the parts for the tokenizer itself."""
        plain: list[bytes] = []
        words: list[list[bytes | str]] = []
        for segment in segments:
            ascii_part, unusual = self._partition(segment)
            plain.append(ascii_part)
            found: list[bytes | str] = [*ascii_part.translate(table).split()]
            found += unusual
            words.append(found)
        return plain, words

    def _partition(self, segment: str) -> tuple[bytes, list[str]]:
        lowered = segment.lower()
        if any(token in lowered for token in self._reserved):
            return b"", [segment]
        if segment.isascii():
            encoded = segment.encode("ascii")
            if not encoded.translate(None, _PLAIN_BYTES):
                return encoded, []
        # Cleaning, lower-casing and the stripping of accents never look across whitespace.
        plain: list[str] = []
        unusual: list[str] = []
        for chunk in _SPLIT.split(segment):
            (unusual if _NOT_PLAIN.search(chunk) else plain).append(chunk)
        return " ".join(plain).encode("ascii"), unusual

    def _ids_of_words(self, row_of: Ids, words: list[list[bytes | str]]) -> tuple[Ids, Ids]:
        distinct: list[bytes | str] = list(set().union(*words))
        position = dict(zip(distinct, range(len(distinct)), strict=True))
        counts = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
        occurrences = np.fromiter(
            map(position.__getitem__, chain.from_iterable(words)), dtype=np.int64, count=int(counts.sum())
        )
        found = self._lookup(distinct)
        lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
        ids = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=int(lengths.sum()))
        starts = np.cumsum(lengths) - lengths
        repeats = lengths[occurrences]
        rows = np.repeat(np.repeat(row_of, counts), repeats)
        offsets = np.cumsum(repeats) - repeats
        index = np.arange(len(rows), dtype=np.int64) + np.repeat(starts[occurrences] - offsets, repeats)
        return rows, ids[index]

    def _ids_of_punctuation(self, row_of: Ids, plain: list[bytes]) -> tuple[Ids, Ids]:
        lengths = np.fromiter(map(len, plain), dtype=np.int64, count=len(plain))
        ids = self._punctuation[np.frombuffer(b"".join(plain), dtype=np.uint8)]
        known = np.flatnonzero(ids >= 0)
        return np.repeat(row_of, lengths)[known], ids[known].astype(np.int64)

    def _lookup(self, words: list[bytes | str]) -> list[list[int]]:
        """Return the token ids of each word, from the cache if it has them.

        Single operations on a dict are atomic, so threads share the cache without a lock. At worst, two of them ask the
        tokenizer for the same word.
        """
        cached = [self._cache.get(word) for word in words]
        missing = [index for index, ids in enumerate(cached) if ids is None]
        if not missing:
            return [ids for ids in cached if ids is not None]
        fresh = self._cut([words[index] for index in missing])
        filled = dict(zip(missing, fresh, strict=True))
        if len(self._cache) + len(missing) > _CACHED_WORDS:
            self._cache.clear()
        short = ((words[index], ids) for index, ids in filled.items() if len(words[index]) <= _CACHED_WORD_CHARS)
        for _, (word, ids) in zip(range(_CACHED_WORDS), short, strict=False):
            self._cache[word] = ids
        return [filled[index] if ids is None else ids for index, ids in enumerate(cached)]

    def _cut(self, words: list[bytes | str]) -> list[list[int]]:
        """Return the token ids of each word: here while there are few words and no tokenizer, and all are ASCII."""
        pieces = self._pieces
        if pieces is not None and self._tokenizer is None and len(words) <= self._few:
            plain = [word for word in words if isinstance(word, bytes)]
            if len(plain) == len(words):
                self._few -= len(words)
                return [pieces.ids(word.decode("ascii")) for word in plain]
        return self._tokenize([_as_text(word) for word in words])

    def _loaded(self) -> Any:
        if self._tokenizer is None:
            with self._reading:
                if self._tokenizer is None:
                    tokenizer = self._read()
                    tokenizer.no_truncation()
                    tokenizer.no_padding()
                    self._tokenizer = tokenizer
        return self._tokenizer

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of each text from the tokenizer; unknown tokens are left out, as in model2vec."""
        clean = [text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        encodings = self._loaded().encode_batch_fast(clean, add_special_tokens=False)
        if self._unknown is None:
            return [encoding.ids for encoding in encodings]
        unknown = self._unknown
        return [[token for token in encoding.ids if token != unknown] for encoding in encodings]

    def _punctuation_ids(self) -> npt.NDArray[np.int32]:
        table = np.full(256, -1, dtype=np.int32)
        for mark, ids in zip(
            string.punctuation, self._cut([mark.encode() for mark in string.punctuation]), strict=True
        ):
            if ids:
                table[ord(mark)] = ids[0]
        return table


@dataclass(frozen=True, slots=True)
class WordPieces:
    """The vocabulary of WordPiece, and how it cuts a word: at the longest piece that it knows, again and again.

    Attributes:
        vocabulary: The id of each piece.
        prefix: Stands before a piece that goes on.
        unknown: The id of the unknown token, which is left out.
        longest: The characters of the longest word that is cut; a longer one is unknown.
    """

    vocabulary: Mapping[str, int]
    prefix: str
    unknown: int | None
    longest: int

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> WordPieces:
        """Return the pieces of the ``model`` of a ``tokenizer.json``."""
        vocabulary = model["vocab"]
        return cls(
            vocabulary,
            model.get("continuing_subword_prefix", "##"),
            vocabulary.get(model.get("unk_token")),
            model.get("max_input_chars_per_word", 100),
        )

    def ids(self, word: str) -> list[int]:
        """Return the ids of the pieces of a word; none for an unknown one."""
        if len(word) > self.longest:
            return []
        vocabulary, prefix = self.vocabulary, ""
        found: list[int] = []
        start, end = 0, len(word)
        while start < end:
            for stop in range(end, start, -1):
                piece = vocabulary.get(prefix + word[start:stop])
                if piece is not None:
                    break
            else:
                return []
            if piece != self.unknown:
                found.append(piece)
            start, prefix = stop, self.prefix
        return found


def _as_text(word: bytes | str) -> str:
    return word if isinstance(word, str) else word.decode("ascii")


def _unknown_id(layout: Mapping[str, Any]) -> int | None:
    """Return the id of the unknown token, which the tokenizer names by its text or (Unigram) by its number."""
    model = layout["model"]
    if "unk_id" in model:
        number: int | None = model["unk_id"]
        return number
    name = model.get("unk_token")
    if name is None:
        return None
    added = (token["id"] for token in layout.get("added_tokens") or () if token["content"] == name)
    found: int | None = next(added, model["vocab"].get(name))
    return found


def _highest_id(layout: Mapping[str, Any]) -> int:
    vocabulary = layout["model"].get("vocab") or {}  # a list of pairs in Unigram, else a mapping to ids
    ids = vocabulary.values() if isinstance(vocabulary, dict) else range(len(vocabulary))
    added = (token["id"] for token in layout.get("added_tokens") or ())
    return max(chain(ids, added), default=-1)


def _is_bert(layout: Mapping[str, Any]) -> bool:
    """Return whether looking up words and ASCII punctuation one by one gives the tokens of the whole text."""
    normalizer, splitter = layout.get("normalizer") or {}, layout.get("pre_tokenizer") or {}
    return (
        normalizer.get("type") == "BertNormalizer"
        and normalizer.get("clean_text") is True
        and splitter.get("type") == "BertPreTokenizer"
        and layout["model"].get("type") == "WordPiece"
        and not any(
            token.get("normalized") or token.get("single_word") or _SPLIT.search(token["content"])
            for token in layout.get("added_tokens") or ()
        )
    )


def _word_table(*, lowercase: bool) -> bytes:
    """Return a translation of bytes that turns punctuation into spaces, and letters into lower case if asked for."""
    characters = [chr(code) for code in range(128)]
    for code, character in enumerate(characters):
        if character in string.punctuation:
            characters[code] = " "
        elif lowercase:
            characters[code] = character.lower()
    return "".join(characters).encode("ascii") + bytes(range(128, 256))


def _segments(text: str) -> Iterator[str]:
    """Cut a long text between words: after whitespace, else after punctuation, else not at all."""
    start = 0
    while len(text) - start > _SEGMENT_CHARS:
        near = start + _SEGMENT_CHARS
        cut = _CUT_AT_SPACE.search(text, near, near + _SEGMENT_CHARS) or _CUT_AT_PUNCTUATION.search(text, near)
        if cut is None:
            break
        yield text[start : cut.end()]
        start = cut.end()
    if start < len(text):
        yield text[start:]
