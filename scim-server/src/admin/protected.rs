//! Who is to be protected: the setting may name people and groups, and keeps their ids, because names change.

use scim_protocol::{Error, ErrorKind};
use serde_json::Value;
use uuid::Uuid;

use super::{
    AdminContext, AdminError,
    resources::{administrator, find},
};
use crate::{
    caller::Caller,
    tenant::{Protected, TenantRecord},
};

/// The same with ids in place of names. Refused when somebody is named who is not there: the administrator would
/// believe that they are protected.
pub(super) async fn resolve(
    context: &AdminContext,
    tenant: &TenantRecord,
    protected: Protected,
) -> Result<Protected, AdminError> {
    let caller = administrator(context, &tenant.id.to_string()).await?;
    let mut resolved = Protected::default();
    let mut unknown = Vec::new();
    for name in protected.ids {
        match id(context, &caller, &["User", "Group"], &name).await? {
            Some(id) if resolved.ids.contains(&id) => {}
            Some(id) => resolved.ids.push(id),
            None => unknown.push(name),
        }
    }
    if let Some(name) = protected.members_of {
        match id(context, &caller, &["Group"], &name).await? {
            Some(id) => resolved.members_of = Some(id),
            None => unknown.push(name),
        }
    }
    if unknown.is_empty() {
        return Ok(resolved);
    }
    Err(AdminError::Invalid(format!(
        "\"protected\" names who is not there: {}. Name users by id or userName, and groups by id or displayName; `user list` and `group list` show them",
        unknown.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
    )))
}

/// The id of the only one of these types that has the id or the name.
async fn id(context: &AdminContext, caller: &Caller, types: &[&str], name: &str) -> Result<Option<String>, Error> {
    let name = Uuid::try_parse(name).map_or_else(|_| name.to_owned(), |id| id.hyphenated().to_string());
    for resource_type in types {
        match find(context, caller, resource_type, &name).await {
            Ok(found) => return Ok(found.get("id").and_then(Value::as_str).map(str::to_owned)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
