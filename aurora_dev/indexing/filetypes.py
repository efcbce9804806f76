"""The tables and heuristics that decide, by name and by content, whether a file is worth indexing."""

from __future__ import annotations

import codecs
import re
from collections.abc import Container
from contextlib import suppress
from typing import Final

from aurora_dev.core.text.encodings import legacy_text, wide_encoding
from aurora_dev.lazy import lazy_pattern
from aurora_dev.syntax.file_languages import prose_suffixes

__all__ = [
    "ALWAYS_SKIPPED_FOLDERS",
    "BINARY",
    "GENERATED",
    "LOCK_FILE",
    "MINIFIED",
    "SECRET",
    "TOOL_FOLDER_MARKERS",
    "content_reason",
    "decode",
    "is_output_folder",
    "is_secret_file",
    "is_source_if_tracked",
    "is_tool_folder",
    "is_vendored_folder",
    "name_reason",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SECRET: Final = "holds secrets"
BINARY: Final = "binary"
GENERATED: Final = "generated"
MINIFIED: Final = "minified"
LOCK_FILE: Final = "lock file"

ALWAYS_SKIPPED_FOLDERS: Final = frozenset((".git", ".hg", ".svn", ".bzr", ".aurora"))
"""Databases of tools; not even ``.auroraignore`` brings them back."""

_VENDORED: Final = _words(
    """
    node_modules bower_components jspm_packages vendor vendored third_party third-party thirdparty site-packages
    __pycache__ __pypackages__ venv .venv virtualenv .virtualenv .tox .nox .eggs .mypy_cache .pytest_cache .ruff_cache
    .hypothesis .ipynb_checkpoints .cache .gradle .terraform .serverless .next .nuxt .output .svelte-kit .turbo
    .parcel-cache .angular .yarn .pnpm-store .bundle .dart_tool .idea .vs .metals .bloop .stack-work .direnv
    htmlcov .nyc_output Pods Carthage DerivedData _build
    """
)
# Common names of build output; a source package of that name has an __init__.py.
_OUTPUT: Final = frozenset(("build", "dist", "target", "coverage"))

# Names of folders for other people's code in which many projects keep code of their own.
_SOURCE_IF_TRACKED: Final = _words("vendor vendored third_party third-party thirdparty _build")

TOOL_FOLDER_MARKERS: Final = frozenset(("pyvenv.cfg", "CACHEDIR.TAG"))
"""Files that mark their folder as a virtual environment or a cache, whatever its name."""
# Files by which Go and Composer mark the folder "vendor" that they fill; projects commit it.
_VENDOR_MARKERS: Final = frozenset(("modules.txt", "autoload.php"))

_BINARY_EXTENSIONS: Final = _words(
    """
    7z a aac aiff apk ar arrow avi avif bin bmp br bz2 cab ckpt class cur dat db db3 deb dll dmg doc docm docx dylib
    ear eot exe feather flac flv gguf gif glb gz h5 hdf5 heic heif icns ico img ipa iso jar jpeg jpg jxl ko lib lz4
    lzma m4a m4v mid mkv mo mov mp3 mp4 mpeg mpg msi node npy npz nupkg o obj odp ods odt ogg ogv onnx opus orc otf
    parquet pb pdf pickle pkl png ppt pptx psd pt pth pyc pyd pyo rar rdb rlib rpm safetensors sav so sqlite sqlite3
    swf tar tflite tgz tif tiff ttc ttf war wasm wav webm webp whl wma wmv woff woff2 xcf xls xlsm xlsx xz z zip zst
    """
)

_LOCK_FILES: Final = _words(
    "package-lock.json npm-shrinkwrap.json pnpm-lock.yaml go.sum go.work.sum bun.lockb packages.lock.json"
)
_GENERATED_NAME: Final = lazy_pattern(
    r".*(?:\.pb\.(?:go|cc|h|dart)|_pb2(?:_grpc)?\.pyi?|\.pbtxt\.go|\.g\.dart|\.freezed\.dart|\.designer\.cs|\.g\.cs|"
    r"\.generated\.[a-z]+|_generated\.(?:go|rs|py|ts|js|h)|zz_generated.*\.go|\.snap)"
)
_MINIFIED_NAME: Final = lazy_pattern(r".*(?:[.-]min\.(?:js|mjs|cjs|css|html)|\.bundle\.(?:js|css)|\.map)")

_SECRET_NAMES: Final = _words(
    """
    .npmrc .pypirc .netrc _netrc .pgpass .my.cnf .htpasswd .git-credentials .dockercfg .dockerconfigjson .envrc
    .s3cfg .boto .vault-token credentials .credentials credentials.json client_secret.json client_secrets.json
    service-account.json service_account.json serviceaccount.json secrets.json secrets.toml secrets.yml secrets.yaml
    id_rsa id_dsa id_ecdsa id_ecdsa_sk id_ed25519 id_ed25519_sk
    """
)
_SECRET_EXTENSIONS: Final = _words("pem key p12 pfx jks keystore ppk kdbx kdb gpg env tfstate tfvars ovpn p8")
_TEMPLATE: Final = lazy_pattern(r"(?:^|[._-])(?:example|sample|template|tmpl|dist|defaults?|schema)(?:[._-]|$)")


def is_secret_file(name: str) -> bool:
    """Return whether files of this name hold credentials (``.env``, a private key); templates of them do not."""
    lower = name.lower()
    _, dot, extension = lower.rpartition(".")
    if lower in _SECRET_NAMES or lower.startswith(".env.") or (dot and extension in _SECRET_EXTENSIONS):
        return _TEMPLATE.search(lower) is None
    return lower.startswith("client_secret_") and lower.endswith(".json")


def is_vendored_folder(name: str) -> bool:
    """Return whether folders of this name hold other people's code, caches or build output."""
    return name in _VENDORED or name.endswith(".egg-info")


def is_output_folder(name: str) -> bool:
    """Return whether folders of this name hold build output, unless they are a package (``build/__init__.py``)."""
    return name in _OUTPUT


def is_source_if_tracked(name: str) -> bool:
    """Return whether a vendored folder of this name is read if git tracks files in it."""
    return name in _SOURCE_IF_TRACKED


def is_tool_folder(path: str, entries: Container[str]) -> bool:
    """Return whether a tool made a folder, by the names of its entries."""
    markers = TOOL_FOLDER_MARKERS
    if path.endswith(("/vendor", "\\vendor")):
        markers |= _VENDOR_MARKERS
    return any(marker in entries for marker in markers)


def name_reason(name: str) -> str | None:
    """Return why a file is not worth indexing, by its name alone; ``None`` if it may be."""
    lower = name.lower()
    _, dot, extension = lower.rpartition(".")
    if dot and extension in _BINARY_EXTENSIONS:
        return BINARY
    if lower in _LOCK_FILES or (dot and extension in ("lock", "lockb")):
        return LOCK_FILE
    if _MINIFIED_NAME.fullmatch(lower):
        return MINIFIED
    return GENERATED if _GENERATED_NAME.fullmatch(lower) else None


# --- content ----------------------------------------------------------------------------------------------------------

_WIDE_MARKS: Final = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UTF8: Final = "utf-8"
_JIS_ESCAPE: Final = "\x1b$B"
_HEAD_LINES: Final = 20  # a licence may precede the mark of a generator
_HEAD_BYTES: Final = 3_000
# Only in a comment: code that writes such marks is not generated itself.
_GENERATED_MARK: Final = lazy_pattern(
    rb"^[ \t]*(?://|#|/?\*|--|<!--|;|%|\(\*).*?(?:@generated\b|DO NOT EDIT|DO NOT MODIFY|"
    rb"(?i:generated\b.{0,80}\bdo not (?:edit|modify|change)))",
    re.MULTILINE,
)
_PROSE: Final = prose_suffixes() | _words("txt adoc asciidoc")
_NOT_JUDGED: Final = _PROSE | {"ipynb"}  # a picture in a notebook is one long line
# Code of very wide tables has averages below 200; minified code has thousands.
_MAX_AVERAGE_LINE: Final = 500
_MIN_MINIFIED: Final = 5_000


def _wide_encoding(data: bytes) -> str | None:
    marked = next((encoding for mark, encoding in _WIDE_MARKS if data.startswith(mark)), None)
    return wide_encoding(data) if marked is None and b"\0" in data else marked


def content_reason(name: str, data: bytes) -> str | None:
    """Return why a file is not worth indexing, by its content; ``None`` if it is.

    Args:
        name: The name or path; only the suffix counts.
        data: All bytes of the file, or the first 8 KB.
    """
    if _wide_encoding(data) is not None:
        return None
    if b"\0" in data:
        return BINARY
    if name.rpartition(".")[2].lower() in _NOT_JUDGED:
        return None
    if len(data) >= _MIN_MINIFIED and len(data) > _MAX_AVERAGE_LINE * (data.count(b"\n") + data.count(b"\r") + 1):
        return MINIFIED
    mark = _GENERATED_MARK.search(data[:_HEAD_BYTES])
    if mark is not None and data.count(b"\n", 0, mark.start()) < _HEAD_LINES:
        return GENERATED
    return None


def decode(data: bytes) -> str | None:
    """Return the text of a file's bytes, or ``None`` if it is binary; see `read_as_text`."""
    found = read_as_text(data)
    return None if found is None else found[0]


def read_as_text(data: bytes) -> tuple[str, str] | None:
    """Return the text of a file's bytes, with line breaks unchanged, and its codec; ``None`` if it is binary.

    Decodes UTF-8, UTF-16 and UTF-32, with or without a byte order mark; without one, UTF-16 and UTF-32 are recognised
    if nearly all characters are ASCII. For other bytes see `encodings.legacy_text`.
    """
    wide = _wide_encoding(data)
    if wide is not None:
        return data.decode(wide, "replace"), wide
    if b"\0" in data:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return legacy_text(data)
    if b"\x1b" in data and _JIS_ESCAPE in text:  # ISO-2022-JP, the encoding of Japanese mail, has ASCII bytes only
        with suppress(UnicodeDecodeError):
            return data.decode("iso2022_jp"), "iso2022_jp"
    return text, UTF8
