"""Reading one transcript: whose it is, and what is new in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from aurora_dev.core.text.secrets import MASKING_VERSION
from aurora_dev.log import get_logger
from aurora_dev.sessions.exchanges import Exchange, ExchangeBuilder
from aurora_dev.sessions.formats.events import Place, TranscriptFormat
from aurora_dev.sessions.places import ProjectPlaces
from aurora_dev.sessions.reading import Lines, fingerprint, open_transcript

_log = get_logger(__name__)

__all__ = ["Batch", "TranscriptReader", "belongs", "first_lines", "state_version"]

# Increase it whenever the documents of sessions change, so that transcripts are read again.
SESSIONS_VERSION: Final = 1
_LOOKED_AT: Final = 300  # lines that are searched for the folder of a session
_BATCH: Final = 64  # exchanges that are stored in one step


def state_version() -> int:
    """Return the version of what is stored; it changes with the rules of masking, too."""
    return SESSIONS_VERSION * 1_000 + MASKING_VERSION


@dataclass(slots=True)
class Batch:
    """The addition of a part of a transcript.

    Attributes:
        exchanges: Exchanges that are new or have grown.
        rewound: Keys of earlier exchanges that the person went back behind.
        dropped: Keys of earlier exchanges that were none.
        builder: What is known of the session so far.
        state: What is to be remembered once this batch is stored.
        last: Whether the transcript ends with it.
    """

    exchanges: list[Exchange]
    rewound: list[str]
    dropped: list[str]
    builder: ExchangeBuilder
    state: dict[str, Any]
    last: bool = False


def belongs(path: Path, form: TranscriptFormat, places: ProjectPlaces) -> bool | None:
    """Return whether a transcript's session worked in a project; ``None`` if its first lines do not say it.

    Raises:
        OSError: It cannot be read.
    """
    memory = form.start(path)
    folder = form.project_of(memory, places.paths)
    if folder is not None:
        return places.holds(folder)
    seen = False
    for line in islice(first_lines(path, form), _LOOKED_AT):
        for event in form.events(line, memory):
            if isinstance(event, Place) and event.cwd:
                if places.holds(event.cwd):
                    return True
                seen = True
    return False if seen else None


def first_lines(path: Path, form: TranscriptFormat) -> Iterator[Any]:
    """Yield the lines of a transcript from its start.

    Raises:
        OSError: It cannot be read.
    """
    if form.grows:
        with open_transcript(path) as file:
            yield from Lines(file, 0)
        return
    try:
        yield from form.values(path)
    except (ValueError, RecursionError):  # half of a file, or another format
        return


@dataclass(slots=True)
class TranscriptReader:
    """Reads what a transcript has beyond a state.

    Attributes:
        rewritten: Whether the transcript is not the one that the state speaks of, and was read from its start.
        read: The number of bytes that were read.
        too_long: The number of lines that were left out because they are too long.
        broken: The number of lines that are not JSON.
    """

    path: Path
    format: TranscriptFormat
    places: ProjectPlaces
    state: Mapping[str, Any]
    mask: Callable[[str], str]
    rewritten: bool = False
    read: int = 0
    too_long: int = 0
    broken: int = 0
    _memory: dict[str, Any] = field(default_factory=dict)

    def batches(self) -> Iterator[Batch]:
        """Yield what is new, in parts that fit into memory; nothing if there is nothing new.

        Raises:
            OSError: It cannot be read.
        """
        if not self.format.grows:
            yield from self._whole()
            return
        with open_transcript(self.path) as file:
            builder, offset = self._begin(file)
            lines = Lines(file, offset)
            for line in lines:
                builder.feed(self.format.events(line, self._memory))
                if builder.waiting >= _BATCH:
                    yield self._batch(builder, lines.offset)
            self.read, self.too_long, self.broken = lines.read, lines.too_long, lines.broken
            if lines.offset > offset or self.rewritten:
                batch = self._batch(builder, lines.offset)
                batch.last = True
                batch.state["fingerprint"] = fingerprint(file, lines.offset)
                yield batch

    def _whole(self) -> Iterator[Batch]:
        """Yield a transcript that is rewritten as a whole, unless it is as it was read."""
        stamp = list(self.format.stamp(self.path))
        known = self.state.get("version") == state_version()
        if known and self.state.get("stamp") == stamp:
            return
        self.rewritten = bool(self.state.get("stamp"))
        self._memory = self.format.start(self.path)
        builder = ExchangeBuilder(self.places.relative, self.mask)
        try:
            for value in self.format.values(self.path):
                builder.feed(self.format.events(value, self._memory))
        except (ValueError, RecursionError):  # half of a file: it is read again when it has changed
            self.broken += 1
            if self.rewritten:  # what was read before stays
                self.rewritten = False
                return
        batch = self._batch(builder, 0)
        batch.last = True
        batch.state["stamp"] = stamp
        batch.state["builder"] = None
        self.read = int(stamp[1])
        yield batch

    def _begin(self, file: Any) -> tuple[ExchangeBuilder, int]:
        state = self.state
        offset = state.get("offset")
        offset = offset if isinstance(offset, int) and offset > 0 else 0
        known = offset > 0 and state.get("version") == state_version()
        if known and fingerprint(file, offset) == state.get("fingerprint"):
            try:
                builder = ExchangeBuilder.restored(state["builder"], self.places.relative, self.mask)
                self._memory = dict(state.get("memory") or {})
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                _log.info("session_state_damaged", path=str(self.path), error=repr(error))
            else:
                return builder, offset
        self.rewritten = offset > 0
        self._memory = self.format.start(self.path)
        builder = ExchangeBuilder(self.places.relative, self.mask)
        builder.whole.agent = self._memory.get("agent")
        return builder, 0

    def _batch(self, builder: ExchangeBuilder, offset: int) -> Batch:
        exchanges = builder.changed()
        rewound, builder.rewound = builder.rewound, []
        dropped, builder.dropped = builder.dropped, []
        if not builder.whole.cwd:
            builder.whole.cwd = self.format.project_of(self._memory, self.places.paths) or ""
        if not builder.whole.id:
            builder.whole.id = str(self._memory.get("session") or self.path.stem)[:200]
        state = {
            "version": state_version(),
            "offset": offset,
            "fingerprint": "",
            "builder": builder.state(),
            "memory": self._memory,
            "path": str(self.path),
            "client": self.format.client,
        }
        return Batch(exchanges, rewound, dropped, builder, state)
