//! What was deleted and is kept aside: listed, restored, purged.

use scim_protocol::ErrorKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    AdminContext, AdminError, Output,
    names::Actors,
    provision,
    resources::{administrator, refuse_local_edits},
};
use crate::{
    caller::Caller,
    operation::restore::{Kept, Restorable},
    store::ResourceId,
    tenant::Tenant,
};

/// What is to be done with the deleted users or groups of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DeletedRequest {
    /// Those that are kept.
    List {
        /// Only what this request deleted.
        request: Option<String>,
    },
    /// Removes for good what is kept of one.
    Purge {
        id: String,
        /// Only tell whether it would be refused.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        dry_run: bool,
    },
    /// Removes for good what is kept of all that one request deleted.
    PurgeAll {
        request: String,
        /// Only tell what would be removed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        dry_run: bool,
    },
    /// Restores one.
    Restore { id: String },
    /// Restores all that one request deleted.
    RestoreAll { request: String },
}

impl DeletedRequest {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::List { .. } => "deleted",
            Self::Purge { .. } => "purge",
            Self::PurgeAll { .. } => "purge-all",
            Self::Restore { .. } => "restore",
            Self::RestoreAll { .. } => "restore-all",
        }
    }
}

/// Does what a request says.
pub(super) async fn execute(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    request: DeletedRequest,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    if !matches!(request, DeletedRequest::List { .. }) {
        refuse_local_edits(&caller)?;
    }
    if let DeletedRequest::Purge { id, .. } | DeletedRequest::Restore { id } = &request {
        require_id(caller.tenant(), resource_type, id)?;
    }
    match request {
        DeletedRequest::List { request } => list(context, &caller, resource_type, request.as_deref(), output).await,
        DeletedRequest::Purge { id, dry_run } => {
            if dry_run {
                provision::may_purge(&context.operations, &caller, resource_type, &id).await?;
            } else {
                provision::purge(&context.operations, &caller, resource_type, &id).await?;
            }
            output.row(&json!({"id": id, "purged": !dry_run})).await
        }
        DeletedRequest::PurgeAll { request, dry_run: true } => {
            for id in deleted_by(context, &caller, resource_type, &request).await? {
                output.row(&json!({"id": id, "purged": false})).await?;
            }
            Ok(())
        }
        DeletedRequest::PurgeAll { request, .. } => {
            decide_all(context, &caller, resource_type, (&request, Fate::Purged), output).await
        }
        DeletedRequest::Restore { id } => {
            output.row(&provision::restore(&context.operations, &caller, resource_type, &id).await?).await
        }
        DeletedRequest::RestoreAll { request } => {
            decide_all(context, &caller, resource_type, (&request, Fate::Restored), output).await
        }
    }
}

/// Several of the deleted may have had the same name, so they are named by their ids.
fn require_id(tenant: &Tenant, resource_type: &str, id: &str) -> Result<(), AdminError> {
    if ResourceId::parse(id).is_some() {
        return Ok(());
    }
    let command = resource_type.to_lowercase();
    Err(AdminError::Invalid(format!(
        "{id:?} is no id: who is deleted is named by its id, which `scim-server {command} deleted --tenant {}` lists beside the names",
        tenant.name
    )))
}

/// Lists the deleted resources of a type that are kept; only those of one request when it is named. Those that can be restored no
/// longer are listed, too: whoever has to erase somebody finds whatever there is.
async fn list(
    context: &AdminContext,
    caller: &Caller,
    resource_type: &str,
    request: Option<&str>,
    output: &Output,
) -> Result<(), AdminError> {
    let (mut after, actors) = (None, Actors::of(context, caller.tenant().id).await?);
    let (restorable, mut over) = (context.operations.restorable(caller.tenant()).await?, 0);
    loop {
        let page = provision::deleted(&context.operations, caller, resource_type, after).await?;
        for kept in page.iter().filter(|kept| is_part_of(&kept.deleted.request, request)) {
            over += usize::from(!restorable.has(kept));
            output.row(&row(caller, kept, restorable, &actors)?).await?;
        }
        let Some(last) = page.last() else { break };
        after = Some(last.key.id);
    }
    if over > 0 {
        let kind = resource_type.to_lowercase();
        let note = format!(
            "{over} of these can be restored no longer, because restore_window is over: they are purged within an hour, or at once with `{kind} purge`"
        );
        output.row(&json!({"note": note})).await?;
    }
    if caller.tenant().settings.restore_window.length().is_zero() {
        output.row(&json!({"note": "restore_window of the tenant is 0: what is deleted is not kept"})).await?;
    }
    Ok(())
}

/// Shows some of the deleted resources of a type that can be restored, and behind which one it goes on.
pub(super) async fn page(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    after: Option<&str>,
    limit: usize,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    let actors = Actors::of(context, caller.tenant().id).await?;
    let restorable = context.operations.restorable(caller.tenant()).await?;
    let mut after = after.and_then(ResourceId::parse);
    let mut shown = 0;
    let mut next = None;
    while shown < limit {
        let page = provision::deleted(&context.operations, &caller, resource_type, after).await?;
        next = page.last().map(|last| last.key.id);
        for kept in page.iter().filter(|kept| restorable.has(kept)) {
            if shown == limit {
                break;
            }
            output.row(&row(&caller, kept, restorable, &actors)?).await?;
            shown += 1;
            next = Some(kept.key.id);
        }
        after = next;
        if next.is_none() {
            break;
        }
    }
    output.row(&json!({ "next": next })).await
}

/// Shows what is kept of one, if that can be restored.
pub(super) async fn one(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    id: &str,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    let kept = provision::kept(&context.operations, &caller, resource_type, id).await?;
    let actors = Actors::of(context, caller.tenant().id).await?;
    let restorable = context.operations.restorable(caller.tenant()).await?;
    output.row(&row(&caller, &kept, restorable, &actors)?).await
}

/// What is done with all that one request deleted.
#[derive(Clone, Copy)]
enum Fate {
    Restored,
    /// For good.
    Purged,
}

/// Restores or purges all that one request deleted. What cannot be, or was meanwhile, is told, and does not stop the rest.
async fn decide_all(
    context: &AdminContext,
    caller: &Caller,
    resource_type: &str,
    (request, fate): (&str, Fate),
    output: &Output,
) -> Result<(), AdminError> {
    let operations = &context.operations;
    for id in deleted_by(context, caller, resource_type, request).await? {
        let (name, done) = match fate {
            Fate::Restored => ("restored", provision::restore(operations, caller, resource_type, &id).await.map(drop)),
            Fate::Purged => ("purged", provision::purge(operations, caller, resource_type, &id).await),
        };
        match done {
            Ok(()) => output.row(&json!({"id": id, name: true})).await?,
            Err(error)
                if matches!(error.kind(), ErrorKind::Uniqueness | ErrorKind::Forbidden | ErrorKind::NotFound) =>
            {
                output.row(&json!({"id": id, name: false, "reason": error.detail()})).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The ids of all that one request deleted, and that are kept. An error if there are none.
async fn deleted_by(
    context: &AdminContext,
    caller: &Caller,
    resource_type: &str,
    request: &str,
) -> Result<Vec<String>, AdminError> {
    let (mut after, mut ids) = (None, Vec::new());
    loop {
        let page = provision::deleted(&context.operations, caller, resource_type, after).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.id);
        let of_request = |kept: &&Kept| is_part_of(&kept.deleted.request, Some(request));
        ids.extend(page.iter().filter(of_request).map(|kept| kept.key.id.to_string()));
    }
    if ids.is_empty() {
        return Err(AdminError::Missing(format!(
            "nothing of the type {resource_type} that the request {request} deleted is kept; `deleted` lists what is"
        )));
    }
    Ok(ids)
}

/// Whether this id is that of the request, or of an operation of it, where a bulk request was completed later
/// (`REQUEST:NUMBER`, RFC 9967 §2.5.1.2). Every id is, when no request is named.
fn is_part_of(id: &str, request: Option<&str>) -> bool {
    let Some(request) = request else { return true };
    id.strip_prefix(request).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// `until` is `null` while the brake holds it: it stays until somebody has decided.
fn row(caller: &Caller, kept: &Kept, restorable: Restorable, actors: &Actors) -> Result<Value, AdminError> {
    let names = kept.deleted.names()?;
    let at = kept.deleted.deleted_at();
    let end = caller.tenant().settings.restore_window.end(at).to_string();
    let until = Some(end).filter(|_| restorable != Restorable::Held);
    let (actor, at) = (&kept.deleted.actor, at.to_string());
    let mut row =
        json!({"id": kept.key.id, "deleted": at, "until": until, "actor": actor, "actor_name": actors.called(actor)});
    let also = [
        ("request", Some(kept.deleted.request.clone()).filter(|request| !request.is_empty())),
        ("userName", names.user_name),
        ("displayName", names.display_name),
        ("externalId", names.external_id),
    ];
    for (name, value) in also {
        if let (Some(value), Value::Object(row)) = (value, &mut row) {
            row.insert(name.to_owned(), value.into());
        }
    }
    Ok(row)
}
