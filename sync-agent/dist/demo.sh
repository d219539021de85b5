#!/usr/bin/env bash
# Shows it at work: a throwaway OpenLDAP with a population, scim-server, and the agent as a daemon.
# Makes some changes in the directory and waits until each has arrived at the server. Everything is
# in a temporary folder and gone at the end. Run by `make demo`, which builds the two programs.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DIRECTORIES=$HERE/../tests/directories
BIN=${BIN:-$HERE/../../target/trial}
USERS=50
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

for program in "$BIN/scim-server" "$BIN/sync-agent" curl python3; do
  command -v "$program" >/dev/null || { echo "demo.sh needs $program; \`make demo\` builds what it can" >&2; exit 1; }
done

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
grep -q ready "$WORK/server.log" || { cat "$WORK/server.log" >&2; exit 1; }
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
say "sync-agent plan (the first lines)"
agent plan >"$WORK/plan" 2>"$WORK/plan.log" || { cat "$WORK/plan.log" >&2; exit 1; }
head -12 "$WORK/plan"
say "sync-agent run"
# Not by the function: the process of that would be a shell, and ending it would leave the daemon behind.
"$BIN/sync-agent" --config "$WORK/sync-agent.toml" run >"$WORK/agent.log" 2>&1 &
agent_pid=$!

# What the server holds: the users or groups that a filter finds, one a line.
look() {
  curl -sS -H "Authorization: Bearer $(cat "$WORK/token")" \
    --get --data-urlencode "filter=$1" "$BASE/$2" | python3 -c '
import json, sys
for one in json.load(sys.stdin).get("Resources", []):
    if "userName" in one:
        mail = (one.get("emails") or [{}])[0].get("value", "no mail")
        print(one["userName"], "active" if one.get("active") else "inactive", mail)
    else:
        print(one["displayName"], "members:", *sorted(m.get("display", m["value"]) for m in one.get("members", [])))
'
}

# Waits until what the server shows of a filter matches, or with an empty pattern until it shows nothing.
arrives() {
  local expect=$1 filter=$2 endpoint=$3 shown=''
  for _ in $(seq 300); do
    shown=$(look "$filter" "$endpoint")
    if [ -z "$expect" ] && [ -z "$shown" ]; then echo "   arrived: it is gone"; return; fi
    if [ -n "$expect" ] && grep -q -- "$expect" <<<"$shown"; then echo "   arrived: $shown"; return; fi
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

id() {
  python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]][sys.argv[3]]["id"])' \
    "$WORK/ldap/seed.json" "$@"
}
user() { echo "externalId eq \"$(id users "$1")\""; }
group() { echo "externalId eq \"$(id groups "$1")\""; }

arrives active "$(user u000043)" Users
change disable u000043
arrives ' inactive' "$(user u000043)" Users
change mail u000044 new.address@example.test
arrives new.address "$(user u000044)" Users
change login u000045 new.login
arrives new.login "$(user u000045)" Users
change add empty u000044
arrives 'members: .' "$(group empty)" Groups
change delete u000046
arrives '' "$(user u000046)" Users

say "sync-agent explain u000044"
agent explain u000044

change mass-delete 60
echo "   More than the limits of [safety] allow, so it waits for a person:"
held=''
for _ in $(seq 300); do
  held=$(agent status)
  grep -qi 'held back' <<<"$held" && break
  sleep 0.1
done
grep -i 'held back' <<<"$held" | head -3
before=$(look 'userName pr' Users | wc -l)
say "sync-agent approve"
agent approve | tail -1
for _ in $(seq 300); do
  now=$(look 'userName pr' Users | wc -l)
  [ "$now" -lt "$before" ] && break
  sleep 0.1
done
[ "$now" -lt "$before" ] || { echo "   it was not done" >&2; exit 1; }
echo "   arrived: the server shows fewer users"

say "sync-agent status"
agent status
say "Done. Everything it made is removed again."
echo "Now with a directory of your own: docs/guide/sync-active-directory.md, docs/guide/sync-openldap.md"
