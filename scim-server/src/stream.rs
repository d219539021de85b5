//! Streams of security event tokens: what the store keeps of what a receiver has asked for, and of how far it has come.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use scim_protocol::{Error, ErrorKind, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::{
    Body, Commit, Expect, IndexEntry, IndexKey, IndexRange, IndexValue, Position, Record, ResourceId, ResourceKey,
    Store, StoreError, TenantId, TypeName, Values, Write,
};

/// The kind of record.
pub const KIND: &str = "Stream";
/// How often a change of a stream is tried, when somebody else changes it too.
const ATTEMPTS: usize = 64;
/// Every event that a stream may ask for (RFC 9967 §2).
pub const EVENTS: [&str; 9] = [
    "urn:ietf:params:scim:event:prov:create:full",
    "urn:ietf:params:scim:event:prov:create:notice",
    "urn:ietf:params:scim:event:prov:put:full",
    "urn:ietf:params:scim:event:prov:put:notice",
    "urn:ietf:params:scim:event:prov:patch:full",
    "urn:ietf:params:scim:event:prov:patch:notice",
    "urn:ietf:params:scim:event:prov:delete",
    "urn:ietf:params:scim:event:prov:activate",
    "urn:ietf:params:scim:event:prov:deactivate",
];
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
    /// Nothing; what happens meanwhile is never sent, nor what was held until then.
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
    /// When it was kept last: the record's own time, not part of the document.
    #[serde(skip)]
    pub kept: Timestamp,
    /// The record's version.
    #[serde(skip)]
    pub version: u64,
}

impl Stream {
    /// A new one, which begins behind that number of the log.
    pub fn new(id: ResourceId, tenant: TenantId, log: TenantId, place: u64) -> Self {
        let (requested, description, status, reason) = (Vec::new(), None, Status::Enabled, None);
        let (acknowledged, verifications) = (BTreeSet::new(), Vec::new());
        let (kept, version) = (Timestamp::default(), 1);
        Self {
            id,
            tenant,
            log,
            requested,
            description,
            status,
            reason,
            place,
            acknowledged,
            verifications,
            kept,
            version,
        }
    }

    /// From its record.
    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let stream: Self = serde_json::from_slice(&record.body.visible)
            .map_err(|error| StoreError::Corrupt(format!("stream {id}: {error}")))?;
        Ok(Self { id, kept: record.header.last_modified, version: record.header.version, ..stream })
    }

    /// The events that are sent: those that were asked for and that there are.
    pub fn delivered(&self) -> Vec<String> {
        let wants = |uri: &&str| self.requested.is_empty() || self.requested.iter().any(|one| one == uri);
        EVENTS.iter().copied().filter(wants).map(str::to_owned).collect()
    }

    /// What `jti` is of the token about an event: the same however often it is given, and of this stream alone.
    pub fn jti(&self, sequence: u64) -> String {
        format!("{}-{sequence}", self.id.0.simple())
    }

    /// The number of the event that a token of this stream is about.
    pub fn sequence_of(&self, jti: &str) -> Option<u64> {
        jti.strip_prefix(&self.id.0.simple().to_string())?.strip_prefix('-')?.parse().ok()
    }

    /// Changes what is sent. `newest` is where the log stands: what happens while it is disabled is not sent.
    pub fn set_status(&mut self, status: Status, newest: u64) {
        if Status::Disabled == status || Status::Disabled == self.status {
            self.place = self.place.max(newest);
            self.acknowledged.clear();
            self.verifications.clear();
        }
        self.status = status;
    }

    fn key(&self) -> ResourceKey {
        key(self.id)
    }

    /// The index entries that belong to its record: whose it is.
    pub fn entries(&self) -> Vec<IndexEntry> {
        vec![IndexEntry { key: tenant_key(self.tenant), id: self.id, unique: false }]
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
        let IndexKey { tenant: system, resource_type, attribute, value } = tenant_key(tenant);
        let range =
            IndexRange { tenant: system, resource_type, attribute, values: Values::Equal(value), descending: false };
        let mut streams = Vec::new();
        for Position { id, .. } in self.0.index(&range, None, MOST_STREAMS).await? {
            if let Some(record) = self.0.get(&key(id)).await? {
                streams.push(Stream::from_record(id, &record)?);
            }
        }
        Ok(streams)
    }

    /// The stream of a tenant with that id; 404 when there is none.
    pub async fn known(&self, tenant: TenantId, id: &str) -> Result<Stream, Error> {
        let found = match ResourceId::parse(id) {
            Some(id) => self.find(tenant, id).await?,
            None => None,
        };
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("The tenant has no stream {id:?}.")))
    }

    async fn find(&self, tenant: TenantId, id: ResourceId) -> Result<Option<Stream>, StoreError> {
        let Some(record) = self.0.get(&key(id)).await? else { return Ok(None) };
        Ok(Some(Stream::from_record(id, &record)?).filter(|stream| stream.tenant == tenant))
    }

    /// Keeps a new one.
    pub async fn create(&self, stream: &Stream) -> Result<(), StoreError> {
        let mut commit = Commit::bookkeeping(KIND.into(), stream.id);
        commit.writes.push(Write::Put(stream.key(), stream.body()?));
        commit.writes.extend(stream.entries().into_iter().map(Write::Index));
        self.0.commit(commit).await.map(drop)
    }

    /// Changes one, as it is then, and gives what it has become; 404 when the tenant has none with that id. What the
    /// change refuses is refused.
    pub async fn change(
        &self,
        tenant: TenantId,
        id: &str,
        mut change: impl FnMut(&mut Stream) -> Result<(), Error>,
    ) -> Result<Stream, Error> {
        for _ in 0..ATTEMPTS {
            let mut stream = self.known(tenant, id).await?;
            change(&mut stream)?;
            match self.keep(&stream).await {
                Ok(()) => return Ok(stream),
                Err(StoreError::Conflict(_) | StoreError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
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
        commit.writes.extend(stream.entries().into_iter().map(Write::Unindex));
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

/// The index key of a tenant's streams.
fn tenant_key(tenant: TenantId) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from("tenant"),
        value: IndexValue(tenant.0.as_bytes().to_vec()),
    }
}

/// 503: others change the stream again and again.
pub fn busy() -> Error {
    Error::new(ErrorKind::Unavailable(1), "Too many requests use this stream. Repeat the request.")
}
