//! Whether a command would be refused, found before anybody is asked whether they want it: by the rules that the command
//! itself goes by.

use serde_json::{Value, json};

use super::{
    AdminContext, AdminError, AdminRequest, HandRequest, Output, WebhookRequest, authorize,
    clients::ClientRequest,
    provision,
    resources::{self, ManualChange, administrator, refuse_local_edits, refuse_while_provisioned},
    schemas, tenants,
};
use crate::{caller::Caller, store::ResourceId};

/// Refuses what [`super::execute`] would refuse of a request that takes something away, as far as that is known before:
/// its giver may not, what it names is not there, or something stands against it. Of other requests only the first.
pub async fn rehearse(context: &AdminContext, request: &AdminRequest) -> Result<(), AdminError> {
    authorize::authorize(context, request).await?;
    match request {
        AdminRequest::Client { tenant, request: ClientRequest::Delete { client } } => {
            let (tenant, directory) = (context.directory().find(tenant).await?, context.directory());
            directory.clients().find(tenant.id, client).await?;
        }
        AdminRequest::Delete { tenant, resource_type, name, force, .. } => {
            deletion(context, tenant, resource_type, name, *force).await?;
        }
        AdminRequest::Hand { request: HandRequest::Disable { tenant, .. } } => {
            refuse_local_edits(&administrator(context, tenant).await?)?;
        }
        AdminRequest::SchemaRemove { tenant, schema, force } => {
            let tenant = context.directory().find(tenant).await?;
            schemas::removed(context, &tenant, schema, *force).await?;
        }
        AdminRequest::TenantDelete { tenant, force, .. } => {
            let directory = context.directory();
            directory.refuse_closing(&directory.find(tenant).await?, *force).await?;
        }
        AdminRequest::TokenDelete { tenant, id } => {
            let tenant = context.directory().find(tenant).await?;
            tenants::named_token(context, &tenant, id).await?;
        }
        AdminRequest::Webhook { request: WebhookRequest::Delete { webhook } } => {
            context.webhook(webhook).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Answers a deletion that only tells whether it would be refused.
pub(super) async fn tell(context: &AdminContext, request: &AdminRequest, output: &Output) -> Result<(), AdminError> {
    rehearse(context, request).await?;
    let stays = match request {
        AdminRequest::Delete { tenant, resource_type, name, .. } => {
            let caller = administrator(context, tenant).await?;
            if caller.tenant().settings.restore_window.length().is_zero() {
                let note = "nothing is kept of it, because restore_window of the tenant is 0";
                output.row(&json!({"note": note})).await?;
            }
            json!({"id": id_of(context, &caller, resource_type, name).await?, "deleted": false})
        }
        AdminRequest::TenantDelete { tenant, .. } => {
            let tenant = context.directory().find(tenant).await?;
            json!({"tenant_id": tenant.id.to_string(), "tenant": tenant.name, "deleted": false, "resources": 0})
        }
        _ => return Ok(()),
    };
    output.row(&stays).await
}

/// Refuses what the deletion of a user or group would be refused for.
async fn deletion(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    name: &str,
    force: bool,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    refuse_while_provisioned(context, &caller, ManualChange::Delete, resource_type, force).await?;
    let id = id_of(context, &caller, resource_type, name).await?;
    Ok(provision::may_delete(&context.operations, &caller, resource_type, &id).await?)
}

/// The id of a user or group. One that is named by its id is not read with its members.
async fn id_of(context: &AdminContext, caller: &Caller, resource_type: &str, name: &str) -> Result<String, AdminError> {
    let operations = &context.operations;
    // A name may have the form of an id.
    let is_id = ResourceId::parse(name).is_some()
        && provision::show_without_members(operations, caller, resource_type, name).await.is_ok();
    if is_id {
        return Ok(name.to_owned());
    }
    let found = resources::find(context, caller, resource_type, name).await?;
    Ok(found.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
}
