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

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "packages and images were NOT started: that needs root on Debian"
    exit 0
fi
packaging/test-image.sh dist/scim-server-image "$version"
mkdir "$work/older"
DEB_OPTIONS="--deb-version=0.0.9" DIST=$work/older packaging/packages.sh "$directory" deb
packaging/test-deb.sh "$work/older" dist
command -v rpm >/dev/null || { apt-get update -qq && apt-get install -qq -y rpm >/dev/null; }
packaging/test-rpm.sh dist
(cd dist && sha256sum --quiet --check SHA256SUMS)
