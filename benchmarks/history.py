"""Measure commits as search results: whether "why" finds its commit, code keeps its rank, and recency helps a context.

    python benchmarks/history.py [--repository PATH] [--packages PATH] [--samples 40] [--only why|code|context]

- why: questions whose commit is known (by its subject), asked of Aurora's own repository. Reports the share found at
  rank 1, among the first three and among the first five results, and the mean reciprocal rank, with code and commits
  searched together; and, for questions about code whose file is known, the same index with and without commits.
- code: with ``--packages`` (the folder that ``codesearch.py`` reads), NDCG@10 of its queries on each package alone, and
  with one synthetic commit per definition that repeats its words: the hardest competitor for code.
- context: for commits of the repository, with the subject as the task, the mean share of the changed files that a
  context shows at the state before the commit, at 2,000 and 4,000 tokens, by the lift of recently changed files.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import machine
from metrics import Span, ndcg
from packages import annotated_queries, manifest, root_of

from aurora_dev.core import context_manager
from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.record_kinds import IS_COMMIT, is_commit
from aurora_dev.core.search import history as commit_rank
from aurora_dev.core.search import signals
from aurora_dev.core.types import Document, Record, SearchResult
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.history.commit_indexer import CommitIndexer, commit_document
from aurora_dev.history.git_log import Commit, GitLog
from aurora_dev.indexing.indexer import Indexer
from aurora_dev.memory import Memory

WHY = (
    ("why does embedding avoid matrix products", "Embed without matrix products"),
    ("why are both candidate lists computed in one thread", "Compute both lists in one thread"),
    ("why is the backend opened last", "Open the backend last"),
    ("why does prose weigh less than code", "Weigh prose and data below code"),
    ("why is the version of the database read inside a transaction", "Read a database's version in one transaction"),
    ("why were chunks made smaller", "Cut chunks a little smaller"),
    ("why does a result show a stretch from its middle", "Show the stretch of a result"),
    ("when did endings of verbs and nouns begin to be folded", "Fold verb and noun endings"),
    ("who added the embedder that hashes tokens", "Add a token-hashing embedder"),
    ("why do sentences lean to keywords", "Lean sentences to keywords"),
    ("why must vectors of two embedders never be mixed", "Never mix vectors of two embedders"),
    ("why does status answer although the model does not load", "Let status answer where a model does not"),
    ("why is nothing printed when ctrl-c is pressed a second time", "Stay quiet when Ctrl-C is pressed twice"),
    ("since when is a header file sometimes parsed as C++", "Read a header file as C++ where it cannot be C"),
    ("which commit notices that a backup was restored", "Search a store in a folder that cannot be written"),
    ("why does an int8 score not depend on the batch", "Score with int8 models"),
    ("why is a gap between spans only filled if that is shorter", "Fill a gap only where that is shorter"),
    ("why may the first writer choose the embedder of an empty store", "Let the first of two writers choose"),
    ("when was SQLite made the truth", "Keep records in SQLite"),
    ("reason for scoring keywords by blocks in float32", "Score term by term in float32"),
    ("why is a model of the hub loaded without any request", "Load a Hub model from its folder"),
    ("history of masking credentials in metadata", "Mask credentials in metadata"),
    ("who introduced the circuit breaker of reranking services", "Score with reranking services over HTTP"),
    ("why is the best hit first in a context", "Contexts: the best hit first"),
    ("why do some handlers catch every exception", "Say why some handlers catch everything"),
    ("why is one read of a match near the head enough", "Read a match near the head in one piece"),
)
CODE = (
    ("where is the FAISS index built", "aurora_dev/core/local/vector_index.py"),
    ("how are credentials found and masked", "aurora_dev/core/text/secrets/masking.py"),
    ("reciprocal rank fusion of lists", "aurora_dev/core/search/fusion.py"),
    ("parse a metadata filter", "aurora_dev/core/filters.py"),
    ("split an identifier into words", "aurora_dev/core/text/terms.py"),
    ("find the definitions of a source file with tree-sitter", "aurora_dev/syntax/__init__.py"),
    ("decide which files of a project are listed", "aurora_dev/indexing/walker.py"),
    ("cut a file into chunks along functions", "aurora_dev/indexing/chunking/chunker.py"),
    ("exit codes of the command line", "aurora_dev/interfaces/cli/runner.py"),
    ("read settings from the environment", "aurora_dev/config/environment.py"),
    ("count tokens with tiktoken ranks", "aurora_dev/core/tokens/openai.py"),
    ("BM25 scores in the keyword index", "aurora_dev/core/keyword/index.py"),
    ("retry a request with backoff", "aurora_dev/core/services/client.py"),
    ("open the circuit after repeated failures", "aurora_dev/core/services/circuit_breaker.py"),
    ("which files import which", "aurora_dev/core/context/import_graph.py"),
    ("load a static embedder from safetensors", "aurora_dev/core/embed/static.py"),
    ("quantise a model to int8", "aurora_dev/core/onnx/quantized.py"),
    ("configure structured log lines", "aurora_dev/log.py"),
    ("compute NDCG of a ranking", "aurora_dev/evaluation/metrics.py"),
    ("render items inside fences", "aurora_dev/core/context/render.py"),
    ("FAISSLocalStore", "aurora_dev/core/faiss_store.py"),
    ("CrossEncoderReranker", "aurora_dev/core/reranker.py"),
    ("shorten tool outputs in a conversation", "aurora_dev/core/context/conversation.py"),
    ("read patterns of a gitignore file", "aurora_dev/indexing/ignore.py"),
)
LIFTS = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
BUDGETS = (2_000, 4_000)
MOST_TARGETS = 12  # files; a commit that changes more is not used as a task
TOP_K = 10


@contextmanager
def clone(repository: Path) -> Iterator[Path]:
    """Clone what is committed, with its history, into a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        subprocess.run(["git", "clone", "-q", str(repository), str(root)], check=True)
        yield root


def is_code(path: str) -> bool:
    return not path.startswith(("tests/", "docs/", "benchmarks/", "scripts/"))


def reciprocal(_results: Sequence[SearchResult], fits: Sequence[bool]) -> float:
    return next((1.0 / place for place, fit in enumerate(fits, start=1) if fit), 0.0)


async def why(repository: Path) -> None:
    with clone(repository) as root, tempfile.TemporaryDirectory() as folder:
        (root / "benchmarks" / Path(__file__).name).unlink(missing_ok=True)  # it contains the questions
        store = VectorStore(path=folder, reranker="none")
        await Indexer(store, root).run()
        plain = await ask_code(store)
        await CommitIndexer(store, root).run()
        print(f"{await store.count(IS_COMMIT)} commits, {await store.count()} records")
        print(f"{'question':68}rank")
        ranking: tuple[Any, Any] = (commit_rank, signals)  # both have the weight as a name of their own
        default = commit_rank.ASKED_COMMIT_WEIGHT
        for weight in sorted({0.3, 1.0, 1.5, 2.0, 2.5, 3.0, default}):
            for module in ranking:
                module.ASKED_COMMIT_WEIGHT = weight
            ranks, company = [], []
            for query, subject in WHY:
                results = await store.search(query, TOP_K, rerank=False)
                fits = [result.content.startswith(subject) for result in results]
                ranks.append(reciprocal(results, fits))
                company.append(sum(not is_commit(result.metadata) for result in results[:5]))
                if weight == default:
                    print(f"{query:68}{round(1 / ranks[-1]) if ranks[-1] else '-'}")
            found = [sum(rank >= 1 / limit for rank in ranks) / len(ranks) for limit in (1, 3, 5)]
            shares = "  ".join(f"@{n} {share:.2f}" for n, share in zip((1, 3, 5), found, strict=True))
            mark = " (the default)" if weight == default else ""
            print(
                f"commits × {weight:<5} found {shares}  MRR {statistics.fmean(ranks):.3f}, "
                f"{statistics.fmean(company):.1f} of the first 5 are not commits{mark}"
            )
        for module in ranking:
            module.ASKED_COMMIT_WEIGHT = default
        default = commit_rank.COMMIT_WEIGHT
        print(f"{len(CODE)} questions about code: MRR of their file {plain:.3f} without commits in the index")
        for weight in sorted({0.1, 0.3, 0.6, 1.0, default}):
            ranking[0].COMMIT_WEIGHT = weight
            mark = " (the default)" if weight == default else ""
            print(f"  commits × {weight:<4} {await ask_code(store):.3f}{mark}")
        ranking[0].COMMIT_WEIGHT = default
        await store.close()


async def ask_code(store: VectorStore) -> float:
    ranks = []
    for query, path in CODE:
        results = await store.search(query, TOP_K, rerank=False)
        ranks.append(reciprocal(results, [result.metadata.get("path") == path for result in results]))
    return statistics.fmean(ranks)


async def code(data: Path) -> None:
    embedder = StaticEmbedder.bundled()
    figures: dict[str, list[float]] = {"alone": [], "with commits": []}
    for package in manifest(data):
        name = package["name"]
        with tempfile.TemporaryDirectory() as folder:
            store = VectorStore(path=folder, embedder=embedder, reranker="none")
            await Indexer(store, root_of(package)).run()
            figures["alone"] += await ask_package(store, data, name)
            commits = synthetic_commits(await store.scan(content=True), store.namespace)
            await store.write(commits)
            found = await ask_package(store, data, name)
            figures["with commits"] += found
            chunks = await store.count() - len(commits)
            alone = statistics.fmean(figures["alone"][-len(found) :])
            print(f"{name:12} {chunks:6} chunks {len(commits):6} commits  {alone:.3f} {statistics.fmean(found):.3f}")
            await store.close()
    print("  ".join(f"NDCG@{TOP_K} {label}: {statistics.fmean(values):.4f}" for label, values in figures.items()))


def synthetic_commits(records: Sequence[Record], namespace: str) -> list[Document]:
    """Make a commit per definition, from its name and the first words of its text."""
    made = []
    for number, record in enumerate(records):
        metadata, content = record.metadata, record.content
        symbol = metadata.get("symbol")
        if not symbol:
            continue
        words = " ".join(content.split())[:300]
        identity = f"{number:040x}"
        files = (str(metadata["path"]),)
        made.append(
            commit_document(
                Commit(identity, f"Add {symbol}", words, "Ada", 1_700_000_000 + number, 1, files, 1, (str(symbol),)),
                namespace,
            )
        )
    return made


async def ask_package(store: VectorStore, data: Path, name: str) -> list[float]:
    scores = []
    for query in annotated_queries(data, name):
        results = await store.search(query["query"], top_k=TOP_K, rerank=False)
        spans = [
            Span(r.metadata.get("path", ""), r.metadata.get("start_line", 0), r.metadata.get("end_line", 0))
            for r in results
        ]
        scores.append(ndcg(spans, query))
    return scores


def sample_commits(root: Path, samples: int) -> list[Commit]:
    """Return evenly spaced commits with one parent and few changed files."""
    log = GitLog(root)
    found = [
        commit
        for batch in log.read(log.newest(2_000))
        for commit in batch
        if commit.parents == 1 and commit.file_count <= MOST_TARGETS
    ]
    step = max(1, len(found) // samples)
    return found[::step][:samples]


async def context(repository: Path, samples: int) -> None:
    shares: dict[tuple[float, int], list[float]] = {(lift, budget): [] for lift in LIFTS for budget in BUDGETS}
    tasks = 0
    with clone(repository) as root:
        for commit in reversed(sample_commits(root, samples)):
            subprocess.run(["git", "-C", str(root), "checkout", "-q", "-f", f"{commit.hash}^"], check=True)
            targets = [path for path in commit.files if (root / path).is_file() and is_code(path)]
            if not targets:
                continue
            tasks += 1
            async with Memory.open(root, reranker="none", user_store="none", freshness="off") as memory:
                await memory.index()
                building: Any = context_manager
                for lift in LIFTS:
                    building.RECENT_LIFT = lift
                    for budget in BUDGETS:
                        built = await memory.context(commit.subject, budget, rerank=False)
                        shown = {item.source for item in built.items if item.section == "reference" and item.shown}
                        shares[lift, budget].append(sum(path in shown for path in targets) / len(targets))
    print(f"{tasks} tasks; share of the changed files that a context shows, by the lift of recently changed files")
    for lift in LIFTS:
        means = "   ".join(f"{budget:,} tokens {statistics.fmean(shares[lift, budget]):.3f}" for budget in BUDGETS)
        print(f"  lift {lift:<4} {means}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repository", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--packages", type=Path, help="folder with manifest.json and annotations/")
    parser.add_argument("--samples", type=int, default=40, help="commits used as tasks for contexts")
    parser.add_argument("--only", choices=("why", "code", "context"))
    arguments = parser.parse_args()
    print(machine())
    if arguments.only in (None, "why"):
        asyncio.run(why(arguments.repository))
    if arguments.packages is not None and arguments.only in (None, "code"):
        asyncio.run(code(arguments.packages))
    if arguments.only in (None, "context"):
        asyncio.run(context(arguments.repository, arguments.samples))


if __name__ == "__main__":
    main()
