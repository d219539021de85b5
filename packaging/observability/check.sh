#!/usr/bin/env bash
# Checks dashboards and alert rules with Prometheus' own promtool: that every expression parses, and that each tested alert
# fires when it must. That the metrics exist is tested beside the code that counts them.
set -euo pipefail
# shellcheck source=packaging/tools.sh
. packaging/tools.sh
promtool=$(debian_tool prometheus usr/bin/promtool)
here=packaging/observability
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/dashboards.py" --check
"$promtool" check rules "$here/alerts.yaml"
"$promtool" test rules "$here/alerts.test.yaml"
# Expressions of dashboards as rules, which promtool can read.
for board in "$here"/*.dashboard.json; do
    jq '{groups: [{name: .uid, rules: [.panels[].targets // [] | .[].expr | gsub("\\$__rate_interval"; "5m")] | to_entries
        | map({record: "panel:\(.key)", expr: .value})}]}' "$board" >"$work/rules.yaml"
    "$promtool" check rules "$work/rules.yaml"
done
