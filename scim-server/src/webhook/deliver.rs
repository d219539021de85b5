//! Delivery of the events to one endpoint.
//!
//! A pass reads the next events of each tenant, adds them to what is pending, and sends what is due: messages about
//! one resource one after the other, about several at the same time. Then it writes down what has come of it. When the
//! process ends in between, the same messages are sent again, with the same ids.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::{StreamExt as _, stream};
use uuid::Uuid;

use super::{
    leased::{Leased, Pass},
    message::{Message, Messages},
    pace::Paces,
    record::{DeadLetter, Delivery, Pending, Reason, Replay, Webhook},
    schedule,
    send::Sender,
    shelf::Webhooks,
};
use crate::{
    access::Access,
    clock::Clock,
    event::{Action, Deed, Event, SERVER},
    metrics::EventMetrics,
    operation::{
        Operations,
        feed::{TypePattern, type_of},
    },
    store::{ResourceId, StoreError},
    tenant::Tenant,
};

/// How many events are read at a time.
const BATCH: usize = 200;
/// How many messages may be pending before no more are read.
pub const MOST_PENDING: usize = 400;
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

/// Sends events to the endpoints that want them.
pub struct Deliverer {
    /// The events.
    pub operations: Arc<Operations>,
    /// The tenants.
    pub access: Arc<Access>,
    /// The way out.
    pub sender: Arc<Sender>,
    /// What was made of late, for other endpoints.
    pub messages: Arc<Messages>,
    /// How much was sent of late.
    pub paces: Paces,
    /// What is counted.
    pub metrics: Arc<EventMetrics>,
    /// The URL of this server.
    pub base: Arc<dyn Fn() -> String + Send + Sync>,
    pub process: Uuid,
}

/// Messages about one resource, in their order, and what has come of them.
#[derive(Default)]
struct Lane {
    left: Vec<Pending>,
    dead: Vec<DeadLetter>,
    taken: usize,
    error: Option<String>,
    is_gone: bool,
}

/// What is to be sent of one tenant.
struct Work<'a> {
    webhook: &'a Arc<Webhook>,
    tenant: &'a Arc<Tenant>,
    events: HashMap<u64, Arc<Event>>,
    now: i64,
}

impl Leased for Deliverer {
    type Error = StoreError;
    const RECEIVER: &'static str = "webhook";

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn process(&self) -> Uuid {
        self.process
    }

    async fn receivers(&self) -> Result<Vec<ResourceId>, StoreError> {
        let webhooks = self.webhooks().list().await?;
        Ok(webhooks.into_iter().filter(|webhook| webhook.disabled.is_none()).map(|webhook| webhook.id).collect())
    }

    async fn pass(&self, id: ResourceId) -> Result<Option<Pass>, StoreError> {
        let Some(webhook) = self.webhooks().find(id).await?.filter(|webhook| webhook.disabled.is_none()) else {
            self.paces.forget(id);
            return Ok(None);
        };
        if let Some(rest) = self.rest(id) {
            return Ok(Some(rest));
        }
        let webhook = Arc::new(webhook);
        let mut whole = Pass::idle(None);
        let mut failed = None;
        for tenant in self.tenants() {
            if webhook.tenant.is_some_and(|only| only != tenant.id) || tenant.importing {
                continue;
            }
            match self.pass_of(&webhook, &tenant).await {
                Ok(Some(pass)) => {
                    whole.moved |= pass.moved;
                    whole.is_full |= pass.is_full;
                    whole.due = whole.due.into_iter().chain(pass.due).min();
                }
                Ok(None) | Err(StoreError::Missing(_)) => return Ok(None),
                // Somebody else has changed what is kept: the next pass begins with that.
                Err(StoreError::Conflict(_)) => whole.moved = true,
                // The database of one tenant may be away; others have another one.
                Err(error) => failed = Some(error),
            }
            if let Some(rest) = self.rest(id) {
                return Ok(Some(rest));
            }
        }
        match failed {
            Some(error) if !whole.moved => Err(error),
            _ => Ok(Some(whole)),
        }
    }
}

impl Deliverer {
    /// Sends a message once.
    pub async fn send(
        sender: &Arc<Sender>,
        webhook: &Arc<Webhook>,
        clock: &Arc<dyn Clock>,
        message: impl FnOnce() -> Message + Send + 'static,
    ) -> Outcome {
        let (by, webhook, time) = (Arc::clone(sender), Arc::clone(webhook), Arc::clone(clock));
        let sending = async move {
            let message = message();
            let headers = message.headers(&webhook.keys, time.now());
            by.send(&webhook.url, CLOUD_EVENTS, &headers, message.body).await
        };
        match sender.aside(sending).await {
            Ok(answered) if (200..300).contains(&answered.status) => Outcome::Taken,
            Ok(answered) if answered.status == 410 => Outcome::Gone,
            Ok(answered) => {
                let retry_after = answered.retry_after.map(|asked| asked.seconds(clock.now()));
                Outcome::Failed(format!("the status {}", answered.status), retry_after)
            }
            Err(why) => Outcome::Failed(why, None),
        }
    }

    /// A pass that waits, when as much was sent to an endpoint as may be.
    fn rest(&self, id: ResourceId) -> Option<Pass> {
        let until = self.paces.rest(id, self.operations.clock.now())?;
        Some(Pass { rests: true, ..Pass::idle(Some(until)) })
    }

    /// All tenants. Each time another is the first, so that those behind it have their share of an endpoint's rate.
    fn tenants(&self) -> Vec<Arc<Tenant>> {
        let mut tenants = self.access.tenants();
        if !tenants.is_empty() {
            let first = rand::random_range(0..tenants.len());
            tenants.rotate_left(first);
        }
        tenants
    }

    fn webhooks(&self) -> Webhooks {
        Webhooks::new(Arc::clone(&self.operations.store))
    }

    /// A pass over the events of one tenant. `None` when the endpoint is gone or disabled.
    async fn pass_of(&self, webhook: &Arc<Webhook>, tenant: &Arc<Tenant>) -> Result<Option<Pass>, StoreError> {
        let mut delivery = self.webhooks().delivery(webhook, tenant).await?;
        let before = delivery.clone();
        let mut work = Work { webhook, tenant, events: HashMap::new(), now: self.operations.clock.now().as_millis() };
        let replays = self.take_in(&mut delivery, &mut work).await?;
        let mut lanes: BTreeMap<Option<ResourceId>, Vec<Pending>> = BTreeMap::new();
        let has_mark = delivery.pending.iter().any(|pending| pending.is_mark);
        for pending in std::mem::take(&mut delivery.pending) {
            lanes.entry(Some(pending.about).filter(|_| !has_mark)).or_default().push(pending);
        }
        let sent = stream::iter(lanes.into_values()).map(|lane| self.lane(&work, lane));
        let lanes: Vec<Lane> =
            sent.buffer_unordered(CONCURRENCY).collect::<Vec<_>>().await.into_iter().collect::<Result<_, _>>()?;
        // What stands first in a lane decides when the lane goes on.
        let due = lanes.iter().filter_map(|lane| lane.left.first()).map(|first| first.at).min();
        let (mut dead, mut taken, mut error, mut is_gone) = (Vec::new(), 0, None, false);
        for lane in lanes {
            delivery.pending.extend(lane.left);
            dead.extend(lane.dead);
            taken += lane.taken;
            error = error.or(lane.error);
            is_gone |= lane.is_gone;
        }
        delivery.pending.sort_by_key(|pending| pending.sequence);
        if taken > 0 {
            delivery.failing_since = None;
        } else if error.is_some() {
            delivery.failing_since.get_or_insert(work.now);
        }
        delivery.last_error = error.or(delivery.last_error).filter(|_| taken == 0);
        let moved = delivery != before || !replays.is_empty();
        if moved {
            self.webhooks().advance(&delivery, &dead, &replays).await?;
        }
        let is_failing = delivery.failing_since.is_some_and(|since| work.now - since >= schedule::DISABLE);
        if is_gone || is_failing {
            self.disable(webhook, tenant, if is_gone { Reason::Gone } else { Reason::Failing }).await?;
            return Ok(None);
        }
        // What is left waits for its time; what was read may have more behind it.
        let is_full = delivery.position - before.position >= BATCH as u64;
        let moved = delivery.position > before.position || !replays.is_empty() || taken > 0;
        Ok(Some(Pass { moved, is_full: is_full || !replays.is_empty(), due, rests: false }))
    }

    /// Adds the next events to what is pending: of what is to be sent again, and of the log.
    async fn take_in(&self, delivery: &mut Delivery, work: &mut Work<'_>) -> Result<Vec<(Replay, u64)>, StoreError> {
        let (store, home) = (&self.operations.store, work.tenant.home);
        let patterns = TypePattern::read(&work.webhook.types);
        let mut add = |delivery: &mut Delivery, event: Event, now: i64| {
            // That the log is another one concerns every endpoint of it.
            let is_mark = event.deed == Some(Deed::TenantReplaced);
            if is_mark || TypePattern::fit(&patterns, &type_of(&event)) {
                let pending = Pending { sequence: event.sequence, about: event.target, is_mark, tries: 0, at: now };
                delivery.pending.push(pending);
                work.events.insert(event.sequence, Arc::new(event));
            }
        };
        let now = work.now;
        let mut done = Vec::new();
        for replay in self.webhooks().replays(work.webhook.id, home).await? {
            let room = MOST_PENDING.saturating_sub(delivery.pending.len()).min(BATCH);
            if room == 0 {
                break;
            }
            let mut after = replay.to;
            for event in store.events(home, replay.after, room).await? {
                if event.sequence > replay.to {
                    after = replay.to;
                    break;
                }
                after = event.sequence;
                add(delivery, event, now);
            }
            done.push((replay, after));
        }
        let room = MOST_PENDING.saturating_sub(delivery.pending.len()).min(BATCH);
        if room > 0 {
            let events = store.events(home, delivery.position, room).await?;
            // Read after the events: what is held by then was not read as free.
            let newest = self.operations.newest_out(home).await?.unwrap_or(u64::MAX);
            for event in events.into_iter().take_while(|event| event.sequence <= newest) {
                delivery.position = event.sequence;
                add(delivery, event, now);
            }
        }
        Ok(done)
    }

    /// Sends the messages about one resource that are due, until one is not taken.
    async fn lane(&self, work: &Work<'_>, pending: Vec<Pending>) -> Result<Lane, StoreError> {
        let mut lane = Lane::default();
        let mut pending = pending.into_iter();
        for mut one in pending.by_ref() {
            if one.at > work.now || !self.paces.take(work.webhook.id, work.webhook.rate, self.operations.clock.now()) {
                lane.left.push(one);
                break;
            }
            let outcome = match self.event(work, one.sequence).await? {
                None => Outcome::Failed("the event is no longer kept".to_owned(), None),
                Some(event) => {
                    let (tenant, base) = (Arc::clone(work.tenant), (self.base)());
                    let messages = Arc::clone(&self.messages);
                    let message = move || messages.of(&event, &tenant, base);
                    Self::send(&self.sender, work.webhook, &self.operations.clock, message).await
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
                        one.at = self.operations.clock.now().as_millis().saturating_add(pause);
                        lane.left.push(one);
                        break;
                    }
                    self.metrics.dead_letters.inc();
                    lane.dead.push(letter(work, &one, why));
                }
            }
        }
        lane.left.extend(pending);
        Ok(lane)
    }

    async fn event(&self, work: &Work<'_>, sequence: u64) -> Result<Option<Arc<Event>>, StoreError> {
        if let Some(event) = work.events.get(&sequence) {
            return Ok(Some(Arc::clone(event)));
        }
        let found = self.operations.store.events(work.tenant.home, sequence.saturating_sub(1), 1).await?;
        Ok(found.into_iter().next().filter(|event| event.sequence == sequence).map(Arc::new))
    }

    async fn disable(&self, webhook: &Webhook, tenant: &Tenant, reason: Reason) -> Result<(), StoreError> {
        self.webhooks().keep(&Webhook { disabled: Some(reason), ..webhook.clone() }, "disabled").await?;
        tracing::warn!(
            webhook = %webhook.id,
            reason = ?reason,
            "a webhook is disabled, because its endpoint takes no messages: `webhook enable` enables it again"
        );
        let event = Event::new(Action::Administer, SERVER, "Webhook", webhook.id);
        self.access.directory().tell(tenant.home, Event { deed: Some(Deed::WebhookDisabled), ..event }).await
    }
}

fn letter(work: &Work<'_>, pending: &Pending, error: String) -> DeadLetter {
    DeadLetter {
        webhook: work.webhook.id,
        tenant: work.tenant.id,
        log: work.tenant.home,
        sequence: pending.sequence,
        tries: pending.tries,
        error,
        at: work.now,
    }
}
