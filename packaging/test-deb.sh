#!/usr/bin/env bash
# Installs, starts, upgrades, removes and purges the Debian packages in a system of their own below a temporary folder:
# test-deb.sh OLDER NEWER, two folders with the packages. Data must survive everything but the purge. As root; the system
# is made of Debian's packages by mmdebstrap.
set -euo pipefail
# shellcheck source=packaging/tools.sh
. packaging/tools.sh
older=$(realpath "$1") newer=$(realpath "$2")
work=$(mktemp -d)
chmod 755 "$work"
root=$work/root
server=

cleanup() {
    status=$?
    stop
    rm -rf "$work"
    [ "$status" = 0 ] && echo "packages: installed, started, upgraded, removed and purged" || echo "packages: FAILED" >&2
    exit "$status"
}
stop() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
    server=
}
trap cleanup EXIT

say() { echo "-- $*"; }
in_root=(chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin)
inside() { "${in_root[@]}" "$@"; }
as() { inside setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"; }
dpkg() { inside dpkg "$@" >>"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; return 1; }; }
# is PATH MODE OWNER GROUP
is() {
    local found
    found=$(inside stat -c '%a %U %G' "$1")
    [ "$found" = "$2 $3 $4" ] || { echo "$1 is $found instead of $2 $3 $4" >&2; return 1; }
}
there() { for path in "$@"; do [ -e "$root$path" ] || { echo "$path is missing" >&2; return 1; }; done; }
gone() { for path in "$@"; do [ ! -e "$root$path" ] || { echo "$path is still there" >&2; return 1; }; done; }
install_all() { cp "$1"/*.deb "$root/packages/"; dpkg -i $(cd "$root" && ls packages/*.deb | sed 's#^#/#'); rm "$root"/packages/*; }

# As systemd would, by the unit: its user, its command. Not by a function: the process that is ended later is the server itself.
start() {
    local unit=$root/usr/lib/systemd/system/scim-server.service user command
    user=$(sed -n 's/^User=//p' "$unit")
    read -ra command < <(sed -n 's/^ExecStart=//p' "$unit")
    "${in_root[@]}" setpriv --reuid="$user" --regid="$user" --clear-groups "${command[@]}" >"$work/server.log" 2>&1 &
    server=$!
    for _ in $(seq 300); do
        if as scim-server scim-server health --config "$config" >/dev/null 2>&1; then return; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/server.log" >&2
    return 1
}
has_anna() { as scim-server scim-server user list --tenant acme --config "$config" | grep anna@example.com >/dev/null; }
config=/etc/scim-server/scim-server.toml

say "a system of its own"
"$(debian_tool mmdebstrap usr/bin/mmdebstrap)" --quiet --variant=essential --include=passwd,logrotate,libgcc-s1 \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" 2>"$work/bootstrap.log" ||
    { cat "$work/bootstrap.log" >&2; exit 1; }
mkdir "$root/packages"

say "install"
install_all "$older"
there /usr/bin/scim-server /usr/bin/sync-agent /usr/bin/scim-conformance
there /usr/share/man/man1/scim-server-serve.1.gz /usr/share/bash-completion/completions/sync-agent
there /usr/share/doc/scim-server/copyright
compgen -G "$root/usr/share/doc/scim-server/licences.txt*" >/dev/null
zcat -f "$root"/usr/share/doc/scim-server/licences.txt* | grep rskafka >/dev/null
is /etc/scim-server 750 root scim-server
is "$config" 640 root scim-server
is /var/lib/scim-server 700 scim-server scim-server
is /var/log/scim-server 750 scim-server scim-server
is /etc/sync-agent 700 sync-agent sync-agent
inside scim-server --version
inside logrotate --debug /etc/logrotate.d/scim-server 2>&1 | grep "rotating pattern" >/dev/null

say "start, on loopback instead of a public address"
sed -i 's/^listen = .*/listen = "127.0.0.1:0"/; s/^admin_listen = .*/admin_listen = "127.0.0.1:0"/; /^tls_/d' "$root$config"
as scim-server scim-server config check --config "$config"
as scim-server scim-server init --tenant acme --config "$config" >"$work/tenant"
start
as scim-server scim-server user create --tenant acme --user-name anna@example.com --force --config "$config" >/dev/null
has_anna
there /var/log/scim-server/audit.jsonl

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
