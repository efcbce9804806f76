"""Code-aware tokenization of texts and queries into terms for keyword search.

A name is found in any style. ``getUserByID``, ``get_user_by_id`` and ``get-user-by-id`` share the whole term
``getuserbyid`` and the parts ``get``, ``user``, ``by``, ``id``. ``std::vec::Vec`` and ``Client.send`` are found whole,
by their last two names and by each part. A chunk also has a ``def:`` term for each name that it defines, so that a
query for a name finds its definition before its uses.

Operators and names with signs (``operator<<``, ``C++``, ``C#``, ``.NET``, ``&&``, ``?.``), options (``--flag``), emoji
and other symbols have ``sign:`` terms of their own. A chunk has a ``file:`` term with the name of its file, so that
a path in a query finds the file. None of these, nor ``def:`` terms, count towards the length of a document. Letters
with marks count in both forms: ``café`` also as ``cafe``.

All functions are pure (with a bounded cache behind them) and thread-safe.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.mentions import find_paths
from aurora_dev.lazy import lazy_pattern

# Weights per occurrence in a document, relative to 1 for a plain word.
WHOLE_WEIGHT = 1.0  # the joined form of a compound name; being rare, it is already strong by its inverse frequency
PART_WEIGHT = 1.0  # each part of a compound name
# The joined form of a dotted path, and of its last two names; a text has many that are never searched for.
CHAIN_WEIGHT = 0.5
CJK_CHARACTER_WEIGHT = 0.5  # single characters match a lot; pairs are more specific and count 1

# Weights of terms from the metadata.
FOLDER_WEIGHT = 0.5  # shared by all files of a folder
STEM_WEIGHT = 2.0  # a file is named after its subject
SYMBOL_WEIGHT = 2.0  # the qualified name of the chunk
SYMBOLS_WEIGHT = 1.0  # each name that the chunk defines; its text has them once already
CONTEXT_WEIGHT = 0.5  # enclosing header lines; shared by all parts of a class
TAG_WEIGHT = 1.0  # words that an agent chose for its note
FILE_WEIGHT = 1.0  # the ``file:`` term
DEFINITION_WEIGHT = 1.0  # the ``def:`` terms; they do not count towards the document's length

# Weights per occurrence in a query.
QUERY_WHOLE_WEIGHT = 1.0
QUERY_PART_WEIGHT = 1.0  # each part of a compound name
QUERY_DEFINITION_WEIGHT = 1.0  # a word that can only be an identifier, or a query of one word
QUERY_CAPITALISED_WEIGHT = 0.5  # ``Router`` inside a sentence: probably a class, maybe a name or a heading
QUERY_FILE_WEIGHT = 1.0  # the ``file:`` term of a path or file name

DEFINITION_PREFIX = "def:"  # no ordinary term contains a colon
SIGN_PREFIX = "sign:"
FILE_PREFIX = "file:"
UNCOUNTED_PREFIXES = (DEFINITION_PREFIX, SIGN_PREFIX, FILE_PREFIX)
"""Prefixes of the terms that do not count towards the length of a document."""

_LONGEST_TERM = 64  # characters; longer terms are hashes or encoded data, and are cut
_LONGEST_WORD = 256  # characters of a word or dotted path; the rest is ignored
_MOST_JOINED = 6  # words of a query that may be the parts of one name
_CACHE_ENTRIES = 100_000  # distinct words, about 40 MB; cleared when full

# Combining vowels and signs belong to words in the scripts of India and South-East Asia, but are not ``\w``.
_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0dff\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff"
)
# Scripts without spaces between words (Thai to Khmer, Han, Hiragana, Katakana), and Hangul, whose particles are joined
# to words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
_LINK = r"(?:\.|::|->|[-#])"  # Python and JavaScript; Rust, C++, Ruby; C, PHP; CSS, headers, Lisp; Ruby and Java docs
_WORDS = lazy_pattern(rf"\w+(?:{_LINK}\w+)*")
_MARKED_WORDS = lazy_pattern(rf"[\w{_MARKS}]+(?:{_LINK}[\w{_MARKS}]+)*")
_LINKS = lazy_pattern(r"[^\w" + _MARKS + "]+")
# ``#`` stands for a character of an unspaced script, see `_character_classes`.
_HUMPS = lazy_pattern(r"#+|[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_UNSPACED_LETTER = lazy_pattern(f"[{_UNSPACED}]")
_SYMBOL = lazy_pattern(r"[$@]?[^\W\d]\w*(?:(?:\.|::|->|#)[$@]?[^\W\d]\w*)*(?:\(\s*\))?[?!]?")
_QUOTED = lazy_pattern(r"`([^`\s]+)`")
_CALLED = lazy_pattern(r"(?<!\w)\d*([^\W\d]\w*)\(\s*\)")  # one attempt per word: linear

# Two dashes or stars before a word are an option or an argument.
_OPERATORS = lazy_pattern(
    r"&&=?|\|\|=?|\|>|->\*?|=>|<=>|<-|<<=?|<=|<>|>>>?=?|>=|===?|!==?|\?\.|\?\?=?|\?:|:=|\+\+|--(?![\w-])|\*\*(?![\w*])|"
    r"[-+*/%&|^]="
)
# Finding runs of their characters first is several times as fast; few runs differ. The next character tells "--" from
# an option.
_RUNS = lazy_pattern(r"[-+*/%&|^<>=!?:.]{2,8}\w?")
_SIGNED_NAMES = lazy_pattern(
    r"\boperator ?(?:\(\)|\[\]|[-<>=!+*/%&|^~,]{1,3})|(?<!\w)(?:[a-z]|clang|libc|libstdc|notepad)\+\+(?![\w+])|"
    r"(?<!\w)[cfjq]#(?![\w#])|(?<![\w)\]}])\.net\b",
    re.IGNORECASE,
)
_OPTIONS = lazy_pattern(r"(?<![\w-])--[a-zA-Z][\w-]*\w")
# A text without any of these has no signed names, and is not searched for them.
_SIGNED_HINTS = ("operator", "++", "C#", "c#", "F#", "f#", "J#", "Q#", ".NET", ".net", ".Net")
_SYMBOLS = lazy_pattern("[\u2190-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
_LATIN_MARKS = lazy_pattern("[\u0300-\u036f]+")
# Letters that Unicode does not decompose.
_PLAIN_LETTERS = str.maketrans(
    {"\u00e6": "ae", "\u00f0": "d", "\u00f8": "o", "\u00fe": "th", "\u0111": "d", "\u0131": "i", "\u0142": "l"}
    | {"\u0153": "oe", "\u00c6": "AE", "\u00d8": "O", "\u0110": "D", "\u0141": "L", "\u0152": "OE"}
)

# Function words, left out of queries. Documents keep them, so that a query of nothing else (``with``) finds something.
STOP_WORDS = frozenset(
    word
    for line in (
        "a about an and any are as at be been being but by can could did do does doing for from",
        "had has have having here how i if in into is it its me my of on or our shall should so some such",
        "than that the their them then there these they this those to us was we were what when where which while",
        "who whom whose why will with would you your",
    )
    for word in line.split()
)


def split_identifier(name: str) -> list[str]:
    """Split a name at underscores, case changes, acronyms, digits and changes of script.

    Args:
        name: One identifier, in any style.

    Returns:
        Its parts in lower case, in order: ``getUserByID`` and ``get_user_by_id`` give ``get user by id``,
        ``HTTPServer2`` gives ``http server 2``. Empty if the name has no letter or digit.
    """
    return [name[m.start() : m.end()].lower() for m in _HUMPS.finditer(_character_classes(name))]


def document_terms(content: str, metadata: Mapping[str, Any]) -> dict[str, float]:
    """Return the terms of a stored text.

    Args:
        content: The text.
        metadata: ``path``, ``symbol``, ``symbols``, ``context`` and ``tags`` are read; values of an unexpected type
            are ignored.

    Returns:
        Weighted frequency of each term, above 0, with a ``def:`` term (see `DEFINITION_PREFIX`) for each definition.
    """
    terms: dict[str, float] = {}
    _count(terms, content, 1.0)
    _count_signs(terms, content, 1.0)
    context = metadata.get("context")
    if isinstance(context, str) and context:
        _count(terms, context, CONTEXT_WEIGHT)
    path = metadata.get("path")
    if isinstance(path, str) and path:
        folder, _, file = path.replace("\\", "/").rpartition("/")
        _count(terms, folder, FOLDER_WEIGHT)
        _count(terms, file, STEM_WEIGHT)
        terms[_file_term(file)] = FILE_WEIGHT
    symbol = metadata.get("symbol")
    names = [name for name in _strings(metadata.get("symbols")) if name]
    for name in names:
        _count(terms, name, SYMBOLS_WEIGHT)
        _count_signs(terms, name, SYMBOLS_WEIGHT)
    if isinstance(symbol, str) and symbol:
        _count(terms, symbol, SYMBOL_WEIGHT)
        names.append(symbol)
    for tag in _strings(metadata.get("tags")):
        _count(terms, tag, TAG_WEIGHT)
    for name in names:
        for term in _definition_terms(name):
            terms[term] = DEFINITION_WEIGHT
    return terms


def query_terms(text: str) -> dict[str, float]:
    """Return the terms of a query, to match against those of `document_terms`.

    Each repetition of a word counts. Function words (``where``, ``is``, ``the``) are left out unless there is nothing
    else. Words that look like identifiers also get a ``def:`` term.

    Args:
        text: A question, or a bare symbol.

    Returns:
        Weight of each term, above 0; empty if the text has no letter, digit, operator or symbol.
    """
    text = _normalised(text)
    words = _words(text)
    terms = _query_terms(words, skip=STOP_WORDS) or _query_terms(words, skip=frozenset())
    for word, weight in _identifiers(text, words).items():
        for term in _definition_terms(word):
            terms[term] = max(weight, terms.get(term, 0.0))
    _count_signs(terms, text, 1.0)
    if 1 < len(words) <= _MOST_JOINED:
        terms[DEFINITION_PREFIX + _joined("".join(words))[:_LONGEST_TERM]] = QUERY_DEFINITION_WEIGHT
    for path in find_paths(text):
        terms[_file_term(path.rpartition("/")[2])] = QUERY_FILE_WEIGHT
    return terms


def name_term(name: str) -> str:
    """Return the term under which documents hold a name, in any style of writing; of a qualified name, its last part.

    Returns:
        ``""`` for a text without a letter or digit.
    """
    if name.startswith("--"):
        return SIGN_PREFIX + name.lower()
    names = _names(_normalised(name))
    if not names:
        return ""
    last = names[-1]
    if last.isalpha() and (last.islower() or last.istitle()):
        return _FOLDED[last.lower()]
    return _FOLDED[_joined(last) if len(split_identifier(last)) > 1 else last.lower()]


def is_symbol_query(text: str) -> bool:
    """Return whether a query is a bare name, such as ``foo_bar``, ``Foo``, ``Foo::bar``, ``_x`` or ``foo()``.

    A plain lower-case word (``session``) is not: it reads like a word of a sentence.
    """
    text = text.strip().strip("`")
    if _SYMBOL.fullmatch(text) is None:
        return False
    return not (text.isalpha() and text == text.lower())


@lru_cache(maxsize=1)
def terms_fingerprint() -> str:
    """Return a digest that changes whenever `document_terms` gives different terms or weights.

    It is computed from a sample that uses every rule and weight, so no version number has to be raised by hand. An
    index with another fingerprint is rebuilt.
    """
    content = (
        "class HTTPServer2: getUserByIDs self.app.router.get std::vec::Vec a->b user-agent Foo#bar OAuth GraphQL utf8 "
        "tokens dependencies classes boxes caches ids routing parsed coding mapping calling embedded status e\u0301tat "
        "\u6570\u636e\u5e93 \u0e44\u0e17\u0e22 \uff21 1.5 operator<<() C# C++ .NET a && b --x ?. \U0001f680 "
        "Stra\u00dfe caf\u00e9 \u0142 \u03c3\u03c2 " + "x" * 2 * _LONGEST_TERM + " " + "y." * _LONGEST_WORD
    )
    metadata = {"path": "a/b/c.py", "symbol": "D.e", "symbols": ["f", "G"], "context": "class H:", "tags": ["i"]}
    found = sorted(document_terms(content, metadata).items())
    return hashlib.blake2b(repr(found).encode(), digest_size=8).hexdigest()


class _Expansions(dict[str, tuple[tuple[str, float], ...]]):
    """A cache of each word's terms and their weights; bounded, and safe to share among threads."""

    def __missing__(self, word: str) -> tuple[tuple[str, float], ...]:
        if len(self) >= _CACHE_ENTRIES:
            self.clear()
            _FOLDED.clear()
        found = tuple(self._terms(word).items())
        self[word] = found
        return found

    def _terms(self, word: str) -> dict[str, float]:
        names = _names(word)
        if len(names) == 1:
            return _name_terms(names[0], WHOLE_WEIGHT, PART_WEIGHT)
        terms: dict[str, float] = {}
        for name in names:
            for term, weight in self[name]:
                terms[term] = terms.get(term, 0.0) + weight
        _add_chain(terms, names, CHAIN_WEIGHT)
        return terms


class _Folded(dict[str, str]):
    """A cache of the term of each lower-case part; words share these strings, so "get" is in memory once."""

    def __missing__(self, piece: str) -> str:
        if len(self) >= 2 * _CACHE_ENTRIES:
            self.clear()
        cut = piece[:_LONGEST_TERM]
        self[piece] = term = fold_word(cut if cut.isascii() else cut.casefold())
        return term


_EXPANSIONS = _Expansions()
_FOLDED = _Folded()


def _normalised(text: str) -> str:
    """Return the text in NFKC, the form that keyboards produce, for composed and full-width characters."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _words(normalised: str) -> list[str]:
    return _WORDS.findall(normalised) if normalised.isascii() else _MARKED_WORDS.findall(normalised)


def _count(terms: dict[str, float], text: str, weight: float) -> None:
    expansions = _EXPANSIONS
    get = terms.get
    words = _WORDS.findall(text) if text.isascii() else _words(_normalised(text))
    for word, times in Counter(words).items():
        counted = times * weight
        for term, share in expansions[word]:
            terms[term] = get(term, 0.0) + counted * share


def _count_signs(terms: dict[str, float], text: str, weight: float) -> None:
    """Add the operators, names with signs, and symbols of a text."""
    found: Counter[str] = Counter()
    rest = text
    if any(hint in text for hint in _SIGNED_HINTS):
        names = _SIGNED_NAMES.findall(text)
        found.update(name.lower().replace(" ", "") for name in names)
        for name in names if len(text) <= _LONGEST_WORD else ():
            rest = rest.replace(name, " ")
    for run, times in Counter(_RUNS.findall(rest)).items():
        for sign in _operators_of_run(run):
            found[sign] += times
    if "--" in text:
        found.update(option.lower() for option in _OPTIONS.findall(text))
    if not text.isascii():
        found.update(_SYMBOLS.findall(text))
    for sign, times in found.items():
        term = SIGN_PREFIX + sign
        terms[term] = terms.get(term, 0.0) + times * weight


@lru_cache(maxsize=4096)
def _operators_of_run(run: str) -> tuple[str, ...]:
    return tuple(_OPERATORS.findall(run))


def _names(word: str) -> list[str]:
    """Return the identifiers in a word or dotted path that have a letter or digit."""
    return [name for name in _LINKS.split(word[:_LONGEST_WORD]) if name.strip("_")]


def _name_terms(name: str, whole: float, part: float) -> dict[str, float]:
    """Return the terms of one identifier with their weights; with marks on its letters, also those without marks."""
    if name.isascii():
        if name.isalpha() and (name.islower() or name.istitle()):
            return {_FOLDED[name.lower()]: 1.0}
        return _parts_of_name(name, whole, part)
    terms = _parts_of_name(name, whole, part)
    plain = _without_marks(name)
    if plain != name and plain.strip("_ "):
        terms = {**_parts_of_name(plain, whole, part), **terms}
    return terms


def _parts_of_name(name: str, whole: float, part: float) -> dict[str, float]:
    terms: dict[str, float] = {}
    humps = [match.span() for match in _HUMPS.finditer(_character_classes(name))]
    pieces = [name[start:end] for start, end in humps]
    if len(pieces) == 1:
        _add_piece(terms, pieces[0].lower(), 1.0)
        return terms
    joined = _joined(name)
    _add(terms, joined, whole)
    for piece in pieces:
        _add_piece(terms, piece.lower(), part)
    for (left, right), (first, second) in zip(pairwise(humps), pairwise(pieces), strict=True):
        if left[1] == right[0] and _is_weak_boundary(first, second):
            pair = (first + second).lower()
            if pair != joined:
                _add(terms, pair, part)
    return terms


def _without_marks(name: str) -> str:
    """Return a name without the marks of Latin, Greek and Cyrillic letters; in other scripts marks are vowels."""
    decomposed = unicodedata.normalize("NFD", name)
    return unicodedata.normalize("NFC", _LATIN_MARKS.sub("", decomposed)).translate(_PLAIN_LETTERS)


def _is_weak_boundary(first: str, second: str) -> bool:
    """Return whether two neighbouring parts are also written as one word: ``utf8``, ``OAuth``, ``GraphQL``."""
    if _UNSPACED_LETTER.match(first) or _UNSPACED_LETTER.match(second):
        return False
    return second.isdigit() or (len(first) == 1 and first.isalpha()) or (second.isupper() and len(second) <= 3)


def _add_chain(terms: dict[str, float], names: list[str], weight: float) -> None:
    """Add the joined forms of a dotted path and of its last two names, but not for numbers such as ``3.11``."""
    if len(names) < 2 or all(name.isdigit() for name in names):
        return
    _add(terms, _joined("".join(names)), weight)
    if len(names) > 2:
        _add(terms, _joined("".join(names[-2:])), weight)


def _add(terms: dict[str, float], term: str, weight: float) -> None:
    term = _FOLDED[term]
    terms[term] = terms.get(term, 0.0) + weight


def _add_piece(terms: dict[str, float], piece: str, weight: float) -> None:
    """Add a part; in an unspaced script, which has no words to count, its characters and their pairs."""
    if not _UNSPACED_LETTER.match(piece):
        _add(terms, piece, weight)
        return
    for character in piece:
        _add(terms, character, weight * CJK_CHARACTER_WEIGHT)
    for first, second in pairwise(piece):
        _add(terms, first + second, weight)


def _character_classes(name: str) -> str:
    """Return an ASCII string of the same length with the class of each character: ``A``, ``a``, ``0`` or ``#``."""
    if name.isascii():
        return name
    return "".join(character if character.isascii() else _character_class(character) for character in name)


def _character_class(character: str) -> str:
    if _UNSPACED_LETTER.match(character):
        return "#"
    if character.isupper() or character.istitle():
        return "A"
    return "0" if character.isnumeric() else "a"


def _joined(name: str) -> str:
    return name.replace("_", "").casefold()


def _strings(value: Any) -> Iterable[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []


def _definition_terms(name: str) -> list[str]:
    """Return the ``def:`` terms of a name: of the whole and, if it is qualified, of its last part."""
    names = _names(_normalised(name))
    wholes = {_joined("".join(names)), _joined(names[-1])} if names else set()
    wholes |= {plain for whole in wholes if not whole.isascii() and (plain := _without_marks(whole).strip())}
    return [DEFINITION_PREFIX + whole[:_LONGEST_TERM] for whole in sorted(wholes)]


def _file_term(name: str) -> str:
    return FILE_PREFIX + name.casefold()[:_LONGEST_TERM]


def _query_terms(words: list[str], skip: frozenset[str]) -> dict[str, float]:
    terms: dict[str, float] = {}
    for word in words:
        if word.lower() in skip:
            continue
        names = _names(word)
        found: dict[str, float] = {}
        for name in names:
            for term, weight in _name_terms(name, QUERY_WHOLE_WEIGHT, QUERY_PART_WEIGHT).items():
                found[term] = found.get(term, 0.0) + weight
        _add_chain(found, names, QUERY_WHOLE_WEIGHT)
        for term, weight in found.items():
            if term not in skip:
                terms[term] = terms.get(term, 0.0) + weight
    return terms


def _identifiers(text: str, words: list[str]) -> dict[str, float]:
    """Return the words of a query that look like identifiers, with the weight of their ``def:`` terms."""
    found = dict.fromkeys(_QUOTED.findall(text) + _CALLED.findall(text), QUERY_DEFINITION_WEIGHT)
    for position, word in enumerate(words):
        name = word.replace("-", "")
        if len(words) == 1 or not name.isalnum() or _has_inner_capital(name):
            if any(character.isalpha() for character in name) and (len(words) == 1 or name == word):
                found[word] = QUERY_DEFINITION_WEIGHT
        elif position and name == word and name[0].isupper() and not name.isupper() and name.lower() not in STOP_WORDS:
            found.setdefault(word, QUERY_CAPITALISED_WEIGHT)
    return found


def _has_inner_capital(name: str) -> bool:
    return any(character.isupper() for character in name[1:]) and not name.isupper()
