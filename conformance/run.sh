#!/usr/bin/env bash
# Starts scim-server on a temporary store, examines it by the RFCs and as each provider would, and
# shows a line for each. The reports are in target/conformance/. Exit code 1: something does not
# conform.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo=${CARGO:-cargo}
"$cargo" build --quiet --locked -p scim-server -p conformance
bin=${CARGO_TARGET_DIR:-target}/debug
reports=${CARGO_TARGET_DIR:-target}/conformance
mkdir -p "$reports"

store=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    rm -rf "$store"
}
trap finish EXIT

# value NAME: a text from JSON on standard input.
value() {
    tr ',{}' '\n' | sed -n "s/^ *\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -1 | tr -d '\n'
}

# Two tenants: one by the RFCs, one that stands in for IAM Identity Center.
"$bin/scim-server" init --data "$store/data" --tenant rfc --json >"$store/rfc.json"
"$bin/scim-server" tenant create identity-center --profile identity-center --data "$store/data" --json >"$store/identity-center.json"
"$bin/scim-server" token create --tenant identity-center --data "$store/data" --json >"$store/identity-center.token.json"
value token <"$store/rfc.json" >"$store/rfc.token"
value token <"$store/identity-center.token.json" >"$store/identity-center.token"

"$bin/scim-server" serve --data "$store/data" --listen 127.0.0.1:0 >"$store/log" 2>&1 &
server=$!
origin=
for _ in $(seq 100); do
    origin=$(grep -o 'http://127.0.0.1:[0-9]*' "$store/log" | head -1) && break
    sleep 0.1
done
[ -n "$origin" ] || { cat "$store/log" >&2; exit 2; }

worst=0
for profile in rfc okta okta-spec okta-crud entra entra-gallery google onelogin jumpcloud ping cyberark identity-center fastfed; do
    tenant=rfc
    if [ "$profile" = identity-center ]; then tenant=identity-center; fi
    code=0
    # What scim-server does otherwise on purpose: docs/reference/identity-center-deviations.md.
    skip=()
    if [ "$profile" = rfc ]; then skip=(--skip modify-replace-no-match-eq); fi
    "$bin/scim-conformance" run --url "$origin$(value path <"$store/$tenant.json")" --token-file "$store/$tenant.token" \
        --profile "$profile" "${skip[@]}" --out "$reports/$profile.txt" >/dev/null 2>"$store/error" || code=$?
    if [ "$code" = 2 ]; then
        cat "$store/error" >&2
    fi
    printf '%-16s %s\n' "$profile" "$(sed -n 's/.*, profile [a-z0-9-]*: //p' "$reports/$profile.txt" | tail -1)"
    if [ "$code" -gt "$worst" ]; then worst=$code; fi
done
echo "Reports: $reports/"
exit "$worst"
