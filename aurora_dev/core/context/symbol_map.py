"""The symbol map: the definitions of a project that the rest of it refers to most."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aurora_dev.core.contracts import TokenCounter
from aurora_dev.core.record_kinds import IS_CHUNK
from aurora_dev.core.text.fencing import fenced, label, safe
from aurora_dev.core.text.path_kinds import path_weight
from aurora_dev.core.types import Record
from aurora_dev.syntax import definitions

if TYPE_CHECKING:
    from aurora_dev.core.contracts import SearchableStore

__all__ = ["Symbol", "SymbolMap", "rank_symbols", "render_map"]

_WORD: Final = re.compile(r"[A-Za-z_$][\w$]{2,}")
_MOST_SYMBOLS: Final = 600  # about 10,000 tokens; a longer map is not an overview
_LONGEST_LINE: Final = 160
# Names such as ``read`` and ``close`` are mostly methods of objects that are not defined in the project.
_METHOD_WEIGHT: Final = 0.2


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition in the map.

    Attributes:
        line: The line where it begins, 1-based.
        signature: Its header on one line.
        score: Number of other files that mention its name, divided by the number of files that define it.
    """

    path: str
    line: int
    signature: str
    score: float


class SymbolMap:
    """The ranked symbols of a store, read again when it has changed."""

    def __init__(self, counter: TokenCounter, *, mask: bool = True) -> None:
        self._counter = counter
        self._mask = mask
        self._sequence = -1
        self._symbols: tuple[Symbol, ...] = ()

    async def entries(self, store: SearchableStore) -> tuple[Symbol, ...]:
        """Return the symbols that are referred to most, best first; at most 600."""
        sequence = (await store.stats()).sequence
        if sequence != self._sequence:
            records = await store.scan(IS_CHUNK, content=True)
            self._symbols = await asyncio.to_thread(rank_symbols, records, self._mask)
            self._sequence = sequence
        return self._symbols

    def render(self, symbols: Sequence[Symbol], limit: int) -> str:
        """Return a map of at most ``limit`` tokens."""
        return render_map(symbols, limit, self._counter.count)


def rank_symbols(records: Sequence[Record], mask: bool = True) -> tuple[Symbol, ...]:
    """Rank the definitions in records by the number of files that mention their name.

    Args:
        records: Chunks with contents and the chunker's metadata.
        mask: Whether credentials in signatures are masked.
    """
    words_of: dict[str, set[str]] = defaultdict(set)
    definers: dict[str, set[str]] = defaultdict(set)
    defined: list[tuple[str, Record]] = []
    for record in records:
        path = str(record.metadata.get("path", ""))
        words_of[path].update(_WORD.findall(record.content))
        symbols = record.metadata.get("symbols")
        for name in symbols if isinstance(symbols, list) else ():
            if "." not in name and len(name) > 2 and not name.startswith("__"):
                definers[name].add(path)
                defined.append((name, record))
    mentions: Counter[str] = Counter()
    for words in words_of.values():
        mentions.update(words & definers.keys())

    def score(entry: tuple[str, Record]) -> float:
        name, record = entry
        others = mentions[name] - len(definers[name])
        nested = f".{name}" in _qualified_ends(record)
        factor = path_weight(str(record.metadata.get("path", ""))) * (_METHOD_WEIGHT if nested else 1.0)
        return max(0, others) / len(definers[name]) * factor

    ranked = sorted(defined, key=lambda entry: (-score(entry), _place(entry[1]), entry[0]))
    found: dict[tuple[str, int], Symbol] = {}
    for entry in ranked:
        if len(found) >= _MOST_SYMBOLS:
            break
        symbol = _symbol(*entry, score(entry), mask)
        if symbol is not None:
            found.setdefault((symbol.path, symbol.line), symbol)
    return tuple(found.values())


def _qualified_ends(record: Record) -> frozenset[str]:
    symbols = record.metadata.get("symbols")
    names = symbols if isinstance(symbols, list) else []
    return frozenset(f".{name.rpartition('.')[2]}" for name in names if "." in name)


def _place(record: Record) -> tuple[str, int]:
    line = record.metadata.get("start_line")
    # A record that something else than the chunker wrote may hold no number there.
    return str(record.metadata.get("path", "")), int(line) if isinstance(line, int | float) else 0


def _symbol(name: str, record: Record, score: float, mask: bool) -> Symbol | None:
    path, start = _place(record)
    source = textwrap.dedent(record.content).encode("utf-8", "surrogatepass")
    for definition in definitions(source, str(record.metadata.get("language", ""))):
        if definition.name == name:
            header = " ".join(safe(definition.header, mask=mask).split())
            header = header.replace("( ", "(").replace(", )", ")").replace(" )", ")")
            if len(header) > _LONGEST_LINE:
                header = f"{header[: _LONGEST_LINE - 1]}…"
            return Symbol(path, start + definition.line - 1, header, score)
    return None


def render_map(symbols: Sequence[Symbol], limit: int, count: Callable[[str], int]) -> str:
    """Return a fenced block of as many of the best symbols as fit into a limit, sorted by file and line.

    Returns:
        The empty string if not even one fits.
    """
    # Bisection works because the text grows with every symbol.
    low, high = 0, len(symbols)
    while low < high:
        middle = (low + high + 1) // 2
        if count(_text(symbols[:middle])) <= limit:
            low = middle
        else:
            high = middle - 1
    return _text(symbols[:low]) if low else ""


def _text(symbols: Sequence[Symbol]) -> str:
    files: dict[str, list[Symbol]] = defaultdict(list)
    for symbol in symbols:
        files[symbol.path].append(symbol)
    lines: list[str] = []
    for path in sorted(files):
        lines.append(label(path))
        lines += [f"  {symbol.line}: {symbol.signature}" for symbol in sorted(files[path], key=lambda s: s.line)]
    return fenced("symbol map", "\n".join(lines))
