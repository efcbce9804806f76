"""Downloading and reading the packages of the training pairs, which `source_table` lists.

No evaluation package may be among them, nor any web framework, HTTP client, or library for serialisation or validation:
Aurora is measured on whole repositories of these kinds. `EXCLUDED` names them, `check_sources` refuses a table that has
one, and `keeps` leaves out vendored copies of them in other packages.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Registry: TypeAlias = Literal["stdlib", "pypi", "debian", "npm"]
Role: TypeAlias = Literal["train", "valid", "heldout"]

# Packages that Aurora is measured on, here or elsewhere, and their close relatives.
EXCLUDED = frozenset(
    """
    fastapi httpx zod express click flask requests starlette axios aiohttp pydantic pydantic_core pydantic-core
    model2vec semble aurora aurora_dev httpcore urllib3 h11 h2 hyper django tornado sanic bottle falcon quart litestar
    werkzeug uvicorn hypercorn gunicorn grpc marshmallow attrs cattrs msgspec orjson ujson simplejson msgpack jsonschema
    koa fastify hapi nestjs next nuxt got undici superagent node-fetch ky joi yup ajv io-ts valibot superstruct
    gin echo fiber chi gorilla cobra gson jackson retrofit okhttp spring actix axum rocket hyper reqwest serde tokio
    warp rails actionpack rack sinatra faraday httparty grape laravel symfony slim guzzle monolog dancer2 mojolicious
    catalyst lwp effect click-plugins
    bbolt hikaricp leveldb serilog credo coverage coveragepy mocha yjs luarocks clikt scalafmt rayon junit junit4
    fzf mdbook tmux polly sidekiq shellcheck watchdog xstate swift-argument-parser git-extras mecha
    cytoscape eslint mobx plot vega-lite xterm
    """.split()  # noqa: SIM905
)
# Excluded names that are ordinary words: a folder ``effect`` is hardly ever a copy of the package.
_PLAIN_WORDS = frozenset(
    "next got echo chi rack slim effect rocket warp spring hyper grape fiber aurora coverage credo mocha plot".split()  # noqa: SIM905
)
# Folders with copies of other packages.
VENDORED = frozenset("_vendor vendor vendored _vendored third_party third-party externals extern node_modules".split())  # noqa: SIM905
_TEST_PART = re.compile(r"^(?:tests?|testing|testdata|spec|specs|__tests__|fixtures|benchmarks?)$")
_TEST_FILE = re.compile(
    r"(?:^test_.*\.py|_test\.(?:go|py|rb)|\.(?:test|spec)\.[jt]sx?|_spec\.rb|Test\.(?:php|java)|\.t)$"
)
# Percentage of test files that is kept: real projects have tests, and searches confuse them with the code.
_TESTS_KEPT = 15
_COMPILED = re.compile(r"(?:\.min\.[cm]?js|\.d\.[cm]?ts|\.map|-lock\.json)$")


@dataclass(frozen=True, slots=True)
class Package:
    """A package in a registry.

    Attributes:
        version: Exact. Empty for the standard library of the running Python, whose version is recorded instead.
        roots: Folders of the package to read, with shell wildcards; by default the whole package.
    """

    registry: Registry
    name: str
    version: str = ""
    roots: tuple[str, ...] = ("",)

    @property
    def spec(self) -> str:
        """Registry, name and exact version, for the records."""
        return f"{self.registry}:{self.name} {self.version or platform.python_version()}"


@dataclass(frozen=True, slots=True)
class Source:
    """A corpus that is indexed and searched as one project.

    Attributes:
        role: Training, validation or held-out.
        suffixes: Endings of the file names to read.
        pairs: Most pairs from this source, so that no language dominates.
        megabytes: About how much text to read. Beyond it, whole folders are left out in a fixed random order.
        shard: ``(number, count)``: folders are divided among ``count`` sources, and this is ``number`` (0-based).
    """

    name: str
    language: str
    role: Role
    licence: str
    packages: tuple[Package, ...]
    suffixes: tuple[str, ...]
    pairs: int = 4_000
    megabytes: float = 6.0
    shard: tuple[int, int] = (0, 1)


def check_sources(sources: Iterable[Source]) -> None:
    """Check that a table has no excluded package, no missing version, and no package in two roles.

    Raises:
        ValueError: It has; the message names the package.
    """
    shared: dict[tuple[Registry, str, tuple[str, ...], tuple[int, int]], Source] = {}
    names: set[str] = set()
    for source in sources:
        if source.name in names:
            raise ValueError(f"two sources are named {source.name}")
        names.add(source.name)
        for package in source.packages:
            bare = package.name.lower()
            if bare in EXCLUDED or bare.rpartition("/")[2] in EXCLUDED:
                raise ValueError(f"{source.name}: {package.name} is used for evaluation and must not be trained on")
            if package.registry != "stdlib" and not package.version:
                raise ValueError(f"{source.name}: {package.name} has no exact version")
            other = shared.setdefault((package.registry, package.name, package.roots, source.shard), source)
            if other is not source and other.role != source.role:
                raise ValueError(f"{package.name} is in {other.name} ({other.role}) and {source.name} ({source.role})")


def keeps(path: str) -> bool:
    """Return whether a file may be used: not vendored, not compiled, and not of an excluded package."""
    parts = path.lower().split("/")
    if VENDORED.intersection(parts[:-1]) or _COMPILED.search(parts[-1]):
        return False
    # Copies outside of such folders are in folders with the package's name. A module with that name is not a copy.
    return not (EXCLUDED - _PLAIN_WORDS).intersection(parts[:-1])


def fetch(package: Package, cache: Path) -> Path:
    """Download and unpack a package unless it is in the cache, and return its folder.

    Raises:
        subprocess.CalledProcessError: The registry's client failed; its message is on stderr.
    """
    if package.registry == "stdlib":
        return Path(sysconfig.get_path("stdlib"))
    safe = re.sub(r"[^\w.+-]", "_", f"{package.name}-{package.version}")
    folder = cache / package.registry / safe
    if (folder / ".complete").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if package.registry == "pypi":
        spec = f"{package.name}=={package.version}"
        wheels = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*wheels, "-d", folder, spec], check=True)
        _unzip(next(folder.glob("*.whl")), folder)
    elif package.registry == "npm":
        spec = f"{package.name}@{package.version}"
        subprocess.run(["npm", "pack", "--silent", "--pack-destination", folder, spec], check=True, stdout=sys.stderr)
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
    else:
        subprocess.run(["apt-get", "download", "-q", f"{package.name}={package.version}"], check=True, cwd=folder)
        subprocess.run(["dpkg", "-x", next(folder.glob("*.deb")), folder], check=True)
        for archive_file in folder.rglob("src.zip"):
            _unzip(archive_file, archive_file.with_suffix(""))
    (folder / ".complete").touch()
    return folder


def _unzip(archive_file: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive_file) as archive:
        archive.extractall(folder)


def files(source: Source, cache: Path) -> Iterator[tuple[str, str]]:
    """Yield path (POSIX, as models see it) and text of a source's files, in a fixed order.

    Whole folders are taken in a fixed random order until ``megabytes`` are reached, so that the rest looks like a
    project and not like a random sample of files.
    """
    from aurora_dev.indexing.walker import read_text, walk

    folders: dict[str, list[tuple[str, str]]] = {}
    for package in source.packages:
        base = fetch(package, cache)
        for root in _roots(base, package.roots):
            if root.is_file():
                folders.setdefault(package.name, []).append((f"{package.name}/{root.name}", root.read_text("utf-8")))
                continue
            for file in walk(root):
                if package.registry == "stdlib" and file.path.startswith(("site-packages/", "lib2to3/", "idlelib/")):
                    continue
                if not file.path.endswith(source.suffixes) or not keeps(file.path) or _drops_test(file.path):
                    continue
                text = read_text(file)
                if text is None or not text.strip():
                    continue
                path = _shown(package, file.path)
                folders.setdefault(path.rpartition("/")[0], []).append((path, text))
    size = 0.0
    this, of = source.shard
    order = sorted(folders, key=_order_key)
    dealt = order[this::of]
    if of > 1 and sum(len(text) for name in dealt for _, text in folders[name]) <= source.megabytes * 1e6:
        dealt.sort()
    for folder in dealt:
        for path, text in folders[folder]:
            if size > source.megabytes * 1e6:
                return
            size += len(text)
            yield path, text


def _roots(base: Path, patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from [base] if not pattern else sorted(base.glob(pattern))


def _shown(package: Package, path: str) -> str:
    if path.endswith(".rst.txt"):  # Sphinx's name for the sources of its pages
        path = path[: -len(".txt")]
    if package.registry == "npm":
        return f"{package.name.rpartition('/')[2]}/{path}"
    return path.removeprefix("usr/share/").removeprefix("usr/lib/")


def _order_key(name: str) -> int:
    """Return a number that orders names as if at random, the same in every run."""
    return zlib.crc32(name.encode("utf-8", "replace"))


def _drops_test(path: str) -> bool:
    parts = path.split("/")
    is_test = any(map(_TEST_PART.match, parts[:-1])) or _TEST_FILE.search(parts[-1])
    return bool(is_test) and _order_key(path) % 100 >= _TESTS_KEPT
