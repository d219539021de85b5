//! Dashboards, alerts and the guide name only metrics that a scrape shows, and the guide names all of them.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use scim_protocol::Timestamp;

use super::{Ends, Metrics, Operation, Refused, TenantHealth};

fn repository(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

/// The names of all series, as a scrape shows them once everything has happened.
fn exposed() -> BTreeSet<String> {
    let mut metrics = Metrics::new(Timestamp::default());
    metrics.show_certificate(|| Some(Timestamp::default()));
    metrics.requests.observe(Operation::Create, 201, Duration::ZERO);
    metrics.oauth.fetched("https://idp.example/keys", Timestamp::default());
    let events = &metrics.events;
    for lags in [&events.consumers, &events.webhooks, &events.streams, &events.sinks] {
        lags.get_or_create(&vec![("tenant", "acme".to_owned())]).set(1);
    }
    let ends = |is_secret| Ends { name: "okta".to_owned(), id: "1".to_owned(), is_secret, at: 0 };
    let tenant = TenantHealth {
        tenant: "acme".to_owned(),
        last_call: Some(0),
        last_write: Some(0),
        refused: vec![(Refused::Forbidden, 1)],
        silent: Some(true),
        ends: vec![ends(false), ends(true)],
        quotas: vec![("User".to_owned(), 0.5)],
    };
    metrics.tenants.show(vec![tenant], 1);
    let text = metrics.encode();
    let series = text.lines().filter(|line| !line.starts_with('#'));
    series.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
}

/// The words of a text that are names of metrics of this program.
fn named(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(repository(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("scim_") && !word.ends_with('_')).map(str::to_owned).collect()
}

#[test]
fn dashboards_and_alerts_name_metrics_that_exist() {
    let exposed = exposed();
    for file in ["scim-server.dashboard.json", "alerts.yaml", "alerts.test.yaml"] {
        let named = named(&format!("packaging/observability/{file}"));
        assert!(named.len() > 3, "{file} names nothing");
        let unknown: Vec<_> = named.difference(&exposed).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}, which no scrape shows");
    }
}

#[test]
fn the_guide_lists_every_metric() {
    let listed = named("docs/guide/operations.md");
    let plain = |name: &String| {
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        part.unwrap_or(name).to_owned()
    };
    let exposed: BTreeSet<_> = exposed().iter().map(plain).filter(|name| name.starts_with("scim_")).collect();
    let missing: Vec<_> = exposed.difference(&listed).collect();
    assert!(missing.is_empty(), "docs/guide/operations.md does not list {missing:?}");
}
