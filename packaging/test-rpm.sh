#!/usr/bin/env bash
# Installs, starts, upgrades and removes the RPM packages in a system of their own: test-rpm.sh OLDER NEWER, two folders with
# the packages. The system is a Debian, since no other can be had everywhere; so names of packages are not resolved, and all
# else is as rpm does it. As root.
set -euo pipefail
# shellcheck source=packaging/tools.sh
. packaging/tools.sh
older=$(realpath "$1") newer=$(realpath "$2")
# shellcheck source=packaging/machine.sh
. packaging/machine.sh
passed="those of RPM are installed, started, upgraded and removed; data and changed configuration stayed"

# rpm tells of each file that it keeps beside another, and of folders that are not empty.
in_rpm() { rpm --root "$root" "$@" 2>>"$work/rpm.log" || { cat "$work/rpm.log" >&2; return 1; }; }

bootstrap passwd,libgcc-s1
in_rpm --initdb

say "install"
for package in "$newer"/*.rpm; do
    rpm --query --package --requires "$package" | grep 'libc.so.6' >/dev/null
done
in_rpm --install --nodeps "$older"/*.rpm
installed
there /usr/share/man/man1/scim-server-serve.1 /usr/share/doc/scim-server/licences.txt
for program in scim-server sync-agent scim-conformance; do there /usr/share/{doc/"$program"/CHANGELOG.md,licenses/"$program"/LICENSE}; done
in_rpm --verify --nodeps scim-conformance

say "start"
first_start

say "upgrade: the configuration that was changed stays, and so does who is in the store"
cp "$root$config" "$work/config"
in_rpm --upgrade --nodeps "$newer"/*.rpm
[ "$(in_rpm --query --queryformat '%{VERSION}\n' scim-server)" != 0.0.9 ]
cmp "$root$config" "$work/config"
is "$config" 640 root scim-server
there /usr/bin/scim-server /usr/lib/systemd/system/scim-server.service
stop
start
has_anna

say "remove: the programs go, everything else stays"
stop
in_rpm --erase --nodeps scim-server sync-agent scim-conformance
gone /usr/bin/scim-server /usr/lib/systemd/system/scim-server.service /usr/bin/sync-agent
there "$config.rpmsave" /var/lib/scim-server/store /var/log/scim-server/audit.jsonl /var/lib/sync-agent
