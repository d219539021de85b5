//! Delivery of the events to one endpoint.
//!
//! A pass reads the next events of each tenant, adds them to what is pending, and has what is due [sent](super::lane).
//! Then it writes down what has come of it. When the process ends in between, the same messages are sent again, with the
//! same ids.

use std::{collections::HashMap, sync::Arc};

use tokio::runtime::Handle;
use uuid::Uuid;

use super::{
    lane::{Lane, Way},
    leased::{Leased, Pass},
    message::Messages,
    pace::Paces,
    record::{Delivery, Pending, Reason, Replay, Webhook},
    schedule,
    send::Sender,
    shelf::Webhooks,
};
use crate::{
    access::Access,
    author::Author,
    event::{Deed, Event},
    metrics::EventMetrics,
    operation::{
        Operations,
        feed::{TypePattern, type_of},
    },
    store::{ResourceId, StoreError},
    tenant::{Tenant, judged::is_of_a_run},
};

/// How many events are read at a time.
const BATCH: usize = 200;
/// How many messages may be pending before no more are read.
pub const MOST_PENDING: usize = 400;

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
    pub paces: Arc<Paces>,
    /// What is counted.
    pub metrics: Arc<EventMetrics>,
    /// The URL of this server.
    pub base: Arc<dyn Fn() -> String + Send + Sync>,
    pub process: Uuid,
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
            let is_wanted = webhook.tenant.map_or_else(|| !is_of_a_run(&tenant.name), |only| only == tenant.id);
            if !is_wanted || tenant.importing {
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

    fn way(&self, webhook: &Arc<Webhook>, tenant: &Arc<Tenant>) -> Way {
        Way {
            webhook: Arc::clone(webhook),
            tenant: Arc::clone(tenant),
            store: Arc::clone(&self.operations.store),
            clock: Arc::clone(&self.operations.clock),
            sender: Arc::clone(&self.sender),
            messages: Arc::clone(&self.messages),
            paces: Arc::clone(&self.paces),
            metrics: Arc::clone(&self.metrics),
            base: (self.base)(),
            threads: Handle::current(),
            events: HashMap::new(),
            now: self.operations.clock.now().as_millis(),
        }
    }

    fn webhooks(&self) -> Webhooks {
        Webhooks::new(Arc::clone(&self.operations.store))
    }

    /// A pass over the events of one tenant. `None` when the endpoint is gone or disabled.
    async fn pass_of(&self, webhook: &Arc<Webhook>, tenant: &Arc<Tenant>) -> Result<Option<Pass>, StoreError> {
        let mut delivery = self.webhooks().delivery(webhook, tenant).await?;
        let before = delivery.clone();
        let mut way = self.way(webhook, tenant);
        let (now, replays) = (way.now, self.take_in(&mut delivery, &mut way).await?);
        let sending = way.send(std::mem::take(&mut delivery.pending));
        let lanes: Vec<Lane> =
            self.sender.aside(sending).await.map_err(|failed| StoreError::Unavailable(failed.into()))??;
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
            delivery.failing_since.get_or_insert(now);
        }
        delivery.last_error = error.or(delivery.last_error).filter(|_| taken == 0);
        let moved = delivery != before || !replays.is_empty();
        if moved {
            self.webhooks().advance(&delivery, &dead, &replays).await?;
        }
        let is_failing = delivery.failing_since.is_some_and(|since| now - since >= schedule::DISABLE);
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
    async fn take_in(&self, delivery: &mut Delivery, way: &mut Way) -> Result<Vec<(Replay, u64)>, StoreError> {
        let (store, home) = (&self.operations.store, way.tenant.home);
        let patterns = TypePattern::read(&way.webhook.types);
        let mut add = |delivery: &mut Delivery, event: Event, now: i64| {
            // That the log is another one concerns every endpoint of it.
            let is_mark = event.deed == Some(Deed::TenantReplaced);
            if is_mark || TypePattern::fit(&patterns, &type_of(&event)) {
                let pending = Pending { sequence: event.sequence, about: event.target, is_mark, tries: 0, at: now };
                delivery.pending.push(pending);
                way.events.insert(event.sequence, Arc::new(event));
            }
        };
        let now = way.now;
        let mut done = Vec::new();
        for replay in self.webhooks().replays(way.webhook.id, home).await? {
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

    async fn disable(&self, webhook: &Webhook, tenant: &Tenant, reason: Reason) -> Result<(), StoreError> {
        let author = Author::server().telling(Deed::WebhookDisabled).in_log(tenant.home);
        let disabled = Webhook { disabled: Some(reason), ..webhook.clone() };
        self.webhooks().by(author).keep(&disabled, "disabled").await?;
        tracing::warn!(
            webhook = %webhook.id,
            reason = ?reason,
            "a webhook is disabled, because its endpoint takes no messages: `scim-server webhook enable WEBHOOK` enables it again"
        );
        Ok(())
    }
}
