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
    /// Events whose tokens the receiver of a stream has not acknowledged.
    pub streams: Lags,
    /// Events that a sink has not taken.
    pub sinks: Lags,
    /// What became of security event tokens.
    pub tokens: TokenMetrics,
}

/// What is counted of security event tokens.
#[derive(Debug, Default)]
pub struct TokenMetrics {
    /// Tokens that a receiver has taken when they were sent.
    pub taken: Counter,
    /// Tries after which it had not.
    pub failed: Counter,
    /// Tokens that a receiver said it cannot use, whether they were sent or polled. It does not get them again.
    pub refused: Counter,
}

impl EventMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { taken, failed, dead_letters, consumers, webhooks, streams, sinks, tokens } = self;
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
        events.register("stream_lag", "Events that the receiver of a stream has not acknowledged", streams.clone());
        events.register("sink_lag", "Events that a sink has not taken", sinks.clone());
        let TokenMetrics { taken, failed, refused } = tokens;
        events.register("stream_tokens_taken", "Tokens that a receiver has taken when they were sent", taken.clone());
        events.register("stream_tries_failed", "Tries after which a receiver had not taken a token", failed.clone());
        events.register("stream_tokens_refused", "Tokens that a receiver cannot use", refused.clone());
    }
}
