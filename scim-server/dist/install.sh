#!/usr/bin/env bash
# Installs the server that `make build` has built: install.sh PROGRAM, as root. Again is an upgrade: the
# configuration stays as it is. DESTDIR=DIR puts everything below that directory, for a package; then no
# user is made and nothing is started.
set -euo pipefail
program=$1
here=$(dirname "$(realpath "$0")")
root=${DESTDIR:-}
group=${GROUP:-scim-server}

if [ ! -x "$program" ]; then
    echo "install.sh: there is no $program; build it first with \`make build\`" >&2
    exit 1
fi
if [ -z "$root" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "install.sh: this writes to /usr/local and /etc: run it as root" >&2
        exit 1
    fi
    getent passwd scim-server >/dev/null ||
        useradd --system --user-group --home-dir /var/lib/scim-server --shell /usr/sbin/nologin scim-server
fi
install -D -m 755 "$program" "$root/usr/local/bin/scim-server"
install -D -m 644 "$here/scim-server.service" "$root/etc/systemd/system/scim-server.service"
# certbot runs it after each renewal.
install -D -m 755 "$here/certificate" "$root/etc/letsencrypt/renewal-hooks/deploy/scim-server"
# Only root changes the configuration, and only the server reads the key.
install -d -m 750 -g "$group" "$root/etc/scim-server"
if [ ! -e "$root/etc/scim-server/scim-server.toml" ]; then
    install -m 640 -g "$group" "$here/scim-server.toml" "$root/etc/scim-server/scim-server.toml"
fi
if [ -z "$root" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
