//! The stored form of an administrator's token: a record of the system's own tenant.

use std::sync::Arc;

use scim_protocol::{Timestamp, value::fold};
use serde::{Deserialize, Serialize};

use super::Role;
use crate::{
    naming, own,
    store::{
        Body, IndexEntry, IndexKey, IndexValue, Record, ResourceId, ResourceKey, StoreError, TenantId, TypeName, Write,
    },
    token::{
        Status, reminder,
        secret::{ADMIN_PREFIX, Digest},
        succession::Life,
    },
};

/// The kind of record.
pub const KIND: &str = "AdminToken";

/// How many tokens may have one name: one, and another that replaces it.
pub const PLACES: u8 = 2;

/// An administrator's token as it is stored; times other than `created` are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminToken {
    /// A UUIDv7.
    pub id: ResourceId,
    /// The SHA-256 of its text.
    #[serde(with = "hex::serde")]
    pub digest: Digest,
    /// What events and people call its bearer.
    pub name: String,
    /// Its place among the tokens of its name, from 0. The store has a unique index entry for each, so that even two
    /// administrators at once cannot give one name to two programs.
    pub place: u8,
    pub role: Role,
    /// The only tenant that its commands may be about; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// When it ends.
    pub expires: i64,
    /// When it was to end before it was replaced, if it ends sooner because of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meant: Option<i64>,
    /// When it was last used, stored once a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<i64>,
    /// When somebody was last reminded of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded: Option<i64>,
    /// When it was issued: the record's own time, not part of the document.
    #[serde(skip)]
    pub created: Timestamp,
}

impl AdminToken {
    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let token: Self = own::read(record, format_args!("the administrator's token {id}"))?;
        Ok(Self { id, created: record.header.created, ..token })
    }

    /// As it is stored. Its display name is its id.
    pub fn body(&self) -> Result<Body, StoreError> {
        own::body(self.id.to_string(), self)
    }

    /// Where it is stored.
    pub fn key(&self) -> ResourceKey {
        key(self.id)
    }

    /// The index entries that belong to its record: its digest and its place, both unique.
    pub fn entries(&self) -> Vec<IndexEntry> {
        let place = [fold(&self.name).as_bytes(), &[0, self.place]].concat();
        let keys = [digest_key(&self.digest), system_key("place", place)];
        keys.into_iter().map(|key| IndexEntry { key, id: self.id, unique: true }).collect()
    }

    /// The writes that remove its record and its index entries.
    pub fn removal(&self) -> Vec<Write> {
        let unindex = self.entries().into_iter().map(Write::Unindex);
        unindex.chain([Write::Delete(self.key())]).collect()
    }

    /// When it ends.
    pub fn expires(&self) -> Timestamp {
        Timestamp::from_millis(self.expires)
    }

    /// Whether it is still valid.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now.as_millis() < self.expires
    }

    /// How near it is to its end.
    pub fn status(&self, now: Timestamp) -> Status {
        Status::of(self.expires, now)
    }

    /// Days until it ends; never more than it was issued for.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        reminder::days_left(self.expires, now.max(self.created))
    }

    /// From when to when it lives.
    pub fn life(&self) -> Life {
        let (created, is_used) = (self.created.as_millis(), self.last_used.is_some());
        Life { id: self.id, created, expires: self.expires, meant: self.meant.unwrap_or(self.expires), is_used }
    }

    /// Whether people call it so, in any case.
    pub fn is_named(&self, name: &str) -> bool {
        fold(&self.name) == fold(name)
    }
}

/// Where the token with that id is stored.
pub fn key(id: ResourceId) -> ResourceKey {
    own::key(KIND, id)
}

/// The index key of a digest.
pub fn digest_key(digest: &Digest) -> IndexKey {
    system_key("digest", digest.to_vec())
}

/// Checks a name: any word, unless it could be a token itself.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.starts_with(ADMIN_PREFIX) {
        return Err("a token's name does not begin as a token does; never pass a token itself".to_owned());
    }
    naming::check_word("a token's name", name)
}

fn system_key(attribute: &str, value: Vec<u8>) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from(attribute),
        value: IndexValue(value),
    }
}
