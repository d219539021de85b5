//! What is stored of a link: a record of the system's own tenant.

use std::{fmt, sync::Arc};

use scim_protocol::{Timestamp, value::fold};
use serde::{Deserialize, Serialize};

use super::Allows;
use crate::{
    own,
    store::{
        Body, IndexEntry, IndexKey, IndexRange, IndexValue, Record, ResourceId, ResourceKey, StoreError, TenantId,
        TypeName, Values,
    },
    token::secret::Digest,
};

/// The kind of record.
pub const KIND: &str = "SetupLink";

/// A link as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupLink {
    #[serde(skip, default = "nobody")]
    pub id: ResourceId,
    /// Whose provider is set up with it.
    pub tenant: TenantId,
    /// What people call it, unique in the tenant without regard to case.
    pub name: String,
    /// The digest of its code.
    #[serde(with = "hex::serde")]
    pub code: Digest,
    /// What its visitor may do.
    #[serde(default)]
    pub allows: Allows,
    /// When it ends, in milliseconds since the epoch; its session ends with it.
    pub expires: i64,
    /// The browser that has opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// How many credentials were made with it, or begun to be made.
    #[serde(default)]
    pub made: u32,
    /// When the last of them was, in milliseconds since the epoch; 0 when there is none.
    #[serde(default)]
    pub made_at: i64,
    /// The first version whose pages have forms that may still make one: those of older pages are spent.
    #[serde(default)]
    pub good_from: u64,
    /// When it was made: the record's own time, not part of the document.
    #[serde(skip)]
    pub created: Timestamp,
    /// The record's version.
    #[serde(skip)]
    pub version: u64,
}

/// What lets a browser go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The digest of the text in its cookie.
    #[serde(with = "hex::serde")]
    pub digest: Digest,
    /// Since when, in milliseconds since the epoch.
    pub since: i64,
}

/// How far a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "SetupLinkState"))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// No browser has opened it.
    Unopened,
    /// One has.
    Opened,
    /// It lets nobody in any more.
    Ended,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unopened => "unopened",
            Self::Opened => "opened",
            Self::Ended => "ended",
        })
    }
}

fn nobody() -> ResourceId {
    ResourceId(uuid::Uuid::nil())
}

impl SetupLink {
    /// From its record.
    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let link: Self = own::read(record, format_args!("setup link {id}"))?;
        Ok(Self { id, created: record.header.created, version: record.header.version, ..link })
    }

    /// Whether a form of a page of that version may still make a credential.
    pub fn takes(&self, version: u64) -> bool {
        (self.good_from..=self.version).contains(&version)
    }

    /// As it is stored.
    pub(super) fn body(&self) -> Result<Body, StoreError> {
        own::body("", self)
    }

    pub(super) fn key(&self) -> ResourceKey {
        key(self.id)
    }

    /// The index entries that belong to its record: its code and its name, both unique.
    pub fn entries(&self) -> Vec<IndexEntry> {
        [code_key(&self.code), name_key(self.tenant, &self.name)]
            .into_iter()
            .map(|key| IndexEntry { key, id: self.id, unique: true })
            .collect()
    }

    /// Whether it has not ended.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now.as_millis() < self.expires
    }

    /// How far it is.
    pub fn state(&self, now: Timestamp) -> State {
        match &self.session {
            _ if !self.is_live(now) => State::Ended,
            Some(_) => State::Opened,
            None => State::Unopened,
        }
    }
}

/// What a link is called whose maker gave it no name: the random end of its id.
pub(super) fn made_up_name(id: ResourceId) -> String {
    let text = id.0.simple().to_string();
    format!("link-{}", text.get(24..).unwrap_or(&text))
}

/// Where the link with that id is stored.
pub(super) fn key(id: ResourceId) -> ResourceKey {
    own::key(KIND, id)
}

/// The index key of the digest of a code.
pub(super) fn code_key(digest: &Digest) -> IndexKey {
    index_key("code", digest.to_vec())
}

/// The index key of a name in a tenant, in any case.
pub(super) fn name_key(tenant: TenantId, name: &str) -> IndexKey {
    index_key("name", [tenant.0.as_bytes().as_slice(), fold(name).as_bytes()].concat())
}

/// The index keys of the names of a tenant's links.
pub(super) fn names(tenant: TenantId) -> IndexRange {
    let IndexKey { tenant: system, resource_type, attribute, .. } = name_key(tenant, "");
    let values = Values::Prefix(IndexValue(tenant.0.as_bytes().to_vec()));
    IndexRange { tenant: system, resource_type, attribute, values, descending: false }
}

fn index_key(attribute: &str, value: Vec<u8>) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from(attribute),
        value: IndexValue(value),
    }
}
