//! Export: every item, as one state of all tenants together.

use std::sync::Arc;

use super::{connections::Connections, read::event, scan::TenantScan, statement};
use crate::store::{IndexEntry, Item, Joined, ResourceKey, Sink, StoreError, TenantId, decide::index_key};

/// How many members go into one item.
const MEMBERS: usize = 1000;
/// How many resources, members and events are loaded in one transaction.
const PORTION: usize = 2000;

/// Gives every item of a tenant, or of each tenant in turn. All of it is read in one transaction, so
/// that what one tenant's records say of another's (the system's of every tenant, above all) agrees.
pub(super) async fn export(
    connections: &Arc<Connections>,
    tenant: Option<TenantId>,
    mut sink: Sink<Item>,
) -> Result<(), StoreError> {
    let mut scan = begin(connections, tenant.unwrap_or(TenantId::SYSTEM)).await?;
    let tenants = match tenant {
        Some(tenant) => vec![tenant],
        None => scan.tenants().await?,
    };
    go_on(scan, tenants, &mut sink).await.map(drop)
}

/// One state of a database, to be read by [`go_on`].
pub(super) async fn begin(connections: &Arc<Connections>, tenant: TenantId) -> Result<TenantScan, StoreError> {
    let mut scan = TenantScan::snapshot(connections, tenant).await?;
    // The first look fixes what is seen.
    scan.query(statement::SEQUENCE, &[&tenant.0]).await?;
    Ok(scan)
}

/// Gives every item of these tenants; false when the sink wants no more.
pub(super) async fn go_on(
    mut scan: TenantScan,
    tenants: Vec<TenantId>,
    sink: &mut Sink<Item>,
) -> Result<bool, StoreError> {
    for tenant in tenants {
        scan.turn_to(tenant);
        let finished =
            resources(&mut scan, sink).await? && members(&mut scan, sink).await? && events(&mut scan, sink).await?;
        if !finished {
            scan.end().await?;
            return Ok(false);
        }
    }
    scan.end().await?;
    Ok(true)
}

async fn resources(scan: &mut TenantScan, sink: &mut Sink<Item>) -> Result<bool, StoreError> {
    let mut last = None;
    loop {
        let page = scan.resources(last.as_ref()).await?;
        let Some((key, ..)) = page.last() else { return Ok(true) };
        last = Some(key.clone());
        for (key, record, entries) in page {
            let entry = |((attribute, value), unique)| IndexEntry {
                key: index_key(&key, attribute, value),
                id: key.id,
                unique,
            };
            let entries = entries.into_iter().map(entry).collect();
            if !sink(Item::Resource(key, record, entries)) {
                return Ok(false);
            }
        }
    }
}

async fn members(scan: &mut TenantScan, sink: &mut Sink<Item>) -> Result<bool, StoreError> {
    let mut last = None;
    let mut open: Option<(ResourceKey, Vec<Joined>)> = None;
    loop {
        let page = scan.edges(last).await?;
        let Some(edge) = page.last() else { break };
        last = Some((edge.group.id, edge.member.id));
        // The edges of a deleted group are still there for a while.
        for edge in page.into_iter().filter(|edge| edge.group_exists) {
            let joined = Joined { member: edge.member, since: edge.since };
            match &mut open {
                Some((group, members)) if *group == edge.group && members.len() < MEMBERS => members.push(joined),
                _ => {
                    if let Some((group, members)) = open.replace((edge.group, vec![joined]))
                        && !sink(Item::Members(group, members))
                    {
                        return Ok(false);
                    }
                }
            }
        }
    }
    Ok(open.is_none_or(|(group, members)| sink(Item::Members(group, members))))
}

async fn events(scan: &mut TenantScan, sink: &mut Sink<Item>) -> Result<bool, StoreError> {
    let mut last = -1;
    loop {
        let page = scan.events(last).await?;
        let Some((sequence, _)) = page.last() else { return Ok(true) };
        last = *sequence;
        for (_, document) in page {
            if !sink(Item::Event(scan.tenant, event(&document)?)) {
                return Ok(false);
            }
        }
    }
}

/// Whether the tables have grown so much that the planner's statistics mislead it. The database updates them
/// once a minute, and until then it scans a table that it takes for empty, for each portion again: the first
/// minute of a load did a hundredth of the work of the second.
pub(super) fn outgrows(before: usize, after: usize) -> bool {
    after > 0 && before.checked_ilog(4) != after.checked_ilog(4)
}

/// Cuts items into portions that are loaded in one transaction each.
pub(super) fn portions(items: &[Item]) -> Vec<&[Item]> {
    let mut portions = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let mut weight = 0;
        let fits = rest.iter().take_while(|item| {
            weight += if let Item::Members(_, members) = item { members.len() } else { 1 };
            weight <= PORTION
        });
        // One that is larger than a portion is a portion.
        let (portion, behind) = rest.split_at(fits.count().max(1));
        portions.push(portion);
        rest = behind;
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_looked_at_each_time_that_it_has_grown_fourfold() {
        let mut loaded = 0;
        let mut looked = Vec::new();
        for _ in 0..500 {
            if outgrows(loaded, loaded + PORTION) {
                looked.push((loaded + PORTION) / PORTION);
            }
            loaded += PORTION;
        }
        assert_eq!(looked, [1, 3, 9, 33, 132]);
    }
}
