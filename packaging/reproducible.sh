#!/usr/bin/env bash
# Builds the programs of this commit twice, in two folders, and compares them. Run by `make reproducible` in the root of the
# repository; it takes as long as two releases.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for folder in one another/and-deeper; do
    git clone --quiet . "$work/$folder"
    (cd "$work/$folder" && unset CARGO_TARGET_DIR SKIP_BUILD && packaging/programs.sh)
done
for program in scim-server sync-agent scim-conformance; do
    cmp "$work/one/target/dist/$program" "$work/another/and-deeper/target/dist/$program"
    sha256sum "$work/one/target/dist/$program" | sed "s,$work/one/target/dist/,,"
done
