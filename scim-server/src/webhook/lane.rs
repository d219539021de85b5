//! The messages of one pass, sent to one endpoint: about one resource one after the other, about several at the same
//! time. What [`deliver`](super::deliver) has read is all that they need, so they are sent as one task of the sender's
//! thread.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::{StreamExt as _, stream};
use tokio::runtime::Handle;

use super::{
    message::{Message, Messages},
    pace::Paces,
    record::{DeadLetter, Pending, Webhook},
    schedule,
    send::Sender,
};
use crate::{
    clock::Clock,
    event::Event,
    metrics::EventMetrics,
    store::{ResourceId, Store, StoreError},
    tenant::Tenant,
};

/// The media type of a CloudEvents document.
const CLOUD_EVENTS: &str = "application/cloudevents+json; charset=utf-8";
/// How many messages are on their way to one endpoint.
const CONCURRENCY: usize = 16;

/// What has come of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Taken,
    /// It was not, and the endpoint wants no more (410).
    Gone,
    /// It was not: why, and after how many seconds it may be tried again.
    Failed(String, Option<u64>),
}

/// Messages about one resource, in their order, and what has come of them.
#[derive(Default)]
pub struct Lane {
    pub left: Vec<Pending>,
    pub dead: Vec<DeadLetter>,
    pub taken: usize,
    pub error: Option<String>,
    pub is_gone: bool,
}

/// What messages to one endpoint about one tenant are made with.
pub struct Way {
    pub webhook: Arc<Webhook>,
    pub tenant: Arc<Tenant>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub sender: Arc<Sender>,
    pub messages: Arc<Messages>,
    pub paces: Arc<Paces>,
    pub metrics: Arc<EventMetrics>,
    /// The URL of this server.
    pub base: String,
    /// The threads that serve requests, which connections to a database belong to.
    pub threads: Handle,
    /// What was just read.
    pub events: HashMap<u64, Arc<Event>>,
    /// When the pass began, in milliseconds since the epoch.
    pub now: i64,
}

/// Sends a message once.
pub async fn send_once(sender: &Sender, webhook: &Webhook, clock: &dyn Clock, message: Message) -> Outcome {
    let headers = message.headers(&webhook.keys, clock.now());
    let mut span = sender.span("webhook.deliver");
    if let Some(span) = &mut span {
        span.note("scim.webhook.id", webhook.id.to_string());
        if !message.request.is_empty() {
            span.note("scim.request.id", message.request);
        }
    }
    match sender.send(span, &webhook.url, CLOUD_EVENTS, &headers, message.body).await {
        Ok(answered) if (200..300).contains(&answered.status) => Outcome::Taken,
        Ok(answered) if answered.status == 410 => Outcome::Gone,
        Ok(answered) => {
            let retry_after = answered.retry_after.map(|asked| asked.seconds(clock.now()));
            Outcome::Failed(format!("the status {}", answered.status), retry_after)
        }
        Err(why) => Outcome::Failed(why, None),
    }
}

impl Way {
    /// Sends what is due of what is pending. Behind a mark, which concerns all of the log, nothing overtakes.
    pub async fn send(self, pending: Vec<Pending>) -> Result<Vec<Lane>, StoreError> {
        let has_mark = pending.iter().any(|pending| pending.is_mark);
        let mut lanes: BTreeMap<Option<ResourceId>, Vec<Pending>> = BTreeMap::new();
        for one in pending {
            lanes.entry(Some(one.about).filter(|_| !has_mark)).or_default().push(one);
        }
        let sent = stream::iter(lanes.into_values()).map(|lane| self.lane(lane));
        sent.buffer_unordered(CONCURRENCY).collect::<Vec<_>>().await.into_iter().collect()
    }

    /// Sends the messages about one resource that are due, until one is not taken.
    async fn lane(&self, pending: Vec<Pending>) -> Result<Lane, StoreError> {
        let mut lane = Lane::default();
        let mut pending = pending.into_iter();
        for mut one in pending.by_ref() {
            if one.at > self.now || !self.paces.take(self.webhook.id, self.webhook.rate, self.clock.now()) {
                lane.left.push(one);
                break;
            }
            let outcome = match self.event(one.sequence).await? {
                None => Outcome::Failed("the event is no longer kept".to_owned(), None),
                Some(event) => {
                    let message = self.messages.of(&event, &self.tenant, &self.base);
                    send_once(&self.sender, &self.webhook, &*self.clock, message).await
                }
            };
            match outcome {
                Outcome::Taken => {
                    self.metrics.taken.inc();
                    lane.taken += 1;
                }
                Outcome::Gone => {
                    lane.is_gone = true;
                    lane.left.push(one);
                    break;
                }
                Outcome::Failed(why, retry_after) => {
                    self.metrics.failed.inc();
                    one.tries += 1;
                    lane.error = Some(why.clone());
                    if let Some(pause) = schedule::pause(one.tries, retry_after, rand::random()) {
                        one.at = self.clock.now().as_millis().saturating_add(pause);
                        lane.left.push(one);
                        break;
                    }
                    self.metrics.dead_letters.inc();
                    lane.dead.push(self.letter(&one, why));
                }
            }
        }
        lane.left.extend(pending);
        Ok(lane)
    }

    /// The event of a number; `None` when it is no longer kept.
    async fn event(&self, sequence: u64) -> Result<Option<Arc<Event>>, StoreError> {
        if let Some(event) = self.events.get(&sequence) {
            return Ok(Some(Arc::clone(event)));
        }
        let (store, log) = (Arc::clone(&self.store), self.tenant.home);
        let reading = self.threads.spawn(async move { store.events(log, sequence.saturating_sub(1), 1).await });
        let found = reading.await.map_err(|failed| StoreError::Unavailable(failed.into()))??;
        Ok(found.into_iter().next().filter(|event| event.sequence == sequence).map(Arc::new))
    }

    fn letter(&self, pending: &Pending, error: String) -> DeadLetter {
        DeadLetter {
            webhook: self.webhook.id,
            tenant: self.tenant.id,
            log: self.tenant.home,
            sequence: pending.sequence,
            tries: pending.tries,
            error,
            at: self.now,
        }
    }
}
