//! What consumers do: take a batch, and acknowledge it.
//!
//! Who has a batch has a lease of it. Until the batch is acknowledged, or the lease is over, nobody else gets any: so
//! several workers take turns, and what happens to one resource is worked on in its order. A batch whose lease is
//! over is given to who asks next. So each event is told at least once.

use std::{pin::pin, time::Duration};

use scim_protocol::{Error, ErrorKind, Timestamp};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{
    Answer, Operations,
    feed::{FeedPage, FeedQuery, LOOK, ShownPage, TypePattern, plain},
    prefill::Part,
};
use crate::{
    author::Author,
    consumer::{Consumer, ConsumerError, Consumers, Lease, Place, Prefill},
    event::Deed,
    store::{ATTEMPTS, Log, StoreError},
    tenant::Tenant,
};

/// How far a consumer may look without finding what it wants before the server writes down how far it has looked,
const LOOKED: u64 = 500;
/// and for how long, in milliseconds: so one that finds little does not fall behind what is kept.
const NOTED: i64 = 60_000;

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct Receive {
    /// The batch that it has done.
    pub ack: Option<Uuid>,
    /// How many events at most.
    pub limit: usize,
    /// How long the next batch is the worker's.
    pub lease: Duration,
    /// How long to wait until there is one.
    pub wait: Duration,
}

/// What a worker gets.
#[derive(Debug)]
pub struct Batch {
    page: FeedPage,
    /// Whether it is a part of the state.
    is_state: bool,
    lease: Option<Lease>,
    /// Until when another worker has the batch before.
    held: Option<i64>,
}

/// A batch as a worker sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Batch"))]
pub struct ShownBatch<'a> {
    #[serde(flatten)]
    page: ShownPage<'a>,
    /// Whether it is a part of the state.
    prefill: bool,
    /// What acknowledges it; null of an empty one.
    lease: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_until: Option<String>,
    /// Until when another worker has the batch before; nothing is given meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_until: Option<String>,
}

/// What a new consumer is to be.
#[derive(Debug, Clone, Default)]
pub struct NewConsumer {
    pub name: String,
    /// The types of events that it wants; all when there are none.
    pub types: Vec<String>,
    /// Whether it begins with the state.
    pub prefill: bool,
    /// The number behind which it begins; the newest when absent.
    pub after: Option<u64>,
}

/// A consumer as it is shown.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Consumer"))]
pub struct ConsumerView {
    consumer_id: String,
    name: String,
    tenant_id: String,
    tenant: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    types: Vec<String>,
    /// The last number that is done.
    position: u64,
    /// How many events stand behind it; absent of one that reads no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<u64>,
    /// Whether it is still given the state.
    prefilling: bool,
    state: ConsumerState,
    #[serde(skip_serializing_if = "Option::is_none")]
    leased_until: Option<String>,
    created: String,
}

/// What a consumer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum ConsumerState {
    /// It is given the state that it begins with.
    Prefilling,
    /// It is given what happens.
    Reading,
    /// Nothing: its log was replaced by an import. Delete it, and make it again.
    Replaced,
    /// Nothing: events that it has not had are no longer kept. Delete it, and make it again.
    Outdated,
}

impl Batch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.page.events.is_empty()
    }

    /// As the worker gets it.
    pub fn answer(&self, tenant: &Tenant) -> Result<Answer, Error> {
        plain(&ShownBatch {
            page: self.page.shown(tenant),
            prefill: self.is_state,
            lease: self.lease.as_ref().map(|lease| lease.id.to_string()),
            lease_until: self.lease.as_ref().map(|lease| Timestamp::from_millis(lease.until).to_string()),
            held_until: self.held.map(|until| Timestamp::from_millis(until).to_string()),
        })
    }
}

impl Operations {
    /// The consumers of all tenants.
    pub fn consumers(&self) -> Consumers {
        Consumers::new(self.store.clone())
    }

    /// Makes a consumer.
    pub async fn create_consumer(&self, tenant: &Tenant, new: NewConsumer, by: Author) -> Result<Consumer, Error> {
        TypePattern::check(&new.types, Some(&tenant.registry))?;
        if new.prefill && new.after.is_some() {
            return Err(Error::value(
                "A consumer begins with the state (prefill) or after a number (after), not with both. Leave one out.",
            ));
        }
        let log = self.store.log(tenant.home).await?;
        let after = new.after.unwrap_or(log.newest);
        if after > log.newest || after.saturating_add(1) < log.oldest {
            return Err(Error::value(format!(
                "A consumer can begin after the numbers from {} to {}, not after {after}.",
                log.oldest.saturating_sub(1),
                log.newest
            )));
        }
        let now = self.clock.now();
        let consumer = Consumer {
            id: self.fresh_id(),
            tenant: tenant.id,
            log: tenant.home,
            name: new.name,
            types: new.types,
            place: Place {
                sequence: if new.prefill { log.newest } else { after },
                prefill: new.prefill.then(Prefill::default),
            },
            done: None,
            lease: None,
            created: now,
            kept: now,
            version: 1,
        };
        self.consumers().by(by.telling(Deed::ConsumerCreated).in_log(tenant.home)).create(&consumer).await?;
        Ok(consumer)
    }

    /// Removes a consumer.
    pub async fn delete_consumer(&self, tenant: &Tenant, name: &str, by: Author) -> Result<Consumer, Error> {
        let consumer = self.consumers().find(tenant.id, name).await?;
        self.consumers().by(by.telling(Deed::ConsumerDeleted).in_log(tenant.home)).delete(&consumer).await?;
        Ok(consumer)
    }

    /// A consumer as it is shown.
    pub async fn view_consumer(&self, tenant: &Tenant, consumer: &Consumer) -> Result<ConsumerView, Error> {
        let Log { newest, oldest } = self.store.log(tenant.home).await?;
        let state = match &consumer.place.prefill {
            _ if consumer.log != tenant.home => ConsumerState::Replaced,
            _ if consumer.place.sequence + 1 < oldest => ConsumerState::Outdated,
            Some(_) => ConsumerState::Prefilling,
            None => ConsumerState::Reading,
        };
        let now = self.clock.now();
        let held = consumer.lease.as_ref().filter(|lease| lease.is_held(now));
        Ok(ConsumerView {
            consumer_id: consumer.id.to_string(),
            name: consumer.name.clone(),
            tenant_id: tenant.id.to_string(),
            tenant: tenant.name.clone(),
            types: consumer.types.clone(),
            position: consumer.place.sequence,
            lag: (state != ConsumerState::Replaced).then(|| newest.saturating_sub(consumer.place.sequence)),
            prefilling: state == ConsumerState::Prefilling,
            state,
            leased_until: held.map(|lease| Timestamp::from_millis(lease.until).to_string()),
            created: consumer.created.to_string(),
        })
    }

    /// The next batch; waits for one as long as the worker says, but not when the server stops. 410 when events are
    /// gone that the consumer has not had, 412 when the batch that is acknowledged is not the worker's any more.
    pub async fn receive(&self, tenant: &Tenant, name: &str, mut asked: Receive) -> Result<Batch, Error> {
        let changes = self.store.changes();
        let until = Instant::now() + asked.wait;
        loop {
            let mut changed = pin!(changes.notified());
            changed.as_mut().enable();
            let batch = self.take_batch(tenant, name, &asked).await?;
            if !batch.is_empty() || Instant::now() >= until || self.ends_waits() {
                return Ok(batch);
            }
            asked.ack = None;
            let _ = timeout_at(until.min(Instant::now() + LOOK), changed).await;
        }
    }

    /// Notes that a batch is done.
    pub async fn acknowledge(&self, tenant: &Tenant, name: &str, lease: Uuid) -> Result<Consumer, Error> {
        for _ in 0..ATTEMPTS {
            let mut consumer = self.consumer_of(tenant, name).await?;
            if !acknowledged(&mut consumer, lease)? {
                return Ok(consumer);
            }
            match self.consumers().keep(&consumer).await {
                Ok(()) => return Ok(consumer),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    /// Takes the batch from the worker that has it: it is dead, and others need not wait for the end of its lease.
    /// `None` when nobody has one.
    pub async fn release(&self, tenant: &Tenant, name: &str, by: Author) -> Result<Option<Consumer>, Error> {
        let consumers = self.consumers().by(by.telling(Deed::ConsumerReleased).in_log(tenant.home));
        for _ in 0..ATTEMPTS {
            let mut consumer = self.consumer_of(tenant, name).await?;
            if consumer.lease.take().is_none_or(|lease| !lease.is_held(self.clock.now())) {
                return Ok(None);
            }
            match consumers.keep(&consumer).await {
                Ok(()) => return Ok(Some(consumer)),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    async fn take_batch(&self, tenant: &Tenant, name: &str, asked: &Receive) -> Result<Batch, Error> {
        for _ in 0..ATTEMPTS {
            let mut consumer = self.consumer_of(tenant, name).await?;
            let moved = asked.ack.map_or(Ok(false), |ack| acknowledged(&mut consumer, ack))?;
            let before = consumer.place.clone();
            let mut batch = self.next_batch(tenant, &mut consumer, asked).await?;
            let (seen, age) =
                (consumer.place.sequence - before.sequence, self.clock.now().as_millis() - consumer.kept.as_millis());
            let looked = seen >= LOOKED || seen > 0 && age >= NOTED || consumer.place.prefill != before.prefill;
            if batch.lease.is_none() && !moved && !looked {
                return Ok(batch);
            }
            // A read may show what is not durable yet. This commit comes behind all that was read: when it is
            // durable, so is that.
            match self.consumers().keep(&consumer).await {
                Ok(()) => return Ok(batch),
                Err(StoreError::Conflict(_)) => batch.lease = None,
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    /// What stands behind the consumer's place, with a lease of it; nothing while another batch is somebody's.
    async fn next_batch(&self, tenant: &Tenant, consumer: &mut Consumer, asked: &Receive) -> Result<Batch, Error> {
        let now = self.clock.now();
        let query = FeedQuery {
            after: Some(consumer.place.sequence),
            limit: asked.limit,
            types: TypePattern::read(&consumer.types),
            ..FeedQuery::default()
        };
        if let Some(lease) = consumer.lease.as_ref().filter(|lease| lease.is_held(now)) {
            let held = Some(lease.until);
            let page = self.events_after(tenant.home, query.after, &FeedQuery { limit: 0, ..query }).await?;
            return Ok(Batch { page, is_state: false, lease: None, held });
        }
        consumer.lease = None;
        let mut next = consumer.place.clone();
        let mut state = Vec::new();
        if let Some(from) = &consumer.place.prefill {
            let part = Part { from, limit: asked.limit, types: &query.types };
            let (events, place) = self.present(tenant, part).await?;
            // The state shows what the events do not tell yet. Looked at behind it: it may have tripped meanwhile.
            if self.newest_out(tenant.home).await?.is_some() {
                return Err(Error::new(
                    ErrorKind::Unavailable(60),
                    "The brake on mass deprovisioning has tripped, and an administrator has to decide. Ask again later.",
                ));
            }
            (state, next.prefill) = (events, Some(place));
        }
        let is_state = !state.is_empty();
        let limit = if is_state { 0 } else { query.limit };
        let mut page = self.events_after(tenant.home, query.after, &FeedQuery { limit, ..query }).await?;
        if is_state {
            page.events = state;
        } else {
            next = Place { sequence: page.next, prefill: None };
        }
        if page.events.is_empty() {
            consumer.place = next;
            return Ok(Batch { page, is_state, lease: None, held: None });
        }
        let millis = i64::try_from(asked.lease.as_millis()).unwrap_or(i64::MAX);
        let until = now.as_millis().saturating_add(millis);
        let lease = Lease { id: Uuid::new_v4(), until, next, behind: asked.ack };
        consumer.lease = Some(lease.clone());
        Ok(Batch { page, is_state, lease: Some(lease), held: None })
    }

    /// A consumer of the log that the tenant has now.
    async fn consumer_of(&self, tenant: &Tenant, name: &str) -> Result<Consumer, Error> {
        let consumer = self.consumers().find(tenant.id, name).await?;
        if consumer.log == tenant.home {
            return Ok(consumer);
        }
        Err(Error::new(
            ErrorKind::Gone,
            "The log that this consumer reads was replaced by an import. Delete the consumer, make it again with prefill, and read the state anew.",
        ))
    }
}

/// Takes notice that a batch is done. `false` when that was known.
fn acknowledged(consumer: &mut Consumer, ack: Uuid) -> Result<bool, Error> {
    match consumer.lease.take() {
        Some(lease) if lease.id == ack => {
            consumer.place = lease.next;
            consumer.done = Some(ack);
            Ok(true)
        }
        // The worker has not heard of the batch that it was given for this: it gets it again.
        Some(lease) if lease.behind == Some(ack) => Ok(true),
        lease if consumer.done == Some(ack) => {
            consumer.lease = lease;
            Ok(false)
        }
        _ => Err(Error::new(
            ErrorKind::PreconditionFailed,
            "The lease of this batch is over, and the batch is given to who asks next. Leave ack out, and ask for a batch.",
        )),
    }
}

fn busy() -> Error {
    Error::new(ErrorKind::Unavailable(1), "Too many workers share this consumer. Repeat the request.")
}

impl From<ConsumerError> for Error {
    fn from(error: ConsumerError) -> Self {
        let said = format!("{}.", uppercase(&error.to_string()));
        match error {
            ConsumerError::Full => Self::new(ErrorKind::Forbidden, said),
            ConsumerError::Name(_) => Self::value(said),
            ConsumerError::Taken(_) => Self::new(ErrorKind::Uniqueness, said),
            ConsumerError::Unknown(_) => Self::new(ErrorKind::NotFound, said),
            ConsumerError::Store(error) => error.into(),
        }
    }
}

fn uppercase(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        access::Access,
        clock::{Clock, ManualClock},
        event::{Action, Event},
        store::{Commit, ResourceId, Store, sled::SledStore},
        tenant::Settings,
    };

    #[tokio::test]
    async fn a_consumer_that_finds_little_does_not_fall_behind_what_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let time: Arc<dyn Clock> = clock.clone();
        let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path(), Arc::clone(&time)).unwrap());
        let access = Access::load(Arc::clone(&store), Arc::clone(&time)).await.unwrap();
        access.directory().create("t", Settings::default(), None).await.unwrap();
        access.reload().await.unwrap();
        let tenant = access.tenants().pop().unwrap();
        let operations = Operations::on(Arc::clone(&store), time);
        let new =
            NewConsumer { name: "c".to_owned(), types: vec!["scim.user.deleted".to_owned()], ..Default::default() };
        operations.create_consumer(&tenant, new, Author::default()).await.unwrap();
        let happens = async |action| {
            let event = Event::new(action, "t", "User", ResourceId(Uuid::nil()));
            store.commit(Commit::note(tenant.home, event)).await.unwrap();
        };
        let asked = Receive { ack: None, limit: 9, lease: Duration::from_secs(1), wait: Duration::ZERO };
        let is_empty = async || operations.receive(&tenant, "c", asked.clone()).await.unwrap().is_empty();
        happens(Action::Create).await;
        assert!(is_empty().await);
        clock.advance(NOTED);
        assert!(is_empty().await);
        store.forget_events(clock.now()).await.unwrap();
        assert!(is_empty().await);
        happens(Action::Delete).await;
        assert!(!is_empty().await);
    }
}
