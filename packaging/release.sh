#!/usr/bin/env bash
# Makes and tests all that is released, in ./dist. Run by `make release` in the root of the repository.
#   SOURCE_DATE_EPOCH  the time in everything (that of the commit)
#   SIGN               a command that gets the file of checksums as its last argument: SIGN="minisign -S -m"
#   SKIP_BUILD=1       takes the programs that are in target/dist
# At the end it says what was not made here, and why.
set -euo pipefail
version=$(cargo metadata --locked --no-deps --format-version=1 | jq -r '.packages[] | select(.name == "scim-server") | .version')
target=${CARGO_TARGET_DIR:-target}
machine=x86_64-unknown-linux-gnu
programs="scim-server sync-agent scim-conformance"
missing=()
say() { printf '\n== %s\n' "$*"; }

rm -rf dist
mkdir dist

say "Programs"
# shellcheck source=packaging/programs.sh
. packaging/programs.sh
for program in $programs; do
    path=$target/dist/$program
    "$path" --version | grep -F "$BUILD_COMMIT"
    size=$(stat -c %s "$path")
    echo "$program has $size bytes"
    [ "$size" -lt $((25 << 20)) ] || { echo "$program has $size bytes: more than 25 MiB" >&2; exit 1; }
    objcopy --dump-section .dep-v0=dist/auditable "$path" /dev/null
    python3 -c 'import json,sys,zlib; print(len(json.loads(zlib.decompress(open(sys.argv[1],"rb").read()))["packages"]), "crates are listed in the program")' dist/auditable
    rm dist/auditable
done

say "Packages"
packaging/packages.sh "$target/dist" deb rpm

say "One archive for other systems"
archive=scim-$version-$machine
mkdir -p "dist/$archive/bin" "dist/$archive/scim-server" "dist/$archive/sync-agent"
for program in $programs; do cp "$target/dist/$program" "dist/$archive/bin/"; done
cp -r scim-server/dist "dist/$archive/scim-server/"
cp -r sync-agent/dist "dist/$archive/sync-agent/"
# It needs the repository.
rm "dist/$archive/sync-agent/dist/demo.sh"
mkdir "dist/$archive/packaging"
cp -r packaging/install.sh packaging/scim-server packaging/sync-agent "dist/$archive/packaging/"
cp LICENSE CHANGELOG.md "dist/$archive/"
cp dist/root/usr/share/doc/scim-server/licences.txt "dist/$archive/"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C dist -c "$archive" | gzip -9n >"dist/$archive.tar.gz"
rm -r "dist/$archive"

say "Container images"
for program in scim-server sync-agent; do
    packaging/image.py "$target/dist/$program" "$version" "$BUILD_COMMIT" "dist/$program-image"
done

say "Dashboards, alerts, manifests, chart"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C packaging/helm -c scim-server | gzip -9n >"dist/scim-server-$version.tgz"
cp -r packaging/observability packaging/kubernetes packaging/compose.yaml dist/
rm dist/*/check.sh dist/observability/dashboards.py

say "Bills of materials"
cargo_tool cargo-cyclonedx "$CARGO_CYCLONEDX"
cyclonedx() { cargo cyclonedx --manifest-path "$1/Cargo.toml" --format json --target "$machine" --override-filename bom --quiet "${@:2}"; }
cyclonedx scim-server --features "${RELEASED_FEATURES//scim-server\//}"
cyclonedx sync-agent
cyclonedx conformance
mv scim-server/bom.json "dist/scim-server-$version.cdx.json"
mv sync-agent/bom.json "dist/sync-agent-$version.cdx.json"
mv conformance/bom.json "dist/scim-conformance-$version.cdx.json"
rm -f */bom.json
# Beside each artefact, what is in it.
for program in $programs; do
    for artefact in dist/"$program"_*.deb dist/"$program"-*.rpm dist/"$program"-image*.tar; do
        [ ! -f "$artefact" ] || cp "dist/$program-$version.cdx.json" "$artefact.cdx.json"
    done
done

# The archive has all three programs, so its bill is theirs together.
jq -s --arg version "$version" '
    . as $all | .[0]
    | .metadata.component = {type: "application", "bom-ref": ("scim@" + $version), name: "scim", version: $version}
    | .components = ($all | map(.components + [.metadata.component]) | add | unique_by(."bom-ref"))
    | .dependencies = ($all | map(.dependencies) | add | group_by(.ref) | map({ref: .[0].ref, dependsOn: (map(.dependsOn // []) | add | unique)}))
    | .dependencies += [{ref: .metadata.component."bom-ref", dependsOn: ($all | map(.metadata.component."bom-ref"))}]
' dist/*-"$version".cdx.json >"dist/$archive.tar.gz.cdx.json"

say "Checksums"
(cd dist && find . -path ./root -prune -o -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs sha256sum >SHA256SUMS && cat SHA256SUMS)
if [ -n "${SIGN:-}" ]; then packaging/sign.sh "$SIGN" dist/SHA256SUMS; else missing+=("a signature: SIGN names no command"); fi

packaging/test-release.sh "$version" "$target/dist"
rm -r dist/root

[ -d "$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-musl" ] ||
    missing+=("static programs: this toolchain has no standard library for x86_64-unknown-linux-musl")
[ -d "$(rustc --print sysroot)/lib/rustlib/aarch64-unknown-linux-gnu" ] ||
    missing+=("programs for aarch64: this toolchain has no standard library for aarch64-unknown-linux-gnu")
say "Made and tested in ./dist"
du -sh --apparent-size dist/* | sort -k2
if [ "${#missing[@]}" -gt 0 ]; then printf 'NOT made: %s\n' "${missing[@]}"; fi
