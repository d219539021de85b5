//! The endpoints of a store, and what is kept of what is sent to them.

use std::sync::Arc;

use super::{
    record::{DeadLetter, Delivery, Kept, Replay, Webhook, key},
    sign::Keys,
};
use crate::{
    author::Author,
    event::{Action, Event},
    store::{Commit, Expect, ResourceId, Start, Store, StoreError, TenantId, TypeName, Write},
    tenant::Tenant,
};

/// How many records are read at a time.
const PAGE: usize = 500;

/// What a new endpoint is to be.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Whose events it gets; those of all tenants when absent.
    pub tenant: Option<TenantId>,
    /// Where messages are sent.
    pub url: String,
    /// The types of events that it wants.
    pub types: Vec<String>,
    /// How many messages a second it gets at most.
    pub rate: u32,
}

/// The endpoints of a store.
#[derive(Clone)]
pub struct Webhooks {
    store: Arc<dyn Store>,
    author: Author,
}

impl Webhooks {
    /// Those in that store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, author: Author::default() }
    }

    /// The same, as somebody else changes them.
    #[must_use]
    pub fn by(self, author: Author) -> Self {
        Self { author, ..self }
    }

    /// All endpoints, in the order in which they were made.
    pub async fn list(&self) -> Result<Vec<Webhook>, StoreError> {
        self.all().await
    }

    /// The endpoint with that id.
    pub async fn find(&self, id: ResourceId) -> Result<Option<Webhook>, StoreError> {
        self.get(id).await
    }

    /// Makes an endpoint. It gets what happens from now on in those tenants, and all that happens in tenants that are
    /// made later. Whether the URL can be an endpoint is for [`Sender::check`](super::Sender::check).
    pub async fn create(
        &self,
        id: ResourceId,
        new: NewWebhook,
        tenants: &[Arc<Tenant>],
    ) -> Result<Webhook, StoreError> {
        let NewWebhook { tenant, url, types, rate } = new;
        let keys = vec![Keys::new(rand::random(), rand::random())];
        let (disabled, created, version) = (None, scim_protocol::Timestamp::default(), 1);
        let webhook = Webhook { id, tenant, url, types, rate, disabled, keys, created, version };
        let mut commit = Commit::new(webhook.key(), event(id, "created"));
        commit.writes.push(Write::Put(webhook.key(), webhook.body()?));
        for tenant in tenants {
            let delivery = Delivery::beginning(&webhook, tenant, self.store.log(tenant.home).await?.newest);
            commit.writes.push(Write::Put(delivery.key(), delivery.body()?));
        }
        self.store.commit(self.author.sign(commit)).await?;
        Ok(webhook)
    }

    /// Keeps an endpoint that has changed since it was read, unless somebody else has changed it.
    pub async fn keep(&self, webhook: &Webhook, what: &str) -> Result<(), StoreError> {
        let mut commit = Commit::new(webhook.key(), event(webhook.id, what));
        commit.expect.push(Expect::Version(webhook.key(), webhook.version));
        commit.writes.push(Write::Put(webhook.key(), webhook.body()?));
        self.store.commit(self.author.sign(commit)).await.map(drop)
    }

    /// Removes an endpoint with all that is kept of it.
    pub async fn delete(&self, webhook: &Webhook) -> Result<(), StoreError> {
        let mut commit = Commit::new(webhook.key(), event(webhook.id, "deleted"));
        commit.writes.push(Write::Delete(webhook.key()));
        self.store.commit(self.author.sign(commit)).await?;
        self.clear::<Delivery>(|delivery| delivery.webhook == webhook.id).await?;
        self.clear::<DeadLetter>(|letter| letter.webhook == webhook.id).await?;
        self.clear::<Replay>(|replay| replay.webhook == webhook.id).await
    }

    /// Removes the endpoints of a tenant, and what is kept of its messages.
    pub async fn forget(&self, tenant: TenantId) -> Result<(), StoreError> {
        for webhook in self.list().await?.into_iter().filter(|webhook| webhook.tenant == Some(tenant)) {
            self.delete(&webhook).await?;
        }
        self.clear::<Delivery>(|delivery| delivery.tenant == tenant).await?;
        self.clear::<DeadLetter>(|letter| letter.tenant == tenant).await?;
        self.clear::<Replay>(|replay| replay.tenant == tenant).await
    }

    /// Removes what is kept of messages of a log that is no longer there.
    pub async fn forget_log(&self, log: TenantId) -> Result<(), StoreError> {
        self.clear::<DeadLetter>(|letter| letter.log == log).await?;
        self.clear::<Replay>(|replay| replay.log == log).await
    }

    /// How far an endpoint has come with a tenant's events.
    pub async fn delivery(&self, webhook: &Webhook, tenant: &Tenant) -> Result<Delivery, StoreError> {
        let kept = self.get::<Delivery>(Delivery::id_of(webhook.id, tenant.id)).await?;
        match kept {
            Some(kept) if kept.log == tenant.home => Ok(kept),
            // The tenant was replaced by an import: what is in the file is old, and what follows begins with
            // `tenant.replaced`.
            Some(kept) => Ok(Delivery { version: kept.version, ..Delivery::beginning(webhook, tenant, tenant.begun) }),
            None => Ok(Delivery::beginning(webhook, tenant, tenant.begun)),
        }
    }

    /// Keeps what has come of a pass: how far the endpoint is, what was given up, and what remains of replays.
    pub async fn advance(
        &self,
        delivery: &Delivery,
        dead: &[DeadLetter],
        replays: &[(Replay, u64)],
    ) -> Result<(), StoreError> {
        let mut commit = Commit::bookkeeping(TypeName::from(Delivery::KIND), delivery.id());
        commit.expect.push(Expect::Present(key::<Webhook>(delivery.webhook)));
        if delivery.version > 0 {
            commit.expect.push(Expect::Version(delivery.key(), delivery.version));
        }
        commit.writes.push(Write::Put(delivery.key(), delivery.body()?));
        for letter in dead {
            commit.writes.push(Write::Put(letter.key(), letter.body()?));
        }
        for (replay, done) in replays {
            commit.expect.push(Expect::Present(replay.key()));
            commit.writes.push(if *done >= replay.to {
                Write::Delete(replay.key())
            } else {
                Write::Put(replay.key(), Replay { after: *done, ..replay.clone() }.body()?)
            });
        }
        self.store.commit(commit).await.map(drop)
    }

    /// What was given up of an endpoint's messages.
    pub async fn dead_letters(&self, webhook: ResourceId) -> Result<Vec<DeadLetter>, StoreError> {
        let mut letters = self.all::<DeadLetter>().await?;
        letters.retain(|letter| letter.webhook == webhook);
        letters.sort_by_key(|letter| (letter.tenant, letter.sequence));
        Ok(letters)
    }

    /// What is to be sent again to an endpoint of a tenant's log.
    pub async fn replays(&self, webhook: ResourceId, log: TenantId) -> Result<Vec<Replay>, StoreError> {
        let mut replays = self.all::<Replay>().await?;
        replays.retain(|replay| (replay.webhook, replay.log) == (webhook, log));
        Ok(replays)
    }

    /// Has numbers sent again; and these dead letters are no longer kept.
    pub async fn replay(&self, replay: &Replay, instead_of: &[DeadLetter]) -> Result<(), StoreError> {
        let mut commit = Commit::new(replay.key(), event(replay.webhook, "replayed"));
        commit.writes.push(Write::Put(replay.key(), replay.body()?));
        commit.writes.extend(instead_of.iter().map(|letter| Write::Delete(letter.key())));
        self.store.commit(self.author.sign(commit)).await.map(drop)
    }

    async fn get<T: Kept>(&self, id: ResourceId) -> Result<Option<T>, StoreError> {
        self.store.get(&key::<T>(id)).await?.map(|record| T::read(&record)).transpose()
    }

    async fn all<T: Kept>(&self) -> Result<Vec<T>, StoreError> {
        let (kind, mut all, mut from) = (TypeName::from(T::KIND), Vec::new(), Start::Offset(0));
        loop {
            let page = self.store.resources(TenantId::SYSTEM, &kind, from, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(all) };
            from = Start::After(*last);
            for (_, record) in page.iter() {
                all.push(T::read(record)?);
            }
        }
    }

    async fn clear<T: Kept>(&self, which: impl Fn(&T) -> bool) -> Result<(), StoreError> {
        for one in self.all::<T>().await?.into_iter().filter(which) {
            let mut commit = Commit::bookkeeping(TypeName::from(T::KIND), one.id());
            commit.writes.push(Write::Delete(one.key()));
            match self.store.commit(commit).await {
                Ok(_) | Err(StoreError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Delivery {
    fn beginning(webhook: &Webhook, tenant: &Tenant, position: u64) -> Self {
        let (pending, failing_since, last_error, version) = (Vec::new(), None, None, 0);
        let (webhook, log, tenant) = (webhook.id, tenant.home, tenant.id);
        Self { webhook, tenant, log, position, pending, failing_since, last_error, version }
    }
}

fn event(webhook: ResourceId, what: &str) -> Event {
    Event::administration(Action::Administer, Webhook::KIND, webhook, &[what])
}
