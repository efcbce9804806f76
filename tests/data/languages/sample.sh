#!/usr/bin/env bash
set -euo pipefail

LIMIT=3
readonly NAME="x"

# Greets.
greet() {
  echo "hello $1"
}

function leave {
  echo "bye"
}

if [ "$LIMIT" -gt 2 ]; then
  greet "$NAME"
fi
