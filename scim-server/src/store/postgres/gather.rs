//! What a group of commits needs to know, read in one round trip.

use std::collections::HashSet;

use scim_protocol::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    draft::{Draft, EdgeKey, Last, Stored, owner},
    fault::damaged,
    pipeline::{Step, columns},
    statement,
};
use crate::store::{
    Commit, Expect, Header, IndexKey, IndexValue, Item, ResourceId, ResourceKey, StoreError, TenantId, TypeName, Write,
};

/// What must be read.
#[derive(Default)]
pub(super) struct Wanted {
    resources: HashSet<ResourceKey>,
    held: HashSet<ResourceKey>,
    owners: HashSet<IndexKey>,
    edges: HashSet<EdgeKey>,
    leaving: HashSet<(TenantId, ResourceId)>,
    counts: HashSet<(TenantId, TypeName)>,
    tenants: HashSet<TenantId>,
}

impl Wanted {
    pub fn by_commit(&mut self, commit: &Commit) {
        self.resource(&commit.target);
        for expect in &commit.expect {
            match expect {
                Expect::Fewer(tenant, resource_type, _) => {
                    self.tenants.insert(*tenant);
                    self.counts.insert((*tenant, resource_type.clone()));
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
                Write::Put(key, _) => self.resource(key),
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
            Item::Members(group, members) => members.iter().for_each(|member| self.edge(group, member)),
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
        self.edges.insert((group.tenant, group.id, member.id));
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
                    edges().map(|(_, group, _)| group.0).collect::<Vec<_>>(),
                    edges().map(|(_, _, member)| member.0).collect::<Vec<_>>(),
                ],
            )
        });
        add(Part::Leaving, !self.leaving.is_empty(), &|| {
            let leaving = || self.leaving.iter();
            Step::Query(
                statement::LEAVING,
                columns![
                    leaving().map(|(tenant, _)| tenant.0).collect::<Vec<_>>(),
                    leaving().map(|(_, member)| member.0).collect::<Vec<_>>(),
                ],
            )
        });
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

    /// A draft on which nothing is known but that nobody has the values that will be asked for.
    pub fn draft(&self) -> Draft {
        let mut draft = Draft::default();
        for key in &self.owners {
            draft.owners.read(key.clone()).or_default();
        }
        for key in &self.leaving {
            draft.groups.read(*key).or_default();
        }
        draft
    }
}

/// What the rows of a statement tell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
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

/// Puts the rows of a statement into the draft.
pub(super) fn take(draft: &mut Draft, part: Part, rows: &[Row]) -> Result<(), StoreError> {
    rows.iter().try_for_each(|row| match part {
        Part::Headers => {
            let key = resource_key(row, 0)?;
            draft.resources.read(key).insert_entry(Some(Stored { header: header(row, 3)?, body: None }));
            Ok(())
        }
        Part::Held => {
            let place = (column::<&str>(row, 3)?.into(), IndexValue(column(row, 4)?));
            draft.held.read(resource_key(row, 0)?).or_default().insert(place, column(row, 5)?);
            Ok(())
        }
        Part::Owners => {
            let key = IndexKey {
                tenant: TenantId(column(row, 0)?),
                resource_type: column::<&str>(row, 1)?.into(),
                attribute: column::<&str>(row, 2)?.into(),
                value: IndexValue(column(row, 3)?),
            };
            draft.owners.read(key).or_default().insert(ResourceId(column(row, 4)?), column(row, 5)?);
            Ok(())
        }
        Part::Edges => edge(draft, row).map(drop),
        Part::Leaving => {
            let group = edge(draft, row)?;
            let member = ResourceId(column(row, 2)?);
            draft.groups.read((group.tenant, member)).or_default().insert(group.id, group.resource_type.clone());
            if column::<Option<i64>>(row, 5)?.is_some() {
                draft.resources.read(group).or_insert(Some(Stored { header: header(row, 5)?, body: None }));
            }
            Ok(())
        }
        Part::Counts => {
            let place = (TenantId(column(row, 0)?), column::<&str>(row, 1)?.into());
            draft.counts.insert(place, unsigned(column(row, 2)?)?);
            Ok(())
        }
    })
}

/// Notes an edge; gives its group.
fn edge(draft: &mut Draft, row: &Row) -> Result<ResourceKey, StoreError> {
    let tenant = TenantId(column(row, 0)?);
    let (group, member) = (ResourceId(column(row, 1)?), ResourceId(column(row, 2)?));
    let types: (TypeName, TypeName) = (column::<&str>(row, 3)?.into(), column::<&str>(row, 4)?.into());
    let key = ResourceKey { tenant, resource_type: types.0.clone(), id: group };
    draft.edges.read((tenant, group, member)).insert_entry(Some(types));
    Ok(key)
}

/// Puts the locked logs into the draft; false when one of them does not exist.
pub(super) fn take_logs(draft: &mut Draft, rows: &[Row], tenants: usize) -> Result<bool, StoreError> {
    for row in rows {
        let last = Last { sequence: unsigned(column(row, 1)?)?, at: Timestamp::from_millis(column(row, 2)?) };
        draft.logs.read(TenantId(column(row, 0)?)).insert_entry(last);
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
