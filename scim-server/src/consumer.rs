//! Named consumers of a tenant's events: the server keeps how far each has come.
//!
//! A consumer is a record of the system's own. Its place moves on when a batch is acknowledged; a [`Lease`] says
//! which batch is being worked on, so that several workers can share a consumer and none of them has what another
//! has.

mod record;

use std::sync::Arc;

use scim_protocol::{Timestamp, value::fold};

use self::record::names;
pub use self::record::{Consumer, KIND, Lease, Place, Prefill, key};
use crate::{
    author::Author,
    event::{Action, Event},
    naming,
    store::{Commit, Expect, Position, ResourceId, Store, StoreError, TenantId, Write},
};

/// The most consumers of a tenant.
pub const MOST: usize = 64;

/// Why a consumer was not made, found or removed.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// There are as many as may be.
    #[error("the tenant has {MOST} consumers, which is the most; delete one first")]
    Full,
    /// The name cannot be one.
    #[error("{0}")]
    Name(String),
    /// Another has the name.
    #[error("the tenant has a consumer {0:?} already; choose another name, or delete that one first")]
    Taken(String),
    /// There is none.
    #[error("the tenant has no consumer {0:?}")]
    Unknown(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The consumers of all tenants.
#[derive(Clone)]
pub struct Consumers {
    store: Arc<dyn Store>,
    author: Author,
}

impl Consumers {
    /// Those in that store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, author: Author::default() }
    }

    /// The same, as somebody else changes them.
    #[must_use]
    pub fn by(self, author: Author) -> Self {
        Self { author, ..self }
    }

    /// A tenant's consumers, by name.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<Consumer>, StoreError> {
        let mut consumers = Vec::new();
        for Position { id, .. } in self.store.index(&names(tenant), None, MOST).await? {
            if let Some(stored) = self.store.get(&key(id)).await? {
                consumers.push(Consumer::from_record(id, &stored)?);
            }
        }
        Ok(consumers)
    }

    /// The one of a tenant with that name, in any case, or id.
    pub async fn find(&self, tenant: TenantId, name: &str) -> Result<Consumer, ConsumerError> {
        let unknown = || ConsumerError::Unknown(name.to_owned());
        let id = match ResourceId::parse(name) {
            Some(id) => id,
            None => self.store.lookup(&record::name_key(tenant, name)).await?.ok_or_else(unknown)?,
        };
        let stored = self.store.get(&key(id)).await?.ok_or_else(unknown)?;
        Some(Consumer::from_record(id, &stored)?).filter(|found| found.tenant == tenant).ok_or_else(unknown)
    }

    /// Keeps a new one.
    pub async fn create(&self, consumer: &Consumer) -> Result<(), ConsumerError> {
        let name = &consumer.name;
        naming::check_word("a consumer's name", name).map_err(ConsumerError::Name)?;
        let others = self.list(consumer.tenant).await?;
        if others.len() >= MOST {
            return Err(ConsumerError::Full);
        }
        if others.iter().any(|other| fold(&other.name) == fold(name)) {
            return Err(ConsumerError::Taken(name.clone()));
        }
        let mut commit = Commit::new(consumer.key(), event(consumer, "created"));
        commit.writes.push(Write::Put(consumer.key(), consumer.body()?));
        commit.writes.extend(consumer.entries().into_iter().map(Write::Index));
        match self.store.commit(self.author.sign(commit)).await {
            Err(StoreError::Taken(_)) => Err(ConsumerError::Taken(name.clone())),
            done => Ok(done.map(drop)?),
        }
    }

    /// Keeps one that has changed since it was read, unless somebody else has changed it (`Conflict`) or removed it
    /// (`Missing`).
    pub async fn keep(&self, consumer: &Consumer) -> Result<(), StoreError> {
        let mut commit = Commit::bookkeeping(KIND.into(), consumer.id);
        commit.expect.push(Expect::Version(consumer.key(), consumer.version));
        commit.writes.push(Write::Put(consumer.key(), consumer.body()?));
        self.store.commit(self.author.sign(commit)).await.map(drop)
    }

    /// Removes one.
    pub async fn delete(&self, consumer: &Consumer) -> Result<(), ConsumerError> {
        let mut commit = Commit::new(consumer.key(), event(consumer, "deleted"));
        commit.writes = removal(consumer);
        match self.store.commit(self.author.sign(commit)).await {
            Err(StoreError::Missing(_)) => Err(ConsumerError::Unknown(consumer.name.clone())),
            done => Ok(done.map(drop)?),
        }
    }

    /// The writes that remove every consumer of a tenant, for the commit that deletes the tenant.
    pub async fn removal(&self, tenant: TenantId) -> Result<Vec<Write>, StoreError> {
        Ok(self.list(tenant).await?.iter().flat_map(removal).collect())
    }
}

impl Lease {
    /// Whether the batch is somebody's still.
    pub fn is_held(&self, now: Timestamp) -> bool {
        now.as_millis() < self.until
    }
}

fn removal(consumer: &Consumer) -> Vec<Write> {
    let unindex = consumer.entries().into_iter().map(Write::Unindex);
    unindex.chain([Write::Delete(consumer.key())]).collect()
}

fn event(consumer: &Consumer, what: &str) -> Event {
    Event::administration(Action::Administer, KIND, consumer.id, &[what])
}
