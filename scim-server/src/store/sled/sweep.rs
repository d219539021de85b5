//! What is removed in small steps: the edges of deleted groups, tenants, old events.
//!
//! One batch of 200,000 removals would hold sled's lock for seconds, and every read with it. Each function
//! gives the next batch; the writer applies it.

use std::collections::VecDeque;

use scim_protocol::Timestamp;

use super::{
    key, read,
    tree::{Batch, Tree},
};
use crate::store::{ResourceId, StoreError, TenantId};

/// How many keys go in one step, or one more: about a millisecond, for which a reader may wait.
const STEP: usize = 128;

/// One step of a removal.
pub(super) struct Removal {
    pub batch: Batch,
    /// How many things go, of those that are counted.
    pub gone: u64,
    /// Whether nothing is left after this step.
    pub done: bool,
}

/// Deleted groups whose edges are still there, in the order in which they are swept.
#[derive(Default)]
pub(super) struct Sweeps(VecDeque<(TenantId, ResourceId)>);

impl Sweeps {
    /// The groups that were deleted and not swept before the store was closed.
    pub fn pending(tree: &Tree) -> Result<Self, StoreError> {
        let mut pending = VecDeque::new();
        for item in tree.scan(key::sweeps()) {
            let (key, _) = item?;
            pending.extend(key::parse_sweep(&key));
        }
        Ok(Self(pending))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The group that is swept next.
    pub fn first(&self) -> Option<(TenantId, ResourceId)> {
        self.0.front().copied()
    }

    pub fn extend(&mut self, groups: impl IntoIterator<Item = (TenantId, ResourceId)>) {
        self.0.extend(groups);
    }

    /// Forgets a group that is swept.
    pub fn remove(&mut self, tenant: TenantId, group: ResourceId) {
        self.0.retain(|pending| *pending != (tenant, group));
    }

    /// Forgets all groups; the next start finds them again.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Forgets all groups of a tenant, and gives them.
    fn take(&mut self, tenant: TenantId) -> Vec<ResourceId> {
        let (of_tenant, others) = self.0.drain(..).partition(|pending| pending.0 == tenant);
        self.0 = others;
        let of_tenant: VecDeque<_> = of_tenant;
        of_tenant.into_iter().map(|(_, group)| group).collect()
    }
}

/// Removes some edges of a deleted group, and with the last ones its mark.
pub(super) fn edges(tree: &Tree, tenant: TenantId, group: ResourceId) -> Result<Removal, StoreError> {
    let mut batch = Batch::default();
    let mut done = true;
    for item in tree.scan(key::members(tenant, group)) {
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
    Ok(Removal { batch, gone: 0, done })
}

/// Removes some keys of a tenant, for which nothing is written from the first step on; counts resources.
pub(super) fn tenant(tree: &Tree, sweeps: &mut Sweeps, tenant: TenantId) -> Result<Removal, StoreError> {
    let mut batch = Batch::default();
    batch.put(key::erased(tenant), Vec::new());
    for group in sweeps.take(tenant) {
        batch.remove(key::sweep(tenant, group));
    }
    let mut gone = 0;
    let mut keys = tree.scan(key::tenant(tenant));
    for item in keys.by_ref().take(STEP) {
        let (key, _) = item?;
        gone += u64::from(key::is_resource(&key));
        batch.remove(key);
    }
    Ok(Removal { batch, gone, done: keys.next().is_none() })
}

/// Removes some events of a tenant that are older than that instant; counts them.
pub(super) fn events(tree: &Tree, tenant: TenantId, before: Timestamp) -> Result<Removal, StoreError> {
    let mut batch = Batch::default();
    let mut done = true;
    for item in tree.scan(key::events(tenant)) {
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
    Ok(Removal { batch, gone, done })
}
