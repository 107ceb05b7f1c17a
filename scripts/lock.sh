#!/usr/bin/env bash
# Writes requirements/*.txt from requirements/*.in: every version pinned, every file hashed, no registry named.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() { # name, then the list it must agree with
    .venv/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
        "requirements/$1.in" --output-file "requirements/$1.txt" ${2:+--constraint "requirements/$2.txt"} ${UPGRADE:+--upgrade}
    echo "Wrote requirements/$1.txt"
}

lock base
lock node
lock test base
lock dev test
