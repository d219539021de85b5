//! Streams of a tenant: what a receiver has asked for, and how far it has come.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::token::EVENTS;
use crate::store::{
    Body, Commit, Expect, Record, ResourceId, ResourceKey, Start, Store, StoreError, TenantId, TypeName, Write,
};

/// The kind of record.
const KIND: &str = "Stream";
/// How many records are read at a time.
const PAGE: usize = 500;
/// The most streams of a tenant.
pub const MOST_STREAMS: usize = 16;

/// What is sent over a stream (SSF 1.0 §8.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything.
    #[default]
    Enabled,
    /// Nothing now; what happens meanwhile is sent when it is enabled again.
    Paused,
    /// Nothing; what happens meanwhile is never sent.
    Disabled,
}

/// A stream as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its id.
    pub id: ResourceId,
    /// Whose events.
    pub tenant: TenantId,
    /// The log that its numbers are of: the tenant's home when it was made.
    pub log: TenantId,
    /// The events that the receiver has asked for; all that there are when there are none.
    #[serde(default)]
    pub requested: Vec<String>,
    /// What the receiver calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is sent.
    #[serde(default)]
    pub status: Status,
    /// Why, as the receiver said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number up to which everything was acknowledged.
    pub place: u64,
    /// What was acknowledged behind it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub acknowledged: BTreeSet<u64>,
    /// Verifications that were asked for and are not acknowledged: their ids, and the state that each is to give back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verifications: Vec<(Uuid, Option<String>)>,
    /// The record's version.
    #[serde(skip)]
    pub version: u64,
}

impl Stream {
    /// A new one, which begins behind that number of the log.
    pub fn new(id: ResourceId, tenant: TenantId, log: TenantId, place: u64) -> Self {
        let (requested, description, status, reason) = (Vec::new(), None, Status::Enabled, None);
        let (acknowledged, verifications) = (BTreeSet::new(), Vec::new());
        Self { id, tenant, log, requested, description, status, reason, place, acknowledged, verifications, version: 1 }
    }

    /// From its record.
    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let stream: Self = serde_json::from_slice(&record.body.visible)
            .map_err(|error| StoreError::Corrupt(format!("stream {id}: {error}")))?;
        Ok(Self { id, version: record.header.version, ..stream })
    }

    /// The events that are sent: those that were asked for and that there are.
    pub fn delivered(&self) -> Vec<String> {
        let wants = |uri: &&str| self.requested.is_empty() || self.requested.iter().any(|one| one == uri);
        EVENTS.iter().copied().filter(wants).map(str::to_owned).collect()
    }

    fn key(&self) -> ResourceKey {
        key(self.id)
    }

    fn body(&self) -> Result<Body, StoreError> {
        let visible = serde_json::to_vec(self).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(Body { display: Bytes::new(), visible: visible.into(), hidden: Bytes::new() })
    }
}

/// The streams of all tenants.
#[derive(Clone)]
pub struct Streams(Arc<dyn Store>);

impl Streams {
    /// Those in that store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// A tenant's streams, in the order in which they were made.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<Stream>, StoreError> {
        let (kind, mut streams, mut from) = (TypeName::from(KIND), Vec::new(), Start::Offset(0));
        loop {
            let page = self.0.resources(TenantId::SYSTEM, &kind, from, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(streams) };
            from = Start::After(*last);
            for (id, record) in page.iter() {
                streams.push(Stream::from_record(*id, record)?);
            }
            streams.retain(|stream| stream.tenant == tenant);
        }
    }

    /// The stream of a tenant with that id.
    pub async fn find(&self, tenant: TenantId, id: ResourceId) -> Result<Option<Stream>, StoreError> {
        let Some(record) = self.0.get(&key(id)).await? else { return Ok(None) };
        Ok(Some(Stream::from_record(id, &record)?).filter(|stream| stream.tenant == tenant))
    }

    /// Keeps a new one.
    pub async fn create(&self, stream: &Stream) -> Result<(), StoreError> {
        let mut commit = Commit::bookkeeping(KIND.into(), stream.id);
        commit.writes.push(Write::Put(stream.key(), stream.body()?));
        self.0.commit(commit).await.map(drop)
    }

    /// Keeps one that has changed since it was read, unless somebody else has changed it (`Conflict`) or removed it
    /// (`Missing`).
    pub async fn keep(&self, stream: &Stream) -> Result<(), StoreError> {
        let mut commit = Commit::bookkeeping(KIND.into(), stream.id);
        commit.expect.push(Expect::Version(stream.key(), stream.version));
        commit.writes.push(Write::Put(stream.key(), stream.body()?));
        self.0.commit(commit).await.map(drop)
    }

    /// Removes one.
    pub async fn delete(&self, stream: &Stream) -> Result<(), StoreError> {
        let mut commit = Commit::bookkeeping(KIND.into(), stream.id);
        commit.writes.push(Write::Delete(stream.key()));
        match self.0.commit(commit).await {
            Err(StoreError::Missing(_)) => Ok(()),
            done => done.map(drop),
        }
    }

    /// Removes those of a tenant that is deleted.
    pub async fn forget(&self, tenant: TenantId) -> Result<(), StoreError> {
        for stream in self.list(tenant).await? {
            self.delete(&stream).await?;
        }
        Ok(())
    }
}

fn key(id: ResourceId) -> ResourceKey {
    ResourceKey { tenant: TenantId::SYSTEM, resource_type: TypeName::from(KIND), id }
}
