//! Everything out, and everything in again.

use super::{
    key,
    read::{self, damaged},
    record,
    tree::Tree,
    value::{read_membership, type_name},
};
use crate::store::{IndexEntry, Item, Joined, ResourceKey, Sink, StoreError, TenantId, decide::index_key};

/// How many members go into one item.
const MEMBERS: usize = 1000;

/// How many resources, members and events are loaded in one batch. Readers wait while sled applies it,
/// and sled frees what it replaces only at its end.
const PORTION: usize = 200;

/// Gives every item of a tenant, or of each tenant in turn.
pub(super) fn export(tree: &Tree, tenant: Option<TenantId>, mut sink: Sink<Item>) -> Result<(), StoreError> {
    let tenants = match tenant {
        Some(tenant) => vec![tenant],
        None => read::tenants(tree)?,
    };
    for tenant in tenants {
        let finished = export_resources(tree, tenant, &mut sink)?
            && export_members(tree, tenant, &mut sink)?
            && export_events(tree, tenant, &mut sink)?;
        if !finished {
            break;
        }
    }
    Ok(())
}

fn export_resources(tree: &Tree, tenant: TenantId, sink: &mut Sink<Item>) -> Result<bool, StoreError> {
    for item in tree.scan(key::all_resources(tenant)) {
        let (key, bytes) = item?;
        let key = key::parse_resource(&key).ok_or_else(|| damaged("a resource's key"))?;
        let (record, entries) = record::decode_all(&bytes)?;
        let entry =
            |((attribute, value), unique)| IndexEntry { key: index_key(&key, attribute, value), id: key.id, unique };
        let entries = entries.into_iter().map(entry).collect();
        if !sink(Item::Resource(key, record, entries)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn export_members(tree: &Tree, tenant: TenantId, sink: &mut Sink<Item>) -> Result<bool, StoreError> {
    let types = read::types(tree, tenant)?;
    let mut rest = key::all_members(tenant);
    // One probe for each group. The edges of a deleted group, which are still there, are skipped.
    while let Some(item) = tree.scan(rest.clone()).next() {
        let (group, _) = key::parse_edge(&item?.0).ok_or_else(|| damaged("an edge's key"))?;
        let edges = key::members(tenant, group);
        rest.start.clone_from(&edges.end);
        let Some(group) = read::find(tree, tenant, &types, group)? else { continue };
        let mut members = Vec::new();
        for item in tree.scan(edges) {
            let (key, name) = item?;
            let id = key::last_id(&key).ok_or_else(|| damaged("an edge's key"))?;
            let joined = tree.get(&key::group(tenant, id, group.id))?;
            let since = joined.map(|bytes| read_membership(&bytes)).transpose()?.and_then(|(_, since)| since);
            let member = ResourceKey { tenant, resource_type: type_name(&name)?, id };
            members.push(Joined { member, since });
            if members.len() == MEMBERS && !sink(Item::Members(group.clone(), std::mem::take(&mut members))) {
                return Ok(false);
            }
        }
        if !members.is_empty() && !sink(Item::Members(group, members)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn export_events(tree: &Tree, tenant: TenantId, sink: &mut Sink<Item>) -> Result<bool, StoreError> {
    for item in tree.scan(key::events(tenant)) {
        if !sink(Item::Event(tenant, read::event(&item?.1)?)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Cuts items into portions that are loaded in one batch each.
pub(super) fn portions(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut portions = Vec::new();
    let mut portion = Vec::new();
    let mut room = PORTION;
    for item in items.into_iter().flat_map(pieces) {
        let weight = if let Item::Members(_, members) = &item { members.len() } else { 1 };
        if weight > room {
            portions.push(std::mem::take(&mut portion));
            room = PORTION;
        }
        room = room.saturating_sub(weight);
        portion.push(item);
    }
    portions.push(portion);
    portions
}

fn pieces(item: Item) -> Vec<Item> {
    match item {
        Item::Members(group, members) => {
            members.chunks(PORTION).map(|some| Item::Members(group.clone(), some.to_vec())).collect()
        }
        item => vec![item],
    }
}
