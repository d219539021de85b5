#!/usr/bin/env bash
# Builds the programs of this commit here and in another folder, and compares them byte for byte. Run by `make reproducible` in the
# root of the repository. Behind `make release` it builds the other ones only.
set -euo pipefail
git diff --quiet HEAD || { echo "there are changes that are not committed, and the other folder has none of them: commit first" >&2; exit 1; }
packaging/programs.sh
target=$(realpath "${CARGO_TARGET_DIR:-target}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone --quiet . "$work/another/and-deeper"
(cd "$work/another/and-deeper" && unset CARGO_TARGET_DIR SKIP_BUILD && packaging/programs.sh)
for program in scim-server sync-agent scim-conformance; do
    cmp "$target/dist/$program" "$work/another/and-deeper/target/dist/$program"
    echo "$program is the same: $(sha256sum "$target/dist/$program" | cut -d ' ' -f 1)"
done
