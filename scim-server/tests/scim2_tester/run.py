"""Runs scim2-tester against a tenant: python run.py BASE_URL TOKEN

Prints each check that did not pass, then one line of counts; exits with 1 if any did not.
"""

import collections
import sys

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

FAILED = {Status.ERROR, Status.CRITICAL, Status.DEVIATION}


def main(base_url: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=base_url, headers=headers, timeout=30) as http:
        results = check_server(SyncSCIMClient(http))
    for result in results:
        if result.status in FAILED:
            print(f"{result.status.name} {result.resource_type or ''} {result.title}: {result.reason}\n  {result.data}")
    counts = collections.Counter(result.status for result in results)
    print(", ".join(f"{count} {status.name}" for status, count in counts.items()))
    return 1 if any(counts[status] for status in FAILED) or counts[Status.SUCCESS] < 100 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
