#!/usr/bin/env bash
# Reranks through a real service: infinity from PyPI, serving a tiny model that this script builds.
#
#   ./scripts/try_infinity.sh
#
# Sets up infinity in .venv-infinity (about 2 GB, once: its dependencies conflict with Aurora's), builds a toy
# cross-encoder, serves it on the loopback interface, and scores through it with HTTPReranker and with a whole search.
# Prints the scores, and exits with 1 if they are wrong. Not part of the tests: the first run takes minutes.
set -euo pipefail
if [ "${1:-}" = "-h" ] || [ "${1:-}" = "--help" ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 0
fi
cd "$(dirname "$0")/.."
. scripts/environment.sh

# infinity 0.0.77 needs sentence-transformers 3 and NumPy 1. transformers 4.49 is the last release that works with both,
# typer 0.12 breaks with click 8.2, and NumPy 1.26 has no wheels for Python 3.13.
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
    echo "infinity needs Python 3.10 to 3.12 and found none. Install one, or run: PYTHON=/path/to/python $0" >&2
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

# The logit grows with the share of the word "good" among the words of query and document.
tiny_cross_encoder.build(Path(sys.argv[1]), weights="counting")
EOF
.venv/bin/python scripts/try_infinity.py "$service/bin/infinity_emb" "$folder/model"
