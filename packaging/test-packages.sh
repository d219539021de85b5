#!/usr/bin/env bash
# Makes packages of programs that were built: test-packages.sh DIRECTORY (target/debug). Debian's are installed, started,
# upgraded, removed and purged in a system of their own, for which one must be root on Debian; elsewhere that is said and left
# out. `make release` does the same with released programs, and more.
set -euo pipefail
directory=$1
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "packages were NOT tested: that needs root on Debian"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/older" "$work/newer"
OTHER_VERSION=0.0.9 DEB_OPTIONS="--fast" DIST=$work/older packaging/packages.sh "$directory" deb
DEB_OPTIONS="--fast" DIST=$work/newer packaging/packages.sh "$directory" deb
packaging/test-deb.sh "$work/older" "$work/newer"
