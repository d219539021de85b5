//! How clients come by their tokens.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use scim_protocol::Timestamp;

/// What is counted of OAuth.
#[derive(Debug, Default)]
pub struct OAuthMetrics {
    /// Access tokens issued.
    pub issued: Counter,
    /// Requests to the authorization server that were refused.
    pub refused: Counter,
    /// Fetches of issuers' keys that failed.
    pub jwks_failures: Counter,
    /// When the keys of each issuer were last fetched.
    jwks_fetched: Family<Vec<(String, String)>, Gauge<f64, AtomicU64>>,
}

impl OAuthMetrics {
    /// Notes that the keys at that address were fetched.
    pub fn fetched(&self, address: &str, at: Timestamp) {
        let gauge = self.jwks_fetched.get_or_create(&vec![("uri".to_owned(), address.to_owned())]);
        #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit 53 bits for 285,000 years")]
        gauge.set(at.as_millis() as f64 / 1000.0);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { issued, refused, jwks_failures, jwks_fetched } = self;
        registry.register("tokens_issued", "Access tokens issued to OAuth clients", issued.clone());
        registry.register("refused", "Requests of OAuth clients that were refused", refused.clone());
        registry.register("jwks_failures", "Fetches of issuers' keys that failed", jwks_failures.clone());
        registry.register_with_unit(
            "jwks_fetched_timestamp",
            "When the keys of an issuer were last fetched",
            Unit::Seconds,
            jwks_fetched.clone(),
        );
    }
}
