# Functions for the other scripts, which source this file:
#
#   find_python                                print the path of a supported Python
#   make_environment FOLDER REQUIREMENTS...    create a virtual environment, or leave it if it is up to date
#
# A stamp in the folder holds a checksum of the requirements, so that a second run starts at once.

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3.10 python3 python; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    echo "Aurora needs Python 3.10 to 3.13 and found none. Install one, or run: PYTHON=/path/to/python $0" >&2
    return 1
}

make_environment() {
    local folder=$1 python stamp wanted arguments=() file
    shift
    python=$(find_python) || return 1
    wanted=$(cat "$@" pyproject.toml | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
    stamp="$folder/aurora-stamp"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return 0
    fi
    echo "Setting up Python packages in $folder (once)" >&2
    if ! "$python" -m venv "$folder"; then
        echo "Could not create a virtual environment. On Debian and Ubuntu, run: apt install python3-venv" >&2
        return 1
    fi
    for file in "$@"; do
        arguments+=(-r "$file")
    done
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "${arguments[@]}"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --editable .
    printf '%s\n' "$wanted" >"$stamp"
}
