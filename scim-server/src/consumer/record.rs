//! What is stored of a consumer: a record of the system's own tenant.

use std::sync::Arc;

use scim_protocol::{Timestamp, value::fold};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    own,
    store::{
        Body, Header, IndexEntry, IndexKey, IndexRange, IndexValue, Record, ResourceId, ResourceKey, StoreError,
        TenantId, TypeName, Values,
    },
};

/// The kind of record.
pub const KIND: &str = "Consumer";

/// A consumer as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    pub id: ResourceId,
    /// Whose events it reads.
    pub tenant: TenantId,
    /// The log that its numbers are of: the tenant's home when it was made.
    pub log: TenantId,
    /// Its name, unique in the tenant whatever its case.
    pub name: String,
    /// The types of events that it wants, as they were written; all when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// What is done.
    pub place: Place,
    /// The batch that was acknowledged last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Uuid>,
    /// What is being worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// When it was made: the record's own time, not part of the document.
    #[serde(skip)]
    pub created: Timestamp,
    /// When it was kept last: the record's own time too.
    #[serde(skip)]
    pub kept: Timestamp,
    /// The record's version.
    #[serde(skip)]
    pub version: u64,
}

/// How far a consumer has come: first through the state, then through the events behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The last number that is done. While the state is read, the number that the log had when that began.
    pub sequence: u64,
    /// How far the state is read; `None` when it is, or was not wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefill: Option<Prefill>,
}

/// A place in the state: its resources by type, in the order in which the tenant lists them, and by id. The default is
/// the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Prefill {
    /// The type that is being read.
    pub resource_type: String,
    /// The last resource that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ResourceId>,
    /// The last member of that resource that was given, if there are more; and the version of the resource then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<(ResourceId, u64)>,
}

/// A batch that a worker has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// What the worker knows it by.
    pub id: Uuid,
    /// Until when it is the worker's, in milliseconds since the epoch.
    pub until: i64,
    /// Where the consumer stands when it is done.
    pub next: Place,
    /// The batch that was acknowledged when this one was given. Who asks with it again has not heard of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Uuid>,
}

impl Consumer {
    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let consumer: Self = own::read(record, format_args!("consumer {id}"))?;
        let Header { created, last_modified: kept, version, .. } = record.header;
        Ok(Self { id, created, kept, version, ..consumer })
    }

    /// As it is stored.
    pub fn body(&self) -> Result<Body, StoreError> {
        own::body(self.name.clone(), self)
    }

    /// Where it is stored.
    pub fn key(&self) -> ResourceKey {
        key(self.id)
    }

    /// The index entries that belong to its record: its name, unique.
    pub fn entries(&self) -> Vec<IndexEntry> {
        vec![IndexEntry { key: name_key(self.tenant, &self.name), id: self.id, unique: true }]
    }
}

/// Where the consumer with that id is stored.
pub fn key(id: ResourceId) -> ResourceKey {
    own::key(KIND, id)
}

/// The index key of the name of a tenant's consumer.
pub(super) fn name_key(tenant: TenantId, name: &str) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from("name"),
        value: IndexValue([tenant.0.as_bytes().as_slice(), fold(name).as_bytes()].concat()),
    }
}

/// The index keys of all names of a tenant's consumers.
pub(super) fn names(tenant: TenantId) -> IndexRange {
    let IndexKey { tenant: system, resource_type, attribute, .. } = name_key(tenant, "");
    let values = Values::Prefix(IndexValue(tenant.0.as_bytes().to_vec()));
    IndexRange { tenant: system, resource_type, attribute, values, descending: false }
}
