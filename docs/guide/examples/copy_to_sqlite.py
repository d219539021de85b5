"""Keeps a copy of a tenant's users and groups in SQLite, from the events of scim-server.

    copy_to_sqlite.py https://HOST/TENANT_ID/events/v1 DATABASE [--once]

The token is in the environment variable TOKEN. The server keeps how far this consumer has come. Each batch is written
in one transaction with the lease that acknowledges it: whenever this program is killed, it goes on where it was.
"""
import json, os, sqlite3, sys, time, urllib.error, urllib.request

FEED, DATABASE, ONCE = sys.argv[1], sys.argv[2], "--once" in sys.argv
NAME = "copy-to-sqlite"

TABLES = """
CREATE TABLE IF NOT EXISTS resource (id TEXT PRIMARY KEY, type TEXT, version TEXT, document TEXT);
CREATE TABLE IF NOT EXISTS member (group_id TEXT, member_id TEXT, PRIMARY KEY (group_id, member_id));
CREATE TABLE IF NOT EXISTS consumer (lease TEXT);
"""


def post(path, body):
    """POST to the feed; waits while the server is away or asks for patience."""
    headers = {"Authorization": "Bearer " + os.environ["TOKEN"], "Content-Type": "application/json"}
    while True:
        try:
            request = urllib.request.Request(FEED + path, json.dumps(body).encode(), headers)
            return json.load(urllib.request.urlopen(request, timeout=60))
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise
        except OSError:
            pass
        time.sleep(1)


def apply(db, event):
    """Applies an event, if it stands on the version that is here: else it is in the copy already."""
    kind, resource = event["type"], event["resource"]
    if not kind.startswith("scim."):
        return  # administration
    group = resource["id"]
    row = db.execute("SELECT version FROM resource WHERE id = ?", [group]).fetchone()
    before = resource.get("previous_version")
    is_whole = kind.endswith(".present") and before is None
    if (row[0] if row else None) != before and not is_whole:
        return
    if is_whole or "version" not in resource:
        db.execute("DELETE FROM resource WHERE id = ?", [group])
        db.execute("DELETE FROM member WHERE group_id = ?", [group])
    if "version" not in resource:
        return  # it was deleted; its last document is in the event
    db.execute("INSERT OR IGNORE INTO resource (id, type) VALUES (?, ?)", [group, resource["type"]])
    db.execute("UPDATE resource SET version = ? WHERE id = ?", [resource["version"], group])
    if "document" in event:
        db.execute("UPDATE resource SET document = ? WHERE id = ?", [json.dumps(event["document"]), group])
    members = event.get("members", {"joined": [], "left": []})
    db.executemany("INSERT OR IGNORE INTO member VALUES (?, ?)", [(group, member) for member in members["joined"]])
    db.executemany("DELETE FROM member WHERE group_id = ? AND member_id = ?", [(group, one) for one in members["left"]])


def main():
    db = sqlite3.connect(DATABASE)
    db.executescript(TABLES)
    if not db.execute("SELECT * FROM consumer").fetchone():
        try:
            post("/consumers", {"name": NAME, "prefill": True})
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
        with db:
            db.execute("INSERT INTO consumer VALUES (NULL)")
    while True:
        (lease,) = db.execute("SELECT lease FROM consumer").fetchone()
        ask = {"ack": lease, "wait": 0 if ONCE else 30, "limit": 500}
        try:
            batch = post(f"/consumers/{NAME}/receive", ask)
        except urllib.error.HTTPError as error:
            if error.code != 412:
                raise SystemExit(f"{error.code}: {error.read().decode()}")
            batch = post(f"/consumers/{NAME}/receive", {**ask, "ack": None})  # the lease was over
        with db:
            for event in batch["events"]:
                apply(db, event)
            if batch["lease"]:
                db.execute("UPDATE consumer SET lease = ?", [batch["lease"]])
        if ONCE and not batch["events"]:
            if "held_until" not in batch:
                return
            time.sleep(0.2)


main()
