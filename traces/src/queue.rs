//! Spans that have ended and are not sent.
//!
//! The processor of the SDK would do, but for three things: its thread has no runtime, and our client of HTTP needs one;
//! it does not tell how many spans it has dropped; and it logs each request that fails.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry::Context;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use tokio::sync::{Notify, watch};

use super::{Spans, collector::Collector};

/// How many spans wait at most; as many again may be on their way.
pub(super) const MOST: usize = 4096;
/// How many are sent in one request, and after how many the sending begins at once.
const BATCH: usize = 1024;
/// After which time it begins otherwise.
const PERIOD: Duration = Duration::from_secs(1);
const A_MINUTE: Duration = Duration::from_secs(60);

/// The spans that wait.
#[derive(Debug)]
pub(super) struct Queue {
    spans: Mutex<Vec<SpanData>>,
    /// Told when a batch is there.
    batch: Notify,
    counted: Spans,
}

impl Queue {
    pub(super) fn new(counted: Spans) -> Self {
        Self { spans: Mutex::default(), batch: Notify::new(), counted }
    }

    /// Adds a span, unless there is no room.
    fn add(&self, span: SpanData) {
        let number = {
            let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
            if spans.len() < MOST {
                spans.push(span);
            } else {
                self.counted.lost.inc();
            }
            spans.len()
        };
        if number == BATCH {
            self.batch.notify_one();
        }
    }

    fn take(&self) -> Vec<SpanData> {
        mem::take(&mut *self.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The queue, as the SDK knows it.
#[derive(Debug)]
pub(super) struct Processor(pub(super) Arc<Queue>);

impl SpanProcessor for Processor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.add(span);
    }

    /// [`Traces::stop`](super::Traces::stop) sends what is left.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends what comes into the queue, until it is told to stop, and then what is left.
pub(super) async fn send(
    queue: Arc<Queue>,
    collector: Collector,
    endpoint: String,
    mut stopped: watch::Receiver<bool>,
) {
    let mut complaint = Complaint::default();
    loop {
        let is_last = tokio::select! {
            () = tokio::time::sleep(PERIOD) => false,
            () = queue.batch.notified() => false,
            // It fails when nobody can stop it any more, which is as good.
            _ = stopped.changed() => true,
        };
        let mut spans = queue.take().into_iter();
        loop {
            let batch: Vec<_> = spans.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let number = batch.len() as u64;
            match collector.send(batch).await {
                Ok(()) => {
                    queue.counted.sent.inc_by(number);
                }
                Err(why) => {
                    queue.counted.lost.inc_by(number);
                    complaint.of(&endpoint, &why, queue.counted.lost.get());
                }
            }
        }
        if is_last {
            return;
        }
    }
}

/// That the collector takes nothing is logged once a minute.
#[derive(Default)]
struct Complaint(Option<Instant>);

impl Complaint {
    fn of(&mut self, endpoint: &str, why: &str, lost: u64) {
        if self.0.is_none_or(|last| last.elapsed() >= A_MINUTE) {
            self.0 = Some(Instant::now());
            tracing::warn!(why, endpoint, lost, "the collector takes no spans: they are lost, and nothing else is");
        }
    }
}
