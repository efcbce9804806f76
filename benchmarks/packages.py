"""Downloads for the benchmarks, made once: the packages of the manifests, and a model for semble."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Any

CACHE = Path(__file__).parent / ".cache"
PROJECT = Path(__file__).parent.parent
# The packages that constants may be tuned on; all others show whether the values hold elsewhere.
TUNING = frozenset(
    """
    fastapi httpx zod express click
    bbolt HikariCP leveldb serilog credo coveragepy mocha yjs luarocks clikt scalafmt rayon junit4
    """.split()  # noqa: SIM905
)


def manifest(data: Path) -> list[dict[str, Any]]:
    """Return the packages of ``data/manifest.json``: name, registry, package, version (or commit), root."""
    packages: list[dict[str, Any]] = json.loads((data / "manifest.json").read_text("utf-8"))
    return packages


def annotated_queries(data: Path, name: str) -> list[dict[str, Any]]:
    """Return the annotated queries of one package."""
    queries: list[dict[str, Any]] = json.loads((data / "annotations" / f"{name}.json").read_text("utf-8"))
    return queries


def root_of(package: dict[str, Any]) -> Path:
    """Return the folder of a package to index; download and unpack the package if it is not in the cache."""
    folder = CACHE / f"{package['name']}-{package['version']}"
    root = folder / str(package["root"])
    if root.is_dir():
        return root
    shutil.rmtree(folder, ignore_errors=True)  # an interrupted download, or one without this root
    folder.mkdir(parents=True)
    _DOWNLOADS[package["registry"]](folder, package["package"], package["version"])
    if not root.is_dir():
        raise SystemExit(f"{package['name']}: {package['package']} has no folder {package['root']}")
    return root


def _from_pypi(folder: Path, name: str, version: str) -> None:
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
    subprocess.run([*download, f"{name}=={version}"], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder)


def _from_npm(folder: Path, name: str, version: str) -> None:
    subprocess.run(["npm", "pack", "--silent", "--pack-destination", folder, f"{name}@{version}"], check=True)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")


def _from_github(folder: Path, name: str, commit: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:  # an interrupted clone leaves no incomplete folder
        clone = Path(work) / "clone"
        for command in (
            ["git", "init", "-q", str(clone)],
            ["git", "-C", str(clone), "fetch", "-q", "--depth", "1", f"https://github.com/{name}.git", commit],
            ["git", "-C", str(clone), "-c", "advice.detachedHead=false", "checkout", "-q", "FETCH_HEAD"],
        ):
            subprocess.run(command, check=True)
        shutil.rmtree(clone / ".git")  # only the files are measured
        folder.rmdir()
        clone.rename(folder)


_DOWNLOADS = {"pypi": _from_pypi, "npm": _from_npm, "github": _from_github}


def distilled_model() -> Path:
    """Return the folder of all-MiniLM-L6-v2 distilled by ``scripts/distil_embedder.py``; make it if it is missing.

    It is made in a separate environment, since model2vec's distillation needs torch and pins other releases.
    """
    folder = CACHE / "distilled"
    if not (folder / "SHA256SUMS").is_file():  # the last file that the script writes
        print("distilling all-MiniLM-L6-v2 for semble: once, some minutes", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as environment:  # a gigabyte that is not needed afterwards
            venv.create(environment, with_pip=True)
            python = str(Path(environment) / ("Scripts" if sys.platform == "win32" else "bin") / "python")
            install = [python, "-m", "pip", "install", "-q", "-r", str(PROJECT / "requirements" / "distil.txt")]
            distil = [python, str(PROJECT / "scripts" / "distil_embedder.py"), "--output", str(folder)]
            for command in (install, distil):
                subprocess.run(command, check=True, stdout=sys.stderr)
    return folder
