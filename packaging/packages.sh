#!/usr/bin/env bash
# Makes the packages of programs that were built: packages.sh DIRECTORY [deb|rpm]…, where DIRECTORY is target/dist or
# target/debug. Run in the root of the repository. Their files are laid out below dist/root, and the packages are put into
# DIST (dist). The same programs give the same bytes: times are SOURCE_DATE_EPOCH, by default that of the commit. With
# OTHER_VERSION the packages say that they are of that version, for tests of upgrades.
set -euo pipefail
# shellcheck source=packaging/tools.sh
. packaging/tools.sh
directory=$1
kinds=${*:2}
out=${DIST:-dist}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

# The crates whose programs are packaged, with the names of these.
crates="scim-server:scim-server sync-agent:sync-agent conformance:scim-conformance"

rm -rf dist/root
mkdir -p "$out"
for pair in $crates; do
    program=${pair#*:}
    DESTDIR=$PWD/dist/root PREFIX=/usr packaging/install.sh "$directory/$program"
    # Released programs have no symbols, and stay as they are to the byte: whoever compares checksums finds one program.
    if readelf --wide --section-headers "dist/root/usr/bin/$program" | grep ' \.symtab ' >/dev/null; then
        strip "dist/root/usr/bin/$program"
    fi
    packaging/licences.py "${pair%:*}" >licences.new
    install -D -m 644 licences.new "dist/root/usr/share/doc/$program/licences.txt"
    rm licences.new
done
find dist/root -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

for kind in ${kinds:-deb rpm}; do
    for pair in $crates; do
        crate=${pair%:*}
        case $kind in
            deb)
                cargo_tool cargo-deb "$CARGO_DEB"
                cargo deb --quiet --no-build --no-strip --locked -p "$crate" --output "$out/" \
                    ${OTHER_VERSION:+--deb-version="$OTHER_VERSION"} ${DEB_OPTIONS:-}
                ;;
            rpm)
                cargo_tool cargo-generate-rpm "$CARGO_GENERATE_RPM"
                cargo generate-rpm -p "$crate" --output "$out/" --auto-req builtin --source-date "$SOURCE_DATE_EPOCH" \
                    ${OTHER_VERSION:+--set-metadata "version = '$OTHER_VERSION'"}
                ;;
        esac
    done
done
