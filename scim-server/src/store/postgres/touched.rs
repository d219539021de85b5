//! What transactions touch of tenants that are being copied to another database: they write it down themselves.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    overlay::Overlay,
    pipeline::{Step, columns},
    statement::spread,
};
use crate::store::TenantId;

/// What a row is about: a resource by its type and id, with the nil id behind them; an edge by the empty text, the group
/// and the member; a group whose edges are swept by the empty text, its id, and the nil id.
pub(super) type Touched = (String, Uuid, Uuid);

/// Adds to a transaction what it touches of tenants that are being copied.
pub(super) fn note(overlay: &Overlay, steps: &mut Vec<Step>) {
    let mut rows: BTreeSet<(TenantId, Touched)> = BTreeSet::new();
    if overlay.watched.is_empty() {
        return;
    }
    for (key, ..) in overlay.resources.changes() {
        rows.insert((key.tenant, (key.resource_type.as_str().to_owned(), key.id.0, Uuid::nil())));
    }
    for ((tenant, member, group), ..) in overlay.edges.changes() {
        rows.insert((*tenant, (String::new(), group.0, member.0)));
    }
    for (tenant, group) in &overlay.dissolved {
        rows.insert((*tenant, (String::new(), group.0, Uuid::nil())));
    }
    let turn = |tenant: &TenantId| overlay.watched.get(tenant).copied();
    rows.retain(|(tenant, _)| turn(tenant).is_some());
    if rows.is_empty() {
        return;
    }
    steps.push(Step::Query(
        spread::TOUCH,
        columns![
            rows.iter().map(|(tenant, _)| tenant.0).collect::<Vec<_>>(),
            rows.iter().filter_map(|(tenant, _)| turn(tenant)).collect::<Vec<_>>(),
            rows.iter().map(|(_, (name, ..))| name.clone()).collect::<Vec<_>>(),
            rows.iter().map(|(_, (_, id, _))| *id).collect::<Vec<_>>(),
            rows.iter().map(|(_, (.., member))| *member).collect::<Vec<_>>(),
        ],
    ));
}
