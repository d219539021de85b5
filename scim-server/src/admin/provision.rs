//! Manual provisioning by the operations of RFC 7644: the same validation, the same events.

use std::sync::Arc;

use scim_protocol::{
    Error,
    filter::Filter,
    message::{Page, Query},
    schema::ResourceType,
};
use serde_json::{Value, json};

use crate::{
    caller::Caller,
    event::ADMIN,
    operation::{
        Answer, Asked, Content, Context, Operations, Preconditions, Rewritten, create::RehearsedPost, pace::Pace,
        rehearsal::Rehearsed, restore::Kept,
    },
    store::ResourceId,
    tenant::{Tenant, record::base_path},
};

/// The schema of a PATCH.
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Resources on a page of a list.
const PAGE: u32 = 100;

/// A page of resources.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub resources: Vec<Value>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
    /// How many match, on all pages together.
    pub total: u64,
}

/// A page of the resources that match.
pub(super) async fn list(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    filter: Option<&str>,
    cursor: Option<&str>,
) -> Result<Listed, Error> {
    page(operations, caller, resource_type, filter, cursor, Query::default()).await
}

/// The same without the members of groups, of which there may be many.
pub(super) async fn list_without_members(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    filter: Option<&str>,
    cursor: Option<&str>,
) -> Result<Listed, Error> {
    page(operations, caller, resource_type, filter, cursor, without_members(resource_type)).await
}

/// What leaves the members of a group out.
fn without_members(resource_type: &str) -> Query {
    let excluded_attributes = if resource_type == "Group" { vec!["members".to_owned()] } else { Vec::new() };
    Query { excluded_attributes, ..Query::default() }
}

async fn page(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    filter: Option<&str>,
    cursor: Option<&str>,
    query: Query,
) -> Result<Listed, Error> {
    let rt = resource_type_of(caller, resource_type)?;
    let query = Query {
        filter: filter.map(Filter::parse).transpose()?,
        filter_text: filter.map(str::to_owned),
        page: Page::Cursor(cursor.map(str::to_owned)),
        count: Some(PAGE),
        ..query
    };
    let endpoint = rt.endpoint.clone();
    let answer = operations.query(&context(operations, caller), &[rt], &endpoint, &query).await?;
    let Value::Object(mut list) = document(answer).await? else {
        return Ok(Listed::default());
    };
    let next = list.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
    let resources = match list.shift_remove("Resources") {
        Some(Value::Array(resources)) => resources,
        _ => Vec::new(),
    };
    let total = list.get("totalResults").and_then(Value::as_u64).unwrap_or_default();
    Ok(Listed { resources, next, total })
}

/// One resource by its id; `ErrorKind::NotFound` when there is none.
pub(super) async fn show(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
) -> Result<Value, Error> {
    look(operations, caller, resource_type, id, &Query::default()).await
}

/// The same without the members of a group.
pub(super) async fn show_without_members(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
) -> Result<Value, Error> {
    look(operations, caller, resource_type, id, &without_members(resource_type)).await
}

async fn look(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
    query: &Query,
) -> Result<Value, Error> {
    let rt = resource_type_of(caller, resource_type)?;
    let (context, preconditions) = (&context(operations, caller), &Preconditions::default());
    let answer = operations.retrieve(Asked { context, rt: &rt, id, query, preconditions }).await?;
    document(answer).await
}

/// What the provider says of `active`, if an administrator has disabled the resource.
pub(super) async fn kept_aside(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
) -> Result<Option<Value>, Error> {
    let rt = resource_type_of(caller, resource_type)?;
    operations.kept_aside(&context(operations, caller), &rt, id).await
}

/// What an application may know of a user.
pub(super) async fn access(operations: &Operations, caller: &Caller, id: &str) -> Result<Value, Error> {
    document(operations.access(&context(operations, caller), id).await?).await
}

/// A resource that was made.
pub(super) struct Created {
    pub document: Value,
    /// A deleted one has returned.
    pub returns: bool,
}

/// Creates a resource from the body of a POST, and returns it.
pub(super) async fn create(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    body: Value,
) -> Result<Created, Error> {
    let (rt, id) = (resource_type_of(caller, resource_type)?, operations.fresh_id());
    let answer = operations.create(&context(operations, caller), &rt, id, body, &Query::default()).await?;
    let returns = answer.id != Some(id);
    Ok(Created { document: document(answer).await?, returns })
}

/// Changes a resource by the operations of a PATCH.
pub(super) async fn modify(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
    changes: Vec<Value>,
) -> Result<(), Error> {
    let rt = resource_type_of(caller, resource_type)?;
    let (context, query, preconditions) = (&context(operations, caller), &Query::default(), &Preconditions::default());
    let body = json!({"schemas": [PATCH], "Operations": changes});
    operations.modify(Asked { context, rt: &rt, id, query, preconditions }, body).await.map(drop)
}

/// What [`create`] would do, and does not, but for the quota.
pub(super) async fn rehearse_create(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    body: Value,
) -> Result<RehearsedPost, Error> {
    let (rt, id) = (resource_type_of(caller, resource_type)?, operations.fresh_id());
    operations.rehearse_create(&context(operations, caller), &rt, id, body).await
}

/// Refuses one more resource than the quota, beside so many that are planned.
pub(super) async fn may_create(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    planned: u64,
) -> Result<(), Error> {
    let rt = resource_type_of(caller, resource_type)?;
    operations.check_quota(&context(operations, caller), &rt, planned).await
}

/// What [`modify`] would do, and does not.
pub(super) async fn rehearse_modify(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
    changes: Vec<Value>,
) -> Result<Rehearsed, Error> {
    let rt = resource_type_of(caller, resource_type)?;
    let (context, query, preconditions) = (&context(operations, caller), &Query::default(), &Preconditions::default());
    let body = json!({"schemas": [PATCH], "Operations": changes});
    operations.rehearse_modify(Asked { context, rt: &rt, id, query, preconditions }, body).await
}

/// Disables a resource, or ends that.
pub(super) async fn switch(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
    disable: bool,
) -> Result<(), Error> {
    let rt = resource_type_of(caller, resource_type)?;
    operations.switch(&context(operations, caller), &rt, id, disable).await
}

/// Removes a resource.
pub(super) async fn delete(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
) -> Result<(), Error> {
    let rt = resource_type_of(caller, resource_type)?;
    operations.delete(&context(operations, caller), &rt, id, &Preconditions::default()).await.map(drop)
}

/// Refuses what [`delete`] would refuse, and deletes nothing.
pub(super) async fn may_delete(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
) -> Result<(), Error> {
    let rt = resource_type_of(caller, resource_type)?;
    operations.may_delete(&context(operations, caller), &rt, id).await
}

/// Some of the deleted resources that are kept, behind `after`.
pub(super) async fn deleted(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    after: Option<ResourceId>,
) -> Result<Vec<Kept>, Error> {
    let rt = resource_type_of(caller, resource_type)?;
    operations.deleted(&context(operations, caller), &rt, after).await
}

/// What is kept of a deleted resource that can be restored.
pub(super) async fn kept(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
) -> Result<Kept, Error> {
    let rt = resource_type_of(caller, resource_type)?;
    operations.kept(&context(operations, caller), &rt, id).await
}

/// Refuses what [`purge`] would refuse, and removes nothing.
pub(super) async fn may_purge(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
) -> Result<(), Error> {
    let rt = resource_type_of(caller, resource_type)?;
    operations.still_kept(&context(operations, caller), &rt, id).await.map(drop)
}

/// Brings back a deleted resource, and shows it.
pub(super) async fn restore(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
) -> Result<Value, Error> {
    let rt = resource_type_of(caller, resource_type)?;
    document(operations.restore(&context(operations, caller), &rt, id).await?).await
}

/// Removes for good what is kept of a deleted resource.
pub(super) async fn purge(
    operations: &Operations,
    caller: &Caller,
    resource_type: &str,
    id: &str,
) -> Result<(), Error> {
    let rt = resource_type_of(caller, resource_type)?;
    operations.purge(&context(operations, caller), &rt, id).await
}

/// Removes for good what a tenant deleted before its `restore_window`, unless its brake has tripped, and what its brake
/// counts no more; gives how many resources went.
pub(crate) async fn purge_old(operations: &Operations, tenant: Arc<Tenant>) -> Result<u64, Error> {
    operations.forget_counts(tenant.home).await?;
    if operations.is_tripped(tenant.home).await? {
        return Ok(0);
    }
    let caller = Caller::administrator(tenant, ADMIN.into());
    let mut purged = 0;
    for rt in caller.tenant().registry.resource_types() {
        purged += operations.purge_old(&context(operations, &caller), rt).await?;
    }
    Ok(purged)
}

/// No request came over HTTP: locations are paths.
pub(super) fn context(operations: &Operations, caller: &Caller) -> Context {
    let tenant = caller.tenant().id;
    Context {
        claim: None,
        rewritten: Rewritten::default(),
        caller: caller.clone(),
        base: base_path(tenant),
        request: None,
        pace: Pace::new(&operations.lanes, tenant),
    }
}

fn resource_type_of(caller: &Caller, name: &str) -> Result<Arc<ResourceType>, Error> {
    caller
        .tenant()
        .registry
        .resource_type(name)
        .cloned()
        .ok_or_else(|| Error::value(format!("The tenant has no resource type \"{name}\".")))
}

/// The JSON of an answer, however it is delivered.
async fn document(answer: Answer) -> Result<Value, Error> {
    let bytes = match answer.content {
        Content::Nothing => return Ok(Value::Null),
        Content::Whole(bytes) => bytes.into(),
        Content::Pieces(mut pieces) => {
            let mut bytes = Vec::new();
            while let Some(piece) = pieces.recv().await {
                bytes.extend_from_slice(&piece.map_err(Error::internal)?);
            }
            bytes
        }
    };
    serde_json::from_slice(&bytes).map_err(Error::internal)
}
