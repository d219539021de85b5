//! Requests that were accepted and are completed later (RFC 9967 §2.5.1): what the store keeps of them.
//!
//! A request is a record of the system's own, written before its `202`. Whoever works on it puts a claim into the
//! tenant's own records, and each of its commits expects that claim as it was put. Who takes a request over puts the claim
//! anew: so nobody who worked on it before can commit any more, whatever it was that held them up.

use std::sync::Arc;

use bytes::Bytes;
use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    event::Json,
    own,
    store::{
        Body, Commit, Expect, IndexEntry, IndexKey, IndexRange, IndexValue, Position, Record, ResourceId, ResourceKey,
        Store, StoreError, TenantId, TypeName, Values, Write,
    },
    token::Scopes,
};

/// The kind of record that a request is.
pub const KIND: &str = "AsyncRequest";
/// The type of the claims, in a tenant. Names of resource types have no such character.
const CLAIM: &str = "~async";
/// The most requests of a tenant that wait to be completed.
pub const MOST_WAITING: usize = 100;
/// How many records are read at a time.
const PAGE: usize = 500;

/// A request that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// Its id: what `Set-Txn` has told.
    pub id: ResourceId,
    pub tenant: TenantId,
    /// The log of its changes: the tenant's home when it was accepted.
    pub log: TenantId,
    /// Who has asked.
    pub actor: String,
    /// What people call their token or client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As whom they write; by their name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
    pub scopes: Scopes,
    /// Whether that is an OAuth client.
    pub is_client: bool,
    /// The base URL of the tenant's endpoint, as the client reaches it.
    pub base: String,
    /// Whether it came to `/Bulk`.
    pub is_bulk: bool,
    /// When it was accepted, in milliseconds since the epoch.
    pub at: i64,
    /// Where the log stood then.
    pub after: u64,
    /// Whether an import has replaced the tenant before it was done. Nothing of it is done then, and `log` and `after`
    /// are those of the new log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_replaced: bool,
    /// The process that works on it.
    pub process: Uuid,
    /// The events that tell of its completion; absent while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completions: Option<Vec<u64>>,
    /// When it was completed, in milliseconds since the epoch; absent while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<i64>,
    /// The operations, as the body of a bulk request. Not part of the document that is shown; gone with the completion.
    #[serde(skip)]
    pub operations: Option<Json>,
    /// The record's version.
    #[serde(skip)]
    pub version: u64,
}

impl Deferred {
    /// The path of one of its operations, from the base URL on, as it was sent.
    pub fn path(&self, part: usize) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(self.operations.as_ref()?.text()).ok()?;
        Some(body.get("Operations")?.get(part)?.get("path")?.as_str()?.to_owned())
    }

    /// From its record.
    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let unread = |error: serde_json::Error| StoreError::Corrupt(format!("the accepted request {id}: {error}"));
        let deferred: Self = serde_json::from_slice(&record.body.visible).map_err(unread)?;
        let operations = Json::read(&record.body.hidden);
        Ok(Self { id, operations, version: record.header.version, ..deferred })
    }

    /// The index entries that belong to its record: whose it is while it waits, and when it was accepted, then when
    /// it was completed.
    pub fn entries(&self) -> Vec<IndexEntry> {
        let at = IndexValue::instant(Timestamp::from_millis(self.completed.unwrap_or(self.at)));
        let waits = self.completions.is_none().then(|| key_of("waiting", self.tenant.0.as_bytes().to_vec()));
        let keys = waits.into_iter().chain([key_of("at", at.0)]);
        keys.map(|key| IndexEntry { key, id: self.id, unique: false }).collect()
    }

    /// Where its claim is.
    pub fn claim(&self) -> ResourceKey {
        ResourceKey { tenant: self.log, resource_type: TypeName::from(CLAIM), id: self.id }
    }

    fn key(&self) -> ResourceKey {
        key(self.id)
    }

    fn body(&self) -> Result<Body, StoreError> {
        let hidden = self.operations.as_ref().map(|json| Bytes::from(json.text().to_owned()));
        Ok(Body { hidden: hidden.unwrap_or_default(), ..own::body("", self)? })
    }
}

/// The accepted requests of all tenants.
#[derive(Clone)]
pub struct Deferrals(Arc<dyn Store>);

impl Deferrals {
    /// Those in that store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// The one with that id.
    pub async fn get(&self, id: ResourceId) -> Result<Option<Deferred>, StoreError> {
        self.0.get(&key(id)).await?.map(|record| Deferred::from_record(id, &record)).transpose()
    }

    /// Keeps a new one. It is durable then.
    pub async fn accept(&self, deferred: &Deferred) -> Result<(), StoreError> {
        let mut commit = Commit::bookkeeping(KIND.into(), deferred.id);
        commit.writes.push(Write::Put(deferred.key(), deferred.body()?));
        commit.writes.extend(deferred.entries().into_iter().map(Write::Index));
        self.0.commit(commit).await.map(drop)
    }

    /// How many of a tenant wait, up to [`MOST_WAITING`].
    pub async fn number_waiting(&self, tenant: TenantId) -> Result<usize, StoreError> {
        let values = Values::Equal(IndexValue(tenant.0.as_bytes().to_vec()));
        Ok(self.0.index(&range("waiting", values), None, MOST_WAITING).await?.len())
    }

    /// The one of a tenant that has waited longest: ids follow each other in time.
    pub async fn first_waiting(&self, tenant: TenantId) -> Result<Option<Deferred>, StoreError> {
        let values = Values::Equal(IndexValue(tenant.0.as_bytes().to_vec()));
        match self.0.index(&range("waiting", values), None, 1).await?.first() {
            Some(first) => self.get(first.id).await,
            None => Ok(None),
        }
    }

    /// All that wait, of all tenants.
    pub async fn waiting(&self) -> Result<Vec<Deferred>, StoreError> {
        self.found(range("waiting", Values::All)).await
    }

    /// Keeps one that has changed since it was read, unless somebody else has changed it (`Conflict`).
    pub async fn keep(&self, before: &Deferred, deferred: &Deferred) -> Result<(), StoreError> {
        let mut commit = Commit::bookkeeping(KIND.into(), deferred.id);
        commit.expect.push(Expect::Version(deferred.key(), before.version));
        commit.writes.extend(before.entries().into_iter().map(Write::Unindex));
        commit.writes.push(Write::Put(deferred.key(), deferred.body()?));
        commit.writes.extend(deferred.entries().into_iter().map(Write::Index));
        self.0.commit(commit).await.map(drop)
    }

    /// Removes one.
    pub async fn remove(&self, deferred: &Deferred) -> Result<(), StoreError> {
        match self.0.commit(Commit::removal(deferred.key(), deferred.entries())).await {
            Err(StoreError::Missing(_)) => Ok(()),
            done => done.map(drop),
        }
    }

    /// Removes those that were completed before that time.
    pub async fn sweep(&self, before: Timestamp) -> Result<(), StoreError> {
        let end = std::ops::Bound::Excluded(IndexValue::instant(before));
        for old in self.found(range("at", Values::Between(std::ops::Bound::Unbounded, end))).await? {
            if old.completions.is_some() {
                self.remove(&old).await?;
            }
        }
        Ok(())
    }

    /// Removes those of a tenant that is deleted.
    pub async fn forget(&self, tenant: TenantId) -> Result<(), StoreError> {
        for one in self.found(range("at", Values::All)).await? {
            if one.tenant == tenant {
                self.remove(&one).await?;
            }
        }
        Ok(())
    }

    /// Puts the claim of a request, and gives its version. Every commit for the request expects that.
    pub async fn claim(&self, deferred: &Deferred) -> Result<u64, StoreError> {
        // Never the same twice: whoever puts it anew changes it.
        let visible = serde_json::json!({"by": Uuid::new_v4()}).to_string().into();
        let commit = of_claim(deferred, Write::Put(deferred.claim(), Body { visible, ..Body::default() }));
        let header = self.0.commit(commit).await?.header;
        header.map(|header| header.version).ok_or_else(|| StoreError::Corrupt("a claim has no header".into()))
    }

    /// Removes the claim, unless somebody else has put it anew.
    pub async fn release(&self, deferred: &Deferred, version: u64) -> Result<(), StoreError> {
        let mut commit = of_claim(deferred, Write::Delete(deferred.claim()));
        commit.expect.push(Expect::Version(deferred.claim(), version));
        match self.0.commit(commit).await {
            Err(StoreError::Missing(_) | StoreError::Conflict(_)) => Ok(()),
            done => done.map(drop),
        }
    }

    async fn found(&self, range: IndexRange) -> Result<Vec<Deferred>, StoreError> {
        let (mut found, mut last): (Vec<Deferred>, Option<Position>) = (Vec::new(), None);
        loop {
            let page = self.0.index(&range, last.as_ref(), PAGE).await?;
            for position in &page {
                found.extend(self.get(position.id).await?);
            }
            match page.into_iter().last() {
                Some(position) => last = Some(position),
                None => return Ok(found),
            }
        }
    }
}

/// A commit that changes nothing but a claim. Nobody is told of it.
fn of_claim(deferred: &Deferred, write: Write) -> Commit {
    Commit { writes: vec![write], ..Commit::unnoticed(deferred.claim()) }
}

/// Whether that is the claim of a request.
pub fn is_claim(key: &ResourceKey) -> bool {
    key.resource_type.as_str() == CLAIM
}

fn key(id: ResourceId) -> ResourceKey {
    own::key(KIND, id)
}

fn key_of(attribute: &str, value: Vec<u8>) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from(attribute),
        value: IndexValue(value),
    }
}

fn range(attribute: &str, values: Values) -> IndexRange {
    let IndexKey { tenant, resource_type, attribute, .. } = key_of(attribute, Vec::new());
    IndexRange { tenant, resource_type, attribute, values, descending: false }
}
