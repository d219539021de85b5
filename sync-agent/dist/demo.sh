#!/usr/bin/env bash
# Shows it at work: a throwaway OpenLDAP with a population, scim-server, and the agent as a daemon.
# Makes some changes in the directory and waits until each has arrived at the server. Everything is
# in a temporary folder and gone at the end. Run by `make demo`, which builds the two programs.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DIRECTORIES=$HERE/../tests/directories
BIN=${BIN:-$HERE/../../target/quick}
USERS=${USERS:-50}
WORK=$(mktemp -d)
server_pid='' agent_pid=''

cleanup() {
  status=$?
  [ -n "$agent_pid" ] && kill "$agent_pid" 2>/dev/null && wait "$agent_pid" 2>/dev/null || true
  [ -n "$server_pid" ] && kill "$server_pid" 2>/dev/null && wait "$server_pid" 2>/dev/null || true
  "$DIRECTORIES/openldap.sh" destroy "$WORK/ldap" >/dev/null 2>&1 || true
  rm -rf "$WORK"
  exit "$status"
}
trap cleanup EXIT INT TERM

say() { printf '\n== %s\n' "$*"; }

say "A directory: OpenLDAP with $USERS users, nested groups and everything odd"
"$DIRECTORIES/openldap.sh" start "$WORK/ldap" >"$WORK/ldap.env"
# shellcheck disable=SC1091
while IFS='=' read -r key value; do declare "LD_$key=$value"; done <"$WORK/ldap.env"
python3 "$DIRECTORIES/seed.py" fill "$WORK/ldap" --users "$USERS" --groups 5 >/dev/null
echo "$LD_LDAPS_URL, base $LD_BASE_DN; the agent binds as $LD_SYNC_DN"

say "A SCIM server: scim-server with one tenant"
"$BIN/scim-server" init --tenant demo --json --data "$WORK/data" >"$WORK/tenant.json"
field() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$WORK/tenant.json" "$1"; }
"$BIN/scim-server" serve --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --data "$WORK/data" >"$WORK/server.log" 2>&1 &
server_pid=$!
for _ in $(seq 100); do grep -q ready "$WORK/server.log" && break; sleep 0.1; done
BASE=$(grep -o 'http://[0-9.:]*' "$WORK/server.log" | head -1)$(field path)
field token >"$WORK/token"
printf '%s\n' "$LD_SYNC_PASSWORD" >"$WORK/password"
echo "$BASE"

cat >"$WORK/sync-agent.toml" <<TOML
name = "demo"

[source]
urls = ["$LD_LDAPS_URL"]
flavour = "openldap"
bind = { account = "$LD_SYNC_DN", password_file = "password" }
tls = { ca_file = "$LD_LDAP_CA" }
users = { bases = ["$LD_BASE_DN"] }
groups = { bases = ["$LD_GROUPS_DN"] }

[target]
url = "$BASE"
token_file = "token"

[scope]
users = ["*"]
groups = ["*"]

[mapping.group]
displayName = ["\${description}", "\${cn}"]

[schedule]
interval_seconds = 1
jitter_seconds = 0
TOML

agent() { "$BIN/sync-agent" --config "$WORK/sync-agent.toml" "$@"; }

say "sync-agent check"
agent check
say "sync-agent plan (the last lines)"
agent plan 2>/dev/null | tail -4
say "sync-agent run"
agent run >"$WORK/agent.log" 2>&1 &
agent_pid=$!

# What the server holds of one user: the values of some attributes, or nothing.
look() {
  curl -sS -H "Authorization: Bearer $(cat "$WORK/token")" \
    --get --data-urlencode "filter=$1" "$BASE/$2" | python3 -c '
import json, sys
found = json.load(sys.stdin).get("Resources", [])
for resource in found:
    members = len(resource.get("members", []))
    mail = (resource.get("emails") or [{}])[0].get("value")
    print(resource.get("userName") or resource.get("displayName"), "active" if resource.get("active", True) else "inactive", mail or "", f"{members} members" if "members" in resource else "")
'
}

# Waits until the server shows something.
arrives() {
  local expect=$1 filter=$2 endpoint=$3 shown=''
  for _ in $(seq 300); do
    shown=$(look "$filter" "$endpoint")
    if grep -q -- "$expect" <<<"$shown"; then echo "   arrived: $shown"; return; fi
    sleep 0.1
  done
  echo "   it did not arrive; the server shows: $shown" >&2
  tail -20 "$WORK/agent.log" >&2
  return 1
}

change() {
  say "in the directory: $*"
  python3 "$DIRECTORIES/seed.py" change "$WORK/ldap" "$@" >/dev/null
}

id() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["users"][sys.argv[2]]["id"])' "$WORK/ldap/seed.json" "$1"; }

arrives active "externalId eq \"$(id u000003)\"" Users
change disable u000003
arrives ' inactive' "externalId eq \"$(id u000003)\"" Users
change enable u000003
arrives ' active' "externalId eq \"$(id u000003)\"" Users
change mail u000004 new.address@example.test
arrives new.address "externalId eq \"$(id u000004)\"" Users

say "sync-agent status"
agent status
say "Done. Everything it made is removed again."
