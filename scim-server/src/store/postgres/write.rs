//! The statements that write what a group of commits has changed: one of each kind.

use std::collections::BTreeSet;

use super::{
    key_changes,
    overlay::Overlay,
    pipeline::{Step, columns},
    row::signed,
    statement, touched,
};
use crate::store::{
    IndexKey, ResourceId, ResourceKey, StoreError, TenantId,
    decide::{Entries, Resource, index_key},
};

/// The statements, in an order in which no constraint is broken on the way.
pub(super) fn steps(overlay: &Overlay) -> Result<Vec<Step>, StoreError> {
    let mut steps = content(overlay)?;
    counts(overlay, &mut steps);
    let changed = key_changes::changed(overlay);
    log(overlay, &changed.keys().copied().collect(), &mut steps)?;
    key_changes::steps(overlay, changed, &mut steps)?;
    touched::note(overlay, &mut steps);
    Ok(steps)
}

/// The statements about resources, what is indexed of them, and edges.
pub(super) fn content(overlay: &Overlay) -> Result<Vec<Step>, StoreError> {
    let mut steps = Vec::new();
    resources(overlay, &mut steps)?;
    entries(overlay, &mut steps);
    edges(overlay, &mut steps);
    Ok(steps)
}

fn resources(overlay: &Overlay, steps: &mut Vec<Step>) -> Result<(), StoreError> {
    let (mut gone, mut put, mut touched) = (Vec::new(), Vec::new(), Vec::new());
    for (key, before, now) in overlay.resources.changes() {
        match (before.and_then(Option::as_ref), now) {
            (None, None) => {}
            (Some(_), None) => gone.push(key),
            (_, Some(Resource { header, body: Some(body), .. })) => put.push((key, *header, body)),
            (Some(before), Some(now)) if before.header == now.header => {}
            (_, Some(Resource { header, body: None, .. })) => touched.push((key, *header)),
        }
    }
    if !gone.is_empty() {
        let [tenants, types, ids] = keys(gone.iter().copied());
        steps.push(Step::Query(statement::DELETE, vec![tenants, types, ids]));
    }
    if !touched.is_empty() {
        let mut parameters = Vec::from(keys(touched.iter().map(|(key, _)| *key)));
        parameters.extend(headers(touched.iter().map(|(_, header)| *header))?);
        steps.push(Step::Query(statement::TOUCH, parameters));
    }
    if !put.is_empty() {
        let mut parameters = Vec::from(keys(put.iter().map(|(key, ..)| *key)));
        parameters.extend(headers(put.iter().map(|(_, header, _)| *header))?);
        parameters.extend(columns![
            put.iter().map(|(.., body)| body.display.to_vec()).collect::<Vec<_>>(),
            put.iter().map(|(.., body)| body.visible.to_vec()).collect::<Vec<_>>(),
            put.iter().map(|(.., body)| body.hidden.to_vec()).collect::<Vec<_>>(),
        ]);
        steps.push(Step::Query(statement::PUT, parameters));
    }
    Ok(())
}

fn keys<'a>(keys: impl Iterator<Item = &'a ResourceKey> + Clone) -> [super::pipeline::Parameter; 3] {
    [
        Box::new(keys.clone().map(|key| key.tenant.0).collect::<Vec<_>>()),
        Box::new(keys.clone().map(|key| key.resource_type.as_str().to_owned()).collect::<Vec<_>>()),
        Box::new(keys.map(|key| key.id.0).collect::<Vec<_>>()),
    ]
}

fn headers(
    headers: impl Iterator<Item = crate::store::Header> + Clone,
) -> Result<[super::pipeline::Parameter; 4], StoreError> {
    let versions: Vec<_> = headers.clone().map(|header| signed(header.version)).collect::<Result<_, _>>()?;
    let members: Vec<_> = headers.clone().map(|header| signed(header.members)).collect::<Result<_, _>>()?;
    Ok([
        Box::new(versions),
        Box::new(headers.clone().map(|header| header.created.as_millis()).collect::<Vec<_>>()),
        Box::new(headers.map(|header| header.last_modified.as_millis()).collect::<Vec<_>>()),
        Box::new(members),
    ])
}

fn entries(overlay: &Overlay, steps: &mut Vec<Step>) {
    let mut gone: Vec<(IndexKey, ResourceId)> = Vec::new();
    let mut come: Vec<(IndexKey, ResourceId, bool)> = Vec::new();
    for (owner, before, now) in overlay.resources.changes() {
        let (before, now) = (entries_of(before.and_then(Option::as_ref)), entries_of(now.as_ref()));
        for (attribute, value) in before.keys().filter(|place| !now.contains_key(*place)) {
            gone.push((index_key(owner, attribute.clone(), value.clone()), owner.id));
        }
        for (place, unique) in now.iter().filter(|(place, unique)| before.get(*place) != Some(*unique)) {
            come.push((index_key(owner, place.0.clone(), place.1.clone()), owner.id, *unique));
        }
    }
    if !gone.is_empty() {
        let mut parameters = Vec::from(places(gone.iter().map(|(key, _)| key)));
        parameters.extend(columns![gone.iter().map(|(_, id)| id.0).collect::<Vec<_>>()]);
        steps.push(Step::Query(statement::UNINDEX, parameters));
    }
    if !come.is_empty() {
        // Entries that are no longer unique are written before the entries that become unique.
        come.sort_by_key(|(.., unique)| *unique);
        let mut parameters = Vec::from(places(come.iter().map(|(key, ..)| key)));
        parameters.extend(columns![
            come.iter().map(|(_, id, _)| id.0).collect::<Vec<_>>(),
            come.iter().map(|(.., unique)| *unique).collect::<Vec<_>>(),
        ]);
        steps.push(Step::Query(statement::INDEX, parameters));
    }
}

fn entries_of(resource: Option<&Resource>) -> &Entries {
    const NONE: &Entries = &Entries::new();
    resource.map_or(NONE, |resource| &resource.entries)
}

fn places<'a>(keys: impl Iterator<Item = &'a IndexKey> + Clone) -> [super::pipeline::Parameter; 4] {
    [
        Box::new(keys.clone().map(|key| key.tenant.0).collect::<Vec<_>>()),
        Box::new(keys.clone().map(|key| key.resource_type.as_str().to_owned()).collect::<Vec<_>>()),
        Box::new(keys.clone().map(|key| key.attribute.to_string()).collect::<Vec<_>>()),
        Box::new(keys.map(|key| key.value.0.clone()).collect::<Vec<_>>()),
    ]
}

fn edges(overlay: &Overlay, steps: &mut Vec<Step>) {
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for (edge, before, now) in overlay.edges.changes() {
        match (before.and_then(Option::as_ref), now) {
            (Some(_), None) => gone.push(edge),
            (before, Some(now)) if before != Some(now) => come.push((edge, now)),
            _ => {}
        }
    }
    if !gone.is_empty() {
        steps.push(Step::Query(
            statement::LEAVE,
            columns![
                gone.iter().map(|(tenant, ..)| tenant.0).collect::<Vec<_>>(),
                gone.iter().map(|(_, _, group)| group.0).collect::<Vec<_>>(),
                gone.iter().map(|(_, member, _)| member.0).collect::<Vec<_>>(),
            ],
        ));
    }
    if !come.is_empty() {
        steps.push(Step::Query(
            statement::JOIN,
            columns![
                come.iter().map(|((tenant, ..), _)| tenant.0).collect::<Vec<_>>(),
                come.iter().map(|((_, _, group), _)| group.0).collect::<Vec<_>>(),
                come.iter().map(|((_, member, _), _)| member.0).collect::<Vec<_>>(),
                come.iter().map(|(_, types)| types.0.as_str().to_owned()).collect::<Vec<_>>(),
                come.iter().map(|(_, types)| types.1.as_str().to_owned()).collect::<Vec<_>>(),
                come.iter().map(|(edge, _)| overlay.joined.get(edge).map(|at| at.as_millis())).collect::<Vec<_>>(),
            ],
        ));
    }
    let dissolved = &overlay.dissolved;
    if !dissolved.is_empty() {
        steps.push(Step::Query(
            statement::DISSOLVE,
            columns![
                dissolved.iter().map(|(tenant, _)| tenant.0).collect::<Vec<_>>(),
                dissolved.iter().map(|(_, group)| group.0).collect::<Vec<_>>(),
            ],
        ));
    }
}

fn counts(overlay: &Overlay, steps: &mut Vec<Step>) {
    let grown: Vec<_> = overlay.growth.iter().filter(|(_, grown)| **grown != 0).collect();
    if !grown.is_empty() {
        steps.push(Step::Query(
            statement::COUNT_BY,
            columns![
                grown.iter().map(|((tenant, _), _)| tenant.0).collect::<Vec<_>>(),
                grown.iter().map(|((_, name), _)| name.as_str().to_owned()).collect::<Vec<_>>(),
                grown.iter().map(|(_, grown)| **grown).collect::<Vec<_>>(),
            ],
        ));
    }
}

/// The events, and how far each tenant has come; `changed` are those whose keys have changed.
fn log(overlay: &Overlay, changed: &BTreeSet<TenantId>, steps: &mut Vec<Step>) -> Result<(), StoreError> {
    let (mut tenants, mut sequences, mut documents) = (Vec::new(), Vec::new(), Vec::new());
    for ((tenant, sequence), event) in &overlay.events {
        tenants.push(tenant.0);
        sequences.push(signed(*sequence)?);
        documents.push(document(event)?);
    }
    if !tenants.is_empty() {
        steps.push(Step::Query(statement::LOG, columns![tenants, sequences, documents]));
    }
    let (mut tenants, mut sequences, mut instants, mut more) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let later = overlay.last_events.changes().filter(|(_, before, last)| *before != Some(*last));
    let moved: BTreeSet<TenantId> = later.map(|(tenant, ..)| *tenant).chain(changed.iter().copied()).collect();
    for tenant in moved {
        let Some(last) = overlay.last_events.get(&tenant) else { continue };
        tenants.push(tenant.0);
        sequences.push(signed(last.sequence)?);
        instants.push(last.at.as_millis());
        more.push(i64::from(changed.contains(&tenant)));
    }
    if !tenants.is_empty() {
        steps.push(Step::Query(statement::SAVE_LOGS, columns![tenants, sequences, instants, more]));
    }
    Ok(())
}

/// An event as it is stored.
pub(super) fn document(event: &crate::event::Event) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(event).map_err(|error| StoreError::Corrupt(error.to_string()))
}
