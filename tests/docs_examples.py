"""Read the examples and tables of the documentation, and write the small project that the examples run in.

How fenced blocks are treated:

- A ``python`` block is executed. With ``<!-- continues -->`` on the line before it, it runs after the previous block of
  the page, with the same names.
- A ``console`` block has commands after ``$``. Those that begin with ``aurora`` are run, and their output is compared
  with the lines below them. Digits may differ, and ``...`` matches anything. ``$ echo $?`` shows the exit code.
- ``$ export NAME=value`` sets a variable for the rest of the block, ``NAME=value`` before a command for that command.
- Commands in `NOT_RUN_HERE` are not run.
- On a page that names ``../queries.jsonl``, the first ``text`` block with ``"expected"`` is the content of that file.

The blocks of a page share one project: ``path/to/project`` in Python, the current folder on the command line.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from aurora_dev.core.embed.static import BUNDLED_PATH
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Record
from aurora_dev.testing.hashing_embedder import HashingEmbedder

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# First words of commands that need a network, a service, minutes, or the user's own folders.
NOT_RUN_HERE = {
    "cd",
    "docker",
    "infinity_emb",
    "llama-server",
    "ollama",
    "pip",
    "python",
    "text-embeddings-router",
    "vllm",
}
NOT_RUN_SCRIPTS = "./scripts/"

_FENCE = re.compile(
    r"^(?P<mark><!-- continues -->\n)?```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_COMMENT_IN_COMMAND = re.compile(r"\s{2,}#.*$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. ``line`` is the number of the first line of its body, 1-based."""

    page: Path
    line: int
    language: str
    body: str
    continues: bool

    @property
    def label(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(slots=True)
class Command:
    """A command of a console block, with the lines shown below it."""

    line: int
    text: str
    shown: list[str] = field(default_factory=list)


def blocks(page: Path, language: str) -> list[Block]:
    """Return the blocks of one language, in the order of the page."""
    text = page.read_text("utf-8")
    return [
        Block(page, text.count("\n", 0, found.start("body")) + 1, language, found["body"], found["mark"] is not None)
        for found in _FENCE.finditer(text)
        if found["language"] == language
    ]


def languages(page: Path) -> set[str]:
    """Return the languages of all fences, an empty string for a fence without one."""
    opened = False
    found = set()
    for line in page.read_text("utf-8").splitlines():
        if line.lstrip().startswith("```"):
            opened = not opened
            if opened:
                found.add(line.strip().removeprefix("```"))
    return found


def programs(page: Path) -> list[list[Block]]:
    """Return the Python blocks of a page, grouped with the blocks that continue them."""
    result: list[list[Block]] = []
    for block in blocks(page, "python"):
        if block.continues and result:
            result[-1].append(block)
        else:
            result.append([block])
    return result


def commands(block: Block) -> list[Command]:
    """Return the commands of a console block."""
    result: list[Command] = []
    for number, line in enumerate(block.body.splitlines(), start=block.line):
        if line.startswith("$ "):
            result.append(Command(number, _COMMENT_IN_COMMAND.sub("", line[2:])))
        elif result:
            result[-1].shown.append(line)
        else:
            raise ValueError(f"{block.page.name}:{number}: a console block must begin with a command after '$ '")
    return result


def tables(page: Path) -> Iterator[list[dict[str, str]]]:
    """Yield each table of a page as a list of rows by column name. Cells keep their backticks."""
    rows: list[list[str]] = []
    for line in [*page.read_text("utf-8").splitlines(), ""]:
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            rows.append([cell.strip().replace("\\|", "|") for cell in cells])
        elif rows:
            head, _, *body = rows
            yield [dict(zip(head, row, strict=True)) for row in body]
            rows = []


def table(page: Path, *columns: str) -> list[dict[str, str]]:
    """Return the rows of all tables of a page with exactly these columns."""
    found = [rows for rows in tables(page) if rows and tuple(rows[0]) == columns]
    assert found, f"{page.name} has no table with the columns {columns}"
    return [row for rows in found for row in rows]


def bare(cell: str) -> str:
    """Return the first text in backticks of a cell, or the cell if there is none."""
    quoted = re.search(r"`([^`]+)`", cell)
    return quoted[1] if quoted else cell


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes from the headings of a page."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    slugs = (re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).replace(" ", "-") for heading in headings(text))
    return set(slugs)


def headings(text: str) -> list[str]:
    """Return the headings of a text."""
    return _HEADING.findall(text)


def links(page: Path) -> list[str]:
    """Return the link targets of a page, without links to other hosts."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


_FILES = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0"\n',
    "README.md": "# Shop\n\nA small shop.\n\n## Running it\n\nStart the server with `python -m shop`.\n",
    ".gitignore": "*.log\nmodels/\n",
    "server.log": "started\n",
    ".env": "DEBUG=1\n",
    "shop/__init__.py": '"""A small shop."""\n',
    "shop/auth/tokens.py": '''"""Signed tokens."""

import hmac
import time


class TokenExpired(Exception):
    """The token is too old."""


class TokenVerifier:
    """Verifies the signature and the age of a token."""

    def __init__(self, key: bytes, max_age: float = 3600.0) -> None:
        self.key = key
        self.max_age = max_age

    def verify(self, token: str) -> str:
        """Return the user's name where the token is genuine and fresh."""
        name, issued, signature = token.rsplit(".", 2)
        expected = hmac.new(self.key, f"{name}.{issued}".encode(), "sha256").hexdigest()
        if not hmac.compare_digest(expected, signature):
            raise PermissionError("the signature does not match")
        if time.time() - float(issued) > self.max_age:
            raise TokenExpired(name)
        return name
''',
    "shop/http/retry.py": '''"""Trying a request again."""


class RetryPolicy:
    """How often, and after which time, a failed request is sent again."""

    def __init__(self, attempts: int = 3, first_wait: float = 0.5) -> None:
        self.attempts = attempts
        self.first_wait = first_wait

    def waits(self) -> list[float]:
        """Return the seconds before each further attempt: exponential backoff."""
        return [self.first_wait * 2**number for number in range(self.attempts - 1)]
''',
    "shop/cart.py": '''"""The shopping cart."""


class Cart:
    """Articles that a customer wants to buy."""

    def __init__(self) -> None:
        self.articles: dict[str, int] = {}

    def add(self, article: str, count: int = 1) -> None:
        """Put an article into the cart."""
        self.articles[article] = self.articles.get(article, 0) + count

    def total(self, prices: dict[str, float]) -> float:
        """Return what everything in the cart costs."""
        return sum(prices[article] * count for article, count in self.articles.items())
''',
    "web/format.ts": """export function formatPrice(cents: number): string {
  return (cents / 100).toFixed(2) + ' EUR'
}
""",
    "tests/test_tokens.py": """from shop.auth.tokens import TokenVerifier


def test_a_token_without_a_signature_is_refused():
    verifier = TokenVerifier(b"key")
    try:
        verifier.verify("ann.0.")
    except PermissionError:
        return
    raise AssertionError("accepted")
""",
}


def make_project(folder: Path) -> Path:
    """Write the example project into a folder and return the folder."""
    for name, content in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8", newline="\n")
    return folder


def make_model(folder: Path) -> None:
    """Write a copy of the bundled model with its vectors reversed: it works and has another fingerprint."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(BUNDLED_PATH, folder, ignore=shutil.ignore_patterns("SHA256SUMS", "model.safetensors"))
    tensors = load_file(BUNDLED_PATH / "model.safetensors")
    name = "embeddings" if "embeddings" in tensors else "embedding.weight"
    save_file({**tensors, name: np.ascontiguousarray(tensors[name][:, ::-1])}, folder / "model.safetensors")


def make_damaged_store(folder: Path) -> None:
    """Write a store with notes, then overwrite some pages of its database."""
    store = FAISSLocalStore(folder)
    sentence = "the cache is emptied before a release. "
    notes = [Record(f"note-{i}", f"Lesson {i}: {sentence * 6}", {"kind": "lesson"}) for i in range(400)]
    store.write("default", notes)
    store.close()
    database = folder / "memory.db"
    page = 8192
    with database.open("r+b") as file:
        file.seek(10 * page)
        file.write(b"\xff" * 5 * page)


class _ModelService(BaseHTTPRequestHandler):
    """Answers ``/v1/embeddings`` like OpenAI and ``/rerank`` like TEI. Texts with equal words are similar."""

    protocol_version = "HTTP/1.1"
    embedder = HashingEmbedder()

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply: object
        if self.path == "/v1/embeddings":
            assert request["model"]
            vectors = self.embedder.embed_documents(request["input"]).tolist()
            reply = {"data": [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]}
        else:
            assert self.path == "/rerank"
            near = self.embedder.embed_documents(request["texts"]) @ self.embedder.embed_query(request["query"])
            reply = [{"index": index, "score": (1 + float(score)) / 2} for index, score in enumerate(near)]
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, _format: str, *args: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def model_service() -> Iterator[str]:
    """Serve embeddings and reranking on loopback, and yield ``host:port``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ModelService)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
