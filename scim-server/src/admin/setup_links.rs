//! The commands about setup links.

use std::{sync::Arc, time::Duration};

use scim_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AdminContext, AdminError, Output};
use crate::{
    event::Deed,
    setup_link::{Allows, LIFETIME, LONGEST, NewLink, SetupLink, SetupLinks, State},
    tenant::TenantRecord,
};

/// The path that setup links and their pages begin with.
pub const PATH: &str = "/setup";

/// What is asked about setup links.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SetupLinkRequest {
    /// Makes one.
    Create {
        /// Whose provider is to be set up.
        tenant: String,
        /// What people call it; made up when absent.
        #[serde(default)]
        name: Option<String>,
        /// What its visitor may do beside setting up.
        #[serde(default)]
        allows: Allows,
        /// How long it lives.
        #[serde(default = "a_week")]
        seconds: u64,
    },
    /// Removes one.
    Delete {
        tenant: String,
        /// Its name or id.
        link: String,
    },
    /// Lists those of a tenant; of all when absent.
    List { tenant: Option<String> },
}

fn a_week() -> u64 {
    LIFETIME.as_secs()
}

impl SetupLinkRequest {
    /// The tenant that it is about; all when there is none.
    pub(super) fn tenant(&self) -> Option<&str> {
        match self {
            Self::Create { tenant, .. } | Self::Delete { tenant, .. } => Some(tenant),
            Self::List { tenant } => tenant.as_deref(),
        }
    }

    /// What it is called, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "setup-link-create",
            Self::Delete { .. } => "setup-link-delete",
            Self::List { .. } => "setup-link-list",
        }
    }
}

/// A link that was just made: the only time at which its URL is shown.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "CreatedSetupLink"))]
pub(super) struct CreatedView<'a> {
    url: String,
    expires: String,
    setup_link_id: String,
    name: &'a str,
    tenant_id: String,
    tenant: &'a str,
    allows: Allows,
}

/// A link as it is shown: never its code.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "SetupLink"))]
pub(super) struct LinkView<'a> {
    setup_link_id: String,
    name: &'a str,
    tenant_id: String,
    tenant: &'a str,
    state: State,
    allows: Allows,
    created: String,
    expires: String,
    /// When a browser opened it.
    opened: Option<String>,
    /// How many tokens and clients were made with it.
    made: u32,
}

impl<'a> LinkView<'a> {
    fn new(link: &'a SetupLink, tenant: &'a TenantRecord, now: Timestamp) -> Self {
        Self {
            setup_link_id: link.id.to_string(),
            name: &link.name,
            tenant_id: link.tenant.to_string(),
            tenant: &tenant.name,
            state: link.state(now),
            allows: link.allows,
            created: link.created.to_string(),
            expires: Timestamp::from_millis(link.expires).to_string(),
            opened: link.session.as_ref().map(|session| Timestamp::from_millis(session.since).to_string()),
            made: link.made,
        }
    }
}

impl AdminContext {
    /// The setup links of all tenants.
    pub fn setup_links(&self) -> SetupLinks {
        SetupLinks::new(Arc::clone(&self.store), Arc::clone(&self.clock)).by(self.author())
    }
}

/// Does what is asked.
pub(super) async fn execute(
    context: &AdminContext,
    request: SetupLinkRequest,
    output: &Output,
) -> Result<(), AdminError> {
    match request {
        SetupLinkRequest::Create { tenant, name, allows, seconds } => {
            let tenant = context.directory().find(&tenant).await?;
            let lifetime = Duration::from_secs(seconds);
            if lifetime.is_zero() || lifetime > LONGEST {
                let days = LONGEST.as_secs() / 86_400;
                return Err(AdminError::Invalid(format!("a setup link lives from a second to {days} days")));
            }
            let new = NewLink { name: name.as_deref(), allows, lifetime };
            let links = context.setup_links().by(context.telling(&tenant, Deed::SetupLinkCreated));
            let (link, code) = links.create(tenant.id, new).await?;
            let created = CreatedView {
                url: format!("{}{PATH}/{}", context.base, code.reveal()),
                expires: Timestamp::from_millis(link.expires).to_string(),
                setup_link_id: link.id.to_string(),
                name: &link.name,
                tenant_id: tenant.id.to_string(),
                tenant: &tenant.name,
                allows,
            };
            output.row(&created).await
        }
        SetupLinkRequest::Delete { tenant, link } => {
            let tenant = context.directory().find(&tenant).await?;
            let link = context.setup_links().find(tenant.id, &link).await?;
            context.setup_links().by(context.telling(&tenant, Deed::SetupLinkDeleted)).delete(&link).await?;
            let id = link.id.to_string();
            output.row(&json!({"setup_link_id": id, "name": link.name, "tenant": tenant.name, "deleted": true})).await
        }
        SetupLinkRequest::List { tenant } => {
            let tenants = match tenant {
                Some(tenant) => vec![context.directory().find(&tenant).await?],
                None => context.directory().named().await?,
            };
            let now = context.clock.now();
            for tenant in tenants {
                for link in context.setup_links().list(tenant.id).await? {
                    output.row(&LinkView::new(&link, &tenant, now)).await?;
                }
            }
            Ok(())
        }
    }
}
