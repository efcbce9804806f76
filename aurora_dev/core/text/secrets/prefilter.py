"""Find the places of a text where a rule may match, in one pass.

Each rule names *anchors*: literals of at least four characters, one of which stands in everything that it matches. Of
each anchor the rarest four characters are looked up, in lower case; a literal in exact case is compared where they
stand. A table over all pairs of bytes holds, for each pair, the groups of anchors that begin with it (low half) and
that go on with it (high half). A place is a candidate if the pair there and the pair after it share a group. NumPy
looks up all places of a kilobyte in about two microseconds, however many anchors there are. This is the idea of the
Teddy algorithm of Hyperscan, with pairs instead of single bytes.

Making the table, and importing NumPy for it, takes as long as looking up some hundred kilobytes place by place. So the
first texts of a process, such as the one note that a command stores, are looked up without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from typing import Final, Generic, NamedTuple, TypeVar

from aurora_dev.lazy import np, npt

__all__ = ["Anchor", "Prefilter", "any_case", "literal", "prefix", "spread"]

_SIZE: Final = 4  # bytes of an anchor that are looked up
_GROUPS: Final = 16
_HASH_BITS: Final = 18
_FEW: Final = 8  # places that are looked up one by one sooner than all at once
_WITHOUT_TABLE: Final = 1 << 17  # bytes that are looked up before the table is made
_T = TypeVar("_T")

# Letters of source code from common to rare; every other character is rarer.
_COMMON: Final = "et aionsrlcdpumfhgbyvkxwjqz"
_RARE: Final = 35


class Anchor(NamedTuple):
    """Four characters to look up.

    Attributes:
        key: The characters, in lower case.
        shift: Their distance from the place where the rule is tried.
        word: The literal that has to stand at that place; empty if the characters are enough.
        exact: Whether the literal stands in exact case; else it is in lower case, and any case counts.
    """

    key: str
    shift: int = 0
    word: str = ""
    exact: bool = False


# Four characters that source code has often, although their letters are rare; counted in this project and others.
_FREQUENT: Final = frozenset(
    """
    chem from with code ntex oken line ndex lias back over atch onne reco conn nnec enti nect cess word arch ount
    ture dent earc sear nore ines gnor pack igno coun _pro plac tial lace alle acka ckag ords sign est_ sert _key
    .com _pat work tatt cove ecod cret repl ecre keys resc romp igur figu send test very ivat e_co _sec acce riva
    vate priv cone epla uth_ ooki atur e.co ist_ ntry okie make cces igna _tok gist ken_ uffe _cod nfo_ _aut live
    flow elic ntia gnat natu into eden assw swor ive_ ess_ rede ed_p figd ent- merg erge user prin ring ion( ate(
    rows key( ase( text type able self http used ecur nabl logi uthe com/ ars_ crea
    enab econ .con ion= ate_ est_ ult_ tion ctio plac sion dion
    """.split()  # noqa: SIM905 - a list of words reads better
) | {
    " in ",
    " int",
    "e in",
    "e co",
    "ate ",
    "t in",
    "ore ",
    " key",
    "t re",
    " rec",
    "t se",
    "n in",
    " cod",
    " ign",
    "re i",
    "ed w",
    " wor",
    "rt i",
    "ace ",
    " see",
    "ery ",
    "ert ",
    "tch ",
    "eed ",
    "ce i",
    "g in",
    "y co",
    "als ",
    "ble ",
    " log",
    "ed b",
    "d by",
    "d wi",
    " add",
    "t us",
    "ch c",
    " by ",
    "h co",
    "key ",
    "log ",
    "use ",
    " use",
    " = [",
    " = (",
}
# Four characters that are looked up in any case, so that a longer literal costs nothing more.
_SHARED: Final = frozenset(("pass",))


def _rarest(text: str) -> int:
    """Return the start of the rarest four characters of a literal in lower case."""
    if len(text) == _SIZE:
        return 0
    ranks = [_COMMON.find(c) if c in _COMMON else _RARE for c in text]

    def rareness(start: int) -> int:
        key = text[start : start + _SIZE]
        return sum(ranks[start : start + _SIZE]) + (key in _SHARED) * 1_000 - (key in _FREQUENT) * 1_000

    return max(range(len(text) - _SIZE + 1), key=rareness)


def literal(text: str) -> Anchor:
    """Return the anchor of a literal of at least four characters, in exact case."""
    start = _rarest(text.lower())
    return Anchor(text[start : start + _SIZE].lower(), start, text, exact=True)


def any_case(text: str) -> Anchor:
    """Return the anchor of a literal of at least four characters, in any mix of cases."""
    text = text.lower()
    start = _rarest(text)
    return Anchor(text[start : start + _SIZE], start, "" if len(text) == _SIZE else text)


def spread(*classes: Iterable[str], shift: int = 0) -> Iterator[Anchor]:
    """Yield the anchors that take one character of each of four classes, in any case."""
    for letters in product(*(dict.fromkeys("".join(letters).lower()) for letters in classes)):
        yield Anchor("".join(letters), shift)


def prefix(text: str, following: Iterable[str]) -> Iterator[Anchor]:
    """Yield the anchors of a short literal in exact case, which goes on with characters of a class.

    Args:
        text: Two or three characters.
        following: What may follow it.
    """
    for anchor in spread(*text, *([following] * (_SIZE - len(text)))):
        yield Anchor(anchor.key, 0, text, exact=True)


class Prefilter(Generic[_T]):
    """A set of anchors, each with the rules to try where it stands.

    Args:
        rules: The rules, each with an anchor.
    """

    def __init__(self, rules: Iterable[tuple[Anchor, _T]]) -> None:
        found: dict[bytes, list[tuple[int, bytes, int, bool, _T]]] = defaultdict(list)
        for (key, shift, text, exact), rule in rules:
            if len(key) != _SIZE:
                raise ValueError(f"an anchor has {_SIZE} characters: {key!r}")
            word = text.encode("ascii")
            found[key.encode("ascii")].append((shift, word, len(word), exact, rule))
        self._rules = {key: tuple(dict.fromkeys(entries)) for key, entries in found.items()}
        self._left = _WITHOUT_TABLE
        self._tables: tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]] | None = None

    def _new_tables(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
        starts: dict[int, list[int]] = defaultdict(list)
        for key in self._rules:
            starts[key[0] | key[1] << 8].append(key[2] | key[3] << 8)
        table = np.zeros(1 << 16, "<u4")
        for first, group in _groups(starts).items():
            table[first] |= 1 << group
            table[np.array(starts[first])] |= 1 << group + _GROUPS
        # Of the places that the groups let through, about half begin no anchor; a hash of all four characters tells.
        hashes = np.zeros(1 << _HASH_BITS, np.bool_)
        hashes[_hashes(np.frombuffer(b"".join(self._rules), "<u4"))] = True
        return table, hashes

    def candidates(self, ascii_text: bytes) -> Iterator[tuple[int, _T]]:
        """Yield the places to try, with the rule of each, in the order of the anchors.

        Args:
            ascii_text: One byte per character of the text, so that positions in one are positions in the other.
        """
        if len(ascii_text) < _SIZE:
            return
        rules = self._rules
        folded = ascii_text.lower()
        for place in self._places(folded):
            for shift, word, size, exact, rule in rules.get(folded[place : place + _SIZE], ()):
                at = place - shift
                if at >= 0 and (not size or (ascii_text if exact else folded)[at : at + size] == word):
                    yield at, rule

    def _places(self, folded: bytes) -> Iterable[int]:
        """Return the places of a text in lower case where an anchor may stand: with the table some where none does."""
        if self._tables is None:
            if len(folded) <= self._left:  # two threads may both take from the rest, which is harmless
                self._left -= len(folded)
                rules = self._rules
                return [i for i in range(len(folded) - _SIZE + 1) if folded[i : i + _SIZE] in rules]
            self._tables = self._new_tables()
        table, hashes = self._tables
        pairs = np.ndarray((len(folded) - 1,), "<u2", folded, 0, (1,))
        groups: npt.NDArray[np.uint32] = table.take(pairs, mode="wrap")
        # The halves in place: no shift, and half the bytes.
        halves = groups.view(np.uint16)
        places = np.flatnonzero((halves[0:-4:2] & halves[5::2]) != 0)
        if len(places) > _FEW:
            fours = np.ndarray((len(folded) - 3,), "<u4", folded, 0, (1,))
            places = places[hashes[_hashes(fours[places])]]
        found: list[int] = places.tolist()
        return found


def _hashes(fours: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Return the hash of four characters each, by Knuth's multiplication."""
    return (fours * np.uint32(2_654_435_761)) >> np.uint32(32 - _HASH_BITS)


def _groups(starts: Mapping[int, list[int]]) -> dict[int, int]:
    """Return the group of each pair that begins an anchor.

    Each pair joins the group where it adds the fewest candidates by chance, by how common its letters are.
    """
    found: dict[int, int] = {}
    members = [set[int]() for _ in range(_GROUPS)]  # the pairs that go on
    begin, go_on = [0.0] * _GROUPS, [0.0] * _GROUPS  # how common the pairs of a group are
    for pair in sorted(starts, key=lambda pair: (-_share(pair) * len(starts[pair]), pair)):
        share = _share(pair)
        added = [sum(_share(other) for other in starts[pair] if other not in group) for group in members]
        cost = [share * (go_on[g] + added[g]) + begin[g] * added[g] for g in range(_GROUPS)]
        best = cost.index(min(cost))
        found[pair] = best
        begin[best] += share
        go_on[best] += added[best]
        members[best].update(starts[pair])
    return found


@cache
def _share(pair: int) -> float:
    """Return about how common a pair of characters is."""
    share = 1.0
    for character in (chr(pair & 255), chr(pair >> 8)):
        place = _COMMON.find(character)
        share /= place + 4 if place >= 0 else 3 * _RARE
    return share
