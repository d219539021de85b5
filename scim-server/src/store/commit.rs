//! A change as a value.

use super::{Body, Edge, Header, IndexEntry, IndexKey, ResourceId, ResourceKey, TenantId, TypeName};
use crate::event::Event;

/// What must still be so when a commit is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// The tenant has fewer resources of the type than this. Else [`StoreError::Full`](super::StoreError::Full).
    Fewer(TenantId, TypeName, u64),
    /// The resource is directly in these groups and no others. Else [`StoreError::Conflict`](super::StoreError::Conflict)
    /// of a group that it is in, or is not in any more.
    Groups(ResourceKey, Vec<ResourceKey>),
    /// No other resources than these have the value. Else [`StoreError::Conflict`](super::StoreError::Conflict).
    Owners(IndexKey, Vec<ResourceId>),
    /// The resource exists. Else [`StoreError::Missing`](super::StoreError::Missing).
    Present(ResourceKey),
    /// The resource has this version. Else [`StoreError::Conflict`](super::StoreError::Conflict), or `Missing` when
    /// it is gone.
    Version(ResourceKey, u64),
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// The resource goes, with its index over `meta.lastModified`, its place in the groups that
    /// hold it (each such group changes) and, if it is a group, all its members: those edges are
    /// invisible at once and swept later in small steps. Its index entries must be removed by
    /// `Unindex` writes in the same commit. `Missing` when it is not there.
    Delete(ResourceKey),
    /// An index entry comes. `Taken` when it is unique and another resource has the value, as a
    /// unique one or not. The resource must exist when the commit is done (`Missing` otherwise).
    Index(IndexEntry),
    /// A member comes. Group and member must exist (`Missing` otherwise) and be of one tenant. No
    /// change when it is there.
    Join(Edge),
    /// A member goes. No change when it is not there.
    Leave(Edge),
    /// The resource is made, or its body replaced.
    Put(ResourceKey, Body),
    /// A resource that was deleted returns under its id: made as by `Put`, but its versions go on behind that
    /// header's, and it keeps the instant at which it was created. `Conflict` when it is there, or when the edges
    /// of the group that it was are not swept yet.
    Return(ResourceKey, Body, Header),
    /// An index entry goes.
    Unindex(IndexEntry),
}

impl Write {
    /// For which tenant it is.
    pub(super) fn tenant(&self) -> TenantId {
        match self {
            Self::Delete(key) | Self::Put(key, _) | Self::Return(key, ..) => key.tenant,
            Self::Index(entry) | Self::Unindex(entry) => entry.key.tenant,
            Self::Join(edge) | Self::Leave(edge) => edge.group.tenant,
        }
    }
}

/// A change and its event: the only way to write. All of it happens or nothing does.
///
/// The store gives each resource that is `Put`, and each group with a `Join` or `Leave` that changes
/// something, one new version and the commit's instant as its last modification. A commit in which
/// nothing changes (only joins of members and leaves of strangers, and index entries that are
/// afterwards as they were before) leaves no trace and no event. A commit without writes is a note:
/// its event is recorded, and it counts as no change.
#[derive(Debug, Clone)]
pub struct Commit {
    /// What happened; its target is the resource that the answer is about.
    pub event: Option<Event>,
    /// The resource that the commit is about.
    pub target: ResourceKey,
    /// What must be so.
    pub expect: Vec<Expect>,
    /// What changes. Writes are applied in order; `Unindex` before `Index` of the same value.
    pub writes: Vec<Write>,
    /// What is told of it in logs of other tenants as well: an event each, which stands for itself there. Nothing is told
    /// where nothing changes.
    pub told: Vec<(TenantId, Event)>,
    /// The work that it is a part of, which it [marks](super::mark) as begun; set by the store.
    pub work: Option<ResourceId>,
}

impl Commit {
    /// A change with its event: a change to a tenant's resources without one cannot be expressed.
    pub fn new(target: ResourceKey, event: Event) -> Self {
        Self { event: Some(event), ..Self::unnoticed(target) }
    }

    /// A change without an event, of what only the server knows of.
    pub fn unnoticed(target: ResourceKey) -> Self {
        Self { event: None, target, expect: Vec::new(), writes: Vec::new(), told: Vec::new(), work: None }
    }

    /// An event that stands for itself, in that tenant's log: what was done elsewhere.
    pub fn note(tenant: TenantId, event: Event) -> Self {
        let target = ResourceKey { tenant, resource_type: event.resource_type.as_str().into(), id: event.target };
        Self::new(target, event)
    }

    /// A change to the system's own records without an event (a token's last use).
    pub fn bookkeeping(resource_type: TypeName, id: ResourceId) -> Self {
        Self::unnoticed(ResourceKey { tenant: TenantId::SYSTEM, resource_type, id })
    }

    /// Removes a record of the system's own, and its index entries.
    pub fn removal(record: ResourceKey, entries: Vec<IndexEntry>) -> Self {
        let mut writes: Vec<_> = entries.into_iter().map(Write::Unindex).collect();
        writes.push(Write::Delete(record.clone()));
        Self { writes, ..Self::unnoticed(record) }
    }
}

/// What came of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Whether anything changed.
    pub changed: bool,
    /// The target afterwards; `None` when it is gone.
    pub header: Option<Header>,
    /// The event's sequence; 0 when there was none.
    pub sequence: u64,
}
