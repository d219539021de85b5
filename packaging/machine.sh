# A system of its own below a temporary folder, and the server in it: what the tests of Debian and RPM packages share. They
# read it after tools.sh, as root. The system is made of Debian's packages by mmdebstrap.
# shellcheck shell=bash

work=$(mktemp -d)
chmod 755 "$work"
root=$work/root
config=/etc/scim-server/scim-server.toml
server=
# What is said at the end, if all went well; each test sets its own.
passed=

cleanup() {
    status=$?
    stop
    rm -rf "$work"
    [ "$status" = 0 ] && echo "packages: $passed" || echo "packages: FAILED" >&2
    exit "$status"
}
stop() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
    server=
}
trap cleanup EXIT

say() { echo "-- $*"; }
in_root=(chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin)
inside() { "${in_root[@]}" "$@"; }
as() { inside setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"; }
# is PATH MODE OWNER GROUP
is() {
    local found
    found=$(inside stat -c '%a %U %G' "$1")
    [ "$found" = "$2 $3 $4" ] || { echo "$1 is $found instead of $2 $3 $4" >&2; return 1; }
}
there() { for path in "$@"; do [ -e "$root$path" ] || { echo "$path is missing" >&2; return 1; }; done; }
gone() { for path in "$@"; do [ ! -e "$root$path" ] || { echo "$path is still there" >&2; return 1; }; done; }

# Makes the system; its arguments are further packages, with commas between them.
bootstrap() {
    say "a system of its own"
    "$(debian_tool mmdebstrap usr/bin/mmdebstrap)" --quiet --variant=essential --include="$1" \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" 2>"$work/bootstrap.log" ||
        { cat "$work/bootstrap.log" >&2; exit 1; }
}

# The files and rights of both services after an installation.
installed() {
    for program in scim-server sync-agent scim-conformance; do cmp "dist/root/usr/bin/$program" "$root/usr/bin/$program"; done
    there /usr/share/bash-completion/completions/sync-agent
    is /etc/scim-server 750 root scim-server
    is "$config" 640 root scim-server
    is /var/lib/scim-server 700 scim-server scim-server
    is /var/log/scim-server 750 scim-server scim-server
    is /etc/sync-agent 700 sync-agent sync-agent
    inside scim-server --version
}

# The first start, with a tenant and somebody in it; on loopback instead of a public address.
first_start() {
    sed -i 's/^listen = .*/listen = "127.0.0.1:0"/; s/^admin_listen = .*/admin_listen = "127.0.0.1:0"/; /^tls_/d; /^public_url/d' "$root$config"
    as scim-server scim-server config check --config "$config"
    as scim-server scim-server init --tenant acme --config "$config" >"$work/tenant"
    grep 'http://127.0.0.1' "$work/tenant" >/dev/null
    start
    as scim-server scim-server user create --tenant acme --user-name anna@example.com --force --config "$config" >/dev/null
    has_anna
    there /var/log/scim-server/audit.jsonl
}

# As systemd would, by the unit: its user, its command. Not by a function: the process that is ended later is the server itself.
start() {
    local unit=$root/usr/lib/systemd/system/scim-server.service user command
    user=$(sed -n 's/^User=//p' "$unit")
    read -ra command < <(sed -n 's/^ExecStart=//p' "$unit")
    "${in_root[@]}" setpriv --reuid="$user" --regid="$user" --clear-groups "${command[@]}" >"$work/server.log" 2>&1 &
    server=$!
    for _ in $(seq 300); do
        if as scim-server scim-server health --config "$config" >/dev/null 2>&1; then return; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/server.log" >&2
    return 1
}
has_anna() { as scim-server scim-server user list --tenant acme --config "$config" | grep anna@example.com >/dev/null; }
