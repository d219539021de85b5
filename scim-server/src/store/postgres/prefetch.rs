//! Reads the facts for a group of commits, in one round trip.

use std::collections::{BTreeMap, HashSet};

use scim_protocol::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    error::damaged,
    overlay::Overlay,
    pipeline::{Step, columns},
    statement::{self, FOR_GOOD},
};
use crate::store::{
    Commit, Expect, Header, IndexKey, IndexValue, Item, ResourceId, ResourceKey, StoreError, TenantId, TypeName, Write,
    decide::{EdgeKey, LastEvent, Resource, owner},
    mark,
};

/// What must be read.
#[derive(Default)]
pub(super) struct Wanted {
    resources: HashSet<ResourceKey>,
    held: HashSet<ResourceKey>,
    owners: HashSet<IndexKey>,
    edges: HashSet<EdgeKey>,
    leaving: HashSet<(TenantId, ResourceId)>,
    /// Ids that may return: are the edges swept that they had?
    returning: HashSet<(TenantId, ResourceId)>,
    counts: HashSet<(TenantId, TypeName)>,
    tenants: HashSet<TenantId>,
}

impl Wanted {
    pub fn by_commit(&mut self, commit: &Commit) {
        self.resource(&commit.target);
        self.tenants.extend(commit.told.iter().map(|(log, _)| *log));
        if let Some(work) = commit.work {
            self.resource(&mark::mark_key(commit.target.tenant, work));
            self.resource(&mark::fence_key(commit.target.tenant, work));
        }
        for expect in &commit.expect {
            match expect {
                Expect::Fewer(tenant, resource_type, _) => {
                    self.tenants.insert(*tenant);
                    self.counts.insert((*tenant, resource_type.clone()));
                }
                Expect::Groups(member, _) => {
                    self.tenants.insert(member.tenant);
                    self.leaving.insert((member.tenant, member.id));
                }
                Expect::Owners(key, _) => {
                    self.tenants.insert(key.tenant);
                    self.owners.insert(key.clone());
                }
                Expect::Present(key) | Expect::Version(key, _) => self.resource(key),
            }
        }
        for write in &commit.writes {
            match write {
                Write::Delete(key) => {
                    self.resource(key);
                    self.held.insert(key.clone());
                    self.leaving.insert((key.tenant, key.id));
                }
                Write::Index(entry) | Write::Unindex(entry) => {
                    let owner = owner(entry);
                    self.resource(&owner);
                    self.held.insert(owner);
                    if entry.unique && matches!(write, Write::Index(_)) {
                        self.owners.insert(entry.key.clone());
                    }
                }
                Write::Join(edge) | Write::Leave(edge) => self.edge(&edge.group, &edge.member),
                Write::Put(key, _) | Write::Return(key, ..) => {
                    self.resource(key);
                    self.returning.insert((key.tenant, key.id));
                }
            }
        }
    }

    pub fn by_item(&mut self, item: &Item) {
        match item {
            Item::Resource(key, _, entries) => {
                self.resource(key);
                self.held.insert(key.clone());
                self.owners.extend(entries.iter().filter(|entry| entry.unique).map(|entry| entry.key.clone()));
            }
            Item::Members(group, members) => members.iter().for_each(|joined| self.edge(group, &joined.member)),
            Item::Event(tenant, _) => {
                self.tenants.insert(*tenant);
            }
        }
    }

    /// The tenants that are written to, in the order in which they are locked.
    pub fn tenants(&self) -> Vec<Uuid> {
        let mut tenants: Vec<_> = self.tenants.iter().map(|tenant| tenant.0).collect();
        tenants.sort_unstable();
        tenants
    }

    fn resource(&mut self, key: &ResourceKey) {
        self.tenants.insert(key.tenant);
        self.resources.insert(key.clone());
    }

    fn edge(&mut self, group: &ResourceKey, member: &ResourceKey) {
        self.resource(group);
        self.resource(member);
        self.edges.insert((group.tenant, member.id, group.id));
    }

    /// The statements that read it, each with the part by which [`take`] knows its rows.
    pub fn steps(&self) -> Vec<(Part, Step)> {
        let mut steps = Vec::new();
        let mut add = |part, many: bool, step: &dyn Fn() -> Step| {
            if many {
                steps.push((part, step()));
            }
        };
        add(Part::Headers, !self.resources.is_empty(), &|| keys(statement::HEADERS, self.resources.iter()));
        add(Part::Held, !self.held.is_empty(), &|| keys(statement::HELD, self.held.iter()));
        add(Part::Owners, !self.owners.is_empty(), &|| {
            let owners = || self.owners.iter();
            Step::Query(
                statement::OWNERS,
                columns![
                    owners().map(|key| key.tenant.0).collect::<Vec<_>>(),
                    owners().map(|key| key.resource_type.as_str().to_owned()).collect::<Vec<_>>(),
                    owners().map(|key| key.attribute.to_string()).collect::<Vec<_>>(),
                    owners().map(|key| key.value.0.clone()).collect::<Vec<_>>(),
                ],
            )
        });
        add(Part::Edges, !self.edges.is_empty(), &|| {
            let edges = || self.edges.iter();
            Step::Query(
                statement::EDGES,
                columns![
                    edges().map(|(tenant, ..)| tenant.0).collect::<Vec<_>>(),
                    edges().map(|(_, _, group)| group.0).collect::<Vec<_>>(),
                    edges().map(|(_, member, _)| member.0).collect::<Vec<_>>(),
                ],
            )
        });
        add(Part::Leaving, !self.leaving.is_empty(), &|| ids(statement::LEAVING, &self.leaving));
        add(Part::BeingSwept, !self.returning.is_empty(), &|| ids(statement::BEING_SWEPT, &self.returning));
        add(Part::Counts, !self.counts.is_empty(), &|| {
            let counts = || self.counts.iter();
            Step::Query(
                statement::COUNTS,
                columns![
                    counts().map(|(tenant, _)| tenant.0).collect::<Vec<_>>(),
                    counts().map(|(_, name)| name.as_str().to_owned()).collect::<Vec<_>>(),
                ],
            )
        });
        steps
    }

    /// An overlay without rows: the values that are read have no owner yet, the members no group.
    pub fn overlay(&self) -> Overlay {
        let mut overlay = Overlay::default();
        overlay.owners.extend(self.owners.iter().map(|key| (key.clone(), BTreeMap::new())));
        overlay.groups.extend(self.leaving.iter().map(|key| (*key, BTreeMap::new())));
        overlay
    }
}

/// What the rows of a statement tell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    BeingSwept,
    Counts,
    Edges,
    Headers,
    Held,
    Leaving,
    Owners,
}

fn keys<'a>(sql: &'static str, keys: impl Iterator<Item = &'a ResourceKey> + Clone) -> Step {
    Step::Query(
        sql,
        columns![
            keys.clone().map(|key| key.tenant.0).collect::<Vec<_>>(),
            keys.clone().map(|key| key.resource_type.as_str().to_owned()).collect::<Vec<_>>(),
            keys.map(|key| key.id.0).collect::<Vec<_>>(),
        ],
    )
}

fn ids(sql: &'static str, ids: &HashSet<(TenantId, ResourceId)>) -> Step {
    let (tenants, ids): (Vec<_>, Vec<_>) = ids.iter().map(|(tenant, id)| (tenant.0, id.0)).unzip();
    Step::Query(sql, columns![tenants, ids])
}

/// Puts the rows of a statement into the overlay.
pub(super) fn take(overlay: &mut Overlay, part: Part, rows: &[Row]) -> Result<(), StoreError> {
    rows.iter().try_for_each(|row| match part {
        Part::Headers => {
            let key = resource_key(row, 0)?;
            overlay.resources.read(key).insert_entry(known(row, 3)?);
            Ok(())
        }
        Part::Held => {
            // The headers were taken before. An entry of a resource that is not there is damage, which `check` tells.
            let place = (column::<&str>(row, 3)?.into(), IndexValue(column(row, 4)?));
            if let Some(resource) = overlay.resources.read(resource_key(row, 0)?).or_default() {
                resource.entries.insert(place, column(row, 5)?);
            }
            Ok(())
        }
        Part::Owners => {
            let key = IndexKey {
                tenant: TenantId(column(row, 0)?),
                resource_type: column::<&str>(row, 1)?.into(),
                attribute: column::<&str>(row, 2)?.into(),
                value: IndexValue(column(row, 3)?),
            };
            overlay.owners.entry(key).or_default().insert(ResourceId(column(row, 4)?), column(row, 5)?);
            Ok(())
        }
        Part::Edges => edge(overlay, row).map(drop),
        Part::Leaving => {
            let group = edge(overlay, row)?;
            let member = ResourceId(column(row, 2)?);
            overlay.groups.entry((group.tenant, member)).or_default().insert(group.id, group.resource_type.clone());
            if column::<Option<i64>>(row, 5)?.is_some() {
                overlay.resources.read(group).or_insert(known(row, 5)?);
            }
            Ok(())
        }
        Part::BeingSwept => {
            overlay.being_swept.insert((TenantId(column(row, 0)?), ResourceId(column(row, 1)?)));
            Ok(())
        }
        Part::Counts => {
            let place = (TenantId(column(row, 0)?), column::<&str>(row, 1)?.into());
            overlay.counts.insert(place, unsigned(column(row, 2)?)?);
            Ok(())
        }
    })
}

/// A resource of which the header is read.
fn known(row: &Row, from: usize) -> Result<Option<Resource>, StoreError> {
    Ok(Some(Resource { header: header(row, from)?, ..Resource::default() }))
}

/// Notes an edge; gives its group.
fn edge(overlay: &mut Overlay, row: &Row) -> Result<ResourceKey, StoreError> {
    let tenant = TenantId(column(row, 0)?);
    let (group, member) = (ResourceId(column(row, 1)?), ResourceId(column(row, 2)?));
    let types: (TypeName, TypeName) = (column::<&str>(row, 3)?.into(), column::<&str>(row, 4)?.into());
    let key = ResourceKey { tenant, resource_type: types.0.clone(), id: group };
    overlay.edges.read((tenant, member, group)).insert_entry(Some(types));
    Ok(key)
}

/// Puts the last events of the locked tenants into the overlay; false when one tenant has no log. `Closed` when one of
/// them is kept elsewhere, or about to be, and `Erased` when it is gone.
pub(super) fn take_logs(
    overlay: &mut Overlay,
    rows: &[Row],
    tenants: usize,
    now: Timestamp,
) -> Result<bool, StoreError> {
    for row in rows {
        let last = LastEvent { sequence: unsigned(column(row, 1)?)?, at: Timestamp::from_millis(column(row, 2)?) };
        let tenant = TenantId(column(row, 0)?);
        overlay.last_events.read(tenant).insert_entry(last);
        overlay.changes.insert(tenant, column(row, 3)?);
        if column::<i64>(row, 6)? == FOR_GOOD {
            return Err(StoreError::Erased(tenant));
        }
        if column::<Option<i64>>(row, 4)?.is_some_and(|until| until > now.as_millis()) {
            return Err(StoreError::Closed(tenant));
        }
        if let Some(turn) = column(row, 5)? {
            overlay.watched.insert(tenant, turn);
        }
    }
    Ok(rows.len() == tenants)
}

pub(super) fn resource_key(row: &Row, from: usize) -> Result<ResourceKey, StoreError> {
    Ok(ResourceKey {
        tenant: TenantId(column(row, from)?),
        resource_type: column::<&str>(row, from + 1)?.into(),
        id: ResourceId(column(row, from + 2)?),
    })
}

/// Version, times and number of members, in four columns.
pub(super) fn header(row: &Row, from: usize) -> Result<Header, StoreError> {
    Ok(Header {
        version: unsigned(column(row, from)?)?,
        created: Timestamp::from_millis(column(row, from + 1)?),
        last_modified: Timestamp::from_millis(column(row, from + 2)?),
        members: unsigned(column(row, from + 3)?)?,
    })
}

/// A column's value.
pub(super) fn column<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, StoreError> {
    row.try_get(at).map_err(|_| damaged("a column"))
}

/// Numbers that cannot be negative are kept in columns that could.
pub(super) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| damaged("a number"))
}
