#!/usr/bin/env bash
# Checks the manifests, and what the chart gives, against the schemas of Kubernetes, which the package kubernetes-validate
# (PyPI) has with it, and the settings in them with the program: check.sh PROGRAM. The chart is rendered by Helm's own engine,
# which helm-python-sdk (PyPI) has with it.
set -euo pipefail
program=$1
here=packaging/kubernetes
venv=.tools/kubernetes
packages="kubernetes-validate==1.37.0 helm-python-sdk==0.2.2"
[ "$(cat "$venv/installed" 2>/dev/null)" = "$packages" ] || {
    "${PYTHON:-python3}" -m venv --clear "$venv"
    # shellcheck disable=SC2086
    "$venv/bin/pip" install --quiet --disable-pip-version-check $packages
    echo "$packages" >"$venv/installed"
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/rendered"
"$venv/bin/python" packaging/helm/check.py "$work/rendered"
"$venv/bin/kubernetes-validate" --strict "$here"/*.yaml "$work"/rendered/*.yaml

# kubernetes-validate brings a reader of YAML.
"$venv/bin/python" - "$work" "$here"/*.yaml "$work"/rendered/*.yaml <<'PYTHON'
import pathlib, sys, yaml
for path in map(pathlib.Path, sys.argv[2:]):
    for document in yaml.safe_load_all(path.read_text()):
        if document["kind"] == "ConfigMap":
            (pathlib.Path(sys.argv[1]) / f"{path.stem}.toml").write_text(document["data"]["scim-server.toml"])
services = yaml.safe_load(pathlib.Path("packaging/compose.yaml").read_text())["services"]
known = {line.split(" = ")[0].lstrip("# ") for line in open("scim-server/dist/scim-server.toml") if " = " in line}
for variable in services["server"]["environment"]:
    assert variable.removeprefix("SCIM_SERVER_").lower() in known, f"compose.yaml: there is no setting for {variable}"
PYTHON
for file in "$work"/*.toml; do
    "$program" config show --config "$file" >/dev/null
done
echo "kubernetes: the settings in manifests and compose.yaml exist"
