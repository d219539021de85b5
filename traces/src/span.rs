//! One span, and what goes on within it.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};

/// On which side of a call a span stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It answers one.
    Server,
    /// It makes one.
    Client,
    /// It is work of this process.
    Internal,
}

impl From<Kind> for SpanKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Server => Self::Server,
            Kind::Client => Self::Client,
            Kind::Internal => Self::Internal,
        }
    }
}

/// A span that is recorded. It ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    told: SdkSpan,
    tracer: SdkTracer,
    below: u32,
}

/// The span that a task works within.
struct Around {
    tracer: SdkTracer,
    context: Context,
    left: AtomicU32,
}

tokio::task_local! {
    static AROUND: Option<Arc<Around>>;
}

fn around() -> Option<Arc<Around>> {
    AROUND.try_with(Option::clone).ok().flatten()
}

/// A span below the one that this task works within; `None` where there is none, or where it has enough of them.
pub fn child(name: &'static str, kind: Kind) -> Option<Span> {
    let around = around()?;
    let take = |left: u32| left.checked_sub(1);
    around.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
    let builder = around.tracer.span_builder(name).with_kind(kind.into());
    Span::recorded(around.tracer.build_with_context(builder, &around.context), &around.tracer, 0)
}

/// The same work, to be done by another task within the span that this one works within.
pub fn within_same<F: Future>(work: F) -> impl Future<Output = F::Output> {
    AROUND.scope(around(), work)
}

impl Span {
    /// The span, if it is recorded at all.
    pub(super) fn recorded(span: SdkSpan, tracer: &SdkTracer, below: u32) -> Option<Self> {
        span.is_recording().then(|| Self { told: span, tracer: tracer.clone(), below })
    }

    /// Notes a fact. It must be ours: a word, a number, an id, what an administrator has set; never a value of a request.
    pub fn note(&mut self, key: &'static str, value: impl Into<Value>) {
        self.told.set_attribute(KeyValue::new(key, value));
    }

    /// Gives it another name.
    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        self.told.update_name(name);
    }

    /// Notes that it has failed, and how: a word of ours, or a status (`error.type` of the semantic conventions).
    pub fn fail(&mut self, how: impl Into<Value>) {
        self.note("error.type", how);
        self.told.set_status(Status::error(""));
    }

    /// The header that makes another program's spans children of this one.
    pub fn traceparent(&self) -> String {
        let context = self.told.span_context();
        format!("00-{:032x}-{:016x}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags())
    }

    /// The same work, whose spans are below this one.
    pub fn within<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let context = Context::new().with_remote_span_context(self.told.span_context().clone());
        let around = Around { tracer: self.tracer.clone(), context, left: AtomicU32::new(self.below) };
        AROUND.scope(Some(Arc::new(around)), work)
    }
}
