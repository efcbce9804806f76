"""Taking in transcripts: finds those of a project, reads what is new, stores it.

Every step can be repeated and interrupted. Records have ids that come from what they are, and the state of a transcript
is written after the records that it speaks of; so a capture that was killed is done again, with the same result.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.core.record_kinds import IS_SESSION
from aurora_dev.core.text.secrets import mask_secrets
from aurora_dev.log import get_logger
from aurora_dev.sessions.formats.events import AssistantFolders, Request, TranscriptFormat
from aurora_dev.sessions.formats.known import FORMATS
from aurora_dev.sessions.options import SessionOptions
from aurora_dev.sessions.places import ProjectPlaces
from aurora_dev.sessions.records import exchange_document, record_id, whole_document
from aurora_dev.sessions.state import CaptureState, transcript_key
from aurora_dev.sessions.transcript import Batch, TranscriptReader, belongs, first_lines
from aurora_dev.sessions.types import CaptureReport, SkippedTranscript

if TYPE_CHECKING:
    from aurora_dev.core.types import Document
    from aurora_dev.core.vector_store import VectorStore

__all__ = ["Capture"]

_log = get_logger(__name__)

_LOCK_INTERVAL: Final = 0.05  # seconds
_SECONDS_PER_DAY: Final = 86_400.0
_LOOKED_AT: Final = 300  # lines in which a request is looked for
_MOST_SKIPPED: Final = 100  # named in a report


@dataclass(slots=True)
class _Counts:
    transcripts: int = 0
    read: int = 0
    added: int = 0
    updated: int = 0
    removed: int = 0
    bytes_read: int = 0
    sessions: set[str] = field(default_factory=set)
    skipped: list[SkippedTranscript] = field(default_factory=list)

    def skip(self, path: Path, reason: str) -> None:
        if len(self.skipped) < _MOST_SKIPPED:
            self.skipped.append(SkippedTranscript(str(path), reason))


class Capture:
    """Takes the transcripts of one project into its store.

    Args:
        store: The project's store.
        root: The project's folder.
        state: How far transcripts were read.
        folders: The folders of assistants.
        options: Which sessions are kept.
        patience: Seconds to wait for another process that reads the same transcript.
    """

    def __init__(
        self,
        store: VectorStore,
        root: Path,
        state: CaptureState,
        folders: AssistantFolders,
        options: SessionOptions,
        patience: float,
    ) -> None:
        self._store = store
        self._state = state
        self._folders = folders
        self._options = options
        self._patience = patience
        self._foreign, remembered, self._forgotten = state.read_project()
        self._places = ProjectPlaces(root, remembered)
        self._remembered = remembered

    async def one(self, path: Path) -> CaptureReport:
        """Take in one transcript, and those of its subagents."""
        began, counts = time.perf_counter(), _Counts()
        form = await asyncio.to_thread(_format_of, path, self._folders)
        if form is None:
            counts.skip(path, "no known format")
        else:
            await self._guarded(path, form, counts, check=True)
            for each in await asyncio.to_thread(list, form.beside(path)):
                await self._guarded(each, form, counts, check=True)
        return _report(counts, began)

    async def all(self, clients: Sequence[str] | None) -> CaptureReport:
        """Take in every transcript of the project that has grown."""
        began, counts = time.perf_counter(), _Counts()
        before = dict(self._foreign)
        found = await asyncio.to_thread(self._find, clients, counts)
        for path, form in found:
            await self._guarded(path, form, counts, check=False)
        folders = list(dict.fromkeys([*self._remembered, *self._places.folders]))
        if self._foreign != before or folders != self._remembered:
            await asyncio.to_thread(self._state.write_project, self._foreign, folders)
        return _report(counts, began)

    def _find(self, clients: Sequence[str] | None, counts: _Counts) -> list[tuple[Path, TranscriptFormat]]:
        oldest = 0.0 if self._options.days is None else time.time() - self._options.days * _SECONDS_PER_DAY
        found: list[tuple[float, Path, TranscriptFormat]] = []
        for form in FORMATS:
            if clients is not None and form.client not in clients:
                continue
            paths = form.find(self._folders, self._places.paths)
            while True:
                try:
                    path = next(paths, None)
                except OSError as error:  # such as the database of another version
                    counts.skip(Path(form.client), f"cannot be read: {error}")
                    break
                if path is None:
                    break
                try:
                    changed, size = form.stamp(path)
                    if changed >= oldest and size and self._is_ours(path, form, size):
                        found.append((changed, path, form))
                except OSError as error:
                    counts.skip(path, f"cannot be read: {error}")
        # Oldest first: what a resumed session copies then belongs to the session that it comes from.
        return [(path, form) for _, path, form in sorted(found, key=lambda entry: (entry[0], str(entry[1])))]

    def _is_ours(self, path: Path, form: TranscriptFormat, size: int) -> bool:
        key = transcript_key(str(path))
        known = self._foreign.get(key)
        if known is not None and (size == known or known > 1 << 20):
            return False
        if self._state.read(key):
            return True
        mine = belongs(path, form, self._places)
        if mine is False:
            self._foreign.pop(key, None)
            self._foreign[key] = size
        return mine is True

    async def _guarded(self, path: Path, form: TranscriptFormat, counts: _Counts, *, check: bool) -> None:
        """Take in a transcript under its lock; whatever it holds, it does not stop the others."""
        key = transcript_key(str(path))
        waited = time.monotonic() + self._patience
        try:
            while True:
                with self._state.lock(key) as held:
                    if held:
                        await self._take(path, form, key, counts, check=check)
                        return
                if time.monotonic() > waited:
                    counts.skip(path, "another process is reading it")
                    return
                await asyncio.sleep(_LOCK_INTERVAL)
        except OSError as error:
            counts.skip(path, f"cannot be read: {error}")

    async def _take(self, path: Path, form: TranscriptFormat, key: str, counts: _Counts, *, check: bool) -> None:
        state = await asyncio.to_thread(self._state.read, key)
        if state.get("forbidden") is True:
            counts.transcripts += 1
            counts.skip(path, "this session is not to be remembered")
            return
        if check and not state and await asyncio.to_thread(belongs, path, form, self._places) is not True:
            counts.skip(path, "its session did not work in this project")
            return
        counts.transcripts += 1
        reader = TranscriptReader(path, form, self._places, state, _mask if self._store.masks_secrets else str)
        changed, _ = await asyncio.to_thread(form.stamp, path)
        writer = _Writer(self._store, form.client, key, changed, counts)
        batches = reader.batches()
        grew = False
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            grew = True
            self._forgotten = (await asyncio.to_thread(self._state.read_project))[2]  # another process may add to them
            session = batch.builder.whole.id
            if batch.builder.whole.forbidden or session in self._forgotten:
                await self._forbid(key, session, batch, counts)
                counts.skip(path, "this session is not to be remembered")
                return
            own = state.get("own") if not reader.rewritten else None
            await writer.write(batch, own if isinstance(own, dict) else {})
            batch.state["own"] = state_own = writer.own
            state = {**state, "own": state_own}
            if batch.last:
                if reader.rewritten:
                    await writer.remove_others()
                await asyncio.to_thread(self._state.write, key, batch.state)
        counts.read += grew
        counts.bytes_read += reader.read
        for number, what in ((reader.too_long, "too long"), (reader.broken, "not JSON")):
            if number:
                counts.skip(path, f"{number:,} line{'' if number == 1 else 's'} left out: {what}")

    async def _forbid(self, key: str, session: str, batch: Batch, counts: _Counts) -> None:
        """Remove what is stored of a session, and read its transcript no more."""
        counts.removed += await self._store.delete(filter={**IS_SESSION, "session": session})
        state = {"forbidden": True, "path": batch.state["path"], "client": batch.state["client"]}
        await asyncio.to_thread(self._state.write, key, state)


class _Writer:
    """Writes the records of one transcript.

    Attributes:
        own: What no other transcript had before this one: the number of such exchanges, and the first request of them.
    """

    def __init__(self, store: VectorStore, client: str, transcript: str, fallback: float, counts: _Counts) -> None:
        self._store = store
        self._client = client
        self._transcript = transcript
        self._fallback = fallback
        self._counts = counts
        self._seen: set[str] = set()
        self.own: dict[str, Any] = {}

    async def write(self, batch: Batch, own: dict[str, Any]) -> None:
        """Store a batch in one step, the record of the session with it."""
        store, whole = self._store, batch.builder.whole
        documents = [
            exchange_document(
                exchange, whole.id, self._client, self._transcript, store.namespace, fallback=self._fallback
            )
            for exchange in batch.exchanges
        ]
        documents = list({str(document.id): document for document in documents}.values())
        rewound = [record_id(store.namespace, self._client, key) for key in batch.rewound]
        stored = {str(d.id): d for d in await store.fetch([*(str(d.id) for d in documents), *rewound])}
        kept = [document for document in documents if not self._is_copy(document, stored.get(str(document.id)))]
        self._seen.update(str(document.id) for document in kept)
        # By id and not by number: an exchange that has grown since the last capture is counted once.
        ids = {*own.get("open", ()), *(str(d.id) for d in kept)}
        fresh = ids.difference(own.get("open", ()))
        self.own = {
            "count": int(own.get("count", 0)) + len(fresh),
            "first": own.get("first") or next((e.request for e, d in self._pairs(batch, kept) if d), ""),
            "open": [str(kept[-1].id)] if kept else list(own.get("open", ())),
        }
        names = {str(document.id) for document in kept}
        again = [
            replace(document, metadata={**document.metadata, "rewound": True})
            for document in stored.values()
            if document.id in rewound and document.id not in names and "rewound" not in document.metadata
        ]
        if self.own["count"] and whole.agent is None:
            summary = whole_document(
                whole,
                batch.builder.open_ends(),
                self._client,
                self._transcript,
                store.namespace,
                fallback=self._fallback,
                first_request=self.own["first"],
                exchanges=self.own["count"],
            )
            self._seen.add(str(summary.id))
            kept.append(summary)
        gone = [record_id(store.namespace, self._client, key) for key in batch.dropped]
        if not kept and not again and not gone:
            return
        await store.write([*kept, *again], [name for name in gone if name not in names], masked=True)
        self._counts.added += sum(name not in stored for name in names)
        self._counts.updated += sum(name in stored for name in names)
        self._counts.sessions.add(whole.id)

    def _pairs(self, batch: Batch, kept: Sequence[Document]) -> Iterator[tuple[Any, Document | None]]:
        by_id = {str(document.id): document for document in kept}
        for exchange in batch.exchanges:
            yield exchange, by_id.get(record_id(self._store.namespace, self._client, exchange.key))

    def _is_copy(self, document: Document, stored: Document | None) -> bool:
        """Return whether another transcript holds the exchange, and at least as much of it."""
        if stored is None or stored.metadata.get("transcript") == self._transcript:
            return False
        return _ended(stored) >= _ended(document) or len(stored.content) > len(document.content)

    async def remove_others(self) -> None:
        """Remove the records of a rewritten transcript that it does not hold any more."""
        mine = {**IS_SESSION, "transcript": self._transcript}
        gone = [record.id for record in await self._store.scan(mine) if record.id not in self._seen]
        if gone:
            self._counts.removed += await self._store.delete(ids=gone)


def _mask(text: str) -> str:
    return mask_secrets(text)[0] if text else text


def _ended(document: Document) -> float:
    ended = document.metadata.get("ended_at")
    return float(ended) if isinstance(ended, int | float) else 0.0


def _format_of(path: Path, folders: AssistantFolders) -> TranscriptFormat | None:
    """Return the form of a transcript: by its place, else the first one that finds a request in it."""
    for form in FORMATS:
        if form.is_mine(path, folders):
            return form
    for form in FORMATS:
        if form.client == "opencode":  # a database
            continue
        memory = form.start(path)
        for line in islice(first_lines(path, form), _LOOKED_AT):
            if any(isinstance(event, Request) for event in form.events(line, memory)):
                return form
    return None


def _report(counts: _Counts, began: float) -> CaptureReport:
    report = CaptureReport(
        transcripts=counts.transcripts,
        read=counts.read,
        sessions=len(counts.sessions),
        exchanges_added=counts.added,
        exchanges_updated=counts.updated,
        removed=counts.removed,
        skipped=tuple(counts.skipped),
        bytes_read=counts.bytes_read,
        seconds=time.perf_counter() - began,
    )
    _log.info("sessions_captured", read=report.read, added=report.exchanges_added, seconds=round(report.seconds, 3))
    return report
