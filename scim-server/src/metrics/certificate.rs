//! When the served certificate ends, asked for at each scrape: it may have been replaced.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
    registry::Unit,
};
use scim_protocol::Timestamp;

/// Says when what is served now ends; `None` when nobody knows.
pub(super) struct Expiry(pub(super) Box<dyn Fn() -> Option<Timestamp> + Send + Sync>);

impl Collector for Expiry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(end) = (self.0)() else { return Ok(()) };
        let gauge = ConstGauge::new(end.as_millis() / 1000);
        let place = encoder.encode_descriptor(
            "scim_tls_certificate_expiry_timestamp",
            "When the served certificate ends, in seconds since 1970",
            Some(&Unit::Seconds),
            gauge.metric_type(),
        )?;
        gauge.encode(place)
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expiry").finish_non_exhaustive()
    }
}
