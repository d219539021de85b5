//! An administrator's hand: users and groups are changed without a provider.

use std::time::Duration;

use scim_protocol::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    AdminContext, AdminError, Output, provision,
    resources::{LOCKED, ManualChange, administrator, find, member, refuse_local_edits, refuse_while_provisioned},
    source::{self, SourceRequest},
    stale,
    table::{self, TableRequest},
};
use crate::caller::Caller;

/// Whom one can disable.
const USER: &str = "User";

/// What an administrator does to a user or group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum HandRequest {
    /// Makes a user inactive whatever the provider says, or ends that.
    Disable {
        tenant: String,
        /// Its id or `userName`.
        name: String,
        /// Which of the two.
        disabled: bool,
    },
    /// Makes and changes users by a table.
    Import(TableRequest),
    /// Lists the users who are disabled.
    ListDisabled { tenant: String },
    /// Lists users or groups that no provider has sent for a while.
    ListStale {
        tenant: String,
        resource_type: String,
        /// For how long; as the tenant's `stale_after` says when absent.
        seconds: Option<u64>,
    },
    /// Chooses who else may change users and groups.
    Source(SourceRequest),
    /// Changes attributes or members.
    Update(UpdateRequest),
}

impl HandRequest {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Disable { .. } => "disable",
            Self::Import(_) => "user-import",
            Self::ListDisabled { .. } => "list-disabled",
            Self::ListStale { .. } => "list-stale",
            Self::Source(_) => "tenant-source",
            Self::Update(_) => "update",
        }
    }

    /// The tenant whose users and groups they are.
    pub(super) fn tenant(&self) -> &str {
        match self {
            Self::Disable { tenant, .. } | Self::ListDisabled { tenant } | Self::ListStale { tenant, .. } => tenant,
            Self::Import(request) => &request.tenant,
            Self::Source(request) => &request.tenant,
            Self::Update(request) => &request.tenant,
        }
    }
}

/// Does what a request says.
pub(super) async fn execute(context: &AdminContext, request: HandRequest, output: &Output) -> Result<(), AdminError> {
    match request {
        HandRequest::Disable { tenant, name, disabled } => disable(context, &tenant, &name, disabled, output).await,
        HandRequest::Import(request) => table::execute(context, request, output).await,
        HandRequest::ListStale { tenant, resource_type, seconds } => {
            stale::list(context, &tenant, &resource_type, seconds.map(Duration::from_secs), output).await
        }
        HandRequest::ListDisabled { tenant } => list_disabled(context, &tenant, output).await,
        HandRequest::Source(request) => source::execute(context, request, output).await,
        HandRequest::Update(request) => update(context, request, output).await,
    }
}

/// A change of a user or group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    pub tenant: String,
    pub resource_type: String,
    /// Its id, `userName` or `displayName`.
    pub name: String,
    /// Operations of a PATCH.
    #[serde(default)]
    pub operations: Vec<Value>,
    /// Members that come, by their ids or names.
    #[serde(default)]
    pub join: Vec<String>,
    /// Members that go.
    #[serde(default)]
    pub leave: Vec<String>,
    /// Also while an identity provider provisions the tenant.
    #[serde(default)]
    pub force: bool,
}

/// Changes a resource by the operation of RFC 7644 §3.5.2, and shows it.
async fn update(context: &AdminContext, request: UpdateRequest, output: &Output) -> Result<(), AdminError> {
    let UpdateRequest { tenant, resource_type, name, mut operations, join, leave, force } = request;
    let caller = administrator(context, &tenant).await?;
    refuse_while_provisioned(context, &caller, ManualChange::Update, &resource_type, force).await?;
    let resource = find(context, &caller, &resource_type, &name).await?;
    let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
    let (mut come, mut notes) = (Vec::new(), Vec::new());
    for name in &join {
        let member = member(context, &caller, name).await?;
        if member == id {
            return Err(Error::value(format!(
                "The {} {name:?} cannot be a member of itself. Name a user, or another group.",
                resource_type.to_lowercase()
            ))
            .into());
        }
        if is_member(context, &caller, &resource_type, id, &member).await? {
            notes.push(format!("{name:?} was a member already"));
        }
        come.push(json!({"value": member}));
    }
    if !come.is_empty() {
        operations.push(json!({"op": "add", "path": "members", "value": come}));
    }
    for name in &leave {
        let member = member(context, &caller, name).await?;
        if !is_member(context, &caller, &resource_type, id, &member).await? {
            notes.push(format!("{name:?} was not a member"));
        }
        let path = format!("members[value eq {}]", Value::from(member));
        operations.push(json!({"op": "remove", "path": path}));
    }
    if operations.is_empty() {
        return Err(Error::value("There is nothing to change. Name an attribute with --set or --remove.").into());
    }
    provision::modify(&context.operations, &caller, &resource_type, id, operations).await?;
    // A large group is not shown by the change itself.
    let resource = provision::show(&context.operations, &caller, &resource_type, id).await?;
    if is_locked(context, &caller, &resource_type, &resource).await? {
        notes.push(LOCKED.to_owned());
    }
    for note in notes {
        output.row(&json!({"note": note})).await?;
    }
    output.row(&resource).await
}

/// Whether somebody is a direct member of a group. It is asked, because some profiles show groups without members.
async fn is_member(
    context: &AdminContext,
    caller: &Caller,
    resource_type: &str,
    group: &str,
    member: &str,
) -> Result<bool, Error> {
    let filter = format!("id eq {} and members.value eq {}", Value::from(group), Value::from(member));
    let found = provision::list_without_members(&context.operations, caller, resource_type, Some(&filter), None);
    Ok(!found.await?.resources.is_empty())
}

/// Whether an administrator has disabled a resource.
pub(super) async fn is_locked(
    context: &AdminContext,
    caller: &Caller,
    resource_type: &str,
    resource: &Value,
) -> Result<bool, Error> {
    let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
    Ok(is_inactive(resource) && provision::kept_aside(&context.operations, caller, resource_type, id).await?.is_some())
}

fn is_inactive(resource: &Value) -> bool {
    resource.get("active") == Some(&Value::Bool(false))
}

/// Makes a user inactive whatever the provider says, or lets the provider's word count again; shows the user.
async fn disable(
    context: &AdminContext,
    tenant: &str,
    name: &str,
    disabled: bool,
    output: &Output,
) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    refuse_local_edits(&caller)?;
    let user = find(context, &caller, USER, name).await?;
    let id = user.get("id").and_then(Value::as_str).unwrap_or_default();
    let was_locked = is_locked(context, &caller, USER, &user).await?;
    provision::switch(&context.operations, &caller, USER, id, disabled).await?;
    let user = provision::show(&context.operations, &caller, USER, id).await?;
    if disabled == was_locked {
        let note = if disabled {
            "the user was disabled already; the lock is set under this name from now on"
        } else {
            "nobody had disabled the user"
        };
        output.row(&json!({"note": note})).await?;
    }
    if !disabled && is_inactive(&user) {
        let note = "the user stays inactive, because the provider says so: it has to send active: true";
        output.row(&json!({"note": note})).await?;
    }
    output.row(&user).await
}

/// Shows the users whom an administrator has disabled.
async fn list_disabled(context: &AdminContext, tenant: &str, output: &Output) -> Result<(), AdminError> {
    let caller = administrator(context, tenant).await?;
    let mut after = None;
    loop {
        let page = context.operations.disabled(caller.tenant().home, USER, after).await?;
        for id in &page.ids {
            match provision::show(&context.operations, &caller, USER, &id.to_string()).await {
                Ok(user) => output.row(&user).await?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        match page.next {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}
