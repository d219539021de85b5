#!/usr/bin/env python3
"""Fails if a dependency needs a newer Rust than `rust-version` of the workspace promises: msrv.py.

That our own code needs no newer one is seen by clippy, which knows since when each function of the standard library exists.
"""

import json
import subprocess
import sys


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def main() -> None:
    metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--locked", "--format-version=1"]))
    ours = next(package["rust_version"] for package in metadata["packages"] if package["name"] == "scim-server")
    needs = [(package["rust_version"], package["name"]) for package in metadata["packages"] if package["rust_version"]]
    newer = [f"{name} needs {version}" for version, name in needs if number(version)[:2] > number(ours)[:2]]
    if newer:
        sys.exit(f"rust-version is {ours}, but {', '.join(newer)}")
    print(f"no dependency says that it needs more than Rust {ours}")


main()
