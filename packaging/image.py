#!/usr/bin/env python3
"""Writes a container image of a program, without a daemon: image.py PROGRAM VERSION COMMIT OUT.

OUT becomes a folder that is an OCI image layout (https://github.com/opencontainers/image-spec), and OUT.tar the same as
one file, which `podman load` and `docker load` read. The image has the program, the libraries that it is linked with,
the certificate authorities of this system, and nothing else: no shell, no package manager. The same program gives the
same bytes; every time in it is SOURCE_DATE_EPOCH.
"""

import datetime
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

# A user that no file of the image belongs to, but the folder for data.
USER = 65532
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"

# What each program is started with. The volume belongs to whoever mounts it, so data are in a folder below it.
SERVICES = {
    "scim-server": {
        "Cmd": ["serve"],
        "Env": [
            "SCIM_SERVER_DATA=/data/scim-server",
            "SCIM_SERVER_LISTEN=0.0.0.0:8080",
            "SCIM_SERVER_LOG_FORMAT=json",
        ],
        "ExposedPorts": {"8080/tcp": {}},
        # Docker reads it; others have health checks of their own, which run the same command.
        "Healthcheck": {
            "Test": ["CMD", "/usr/bin/scim-server", "health"],
            "Interval": 10_000_000_000,
            "Timeout": 6_000_000_000,
            "StartPeriod": 30_000_000_000,
            "Retries": 3,
        },
    },
    "sync-agent": {"Cmd": ["--config", "/data/sync-agent.toml", "run"], "Env": [], "ExposedPorts": {}},
}


def libraries(program: str) -> list[str]:
    """The paths of the libraries that it is linked with, its loader among them."""
    listed = subprocess.check_output(["ldd", program], text=True)
    return sorted(set(re.findall(r"(/\S+) \(0x", listed)))


def contents(program: pathlib.Path) -> dict[str, tuple[int, bytes | None]]:
    """Every path of the image: its mode, and its bytes; `None` for a folder."""
    files = {f"usr/bin/{program.name}": (0o755, program.read_bytes())}
    for library in libraries(str(program)):
        files[library.lstrip("/")] = (0o755, pathlib.Path(library).read_bytes())
    files[AUTHORITIES.lstrip("/")] = (0o644, pathlib.Path(AUTHORITIES).read_bytes())
    files["etc/passwd"] = (0o644, f"root:x:0:0::/:\n{program.name}:x:{USER}:{USER}::/data:\n".encode())
    files["etc/group"] = (0o644, f"root:x:0:\n{program.name}:x:{USER}:\n".encode())
    files["etc/nsswitch.conf"] = (0o644, b"passwd: files\ngroup: files\nhosts: files dns\n")
    licences = pathlib.Path(f"dist/root/usr/share/doc/{program.name}/licences.txt")
    files[f"usr/share/doc/{program.name}/licences.txt"] = (0o644, licences.read_bytes())
    folders = {str(parent) for path in files for parent in pathlib.PurePath(path).parents if str(parent) != "."}
    return {**{folder: (0o755, None) for folder in folders}, "data": (0o700, None), "tmp": (0o1777, None), **files}


def layer(files: dict[str, tuple[int, bytes | None]], time: int) -> bytes:
    """The files as a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(files):
            mode, data = files[path]
            entry = tarfile.TarInfo(path)
            entry.mode, entry.mtime = mode, time
            entry.uid = entry.gid = USER if path == "data" else 0
            entry.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            entry.size = len(data or b"")
            tar.addfile(entry, io.BytesIO(data or b""))
    return out.getvalue()


def configuration(name: str, version: str, commit: str, time: int, diff_id: str) -> dict:
    created = datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = {"title": name, "version": version, "revision": commit, "licenses": "Apache-2.0", "created": created}
    service = SERVICES[name]
    return {
        "created": created,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            **service,
            "User": f"{USER}:{USER}",
            "Env": ["PATH=/usr/bin", f"SSL_CERT_FILE={AUTHORITIES}", *service["Env"]],
            "Entrypoint": [f"/usr/bin/{name}"],
            "Volumes": {"/data": {}},
            "WorkingDir": "/data",
            "StopSignal": "SIGTERM",
            "Labels": {f"org.opencontainers.image.{key}": value for key, value in labels.items()},
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": created, "created_by": "packaging/image.py"}],
    }


def write(program: pathlib.Path, version: str, commit: str, out: pathlib.Path) -> None:
    time = int(os.environ["SOURCE_DATE_EPOCH"])
    shutil.rmtree(out, ignore_errors=True)
    blobs = out / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data: bytes, kind: str) -> dict:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    def as_json(value: object) -> bytes:
        return json.dumps(value, sort_keys=True).encode()

    tar = layer(contents(program), time)
    files = blob(gzip.compress(tar, mtime=0), "layer.v1.tar+gzip")
    diff_id = f"sha256:{hashlib.sha256(tar).hexdigest()}"
    config = blob(as_json(configuration(program.name, version, commit, time, diff_id)), "config.v1+json")
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [files]}
    manifest = blob(as_json(manifest), "manifest.v1+json")
    # The tag within the layout; and the name in full, without which Podman and containerd take the tag for the name.
    manifest["annotations"] = {
        "org.opencontainers.image.ref.name": version,
        "io.containerd.image.name": f"docker.io/library/{program.name}:{version}",
    }
    (out / "index.json").write_bytes(as_json({"schemaVersion": 2, "manifests": [manifest]}))
    (out / "oci-layout").write_bytes(as_json({"imageLayoutVersion": "1.0.0"}))

    def path(descriptor: dict) -> str:
        return descriptor["digest"].replace("sha256:", "blobs/sha256/")

    # What `docker load` without containerd looks for in the file; the layout itself does not have it.
    tagged = [{"Config": path(config), "RepoTags": [f"{program.name}:{version}"], "Layers": [path(files)]}]
    with tarfile.open(f"{out}.tar", mode="w", format=tarfile.USTAR_FORMAT) as archive:
        members = {str(one.relative_to(out)): one.read_bytes() for one in out.rglob("*") if one.is_file()}
        for name, data in sorted({**members, "manifest.json": as_json(tagged)}.items()):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.mtime, entry.size = 0o644, time, len(data)
            archive.addfile(entry, io.BytesIO(data))


write(pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4]))
