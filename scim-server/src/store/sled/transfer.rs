//! Everything out, and everything in again.

use scim_protocol::Timestamp;

use super::{
    draft::Draft,
    key,
    read::{self, damaged},
    record, sweep,
    tree::{Batch, Tree},
    value::type_name,
    writer::Writer,
};
use crate::store::{Edge, Item, ResourceKey, Sink, StoreError, TenantId};

/// How many members go into one item.
const MEMBERS: usize = 1000;

/// How many resources, members and events are loaded in one batch. Readers wait while it is applied,
/// and what sled replaces in it cannot be freed before its end.
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
        let (record, held) = record::decode_all(&bytes)?;
        let entries = held.iter().map(|held| held.entry(&key)).collect();
        if !sink(Item::Resource(key, record, entries)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn export_members(tree: &Tree, tenant: TenantId, sink: &mut Sink<Item>) -> Result<bool, StoreError> {
    let types = read::types(tree, tenant)?;
    let mut rest = key::all_members(tenant);
    // One probe for each group; a deleted one, whose edges are still there, is leapt over.
    while let Some(item) = tree.scan(rest.clone()).next() {
        let (group, _) = key::parse_edge(&item?.0).ok_or_else(|| damaged("an edge's key"))?;
        let edges = key::members(tenant, group);
        rest.start.clone_from(&edges.end);
        let Some(group) = read::find(tree, tenant, &types, group)? else { continue };
        let mut members = Vec::new();
        for item in tree.scan(edges) {
            let (key, name) = item?;
            let id = key::last_id(&key).ok_or_else(|| damaged("an edge's key"))?;
            members.push(ResourceKey { tenant, resource_type: type_name(&name)?, id });
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

/// Takes a portion, all of it or nothing. Durable after the next flush.
pub(super) fn load(writer: &mut Writer, items: &[Item]) -> Result<(), StoreError> {
    for item in items {
        if let Item::Resource(key, ..) = item {
            sweep::finish(writer, key.tenant, key.id)?;
        }
    }
    let mut draft = Draft::new(writer.ground());
    for item in items {
        match item {
            Item::Resource(key, record, entries) => draft.restore(key, record, entries)?,
            Item::Members(group, members) => {
                for member in members {
                    draft.connect(&Edge { group: group.clone(), member: member.clone() })?;
                }
            }
            Item::Event(tenant, event) => draft.log(*tenant, event)?,
        }
    }
    // Nothing here gets a new version, and so nothing this instant.
    draft.settle(Timestamp::default())?;
    let changes = draft.into_changes();
    writer.apply(Batch::from(&changes))
}
