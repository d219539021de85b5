//! The server's metrics, in the OpenMetrics text format for Prometheus.
//!
//! The request path adds to atomics that exist from the start: it takes no lock, allocates nothing and looks nothing
//! up by name. Names and labels are only used by a scrape.

mod certificate;
mod durations;
mod events;
mod health;
mod histogram;
mod memory;
mod oauth;
mod request_log;
mod requests;
mod tenants;
mod traces;

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64},
};

use ::traces::Spans;
use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};
use scim_protocol::Timestamp;

pub use durations::Durations;
pub use events::{EventMetrics, Lags};
pub use health::{Health, NOTED_WITHIN, Refused};
pub use histogram::Histogram;
pub use memory::resident;
pub use oauth::OAuthMetrics;
pub use request_log::RequestLogMetrics;
pub use requests::{Operation, Requests};
pub use tenants::{Ends, TenantHealth, TenantMetrics};

/// All counters of one server.
#[derive(Debug)]
pub struct Metrics {
    /// Requests by operation and status, and how long they took.
    pub requests: Arc<Requests>,
    /// Requests being served.
    pub in_flight: Level,
    /// Open connections.
    pub connections: Level,
    /// Connections closed because others need the room.
    pub connections_refused: Counter,
    /// TLS handshakes that failed or took too long.
    pub tls_failures: Counter,
    /// Requests refused with 429, for their token.
    pub rate_limited: Counter,
    /// Requests refused with 429, for their address.
    pub address_limited: Counter,
    /// Requests without a token, or with one that is not good.
    pub authentication_failures: Counter,
    /// Operations inside bulk requests.
    pub bulk_operations: Counter,
    pub oauth: Arc<OAuthMetrics>,
    /// Audit records.
    pub audit: Arc<AuditMetrics>,
    /// The log of requests.
    pub request_log: Arc<RequestLogMetrics>,
    /// The store's commits.
    pub store: Arc<StoreMetrics>,
    /// Events on their way to applications.
    pub events: Arc<EventMetrics>,
    /// How each tenant stands.
    pub tenants: TenantMetrics,
    /// Spans on their way to the collector.
    pub traces: Spans,
    registry: Registry,
}

/// How the audit log keeps up.
#[derive(Debug, Default)]
pub struct AuditMetrics {
    /// Records taken.
    pub records: Counter,
    /// Bytes that are taken and not written yet.
    pub queued: Gauge<i64, AtomicI64>,
    /// How often a request waited because the queue was full.
    pub waits: Counter,
    /// Writes that failed; they are tried again.
    pub write_errors: Counter,
    /// 1 while writes fail, else 0.
    pub failing: Gauge<i64, AtomicI64>,
}

/// How the store commits.
#[derive(Debug)]
pub struct StoreMetrics {
    /// Commits that were made.
    pub commits: Counter,
    /// Commits that failed because another writer was faster; the operation starts again.
    pub conflicts: Counter,
    /// Commits that were refused because a unique value is taken.
    pub taken: Counter,
    /// Commits that were made durable together.
    pub group_size: Arc<Histogram>,
    /// How long making a group durable took; on a database, its whole transaction.
    pub flush_seconds: Arc<Histogram>,
    /// How long nobody could read or write while the embedded store was reopened.
    pub renewal_seconds: Arc<Histogram>,
    /// How often that was postponed because of a long read.
    pub renewals_put_off: Counter,
    /// 1 while the store refuses writes after one has failed, else 0.
    pub refusing: Gauge<i64, AtomicI64>,
    /// Transactions that were repeated because of a conflict or a broken connection.
    pub retries: Counter,
    /// Connections to the database.
    pub connections: Gauge<i64, AtomicI64>,
    /// Callers that wait for one.
    pub waiting: Gauge<i64, AtomicI64>,
}

/// A number of things that are going on. Each is a guard, so none is forgotten.
#[derive(Debug, Clone, Default)]
pub struct Level(Gauge<i64, AtomicI64>);

/// One thing that goes on, until it is dropped.
#[derive(Debug)]
pub struct Entered(Gauge<i64, AtomicI64>);

impl Level {
    /// Counts one more, until the guard is dropped.
    pub fn enter(&self) -> Entered {
        self.0.inc();
        Entered(self.0.clone())
    }

    pub fn now(&self) -> i64 {
        self.0.get()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Counters at zero. `start` is when the process started.
    pub fn new(start: Timestamp) -> Self {
        Self::with_store(start, Arc::default())
    }

    /// The same with what a store counts.
    pub fn with_store(start: Timestamp, store: Arc<StoreMetrics>) -> Self {
        let mut metrics = Self {
            requests: Arc::default(),
            in_flight: Level::default(),
            connections: Level::default(),
            connections_refused: Counter::default(),
            tls_failures: Counter::default(),
            rate_limited: Counter::default(),
            address_limited: Counter::default(),
            authentication_failures: Counter::default(),
            bulk_operations: Counter::default(),
            oauth: Arc::default(),
            audit: Arc::default(),
            request_log: Arc::default(),
            store,
            events: Arc::default(),
            tenants: TenantMetrics::default(),
            traces: Spans::default(),
            registry: Registry::default(),
        };
        metrics.register(start);
        metrics
    }

    /// The text of a scrape. Its media type is [`Metrics::MEDIA_TYPE`].
    pub fn encode(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        // Writing to a `String` cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }

    /// The media type of [`Metrics::encode`].
    pub const MEDIA_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Shows when the served certificate ends. Each scrape asks `end`, so that a renewal is seen.
    pub fn show_certificate(&mut self, end: impl Fn() -> Option<Timestamp> + Send + Sync + 'static) {
        self.registry.register_collector(Box::new(certificate::Expiry(Box::new(end))));
    }

    /// Registers all. The pattern names every field, here and in each part: one that is not registered does not compile.
    fn register(&mut self, start: Timestamp) {
        let Self {
            requests,
            in_flight,
            connections,
            connections_refused,
            tls_failures,
            rate_limited,
            address_limited,
            authentication_failures,
            bulk_operations,
            oauth,
            audit,
            request_log,
            store,
            events,
            tenants,
            traces,
            registry,
        } = self;
        events.register(registry);
        tenants.register(registry);
        traces::register(traces, registry.sub_registry_with_prefix("scim_trace_spans"));
        register_process(registry, start);
        oauth.register(registry.sub_registry_with_prefix("scim_oauth"));
        audit.register(registry.sub_registry_with_prefix("scim_audit"));
        request_log.register(registry.sub_registry_with_prefix("scim_request_log"));
        store.register(registry.sub_registry_with_prefix("scim_store"));
        let http = registry.sub_registry_with_prefix("scim");
        http.register_collector(Box::new(Arc::clone(requests)));
        http.register("requests_in_flight", "Requests being served", in_flight.0.clone());
        http.register("connections", "Open connections", connections.0.clone());
        http.register(
            "connections_refused",
            "Connections closed because there were too many without a valid token",
            connections_refused.clone(),
        );
        http.register("tls_failures", "TLS handshakes that failed or took too long", tls_failures.clone());
        http.register("rate_limited", "Requests refused for the rate of their token", rate_limited.clone());
        http.register(
            "address_limited",
            "Requests refused for too many failed authentications from their address",
            address_limited.clone(),
        );
        http.register("authentication_failures", "Requests without a valid token", authentication_failures.clone());
        http.register("bulk_operations", "Operations inside bulk requests", bulk_operations.clone());
    }
}

fn register_process(registry: &mut Registry, start: Timestamp) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit 53 bits for 285,000 years")]
    gauge.set(start.as_millis() as f64 / 1000.0);
    registry.register_with_unit("process_start_time", "When the process started", Unit::Seconds, gauge);
    registry.register_collector(Box::new(memory::Resident));
}

impl AuditMetrics {
    fn register(&self, audit: &mut Registry) {
        let Self { records, queued, waits, write_errors, failing } = self;
        audit.register("records", "Audit records taken", records.clone());
        audit.register_with_unit("queue", "Audit log not written yet", Unit::Bytes, queued.clone());
        audit.register("waits", "Requests that waited for the audit log", waits.clone());
        audit.register("write_errors", "Writes of the audit log that failed", write_errors.clone());
        audit.register("failing", "1 while the audit log cannot be written, else 0", failing.clone());
    }
}

impl StoreMetrics {
    fn register(&self, store: &mut Registry) {
        let Self {
            commits,
            conflicts,
            taken,
            group_size,
            flush_seconds,
            renewal_seconds,
            renewals_put_off,
            refusing,
            retries,
            connections,
            waiting,
        } = self;
        store.register("commits", "Commits made", commits.clone());
        store.register("conflicts", "Commits refused because another was first", conflicts.clone());
        store.register("taken", "Commits refused because a unique value is taken", taken.clone());
        store.register("retries", "Transactions run again", retries.clone());
        store.register("connections", "Connections to the database", connections.clone());
        store.register("connections_awaited", "Callers waiting for a connection", waiting.clone());
        store.register(
            "renewals_put_off",
            "Renewals of the store put off for somebody who was reading",
            renewals_put_off.clone(),
        );
        store.register(
            "refusing_writes",
            "1 while a write has failed and the store takes no other until it is reopened",
            refusing.clone(),
        );
        let mut histogram = |name, help, unit, histogram: &Arc<Histogram>| {
            let histogram = Arc::clone(histogram);
            store.register_collector(Box::new(histogram::Named { name, help, unit, histogram }));
        };
        histogram("group_size", "Commits made durable together", None, group_size);
        histogram("flush", "Time to make a group of commits durable", Some(Unit::Seconds), flush_seconds);
        histogram("renewal", "Time in which the store was reopened", Some(Unit::Seconds), renewal_seconds);
    }
}

impl StoreMetrics {
    /// Notes that so many commits were made durable together, in so many seconds.
    pub fn flushed(&self, commits: u64, took: std::time::Duration) {
        self.commits.inc_by(commits);
        self.group_size.observe(commits);
        self.flush_seconds.observe_duration(took);
    }
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self {
            commits: Counter::default(),
            conflicts: Counter::default(),
            taken: Counter::default(),
            group_size: Arc::new(Histogram::counts()),
            flush_seconds: Arc::new(Histogram::durations()),
            renewal_seconds: Arc::new(Histogram::durations()),
            renewals_put_off: Counter::default(),
            refusing: Gauge::default(),
            retries: Counter::default(),
            connections: Gauge::default(),
            waiting: Gauge::default(),
        }
    }
}

#[cfg(test)]
mod named;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_scrape_shows_what_was_counted_under_the_documented_names() {
        let metrics = Metrics::new(Timestamp::from_millis(1_700_000_000_500));
        metrics.requests.observe(Operation::Create, 201, Duration::from_micros(300));
        metrics.requests.observe(Operation::Create, 409, Duration::from_millis(20));
        metrics.requests.observe(Operation::Retrieve, 599, Duration::ZERO);
        metrics.store.flushed(3, Duration::from_millis(4));
        metrics.rate_limited.inc();
        metrics.audit.queued.set(17);
        let (_first, second) = (metrics.in_flight.enter(), metrics.in_flight.enter());
        drop(second);
        let text = metrics.encode();
        for line in [
            "process_start_time_seconds 1700000000.5",
            "scim_requests_total{operation=\"create\",status=\"201\"} 1",
            "scim_requests_total{operation=\"create\",status=\"409\"} 1",
            "scim_requests_total{operation=\"retrieve\",status=\"other\"} 1",
            "scim_request_duration_seconds_bucket{le=\"0.00025\",operation=\"create\"} 0",
            "scim_request_duration_seconds_bucket{le=\"0.0005\",operation=\"create\"} 1",
            "scim_request_duration_seconds_bucket{le=\"+Inf\",operation=\"create\"} 2",
            "scim_request_duration_seconds_sum{operation=\"create\"} 0.0203",
            "scim_requests_in_flight 1",
            "scim_rate_limited_total 1",
            "scim_audit_queue_bytes 17",
            "scim_store_commits_total 3",
            "scim_store_group_size_bucket{le=\"4.0\"} 1",
            "scim_store_flush_seconds_count 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("operation=\"delete\""), "what never happened takes no room");
    }

    #[test]
    fn every_operation_is_counted_under_itself() {
        let metrics = Metrics::new(Timestamp::default());
        for operation in Operation::ALL {
            metrics.requests.observe(operation, 200, Duration::ZERO);
            assert_eq!(metrics.requests.count(operation, 200), 1, "{}", operation.name());
        }
    }
}
