//! Access attributes, for people: the keys of a tenant, and what an application is told of a user.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AdminContext, AdminError, Output, indexing, provision, resources};
use crate::{
    event::Deed,
    tenant::{Settings, TenantRecord, attributes::USER},
};

/// What is to be done with the access attributes of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum AccessRequest {
    /// Makes a key, or gives it another value.
    Set {
        key: String,
        value: String,
    },
    List,
    Remove {
        key: String,
    },
    /// Removes all keys.
    Disable,
    /// Shows what an application is told of a user.
    Show {
        /// The user's id or `userName`.
        user: String,
    },
}

impl AccessRequest {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Set { .. } => "access-set",
            Self::List => "access-list",
            Self::Remove { .. } => "access-remove",
            Self::Disable => "access-disable",
            Self::Show { .. } => "access-show",
        }
    }
}

/// Does what a request says; shows the keys that there are afterwards.
pub(super) async fn execute(
    context: &AdminContext,
    tenant: &str,
    request: AccessRequest,
    output: &Output,
) -> Result<(), AdminError> {
    let record = match request {
        AccessRequest::List => context.directory().find(tenant).await?,
        AccessRequest::Show { user } => return show(context, tenant, &user, output).await,
        AccessRequest::Set { key, value } => {
            let set = |settings: &mut Settings| {
                settings.access_attributes.get_or_insert_default().insert(key.clone(), value.clone());
                Ok(())
            };
            let record = change(context, tenant, &[ACCESS_ATTRIBUTES], set).await?;
            if let Some(path) = meant(&value) {
                let note = format!(
                    "{value:?} is a fixed text, the same for all users; a path is written as '${{path:{path}}}'"
                );
                output.row(&json!({"note": note})).await?;
            }
            record
        }
        AccessRequest::Remove { key } => {
            let remove = |settings: &mut Settings| {
                let removed = settings.access_attributes.as_mut().and_then(|keys| keys.remove(&key));
                removed.map(drop).ok_or_else(|| {
                    AdminError::Missing(format!("there is no key {key:?}; `access list` shows the keys"))
                })
            };
            change(context, tenant, &[ACCESS_ATTRIBUTES], remove).await?
        }
        AccessRequest::Disable => {
            let disable = |settings: &mut Settings| {
                settings.access_attributes = None;
                Ok(())
            };
            change(context, tenant, &[ACCESS_ATTRIBUTES], disable).await?
        }
    };
    for (key, value) in record.settings.access_attributes.iter().flatten() {
        output.row(&json!({"key": key, "value": value})).await?;
    }
    Ok(())
}

/// The path that somebody means who has written it as a fixed text.
fn meant(value: &str) -> Option<&str> {
    let inner = value.trim().trim_start_matches(['$', '{']).trim_end_matches('}').trim();
    let path = inner.strip_prefix("path:").or_else(|| inner.strip_prefix("path "))?.trim();
    (!value.starts_with("${path:")).then_some(path)
}

/// The setting with the keys.
pub(super) const ACCESS_ATTRIBUTES: &str = "access_attributes";

/// Whether applications are told something else.
pub(super) fn differ(before: &Settings, after: &Settings) -> bool {
    (&before.access_attributes, &before.roles) != (&after.access_attributes, &after.roles)
}

async fn show(context: &AdminContext, tenant: &str, user: &str, output: &Output) -> Result<(), AdminError> {
    let caller = resources::administrator(context, tenant).await?;
    let found = resources::find(context, &caller, USER, user).await?;
    let id = found.get("id").and_then(serde_json::Value::as_str).unwrap_or_default();
    output.row(&provision::access(&context.operations, &caller, id).await?).await
}

/// Changes settings of a tenant that say what applications are told, and tells in its log that they did.
pub(super) async fn change(
    context: &AdminContext,
    tenant: &str,
    names: &[&str],
    change: impl Fn(&mut Settings) -> Result<(), AdminError>,
) -> Result<TenantRecord, AdminError> {
    change_settings(context, tenant, (Deed::AccessChanged, names), change).await
}

/// Changes settings of a tenant, again if somebody else was faster, and tells in its log what that was. Nothing is told if
/// nothing changed.
pub(super) async fn change_settings(
    context: &AdminContext,
    tenant: &str,
    (deed, names): (Deed, &[&str]),
    change: impl Fn(&mut Settings) -> Result<(), AdminError>,
) -> Result<TenantRecord, AdminError> {
    indexing::again(async || {
        let record = context.directory().find(tenant).await?;
        let mut settings = record.settings.clone();
        change(&mut settings)?;
        if settings == record.settings {
            return Ok(record);
        }
        let author = context.telling(&record, deed).about(names);
        indexing::apply(context, &author, record, settings).await
    })
    .await
}
