#!/usr/bin/env python3
"""Renders the chart by Helm's own engine, and compares what it gives with the manifests: check.py OUT.

OUT becomes a folder with what was rendered, for the checks of manifests. It needs the packages helm-python-sdk, which has
Helm's engine with it, and PyYAML.
"""

import copy
import json
import pathlib
import subprocess
import sys

import helm_python as helm
import yaml

HERE = pathlib.Path(__file__).parent
CHART = HERE / "scim-server"
MANIFESTS = HERE.parent / "kubernetes"
DATABASE = {"postgresql": {"url": "postgres://scim@postgres.example.com:5432/scim"}}
# What Helm adds to the labels and annotations of the manifests.
ADDED = {"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart", "checksum/settings"}


def render(values: dict) -> list[dict]:
    """Every object, without what is empty."""
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="scim-server", namespace="scim")
    documents = [document for path, text in files.items() if path.endswith(".yaml") for document in yaml.safe_load_all(text)]
    return [document for document in documents if document]


def plain(value):
    """The same without what Helm adds, and with settings in their order."""
    if isinstance(value, dict):
        kept = {name: plain(one) for name, one in value.items() if name not in ADDED}
        if "scim-server.toml" in kept:
            kept["scim-server.toml"] = sorted(kept["scim-server.toml"].splitlines())
        return kept
    return [plain(one) for one in value] if isinstance(value, list) else value


def by_kind(documents: list[dict]) -> dict[str, dict]:
    found = {}
    for document in map(plain, copy.deepcopy(documents)):
        # Not each of the manifests has labels; nothing goes by them.
        document["metadata"].pop("labels", None)
        found[document["kind"]] = document
    return found


def same(file: str, values: dict) -> list[dict]:
    """What the chart gives is what the manifests have."""
    rendered = render(values)
    chart, manifests = by_kind(rendered), by_kind(list(yaml.safe_load_all((MANIFESTS / file).read_text())))
    assert chart.keys() == manifests.keys(), (chart.keys(), manifests.keys())
    for kind, manifest in manifests.items():
        assert chart[kind] == manifest, f"{file}, {kind}:\n{json.dumps(chart[kind], indent=1)}\n{json.dumps(manifest, indent=1)}"
    return rendered


def refused(values: dict, word: str) -> None:
    try:
        render(values)
    except helm.errors.HelmError as error:
        assert word in str(error), error
    else:
        sys.exit(f"the chart takes {values}")


def main() -> None:
    metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--locked", "--no-deps", "--format-version=1"]))
    version = next(package["version"] for package in metadata["packages"] if package["name"] == "scim-server")
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert about["version"] == about["appVersion"] == version, f"Chart.yaml is not of version {version}"
    # 1 is what is only told, such as that there is no icon.
    for finding in helm.lint(CHART)["messages"]:
        assert finding["severity"] == 1, finding
    every = {
        **DATABASE,
        "image": {"repository": "example.com/scim", "tag": "1.2.3", "pullSecrets": ["registry"]},
        "ingress": {"enabled": True},
        "settings": {"log_format": "text", "migrate": False, "max_page_size": 500},
        "resources": {"limits": {"memory": "3Gi"}},
    }
    sets = {"postgresql": same("postgresql.yaml", DATABASE), "embedded": same("embedded.yaml", {}), "every": render(every)}
    of_every = by_kind(sets["every"])
    lines = of_every["ConfigMap"]["data"]["scim-server.toml"]
    assert {'log_format = "text"', "migrate = true", "max_page_size = 500"} <= set(lines), lines
    assert of_every["Ingress"]["spec"]["rules"][0]["host"] == "scim.example.com"
    pod = of_every["Deployment"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "example.com/scim:1.2.3" and pod["imagePullSecrets"] == [{"name": "registry"}]
    storage = render({"storage": {"size": "1Ti", "className": "local"}})
    claim = by_kind(storage)["StatefulSet"]["spec"]["volumeClaimTemplates"][0]["spec"]
    assert claim["storageClassName"] == "local" and claim["resources"]["requests"]["storage"] == "1Ti"
    assert "NetworkPolicy" not in by_kind(render({"networkPolicy": {"enabled": False}}))
    refused({"replica": 2}, "replica")
    refused({"publicUrl": "https://scim.example.com/path"}, "publicUrl")
    for name, documents in sets.items():
        (pathlib.Path(sys.argv[1]) / f"helm-{name}.yaml").write_text(yaml.safe_dump_all(documents))
    print("helm: the chart renders to the manifests")


main()
