#!/usr/bin/env bash
# Sets up a virtual environment with everything that the tests need, and passes them:
#
#   ./scripts/test.sh [PYTEST ARGUMENTS]        for example: ./scripts/test.sh -m "slow or not slow"
#
# Style and types are checked first, since that takes seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
make_environment .venv-test requirements/base.txt requirements/dev.txt
export PATH="$PWD/.venv-test/bin:$PATH"
ruff check .
ruff format --check .
mypy
exec python -m pytest "$@"
