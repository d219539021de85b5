#!/usr/bin/env bash
# Tests what `make release` has put into ./dist: test-release.sh VERSION DIRECTORY, where DIRECTORY has the programs. As root on
# Debian; elsewhere it is said what is left out.
set -euo pipefail
version=$1 directory=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packaging/observability/check.sh
packaging/kubernetes/check.sh "$directory/scim-server"
.tools/kubernetes/bin/python -c "import helm_python, sys; print(helm_python.Chart.load(sys.argv[1]).name)" "dist/scim-server-$version.tgz"

echo "-- the same programs give the same packages and images"
DIST=$work packaging/packages.sh "$directory" deb rpm
packaging/image.py "$directory/scim-server" "$version" "$BUILD_COMMIT" "$work/scim-server-image"
for file in "$work"/*.deb "$work"/*.rpm "$work"/*.tar; do cmp "$file" "dist/$(basename "$file")"; done

echo "-- packages and archive have the programs as they were built, to the byte"
tar -xzf dist/scim-"$version"-*.tar.gz -C "$work"
archive=$(echo "$work"/scim-"$version"-*/)
for program in scim-server sync-agent scim-conformance; do
    cmp "$directory/$program" "dist/root/usr/bin/$program"
    cmp "$directory/$program" "$archive/bin/$program"
done

echo "-- the bill of the archive has all that is in its programs, and every dependency in it is listed"
bill=$(echo dist/scim-"$version"-*.tar.gz.cdx.json)
for one in dist/{scim-server,sync-agent,scim-conformance}-"$version".cdx.json; do
    jq -e --slurpfile all "$bill" '[.components[], .metadata.component | ."bom-ref"] - [$all[0].components[]."bom-ref"] == []' "$one" >/dev/null
done
jq -e '([.components[]."bom-ref"] + [.metadata.component."bom-ref"]) as $listed
    | [.dependencies[] | .ref, .dependsOn[]] - $listed == []' "$bill" >/dev/null

echo "-- the archive: its programs start, and install themselves, without root and below a folder"
SCIM_SERVER_LISTEN=127.0.0.1:0 SCIM_SERVER_ADMIN_LISTEN=127.0.0.1:0 timeout 60 \
    "$archive/bin/scim-server" serve --data "$work/data" --first-tenant demo --console --json >"$work/ready" &
until [ -s "$work/ready" ]; do kill -0 $! && sleep 0.1; done
answer=$(curl -sS -H "Authorization: Bearer $(jq -r .token "$work/ready")" "$(jq -r .endpoint "$work/ready")/Users")
jq -e '.totalResults == 0' <<<"$answer" >/dev/null
kill $! && wait $! || true
if "$archive/packaging/install.sh" 2>"$work/advice"; then echo "install.sh installs nothing, and does not say so" >&2; exit 1; fi
grep -F "bin/scim-server" "$work/advice" >/dev/null
for prefix in /usr/local /opt/scim; do
    DESTDIR=$work/tree PREFIX=$prefix "$archive/packaging/install.sh" "$archive"/bin/{scim-server,sync-agent,scim-conformance}
    "$work/tree$prefix/bin/scim-conformance" --version
    grep "^ExecStart=$prefix/bin/sync-agent" "$work/tree/etc/systemd/system/sync-agent.service"
done

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "packages and images were NOT started: that needs root on Debian"
    exit 0
fi
packaging/test-image.sh dist/scim-server-image "$version"
mkdir "$work/older"
OTHER_VERSION=0.0.9 DIST=$work/older packaging/packages.sh "$directory" deb rpm
packaging/test-deb.sh "$work/older" dist
command -v rpm >/dev/null || { apt-get update -qq && apt-get install -qq -y rpm >/dev/null; }
packaging/test-rpm.sh "$work/older" dist
(cd dist && sha256sum --quiet --check SHA256SUMS)
for folder in kubernetes observability scim-server-image; do grep -q "  $folder/" dist/SHA256SUMS; done

echo "-- the checksums are signed, and whoever has the public key can tell"
command -v minisign >/dev/null || { apt-get update -qq && apt-get install -qq -y minisign >/dev/null; }
minisign -G -W -p "$work/release.pub" -s "$work/release.key" >/dev/null
cp dist/SHA256SUMS "$work/"
packaging/sign.sh "minisign -S -s $work/release.key -m" "$work/SHA256SUMS"
minisign -V -q -p "$work/release.pub" -m "$work/SHA256SUMS"
echo "0000  other" >>"$work/SHA256SUMS"
if minisign -V -q -p "$work/release.pub" -m "$work/SHA256SUMS"; then
    echo "a changed file has a valid signature" >&2
    exit 1
fi
