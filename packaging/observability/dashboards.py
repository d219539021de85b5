#!/usr/bin/env python3
"""Writes the dashboards of Grafana beside this file, from the rows below: dashboards.py. With --check it only compares."""

import json
import pathlib
import sys

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECTED = 'job=~"$job", instance=~"$instance"'
GOOD = [{"color": "green", "value": None}]


def level(metric: str, of: str = "sum") -> str:
    return f"{of} ({metric}{{{SELECTED}}})"


def rate(metric: str, by: str = "", where: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{SELECTED}{where}}}[$__rate_interval]))"


def quantile(part: float, metric: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({part}, {rate(metric + '_bucket', labels)})"


def graph(title: str, unit: str, *series: tuple[str, str], about: str = "", width: int = 8) -> dict:
    """A graph of series over time: each an expression and its legend."""
    return {
        "title": title,
        "description": about,
        "type": "timeseries",
        "gridPos": {"w": width, "h": 7},
        "fieldConfig": {
            "defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 10, "showPoints": "never"}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": targets(series),
    }


def number(title: str, unit: str, expression: str, red: float | None = None, below: bool = False, about: str = "") -> dict:
    """The present value, red from a number on, or below it."""
    steps = GOOD if red is None else [*GOOD, {"color": "red", "value": red}]
    if below:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": red}]
    return {
        "title": title,
        "description": about,
        "type": "stat",
        "gridPos": {"w": 4, "h": 4},
        "fieldConfig": {"defaults": {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"},
        "targets": targets([(expression, "")]),
    }


def targets(series) -> list[dict]:
    return [
        {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
        for place, (expression, legend) in enumerate(series)
    ]


def lags(reader: str) -> tuple[str, str]:
    return level(f"scim_{reader}_lag", f"max by (tenant, {reader})"), f"{reader} {{{{tenant}}}} {{{{{reader}}}}}"


ERRORS = rate("scim_requests_total", where=', status=~"5.."')

SERVER = {
    "Now": [
        number("Requests a second", "reqps", rate("scim_requests_total")),
        number(
            "Server errors", "percentunit", f"({ERRORS} or vector(0)) / clamp_min({rate('scim_requests_total')}, 1e-9)",
            red=0.01, about="The share of answers with a status from 500 on.",
        ),
        number("95 % are faster than", "s", quantile(0.95, "scim_request_duration_seconds"), red=1),
        number(
            "Store refuses writes", "short", level("scim_store_refusing_writes", "max"), red=1,
            about="1 while a write has failed and the embedded store takes no other.",
        ),
        number(
            "Certificate ends in", "s", f"{level('scim_tls_certificate_expiry_timestamp_seconds', 'min')} - time()",
            red=30 * 86400, below=True,
        ),
        number("Runs since", "s", f"time() - {level('process_start_time_seconds', 'min')}"),
    ],
    "Requests": [
        graph("By operation", "reqps", (rate("scim_requests_total", "operation"), "{{operation}}")),
        graph("By status", "reqps", (rate("scim_requests_total", "status"), "{{status}}")),
        graph(
            "Time, 95 %", "s", (quantile(0.95, "scim_request_duration_seconds", "operation"), "{{operation}}"),
            about="From the head of a request to the response, without waiting for events.",
        ),
        graph(
            "Now", "short", (level("scim_requests_in_flight"), "requests"), (level("scim_connections"), "connections"),
        ),
        graph(
            "Refused", "reqps",
            (rate("scim_authentication_failures_total"), "without a valid token"),
            (rate("scim_rate_limited_total"), "over the rate of a token"),
            (rate("scim_address_limited_total"), "over the rate of an address"),
            (rate("scim_connections_refused_total"), "connections"),
            (rate("scim_tls_failures_total"), "TLS handshakes"),
        ),
        graph(
            "Bulk operations and OAuth", "ops",
            (rate("scim_bulk_operations_total"), "operations in bulk requests"),
            (rate("scim_oauth_tokens_issued_total"), "access tokens"),
            (rate("scim_oauth_refused_total"), "OAuth refusals"),
            (rate("scim_oauth_jwks_failures_total"), "failed fetches of keys"),
        ),
    ],
    "Tenants": [
        graph(
            "Without a good call for", "s",
            (f"topk(10, time() - {level('scim_tenant_last_call_timestamp_seconds', 'max by (tenant)')})", "{{tenant}}"),
            about="The ten tenants whose providers have not been served for longest.",
        ),
        graph(
            "Refused", "reqps",
            (f"topk(10, {rate('scim_tenant_refused_total', 'tenant, kind')})", "{{tenant}} {{kind}}"),
        ),
        graph(
            "Part of the quota that is used", "percentunit",
            (f"topk(10, {level('scim_tenant_quota_used_ratio', 'max by (tenant, type)')})", "{{tenant}} {{type}}"),
        ),
        graph(
            "Tokens end in", "s",
            (
                f"bottomk(10, {level('scim_token_expiry_timestamp_seconds', 'max by (tenant, name, token)')} - time())",
                "{{tenant}} {{name}} {{token}}",
            ),
            width=12,
        ),
        graph(
            "Client secrets end in", "s",
            (
                f"bottomk(10, {level('scim_client_secret_expiry_timestamp_seconds', 'max by (tenant, client, secret)')} - time())",
                "{{tenant}} {{client}}",
            ),
            width=12,
        ),
    ],
    "Store": [
        graph(
            "Commits", "ops",
            (rate("scim_store_commits_total"), "made"),
            (rate("scim_store_conflicts_total"), "another was first"),
            (rate("scim_store_taken_total"), "a unique value is taken"),
            (rate("scim_store_retries_total"), "transactions run again"),
        ),
        graph(
            "Time until a commit is durable", "s",
            (quantile(0.5, "scim_store_flush_seconds"), "50 %"), (quantile(0.99, "scim_store_flush_seconds"), "99 %"),
        ),
        graph(
            "Commits made durable together", "short",
            (quantile(0.5, "scim_store_group_size"), "50 %"), (quantile(0.99, "scim_store_group_size"), "99 %"),
        ),
        graph(
            "Reopening of the embedded store", "s", (quantile(0.99, "scim_store_renewal_seconds"), "99 %"),
            about="How long requests waited for it.",
        ),
        graph("Reopening put off for a reader", "ops", (rate("scim_store_renewals_put_off_total"), "put off")),
        graph(
            "Connections to the database", "short",
            (level("scim_store_connections"), "open"), (level("scim_store_connections_awaited"), "waited for"),
        ),
    ],
    "Events and audit": [
        graph("Events not delivered yet", "short", lags("consumer"), lags("webhook"), lags("stream"), lags("sink")),
        graph(
            "Messages to applications", "ops",
            (rate("scim_webhook_messages_taken_total"), "messages taken"),
            (rate("scim_webhook_tries_failed_total"), "tries failed"),
            (rate("scim_webhook_dead_letters_total"), "given up"),
            (rate("scim_stream_tokens_taken_total"), "tokens taken"),
            (rate("scim_stream_tries_failed_total"), "tries of tokens failed"),
            (rate("scim_stream_tokens_refused_total"), "tokens refused"),
        ),
        graph(
            "Audit log", "ops",
            (rate("scim_audit_records_total"), "records"),
            (rate("scim_audit_waits_total"), "requests that waited"),
            (rate("scim_audit_write_errors_total"), "failed writes"),
        ),
        graph("Audit log not written yet", "bytes", (level("scim_audit_queue_bytes"), "bytes")),
        graph(
            "Age of issuers' keys", "s",
            (f"time() - {level('scim_oauth_jwks_fetched_timestamp_seconds', 'max by (uri)')}", "{{uri}}"),
            about="Two days after the last good fetch the assertions of an issuer are refused.",
        ),
    ],
}

AGENT = {
    "Now": [
        number(
            "Last success", "s", f"time() - {level('sync_agent_last_success_time_seconds', 'min')}", red=3 * 3600,
            about="Since the last cycle began that ended well.",
        ),
        number("Held back", "short", level("sync_agent_held_back_actions"), red=1, about="Removals that wait for you."),
        number("In quarantine", "short", level("sync_agent_quarantined_objects"), red=1),
        number(
            "Drift", "short", level("sync_agent_drift_objects"), red=1,
            about="What the last full reconciliation found missed; must be 0.",
        ),
        number("Paused", "short", level("sync_agent_paused", "max"), red=1),
        number("Next cycle in", "s", f"{level('sync_agent_next_run_time_seconds', 'min')} - time()"),
    ],
    "Cycles": [
        graph(
            "Cycles an hour", "short",
            (f"sum by (result) (increase(sync_agent_cycles_total{{{SELECTED}}}[1h]))", "{{result}}"),
        ),
        graph("The last cycle took", "s", (f"sync_agent_last_cycle_duration_seconds{{{SELECTED}}}", "{{instance}}")),
        graph("Writes at the target", "ops", (rate("sync_agent_writes_total"), "writes")),
        graph(
            "Problems of the last cycle", "short",
            (f"{level('sync_agent_problems', 'max by (code)')} > 0", "{{code}}"), width=12,
        ),
        graph(
            "Entries of the directory", "short", (f"sync_agent_entries{{{SELECTED}}}", "{{instance}}"), width=12,
        ),
    ],
}


def variable(name: str, query: str) -> dict:
    return {
        "name": name, "type": "query", "datasource": SOURCE, "query": query, "refresh": 2,
        "includeAll": True, "multi": True, "allValue": ".+", "current": {"text": "All", "value": "$__all"},
    }


def dashboard(name: str, witness: str, rows: dict[str, list[dict]]) -> dict:
    """The panels of each row from left to right; `witness` is a metric that every instance has."""
    panels, y = [], 0
    for title, members in rows.items():
        panels.append({"type": "row", "title": title, "collapsed": False, "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}, "panels": []})
        x, y = 0, y + 1
        for member in members:
            place = member["gridPos"]
            if x + place["w"] > 24:
                x, y = 0, y + place["h"]
            panels.append({**member, "datasource": SOURCE, "gridPos": {**place, "x": x, "y": y}})
            x += place["w"]
        y += members[-1]["gridPos"]["h"]
    return {
        "uid": name, "title": name, "tags": ["scim"], "schemaVersion": 39, "version": 1, "editable": True,
        "refresh": "30s", "time": {"from": "now-6h", "to": "now"}, "annotations": {"list": []},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
                variable("job", f"label_values({witness}, job)"),
                variable("instance", f'label_values({witness}{{job=~"$job"}}, instance)'),
            ]
        },
        "panels": [{"id": place + 1, **panel} for place, panel in enumerate(panels)],
    }


def main() -> None:
    here = pathlib.Path(__file__).parent
    for name, witness, rows in [("scim-server", "scim_connections", SERVER), ("sync-agent", "sync_agent_entries", AGENT)]:
        file = here / f"{name}.dashboard.json"
        text = json.dumps(dashboard(name, witness, rows), indent=1, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv:
            file.write_text(text)
        elif file.read_text() != text:
            sys.exit(f"{file.name} is out of date: run packaging/observability/dashboards.py")


main()
