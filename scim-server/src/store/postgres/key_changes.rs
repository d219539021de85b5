//! Which keys came and went: written with each transaction, and read by processes that have counted keys
//! ([`super::rank`]).
//!
//! A tenant's transactions that change keys are numbered. Each leaves its changes under its number for a
//! while, unless they are too many. Whoever finds a number missing counts anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio_postgres::Row;

use super::{
    overlay::Overlay,
    pipeline::{Step, columns},
    prefetch::column,
    row::signed,
    statement,
};
use crate::store::{
    Header, IndexValue, LAST_MODIFIED, Position, ResourceId, ResourceKey, StoreError, TenantId, TypeName,
    decide::Resource,
};

/// How many changes of keys a transaction leaves at most: beyond that, as in a load, counting anew is no dearer.
const MANY: usize = 4096;
/// How many transactions are remembered at least, and after how many the older ones are removed.
pub(super) const KEPT: i64 = 256;
const REMOVED: i64 = 64;

/// What the keys of resources in the order of their ids have for an attribute.
pub(super) const IDS: &str = "";

/// A key that has come or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyChange {
    pub resource_type: TypeName,
    /// The attribute of the index, or [`IDS`].
    pub attribute: Arc<str>,
    pub key: Position,
    pub comes: bool,
}

/// How far a tenant has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// The number of the last transaction that changed keys.
    pub changes: i64,
    /// The sequence of the last event.
    pub sequence: i64,
}

/// What is known of a tenant that was known before.
pub(super) struct Since {
    pub now: Standing,
    /// All that has changed; `None` where not all of it is there.
    pub changes: Option<Vec<KeyChange>>,
}

/// What a group of commits changes of each tenant's keys.
pub(super) fn changed(overlay: &Overlay) -> BTreeMap<TenantId, Vec<KeyChange>> {
    let mut changed: BTreeMap<TenantId, Vec<KeyChange>> = BTreeMap::new();
    for (owner, before, now) in overlay.resources.changes() {
        let changes = of_resource(owner, before.and_then(Option::as_ref), now.as_ref());
        if !changes.is_empty() {
            changed.entry(owner.tenant).or_default().extend(changes);
        }
    }
    changed
}

fn of_resource(owner: &ResourceKey, before: Option<&Resource>, now: Option<&Resource>) -> Vec<KeyChange> {
    let mut changes = Vec::new();
    let mut add = |attribute: &Arc<str>, value: IndexValue, comes| {
        let key = Position { value, id: owner.id };
        let resource_type = owner.resource_type.clone();
        changes.push(KeyChange { resource_type, attribute: Arc::clone(attribute), key, comes });
    };
    if before.is_some() != now.is_some() {
        add(&IDS.into(), IndexValue(Vec::new()), now.is_some());
    }
    let modified = |header: &Header| header.last_modified;
    let times = [before, now].map(|resource| resource.map(|resource| modified(&resource.header)));
    if times[0] != times[1] {
        for (time, comes) in times.into_iter().zip([false, true]) {
            if let Some(time) = time {
                add(&LAST_MODIFIED.into(), IndexValue::instant(time), comes);
            }
        }
    }
    let places = |resource: Option<&Resource>| -> BTreeSet<(Arc<str>, IndexValue)> {
        resource.into_iter().flat_map(|resource| resource.entries.keys().cloned()).collect()
    };
    let (before, now) = (places(before), places(now));
    for (attribute, value) in before.difference(&now) {
        add(attribute, value.clone(), false);
    }
    for (attribute, value) in now.difference(&before) {
        add(attribute, value.clone(), true);
    }
    changes
}

/// The statements that leave what was changed of a tenant's keys.
pub(super) fn steps(
    overlay: &Overlay,
    changed: BTreeMap<TenantId, Vec<KeyChange>>,
    steps: &mut Vec<Step>,
) -> Result<(), StoreError> {
    for (tenant, changes) in changed {
        let number = overlay.changes.get(&tenant).map_or(1, |last| last + 1);
        if changes.len() <= MANY {
            let sequence =
                |last: Option<&crate::store::decide::LastEvent>| signed(last.map_or(0, |last| last.sequence));
            let parameters = columns![
                tenant.0,
                number,
                sequence(overlay.last_events.as_read(&tenant))?,
                sequence(overlay.last_events.get(&tenant))?,
                changes.iter().map(|change| change.resource_type.as_str().to_owned()).collect::<Vec<_>>(),
                changes.iter().map(|change| change.attribute.to_string()).collect::<Vec<_>>(),
                changes.iter().map(|change| change.key.value.0.clone()).collect::<Vec<_>>(),
                changes.iter().map(|change| change.key.id.0).collect::<Vec<_>>(),
                changes.iter().map(|change| change.comes).collect::<Vec<_>>(),
            ];
            steps.push(Step::Query(statement::KEYS_CHANGED, parameters));
        }
        if number % REMOVED == 0 {
            steps.push(Step::Query(statement::FORGET_KEY_CHANGES, columns![tenant.0, number - KEPT]));
        }
    }
    Ok(())
}

/// What the rows of [`statement::KEY_CHANGES`] tell. Nothing when the tenant has no log.
pub(super) fn since(known: Option<Standing>, rows: &[Row]) -> Result<Option<Since>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let now = Standing { changes: column(first, 0)?, sequence: column(first, 1)? };
    let untold = Ok(Some(Since { now, changes: None }));
    let Some(known) = known else { return untold };
    let mut told = BTreeMap::new();
    for row in rows {
        if let Some(number) = column::<Option<i64>>(row, 2)? {
            told.insert(number, row);
        }
    }
    let mut at = known;
    let mut changes = Vec::new();
    for (number, row) in told {
        if (number, column::<i64>(row, 3)?) != (at.changes + 1, at.sequence) {
            return untold;
        }
        at = Standing { changes: number, sequence: column(row, 4)? };
        read(row, &mut changes)?;
    }
    Ok(Some(Since { now, changes: (at == now).then_some(changes) }))
}

fn read(row: &Row, changes: &mut Vec<KeyChange>) -> Result<(), StoreError> {
    let types: Vec<&str> = column(row, 5)?;
    let attributes: Vec<&str> = column(row, 6)?;
    let values: Vec<Vec<u8>> = column(row, 7)?;
    let ids: Vec<uuid::Uuid> = column(row, 8)?;
    let comes: Vec<bool> = column(row, 9)?;
    let places = types.into_iter().zip(attributes);
    let keys = values.into_iter().zip(ids).zip(comes);
    changes.extend(places.zip(keys).map(|((resource_type, attribute), ((value, id), comes))| KeyChange {
        resource_type: resource_type.into(),
        attribute: attribute.into(),
        key: Position { value: IndexValue(value), id: ResourceId(id) },
        comes,
    }));
    Ok(())
}
