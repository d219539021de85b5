#!/usr/bin/env bash
# What surrounds the programs is checked within a minute: check.sh DIRECTORY, where the programs are (target/debug). Dashboards,
# alerts, manifests and chart are read by the programs that they are for; the programs are installed below a folder, and what man
# and systemd get there is looked at. Makes no package: that is `make packaging-test`.
set -euo pipefail
# shellcheck source=packaging/tools.sh
. packaging/tools.sh
directory=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packaging/msrv.py
packaging/observability/check.sh
packaging/kubernetes/check.sh "$directory/scim-server"

PREFIX=/usr DESTDIR=$work/tree packaging/install.sh "$directory"/{scim-server,sync-agent,scim-conformance}
"$work/tree/usr/bin/scim-conformance" --version
mandoc=$(debian_tool mandoc usr/bin/mandoc)
"$mandoc" -T lint -W error "$work"/tree/usr/share/man/man1/*.1
grep -q "ExecStart=/usr/bin/sync-agent" "$work/tree/usr/lib/systemd/system/sync-agent.service"
echo "packaging: what surrounds the programs is sound"
