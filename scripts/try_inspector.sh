#!/usr/bin/env bash
# Calls the MCP server through the command line of the MCP Inspector, from npm:
#
#   ./scripts/try_inspector.sh [FOLDER]
#
# Installs the Inspector and the Node.js that it needs in FOLDER (default: .venv-inspector; about 600 MB, once). Lists and
# calls every tool, reads a resource and gets the prompt, over standard input and output and over HTTP. Prints each
# request and whether the answer is right, and exits with 1 if one is wrong. Needs npm. Not part of the tests: it takes a
# minute.
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

# The Inspector 2.x needs Node.js 22.19, newer than on many systems; npm can install it.
packages=("node@22.23.3" "@modelcontextprotocol/inspector@2.12.0")
if ! command -v npm >/dev/null 2>&1; then
    echo "npm is missing. Install Node.js from the packages of your system or from https://nodejs.org" >&2
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
