#!/usr/bin/env bash
# Makes a store with one of everything, and keeps it for the versions to come: make.sh PROGRAM NAME, with a released program
# and its number. Beside this script are then NAME.tar.gz, the store in a directory, and NAME.jsonl, its export. If SCHEMA_URL is
# the URL of an empty schema of PostgreSQL called `old_store`, and PG_DUMP a pg_dump with the arguments to reach it, there is
# only NAME.sql.gz, the store in that schema. The secrets in them are those of stores that nobody uses.
set -euo pipefail
program=$(realpath "$1") name=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fill() {
    run() { "$program" "$@" --data "$work/data" ${SCHEMA_URL:+--store "$SCHEMA_URL"} >/dev/null; }
    run init --tenant acme --settings "$here/../../../docs/guide/examples/badge.json"
    run tenant create cloud --profile identity-center
    for user in anna ben cleo dora; do
        run user create --tenant acme --user-name "$user@example.com" --given-name "$user" --email "$user@example.com" --force
    done
    run group create --tenant acme --display-name Engineering --member anna@example.com --member ben@example.com --force
    run group create --tenant acme --display-name Everybody --member Engineering --member cleo@example.com --force
    run user rename --tenant acme cleo@example.com claire@example.com --force
    run user disable --tenant acme ben@example.com
    run user delete --tenant acme dora@example.com --force
    run role set --tenant acme engineers --group Engineering --role developer
    run access set --tenant acme department userName
    run token create --tenant acme --name reader --scope events
    run client create --tenant acme --name entra
    run consumer create --tenant acme payroll
    run webhook create --tenant acme --url https://hooks.invalid/scim
    run signing-key rotate
}

if [ -n "${SCHEMA_URL:-}" ]; then
    "$program" migrate --store "$SCHEMA_URL" >/dev/null
    fill
    # As statements that every psql understands.
    ${PG_DUMP:-pg_dump} --inserts --schema=old_store --no-owner --no-privileges | grep -v '^\\' | gzip -9n >"$here/$name.sql.gz"
    exit
fi
fill
"$program" export --all --data "$work/data" "$here/$name.jsonl" --overwrite >/dev/null
# Only the store: `admin.token` is of the machine.
tar --sort=name --owner=0 --group=0 --mtime=@0 -C "$work" -c data/store | gzip -9n >"$here/$name.tar.gz"
