//! How the log of requests keeps up.

use std::sync::atomic::AtomicI64;

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};

/// What is counted of the log of requests.
#[derive(Debug, Default)]
pub struct RequestLogMetrics {
    /// Calls that were written.
    pub calls: Counter,
    /// Calls that were not: there was no room in memory or on the disk.
    pub lost: Counter,
    /// How much its files take.
    pub bytes: Gauge<i64, AtomicI64>,
}

impl RequestLogMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { calls, lost, bytes } = self;
        registry.register("calls", "Calls written to the request log", calls.clone());
        registry.register("lost", "Calls that the request log could not keep", lost.clone());
        registry.register_with_unit("size", "What the request log takes on the disk", Unit::Bytes, bytes.clone());
    }
}
