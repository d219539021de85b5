"""Makes a tenant for a customer through the management API, and gives it a new token later.

    export SCIM_ADMIN=http://127.0.0.1:9090 SCIM_ADMIN_TOKEN=scimadm_…
    python3 manage_tenants.py create NAME
    python3 manage_tenants.py rotate NAME

Needs Python 3.9 and nothing else.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid


class Problem(Exception):
    """Why the server has not done it (RFC 9457)."""


def ask(method, path, body=None):
    """One request. It is sent again until there is an answer: the key keeps it from being done twice."""
    request = urllib.request.Request(os.environ["SCIM_ADMIN"] + "/admin/v1" + path, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["SCIM_ADMIN_TOKEN"])
    request.add_header("Idempotency-Key", str(uuid.uuid4()))
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    for pause in (1, 2, 4, None):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 503 or pause is None:
                raise Problem(json.load(error)["detail"]) from None
        except OSError:
            if pause is None:
                raise
        time.sleep(pause)


def create(name):
    tenant = ask("POST", "/tenants", {"name": name, "settings": {"brake": {"percent": 20}}})
    token = ask("POST", f"/tenants/{name}/tokens", {"name": "identity-provider"})
    return {"tenant_id": tenant["tenant_id"], "endpoint": token["endpoint"], "token": token["token"]}


def rotate(name):
    day = 24 * 60 * 60
    token = ask("POST", f"/tenants/{name}/tokens/identity-provider/rotate", {"overlap_seconds": 7 * day})
    return {"token": token["token"], "old_ends": token["previous"]["expires"]}


if __name__ == "__main__":
    try:
        what, name = sys.argv[1:]
        print(json.dumps({"create": create, "rotate": rotate}[what](name)))
    except Problem as problem:
        sys.exit(str(problem))
    except (KeyError, ValueError):
        sys.exit(__doc__)
