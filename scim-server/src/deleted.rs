//! What is kept of a deleted resource, so that it can be restored: a record of a type of its own, in its tenant.
//!
//! No request sees these records: no resource type that a tenant can have is called like theirs. They are written in
//! the commit that deletes, exported and erased with the tenant, and purged when the tenant's `restore_window` is over.

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

use crate::{
    index,
    store::{
        Body, IndexEntry, IndexKey, IndexRange, IndexValue, Record, ResourceId, ResourceKey, StoreError, TenantId,
        TypeName, Values,
    },
};

/// How many members are kept in one record.
pub const MEMBERS_IN_A_PART: usize = 10_000;

/// Stands before the type of what was deleted. Names of resource types have no such character.
const KEPT: &str = "~";

/// The type of the records that keep the members of deleted groups.
const PARTS: &str = "~members";

/// The paths in a kept record by which it is found.
const EXTERNAL_ID: &str = "document.externalId";
const USER_NAME: &str = "document.userName";
const DELETED: &str = "at";

/// A resource that was deleted. Its id is that of the record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deleted {
    /// When it was deleted, in milliseconds since the epoch.
    pub at: i64,
    /// Who deleted it: a token's id, or `admin`.
    pub actor: String,
    /// As whom that one writes, where it is not the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    writer: Option<String>,
    /// The request that did it; empty when none came over HTTP.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// Its last version.
    pub version: u64,
    /// When it had been created, in milliseconds since the epoch.
    pub created: i64,
    /// The groups that held it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupOf>,
    /// How many members it had, if it was a group.
    #[serde(default)]
    pub members: u64,
    /// The records with its members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ResourceId>,
    /// How others called it.
    #[serde(default)]
    pub display: String,
    /// The visible part of its document, as it was stored.
    pub document: Box<RawValue>,
    /// The hidden part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Box<RawValue>>,
}

/// A group that held what was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOf {
    #[serde(rename = "type")]
    pub resource_type: TypeName,
    pub id: ResourceId,
}

impl Deleted {
    /// What is kept of a record that somebody deletes who has that id, and writes as that.
    pub fn of(
        record: &Record,
        at: Timestamp,
        (actor, writer): (&str, &str),
        request: String,
        groups: Vec<GroupOf>,
    ) -> Result<Self, StoreError> {
        let Body { display: _, visible, hidden } = &record.body;
        Ok(Self {
            at: at.as_millis(),
            actor: actor.to_owned(),
            writer: (writer != actor).then(|| writer.to_owned()),
            request,
            version: record.header.version,
            created: record.header.created.as_millis(),
            groups,
            members: record.header.members,
            parts: Vec::new(),
            display: record.body.display().to_owned(),
            document: raw(visible)?,
            hidden: if hidden.is_empty() { None } else { Some(raw(hidden)?) },
        })
    }

    /// The same of another body.
    pub fn with(self, body: &Body) -> Result<Self, StoreError> {
        let hidden = if body.hidden.is_empty() { None } else { Some(raw(&body.hidden)?) };
        Ok(Self { display: body.display().to_owned(), document: raw(&body.visible)?, hidden, ..self })
    }

    /// From the record that keeps it.
    pub fn from_record(record: &Record) -> Result<Self, StoreError> {
        serde_json::from_slice(&record.body.visible).map_err(corrupt)
    }

    /// As it is kept.
    pub fn body(&self) -> Result<Body, StoreError> {
        let visible = serde_json::to_vec(self).map_err(corrupt)?;
        Ok(Body { visible: visible.into(), ..Body::default() })
    }

    /// As whom it was deleted: what stays when a token is rotated.
    pub fn writer(&self) -> &str {
        self.writer.as_deref().unwrap_or(&self.actor)
    }

    pub fn deleted_at(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }

    pub fn names(&self) -> Result<Names, StoreError> {
        let document: Map<String, Value> = serde_json::from_str(self.document.get()).map_err(corrupt)?;
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Names { external_id: text("externalId"), user_name: text("userName"), display_name: text("displayName") })
    }

    /// The resource as it was stored.
    pub fn record(&self) -> Record {
        let bytes = |raw: &RawValue| Bytes::from(raw.get().to_owned());
        let mut record = Record::default();
        record.header.version = self.version;
        record.header.created = Timestamp::from_millis(self.created);
        record.body = Body {
            display: Bytes::from(self.display.clone()),
            visible: bytes(&self.document),
            hidden: self.hidden.as_deref().map(bytes).unwrap_or_default(),
        };
        record
    }
}

/// Where a deleted resource is kept.
pub fn key(of: &ResourceKey) -> ResourceKey {
    ResourceKey { resource_type: kept(of.resource_type.as_str()), ..of.clone() }
}

/// The type under which deleted resources of a type are kept.
pub fn kept(resource_type: &str) -> TypeName {
    TypeName::from(format!("{KEPT}{resource_type}").as_str())
}

/// Where a part of the members of a deleted group is kept.
pub fn part_key(tenant: TenantId, id: ResourceId) -> ResourceKey {
    ResourceKey { tenant, resource_type: TypeName::from(PARTS), id }
}

/// Whether records of that type keep what was deleted.
pub fn is_kept(resource_type: &TypeName) -> bool {
    resource_type.as_str().starts_with(KEPT)
}

/// By which attribute a deleted resource is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// `externalId`, exactly.
    ExternalId,
    /// `userName`, in any case.
    UserName,
}

impl By {
    /// Where the deleted resources of a type are found that had this value.
    pub fn of(self, tenant: TenantId, resource_type: &str, value: &str) -> IndexKey {
        self.key(tenant, kept(resource_type), value)
    }

    fn key(self, tenant: TenantId, resource_type: TypeName, value: &str) -> IndexKey {
        let (attribute, case_exact) = match self {
            Self::ExternalId => (EXTERNAL_ID, true),
            Self::UserName => (USER_NAME, false),
        };
        let value = index::text_value(value, case_exact);
        IndexKey { tenant, resource_type, attribute: Arc::from(attribute), value }
    }
}

/// The resources of a type that were deleted up to an instant.
pub fn deleted_until(tenant: TenantId, resource_type: &str, at: Timestamp) -> IndexRange {
    IndexRange {
        tenant,
        resource_type: kept(resource_type),
        attribute: DELETED.into(),
        values: Values::Between(Bound::Unbounded, Bound::Included(IndexValue::instant(at))),
        descending: false,
    }
}

/// The index entries of a record that keeps something.
pub fn entries(key: &ResourceKey, record: &Record) -> Result<Vec<IndexEntry>, StoreError> {
    if key.resource_type.as_str() == PARTS {
        return Ok(Vec::new());
    }
    let deleted = Deleted::from_record(record)?;
    let named = deleted.names()?;
    let values = [(By::ExternalId, named.external_id), (By::UserName, named.user_name)];
    let entry = |(by, value): (By, Option<String>)| {
        let value = value.filter(|value| !value.is_empty())?;
        let index_key = by.key(key.tenant, key.resource_type.clone(), &value);
        Some(IndexEntry { key: index_key, id: key.id, unique: false })
    };
    let at = IndexKey {
        tenant: key.tenant,
        resource_type: key.resource_type.clone(),
        attribute: DELETED.into(),
        value: IndexValue::instant(deleted.deleted_at()),
    };
    let at = IndexEntry { key: at, id: key.id, unique: false };
    Ok(values.into_iter().filter_map(entry).chain([at]).collect())
}

/// What a deleted resource is found by, and how people know it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Its `externalId`.
    pub external_id: Option<String>,
    /// Its `userName`.
    pub user_name: Option<String>,
    /// Its `displayName`.
    pub display_name: Option<String>,
}

/// Some members of a deleted group, of one type: their ids, sixteen bytes each, in hexadecimal digits.
#[derive(Debug, Serialize, Deserialize)]
pub struct Part {
    #[serde(rename = "type")]
    pub resource_type: TypeName,
    #[serde(with = "hex::serde")]
    ids: Vec<u8>,
}

impl Part {
    /// Of these members.
    pub fn new(resource_type: TypeName, members: &[ResourceId]) -> Self {
        Self { resource_type, ids: members.iter().flat_map(|id| *id.0.as_bytes()).collect() }
    }

    /// From the record that keeps it.
    pub fn from_record(record: &Record) -> Result<Self, StoreError> {
        serde_json::from_slice(&record.body.visible).map_err(corrupt)
    }

    /// As it is kept.
    pub fn body(&self) -> Result<Body, StoreError> {
        let visible = serde_json::to_vec(self).map_err(corrupt)?;
        Ok(Body { visible: visible.into(), ..Body::default() })
    }

    pub fn members(&self, tenant: TenantId) -> impl Iterator<Item = ResourceKey> + '_ {
        self.ids.chunks_exact(16).filter_map(move |bytes| {
            let id = ResourceId(Uuid::from_slice(bytes).ok()?);
            Some(ResourceKey { tenant, resource_type: self.resource_type.clone(), id })
        })
    }
}

fn raw(bytes: &Bytes) -> Result<Box<RawValue>, StoreError> {
    serde_json::from_slice(bytes).map_err(corrupt)
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn corrupt(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("a deleted resource: {error}"))
}
