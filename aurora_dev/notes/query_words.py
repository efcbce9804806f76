"""The words of a query to `Memory.recall`: how many of them a note has, and names that only signs tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import STOP_WORDS
from aurora_dev.core.types import SearchResult
from aurora_dev.notes.similarity.statements import MOST_CHARS, statement_of

if TYPE_CHECKING:
    from typing_extensions import Self

# Words that say how something is asked, not what.
_ASKING: Final = frozenset(("long", "much", "many", "often", "way", "use", "used", "please", "tell", "know"))


@dataclass(frozen=True, slots=True)
class QueryWords:
    """The words of a query.

    Attributes:
        words: Folded content words.
        names: Words with signs and single letters, case-folded: "c#", "c++", "r".
    """

    words: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of(cls, query: str) -> Self:
        """Return the words of a query."""
        words = _content(query)
        return cls(words - _ASKING or words, frozenset(word for word in _all_words(query) if _is_sign_name(word)))

    def shared(self, content: str) -> float:
        """Return the share of the query's words that a note has, 0..1; 1 for a query without words."""
        return len(self.words & _content(content)) / len(self.words) if self.words else 1.0

    def with_exact_names(self, results: Sequence[SearchResult]) -> list[SearchResult]:
        """Return only the results with the names of the query, if one has them: "C#" is not "C++"."""
        if not self.names:
            return list(results)
        exact = [result for result in results if self.names <= _all_words(result.content)]
        return exact or list(results)


def _content(text: str) -> frozenset[str]:
    """Return the folded content words of a text, split in every script; all words where nothing else is left."""
    words = _all_words(text)
    return frozenset(fold_word(word) for word in words if word not in STOP_WORDS) or words


def _all_words(text: str) -> frozenset[str]:
    statement = statement_of(text[:MOST_CHARS])
    return frozenset(statement.words) if statement is not None else frozenset()


def _is_sign_name(word: str) -> bool:
    return (not word.isalnum() and word[-1] in "+#") or (len(word) == 1 and word.isascii() and word not in STOP_WORDS)
