#!/usr/bin/env bash
# Starts the server from its own image: test-image.sh LAYOUT VERSION. umoci, which did not write the image, unpacks it; the
# server runs in that root, which is mounted read-only, as the user and with the variables that the image names. As root.
set -euo pipefail
# shellcheck source=packaging/tools.sh
. packaging/tools.sh
layout=$(realpath "$1") version=$2
umoci=$(debian_tool umoci usr/bin/umoci)
work=$(mktemp -d)

cleanup() {
    status=$?
    if [ -n "${server:-}" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
    rm -rf "$work"
    [ "$status" = 0 ] && echo "image: unpacked, started and used" || echo "image: FAILED" >&2
    exit "$status"
}
trap cleanup EXIT

# Whatever loads an image gives it the name that the guide says: Podman and containerd by index.json, older Docker by manifest.json.
for archive in "$(dirname "$layout")"/*-image.tar; do
    name=$(basename "$archive" -image.tar):$version
    tar -xOf "$archive" index.json | jq -e --arg name "docker.io/library/$name" --arg tag "$version" '[.manifests[].annotations]
        == [{"io.containerd.image.name": $name, "org.opencontainers.image.ref.name": $tag}]' >/dev/null ||
        { echo "$archive would not be loaded as $name" >&2; exit 1; }
    tar -xOf "$archive" manifest.json | jq -e --arg name "$name" '[.[].RepoTags] == [[$name]]' >/dev/null ||
        { echo "$archive would not be loaded as $name by Docker" >&2; exit 1; }
done

"$umoci" unpack --image "$layout:$version" "$work/bundle" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
setting() { jq -r "$1" "$work/bundle/config.json"; }
user=$(setting '"\(.process.user.uid):\(.process.user.gid)"')
mapfile -t environment < <(setting '.process.env[]')
mapfile -t command < <(setting '.process.args[]')
[ "$user" != 0:0 ] || { echo "the image runs as root" >&2; exit 1; }

# A mount of its own for everything but the volume. Ports are free ones: nothing else here is isolated.
mkdir "$work/data"
chown "$user" "$work/data"
cat >"$work/inside" <<INSIDE
set -e
mount --bind $work/bundle/rootfs $work/bundle/rootfs
mount -o remount,bind,ro $work/bundle/rootfs
mount --bind $work/data $work/bundle/rootfs/data
exec "\$@"
INSIDE
in_image=(env -i "${environment[@]}" "PATH=$PATH" SCIM_SERVER_LISTEN=127.0.0.1:0 SCIM_SERVER_ADMIN_LISTEN=127.0.0.1:0
    unshare --mount sh "$work/inside" chroot "--userspec=$user" "$work/bundle/rootfs")

[ "${command[0]}" = /usr/bin/scim-server ] || { echo "the image starts ${command[0]}" >&2; exit 1; }
if "${in_image[@]}" /usr/bin/scim-server health 2>/dev/null; then echo "healthy without a server" >&2; exit 1; fi
"${in_image[@]}" "${command[@]}" --first-tenant acme --json >"$work/ready" 2>"$work/server.log" &
server=$!
for _ in $(seq 300); do
    [ ! -s "$work/ready" ] || break
    kill -0 "$server" || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.1
done
"${in_image[@]}" /usr/bin/scim-server health
answer=$(curl -sS -H "Authorization: Bearer $(jq -r .token "$work/ready")" "$(jq -r .endpoint "$work/ready")/Users")
jq -e '.totalResults == 0' <<<"$answer" >/dev/null
data=$("${in_image[@]}" /usr/bin/scim-server config show --json | jq -r '.[] | select(.setting == "data") | .value')
[ "$data" = /data/scim-server ]
