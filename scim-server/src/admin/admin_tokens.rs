//! The commands about administrators' tokens, and how such a token is shown.

use std::{sync::Arc, time::Duration};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AdminContext, AdminError, Output, Role, lifetime, tenants::Previous};
use crate::{
    administrator::{AdminToken, AdminTokens, Issued},
    token::{Status, secret::ADMIN_PREFIX},
};

/// What is asked about the tokens of administrators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AdminTokenRequest {
    /// Issues one.
    Create {
        /// What events call whoever has it.
        name: String,
        role: Role,
        /// The name or id of the only tenant that its commands may be about; any when absent.
        tenant: Option<String>,
        /// How long it lives.
        #[serde(default = "lifetime::usual")]
        seconds: u64,
    },
    /// Deletes one.
    Delete {
        /// Its name or id.
        token: String,
    },
    /// Lists them.
    List,
    /// Issues one that takes the place of another, with its name, role and tenant.
    Rotate {
        /// The name or id of that other.
        token: String,
        /// How long the new one lives; as long as that other was to when absent.
        seconds: Option<u64>,
        /// After how long the old one ends; it lives on until it is deleted when absent.
        overlap_seconds: Option<u64>,
    },
}

impl AdminTokenRequest {
    /// What it is called, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "admin-token-create",
            Self::Delete { .. } => "admin-token-delete",
            Self::List => "admin-token-list",
            Self::Rotate { .. } => "admin-token-rotate",
        }
    }
}

/// A token as it is shown. Its text is shown once, when it is issued.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AdminToken"))]
pub(super) struct View<'a> {
    token_id: String,
    name: &'a str,
    role: Role,
    /// The id of the only tenant that its commands may be about.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    status: Status,
    created: String,
    expires: String,
    days_left: i64,
    last_used: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
}

impl<'a> View<'a> {
    fn new(token: &'a AdminToken, now: Timestamp) -> Self {
        Self {
            token_id: token.id.to_string(),
            name: &token.name,
            role: token.role,
            tenant_id: token.tenant.map(|tenant| tenant.to_string()),
            token: None,
            status: token.status(now),
            created: token.created.to_string(),
            expires: token.expires().to_string(),
            days_left: token.days_left(now),
            last_used: token.last_used.map(|at| Timestamp::from_millis(at).to_string()),
            previous: None,
        }
    }

    fn issued(issued: &'a Issued, now: Timestamp) -> Self {
        Self { token: Some(issued.secret.reveal()), ..Self::new(&issued.token, now) }
    }
}

/// Does what is asked.
pub(super) async fn execute(
    context: &AdminContext,
    request: AdminTokenRequest,
    output: &Output,
) -> Result<(), AdminError> {
    let tokens = context.admin_tokens();
    let (now, actor) = (context.clock.now(), context.by.actor());
    match request {
        AdminTokenRequest::Create { name, role, tenant, seconds } => {
            let tenant = match tenant {
                Some(tenant) => Some(context.directory().find(&tenant).await?.id),
                None => None,
            };
            let issued = tokens.issue(&name, role, tenant, lifetime::of_token(seconds)?, &actor).await?;
            output.row(&View::issued(&issued, now)).await
        }
        AdminTokenRequest::Delete { token } => {
            let gone = tokens.delete(checked(&token)?, &actor).await?;
            output.row(&json!({"token_id": gone.id.to_string(), "name": gone.name, "deleted": true})).await
        }
        AdminTokenRequest::List => {
            for token in tokens.list().await? {
                output.row(&View::new(&token, now)).await?;
            }
            Ok(())
        }
        AdminTokenRequest::Rotate { token, seconds, overlap_seconds } => {
            let lifetime = seconds.map(lifetime::of_token).transpose()?;
            let overlap = overlap_seconds.map(Duration::from_secs);
            let (old, issued) = tokens.rotate(checked(&token)?, lifetime, overlap, &actor).await?;
            let previous = Previous { token_id: old.id.to_string(), expires: old.expires().to_string() };
            output.row(&View { previous: Some(previous), ..View::issued(&issued, now) }).await
        }
    }
}

impl AdminContext {
    /// The tokens of the administrators of the store.
    pub(super) fn admin_tokens(&self) -> AdminTokens {
        AdminTokens::new(Arc::clone(&self.store), Arc::clone(&self.clock))
    }
}

/// Refuses the text of a token where a name or id belongs.
fn checked(which: &str) -> Result<&str, AdminError> {
    if which.starts_with(ADMIN_PREFIX) {
        return Err(AdminError::Invalid(
            "that is not a token's id or name; `admin-token list` shows both (never pass a token itself)".to_owned(),
        ));
    }
    Ok(which)
}
