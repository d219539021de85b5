//! What is removed in small steps: the edges of deleted groups, tenants, old events.
//!
//! One batch of 200,000 removals would hold sled's lock for seconds, and every read with it.

use std::collections::VecDeque;

use super::{
    key,
    tree::{Batch, Tree},
    writer::Writer,
};
use crate::store::{ResourceId, StoreError, TenantId};

/// How many keys go in one step.
const STEP: usize = 256;

/// The groups that were deleted and not swept before the store was closed.
pub(super) fn pending(tree: &Tree) -> Result<VecDeque<(TenantId, ResourceId)>, StoreError> {
    let mut pending = VecDeque::new();
    for item in tree.scan(key::sweeps()) {
        let (key, _) = item?;
        pending.extend(key::parse_sweep(&key));
    }
    Ok(pending)
}

/// Sweeps a little of the first group in the queue. A failure leaves the rest for the next start.
pub(super) fn step(writer: &mut Writer) {
    let Some(&(tenant, group)) = writer.sweeps.front() else { return };
    match sweep(writer, tenant, group) {
        Ok(false) => {}
        Ok(true) => {
            writer.sweeps.pop_front();
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a deleted group could not be swept away");
            writer.sweeps.clear();
        }
    }
}

/// Removes some edges of a deleted group; true when that was the rest.
pub(super) fn sweep(writer: &mut Writer, tenant: TenantId, group: ResourceId) -> Result<bool, StoreError> {
    let mut batch = Batch::default();
    let mut done = true;
    for item in writer.tree().scan(key::members(tenant, group)) {
        let (key, _) = item?;
        if batch.len() >= STEP {
            done = false;
            break;
        }
        if let Some((group, member)) = key::parse_edge(&key) {
            batch.remove(key::group(tenant, member, group));
        }
        batch.remove(key);
    }
    if done {
        batch.remove(key::sweep(tenant, group));
    }
    writer.apply(batch)?;
    // The mark must not be gone from the disk before the edges are: both are in one log, in order.
    writer.flush()?;
    Ok(done)
}
