//! What is removed in small steps: the edges of deleted groups, tenants, old events.
//!
//! One batch of 200,000 removals would hold sled's lock for seconds, and every read with it.

use std::collections::VecDeque;

use scim_protocol::Timestamp;

use super::{
    key, read,
    tree::{Batch, Tree},
    writer::Writer,
};
use crate::store::{ResourceId, StoreError, TenantId};

/// How many keys go in one step, or one more: about a millisecond, for which a reader may wait.
const STEP: usize = 128;

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
fn sweep(writer: &mut Writer, tenant: TenantId, group: ResourceId) -> Result<bool, StoreError> {
    // The deletion must be durable before what it leaves behind goes, and every edge be where it is seen.
    writer.stand_still()?;
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
    // Not flushed: the log is in order, so whatever of it survives is a beginning of the work.
    writer.apply(batch)?;
    Ok(done)
}

/// Sweeps all of a deleted group now, because its id is about to return.
pub(super) fn finish(writer: &mut Writer, tenant: TenantId, group: ResourceId) -> Result<(), StoreError> {
    if writer.tree().contains(&key::sweep(tenant, group))? {
        while !sweep(writer, tenant, group)? {}
        writer.sweeps.retain(|pending| *pending != (tenant, group));
    }
    Ok(())
}

/// What one step of a longer removal has done.
pub(super) struct Step {
    /// How many things went, of those that are counted.
    pub gone: u64,
    /// Whether nothing is left.
    pub done: bool,
}

/// Removes some keys of a tenant; counts resources.
pub(super) fn erase(writer: &mut Writer, tenant: TenantId) -> Result<Step, StoreError> {
    let of_tenant = |pending: &(TenantId, ResourceId)| pending.0 == tenant;
    let mut batch = Batch::default();
    for (_, group) in writer.sweeps.iter().copied().filter(of_tenant) {
        batch.remove(key::sweep(tenant, group));
    }
    writer.sweeps.retain(|pending| !of_tenant(pending));
    let mut gone = 0;
    let mut keys = writer.tree().scan(key::tenant(tenant));
    for item in keys.by_ref().take(STEP) {
        let (key, _) = item?;
        gone += u64::from(key::is_resource(&key));
        batch.remove(key);
    }
    finish_step(writer, batch, gone, keys.next().is_none())
}

/// Removes some events of a tenant that are older than that instant.
pub(super) fn forget(writer: &mut Writer, tenant: TenantId, before: Timestamp) -> Result<Step, StoreError> {
    let mut batch = Batch::default();
    let mut done = true;
    for item in writer.tree().scan(key::events(tenant)) {
        let (key, bytes) = item?;
        if read::event(&bytes)?.at() >= before {
            break;
        }
        if batch.len() >= STEP {
            done = false;
            break;
        }
        batch.remove(key);
    }
    let gone = batch.len() as u64;
    finish_step(writer, batch, gone, done)
}

fn finish_step(writer: &mut Writer, batch: Batch, gone: u64, done: bool) -> Result<Step, StoreError> {
    if batch.len() > 0 {
        writer.apply(batch)?;
    }
    if done {
        writer.flush()?;
    }
    Ok(Step { gone, done })
}
