"""Conversations of developers with an assistant, over several sessions, and questions whose answers are known turns.

`conversations` makes them from the hand-written sentences in ``conversations/slots.json`` (facts, and questions about
them) and ``conversations/chatter.json`` (everything else), with a fixed seed.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "conversations"
SEED = "aurora conversations 1"
CONVERSATIONS = 12
# The number of slots of each kind that a conversation states.
DRAWN = {"fact": 8, "time": 3, "dated": 2, "update": 4, "instruction": 4, "hops": 3}
UNANSWERED = 3  # questions about slots that a conversation does not state
UNANSWERED_KINDS = ("fact", "time", "update")
ABSTENTION = "abstention"
DATED_SESSIONS = 3  # sessions, each in another month, that give a figure of the kind "dated"


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance; ``text`` is without its speaker and day."""

    id: str
    day: date
    speaker: str
    text: str

    @property
    def content(self) -> str:
        """The text that is stored: ``Maya, 3 March 2025: …``."""
        return f"{self.speaker}, {self.day.day} {self.day:%B} {self.day.year}: {self.text}"

    @property
    def created_at(self) -> float:
        """Seconds since the epoch, at midnight UTC of the day."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=timezone.utc).timestamp()


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the ids of the turns that together answer it; none for the kind "abstention"."""

    kind: str
    slot: str
    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of all sessions in their order, and the questions about them."""

    name: str
    turns: list[Turn]
    questions: list[Question]


def conversations() -> list[Conversation]:
    """Return the conversations, the same in every run."""
    slots = json.loads((FOLDER / "slots.json").read_text("utf-8"))
    chatter = json.loads((FOLDER / "chatter.json").read_text("utf-8"))
    return [_Writer(number, slots, chatter).write() for number in range(1, CONVERSATIONS + 1)]


@dataclass(slots=True)
class _Said:
    """A planted sentence; ``key`` tells the sentences of one slot apart."""

    session: int
    key: str
    text: str


@dataclass(slots=True)
class _Writer:
    """Writes one conversation."""

    number: int
    slots: list[dict[str, Any]]
    chatter: dict[str, list[str]]
    said: list[_Said] = field(default_factory=list)
    asked: list[tuple[str, str, str, list[str]]] = field(default_factory=list)  # kind, slot, question, keys
    rng: random.Random = field(init=False)
    days: list[date] = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{SEED} {self.number}")
        day = date(2025, self.rng.randint(1, 4), self.rng.randint(1, 28))
        self.days = []
        for _ in range(self.rng.randint(5, 7)):
            self.days.append(day)
            day += timedelta(days=self.rng.randint(18, 40))

    def write(self) -> Conversation:
        person = self.chatter["people"][(self.number - 1) % len(self.chatter["people"])]
        left: list[dict[str, Any]] = []
        for kind, count in DRAWN.items():
            pool = [slot for slot in self.slots if slot["kind"] == kind]
            self.rng.shuffle(pool)
            for slot in pool[:count]:
                getattr(self, f"_plant_{kind}")(slot)
            if kind in UNANSWERED_KINDS:
                left += pool[count:]
        self.rng.shuffle(left)
        for slot in left[:UNANSWERED]:
            if "decoys" in slot:
                self._decoy(slot, self.rng.choice(slot["values"]))
            self.asked.append((ABSTENTION, slot["slot"], self.rng.choice(slot["questions"]), []))
        turns, ids = self._turns(person)
        questions = [
            Question(kind, slot, text, tuple(ids[key] for key in keys)) for kind, slot, text, keys in self.asked
        ]
        return Conversation(f"conversation-{self.number:02}", turns, questions)

    def _session(self, first: int = 0) -> int:
        return self.rng.randrange(first, len(self.days))

    def _say(self, session: int, slot: str, step: str, template: str, **values: str) -> str:
        key = f"{slot} {step}"
        self.said.append(_Said(session, key, template.format(**values)))
        return key

    def _decoy(self, slot: dict[str, Any], value: str) -> None:
        self._say(self._session(), slot["slot"], "decoy", self.rng.choice(slot["decoys"]), v=value)

    def _ask(self, slot: dict[str, Any], keys: list[str], **values: str) -> None:
        text = self.rng.choice(slot["questions"]).format(**values)
        self.asked.append((slot["kind"], slot["slot"], text, keys))

    def _plant_fact(self, slot: dict[str, Any]) -> None:
        value, other = self.rng.sample(slot["values"], 2)
        key = self._say(self._session(), slot["slot"], "", self.rng.choice(slot["statements"]), v=value)
        if self.rng.random() < 0.6:
            self._decoy(slot, other)
        self._ask(slot, [key])

    _plant_time = _plant_fact

    def _plant_dated(self, slot: dict[str, Any]) -> None:
        by_month = {(day.year, day.month): number for number, day in enumerate(self.days)}
        chosen = sorted(self.rng.sample(sorted(by_month.values()), DATED_SESSIONS))
        keys = [
            self._say(session, slot["slot"], str(session), self.rng.choice(slot["statements"]), v=value)
            for session, value in zip(chosen, self.rng.sample(slot["values"], DATED_SESSIONS), strict=True)
        ]
        place = self.rng.randrange(DATED_SESSIONS)
        self._ask(slot, [keys[place]], month=f"{self.days[chosen[place]]:%B}")

    def _plant_update(self, slot: dict[str, Any]) -> None:
        old, new = self.rng.sample(slot["values"], 2)
        first = self.rng.randrange(len(self.days) - 1)
        self._say(first, slot["slot"], "old", self.rng.choice(slot["statements"]), v=old)
        later = self._session(first + 1)
        self._ask(slot, [self._say(later, slot["slot"], "", self.rng.choice(slot["changes"]), v=new, o=old)])

    def _plant_instruction(self, slot: dict[str, Any]) -> None:
        value = self.rng.choice(slot["values"])
        self._ask(slot, [self._say(self._session(), slot["slot"], "", self.rng.choice(slot["statements"]), v=value)])

    def _plant_hops(self, slot: dict[str, Any]) -> None:
        # A second pair with other names, so that the question cannot be answered by the form of a sentence.
        for step, values in enumerate(zip(*(self.rng.sample(slot[name], 2) for name in "abc"), strict=True)):
            named = dict(zip("abc", values, strict=True))
            keys = [
                self._say(self._session(), slot["slot"], f"{part} {step}", self.rng.choice(slot[part]), **named)
                for part in ("first", "second")
            ]
            if step == 0:
                self._ask(slot, keys, **named)

    def _turns(self, person: str) -> tuple[list[Turn], dict[str, str]]:
        """Return all turns, and the id of the turn that says each planted sentence."""
        target = self.rng.randint(100, 150)
        turns: list[Turn] = []
        ids: dict[str, str] = {}
        self.rng.shuffle(self.said)
        for session, day in enumerate(self.days):
            planted: list[_Said | None] = [one for one in self.said if one.session == session]
            pairs = max(4, (target // len(self.days) - round(1.5 * len(planted))) // 2)
            events = planted + [None] * pairs  # None is a turn of chatter and its reply
            self.rng.shuffle(events)
            for said in events:
                turn = f"{self.number:02}-{len(turns):03}"
                if said is None:
                    text, replies = self._chat("user"), 1.0
                else:
                    ids[said.key] = turn
                    text = self._fill(self.rng.choice(self.chatter["openings"]) + said.text)
                    text += self._fill(self.rng.choice(self.chatter["closings"]))
                    replies = 0.5
                turns.append(Turn(turn, day, person, text))
                if self.rng.random() < replies:
                    reply = self._chat("assistant") if said is None else self._chat("replies")
                    turns.append(Turn(f"{self.number:02}-{len(turns):03}", day, "Assistant", reply))
        return turns, ids

    def _chat(self, who: str) -> str:
        return self._fill(self.rng.choice(self.chatter[who]))

    def _fill(self, template: str) -> str:
        values = {name: self.rng.choice(self.chatter[name]) for name in ("file", "name", "thing", "number")}
        for name, value in values.items():
            template = template.replace(f"{{{name}}}", value)
        return template
