//! Traces: how long a request took, and the work behind it, told to a collector of OpenTelemetry (OTLP over HTTP).
//!
//! Whoever serves a request [begins](Traces::begin) a span, and does the work [within](Span::within) it. What lies
//! deeper asks for a [child], and needs to know of nobody: it gets none outside a span that is recorded, so the work of
//! a program without a collector looks once at a variable of its task. What is told is names of ours, numbers and ids of
//! ours, and never a value that somebody sent.
//!
//! A span that has ended waits in memory, in a [bounded queue](queue), for the task that sends them. Nobody waits for
//! the collector: what it does not take is lost and counted.

mod collector;
mod queue;
pub mod settings;
mod span;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::HeaderMap;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use prometheus_client::metrics::counter::Counter;
use rustls::ClientConfig;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::{collector::Collector, queue::Queue};
pub use self::{
    collector::{HeadersError, headers},
    span::{Kind, Span, child, within_same},
};

/// The header with the span that a request belongs to (W3C Trace Context, §3.2).
pub const TRACEPARENT: &str = "traceparent";
/// How long the end of the program waits for the collector.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why no traces can be told.
#[derive(Debug, thiserror::Error)]
#[error("spans cannot be sent to {endpoint}: {reason}")]
pub struct TracesError {
    endpoint: String,
    reason: String,
}

/// Where spans go, and how many.
#[derive(Debug)]
pub struct Settings {
    /// The URL of the collector; spans go to `/v1/traces` below it.
    pub endpoint: String,
    /// Headers of each request to it.
    pub headers: HashMap<String, String>,
    /// TLS, where the URL wants it.
    pub tls: ClientConfig,
    /// Which part of the traces that begin here is recorded: 0 to 1. Who has begun a trace elsewhere decides on it.
    pub sample: f64,
    /// `service.name`: which program this is.
    pub service: &'static str,
    /// `service.version`
    pub version: &'static str,
    /// `service.instance.id`: which process.
    pub instance: String,
    /// How many spans are told below one: some work asks a thousand times.
    pub below: u32,
}

/// What becomes of spans.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    /// The collector has taken them.
    pub sent: Counter,
    /// It has not, or there was no room to wait.
    pub lost: Counter,
}

/// Records spans, and sends them.
#[derive(Debug)]
pub struct Traces {
    tracer: SdkTracer,
    below: u32,
    stop: watch::Sender<bool>,
    sending: Mutex<Option<JoinHandle<()>>>,
}

impl Traces {
    /// Starts to send, on the runtime that this is called on.
    pub fn start(settings: Settings, counted: Spans) -> Result<Self, TracesError> {
        let Settings { service, sample, below, .. } = settings;
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.version", settings.version))
            .with_attribute(KeyValue::new("service.instance.id", settings.instance.clone()))
            .build();
        let endpoint = settings.endpoint.clone();
        let failed = |reason| TracesError { endpoint: endpoint.clone(), reason };
        let collector = Collector::new(settings, &resource).map_err(failed)?;
        let queue = Arc::new(Queue::new(counted));
        let (stop, stopped) = watch::channel(false);
        let sending = tokio::spawn(queue::send(Arc::clone(&queue), collector, endpoint, stopped));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample))))
            .with_span_processor(queue::Processor(queue))
            .build();
        Ok(Self { tracer: provider.tracer(service), below, stop, sending: Mutex::new(Some(sending)) })
    }

    /// Begins a span below what is in these headers of a request, or a trace of its own; `None` unless it is recorded.
    pub fn begin(&self, name: &'static str, kind: Kind, headers: Option<&HeaderMap>) -> Option<Span> {
        let around = match headers {
            Some(headers) if headers.contains_key(TRACEPARENT) => {
                TraceContextPropagator::new().extract_with_context(&Context::new(), &Parent(headers))
            }
            _ => Context::new(),
        };
        let builder = self.tracer.span_builder(name).with_kind(kind.into());
        Span::recorded(self.tracer.build_with_context(builder, &around), &self.tracer, self.below)
    }

    /// Sends what has ended, for a while at most. Later spans are lost.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut sending) = sending else { return };
        if timeout(PATIENCE, &mut sending).await.is_err() {
            sending.abort();
            tracing::warn!("the last spans were not sent: the collector does not answer");
        }
    }
}

/// The span that a request says it belongs to. `tracestate` is passed over: anything may be in it, and nobody here is asked
/// to carry it on.
struct Parent<'a>(&'a HeaderMap);

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).filter(|_| key == TRACEPARENT)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

#[cfg(test)]
mod tests;
