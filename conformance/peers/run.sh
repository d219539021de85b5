#!/usr/bin/env bash
# Examines SCIM servers that were not written here: seven from PyPI and npm, each installed into a temporary folder and
# started on a free port of the loopback. What is found is compared with conformance/peers/verdicts; whose fault it is,
# is written down in docs/guide/conformance-peers.md. UPDATE=1 writes the verdicts anew. Exit code 1: they differ.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cargo=${CARGO:-cargo}
"$cargo" build --quiet --locked -p conformance
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/conformance"
target=$(cd "$target" && pwd)
bin=$target/debug/scim-conformance
reports=$target/conformance
peers=$(pwd)/conformance/peers

folder=$(mktemp -d)
servers=()
finish() {
    for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT

token=a-token-of-the-peers-that-is-long-enough
printf '%s' "$token" >"$folder/token"
export PYTHONDONTWRITEBYTECODE=1

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
# python_with NAME PACKAGE…: an environment with these packages.
python_with() {
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}
# node_with FOLDER: a copy of that application with what it depends on.
node_with() {
    cp -r "$peers/$1" "$folder/$1"
    (cd "$folder/$1" && npm install --silent --no-fund --no-audit --legacy-peer-deps >/dev/null)
}
# start NAME COMMAND…: runs a server, with its output in a file.
start() {
    "${@:2}" >"$folder/$1.log" 2>&1 &
    servers+=($!)
}

changed=0
# examine NAME URL: waits until the server answers, examines it, compares, and shows a line.
examine() {
    for _ in $(seq 200); do
        if curl -s -o /dev/null "$2/Users"; then break; fi
        sleep 0.1
    done
    # Exit code 1 is what is looked for: something that a peer does not keep, and 2 that a case could not be prepared.
    "$bin" run --url "$2" --token-file "$folder/token" --report json --out "$reports/$1.json" >"$folder/$1.out" || true
    if [ ! -s "$reports/$1.json" ]; then
        echo "$1 could not be examined:" >&2
        tail -5 "$folder/$1.out" "$folder/$1.log" >&2
        exit 2
    fi
    # What passes or does not apply is left out.
    python3 - "$reports/$1.json" >"$folder/$1.verdicts" <<'PYTHON'
import json, sys
for one in json.load(open(sys.argv[1]))["findings"]:
    if one["verdict"] not in ("pass", "skip"):
        print(one["verdict"], one["id"])
PYTHON
    if [ -n "${UPDATE:-}" ]; then cp "$folder/$1.verdicts" "$peers/verdicts/$1.txt"; fi
    printf '%-20s %s\n' "$1" "$(cut -d' ' -f1 "$folder/$1.verdicts" | sort | uniq -c | tr -s ' \n' ' ')"
    diff -u "$peers/verdicts/$1.txt" "$folder/$1.verdicts" || changed=1
}

mkdir -p "$peers/verdicts"
for version in 0.8.3 0.7.1; do
    python_with "scim2-server-$version" "scim2-server==$version" scim2-models==0.12.3
    port=$(free_port)
    start "scim2-server-$version" "$folder/scim2-server-$version/bin/scim2-server" --port "$port" --bearer-token "$token"
    examine "scim2-server-$version" "http://127.0.0.1:$port/v2"
done

python_with django-scim2 django-scim2==0.23.0 Django==5.2.19 scim2-filter-parser==0.7.0
port=$(free_port)
start django-scim2 "$folder/django-scim2/bin/python" "$peers/django/peer_scim2.py" "$port" "$token" "$folder"
examine django-scim2 "http://127.0.0.1:$port/scim/v2"

python_with django-scim2-server django-scim2-server==1.1.0 Django==5.2.19 scim2-models==0.12.3
port=$(free_port)
start django-scim2-server "$folder/django-scim2-server/bin/python" "$peers/django/peer_scim2_server.py" "$port" "$token" "$folder"
examine django-scim2-server "http://127.0.0.1:$port/scim/v2"

# With the scim2-models that it was written for: with the newest it answers 500 to everything that makes a resource.
python_with canaille 'canaille[server,scim]==0.3.6' scim2-models==0.6.12 scim2-client==0.7.5
port=$(free_port)
start canaille "$folder/canaille/bin/python" "$peers/canaille/server.py" "$port" "$token"
examine canaille "http://127.0.0.1:$port/scim/v2"

node_with express
port=$(free_port)
start scimmy-routers node "$folder/express/server.mjs" "$port" "$token"
examine scimmy-routers "http://127.0.0.1:$port/scim"

node_with better-auth
port=$(free_port)
start better-auth node "$folder/better-auth/server.mjs" "$port" "$token"
examine better-auth "http://127.0.0.1:$port/api/auth/scim/v2"

echo "Reports: $reports/"
exit "$changed"
