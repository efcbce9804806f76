"""Exchanges from events: what was asked, what was concluded, what was changed and what failed.

The long middle of an exchange is left out: output of tools, contents of files, thoughts, and remarks on the way. An
`ExchangeBuilder` holds what is known so far in few kilobytes, whatever the length of the transcript; it can be written
to a file as JSON, and goes on from there when the transcript has grown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from aurora_dev.lazy import lazy_pattern
from aurora_dev.sessions.formats.events import (
    Answer,
    Call,
    Event,
    Outcome,
    Place,
    Request,
    Summary,
    Tasks,
    Title,
)
from aurora_dev.sessions.text import clean, cut, cut_end, forbids_memory, one_line

__all__ = ["Exchange", "ExchangeBuilder", "Whole"]

MOST_REQUEST: Final = 4_000  # characters
MOST_CONCLUSION: Final = 5_000
_MOST_CLEANED: Final = 100_000  # characters of a text that are looked at
_SHORT_CONCLUSION: Final = 200  # characters; the text before a shorter one is kept too
_MOST_COMMAND: Final = 300
_MOST_ERROR: Final = 400
_MOST_MASKED_ERROR: Final = 40_000  # characters; the end of a private key is known by its beginning
_MOST_FIX: Final = 300
_MOST_FILES: Final = 30  # of each kind in an exchange
_MOST_FILES_OF_SESSION: Final = 200
_MOST_FAILURES: Final = 8  # in an exchange
_MOST_OPEN: Final = 20  # commands of a session that failed and were not mended
_MOST_CALLS: Final = 200  # without a result yet
_MOST_PARENTS: Final = 1_000  # exchanges that a person may go back behind
_MOST_TASKS: Final = 5
_MOST_LINE: Final = 300
_COMMITTED: Final = lazy_pattern(r"^\[[^\]\n]{1,200} ([0-9a-f]{7,40})\] ", 8)  # re.MULTILINE
_SKIPPED_WORDS: Final = frozenset(
    ("sudo", "env", "time", "nice", "timeout", "npx", "bunx", "uv", "run", "poetry", "exec")
)
# Commands that look for something; finding nothing is no failure to learn from.
_LOOKING: Final = frozenset(
    (
        *("cat", "ls", "grep", "rg", "find", "fd", "echo", "head", "tail", "sed", "awk", "wc", "pwd", "which", "test"),
        *("[", "stat", "file", "tree", "cd", "type", "command", "less", "jq", "diff", "dir", "sleep", "printf", "ps"),
    )
)
_ASSIGNMENT: Final = lazy_pattern(r"^[A-Za-z_]\w{0,100}=\S{0,500}$")
_CHANGE_FOLDER: Final = lazy_pattern(r"^\s*(?:cd|pushd)\s+\S{1,500}\s*(?:&&|;)\s*")


@dataclass(slots=True)
class Exchange:
    """One exchange as it grows; times are seconds since the epoch.

    Attributes:
        key: A text that is the same in every copy of the exchange, as a resumed session makes them.
        failures: Triples of command, error and fix; the fix may be empty.
        before: The text before the conclusion, which counts if the conclusion is short.
    """

    key: str
    number: int
    request: str
    at: float | None = None
    ended: float | None = None
    conclusion: str = ""
    before: str = ""
    files_read: list[str] = field(default_factory=list)
    files_changed: list[str] = field(default_factory=list)
    failures: list[list[str]] = field(default_factory=list)
    branch: str | None = None
    commit: str | None = None
    agent: str | None = None
    rewound: bool = False

    @property
    def concluded(self) -> str:
        """The conclusion, with the text before it if the conclusion is short."""
        if self.before and len(self.conclusion) < _SHORT_CONCLUSION:
            return cut(f"{self.before}\n\n{self.conclusion}", MOST_CONCLUSION)
        return self.conclusion


@dataclass(slots=True)
class Whole:
    """A session as a whole, as far as it is known."""

    id: str = ""
    cwd: str = ""
    branch: str | None = None
    commit: str | None = None
    agent: str | None = None
    started: float | None = None
    ended: float | None = None
    title: str = ""
    summary: str = ""
    summary_at: int = 0
    first_request: str = ""
    conclusion: str = ""
    last_request: str = ""
    unanswered: bool = False
    files_changed: list[str] = field(default_factory=list)
    exchanges: int = 0
    tasks: list[str] = field(default_factory=list)
    forbidden: bool = False


class ExchangeBuilder:
    """Puts the events of one transcript together.

    Args:
        relative: Returns a path as the project stores it, given the path and the current folder; ``None`` for a file
            outside of the project, which is not named.
        mask: Masks credentials. Every text passes through it before it is kept, even for the state.

    `feed` takes events in order. `changed` then returns the exchanges that are new or have grown since the last
    call, the open one included.
    """

    def __init__(self, relative: Callable[[str, str], str | None], mask: Callable[[str], str]) -> None:
        self.whole = Whole()
        self._relative = relative
        self._mask = mask
        self._open: Exchange | None = None
        self._calls: dict[str, list[str]] = {}
        self._failed: dict[str, list[Any]] = {}
        self._parents: list[list[Any]] = []
        self._texts_since_call = False
        self._edited_since: dict[str, list[str]] = {}
        self._done: list[Exchange] = []
        self._dirty = False
        self._doubtful = False
        self._at: float | None = None
        self.rewound: list[str] = []
        self.dropped: list[str] = []

    # -- state -------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return everything as JSON; call it after `changed`."""
        return {
            "whole": asdict(self.whole),
            "open": None if self._open is None else asdict(self._open),
            "calls": self._calls,
            "failed": self._failed,
            "parents": self._parents,
            "texts": self._texts_since_call,
            "doubtful": self._doubtful,
            "edited": self._edited_since,
        }

    @classmethod
    def restored(
        cls, state: dict[str, Any], relative: Callable[[str, str], str | None], mask: Callable[[str], str]
    ) -> ExchangeBuilder:
        """Return the builder that a state was made of.

        Raises:
            KeyError, TypeError: The state is of another version, or damaged.
        """
        builder = cls(relative, mask)
        builder.whole = Whole(**state["whole"])
        builder._open = None if state["open"] is None else Exchange(**state["open"])
        builder._calls = dict(state["calls"])
        builder._failed = dict(state["failed"])
        builder._parents = list(state["parents"])
        builder._texts_since_call = bool(state["texts"])
        builder._edited_since = dict(state["edited"])
        builder._doubtful = bool(state["doubtful"])
        return builder

    # -- events ------------------------------------------------------------------------------------------------

    def feed(self, events: Iterable[Event]) -> None:
        """Take events in the order of the transcript."""
        for event in events:
            if isinstance(event, Place):
                self._place(event)
            elif isinstance(event, Request):
                self._request(event)
            elif isinstance(event, Answer):
                self._answer(event)
            elif isinstance(event, Call):
                self._call(event)
            elif isinstance(event, Outcome):
                self._outcome(event)
            elif isinstance(event, Summary):
                self.whole.summary = self._fit(_summary_text(event.text[:_MOST_CLEANED]), MOST_CONCLUSION)
                self.whole.summary_at = self.whole.exchanges
            elif isinstance(event, Title):
                self.whole.title = one_line(self._fit(event.text, _MOST_LINE), _MOST_LINE) or self.whole.title
            elif isinstance(event, Tasks):
                self.whole.tasks = [one_line(self._fit(task, 240), 120) for task in event.open[:_MOST_TASKS]]

    @property
    def waiting(self) -> int:
        """The number of finished exchanges that `changed` would return."""
        return len(self._done)

    def changed(self) -> list[Exchange]:
        """Return the exchanges that are new or have grown since the last call, in order."""
        found, self._done = self._done, []
        if self._open is not None and self._dirty:
            found.append(self._open)
        self._dirty = False
        return found

    def _place(self, place: Place) -> None:
        whole = self.whole
        whole.id = whole.id or clean(place.session or "")[:200]
        whole.cwd = whole.cwd or (place.cwd or "")
        if place.branch and place.branch != "HEAD":
            whole.branch = one_line(self._fit(place.branch, 200), 200) or whole.branch
        if place.commit:
            whole.commit = clean(place.commit)[:64]
        if place.agent and whole.agent is None and not whole.exchanges:
            whole.agent = one_line(clean(place.agent), 64)
        if place.at is not None:
            whole.started = place.at if whole.started is None else min(whole.started, place.at)
            whole.ended = place.at if whole.ended is None else max(whole.ended, place.at)
            self._at = place.at

    def _request(self, request: Request) -> None:
        if forbids_memory(request.text):
            self.whole.forbidden = True
        text = self._fit(request.text, MOST_REQUEST)
        if not text:
            self._doubtful = False
            return
        whole = self.whole
        if self._doubtful and self._open is not None:
            # Nothing was done about the request before it: they are one, or that one was not a person's.
            self.dropped.append(self._open.key)
            if request.doubtful:
                text = cut(f"{self._open.request}\n\n{text}", MOST_REQUEST)
            if whole.first_request == self._open.request:
                whole.first_request = ""
            whole.exchanges -= 1
            self._open, self._dirty = None, False
        self._doubtful = request.doubtful
        self._finish()
        self._mark_rewound(request.parent)
        whole.exchanges += 1
        at = request.at if request.at is not None else None
        # Of the text as it was written: the rules of masking may change, and the exchange is still the same.
        place = at if at is not None else request.key or f"{whole.id}#{whole.exchanges}"
        identity = f"{place}|{request.text[:_MOST_CLEANED]}"
        key = hashlib.sha256(f"{whole.agent or ''}|{identity}".encode("utf-8", "replace")).hexdigest()[:32]
        self._open = Exchange(
            key,
            whole.exchanges,
            text,
            at=at if at is not None else whole.ended,
            ended=at if at is not None else whole.ended,
            branch=whole.branch,
            commit=whole.commit,
            agent=whole.agent,
        )
        self._parents = [*self._parents, [request.parent, key]][-_MOST_PARENTS:]
        self._texts_since_call = False
        self._dirty = True
        if not whole.first_request:
            whole.first_request = text
        whole.last_request, whole.unanswered = one_line(text, _MOST_LINE), True
        if at is not None:
            whole.started = at if whole.started is None else min(whole.started, at)
            whole.ended = at if whole.ended is None else max(whole.ended, at)

    def _mark_rewound(self, parent: str) -> None:
        """Mark the exchanges after the message that a new request follows: the person went back to before them."""
        if not parent:
            return
        place = next((n for n, (before, _) in enumerate(self._parents) if before == parent), None)
        if place is not None:
            self.rewound += [key for _, key in self._parents[place:]]
            for exchange in self._done:
                exchange.rewound = exchange.rewound or exchange.key in self.rewound
            self._parents = self._parents[:place]

    def _answer(self, answer: Answer) -> None:
        exchange = self._open
        if exchange is None:
            return
        text = self._fit(answer.text, MOST_CONCLUSION)
        if not text:
            return
        self._doubtful = False
        if self._texts_since_call and exchange.conclusion:
            exchange.conclusion = cut(f"{exchange.conclusion}\n\n{text}", MOST_CONCLUSION)
        else:
            if len(exchange.conclusion) > _SHORT_CONCLUSION:
                exchange.before = exchange.conclusion
            exchange.conclusion = text
        self._texts_since_call = True
        self._dirty = True
        self.whole.unanswered = False
        self.whole.conclusion = exchange.concluded
        self._went_on(exchange, answer.at)

    def _call(self, call: Call) -> None:
        exchange = self._open
        if exchange is None:
            return
        self._texts_since_call = self._doubtful = False
        self._dirty = True
        self._went_on(exchange, self._at)
        found = [self._relative(clean(path[:1_000]), self.whole.cwd) for path in call.paths]
        paths = [self._mask(path) for path in found if path]
        if call.tool == "read":
            _add(exchange.files_read, paths, _MOST_FILES)
        elif call.tool == "edit":
            _add(exchange.files_changed, paths, _MOST_FILES)
            _add(self.whole.files_changed, paths, _MOST_FILES_OF_SESSION)
            for edited in self._edited_since.values():
                _add(edited, paths, 3)
        if call.id and (call.command or call.tool == "edit"):
            command = one_line(self._fit(call.command, 2 * _MOST_COMMAND), _MOST_COMMAND)
            self._calls[call.id] = [command]
            if len(self._calls) > _MOST_CALLS:
                del self._calls[next(iter(self._calls))]

    def _outcome(self, outcome: Outcome) -> None:
        exchange = self._open
        known = self._calls.get(outcome.id)
        if exchange is None or known is None or outcome.refused:
            return
        command = known[0]
        if not command:  # an edit, whose failure is between the assistant and its tool
            del self._calls[outcome.id]
            return
        if outcome.failed is None:
            return
        # The result may follow in the other log of the transcript, too: it has no call any more.
        del self._calls[outcome.id]
        program = program_of(command)
        if program.partition(" ")[0] in _LOOKING:
            return
        self._dirty = True
        if outcome.failed:
            error = cut_end(self._mask(clean(outcome.text[-_MOST_MASKED_ERROR:])), _MOST_ERROR)
            self._failed.pop(program, None)
            self._failed[program] = [command, error, exchange.key]
            self._edited_since[program] = []
            if len(self._failed) > _MOST_OPEN:
                oldest = next(iter(self._failed))
                del self._failed[oldest]
                self._edited_since.pop(oldest, None)
            again = next((f for f in exchange.failures if not f[2] and program_of(f[0]) == program), None)
            if again is not None:
                again[:] = [command, error, ""]
            elif len(exchange.failures) < _MOST_FAILURES:
                exchange.failures.append([command, error, ""])
            return
        found = _COMMITTED.search(outcome.text[:5_000])
        if found is not None and "commit" in command:
            exchange.commit = self.whole.commit = found[1]
        mended = self._failed.pop(program, None)
        if mended is not None:
            changed = self._edited_since.pop(program, [])
            same = _CHANGE_FOLDER.sub("", command) == _CHANGE_FOLDER.sub("", mended[0])
            fix = "" if same else command
            if changed:
                fix = f"{fix} after a change of {', '.join(changed)}".strip()
            if mended[2] != exchange.key and len(exchange.failures) < _MOST_FAILURES:
                exchange.failures.append([mended[0], mended[1], ""])  # it failed in an earlier exchange
            for failure in exchange.failures:
                if not failure[2] and program_of(failure[0]) == program:
                    failure[2] = one_line(fix or "the same command, later", _MOST_FIX)

    def _fit(self, text: str, most: int) -> str:
        """Return a text that can be stored, of at most ``most`` characters.

        It is masked while it is longer than that: half of a credential at a cut would not be known as one. Of a text
        that is too long to look at, only the beginning stays, for the same reason.
        """
        if len(text) > _MOST_CLEANED:
            return self._mask(clean(text[:_MOST_CLEANED])[: 5 * most])[: most - 1].rstrip() + "…"
        return cut(self._mask(cut(clean(text[:_MOST_CLEANED]), 5 * most)), most)

    @staticmethod
    def _went_on(exchange: Exchange, at: float | None) -> None:
        if at is not None:
            exchange.ended = max(exchange.ended or at, at)

    def _finish(self) -> None:
        if self._open is not None and self._dirty:
            self._done.append(self._open)
        self._open, self._dirty = None, False
        self._calls.clear()

    def open_ends(self) -> list[str]:
        """Return what the session left open, at most 5 entries."""
        whole = self.whole
        ends = []
        if whole.unanswered and whole.last_request:
            ends.append(f"not answered: {whole.last_request}")
        ends += [f"not done: {task}" for task in whole.tasks if task]
        for command, error, _ in reversed(list(self._failed.values())):
            last = one_line(error.splitlines()[-1] if error else "", 120)
            ends.append(f"still failing: {one_line(command, 120)}" + (f" ({last})" if last else ""))
        return ends[:5]


def program_of(command: str) -> str:
    """Return what two runs of the same check share: the program and its first plain word, as ``cargo test``."""
    command = _CHANGE_FOLDER.sub("", command)
    words = [word for word in command.split()[:20] if not _ASSIGNMENT.match(word)]
    while words and words[0] in _SKIPPED_WORDS:
        words = words[1:]
    if not words:
        return command
    program = words[0].rpartition("/")[2]
    if program.startswith("python") and len(words) > 2 and words[1] == "-m":
        return words[2]
    second = next((word for word in words[1:3] if word[:1].isalpha() and "/" not in word and "." not in word), "")
    return f"{program} {second}".strip()


def _add(known: list[str], new: Iterable[str], most: int) -> None:
    for name in new:
        if name and name not in known and len(known) < most:
            known.append(name)


def _summary_text(text: str) -> str:
    """Return a summary without the sentences with which the program introduces and ends it."""
    start = text.find("Summary:")
    if text.startswith("This session is being continued") and 0 <= start < 1_000:
        text = text[start + len("Summary:") :]
    end = text.rfind("Please continue the conversation from where we left it off")
    return text[:end] if end > 0 else text
