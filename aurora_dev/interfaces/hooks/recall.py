"""Find the few notes, sessions and files of a project that belong to a prompt."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from aurora_dev.core.quick_reader import BUNDLED_MODEL, QuickReader, QuickRecord, cosine, embed_one
from aurora_dev.core.record_kinds import FILE_KEY, is_chunk, is_commit, is_session
from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import DEFINITION_PREFIX
from aurora_dev.interfaces.hooks.relevance import (
    LEAST_NOTE,
    LEAST_SESSION,
    Prompt,
    features,
    is_named,
    probability,
    said,
    weigh,
)

__all__ = ["Finding", "find_files", "find_notes", "is_current", "judged"]

Judged: TypeAlias = tuple[QuickRecord, dict[str, float]]

_MOST_LEARNED: Final = 2_000  # notes and sessions that are judged, the newest
_FEWEST: Final = 1_000  # records that rarity is measured against: in a small project every word would be frequent
_MOST_CHUNKS: Final = 20  # best by keywords


def judged(reader: QuickReader, prompt: Prompt, records: Sequence[QuickRecord]) -> list[Judged]:
    """Return records with the figures that tell whether they belong to a prompt.

    Args:
        reader: The store.
        prompt: The prompt, not weighed yet.
        records: The records to judge.
    """
    return _judged(reader, _weighed(reader, prompt, records), records)


def _judged(reader: QuickReader, prompt: Prompt, records: Sequence[QuickRecord]) -> list[Judged]:
    vector = embed_one(prompt.text) if reader.embedder == BUNDLED_MODEL else None
    found = []
    for record in records:
        near = None if vector is None or record.vector is None else cosine(vector, record.vector)
        found.append((record, features(prompt, said(record.content, record.metadata), record.metadata, near)))
    return found


def _weighed(reader: QuickReader, prompt: Prompt, learned: Sequence[QuickRecord]) -> Prompt:
    """Return a prompt whose words are weighed by how many records of the store have them."""
    postings = reader.postings()
    try:
        last = -1 if postings is None else int(postings.header.get("last_row", -1))
        # Records that were written since the index was saved; each is looked through.
        later = [record.content.casefold() for record in learned if record.row > last]
        count = max(_FEWEST, len(later) + (0 if postings is None else len(postings)))

        def holders(word: str) -> int:
            saved = 0 if postings is None else postings.holders(fold_word(word))
            return saved + sum(word in text for text in later)

        return weigh(prompt, count, holders)
    finally:
        if postings is not None:
            postings.close()


class Finding(NamedTuple):
    """A record that belongs to a prompt.

    Attributes:
        kind: Its kind: a note, a session or a chunk of a file.
        record: The record.
        likely: How well it belongs to the prompt, 0..1, comparable within a kind.
    """

    kind: Literal["note", "session", "file"]
    record: QuickRecord
    likely: float


def find_notes(reader: QuickReader, prompt: Prompt, leave_out: Callable[[QuickRecord], bool]) -> list[Finding]:
    """Return the notes and sessions that belong to a prompt, likeliest first.

    Args:
        reader: The store.
        prompt: The prompt.
        leave_out: Tells which records are not to be shown.
    """
    moment = time.time()
    learned = [
        record
        for record in reader.learned(_MOST_LEARNED, FILE_KEY)
        if not is_commit(record.metadata) and is_current(record, moment) and not leave_out(record)
    ]
    if not learned or not prompt.words:
        return []
    found = [
        Finding("session" if is_session(record.metadata) else "note", record, probability(figures))
        for record, figures in judged(reader, prompt, learned)
    ]
    least = {"note": LEAST_NOTE, "session": LEAST_SESSION}
    return sorted((each for each in found if each.likely >= least[each.kind]), key=lambda each: -each.likely)


def find_files(reader: QuickReader, prompt: Prompt) -> list[Finding]:
    """Return the chunks of files that a prompt names, best first, one of each file."""
    postings = reader.postings()
    if postings is None or not prompt.words:
        return []
    with postings:
        best = postings.search(_terms(prompt), _MOST_CHUNKS)
        weighed = weigh(prompt, len(postings), lambda word: postings.holders(fold_word(word)))
    files: dict[str, Finding] = {}
    most = best[0][1] if best else 1.0
    chunks = reader.read([row for row, _ in best])
    scores = dict(best)
    for record in chunks:
        path = record.metadata.get("path")
        if (
            isinstance(path, str)
            and path not in files
            and is_chunk(record.metadata)
            and is_named(weighed, record.metadata)
        ):
            files[path] = Finding("file", record, scores[record.row] / most)
    return list(files.values())


def _terms(prompt: Prompt) -> dict[str, float]:
    """Return the terms of a prompt for the keyword index: its words, and its names and their definitions."""
    terms = {fold_word(word): 1.0 for word in prompt.words}
    for name in prompt.names:
        terms[fold_word(name)] = terms[DEFINITION_PREFIX + fold_word(name)] = 1.0
    return terms


def is_current(record: QuickRecord, moment: float) -> bool:
    """Return whether a record is neither superseded nor expired at a time in seconds since the epoch."""
    expires = record.metadata.get("expires_at")
    if isinstance(expires, int | float) and not isinstance(expires, bool) and expires <= moment:
        return False
    return "superseded_by" not in record.metadata
