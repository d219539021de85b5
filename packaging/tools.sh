# Where the tools of a release are, which are fetched when they are first needed. Read by the other scripts here.
# shellcheck shell=bash

tools=$(pwd)/.tools

# A program of crates.io: cargo_tool NAME VERSION. Hardly optimised, so that it is built in a fraction of the time, and yet
# compresses a package in seconds.
cargo_tool() {
    [ -x "$tools/bin/$1" ] || CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG=0 cargo install "$1" --version "$2" --locked --debug --quiet --root "$tools"
}

# A program of a Debian package, taken out of it without installing it, so that none of its services starts:
# debian_tool PACKAGE PROGRAM. Prints its path.
debian_tool() {
    local found
    found=$(PATH="$PATH:/usr/sbin" command -v "$(basename "$2")") && { echo "$found"; return; }
    if [ ! -x "$tools/debian/$1/$2" ]; then
        command -v apt-get >/dev/null || { echo "this needs $(basename "$2"), of Debian's package $1: install it" >&2; return 1; }
        mkdir -p "$tools/debian/$1"
        (cd "$tools/debian" && { apt-get download -qq -o APT::Sandbox::User=root "$1" || { apt-get update -qq && apt-get download -qq -o APT::Sandbox::User=root "$1"; }; } >&2)
        dpkg-deb -x "$tools/debian/$1"_*.deb "$tools/debian/$1"
        rm "$tools/debian/$1"_*.deb
    fi
    echo "$tools/debian/$1/$2"
}

CARGO_DEB=3.8.0
CARGO_GENERATE_RPM=0.21.1
CARGO_AUDITABLE=0.7.7
CARGO_CYCLONEDX=0.5.9
export PATH="$tools/bin:$PATH"
