"""Conflicts: notes that may contradict each other, found without a language model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aurora_dev.log import get_logger
from aurora_dev.notes.model.types import Conflict, Note
from aurora_dev.notes.model.words import overlap
from aurora_dev.notes.similarity.differences import contradiction
from aurora_dev.notes.similarity.duplicates import is_same
from aurora_dev.notes.similarity.nearest import Similar
from aurora_dev.notes.similarity.paraphrases import paraphrase
from aurora_dev.notes.similarity.statements import statement_of

_log = get_logger(__name__)

# Only notes of these kinds are binding: a new note never conflicts with notes of other kinds.
BINDING_KINDS: Final = frozenset(("decision", "convention"))
# The least cosine of a conflict, and the least share of common words that stands in for it: the bundled embedder knows
# little of languages other than English.
CONFLICT_COSINE: Final = 0.45
CONFLICT_OVERLAP: Final = 0.4
# The least likelihood, by the learned model, of a conflict that no rule shows, and of one that a rule shows: set for a
# precision of 0.92 and more in cross-validation.
LIKELY: Final = 0.9
LIKELY_BY_RULE: Final = 0.3


def contradicts(new: str, old: str, cosine: float | None) -> str | None:
    """Return why a new text may contradict an earlier one; ``None`` where nothing shows it.

    Args:
        new: The new text.
        old: The earlier text.
        cosine: Cosine of their vectors; ``None`` where there are no vectors, so that common words decide.
    """
    if is_same(new, old):
        return None
    is_near = cosine is not None and cosine >= CONFLICT_COSINE
    if (is_near or _common_words(new, old) >= CONFLICT_OVERLAP) and (reason := contradiction(new, old)):
        return reason
    # Only a text with a neighbour needs the model: commands that list notes start without it.
    from aurora_dev.notes.similarity.features import difference
    from aurora_dev.notes.similarity.learned import likelihood

    reason = paraphrase(new, old)
    likely = likelihood(new, old)
    if likely is None:
        return reason
    if reason is not None:
        return reason if likely >= LIKELY_BY_RULE else None
    return difference(new, old) if likely >= LIKELY else None


def _common_words(new: str, old: str) -> float:
    """Return the share of common words, 0..1: of the content words, or of all words if that is more."""
    a, b = statement_of(new), statement_of(old)
    if a is None or b is None:
        return 0.0
    return max(overlap(frozenset(a.content), frozenset(b.content)), overlap(frozenset(a.words), frozenset(b.words)))


def conflicts_of(note: Note, near: Iterable[Similar]) -> tuple[Conflict, ...]:
    """Return the earlier notes that a new one may contradict, in the order of ``near``."""
    found = []
    for other in near:
        earlier = other.note
        if earlier.kind not in BINDING_KINDS:
            continue
        try:
            reason = contradicts(note.content, earlier.content, other.cosine)
        except Exception:  # noqa: BLE001  (a text that cannot be compared must not keep a note from being stored)
            _log.warning("notes.not_compared", id=earlier.id, exc_info=True)
            continue
        if reason:
            found.append(
                Conflict(earlier.id, earlier.content, reason, round(other.similarity, 4), earlier.kind, earlier.scope)
            )
    return tuple(found)
