#!/usr/bin/env bash
# Reranks through a real service: infinity, installed from PyPI, with a tiny model that is made here.
#
#   ./scripts/try_infinity.sh
#
# sets up infinity in .venv-infinity (about 2 GB, once: its dependencies clash with Aurora's), builds a cross-encoder of
# toy size, serves it on the loopback interface, and lets HTTPReranker and a whole search score through it. Prints the
# scores; the exit code is 1 where they are not as they should be. Not a part of the tests: it takes minutes at first.
set -euo pipefail
if [ "${1:-}" = "-h" ] || [ "${1:-}" = "--help" ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 0
fi
cd "$(dirname "$0")/.."
. scripts/environment.sh

# infinity 0.0.77 needs sentence-transformers 3 and NumPy 1; transformers 4.49 is the last that fits both well, typer
# 0.12 breaks with click 8.2, and NumPy 1.26 has no wheels for Python 3.13.
packages=(
    "infinity-emb[server,torch]==0.0.77" "torch==2.13.0" "transformers==4.49.0" "sentence-transformers==3.4.1"
    "click==8.1.8" "typer==0.12.5" "numpy==1.26.4"
)
service=.venv-infinity

find_older_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.12 python3.11 python3.10 python3 python; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    echo "infinity needs Python 3.10 to 3.12, and none was found. Name one: PYTHON=/path/to/python $0" >&2
    return 1
}

make_environment .venv requirements/base.txt
wanted="${packages[*]}"
if [ "$(cat "$service/stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "Installing infinity in $service (once)" >&2
    python=$(find_older_python)
    "$python" -m venv --clear "$service"
    "$service/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}"
    printf '%s\n' "$wanted" >"$service/stamp"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$service/bin/python" - "$folder/model" <<'EOF'
import sys
from pathlib import Path

sys.path.insert(0, "tests/core/rerank")
import tiny_cross_encoder

# Its logit grows with the share of the word "good" among the words of query and document.
tiny_cross_encoder.build(Path(sys.argv[1]), weights="counting")
EOF
.venv/bin/python scripts/try_infinity.py "$service/bin/infinity_emb" "$folder/model"
