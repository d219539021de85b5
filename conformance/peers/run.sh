#!/usr/bin/env bash
# Examines SCIM servers that were not written here: scim2-server from PyPI and scimmy-routers from
# npm, each installed into a temporary folder and started on a free port of the loopback. What is
# found, and whose fault it is, is written down in docs/guide/conformance-peers.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scim2_server=0.8.3
cargo=${CARGO:-cargo}
"$cargo" build --quiet --locked -p conformance
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/conformance"
target=$(cd "$target" && pwd)
bin=$target/debug/scim-conformance
reports=$target/conformance

folder=$(mktemp -d)
servers=()
finish() {
    for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT

printf 'a-token-of-the-peers' >"$folder/token"
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
# examine NAME URL: waits until the server answers, examines it, shows a line.
examine() {
    for _ in $(seq 100); do
        if curl -s -o /dev/null "$2/Users"; then break; fi
        sleep 0.1
    done
    # Exit code 1 is what is looked for: something that a peer does not keep. Anything else but 0 means
    # that it could not be examined.
    local code=0
    "$bin" run --url "$2" --token-file "$folder/token" --out "$reports/$1.txt" || code=$?
    if [ "$code" -gt 1 ]; then
        echo "$1 could not be examined: exit code $code" >&2
        exit "$code"
    fi
    printf '%-16s %s\n' "$1" "$(sed -n 's/.*, profile rfc: //p' "$reports/$1.txt" | tail -1)"
}

echo "Installing scim2-server $scim2_server"
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check "scim2-server==$scim2_server"
port=$(free_port)
"$folder/python/bin/scim2-server" --port "$port" --bearer-token "$(cat "$folder/token")" >"$folder/scim2-server.log" 2>&1 &
servers+=($!)
examine scim2-server "http://127.0.0.1:$port/v2"

echo "Installing scimmy-routers"
cp -r conformance/peers/express "$folder/express"
(cd "$folder/express" && npm install --silent --no-fund --no-audit >/dev/null)
port=$(free_port)
node "$folder/express/server.mjs" "$port" "$(cat "$folder/token")" >"$folder/scimmy.log" 2>&1 &
servers+=($!)
examine scimmy-routers "http://127.0.0.1:$port/scim"

echo "Reports: $reports/"
