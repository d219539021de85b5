//! The memory of the process, asked for at each scrape.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
    registry::Unit,
};

/// The resident memory of this process in bytes, as Linux tells it; `None` on other systems.
pub fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Shows it under the name that programs of all kinds have for it.
#[derive(Debug)]
pub(super) struct Resident;

impl Collector for Resident {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(bytes) = resident().and_then(|bytes| i64::try_from(bytes).ok()) else { return Ok(()) };
        let gauge = ConstGauge::new(bytes);
        let place = encoder.encode_descriptor(
            "process_resident_memory",
            "Resident memory",
            Some(&Unit::Bytes),
            gauge.metric_type(),
        )?;
        gauge.encode(place)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_process_takes_some_memory() {
        assert!(super::resident().is_some_and(|bytes| bytes > 1 << 20));
    }
}
