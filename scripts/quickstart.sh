#!/usr/bin/env bash
# Answers a question about a project, on a fresh machine with Python and git:
#
#   ./scripts/quickstart.sh [PROJECT] ["question"]
#
# Sets up a virtual environment in .venv, indexes PROJECT (default: this repository) into PROJECT/.aurora, and searches
# it. Only Python packages are downloaded; the models are in this repository.
set -euo pipefail
if [ "${1:-}" = "-h" ] || [ "${1:-}" = "--help" ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit 0
fi
project=${1:-}
question=${2:-"where are credentials masked"}
if [ -n "$project" ] && [ ! -d "$project" ]; then
    echo "The folder '$project' does not exist. Usage: $0 [PROJECT] [\"question\"]" >&2
    exit 2
fi
[ -z "$project" ] || project=$(cd "$project" && pwd)
cd "$(dirname "$0")/.."
. scripts/environment.sh
make_environment .venv requirements/base.txt
project=${project:-$PWD}
.venv/bin/aurora index "$project"
echo
echo "\$ aurora search \"$question\""
.venv/bin/aurora search "$question" --path "$project"
echo
echo "To ask another question, run: $PWD/.venv/bin/aurora search \"your question\" --path $project"
