#!/usr/bin/env bash
# Builds the sdist and the wheel, and checks that they are complete:
#
#   ./scripts/check_wheel.sh
#
# Builds into dist/, checks size and contents, installs the wheel in a fresh environment and runs a first search there.
set -euo pipefail
if [ "${1:-}" = "-h" ] || [ "${1:-}" = "--help" ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    exit 0
fi
cd "$(dirname "$0")/.."
. scripts/environment.sh
python=$(find_python)
unset PYTHONPATH # would hide the installed wheel

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/build"
"$folder/build/bin/python" -m pip install --quiet --disable-pip-version-check "build==1.6.1"
rm -rf dist
"$folder/build/bin/python" -m build --outdir dist .

"$python" - dist/*.whl dist/*.tar.gz <<'EOF'
import sys
import tarfile
import zipfile
from pathlib import Path

MOST_MB = 60
MODELS = Path("aurora_dev/models")

wheel, sdist = map(Path, sys.argv[1:])
in_wheel = set(zipfile.ZipFile(wheel).namelist())
with tarfile.open(sdist) as archive:
    in_sdist = {name.partition("/")[2] for name in archive.getnames()}
models = {path.as_posix() for path in MODELS.rglob("*") if path.is_file() and path.suffix != ".pyc"}
package = {"aurora_dev/__init__.py", "aurora_dev/py.typed", *models}

problems = []
for path in (wheel, sdist):
    megabytes = path.stat().st_size / 1e6
    print(f"{path}: {megabytes:.1f} MB")
    if megabytes > MOST_MB:
        problems.append(f"{path.name} is larger than {MOST_MB} MB")
problems += [f"{wheel.name} lacks {name}" for name in sorted(package - in_wheel)]
problems += [
    f"{sdist.name} lacks {name}"
    for name in sorted({*package, "pyproject.toml", "README.md", "LICENSE", "tests/conftest.py"} - in_sdist)
]
problems += [
    f"{wheel.name} should not contain {name}"
    for name in sorted(in_wheel)
    if not name.startswith("aurora_dev/") and ".dist-info/" not in name
]
sys.exit("\n".join(problems) or 0)
EOF

"$python" -m venv "$folder/fresh"
"$folder/fresh/bin/python" -m pip install --quiet --disable-pip-version-check dist/*.whl
mkdir "$folder/project"
printf 'def verify(token):\n    """Check the signature of a token."""\n' >"$folder/project/tokens.py"
cd "$folder/project"
"$folder/fresh/bin/aurora" index .
found=$("$folder/fresh/bin/aurora" search "where is a signature checked" --json)
case $found in
*tokens.py*) echo "The installed wheel found tokens.py" ;;
*)
    echo "The first search of the installed wheel did not find tokens.py: $found" >&2
    exit 1
    ;;
esac
