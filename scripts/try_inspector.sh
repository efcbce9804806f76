#!/usr/bin/env bash
# Talks to the MCP server through the MCP Inspector's command line, from npm:
#
#   ./scripts/try_inspector.sh [FOLDER]
#
# installs the Inspector, and the Node.js that it needs, in FOLDER (.venv-inspector where none is given; about 600 MB,
# once), lists and calls every tool, reads a resource and gets the prompt, over standard input and output and over HTTP.
# Prints what was asked and whether it was answered as it should be; the exit code is 1 where it was not. Needs npm. Not
# a part of the tests: it takes a minute.
set -euo pipefail
if [ "${1:-}" = "-h" ] || [ "${1:-}" = "--help" ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    exit 0
fi
folder=${1:-.venv-inspector}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/.."
. scripts/environment.sh

# The Inspector 2.x needs Node.js 22.19, newer than many systems have; npm has that too.
packages=("node@22.23.3" "@modelcontextprotocol/inspector@2.12.0")
if ! command -v npm >/dev/null 2>&1; then
    echo "npm is missing. Install Node.js from your system's packages or https://nodejs.org" >&2
    exit 1
fi
if [ -n "${PYTHON_WITH_AURORA:-}" ]; then
    python=$PYTHON_WITH_AURORA
else
    make_environment .venv-test requirements/base.txt requirements/dev.txt
    python=$PWD/.venv-test/bin/python
fi
wanted="${packages[*]}"
if [ "$(cat "$folder/stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "Installing the Inspector in $folder (once)" >&2
    npm install --silent --no-fund --no-audit --prefix "$folder" "${packages[@]}" >&2
    printf '%s\n' "$wanted" >"$folder/stamp"
fi
export PATH="$folder/node_modules/.bin:$PATH"
exec "$python" scripts/try_inspector.py mcp-inspector
