#!/usr/bin/env python3
"""Prints which crates are in a program, their licences, and the texts of these: licences.py CRATE.

Reads what Cargo has resolved and downloaded for this platform, without dependencies of builds and tests. A text that
several crates share is printed once.
"""

import json
import os
import pathlib
import subprocess
import sys


def packages(crate: str) -> list[dict]:
    """The crates of others in the program, by name."""
    command = ["cargo", "metadata", "--locked", "--format-version=1", "--features", os.environ["RELEASED_FEATURES"]]
    command += ["--filter-platform", "x86_64-unknown-linux-gnu"]
    metadata = json.loads(subprocess.check_output(command))
    by_id = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    ours = {package["name"]: package["id"] for package in metadata["packages"] if package["source"] is None}
    found, left = set(), [ours[crate]]
    while left:
        for dependency in nodes[left.pop()]["deps"]:
            is_linked = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_linked and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                left.append(dependency["pkg"])
    foreign = [by_id[one] for one in found if by_id[one]["source"] is not None]
    return sorted(foreign, key=lambda package: (package["name"], package["version"]))


def texts(package: dict) -> list[str]:
    """The texts of its licences, as they are in the crate."""
    folder = pathlib.Path(package["manifest_path"]).parent
    begins = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.upper().startswith(begins))
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]


def main() -> None:
    crates = packages(sys.argv[1])
    users: dict[str, list[str]] = {}
    print(f"The program contains these {len(crates)} libraries:\n")
    for package in crates:
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {package['license'] or 'see the text'}")
        for text in texts(package):
            users.setdefault(text, []).append(name)
    for text, names in users.items():
        print(f"\n{'=' * 80}\n{', '.join(names)}\n{'=' * 80}\n\n{text}")


main()
