#!/usr/bin/env bash
# What `make packaging-test` checks, in minutes: check.sh DIRECTORY, where the programs are (target/debug). Packages are
# made of these programs, and installed, started, upgraded, removed and purged in a system of their own, for which one must
# be root on Debian; elsewhere that is said and left out. `make release` does the same with released programs, and more.
set -euo pipefail
# shellcheck source=packaging/tools.sh
. packaging/tools.sh
directory=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packaging/msrv.py
packaging/observability/check.sh
packaging/kubernetes/check.sh "$directory/scim-server"

# Below a folder of its own.
PREFIX=/usr DESTDIR=$work/tree packaging/install.sh "$directory"/{scim-server,sync-agent,scim-conformance}
"$work/tree/usr/bin/scim-conformance" --version
mandoc=$(debian_tool mandoc usr/bin/mandoc)
"$mandoc" -T lint -W error "$work"/tree/usr/share/man/man1/*.1
grep -q "ExecStart=/usr/bin/sync-agent" "$work/tree/usr/lib/systemd/system/sync-agent.service"

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "packages were NOT tested: that needs root on Debian"
    exit 0
fi
mkdir "$work/older" "$work/newer"
DEB_OPTIONS="--fast --deb-version=0.0.9" DIST=$work/older packaging/packages.sh "$directory" deb
DEB_OPTIONS="--fast" DIST=$work/newer packaging/packages.sh "$directory" deb
packaging/test-deb.sh "$work/older" "$work/newer"
