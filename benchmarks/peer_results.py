"""The results of semble for the tasks of a benchmark, computed once and kept."""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from codesearch import index_semble
from kept_stores import KeptStores
from locating import SEMBLE, Outcome, Task, judge
from metrics import Span

_HITS = 100


class PeerResults:
    """The first hundred results of each query of each task, kept beside the stores.

    Args:
        stores: Provides the trees and the folders.
        model: The folder of the static model that semble searches with.
    """

    def __init__(self, stores: KeptStores, model: Path) -> None:
        self._stores = stores
        self._model = model

    def make(self, tasks: Sequence[Task]) -> None:
        """Index the trees of the tasks that have no results yet, and search them."""
        by_tree: dict[tuple[str, str], list[Task]] = defaultdict(list)
        for task in tasks:
            if not self._file(task).is_file():
                by_tree[task.repository, task.commit].append(task)
        for (name, commit), group in by_tree.items():
            index, _ = index_semble(self._stores.repositories.tree(name, commit), self._model)
            for task in group:
                content = {}
                for query, text in task.queries.items():
                    started = time.perf_counter()
                    found = index.search(text, top_k=_HITS)
                    seconds = time.perf_counter() - started
                    spans = [(hit.chunk.file_path, hit.chunk.start_line, hit.chunk.end_line) for hit in found]
                    content[query] = {"seconds": seconds, "spans": spans}
                self._file(task).write_text(json.dumps(content), "utf-8")

    def has(self, task: Task) -> bool:
        """Return whether the results of a task are kept."""
        return self._file(task).is_file()

    def read(self, task: Task, query: str) -> tuple[list[Span], float]:
        """Return the kept results of a query, and the seconds that the search took."""
        content = json.loads(self._file(task).read_text("utf-8"))[query]
        return [Span(*span) for span in content["spans"]], content["seconds"]

    def judge(self, task: Task, hits: int) -> list[Outcome]:
        """Return the outcomes of all queries of a task, by the first ``hits`` results."""
        outcomes = []
        for query in task.queries:
            spans, seconds = self.read(task, query)
            outcomes.append(judge(task, query, SEMBLE, spans[:hits], seconds))
        return outcomes

    def _file(self, task: Task) -> Path:
        model = hashlib.sha256((self._model / "model.safetensors").read_bytes()).hexdigest()[:8]
        return self._stores.folder(task.repository, task.commit) / f"semble-{model}-{task.id}.json"
