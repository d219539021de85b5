//! What becomes of spans.

use ::traces::Spans;
use prometheus_client::registry::Registry;

/// Shows what becomes of spans.
pub(super) fn register(Spans { sent, lost }: &Spans, registry: &mut Registry) {
    registry.register("sent", "Spans that the collector has taken", sent.clone());
    registry.register("lost", "Spans that it has not taken, or for which there was no room", lost.clone());
}
