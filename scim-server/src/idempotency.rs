//! Requests that are repeated and done once (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! A client gives a request a key. Before the request is done, the store keeps that it is begun; when it is done, the
//! answer. Both are durable before anybody is answered. So a repetition gets the same answer within [`KEPT`], also from
//! another process. An answer may hold a secret: it is sealed under a key of the store.
//!
//! The process that has begun a request may be killed in the middle. Whoever asks again then has the work of that process
//! [ended](crate::store::mark), and learns whether anything was done. If nothing was, the request is done now; else its
//! outcome is that it was done and the answer is lost.

mod process;
mod sealed;

use std::{convert::Infallible, sync::Arc};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::process::Process;
use self::{process::Running, sealed::Seal};
use crate::{
    own, passing,
    store::{
        Body, Commit, Expect, IndexEntry, IndexKey, IndexValue, Record, ResourceId, ResourceKey, Start, Store,
        StoreError, TenantId, TypeName, Write,
        mark::{self, Done},
    },
    token::secret::Digest,
};

/// The kind of record.
pub const KIND: &str = "RepeatableRequest";

/// How long an answer is given again, in milliseconds: a day.
pub const KEPT: i64 = 24 * 60 * 60 * 1000;

/// The longest key, in characters.
pub const LONGEST_KEY: usize = 255;

/// The status of a request that was done and whose answer is lost.
const GONE: u16 = 410;

/// A request with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Whose key it is, and which.
    key: Digest,
    /// What is asked.
    request: Digest,
    /// Where the tenant that it is about has its records; `None` when it is about none, or all.
    home: Option<TenantId>,
}

/// An answer: a status of HTTP, and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What is known of a request when it comes.
#[derive(Debug)]
pub enum Begun {
    /// It is new: do it [within](mark::within) the work of the claim, and then [`finish`](Calls::finish) or
    /// [`give_up`](Calls::give_up).
    New(Claim),
    /// It was done, with that answer.
    Done(Reply),
    /// It was begun then and is being done.
    Running(Timestamp),
    /// Another request had that key.
    Other,
}

/// That a request is being done, for as long as this lives.
#[derive(Debug)]
pub struct Claim {
    /// What its commits are marked with.
    pub work: ResourceId,
    id: ResourceId,
    version: u64,
    kept: Box<Kept>,
    _running: Running,
}

/// What is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    #[serde(with = "hex::serde")]
    key: Digest,
    #[serde(with = "hex::serde")]
    request: Digest,
    /// In milliseconds since the epoch.
    begun: i64,
    /// Where it may do something beside the system's own records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    home: Option<TenantId>,
    /// The process that does it.
    process: uuid::Uuid,
    /// Each time that it was begun: the work of those before was ended. The last is the one that counts.
    works: Vec<ResourceId>,
    /// The answer, sealed; absent until it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

impl Call {
    /// The request of somebody (`actor`) with a key, made of all that a repetition must say again. `home` is where the
    /// tenant that it is about has its records.
    pub fn new<'a>(
        actor: &str,
        key: &str,
        request: impl IntoIterator<Item = &'a [u8]>,
        home: Option<TenantId>,
    ) -> Self {
        Self { key: digest([actor.as_bytes(), key.as_bytes()]), request: digest(request), home }
    }
}

/// The requests with keys of a store.
pub struct Calls {
    store: Arc<dyn Store>,
    seal: Seal,
    process: Arc<Process>,
}

impl Calls {
    /// Those of that store, whose answers are sealed with `secret`. `process` is the same for all that a process does.
    pub fn new(store: Arc<dyn Store>, secret: &[u8; 32], process: Arc<Process>) -> Self {
        Self { store, seal: Seal::new(secret), process }
    }

    /// Has other processes know that this one lives, for as long as it is polled.
    pub async fn keep_alive(&self) -> Infallible {
        self.process.keep_renewing(&*self.store).await
    }

    /// Says what is known of a request. If it is new, or nothing was done of it by a process that has ended, it is from
    /// now on begun.
    pub async fn begin(&self, call: Call, now: Timestamp) -> Result<Begun, StoreError> {
        // Before the record: whoever reads it must not find a process that seems dead.
        self.process.renew(&*self.store).await?;
        loop {
            match self.known(call, now).await {
                Ok(Some(known)) => return Ok(known),
                Ok(None) => {}
                // Another process did the same at the same moment.
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => continue,
                Err(error) => return Err(error),
            }
            let id = passing::id(now.as_millis().saturating_add(KEPT), rand::random());
            let (key, request, begun, home) = (call.key, call.request, now.as_millis(), call.home);
            let kept = Kept { key, request, begun, home, process: self.process.id, works: Vec::new(), answer: None };
            match self.claim(id, None, kept).await {
                Err(StoreError::Taken(_)) => {}
                claimed => return claimed.map(Begun::New),
            }
        }
    }

    /// Keeps the answer of a request that was begun. When this returns, it is durable.
    pub async fn finish(&self, claim: &Claim, reply: &Reply) -> Result<(), StoreError> {
        self.answer(claim.id, claim.version, Kept::clone(&claim.kept), reply).await
    }

    /// Forgets that a request was begun, which has failed: it may be tried again with its key, unless something was done.
    pub async fn give_up(&self, claim: &Claim) -> Result<(), StoreError> {
        match claim.kept.fence(&*self.store).await? {
            None => remove(&*self.store, claim.id, &claim.kept).await,
            Some(done) => self.finish(claim, &claim.kept.lost(&done)).await,
        }
    }

    /// What is known of a request; `None` if nothing is.
    async fn known(&self, call: Call, now: Timestamp) -> Result<Option<Begun>, StoreError> {
        let Some(id) = self.store.lookup(&index_key(&call.key)).await? else { return Ok(None) };
        let Some(record) = self.store.get(&key(id)).await? else { return Ok(None) };
        let kept = Kept::read(id, &record)?;
        if kept.begun.saturating_add(KEPT) <= now.as_millis() {
            remove(&*self.store, id, &kept).await?;
            return Ok(None);
        }
        if kept.request != call.request {
            return Ok(Some(Begun::Other));
        }
        if let Some(answer) = &kept.answer {
            let damaged = || StoreError::Corrupt(format!("the answer of the repeated request {id}"));
            return Ok(Some(Begun::Done(self.seal.open(&kept.key, answer).ok_or_else(damaged)?)));
        }
        if self.process.has(&*self.store, kept.process, kept.work()).await? {
            return Ok(Some(Begun::Running(Timestamp::from_millis(kept.begun))));
        }
        self.take_over((id, record.header.version), kept, call).await.map(Some)
    }

    /// Goes on with a request whose process has ended.
    async fn take_over(&self, (id, version): (ResourceId, u64), kept: Kept, call: Call) -> Result<Begun, StoreError> {
        if let Some(done) = kept.fence(&*self.store).await? {
            let reply = kept.lost(&done);
            self.answer(id, version, kept, &reply).await?;
            return Ok(Begun::Done(reply));
        }
        let kept = Kept { process: self.process.id, home: call.home, ..kept };
        self.claim(id, Some(version), kept).await.map(Begun::New)
    }

    /// Begins a request, which has a record of that version already or none.
    async fn claim(&self, id: ResourceId, version: Option<u64>, mut kept: Kept) -> Result<Claim, StoreError> {
        let work = ResourceId(uuid::Uuid::new_v4());
        kept.works.push(work);
        let running = self.process.run(work);
        let mut commit = Commit::bookkeeping(KIND.into(), id);
        commit.expect.extend(version.map(|version| Expect::Version(key(id), version)));
        commit.writes.push(Write::Put(key(id), kept.body()?));
        if version.is_none() {
            commit.writes.push(Write::Index(kept.entry(id)));
        }
        let committed = self.store.commit(commit).await?;
        let version = committed.header.map_or(1, |header| header.version);
        Ok(Claim { work, id, version, kept: Box::new(kept), _running: running })
    }

    async fn answer(&self, id: ResourceId, version: u64, kept: Kept, reply: &Reply) -> Result<(), StoreError> {
        let kept = Kept { answer: Some(self.seal.close(&kept.key, reply)?), ..kept };
        let mut commit = Commit::bookkeeping(KIND.into(), id);
        commit.expect.push(Expect::Version(key(id), version));
        commit.writes.push(Write::Put(key(id), kept.body()?));
        self.store.commit(commit).await.map(drop)
    }
}

impl Kept {
    fn read(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        own::read(record, format_args!("the repeated request {id}"))
    }

    fn body(&self) -> Result<Body, StoreError> {
        own::body("", self)
    }

    fn entry(&self, id: ResourceId) -> IndexEntry {
        IndexEntry { key: index_key(&self.key), id, unique: true }
    }

    fn work(&self) -> Option<ResourceId> {
        self.works.last().copied()
    }

    /// Where it may do something.
    fn tenants(&self) -> impl Iterator<Item = TenantId> {
        [TenantId::SYSTEM].into_iter().chain(self.home)
    }

    /// Ends the work on it everywhere, and says what was done first, if anything was.
    async fn fence(&self, store: &dyn Store) -> Result<Option<Done>, StoreError> {
        let Some(work) = self.work() else { return Ok(None) };
        let mut first = None;
        for tenant in self.tenants() {
            let done = mark::fence(store, tenant, work).await?;
            first = first.or(done);
        }
        Ok(first)
    }

    /// The answer in the place of one that is lost.
    fn lost(&self, done: &Done) -> Reply {
        let (begun, Done { resource_type, id }) = (Timestamp::from_millis(self.begun), done);
        let message = format!(
            "The request with this Idempotency-Key was begun at {begun} and cut off. It was done, all of it or a part, and its answer is lost. What it did first is about the {resource_type} {id}: look at that, change or delete it, and use another key for what is missing."
        );
        Reply { status: GONE, body: message.into_bytes() }
    }
}

async fn remove(store: &dyn Store, id: ResourceId, kept: &Kept) -> Result<(), StoreError> {
    for tenant in kept.tenants() {
        for work in &kept.works {
            mark::forget(store, tenant, *work).await?;
        }
    }
    match store.commit(Commit::removal(key(id), vec![kept.entry(id)])).await {
        Ok(_) | Err(StoreError::Missing(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes what is kept of requests whose time is over. To be called now and then, by one process.
pub async fn forget(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    const PAGE: usize = 200;
    loop {
        let page = store.resources(TenantId::SYSTEM, &TypeName::from(KIND), Start::Offset(0), PAGE).await?;
        let mut removed = 0;
        for (id, record) in page.iter().take_while(|(id, _)| passing::until(*id) <= now.as_millis()) {
            remove(store, *id, &Kept::read(*id, record)?).await?;
            removed += 1;
        }
        if removed < PAGE {
            return Ok(());
        }
    }
}

/// The index entries of such a record: whose key it is, unique.
pub fn entries(id: ResourceId, record: &Record) -> Result<Vec<IndexEntry>, StoreError> {
    Ok(vec![Kept::read(id, record)?.entry(id)])
}

fn key(id: ResourceId) -> ResourceKey {
    passing::key(KIND, id)
}

fn index_key(key: &Digest) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from("key"),
        value: IndexValue(key.to_vec()),
    }
}

/// The digest of several parts: no two lists of parts have one by chance.
fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests;
