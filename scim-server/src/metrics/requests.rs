//! Requests by operation and status, and how long they took.

use std::{
    array, fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
    registry::Unit,
};

use super::{Durations, Histogram};

/// What a request was, as metrics tell requests apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Operation {
    /// POST of a resource (RFC 7644 §3.3).
    Create,
    /// GET by id (§3.4.1).
    Retrieve,
    /// GET of a list (§3.4.2).
    Query,
    /// POST of `.search` (§3.4.3).
    Search,
    /// PUT (§3.5.1).
    Replace,
    /// PATCH (§3.5.2).
    Modify,
    /// DELETE (§3.6).
    Delete,
    /// Bulk (§3.7).
    Bulk,
    /// ServiceProviderConfig, ResourceTypes, Schemas (§4).
    Discover,
    /// The feed of events.
    Feed,
    /// What applications may know of users.
    Access,
    /// OAuth: access tokens, and metadata.
    Authorize,
    /// Pages of the setup of a provider.
    Setup,
    /// No endpoint that exists.
    Unknown,
}

impl Operation {
    pub(super) const ALL: [Self; 14] = [
        Self::Create,
        Self::Retrieve,
        Self::Query,
        Self::Search,
        Self::Replace,
        Self::Modify,
        Self::Delete,
        Self::Bulk,
        Self::Discover,
        Self::Feed,
        Self::Access,
        Self::Authorize,
        Self::Setup,
        Self::Unknown,
    ];

    /// The label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Retrieve => "retrieve",
            Self::Query => "query",
            Self::Search => "search",
            Self::Replace => "replace",
            Self::Modify => "modify",
            Self::Delete => "delete",
            Self::Bulk => "bulk",
            Self::Discover => "discover",
            Self::Feed => "feed",
            Self::Access => "access",
            Self::Authorize => "authorize",
            Self::Setup => "setup",
            Self::Unknown => "unknown",
        }
    }
}

/// The statuses that this server gives. Any other is counted under its hundred.
const STATUSES: [u16; 27] = [
    200, 201, 202, 204, 303, 304, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 414, 415, 429, 431, 500, 501, 503,
    100, 300, 505, 0,
];

/// Counters of each operation.
#[derive(Debug)]
pub struct Requests {
    operations: [Counters; Operation::ALL.len()],
}

/// Of one operation. Aligned, so that cores that count different operations do not share a cache
/// line.
#[derive(Debug)]
#[repr(align(128))]
struct Counters {
    statuses: [AtomicU64; STATUSES.len()],
    duration: Histogram,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            operations: array::from_fn(|_| Counters {
                statuses: array::from_fn(|_| AtomicU64::new(0)),
                duration: Histogram::durations(),
            }),
        }
    }
}

impl Requests {
    /// Counts a request that was answered with `status` after so long, without the time for which it was asked to
    /// wait for events.
    pub fn observe(&self, operation: Operation, status: u16, took: Duration) {
        let Some(counters) = self.operations.get(operation as usize) else { return };
        let slot = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len() - 1);
        if let Some(counter) = counters.statuses.get(slot) {
            counter.fetch_add(1, Relaxed);
        }
        counters.duration.observe_duration(took);
    }

    /// How many requests of an operation were answered with `status`.
    pub fn count(&self, operation: Operation, status: u16) -> u64 {
        let slot = STATUSES.iter().position(|known| *known == status);
        let counters = self.operations.get(operation as usize);
        slot.zip(counters).and_then(|(slot, c)| c.statuses.get(slot)).map_or(0, |counter| counter.load(Relaxed))
    }

    /// How many requests were answered with what was asked for, refused (4xx), and failed (5xx).
    pub fn outcomes(&self) -> [u64; 3] {
        let mut outcomes = [0; 3];
        for (_, counters) in self.used() {
            for (status, counter) in STATUSES.iter().zip(&counters.statuses) {
                let [answered, refused, failed] = &mut outcomes;
                let outcome = match status {
                    400..=499 => refused,
                    500..=599 => failed,
                    _ => answered,
                };
                *outcome += counter.load(Relaxed);
            }
        }
        outcomes
    }

    /// How long all of them took.
    pub fn durations(&self) -> Durations {
        let mut durations = Durations::default();
        self.operations.iter().for_each(|counters| durations.add(counters.duration.counted()));
        durations
    }

    fn used(&self) -> impl Iterator<Item = (&'static str, &Counters)> {
        Operation::ALL
            .iter()
            .zip(&self.operations)
            .filter(|(_, counters)| !counters.duration.is_empty())
            .map(|(operation, counters)| (operation.name(), counters))
    }
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut family = encoder.encode_descriptor("requests", "Requests answered", None, MetricType::Counter)?;
        for (operation, counters) in self.used() {
            for (status, counter) in STATUSES.iter().zip(&counters.statuses) {
                let count = counter.load(Relaxed);
                if count > 0 {
                    let status = if *status == 0 { "other".to_owned() } else { status.to_string() };
                    let labels = [("operation", operation), ("status", &status)];
                    ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        let mut family = encoder.encode_descriptor(
            "request_duration",
            "From the request's header to the response's, without waiting for events",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (operation, counters) in self.used() {
            counters.duration.encode(family.encode_family(&[("operation", operation)])?)?;
        }
        Ok(())
    }
}
