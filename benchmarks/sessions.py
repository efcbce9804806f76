"""Measure whether a search finds the exchange of an assistant's session that a person asks for a week later.

    python benchmarks/sessions.py [--repository PATH] [--packages PATH] [--only history|conversations|code] [--rerank]

Sessions are written as transcripts of Claude Code, taken in by `Memory.capture_sessions`, and searched.

- history: the commits of Aurora's own repository, five to a session, each an exchange with its subject as the request,
  its message as the conclusion, and edits of its files. Questions whose commit is known by its subject are asked of the
  sessions alone, and of a store that also holds the repository's files.
- conversations: the twelve conversations of ``conversations/README.md``, a transcript for each of their sessions; each
  statement is the request of an exchange. Questions are those whose answering turns are known.
- code: with ``--packages`` (the folder that ``codesearch.py`` reads), NDCG@10 of its queries on each package alone, and
  with 2,000 records of sessions: one for each definition, in its own words, the others about other work. With
  ``--hardest`` all of them are about the definitions, so that each word of the code is in many sessions.

``recall@5`` is the share of the right exchanges among the first five results, for the whole search and beside keyword
search alone and vectors alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from conversation_data import ABSTENTION, conversations
from history import WHY, ask_package, clone
from machine import machine
from packages import manifest, root_of

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.record_kinds import IS_SESSION
from aurora_dev.core.scope.scope import SearchScope
from aurora_dev.core.types import Document, Record, SearchOptions
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.history.commit import Commit
from aurora_dev.history.git_log import GitLog
from aurora_dev.indexing.indexer import Indexer
from aurora_dev.memory import Memory
from aurora_dev.sessions.exchanges import Exchange
from aurora_dev.sessions.records import exchange_document

METHODS = {
    "hybrid": SearchOptions(),
    "keyword": SearchOptions(mode="keyword"),
    "vector": SearchOptions(mode="vector"),
}
RERANKED = "reranked"
FIRST = 5
PER_SESSION = 5
SESSION_RECORDS = 2_000
DAYS = 100_000.0  # the conversations are of past years
ONLY_SESSIONS = SearchScope(sources=("sessions",))
# Asked as a person asks a week later, in other words than the commit.
WEEK_LATER = (
    ("what did we try for old encodings before we wrote our own detection?", "Read files in legacy encodings"),
    (
        "last time we made commands that only list notes faster, what did we do?",
        "Import the stages of a search, notes'",
    ),
    ("did we ever deal with git add -f of an ignored file?", "Find an ignored file that git begins to track"),
    ("how did we decide to trust the cross-encoder on descriptions?", "Weigh the reranker less for statements"),
    ("did we do anything about passwords such as redis-cli -a?", "Find credentials in commands, SQL, calls"),
    ("what happened when we took the git subprocess apart?", "Split reading commits from running git"),
    (
        "when we separated opening a project from making backends, what changed?",
        "Declare every ability in core/contracts",
    ),
    ("what did we learn about ranking from the thirteen extra repositories?", "Rank files by their best chunks"),
    ("what did we do about a store on a read-only disk?", "Search a store in a folder that cannot be written"),
    ("why did VectorStore.search not bring its own definition first last week?", "Rank the qualified definition first"),
    ("have we trained a reranker of our own, and what is it?", "Ship a cross-encoder: all-MiniLM-L6-v2"),
    ("did we limit how big a store gets?", "Back a store up and put a backup back"),
    ("what did we do about rerank services that hang or fail?", "Score with reranking services over HTTP"),
    ("we made matching independent of camelCase, where was that?", "Break texts and questions into code-aware"),
    ("what did we change for a SyncMemory call that is interrupted?", "Cancel a SyncMemory call even if"),
    ("did we build a search over more than one project?", "Search several projects at once"),
    ("yesterday we made loading the embedder cheaper, what was it?", "Load the static embedder without listing"),
    ("what did we find when we measured agents with and without silence?", "Benchmark of agents: tell what a search"),
    ("did we compare the first result of a fresh process with plain predict?", "Measure the small reranker, whole"),
    ("how did we hold ruff's PT018 to the tests?", "Assert one thing at a time"),
)


@contextmanager
def home() -> Iterator[Path]:
    """Set the home folder to a temporary one, so that no real transcript is read."""
    before = {name: os.environ.get(name) for name in ("HOME", "USERPROFILE", "CLAUDE_CONFIG_DIR", "CODEX_HOME")}
    with tempfile.TemporaryDirectory() as folder:
        for name in before:
            os.environ.pop(name, None)
        os.environ["HOME"] = os.environ["USERPROFILE"] = folder
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


class Transcript:
    """Writes a transcript of Claude Code."""

    def __init__(self, folder: Path, project: Path, session: str, at: datetime) -> None:
        name = "".join(character if character.isalnum() else "-" for character in str(project))
        self._path = folder / ".claude" / "projects" / name / f"{session}.jsonl"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._common = {"cwd": str(project), "sessionId": session, "gitBranch": "main", "isSidechain": False}
        self._project = project
        self._at = at
        self._number = 0

    def exchange(self, request: str, conclusion: str, files: Sequence[str] = ()) -> None:
        """Add a request, edits of files and, unless it is empty, a conclusion."""
        lines = [self._line("user", request)]
        for path in files:
            given = {"file_path": str(self._project / path)}
            lines.append(self._line("assistant", [{"type": "tool_use", "id": path, "name": "Edit", "input": given}]))
        if conclusion:
            lines.append(self._line("assistant", [{"type": "text", "text": conclusion}]))
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(lines)

    def _line(self, role: str, content: Any) -> str:
        self._number += 1
        self._at += timedelta(seconds=30)
        message = {"role": role, "content": content}
        stamp = self._at.isoformat().replace("+00:00", "Z")
        line = {**self._common, "type": role, "uuid": f"{self._number}", "timestamp": stamp, "message": message}
        return json.dumps(line) + "\n"


def found_shares(found: dict[str, list[float]]) -> str:
    return "  ".join(f"{method} {statistics.fmean(values):.3f}" for method, values in found.items())


async def ask(
    memory: Memory, questions: Sequence[tuple[str, Sequence[str]]], scope: SearchScope | None, methods: Sequence[str]
) -> dict[str, list[float]]:
    """Return for each method and question the share of the right exchanges among the first results.

    Args:
        memory: The memory.
        questions: Questions, each with what the requests of its right exchanges begin with.
        scope: What is searched.
        methods: Names of `METHODS`, or `RERANKED`.
    """
    shares: dict[str, list[float]] = {}
    for method in methods:
        options = METHODS.get(method, SearchOptions())
        for query, begins in questions:
            results = await memory.search(query, FIRST, rerank=method == RERANKED, options=options, scope=scope)
            right = [result.content for result in results if result.metadata.get("session_part") == "exchange"]
            hits = sum(any(content.startswith(begin) for content in right) for begin in begins)
            shares.setdefault(method, []).append(hits / len(begins))
    return shares


async def history(repository: Path, methods: Sequence[str]) -> None:
    with clone(repository) as root, home() as folder:
        (root / "benchmarks" / Path(__file__).name).unlink(missing_ok=True)  # these contain the questions
        (root / "benchmarks" / "history.py").unlink(missing_ok=True)
        log = GitLog(root)
        commits = [commit for batch in log.read(log.newest(3_000)) for commit in batch if commit.parents == 1]
        commits.sort(key=lambda commit: commit.time)
        groups = [commits[first : first + PER_SESSION] for first in range(0, len(commits), PER_SESSION)]
        for number, group in enumerate(groups):
            write_session(folder, root, number, group)
        subjects = {commit.subject for commit in commits}
        known = [
            (query, (subject,))
            for query, subject in (*WHY, *WEEK_LATER)
            if any(each.startswith(subject) for each in subjects)
        ]
        for query, subject in (*WHY, *WEEK_LATER):
            if (query, (subject,)) not in known:
                print(f"no commit begins with {subject!r}")
        async with Memory.open(
            root, reranker="bundled" if RERANKED in methods else "none", user_store="none"
        ) as memory:
            report = await memory.capture_sessions()
            print(f"{report.sessions} sessions, {report.exchanges_added} exchanges, {len(known)} questions")
            print(
                f"  recall@{FIRST}, sessions alone:    {found_shares(await ask(memory, known, ONLY_SESSIONS, methods))}"
            )
            await memory.index()
            await memory.store.delete(filter={"commit": {"$exists": True}})  # they are the sessions' own words
            files = (await memory.status()).files
            print(f"  recall@{FIRST}, with {files} files: {found_shares(await ask(memory, known, None, methods))}")


def write_session(folder: Path, root: Path, number: int, commits: Sequence[Commit]) -> None:
    at = datetime.fromtimestamp(commits[0].time, timezone.utc)
    transcript = Transcript(folder, root, f"{number:08x}-0000-4000-8000-000000000000", at)
    for commit in commits:
        done = commit.body or f"Done, in {len(commit.files)} files."
        transcript.exchange(commit.subject, done, commit.files[:10])


async def ask_conversations(methods: Sequence[str]) -> None:
    shares: dict[str, list[float]] = {}
    sessions = exchanges = 0
    for conversation in conversations():
        with home() as folder, tempfile.TemporaryDirectory() as project:
            root = Path(project).resolve()
            text_of = {turn.id: turn.text for turn in conversation.turns}
            for number, day in enumerate(dict.fromkeys(turn.day for turn in conversation.turns)):
                at = datetime(day.year, day.month, day.day, 9, tzinfo=timezone.utc)
                transcript = Transcript(folder, root, f"{number:08x}-0000-4000-8000-000000000000", at)
                turns = [turn for turn in conversation.turns if turn.day == day]
                for turn in turns:
                    transcript.exchange(turn.text, "")
            questions = [
                (question.text, [text_of[answer] for answer in question.answers])
                for question in conversation.questions
                if question.kind != ABSTENTION
            ]
            reranker = "bundled" if RERANKED in methods else "none"
            async with Memory.open(root, reranker=reranker, user_store="none", session_days=DAYS) as memory:
                report = await memory.capture_sessions()
                sessions, exchanges = sessions + report.sessions, exchanges + report.exchanges_added
                for method, values in (await ask(memory, questions, None, methods)).items():
                    shares.setdefault(method, []).extend(values)
    count = len(next(iter(shares.values())))
    print(f"{sessions} sessions, {exchanges} exchanges, {count} questions")
    print(f"  recall@{FIRST}: {found_shares(shares)}")


async def code(data: Path, *, hardest: bool) -> None:
    embedder = StaticEmbedder.bundled()
    figures: dict[str, list[float]] = {"alone": [], "with sessions": []}
    for package in manifest(data):
        with tempfile.TemporaryDirectory() as folder:
            async with VectorStore(path=folder, embedder=embedder, reranker="none") as store:
                await Indexer(store, root_of(package)).run()
                alone = await ask_package(store, data, package["name"])
                await store.write(synthetic_sessions(await store.scan(content=True), store.namespace, hardest=hardest))
                count = await store.count(IS_SESSION)
                found = await ask_package(store, data, package["name"])
            figures["alone"] += alone
            figures["with sessions"] += found
            means = f"{statistics.fmean(alone):.4f} {statistics.fmean(found):.4f}"
            print(f"{package['name']:12} {count:5} records of sessions  {means}", flush=True)
    print("  ".join(f"NDCG@10 {label}: {statistics.fmean(values):.4f}" for label, values in figures.items()))


def synthetic_sessions(records: Sequence[Record], namespace: str, *, hardest: bool) -> list[Document]:
    """Make exchanges about definitions, each with the name and the first words of the definition's text.

    Args:
        records: The chunks of a package.
        namespace: The store's namespace.
        hardest: Ask for the definitions again and again; otherwise once, and fill up with talk about other work.
    """
    named = [record for record in records if record.metadata.get("symbol")]
    talk = [turn.text for conversation in conversations() for turn in conversation.turns]
    made: dict[str, Document] = {}
    for number in range(10 * SESSION_RECORDS):
        if len(made) >= SESSION_RECORDS or not named:
            break
        again = number // len(named)
        if again and not hardest:
            place = number - len(named)
            if place >= len(talk):
                break
            request, conclusion, path = talk[place], talk[-place - 1], ""
        else:
            record = named[number % len(named)]
            symbol, words = record.metadata["symbol"], " ".join(record.content.split())
            path = str(record.metadata["path"])
            request = f"please change {symbol}, part {again}" if again else f"how does {symbol} work?"
            conclusion = f"{symbol} in {path}: {words[300 * again : 300 * (again + 1)]}"
        at = 1_790_000_000.0 + number
        exchange = Exchange(f"{number}", number % PER_SESSION + 1, request, at=at, conclusion=conclusion)
        exchange.files_read = [path] if path else []
        session = f"{number // PER_SESSION:08x}"
        document = exchange_document(exchange, session, "claude-code", "t", namespace, fallback=0.0)
        made[str(document.id)] = document
    return list(made.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repository", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--packages", type=Path, help="folder with manifest.json and annotations/")
    parser.add_argument("--only", choices=("history", "conversations", "code"))
    parser.add_argument("--rerank", action="store_true", help="also measure the bundled reranker")
    parser.add_argument("--hardest", action="store_true", help="in code, let every session be about the definitions")
    arguments = parser.parse_args()
    methods = [*METHODS, *([RERANKED] if arguments.rerank else [])]
    print(machine())
    if arguments.only in (None, "history"):
        asyncio.run(history(arguments.repository, methods))
    if arguments.only in (None, "conversations"):
        asyncio.run(ask_conversations(methods))
    if arguments.packages is not None and arguments.only in (None, "code"):
        asyncio.run(code(arguments.packages, hardest=arguments.hardest))


if __name__ == "__main__":
    main()
