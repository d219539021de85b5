#!/usr/bin/env bash
# Installs, starts, upgrades, removes and purges the Debian packages in a system of their own: test-deb.sh OLDER NEWER, two
# folders with the packages. Data must survive everything but the purge. As root.
set -euo pipefail
# shellcheck source=packaging/tools.sh
. packaging/tools.sh
older=$(realpath "$1") newer=$(realpath "$2")
# shellcheck source=packaging/machine.sh
. packaging/machine.sh
passed="Debian's are installed, started, upgraded, removed and purged"

dpkg() { inside dpkg "$@" >>"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; return 1; }; }
install_all() { cp "$1"/*.deb "$root/packages/"; dpkg -i $(cd "$root" && ls packages/*.deb | sed 's#^#/#'); rm "$root"/packages/*; }

bootstrap passwd,logrotate,libgcc-s1
mkdir "$root/packages"

say "install"
install_all "$older"
installed
there /usr/share/man/man1/scim-server-serve.1.gz
there /usr/share/doc/scim-server/copyright
compgen -G "$root/usr/share/doc/scim-server/licences.txt*" >/dev/null
zcat -f "$root"/usr/share/doc/scim-server/licences.txt* | grep rskafka >/dev/null
inside logrotate --debug /etc/logrotate.d/scim-server 2>&1 | grep "rotating pattern" >/dev/null

say "start"
first_start

say "upgrade: the configuration that was changed stays, and so does who is in the store"
cp "$root$config" "$work/config"
install_all "$newer"
cmp "$root$config" "$work/config"
is "$config" 640 root scim-server
stop
start
has_anna

say "remove: the programs go, everything else stays"
stop
dpkg -r scim-server sync-agent scim-conformance
gone /usr/bin/scim-server /usr/lib/systemd/system/scim-server.service /usr/bin/sync-agent
there "$config" /var/lib/scim-server/store /var/log/scim-server/audit.jsonl /var/lib/sync-agent

say "install again: all are there"
install_all "$newer"
start
has_anna

say "purge: nothing is left"
stop
dpkg -P scim-server sync-agent scim-conformance
gone /etc/scim-server /var/lib/scim-server /var/log/scim-server /etc/sync-agent /var/lib/sync-agent \
    /etc/logrotate.d/scim-server /etc/letsencrypt/renewal-hooks/deploy/scim-server
