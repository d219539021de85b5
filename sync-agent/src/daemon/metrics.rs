//! What the daemon counts, in the OpenMetrics text that Prometheus reads.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use scim_protocol::Timestamp;
use traces::Spans;

use crate::{
    problem::{CODES, Code, Problem},
    state::{CycleRecord, Quarantine},
};

/// The media type of [`Metrics::encode`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCode {
    code: &'static str,
}

type Level = Gauge<i64, AtomicI64>;
type Seconds = Gauge<f64, AtomicU64>;

/// All counters of one daemon.
#[derive(Debug, Default)]
pub struct Metrics {
    cycles: Family<Result, Counter>,
    writes: Counter,
    problems: Family<OfCode, Level>,
    quarantined: Level,
    held_back: Level,
    drift: Level,
    entries: Level,
    paused: Level,
    last_duration: Seconds,
    last_success: Seconds,
    next_run: Seconds,
    /// What becomes of spans.
    pub spans: Spans,
    registry: Registry,
}

impl Metrics {
    /// Counters at zero; levels as the last cycle before the start left them.
    pub fn new(last: Option<&CycleRecord>) -> Self {
        let mut metrics = Self::default();
        let mut registry = Registry::with_prefix("sync_agent");
        registry.register("cycles", "Cycles that have ended, by how", metrics.cycles.clone());
        registry.register("writes", "Requests that changed something at the target", metrics.writes.clone());
        registry.register("problems", "Problems of the last cycle, by code", metrics.problems.clone());
        registry.register("quarantined_objects", "Objects that wait for another try", metrics.quarantined.clone());
        registry.register("held_back_actions", "Removals that wait for approval", metrics.held_back.clone());
        registry.register(
            "drift_objects",
            "What the last full reconciliation found missed; must be 0",
            metrics.drift.clone(),
        );
        registry.register("entries", "Entries of the directory that are known", metrics.entries.clone());
        registry.register("trace_spans_sent", "Spans that the collector has taken", metrics.spans.sent.clone());
        registry.register(
            "trace_spans_lost",
            "Spans that it has not taken, or for which there was no room",
            metrics.spans.lost.clone(),
        );
        registry.register("paused", "1 during a pause", metrics.paused.clone());
        for (name, help, gauge) in [
            ("last_cycle_duration", "How long the last cycle took", &metrics.last_duration),
            ("last_success_time", "When the last cycle that ended well began", &metrics.last_success),
            ("next_run_time", "When the next cycle begins", &metrics.next_run),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, gauge.clone());
        }
        metrics.registry = registry;
        if let Some(last) = last {
            metrics.levels(last);
        }
        metrics
    }

    /// The text of a scrape.
    pub fn encode(&self) -> String {
        let mut out = String::with_capacity(4096);
        // Writing to a `String` cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }

    /// A cycle has ended.
    pub fn cycle(&self, record: &CycleRecord, problems: &[Problem], quarantine: &Quarantine) {
        let result = if record.failure.is_none() { "ok" } else { "failed" };
        self.cycles.get_or_create(&Result { result }).inc();
        self.writes.inc_by(record.writes as u64);
        for about in CODES {
            let number = problems.iter().filter(|problem| problem.code == about.code).count();
            self.problems.get_or_create(&OfCode { code: about.name }).set(level(number));
        }
        let blocked = quarantine.0.values().filter(|record| record.problem.code.blocks()).count();
        self.quarantined.set(level(blocked));
        self.levels(record);
    }

    fn levels(&self, record: &CycleRecord) {
        self.held_back.set(level(record.held_back));
        if let Some(drift) = record.drift {
            self.drift.set(level(drift));
        }
        self.last_duration.set(std::time::Duration::from_millis(record.millis).as_secs_f64());
        if record.failure.is_none() {
            self.entries.set(level(record.entries));
            self.last_success.set(seconds(record.started));
        }
    }

    /// What was held back is not to be done: nothing waits for approval any more.
    pub fn rejected(&self) {
        self.held_back.set(0);
        self.problems.get_or_create(&OfCode { code: Code::LimitExceeded.name() }).set(0);
    }

    /// A pause begins or ends.
    pub fn paused(&self, paused: bool) {
        self.paused.set(paused.into());
    }

    /// When the next cycle begins.
    pub fn next_run(&self, at: Timestamp) {
        self.next_run.set(seconds(at));
    }
}

fn level(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit 53 bits for 285,000 years")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn dashboards_and_alerts_name_metrics_that_exist() {
        let metrics = Metrics::new(None);
        metrics.cycles.get_or_create(&Result { result: "ok" }).inc();
        metrics.rejected();
        let text = metrics.encode();
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let exposed: BTreeSet<_> = series.filter_map(|line| line.split(['{', ' ']).next()).collect();
        for file in ["sync-agent.dashboard.json", "alerts.yaml", "alerts.test.yaml"] {
            let path = format!("{}/../packaging/observability/{file}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let named: BTreeSet<_> = words.filter(|word| word.starts_with("sync_agent_")).collect();
            assert!(!named.is_empty(), "{file} names nothing");
            let unknown: Vec<_> = named.difference(&exposed).collect();
            assert!(unknown.is_empty(), "{file} names {unknown:?}, which no scrape shows");
        }
    }
}
