//! The tree with all commits that are decided and not yet applied. The next commit is decided on it.
//!
//! These commits become one batch. sled seals and writes its log buffer around each batch, so many small batches cost
//! far more than a large one; and a key that all of them change, such as the last sequence, is written once.

use std::{collections::BTreeMap, sync::Arc};

use sled::IVec;

use super::{
    comparing::Comparing,
    group_commit::{GroupCommit, Pipeline},
    key::{self, Range},
    read::damaged,
    record,
    tree::Tree,
    value::{number, read_last_event, read_membership},
};
use crate::{
    metrics::StoreMetrics,
    store::{
        IndexKey, Record, ResourceId, ResourceKey, StoreError, TenantId, TypeName,
        decide::{Facts, LastEvent, Resource},
    },
};

/// The tree, and the commits that will be applied to it.
pub(super) struct Overlay {
    pub tree: Arc<Tree>,
    pub group_commit: Arc<GroupCommit>,
    pipeline: Pipeline,
    comparing: Option<Comparing>,
}

impl Overlay {
    /// How many handles of the tree it has when nothing is compared.
    pub const HANDLES: usize = 1 + Pipeline::HANDLES;

    /// Starts the threads that apply commits to the tree, and the one that compares it if that is not done yet.
    pub fn start(tree: Arc<Tree>, metrics: &Arc<StoreMetrics>) -> Result<Self, StoreError> {
        let group_commit = Arc::new(GroupCommit::new(Arc::clone(metrics)));
        let pipeline = Pipeline::start(&group_commit, &tree, metrics)?;
        let comparing = tree.is_behind().then(|| Comparing::start(&tree, &group_commit)).transpose();
        // Without it the next opening compares.
        let comparing = comparing.inspect_err(|error| {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the reopened store is compared when it is opened next"
            );
        });
        Ok(Self { tree, group_commit, pipeline, comparing: comparing.unwrap_or_default() })
    }

    /// Whether the tree is still being compared with what was acknowledged before it was reopened.
    pub fn is_comparing(&self) -> bool {
        self.comparing.as_ref().is_some_and(|comparing| !comparing.is_over())
    }

    /// Leaves the comparison to the next opening.
    pub fn stop_comparing(&mut self) {
        if let Some(comparing) = self.comparing.take() {
            comparing.end();
        }
    }

    /// Waits until everything is durable, and drops the tree.
    pub fn end(mut self) {
        self.stop_comparing();
        self.pipeline.end(&self.group_commit);
    }

    /// The value of a key.
    pub fn value(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.group_commit.value(&self.tree, key)
    }

    /// Shows each key of a run with its value, in no order, until one is what is sought.
    fn any(&self, range: Range, sought: impl FnMut(&[u8], &[u8]) -> bool) -> Result<bool, StoreError> {
        self.group_commit.any(&self.tree, range, sought)
    }
}

impl Facts for Overlay {
    fn resource(&self, key: &ResourceKey) -> Result<Option<Resource>, StoreError> {
        let Some(bytes) = self.value(&key::resource(key))? else { return Ok(None) };
        let (Record { header, body }, entries) = record::decode_all(&bytes)?;
        Ok(Some(Resource { header, body: Some(body), entries }))
    }

    fn exists(&self, key: &ResourceKey) -> Result<bool, StoreError> {
        Ok(self.value(&key::resource(key))?.is_some())
    }

    fn any_owner(&self, key: &IndexKey, sought: &mut dyn FnMut(ResourceId, bool) -> bool) -> Result<bool, StoreError> {
        self.any(key::index_equal(key), |key, mark| {
            key::last_id(key).is_some_and(|id| sought(id, key::is_unique(mark)))
        })
    }

    fn is_member(&self, group: &ResourceKey, member: ResourceId) -> Result<bool, StoreError> {
        Ok(self.value(&key::member(group.tenant, group.id, member))?.is_some())
    }

    fn groups_of(&self, tenant: TenantId, member: ResourceId) -> Result<BTreeMap<ResourceId, TypeName>, StoreError> {
        let mut groups = BTreeMap::new();
        let mut fault = None;
        self.any(key::groups(tenant, member), |key, name| {
            match (key::parse_edge(key), read_membership(name)) {
                (Some((_, group)), Ok((name, _))) => drop(groups.insert(group, name)),
                (None, _) => fault = Some(damaged("an edge's key")),
                (_, Err(error)) => fault = Some(error),
            }
            fault.is_some()
        })?;
        fault.map_or(Ok(groups), Err)
    }

    fn is_being_swept(&self, tenant: TenantId, group: ResourceId) -> Result<bool, StoreError> {
        Ok(self.value(&key::sweep(tenant, group))?.is_some())
    }

    fn count(&self, tenant: TenantId, resource_type: &TypeName) -> Result<u64, StoreError> {
        self.value(&key::count(tenant, resource_type))?.map_or(Ok(0), |bytes| number(&bytes))
    }

    fn last_event(&self, tenant: TenantId) -> Result<Option<LastEvent>, StoreError> {
        let Some(bytes) = self.value(&key::sequence(tenant))? else { return Ok(None) };
        let (sequence, at) = read_last_event(&bytes)?;
        Ok(Some(LastEvent { sequence, at }))
    }

    fn is_erased(&self, tenant: TenantId) -> Result<bool, StoreError> {
        Ok(self.value(&key::erased(tenant))?.is_some())
    }
}
