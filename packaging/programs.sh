#!/usr/bin/env bash
# Builds the programs of a release into target/dist: the same bytes in every folder. Read by release.sh, run by reproducible.sh.
#   SOURCE_DATE_EPOCH  the time in everything (that of the commit)
#   SKIP_BUILD=1       takes the programs that are there
set -euo pipefail
# shellcheck source=packaging/tools.sh
. packaging/tools.sh
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
BUILD_COMMIT=$(git rev-parse --short=12 HEAD)
git diff --quiet HEAD || BUILD_COMMIT=$BUILD_COMMIT-changed
BUILD_DATE=$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%d)
export SOURCE_DATE_EPOCH BUILD_COMMIT BUILD_DATE

cargo_tool cargo-auditable "$CARGO_AUDITABLE"
if [ -z "${SKIP_BUILD:-}" ]; then
    # Paths of this machine are in no program, so that another machine makes the same one.
    flags="--remap-path-prefix=$PWD=/source --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    # Cargo forgets the `strip` of a profile for crates that have settings of their own in it.
    flags+=" -Cstrip=symbols"
    # A function that asks to be inlined is so up to the size that counts for others, too.
    flags+=" -Cllvm-args=-inlinehint-threshold=100"
    # Functions that are equal to the byte are there once. This linker comes with Rust and is its own choice here.
    if [ -x "$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld/ld.lld" ]; then flags+=" -Clink-arg=-Wl,--icf=all"; fi
    time CARGO=$PWD/packaging/cargo.sh RUSTFLAGS=$flags cargo-auditable auditable build --profile dist --locked \
        --features "$RELEASED_FEATURES" -p scim-server -p sync-agent -p conformance
fi
