#!/usr/bin/env bash
# Installs programs that were built: install.sh PROGRAM…, where PROGRAM is the path of scim-server, sync-agent or
# scim-conformance. Each gets its manual pages and the completions of shells; the two services also their unit, user and
# directories. Again is an upgrade: the configuration stays as it is.
#   PREFIX=DIR   where programs and pages go (/usr/local)
#   DESTDIR=DIR  puts everything below that directory, for a package; then no user is made and nothing is started
# Who is not root gets programs and pages only, and needs a PREFIX of their own.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
root=${DESTDIR:-}
prefix=${PREFIX:-/usr/local}
units=/etc/systemd/system
[ "$prefix" != /usr ] || units=/usr/lib/systemd/system
services=yes
if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
    services=
    if ! mkdir -p "$prefix/bin" 2>/dev/null || [ ! -w "$prefix/bin" ]; then
        echo "install.sh: you cannot write to $prefix: run it as root, or with PREFIX=\$HOME/.local" >&2
        exit 1
    fi
fi

# The program, and what shells and man know of it.
program() {
    local name=$1 path=$2 share=$root$prefix/share
    install -D -m 755 "$path" "$root$prefix/bin/$name"
    rm -rf "$share/man/man1/$name"*.1
    "$path" manual "$share/man/man1"
    mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d"
    "$path" completions bash >"$share/bash-completion/completions/$name"
    "$path" completions zsh >"$share/zsh/site-functions/_$name"
    "$path" completions fish >"$share/fish/vendor_completions.d/$name.fish"
}

# The user of a service, its unit, and how its files are rotated.
service() {
    local name=$1
    install -D -m 644 /dev/stdin "$root$units/$name.service" < <(
        sed "s#/usr/local/bin/#$prefix/bin/#" "$here/../$name/dist/$name.service"
    )
    if [ -e "$here/$name/logrotate" ]; then install -D -m 644 "$here/$name/logrotate" "$root/etc/logrotate.d/$name"; fi
    if [ -z "$root" ]; then "$here/$name/postinst" configure; fi
}

# The configuration of the server; `postinst` lets the server read it.
configuration() {
    local group=${GROUP:-$(id -g)} place=$root/etc/scim-server
    # certbot runs it after each renewal.
    install -D -m 755 "$here/../scim-server/dist/certificate" "$root/etc/letsencrypt/renewal-hooks/deploy/scim-server"
    install -d -m 750 -g "$group" "$place"
    [ -e "$place/scim-server.toml" ] ||
        install -m 640 -g "$group" "$here/../scim-server/dist/scim-server.toml" "$place/scim-server.toml"
}

# Where the programs are: in an archive of a release, or built from source.
if [ -d "$here/../bin" ]; then
    advice="name programs of this archive, such as $here/install.sh $(realpath "$here/../bin")/scim-server"
else
    advice="build it first with \`make build\`"
fi
if [ $# = 0 ]; then
    echo "install.sh: there is nothing to install; $advice" >&2
    exit 1
fi
for path in "$@"; do
    if [ ! -x "$path" ]; then
        echo "install.sh: there is no program $path; $advice" >&2
        exit 1
    fi
    name=$(basename "$path")
    program "$name" "$(realpath "$path")"
    [ -n "$services" ] || continue
    [ "$name" != scim-server ] || configuration
    case $name in scim-server | sync-agent) service "$name" ;; esac
done
if [ -z "$services" ]; then echo "Not as root: no service was installed."; fi
