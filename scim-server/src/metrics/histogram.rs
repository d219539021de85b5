//! A histogram of atomics. prometheus-client's own takes a lock for each observation, which every
//! request of every core would meet.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

/// Upper bounds of durations, in microseconds: from a cached read to a request that ran into its
/// deadline.
pub(super) const DURATIONS: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];
/// Upper bounds of counts.
const COUNTS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// How often values fell between bounds. The values are integers: counts, or microseconds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// By how much values are divided when they are shown: a million for microseconds.
    scale: f64,
    /// One more than `bounds`: the last one is what lies above all of them.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// Of durations, from 100 µs to 10 s.
    pub fn durations() -> Self {
        Self::new(&DURATIONS, 1e6)
    }

    /// Of counts, in powers of two from 1 to 1024.
    pub fn counts() -> Self {
        Self::new(COUNTS, 1.0)
    }

    fn new(bounds: &'static [u64], scale: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, scale, buckets, sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
    }

    /// Counts a duration.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many values fell between the bounds, in their order.
    pub(super) fn counted(&self) -> impl Iterator<Item = u64> {
        self.buckets.iter().map(|bucket| bucket.load(Relaxed))
    }

    /// Whether nothing was counted yet.
    pub fn is_empty(&self) -> bool {
        self.counted().all(|count| count == 0)
    }

    #[allow(clippy::cast_precision_loss, reason = "a sum above 2^53 may lose its last digits")]
    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let buckets: Vec<(f64, u64)> = self
            .bounds
            .iter()
            .map(|bound| *bound as f64 / self.scale)
            .chain([f64::INFINITY])
            .zip(self.counted())
            .collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.sum.load(Relaxed) as f64 / self.scale;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

/// A histogram under its name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: Option<Unit>,
    pub(super) histogram: Arc<Histogram>,
}

impl Collector for Named {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let metric = encoder.encode_descriptor(self.name, self.help, self.unit.as_ref(), MetricType::Histogram)?;
        self.histogram.encode(metric)
    }
}
