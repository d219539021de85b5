//! The stored form of a tenant: a record of the system's own tenant.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use scim_protocol::{
    Timestamp,
    value::{FOLD_EDITION, fold},
};
use serde::{Deserialize, Serialize};

use super::Settings;
use crate::{
    own,
    store::{Body, IndexEntry, IndexKey, IndexValue, Record, ResourceId, ResourceKey, StoreError, TenantId, TypeName},
};

/// The kind of record.
pub const KIND: &str = "Tenant";

impl TenantId {
    /// From the first segment of a URL: only the canonical form (lower case, hyphens) names a
    /// tenant, and none names the system's own.
    pub fn parse(text: &str) -> Option<Self> {
        let ResourceId(id) = ResourceId::parse(text)?;
        (Self(id) != Self::SYSTEM).then_some(Self(id))
    }

    /// A new tenant's id: a UUIDv4, which reveals nothing.
    pub fn random(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(random).into_uuid())
    }
}

/// A tenant as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantRecord {
    pub id: TenantId,
    /// Its name, unique in the store without regard to case.
    pub name: String,
    /// Whether it answers 403 to every request.
    #[serde(default)]
    pub disabled: bool,
    /// Whether it is being deleted. Deleting it again finishes an interrupted deletion.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleting: bool,
    /// The indexes that were added and are not filled yet, as resource type and path. After an interruption, the next
    /// start fills them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unfilled: BTreeSet<(String, String)>,
    /// The version of [`fold`] that made the values in its indexes. A start that finds an older version rewrites
    /// them.
    #[serde(default)]
    pub folding: u32,
    /// Whether its import is not complete; until then nobody can use it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub importing: bool,
    /// The id under which its users, groups and events are stored; absent if that is its own id. An import that
    /// replaces the tenant loads the new data beside the old, and then changes this in one commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<TenantId>,
    /// The id under which they were stored before an import replaced the tenant, until those are erased. After an
    /// interruption, the next start erases them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left: BTreeSet<TenantId>,
    /// The tenant that this one replaces at the end of an import. Until then it has no name and no token, and only
    /// the import knows its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<TenantId>,
    /// The last number of its log that came with the file of an import which replaced it; what is behind happened
    /// here. 0 if it was never replaced.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub begun: u64,
    /// Of several databases, the number of the one in which it is kept, from 0: the first has this record, too.
    #[serde(default, skip_serializing_if = "is_first")]
    pub database: usize,
    /// The move to another database that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<Move>,
    /// The copies that moves have left in other databases, until those are removed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub copies: BTreeMap<usize, Left>,
    /// What an administrator set.
    #[serde(default)]
    pub settings: Settings,
    /// When it was made: the record's own time, not part of the document.
    #[serde(skip)]
    pub created: Timestamp,
    /// The record's version.
    #[serde(skip)]
    pub version: u64,
}

/// A move of a tenant to another database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The number of the database.
    pub to: usize,
    /// Larger than those of all moves of the tenant before.
    pub number: i64,
    /// Whether it ends without success.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_up: bool,
}

/// What a move has left where the tenant was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The move's number.
    pub number: i64,
    /// Since when, in milliseconds since the epoch.
    pub since: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_first(database: &usize) -> bool {
    *database == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl TenantRecord {
    /// A new, empty tenant.
    pub fn new(id: TenantId, name: &str, settings: Settings, created: Timestamp) -> Self {
        Self {
            id,
            name: name.to_owned(),
            disabled: false,
            deleting: false,
            unfilled: BTreeSet::new(),
            folding: FOLD_EDITION,
            importing: false,
            home: None,
            left: BTreeSet::new(),
            replaces: None,
            begun: 0,
            database: 0,
            moving: None,
            copies: BTreeMap::new(),
            settings,
            created,
            version: 1,
        }
    }

    pub fn from_record(id: ResourceId, record: &Record) -> Result<Self, StoreError> {
        let tenant: Self = own::read(record, format_args!("tenant {id}"))?;
        Ok(Self { id: TenantId(id.0), created: record.header.created, version: record.header.version, ..tenant })
    }

    /// Whether its indexes need work: some are not filled, or their values were folded by an older version.
    pub fn wants_indexing(&self) -> bool {
        !self.unfilled.is_empty() || self.folding != FOLD_EDITION
    }

    /// As it is stored.
    pub fn body(&self) -> Result<Body, StoreError> {
        own::body(self.name.clone(), self)
    }

    /// Where it is stored.
    pub fn key(&self) -> ResourceKey {
        key(self.id)
    }

    /// The id under which its users, groups and events are stored.
    pub fn home(&self) -> TenantId {
        self.home.unwrap_or(self.id)
    }

    /// The ids under which something of it is stored, the number of the database in which that is, and the version of
    /// this record.
    pub fn places(&self) -> impl Iterator<Item = (TenantId, usize, u64)> {
        [self.home()].into_iter().chain(self.left.iter().copied()).map(|id| (id, self.database, self.version))
    }

    /// The index entries that belong to its record: its name, unique.
    pub fn entries(&self) -> Vec<IndexEntry> {
        if self.replaces.is_some() {
            return Vec::new();
        }
        vec![IndexEntry { key: name_key(&self.name), id: ResourceId(self.id.0), unique: true }]
    }

    /// The path of its base URL.
    pub fn path(&self) -> String {
        base_path(self.id)
    }
}

/// The path of a tenant's base URL: `/{tenant_id}/scim/v2`.
pub fn base_path(tenant: TenantId) -> String {
    format!("/{tenant}/scim/v2")
}

/// The path of a tenant's feed of events: `/{tenant_id}/events/v1`.
pub fn feed_path(tenant: TenantId) -> String {
    format!("/{tenant}/events/v1")
}

/// Where the tenant with that id is stored.
pub fn key(tenant: TenantId) -> ResourceKey {
    let id = ResourceId(tenant.0);
    own::key(KIND, id)
}

/// The index key of a name, in any case.
pub fn name_key(name: &str) -> IndexKey {
    IndexKey {
        tenant: TenantId::SYSTEM,
        resource_type: TypeName::from(KIND),
        attribute: Arc::from("name"),
        value: IndexValue(fold(name).into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_canonical_id_names_a_tenant() {
        let id = "8f14e45f-ceea-467f-9a3a-1d2b3c4d5e6f";
        assert_eq!(TenantId::parse(id).map(|id| id.to_string()).as_deref(), Some(id));
        assert_eq!(TenantId::parse(&id.to_uppercase()), None);
        assert_eq!(TenantId::parse(&id.replace('-', "")), None);
        assert_eq!(TenantId::parse("00000000-0000-0000-0000-000000000000"), None);
    }
}
