#!/usr/bin/env bash
# Installs and removes the RPM packages in a system of their own: test-rpm.sh DIRECTORY. It is a Debian, since no other can be
# had everywhere; so names of packages are not resolved, and all else is as rpm does it. As root.
set -euo pipefail
# shellcheck source=packaging/tools.sh
. packaging/tools.sh
packages=$(realpath "$1")
work=$(mktemp -d)
root=$work/root
trap 'rm -rf "$work"' EXIT

"$(debian_tool mmdebstrap usr/bin/mmdebstrap)" --quiet --variant=essential --include=passwd,libgcc-s1 \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
in_root() { rpm --root "$root" --nodeps "$@"; }
in_root --initdb
for package in "$packages"/*.rpm; do
    rpm --query --package --requires "$package" | grep 'libc.so.6' >/dev/null
done
in_root --install "$packages"/*.rpm
chroot "$root" /usr/bin/scim-server --version
[ "$(chroot "$root" stat -c '%a %U %G' /etc/scim-server/scim-server.toml)" = "640 root scim-server" ]
[ "$(chroot "$root" stat -c '%a %U %G' /etc/sync-agent)" = "700 sync-agent sync-agent" ]
in_root --verify scim-conformance
chroot "$root" setpriv --reuid=scim-server --regid=scim-server --clear-groups \
    scim-server init --tenant acme --data /var/lib/scim-server >/dev/null
echo "# changed" >>"$root/etc/scim-server/scim-server.toml"
in_root --erase scim-server sync-agent scim-conformance 2>/dev/null
[ ! -e "$root/usr/bin/scim-server" ] && [ -d "$root/var/lib/scim-server/store" ]
[ -e "$root/etc/scim-server/scim-server.toml.rpmsave" ]
echo "packages: RPM installed, used and removed; data and changed configuration stayed"
