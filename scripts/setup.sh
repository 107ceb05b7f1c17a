#!/usr/bin/env bash
# Makes .venv and installs one list of requirements into it: setup.sh base|test|dev
# Every package is pinned and checked against its hash. Says what it does, in a line per step; asks nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
list=$1
started=$SECONDS

say() { printf '%s\n' "$*"; }
stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() { # the first Python >= 3.11; PYTHON=/path/to/python3 decides otherwise
    local name
    for name in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        if new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

can_make_environments() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

make_environment() {
    local python
    python=$(find_python) || stop "Python 3.11 or newer is needed; this machine has $(python3 --version 2>/dev/null || echo none).
Install it (Debian: apt-get install python3 python3-venv; macOS: brew install python), or name one: make PYTHON=/path/to/python3 …"
    if ! can_make_environments "$python"; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            say "Installing python3-venv"
            scripts/apt_install.sh python3-venv
        fi
        can_make_environments "$python" || stop "This Python cannot make environments. Install the venv package (Debian: apt-get install python3-venv)."
    fi
    say "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

new_enough .venv/bin/python || make_environment

say "Installing requirements/$list.txt, pinned and hashed"
pip=(.venv/bin/python -m pip install -qq --no-input --disable-pip-version-check --no-warn-script-location)
"${pip[@]}" --require-hashes -r "requirements/$list.txt" || stop "Some packages could not be installed; pip's reason is above."
"${pip[@]}" --no-deps --no-build-isolation --editable .

# a longer list contains the shorter ones
case $list in
dev) stamps="base test dev" ;;
test) stamps="base test" ;;
*) stamps=base ;;
esac
for name in $stamps; do touch ".venv/.$name.stamp"; done
say "Installed in $((SECONDS - started)) s"
