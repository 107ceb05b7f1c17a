#!/usr/bin/env bash
# Installs Debian packages without asking anything: apt_install.sh package…   Only for root.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
quiet=(-qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{
    apt-get update "${quiet[@]}"
    apt-get install -y --no-install-recommends "${quiet[@]}" "$@"
} >"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    exit 1
}
