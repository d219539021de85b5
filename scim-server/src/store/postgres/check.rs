//! Checks that everything in the store agrees.
//!
//! An edge is one row here, and so is an index entry with its uniqueness: less can disagree than in
//! the embedded store, and the findings are a part of its.
//!
//! | Finding | What is wrong |
//! | --- | --- |
//! | `edge-dangling` | a group or a member that does not exist |
//! | `members-wrong` | a group has another number of members than it says |
//! | `count-wrong` | there are not as many resources of a type as are counted |
//! | `index-missing` | a resource is not found by a value that it has |
//! | `index-stale` | a resource is entered with a value that its document does not have |
//! | `index-stray` | an entry of a resource that does not exist |
//! | `unique-missing` | a unique value is entered as one that others may have |
//! | `unique-twice` * | two resources have a unique value |
//! | `sequence-wrong` | the next event would be numbered like one that there is |
//! | `event-missing` *, `event-unreadable` * | the log of events has a gap |
//! | `document-unreadable` * | a resource cannot be decoded |
//!
//! What is marked * cannot be put right from what is stored. Without repair a tenant is checked in
//! one snapshot, and nobody waits; with it, writes to the tenant wait.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    connections::Connections,
    pipeline::columns,
    prefetch::{column, unsigned},
    read::event,
    row::signed,
    scan::{PAGE, TenantScan},
    statement,
};
use crate::store::{
    EntriesOf, Finding, IndexKey, IndexValue, Record, ResourceId, ResourceKey, Sink, StoreError, TenantId,
    decide::{Entries, index_key},
};

/// How a tenant is checked.
pub(super) struct TenantCheck {
    scan: TenantScan,
    entries: EntriesOf,
    repair: bool,
    sink: Sink<Finding>,
    /// Set when the sink wants no more.
    ended: bool,
}

/// Checks a tenant; gives the sink back, unless it wants no more.
pub(super) async fn run(
    connections: &Arc<Connections>,
    tenant: TenantId,
    entries: EntriesOf,
    repair: bool,
    sink: Sink<Finding>,
) -> Result<Option<Sink<Finding>>, StoreError> {
    let scan = if repair {
        TenantScan::alone(connections, tenant).await
    } else {
        TenantScan::snapshot(connections, tenant).await
    };
    let mut check = TenantCheck { scan: scan?, entries, repair, sink, ended: false };
    check.edges().await?;
    check.resources().await?;
    check.counts().await?;
    check.strays().await?;
    check.events().await?;
    check.scan.end().await?;
    Ok((!check.ended).then_some(check.sink))
}

impl TenantCheck {
    fn tell(&mut self, kind: &str, detail: String, repaired: bool) {
        if !self.ended {
            self.ended = !(self.sink)(Finding { kind: kind.into(), detail, repaired });
        }
    }

    /// Tells of a fault that can be put right; true when it is to be.
    fn fault(&mut self, kind: &str, detail: String) -> bool {
        let repair = self.repair && !self.ended;
        self.tell(kind, detail, self.repair);
        repair
    }

    async fn edges(&mut self) -> Result<(), StoreError> {
        let mut last = None;
        loop {
            let page = self.scan.edges(last).await?;
            let Some(edge) = page.last() else { return Ok(()) };
            last = Some((edge.group.id, edge.member.id));
            for edge in page {
                let awaits_sweep = !edge.group_exists && edge.dissolved;
                if awaits_sweep || (edge.group_exists && edge.member_exists) {
                    continue;
                }
                let (tenant, group, member) = (self.scan.tenant, edge.group.id, edge.member.id);
                if self.fault("edge-dangling", format!("{tenant}: {member} in {group}, one of which does not exist")) {
                    self.scan.leave(&edge).await?;
                }
            }
        }
    }

    async fn resources(&mut self) -> Result<(), StoreError> {
        let mut last = None;
        while !self.ended {
            let page = self.scan.resources(last.as_ref()).await?;
            let Some((key, ..)) = page.last() else { break };
            last = Some(key.clone());
            let ids = page.iter().map(|(key, ..)| key.id.0).collect();
            let members: HashMap<ResourceId, i64> = self.scan.members(ids).await?.into_iter().collect();
            for (key, record, entries) in page {
                let members = unsigned(members.get(&key.id).copied().unwrap_or(0))?;
                self.resource(&key, &record, members).await?;
                self.entries(&key, &record, entries).await?;
            }
        }
        Ok(())
    }

    async fn resource(&mut self, key: &ResourceKey, record: &Record, members: u64) -> Result<(), StoreError> {
        let header = record.header;
        // What is kept aside of a group has its id, and no members.
        if header.members == members || key.resource_type.is_aside() {
            return Ok(());
        }
        if self.fault("members-wrong", format!("{}: {members} members, not {}", name(key), header.members)) {
            let columns = columns![
                vec![key.tenant.0],
                vec![key.resource_type.as_str().to_owned()],
                vec![key.id.0],
                vec![signed(header.version)?],
                vec![header.created.as_millis()],
                vec![header.last_modified.as_millis()],
                vec![signed(members)?],
            ];
            self.scan.change(statement::TOUCH, columns).await?;
        }
        Ok(())
    }

    /// Whether the index has the entries that a document asks for, and no others.
    async fn entries(&mut self, key: &ResourceKey, record: &Record, entries: Entries) -> Result<(), StoreError> {
        let Ok(wanted) = (self.entries)(key, record) else {
            self.tell("document-unreadable", name(key), false);
            return Ok(());
        };
        let wanted: Entries =
            wanted.into_iter().map(|entry| ((entry.key.attribute, entry.key.value), entry.unique)).collect();
        for (attribute, value) in entries.keys().filter(|place| !wanted.contains_key(*place)) {
            if self.fault("index-stale", format!("{}: {attribute}", name(key))) {
                self.unindex(&index_key(key, attribute.clone(), value.clone()), key.id).await?;
            }
        }
        for ((attribute, value), unique) in wanted {
            let place = index_key(key, attribute.clone(), value.clone());
            let found = entries.get(&(attribute, value)).copied();
            if found == Some(unique) {
                continue;
            }
            let other = unique && self.owner(&place).await?.is_some_and(|owner| owner != key.id);
            let detail = format!("{}: {}", name(key), place.attribute);
            if other {
                self.tell("unique-twice", detail.clone(), false);
            }
            let kind = match found {
                Some(_) if other => continue,
                Some(false) => "unique-missing",
                None | Some(true) => "index-missing",
            };
            if self.fault(kind, detail) {
                // It is found by the value, even while another one is its only owner.
                self.enter(&place, key.id, unique && !other).await?;
            }
        }
        Ok(())
    }

    async fn owner(&mut self, place: &IndexKey) -> Result<Option<ResourceId>, StoreError> {
        let IndexKey { tenant, resource_type, attribute, value } = place;
        let rows =
            self.scan.query(statement::LOOKUP, &[&tenant.0, &resource_type.as_str(), &&**attribute, &value.0]).await?;
        rows.first().map(|row| column(row, 0).map(ResourceId)).transpose()
    }

    async fn enter(&mut self, place: &IndexKey, id: ResourceId, unique: bool) -> Result<(), StoreError> {
        let mut columns = columns_of(place);
        columns.extend(columns![vec![id.0], vec![unique]]);
        self.scan.change(statement::INDEX, columns).await
    }

    async fn unindex(&mut self, place: &IndexKey, id: ResourceId) -> Result<(), StoreError> {
        let mut columns = columns_of(place);
        columns.extend(columns![vec![id.0]]);
        self.scan.change(statement::UNINDEX, columns).await
    }

    async fn counts(&mut self) -> Result<(), StoreError> {
        let tenant = self.scan.tenant;
        let mut numbers: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for row in self.scan.query(statement::COUNTED_RESOURCES, &[&tenant.0]).await? {
            numbers.entry(column(&row, 0)?).or_default().0 = column(&row, 1)?;
        }
        for row in self.scan.query(statement::ALL_COUNTS, &[&tenant.0]).await? {
            numbers.entry(column(&row, 0)?).or_default().1 = column(&row, 1)?;
        }
        for (resource_type, (there, counted)) in numbers.into_iter().filter(|(_, (there, counted))| there != counted) {
            let detail = format!("{tenant}: there are {there} of type {resource_type}, not {counted}");
            if self.fault("count-wrong", detail) {
                self.scan.query(statement::SET_COUNT, &[&tenant.0, &resource_type, &there]).await?;
            }
        }
        Ok(())
    }

    async fn strays(&mut self) -> Result<(), StoreError> {
        let tenant = self.scan.tenant;
        loop {
            let rows = self.scan.query(statement::STRAY_ENTRIES, &[&tenant.0, &PAGE]).await?;
            let full = i64::try_from(rows.len()).is_ok_and(|rows| rows == PAGE);
            for row in &rows {
                let place = IndexKey {
                    tenant,
                    resource_type: column::<&str>(row, 0)?.into(),
                    attribute: column::<&str>(row, 1)?.into(),
                    value: IndexValue(column(row, 2)?),
                };
                let id = ResourceId(column(row, 3)?);
                let detail = format!("{tenant}: {} {id}: {}", place.resource_type.as_str(), place.attribute);
                if self.fault("index-stray", detail) {
                    self.unindex(&place, id).await?;
                }
            }
            // Without repair the next page would be this one again.
            if !full || !self.repair || self.ended {
                return Ok(());
            }
        }
    }

    async fn events(&mut self) -> Result<(), StoreError> {
        let tenant = self.scan.tenant;
        let mut last: Option<(i64, i64)> = None;
        loop {
            let page = self.scan.events(last.map_or(-1, |(sequence, _)| sequence)).await?;
            if page.is_empty() || self.ended {
                break;
            }
            for (sequence, document) in page {
                let at = match event(&document) {
                    Ok(event) if signed(event.sequence).is_ok_and(|told| told == sequence) => event.at,
                    _ => {
                        self.tell("event-unreadable", format!("{tenant}: event {sequence}"), false);
                        last.map_or(0, |(_, at)| at)
                    }
                };
                if let Some((before, _)) = last.filter(|(before, _)| before + 1 != sequence) {
                    self.tell("event-missing", format!("{tenant}: events {} to {}", before + 1, sequence - 1), false);
                }
                last = Some((sequence, at));
            }
        }
        let Some((sequence, at)) = last else { return Ok(()) };
        let rows = self.scan.query(statement::SEQUENCE, &[&tenant.0]).await?;
        let given: i64 = rows.first().map_or(Ok(0), |row| column(row, 0))?;
        if given < sequence {
            let detail = format!("{tenant}: the last event is {sequence}, but the next would not be behind it");
            if self.fault("sequence-wrong", detail) {
                let columns = columns![vec![tenant.0], vec![sequence], vec![at], vec![0_i64]];
                self.scan.change(statement::SAVE_LOGS, columns).await?;
            }
        } else if given > sequence {
            self.tell("event-missing", format!("{tenant}: events {} to {given}", sequence + 1), false);
        }
        Ok(())
    }
}

fn columns_of(place: &IndexKey) -> Vec<super::pipeline::Parameter> {
    columns![
        vec![place.tenant.0],
        vec![place.resource_type.as_str().to_owned()],
        vec![place.attribute.to_string()],
        vec![place.value.0.clone()],
    ]
}

fn name(key: &ResourceKey) -> String {
    format!("{}: {} {}", key.tenant, key.resource_type.as_str(), key.id)
}
