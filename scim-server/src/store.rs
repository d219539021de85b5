//! The store: what is kept, and the one way in which it changes.
//!
//! A change is a value, a [`Commit`]: what must still be true, what is written, and the event that
//! says so. The engine applies it whole or not at all, and answers only when it is durable. Values,
//! not closures, because sled has no scan inside a transaction and SQL transactions must be able to
//! run again: a value can be retried, compared in tests, and has no lifetimes.
//!
//! The engine knows nothing of SCIM documents: bytes in, bytes out. It does keep what is not in
//! them: versions, times, member counts, the number of resources, and the index over
//! `meta.lastModified`. Members are edges, in both directions, never part of a document.

mod commit;
#[cfg(test)]
pub(crate) mod contract;
mod decide;
mod freshness;
mod index;
pub mod mark;
mod page;
pub mod postgres;
mod rank;
mod redacted_debug;
pub mod sled;
mod traced;
pub mod untold;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::{
    commit::{Commit, Committed, Expect, Write},
    freshness::{Freshness, Moment, Seal},
    index::{IndexEntry, IndexKey, IndexRange, IndexValue, LAST_MODIFIED, Position, Values},
    page::{PAGE_BYTES, Page},
    traced::Traced,
};
pub use crate::ids::{ResourceId, ResourceKey, TenantId, TypeName};
use crate::{event::Event, metrics::StoreMetrics};

/// How often a commit that expects something is decided again if other writers are faster. Each conflict means that one of
/// them has committed, so this is how many may write to one resource at once before one is refused: more than any provider
/// has connections.
pub const ATTEMPTS: usize = 64;

/// Decides something again, on what is there then, as long as other writers are faster. `attempt` reads, decides and commits;
/// `is_raced` tells whether its error means that somebody else has changed what it had read. Gives the last error.
pub async fn again<T, E, F>(mut attempt: impl FnMut() -> F, is_raced: impl Fn(&E) -> bool) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if is_raced(&error) => {}
            done => return done,
        }
    }
    attempt().await
}

/// What the client sees of a resource, in the form in which it is served.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Body {
    /// How the resource is called where another refers to it (`display` of a member). UTF-8.
    pub display: Bytes,
    /// The JSON object of all attributes returned by default, `id` included; without `meta`,
    /// `members` and `groups`, which are appended when it is served.
    pub visible: Bytes,
    /// The JSON object of the attributes that are returned on request or never; may be empty.
    pub hidden: Bytes,
}

impl Body {
    /// The display name as text.
    pub fn display(&self) -> &str {
        std::str::from_utf8(&self.display).unwrap_or_default()
    }
}

/// What the store itself keeps about a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Counts the changes of the resource, from 1; for a group, changes of its members too.
    pub version: u64,
    /// When it was made.
    pub created: Timestamp,
    /// When it, or its members, last changed.
    pub last_modified: Timestamp,
    /// How many members it has.
    pub members: u64,
}

/// A stored resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The store's part.
    pub header: Header,
    /// The document.
    pub body: Body,
}

impl Record {
    /// How many bytes the document has.
    pub fn bytes(&self) -> usize {
        let Body { display, visible, hidden } = &self.body;
        display.len() + visible.len() + hidden.len()
    }
}

/// The groups that hold a resource directly in the order of their ids, and since when.
pub type Memberships = Vec<(ResourceId, Option<Timestamp>)>;

/// Where a list of resources (in the order of their ids) begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Behind this one, which need not exist any more.
    After(ResourceId),
    /// Before this one, going backwards: the page that ends there.
    Before(ResourceId),
    /// Behind so many.
    Offset(u64),
}

/// A resource that another refers to.
#[derive(Clone, PartialEq, Eq)]
pub struct Reference {
    pub resource_type: TypeName,
    pub id: ResourceId,
    /// Its display name; UTF-8.
    pub display: Bytes,
}

/// That a resource is a direct member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edge {
    pub group: ResourceKey,
    /// The member, of the same tenant.
    pub member: ResourceKey,
}

/// A member of a group, as exported and loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    pub member: ResourceKey,
    /// Since when it is one, where that is known.
    pub since: Option<Timestamp>,
}

impl From<ResourceKey> for Joined {
    fn from(member: ResourceKey) -> Self {
        Self { member, since: None }
    }
}

/// How far a tenant's log of events goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The smallest sequence that is kept; one more than the largest when none is.
    pub oldest: u64,
    /// The largest that was given; 0 when none was.
    pub newest: u64,
}

/// What a look at some of a tenant's events found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventsAbout {
    /// In the order of the log.
    pub events: Vec<Event>,
    /// The last sequence that was looked at.
    pub until: u64,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The tenant is on its way from one database to another: for a moment nobody may write to it.
    #[error("tenant {0} is being moved to another database")]
    Closed(TenantId),
    /// The resource has another version than expected: read again and decide again.
    #[error("{} {} has changed meanwhile", .0.resource_type.as_str(), .0.id)]
    Conflict(ResourceKey),
    /// What is stored cannot be read.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The tenant was [erased](Store::erase): nothing is written for it again.
    #[error("tenant {0} was deleted")]
    Erased(TenantId),
    /// There are as many resources of the type as there may be.
    #[error("there are {limit} resources of type {} already", .resource_type.as_str())]
    Full {
        resource_type: TypeName,
        /// How many there may be.
        limit: u64,
    },
    /// The resource is not there.
    #[error("{} {} does not exist", .0.resource_type.as_str(), .0.id)]
    Missing(ResourceKey),
    /// Another resource has this unique value.
    #[error("the value of {} is taken", .0.key.attribute)]
    Taken(IndexEntry),
    /// The store cannot answer now.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Everything that is kept of one thing, as exported and loaded: ids, versions and times stay.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A resource, with the index entries that it has.
    Resource(ResourceKey, Record, Vec<IndexEntry>),
    /// Some members of a group. Each edge counts once.
    Members(ResourceKey, Vec<Joined>),
    /// An event, with its sequence.
    Event(TenantId, Event),
}

impl Item {
    /// Whose it is.
    pub(crate) fn tenant(&self) -> TenantId {
        match self {
            Self::Resource(key, ..) | Self::Members(key, _) => key.tenant,
            Self::Event(tenant, _) => *tenant,
        }
    }

    /// The same thing in the tenant that `to` gives for its own.
    #[must_use]
    pub fn moved(mut self, to: impl Fn(TenantId) -> TenantId) -> Self {
        match &mut self {
            Self::Resource(key, ..) => key.tenant = to(key.tenant),
            Self::Members(group, members) => {
                group.tenant = to(group.tenant);
                for Joined { member, .. } in members {
                    member.tenant = to(member.tenant);
                }
            }
            Self::Event(tenant, _) => *tenant = to(*tenant),
        }
        self
    }
}

/// What `check` found to disagree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// A stable word for the kind of fault: `index-missing`, `edge-one-way`, `count-wrong` …
    pub kind: String,
    /// What is wrong with what, without values that name a person.
    pub detail: String,
    /// Whether it was put right.
    pub repaired: bool,
}

/// Computes the index entries that a record should have (see [`crate::index`]).
pub type EntriesOf = Arc<dyn Fn(&ResourceKey, &Record) -> Result<Vec<IndexEntry>, StoreError> + Send + Sync>;

/// Where findings and items go; returning `false` ends the work early.
pub type Sink<T> = Box<dyn FnMut(T) -> bool + Send>;

/// A durable store. Each method may be called from any task at any time.
///
/// Reads see every acknowledged commit. A scan is not a snapshot: it sees everything that stood
/// throughout, once, in order.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// What it counts, for the metrics of the server that it belongs to.
    fn metrics(&self) -> Arc<StoreMetrics>;

    /// What tells whether a resource that was read is still as it was, and in how many bytes of memory what is made
    /// of resources may be kept. `None` where others change the store unseen.
    fn freshness(&self) -> Option<(Arc<Freshness>, u64)> {
        None
    }

    async fn get(&self, key: &ResourceKey) -> Result<Option<Record>, StoreError>;

    /// One resource, with the groups that hold it directly in the order of their ids.
    async fn get_in_groups(&self, key: &ResourceKey) -> Result<Option<(Record, Vec<Reference>)>, StoreError> {
        let Some(record) = self.get(key).await? else { return Ok(None) };
        let groups = self.groups_of(key.tenant, &[key.id]).await?.pop().unwrap_or_default();
        Ok(Some((record, groups)))
    }

    /// The resource that has this unique value.
    async fn lookup(&self, key: &IndexKey) -> Result<Option<ResourceId>, StoreError>;

    /// Resources of one type in the order of their ids (for [`Start::Before`]: the last `limit`
    /// before it, also in ascending order).
    async fn resources(
        &self,
        tenant: TenantId,
        resource_type: &TypeName,
        from: Start,
        limit: usize,
    ) -> Result<Page<(ResourceId, Record)>, StoreError>;

    /// How many resources of that type there are: a stored number, not a scan.
    async fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError>;

    /// Positions in an index, in order, behind `after`.
    async fn index(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError>;

    /// The same with the resources. Each record was found to have the value of its position; `None`
    /// where the resource has lost it, or is gone, since the position was read.
    async fn indexed(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<(Position, Option<Record>)>, StoreError>;

    /// The same, and the groups that hold each resource directly, where the engine reads them in the same round
    /// trip. Else [`Self::groups_of`] does.
    async fn indexed_in_groups(
        &self,
        range: &IndexRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<(Page<(Position, Option<Record>)>, Option<Vec<Vec<Reference>>>), StoreError> {
        Ok((self.indexed(range, after, limit).await?, None))
    }

    /// How many positions the range has; stops counting at `limit`.
    async fn index_count(&self, range: &IndexRange, limit: u64) -> Result<u64, StoreError>;

    /// The position of a range before which so many others of it stand, without walking over them where
    /// the engine can.
    async fn index_at(&self, range: &IndexRange, offset: u64) -> Result<Option<Position>, StoreError>;

    /// Direct members of a group in the order of their ids, behind `after`. Without display names
    /// when `names` is false (that saves one read each).
    async fn members(
        &self,
        group: &ResourceKey,
        after: Option<ResourceId>,
        limit: usize,
        names: bool,
    ) -> Result<Page<Reference>, StoreError>;

    /// Whether it is a direct member.
    async fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError>;

    /// For each of these resources (ascending ids), the groups that hold it directly, in the order
    /// of their ids. One pass for a page of a list.
    async fn groups_of(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Vec<Reference>>, StoreError>;

    /// The same without names, and since when the group holds it; `None` where that is not known.
    async fn memberships(&self, tenant: TenantId, members: &[ResourceId]) -> Result<Vec<Memberships>, StoreError>;

    /// How far a tenant's log of events goes, as far as it is durable.
    async fn log(&self, tenant: TenantId) -> Result<Log, StoreError>;

    /// Woken whenever a commit of this process has become durable.
    fn changes(&self) -> Arc<tokio::sync::Notify>;

    /// Events of a tenant behind that sequence, as far as they are durable: at most `limit`, fewer where they have
    /// [`PAGE_BYTES`] before, and none only where there is none.
    async fn events(&self, tenant: TenantId, after: u64, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// Those behind `after` and up to `until` that have the id of a resource anywhere in them, and how far was looked: less
    /// far where [`PAGE_BYTES`] were read before. The others are passed over without being understood, which costs a
    /// fraction of reading them.
    async fn events_about(
        &self,
        tenant: TenantId,
        resource: ResourceId,
        after: u64,
        until: u64,
    ) -> Result<EventsAbout, StoreError>;

    /// Applies a commit and answers when it is durable.
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;

    /// Removes everything of a tenant, in small steps; returns how many resources went. From its first step on nothing is
    /// written for the tenant any more (`Erased`), however long it was under way: what is gone stays gone.
    async fn erase(&self, tenant: TenantId) -> Result<u64, StoreError>;

    /// Whether a tenant was erased: who returns under its id is kept under another.
    async fn is_erased(&self, tenant: TenantId) -> Result<bool, StoreError>;

    /// Gives every item of a tenant (all tenants and the system's records when `None`), resources
    /// before members, members before events. What comes out is one state, of all tenants together:
    /// writes wait while it runs, or go on and are not in it. Reads go on.
    async fn export(&self, tenant: Option<TenantId>, sink: Sink<Item>) -> Result<(), StoreError>;

    /// Takes items as they were exported, in their order; durable when it returns. What is there
    /// already under the same id is replaced. `Taken` when a unique value is another resource's.
    async fn load(&self, items: Vec<Item>) -> Result<(), StoreError>;

    /// Compares documents, index entries, edges in both directions and counts, and with `repair`
    /// puts right what disagrees (documents and `Join`ed edges are the truth). Writes wait.
    async fn check(&self, entries: EntriesOf, repair: bool, sink: Sink<Finding>) -> Result<(), StoreError>;

    /// What an administrator should know about the store, and is no fault: one sentence each.
    async fn notes(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    /// Removes events older than that instant, in small steps; returns how many.
    async fn forget_events(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// The databases over which tenants are spread; `None` when there is one place for all.
    fn spread(&self) -> Option<&postgres::Spread> {
        None
    }

    /// Whether the database of a tenant cannot be reached, while those of others may be. What is done for all tenants
    /// passes over it until it is back.
    fn is_away(&self, tenant: TenantId) -> bool {
        let _ = tenant;
        false
    }

    /// Whether other processes may change what is stored, too.
    fn is_shared(&self) -> bool {
        false
    }

    /// Asks for the lease of a chore for `millis`: one process at a time has it. `true` when this one has it;
    /// its holder may ask again.
    async fn lease(&self, chore: &str, holder: Uuid, millis: i64) -> Result<bool, StoreError> {
        let _ = (chore, holder, millis);
        Ok(true)
    }

    /// Takes one request off the allowance that all processes on the store share: so many a second, of which one
    /// second's worth may come at once. `false` when nothing is left.
    async fn take_turn(&self, tenant: TenantId, rate: u32) -> Result<bool, StoreError> {
        let _ = (tenant, rate);
        Ok(true)
    }

    /// Finishes what is queued and closes. Later calls answer `Unavailable`.
    async fn close(&self) -> Result<(), StoreError>;
}
