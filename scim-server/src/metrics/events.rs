//! What is counted of events on their way to applications.

use std::sync::atomic::AtomicI64;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// How far readers are behind, by labels.
pub type Lags = Family<Vec<(&'static str, String)>, Gauge<i64, AtomicI64>>;

/// What is counted of events.
#[derive(Debug, Default)]
pub struct EventMetrics {
    /// Messages that an endpoint has taken.
    pub taken: Counter,
    /// Tries after which it had not.
    pub failed: Counter,
    /// Messages that were given up.
    pub dead_letters: Counter,
    /// Events that consumers have not had.
    pub consumers: Lags,
    /// Events that were not looked at for a webhook, and messages that wait.
    pub webhooks: Lags,
}

impl EventMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { taken, failed, dead_letters, consumers, webhooks } = self;
        let events = registry.sub_registry_with_prefix("scim");
        events.register("webhook_messages_taken", "Messages that an endpoint has taken", taken.clone());
        events.register(
            "webhook_tries_failed",
            "Tries after which an endpoint had not taken a message",
            failed.clone(),
        );
        events.register("webhook_dead_letters", "Messages that were given up", dead_letters.clone());
        events.register("consumer_lag", "Events that a consumer has not had", consumers.clone());
        events.register("webhook_lag", "Events that are still to be sent to a webhook", webhooks.clone());
    }
}
