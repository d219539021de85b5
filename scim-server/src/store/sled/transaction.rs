//! The changes of a commit, as keys and values of the tree.

use sled::IVec;

use super::{
    key::{self, modified},
    record,
    tree::KeyChanges,
    value::{last_event, membership},
};
use crate::store::{
    Record, ResourceKey, StoreError,
    decide::{self, Changed, Facts, index_key},
};

/// The keys that change. `facts` is what the commit was decided on.
pub(super) fn changes(facts: &dyn Facts, decided: decide::Changes) -> Result<KeyChanges, StoreError> {
    let mut changes = KeyChanges::new();
    for (key, one) in decided.resources.iter().filter(|(_, one)| one.differs()) {
        resource(key, one, &mut changes);
    }
    for ((tenant, resource_type), grown) in &decided.growth {
        let count = facts.count(*tenant, resource_type)?.saturating_add_signed(*grown);
        put(&mut changes, key::count(*tenant, resource_type), count.to_be_bytes().as_slice());
    }
    for (edge, types) in &decided.edges {
        let (tenant, member, group) = *edge;
        let (to_member, to_group) = (key::member(tenant, group, member), key::group(tenant, member, group));
        if let Some((group_type, member_type)) = types {
            put(&mut changes, to_member, member_type.as_str());
            put(&mut changes, to_group, membership(group_type, decided.since(edge)));
        } else {
            changes.extend([(to_member, None), (to_group, None)]);
        }
    }
    for (tenant, group) in decided.dissolved {
        put(&mut changes, key::sweep(tenant, group), &[]);
    }
    for (tenant, event) in decided.events {
        let stored = serde_json::to_vec(&event).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        put(&mut changes, key::event(tenant, event.sequence), stored);
    }
    for (tenant, last) in decided.last_events {
        put(&mut changes, key::sequence(tenant), last_event(last.sequence, last.at));
    }
    Ok(changes)
}

/// The resource, its index entries, and its place in the index over `meta.lastModified`.
fn resource(key: &ResourceKey, one: &Changed, changes: &mut KeyChanges) {
    let at = one.header.map(|header| header.last_modified);
    let at_before = one.before.as_ref().map(|before| before.header.last_modified);
    if let Some(before) = at_before.filter(|before| at != Some(*before)) {
        changes.insert(modified(key, before), None);
    }
    match (one.header, &one.body) {
        (Some(header), body) => {
            let record = Record { header, body: body.clone().unwrap_or_default() };
            put(changes, key::resource(key), record::encode(&record, &one.entries));
            put(changes, modified(key, header.last_modified), &[]);
        }
        (None, _) if one.before.is_some() => drop(changes.insert(key::resource(key), None)),
        (None, _) => {}
    }
    for (attribute, value) in one.left() {
        changes.insert(key::index(&index_key(key, attribute.clone(), value.clone()), key.id), None);
    }
    for ((attribute, value), unique) in one.entered() {
        let entry = key::index(&index_key(key, attribute.clone(), value.clone()), key.id);
        put(changes, entry, key::mark(unique));
    }
}

fn put(changes: &mut KeyChanges, key: Vec<u8>, value: impl Into<IVec>) {
    changes.insert(key, Some(value.into()));
}
