"""What tells two similar texts apart, as far as words show it: negation, numbers, opposites, names."""

from __future__ import annotations

from typing import Final

from aurora_dev.notes.words import tokens

_NEGATIONS: Final = frozenset(
    ("not", "no", "never", "none", "without", "don't", "doesn't", "isn't", "aren't", "won't", "can't", "cannot")
)


def differs(one: str, other: str) -> bool:
    """Whether a number, a negation or an opposite tells two texts apart."""
    return reason(one, other) is not None


def reason(one: str, other: str) -> str | None:
    """Say why two texts about the same thing contradict each other; ``None`` where words show nothing."""
    new, old = set(tokens(one)), set(tokens(other))
    if bool(new & _NEGATIONS) != bool(old & _NEGATIONS):
        return "one of the two says 'not'"
    numbers = {word for word in new ^ old if any(character.isdigit() for character in word)}
    return f"they name different numbers: {', '.join(sorted(numbers))}" if numbers else None
