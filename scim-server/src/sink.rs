//! Sinks: where the events of all tenants go, without anybody who asks for them.
//!
//! A [`Sink`] takes lines and says when they are durable; [`Forwarder`] brings them from the logs, and keeps in the store
//! how far the sink has come with each tenant. When the process ends between the two, the same lines come again: a line
//! is told at least once, and its tenant and number say that it is the same.

mod file;
#[cfg(feature = "kafka")]
mod kafka;
mod line;
#[cfg(feature = "nats")]
mod nats;
mod place;

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use scim_protocol::Error;
use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

#[cfg(feature = "kafka")]
pub use self::kafka::{KafkaError, KafkaSink};
#[cfg(feature = "nats")]
pub use self::nats::{NatsError, NatsSink};
use self::place::Place;
pub use self::{
    file::FileSink,
    line::{Form, Line},
    place::{forget, position},
};
use crate::{
    access::Access,
    operation::{Operations, feed::FeedQuery},
    store::TenantId,
    tenant::{Tenant, judged::is_of_a_run},
};

/// How often it is looked for what other processes have written, and for a sink that works again.
const LOOK: Duration = Duration::from_millis(500);
/// How long this process may write to the sink unless it says so again, in milliseconds.
const LEASE: i64 = 15_000;
/// Events of one tenant that are read at a time.
const EVENTS: usize = 500;
/// Lines after which what was read is written.
const LINES: usize = 2_000;

/// Why a sink has not taken lines. They come again.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The file cannot be written.
    #[error("cannot write the event file: {0}")]
    File(#[from] std::io::Error),
    /// NATS has not stored a message.
    #[cfg(feature = "nats")]
    #[error("{0}")]
    Nats(String),
    /// Kafka has not stored a message.
    #[cfg(feature = "kafka")]
    #[error("{0}")]
    Kafka(String),
    /// The store, or what it holds.
    #[error(transparent)]
    Events(#[from] Error),
}

/// Something that takes events.
#[async_trait]
pub trait Sink: Send + Sync {
    /// What it is called: its places are kept under this name.
    fn name(&self) -> &'static str;

    /// How it is told of an event.
    fn form(&self) -> Form;

    /// Takes lines, in this order, and returns when they are durable. After an error none of them counts as taken.
    async fn take(&mut self, lines: &[Line]) -> Result<(), SinkError>;
}

/// The chore of whoever brings events to the sink of that name.
pub fn chore(sink: &str) -> String {
    format!("sink {sink}")
}

/// Brings events to a sink.
pub struct Forwarder {
    operations: Arc<Operations>,
    access: Arc<Access>,
    sink: Box<dyn Sink>,
    /// The URL of this server (`public_url`), by which messages that are too large tell where the resource is.
    base: Arc<dyn Fn() -> String + Send + Sync>,
    process: Uuid,
    /// How far the sink is with each tenant, as long as this process has the lease.
    places: HashMap<TenantId, Place>,
    /// With which tenant the next turn begins, so that none waits for the others for ever.
    first: usize,
}

impl Forwarder {
    pub fn new(
        operations: Arc<Operations>,
        access: Arc<Access>,
        sink: Box<dyn Sink>,
        base: Arc<dyn Fn() -> String + Send + Sync>,
    ) -> Self {
        Self { operations, access, sink, base, process: Uuid::new_v4(), places: HashMap::new(), first: 0 }
    }

    /// Brings events until it is stopped.
    pub async fn run(mut self, mut stopped: watch::Receiver<()>) {
        let mut failed = String::new();
        loop {
            let changes = self.operations.store.changes();
            let mut changed = pin!(changes.notified());
            changed.as_mut().enable();
            let turn = tokio::select! {
                turn = self.turn() => turn,
                _ = stopped.changed() => break,
            };
            match turn {
                Ok(true) => {
                    failed.clear();
                    continue;
                }
                Ok(false) => failed.clear(),
                Err(error) => {
                    // Each reason is told once, not twice a second.
                    if failed != error.to_string() {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            sink = self.sink.name(),
                            "events cannot be written; they are kept, and tried again"
                        );
                    }
                    failed = error.to_string();
                    self.places.clear();
                    tokio::time::sleep(LOOK).await;
                }
            }
            tokio::select! {
                _ = timeout(LOOK, changed) => {}
                _ = stopped.changed() => break,
            }
        }
        let _ = self.operations.store.lease(&self.chore(), self.process, 0).await;
    }

    fn chore(&self) -> String {
        chore(self.sink.name())
    }

    /// Brings what has come since the last turn. Whether there may be more at once.
    async fn turn(&mut self) -> Result<bool, SinkError> {
        let store = Arc::clone(&self.operations.store);
        if !store.lease(&self.chore(), self.process, LEASE).await.map_err(Error::from)? {
            self.places.clear();
            return Ok(false);
        }
        let mut tenants = self.access.tenants();
        tenants.retain(|tenant| !tenant.importing && !store.is_away(tenant.home) && !is_of_a_run(&tenant.name));
        tenants.sort_by_key(|tenant| tenant.id);
        let first = self.first % tenants.len().max(1);
        tenants.rotate_left(first);
        let (mut lines, mut moved) = (Vec::new(), Vec::new());
        for tenant in tenants {
            self.first = self.first.wrapping_add(1);
            let before = self.place(&tenant).await?;
            let after = self.read(&tenant, &before, &mut lines).await?;
            if after != before {
                moved.push(after);
            }
            if lines.len() >= LINES {
                break;
            }
        }
        if moved.is_empty() {
            return Ok(false);
        }
        if !lines.is_empty() {
            self.sink.take(&lines).await?;
        }
        place::keep(&*store, &moved).await.map_err(Error::from)?;
        self.places.extend(moved.into_iter().map(|place| (place.tenant, place)));
        Ok(true)
    }

    /// How far the sink is with a tenant: at first before the oldest event that is kept.
    async fn place(&mut self, tenant: &Tenant) -> Result<Place, SinkError> {
        if let Some(place) = self.places.get(&tenant.id).filter(|place| place.log == tenant.home) {
            return Ok(place.clone());
        }
        let store = &self.operations.store;
        let kept = place::find(&**store, self.sink.name(), tenant.id).await.map_err(Error::from)?;
        let place = match kept {
            Some(place) if place.log == tenant.home => place,
            // The tenant was replaced by an import: its log goes on behind what is in the file.
            Some(place) => Place { log: tenant.home, sequence: tenant.begun, ..place },
            None => {
                let oldest = store.log(tenant.home).await.map_err(Error::from)?.oldest;
                let sink = self.sink.name().to_owned();
                Place { sink, tenant: tenant.id, log: tenant.home, sequence: oldest.saturating_sub(1) }
            }
        };
        self.places.insert(tenant.id, place.clone());
        Ok(place)
    }

    /// Adds what stands behind a place; gives the place behind that.
    async fn read(&self, tenant: &Tenant, place: &Place, lines: &mut Vec<Line>) -> Result<Place, SinkError> {
        let log = self.operations.store.log(tenant.home).await.map_err(Error::from)?;
        let mut place = place.clone();
        if place.sequence == log.newest {
            return Ok(place);
        }
        if place.sequence.saturating_add(1) < log.oldest {
            // They were forgotten before the sink has taken them. It is told, never passed over.
            let (after, sequence) = (place.sequence, log.oldest - 1);
            tracing::error!(
                tenant = tenant.name,
                after,
                oldest = log.oldest,
                sink = self.sink.name(),
                "events were forgotten before they were written: event_retention is too short, or the sink has failed for too long"
            );
            lines.push(Line::gap(self.sink.form(), tenant, after, log.oldest, self.operations.clock.now()));
            place.sequence = sequence;
        }
        let query = FeedQuery { after: Some(place.sequence), limit: EVENTS, ..FeedQuery::default() };
        let page = self.operations.next_events(tenant.home, &query).await?;
        let base = (self.base)();
        for event in &page.events {
            lines.push(Line::of(self.sink.form(), event, tenant, &base)?);
        }
        place.sequence = page.next;
        Ok(place)
    }
}

#[cfg(test)]
mod tests;
