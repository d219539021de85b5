//! Whether anything was done of a piece of work, told by a record that is written in the same commit.
//!
//! A command is several commits, made by modules that know nothing of who has asked for it. When its process is killed,
//! somebody must know whether one of them happened. So the work is done [`within`] an id: the first commit in each tenant
//! that changes anything also puts a record there, the mark. A [`fence`] ends the work in a tenant: no commit of it is
//! taken behind the fence. Where there is a fence and no mark, nothing was done and nothing will be.

use serde::{Deserialize, Serialize};

use super::{Body, Commit, ResourceId, ResourceKey, Store, StoreError, TenantId, TypeName, Write};

/// The type of marks, and that of fences. Names of resource types have no such character.
const MARK: &str = "~work";
const FENCE: &str = "~fence";

tokio::task_local! {
    static WORK: Option<ResourceId>;
}

/// What was done first of a piece of work in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The type of what the commit was about: `TenantToken`, `User`.
    pub resource_type: String,
    /// Its id.
    pub id: String,
}

/// The same work, whose commits are marked with that id.
pub fn within<F: Future>(work: ResourceId, future: F) -> impl Future<Output = F::Output> {
    WORK.scope(Some(work), future)
}

/// The same work, to be done by another task for the work that this one does.
pub fn within_same<F: Future>(future: F) -> impl Future<Output = F::Output> {
    WORK.scope(current(), future)
}

fn current() -> Option<ResourceId> {
    WORK.try_with(|work| *work).ok().flatten()
}

/// A commit with the id of the work that this task does.
pub(super) fn marked(commit: Commit) -> Commit {
    Commit { work: commit.work.or_else(current), ..commit }
}

/// Ends a piece of work in a tenant, and says what was done of it there.
pub async fn fence(store: &dyn Store, tenant: TenantId, work: ResourceId) -> Result<Option<Done>, StoreError> {
    let fence = fence_key(tenant, work);
    let writes = vec![Write::Put(fence.clone(), Body::default())];
    store.commit(Commit { writes, ..Commit::unnoticed(fence) }).await?;
    let Some(mark) = store.get(&mark_key(tenant, work)).await? else { return Ok(None) };
    let unread = |error| StoreError::Corrupt(format!("the mark of the work {work}: {error}"));
    serde_json::from_slice(&mark.body.visible).map(Some).map_err(unread)
}

/// Removes mark and fence of a piece of work that has ended long ago.
pub async fn forget(store: &dyn Store, tenant: TenantId, work: ResourceId) -> Result<(), StoreError> {
    for key in [mark_key(tenant, work), fence_key(tenant, work)] {
        if store.get(&key).await?.is_none() {
            continue;
        }
        match store.commit(Commit::removal(key, Vec::new())).await {
            Ok(_) | Err(StoreError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether records of that type are marks or fences: none is in an export.
pub fn is_of_work(resource_type: &TypeName) -> bool {
    matches!(resource_type.as_str(), MARK | FENCE)
}

pub(super) fn mark_key(tenant: TenantId, work: ResourceId) -> ResourceKey {
    key(MARK, tenant, work)
}

pub(super) fn fence_key(tenant: TenantId, work: ResourceId) -> ResourceKey {
    key(FENCE, tenant, work)
}

fn key(resource_type: &str, tenant: TenantId, work: ResourceId) -> ResourceKey {
    ResourceKey { tenant, resource_type: TypeName::from(resource_type), id: work }
}

/// The mark that a commit about that resource leaves.
pub(super) fn body(target: &ResourceKey) -> Result<Body, StoreError> {
    let done = Done { resource_type: target.resource_type.as_str().to_owned(), id: target.id.to_string() };
    let visible = serde_json::to_vec(&done).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(Body { visible: visible.into(), ..Body::default() })
}
