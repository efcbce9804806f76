"""The projects of a yardstick, their files, and stores that are kept from run to run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from packages import CACHE, manifest, root_of

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.indexing.indexer import Indexer
from aurora_dev.indexing.walker import read_text, walk

HERE = Path(__file__).parent
# The sets of projects that come with Aurora. The nine packages of the code-search benchmark are one more PATH.
PATHS = (HERE / "repositories", HERE / "written")
KEPT = CACHE / "yardsticks"


class Project(NamedTuple):
    """A project to search: its name, the folder that is indexed, and the PATH whose manifest lists it."""

    name: str
    root: Path
    data: Path


def projects(paths: Sequence[Path], only: Sequence[str] = ()) -> Iterator[Project]:
    """Yield the projects of some PATHs; name those that cannot be had on stderr, and go on."""
    for data in paths or PATHS:
        for package in manifest(data):
            if only and package["name"] not in only:
                continue
            try:
                yield Project(package["name"], root_of(package), data)
            except (SystemExit, OSError, subprocess.CalledProcessError, StopIteration) as error:
                print(f"{package['name']} is left out: {error}", file=sys.stderr)


def texts_of(root: Path) -> dict[str, str]:
    """Return the text of every file that is indexed, by path, in path order."""
    texts = {}
    for file in walk(root):
        text = read_text(file)
        if text is not None and text.strip():
            texts[file.path] = text
    return texts


@asynccontextmanager
async def kept_store(project: Project, cache: Path, reranker: str = "none") -> AsyncIterator[VectorStore]:
    """Open the store of a project below ``cache``, made on first use; afterwards only changed files are indexed."""
    embedder = StaticEmbedder.bundled()
    store = VectorStore(path=cache / "stores" / project.name, embedder=embedder, reranker=reranker)
    try:
        await Indexer(store, project.root).run()
        yield store
    finally:
        await store.close()
