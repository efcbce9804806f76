#!/usr/bin/env bash
# Sets up a virtual environment with everything that the tests need, and runs them:
#
#   ./scripts/test.sh [--coverage] [PYTEST ARGUMENTS]     for example: ./scripts/test.sh -m "slow or not slow"
#
# Style and types are checked first, since that takes seconds. With --coverage, a table shows the lines and branches
# that no test reached, those of child processes included. On Windows: scripts/test.ps1.
set -euo pipefail
if [ "${1:-}" = "-h" ] || [ "${1:-}" = "--help" ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit 0
fi
coverage=false
if [ "${1:-}" = "--coverage" ]; then
    coverage=true
    shift
fi
cd "$(dirname "$0")/.."
. scripts/environment.sh
make_environment .venv-test requirements/base.txt requirements/dev.txt
export PATH="$PWD/.venv-test/bin:$PATH"
ruff check .
ruff format --check .
mypy
if ! $coverage; then
    exec python -m pytest "$@"
fi
python -m coverage erase
status=0
python -m coverage run -m pytest "$@" || status=$?
python -m coverage combine --quiet
python -m coverage report
exit "$status"
