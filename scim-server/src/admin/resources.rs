//! Manual provisioning: users and groups made, shown and removed by hand.

use scim_protocol::{Error, ErrorKind};
use serde_json::{Value, json};

use super::{AdminContext, AdminError, Output, tenants};
use crate::{store::ResourceId, token::Caller};

async fn administrator(context: &AdminContext, tenant: &str) -> Result<Caller, AdminError> {
    let record = tenants::find(context, tenant).await?;
    let built = context.access.tenant_of(record.id).ok_or_else(|| {
        AdminError::Refused(format!("tenant {:?} is being deleted; finish with `tenant delete`", record.name))
    })?;
    Ok(Caller::administrator(built))
}

/// Refuses changes by hand while an identity provider may be making its own: it would undo them, or
/// trip over them.
async fn refuse_while_provisioned(context: &AdminContext, caller: &Caller, force: bool) -> Result<(), AdminError> {
    let tenant = caller.tenant();
    let live = context.access.directory().ledger().live(tenant.id).await?;
    if force || live.is_empty() {
        return Ok(());
    }
    Err(AdminError::Refused(format!(
        "tenant {:?} is provisioned automatically: it has {} live token(s). Make the change at the identity provider, delete the tokens with `token delete`, or use --force",
        tenant.name,
        live.len()
    )))
}

/// Lists resources, page by page, up to the limit.
pub(super) async fn list(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    filter: Option<&str>,
    limit: Option<usize>,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    let mut left = limit.unwrap_or(usize::MAX);
    let mut cursor = None;
    loop {
        let (page, next) = context.provision.list(&caller, resource_type, filter, cursor.as_deref()).await?;
        for resource in page.iter().take(left) {
            output.row(resource).await?;
        }
        left = left.saturating_sub(page.len());
        match next {
            Some(next) if left > 0 => cursor = Some(next),
            _ => return Ok(()),
        }
    }
}

/// Shows a resource.
pub(super) async fn show(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    name: &str,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    let resource = find(context, &caller, resource_type, name).await?;
    output.row(&resource).await
}

/// Makes a resource.
pub(super) async fn create(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    body: Value,
    force: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    refuse_while_provisioned(context, &caller, force).await?;
    let resource = context.provision.create(&caller, resource_type, body).await?;
    output.row(&resource).await
}

/// Removes a resource.
pub(super) async fn delete(
    context: &AdminContext,
    tenant: &str,
    resource_type: &str,
    name: &str,
    force: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    refuse_while_provisioned(context, &caller, force).await?;
    let resource = find(context, &caller, resource_type, name).await?;
    let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
    context.provision.delete(&caller, resource_type, id).await?;
    output.row(&json!({"id": id, "deleted": true})).await
}

/// A resource by its id or by what people call it.
async fn find(context: &AdminContext, caller: &Caller, resource_type: &str, name: &str) -> Result<Value, Error> {
    if ResourceId::parse(name).is_some() {
        return context.provision.show(caller, resource_type, name).await;
    }
    let attribute = if resource_type == "User" { "userName" } else { "displayName" };
    let filter = format!("{attribute} eq {}", Value::from(name));
    let (mut found, _) = context.provision.list(caller, resource_type, Some(&filter), None).await?;
    let first = if found.is_empty() { None } else { Some(found.swap_remove(0)) };
    match (first, found.len()) {
        (Some(resource), 0) => Ok(resource),
        (Some(_), _) => Err(Error::value(format!(
            "Several of the type {resource_type} have the {attribute} \"{name}\". Name the one that you mean by its id."
        ))),
        (None, _) => Err(Error::new(
            ErrorKind::NotFound,
            format!("There is no {resource_type} with the id or {attribute} \"{name}\"."),
        )),
    }
}
