//! Administration: every command of the command line as a value, and the one function that executes it.
//!
//! A command runs in one of two places. While a server has the store open, the command line sends
//! the request to the server's own listener for administrators ([`listen`], [`client`]); else it
//! opens the store and runs it itself. Both call [`execute`], so that each command is written once.

pub mod archive;
pub mod client;
pub mod clients;
pub mod connection;
mod consumers;
pub mod data_dir;
mod deleted;
mod error;
mod events;
pub mod import;
pub mod indexing;
pub mod line;
pub mod listen;
pub(crate) mod private;
pub(crate) mod provision;
pub mod resources;
pub mod schemas;
mod status;
pub mod tenants;
pub mod transfer;
mod webhooks;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

pub use self::{
    consumers::ConsumerRequest,
    error::AdminError,
    line::{Input, Line, Output},
    webhooks::WebhookRequest,
};

use crate::{
    access::Access,
    clock::Clock,
    directory::Directory,
    event::{Action, Deed, Event},
    index,
    operation::Operations,
    render::stored_document,
    store::{EntriesOf, ResourceId, Store, StoreError, TenantId},
    system_records,
    tenant::{self, Settings, TenantRecord},
    token::{self, Scopes},
    webhook::Sender,
};

/// One command. Its wire form is a JSON object whose `command` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AdminRequest {
    /// Compares documents, indexes, memberships and counts.
    Check {
        /// Put right what disagrees.
        repair: bool,
    },
    /// About consumers of a tenant's events.
    Consumer {
        /// What.
        request: ConsumerRequest,
    },
    /// Does something with the OAuth clients of a tenant.
    Client {
        /// In which tenant.
        tenant: String,
        /// What.
        request: clients::ClientRequest,
    },
    /// Makes a user or group by hand.
    Create {
        /// In which tenant.
        tenant: String,
        /// Of which type.
        resource_type: String,
        /// The body of a POST.
        resource: Value,
        /// Its members if it is a group, by their ids or names: instead of those in the body.
        #[serde(default)]
        members: Vec<String>,
        /// Also while an identity provider provisions the tenant.
        force: bool,
    },
    /// Removes a user or group by hand.
    Delete {
        /// In which tenant.
        tenant: String,
        /// Of which type.
        resource_type: String,
        /// Its id, `userName` or `displayName`.
        name: String,
        /// Also while an identity provider provisions the tenant.
        force: bool,
    },
    /// Lists the deleted users or groups that can be restored.
    Deleted {
        /// In which tenant.
        tenant: String,
        /// Of which type.
        resource_type: String,
        /// Only what this request deleted.
        request: Option<String>,
    },
    /// Lists what was changed in a tenant.
    Events {
        /// In which.
        tenant: String,
        /// Behind this number, or from this time on.
        since: Option<String>,
        /// Only these types, separated by commas.
        types: Option<String>,
        /// Go on with what happens.
        follow: bool,
    },
    /// Gives out everything, as lines of JSON.
    Export {
        /// Of this tenant; of all when absent.
        tenant: Option<String>,
    },
    /// Takes in what was given out; the lines are the request's input.
    Import {
        /// Remove tenants of the same ids first, instead of refusing.
        replace: bool,
        /// Discard an interrupted import with everything that it has written, instead of continuing it.
        #[serde(default)]
        discard: bool,
    },
    /// Lists users or groups.
    List {
        /// In which tenant.
        tenant: String,
        /// Of which type.
        resource_type: String,
        /// Those that match, as RFC 7644 §3.4.2.2 writes it.
        filter: Option<String>,
        /// At most so many.
        limit: Option<usize>,
    },
    /// Removes for good what is kept of a deleted user or group.
    Purge {
        /// In which tenant.
        tenant: String,
        /// Of which type.
        resource_type: String,
        /// Its id.
        id: String,
    },
    /// Restores a deleted user or group.
    Restore {
        /// In which tenant.
        tenant: String,
        /// Of which type.
        resource_type: String,
        /// Its id.
        id: String,
    },
    /// Restores all users or groups that one request deleted.
    RestoreAll {
        /// In which tenant.
        tenant: String,
        /// Of which type.
        resource_type: String,
        /// The request.
        request: String,
    },
    /// Adds a schema to those of a tenant.
    SchemaAdd {
        /// Its name or id.
        tenant: String,
        /// The definition.
        definition: Value,
        /// In the place of the one with the same URN.
        replace: bool,
    },
    /// Lists the schemas that were added to a tenant.
    SchemaList {
        /// Its name or id.
        tenant: String,
    },
    /// Removes a schema that was added to a tenant.
    SchemaRemove {
        /// Its name or id.
        tenant: String,
        /// The schema's URN or name.
        schema: String,
        /// Also while it is used.
        force: bool,
    },
    /// Shows a user or group.
    Show {
        /// In which tenant.
        tenant: String,
        /// Of which type.
        resource_type: String,
        /// Its id, `userName` or `displayName`.
        name: String,
    },
    /// Shows how provisioning stands.
    Status {
        /// Of this tenant; of all when absent.
        tenant: Option<String>,
    },
    /// Shows how an identity provider reaches a tenant.
    TenantConnection {
        /// Its name or id.
        tenant: String,
        /// The name or id of the OAuth client; the only one when absent.
        client: Option<String>,
        /// In whose words.
        provider: Option<connection::Provider>,
    },
    /// Makes a tenant.
    TenantCreate {
        /// Its name.
        name: String,
        /// What is set for it.
        settings: Box<Settings>,
        /// With a token that lives so many seconds; without a token when absent.
        token_seconds: Option<u64>,
    },
    /// Removes a tenant with everything in it.
    TenantDelete {
        /// Its name or id.
        tenant: String,
        /// Also while it has live tokens.
        force: bool,
    },
    /// Disables or enables a tenant.
    TenantDisable {
        /// Its name or id.
        tenant: String,
        /// Which of the two.
        disabled: bool,
    },
    /// Lists the tenants.
    TenantList,
    /// Changes what is set for a tenant.
    TenantSet {
        /// Its name or id.
        tenant: String,
        /// Only what changes: an object in the form of [`Settings`].
        settings: serde_json::Map<String, Value>,
        /// Also when a schema goes that they do not name.
        #[serde(default)]
        force: bool,
    },
    /// Shows a tenant.
    TenantShow {
        /// Its name or id.
        tenant: String,
    },
    /// Issues a token.
    TokenCreate {
        /// For which tenant.
        tenant: String,
        /// What people call it.
        #[serde(default)]
        name: Option<String>,
        /// What it may do.
        scopes: Scopes,
        /// How long it lives.
        seconds: u64,
    },
    /// Revokes a token.
    TokenDelete {
        /// Of which tenant.
        tenant: String,
        /// The token's name or id.
        id: String,
    },
    /// Lists the tokens of a tenant.
    TokenList {
        /// Of which tenant; of all when absent.
        tenant: Option<String>,
    },
    /// Issues a token that takes the place of another.
    TokenRotate {
        /// For which tenant.
        tenant: String,
        /// The name or id of that other; the only one that lives when absent.
        #[serde(default)]
        token: Option<String>,
        /// How long it lives.
        seconds: u64,
        /// After how long the first ends; it lives on until it is deleted when absent.
        overlap_seconds: Option<u64>,
    },
    /// About webhooks.
    Webhook {
        /// What.
        request: WebhookRequest,
    },
}

impl AdminRequest {
    /// What it is called, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Check { .. } => "check",
            Self::Consumer { request } => request.name(),
            Self::Client { request, .. } => request.name(),
            Self::Create { .. } => "create",
            Self::Delete { .. } => "delete",
            Self::Deleted { .. } => "deleted",
            Self::Events { .. } => "events",
            Self::Export { .. } => "export",
            Self::Import { .. } => "import",
            Self::List { .. } => "list",
            Self::Purge { .. } => "purge",
            Self::Restore { .. } => "restore",
            Self::RestoreAll { .. } => "restore-all",
            Self::SchemaAdd { .. } => "schema-add",
            Self::SchemaList { .. } => "schema-list",
            Self::SchemaRemove { .. } => "schema-remove",
            Self::Show { .. } => "show",
            Self::Status { .. } => "status",
            Self::TenantConnection { .. } => "tenant-connection",
            Self::TenantCreate { .. } => "tenant-create",
            Self::TenantDelete { .. } => "tenant-delete",
            Self::TenantDisable { .. } => "tenant-disable",
            Self::TenantList => "tenant-list",
            Self::TenantSet { .. } => "tenant-set",
            Self::TenantShow { .. } => "tenant-show",
            Self::TokenCreate { .. } => "token-create",
            Self::TokenDelete { .. } => "token-delete",
            Self::TokenList { .. } => "token-list",
            Self::TokenRotate { .. } => "token-rotate",
            Self::Webhook { request } => request.name(),
        }
    }
}

/// What an administrator has done something to.
struct Subject<'a> {
    kind: &'a str,
    id: ResourceId,
    attributes: &'a [&'a str],
}

impl<'a> Subject<'a> {
    fn tenant(tenant: &TenantRecord, attributes: &'a [&'a str]) -> Self {
        Self { kind: tenant::record::KIND, id: ResourceId(tenant.id.0), attributes }
    }

    fn token(id: ResourceId) -> Self {
        Self { kind: token::record::KIND, id, attributes: &[] }
    }
}

/// What commands work on.
#[derive(Clone)]
pub struct AdminContext {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Who may come in.
    pub access: Arc<Access>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Users and groups.
    pub operations: Arc<Operations>,
    /// The base of the URLs that clients use, without a slash at the end.
    pub base: String,
    /// The way out for webhooks.
    pub sender: Arc<Sender>,
}

/// Does what a request says. What it prints goes to `output` line by line; what it reads (an import)
/// comes from `input`.
pub async fn execute(
    context: &AdminContext,
    request: AdminRequest,
    input: &mut Input,
    output: &Output,
) -> Result<(), AdminError> {
    match request {
        AdminRequest::Check { repair } => transfer::check(context, repair, output).await,
        AdminRequest::Consumer { request } => consumers::execute(context, request, output).await,
        AdminRequest::Client { tenant, request } => clients::execute(context, &tenant, request, output).await,
        AdminRequest::Events { tenant, since, types, follow } => {
            events::list(context, &tenant, since.as_deref(), types.as_deref(), follow, output).await
        }
        AdminRequest::Export { tenant } => transfer::export(context, tenant.as_deref(), output).await,
        AdminRequest::Import { replace, discard } => import::import(context, replace, discard, input, output).await,
        AdminRequest::Create { tenant, resource_type, resource, members, force } => {
            resources::create(context, &tenant, &resource_type, resource, &members, force, output).await
        }
        AdminRequest::Delete { tenant, resource_type, name, force } => {
            resources::delete(context, &tenant, &resource_type, &name, force, output).await
        }
        AdminRequest::List { tenant, resource_type, filter, limit } => {
            resources::list(context, &tenant, &resource_type, filter.as_deref(), limit, output).await
        }
        AdminRequest::Deleted { tenant, resource_type, request } => {
            deleted::list(context, &tenant, &resource_type, request.as_deref(), output).await
        }
        AdminRequest::Purge { tenant, resource_type, id } => {
            deleted::purge(context, &tenant, &resource_type, &id, output).await
        }
        AdminRequest::Restore { tenant, resource_type, id } => {
            deleted::restore(context, &tenant, &resource_type, &id, output).await
        }
        AdminRequest::RestoreAll { tenant, resource_type, request } => {
            deleted::restore_all(context, &tenant, &resource_type, &request, output).await
        }
        AdminRequest::SchemaAdd { tenant, definition, replace } => {
            schemas::add(context, &tenant, definition, replace, output).await
        }
        AdminRequest::SchemaList { tenant } => schemas::list(context, &tenant, output).await,
        AdminRequest::SchemaRemove { tenant, schema, force } => {
            schemas::remove(context, &tenant, &schema, force, output).await
        }
        AdminRequest::Show { tenant, resource_type, name } => {
            resources::show(context, &tenant, &resource_type, &name, output).await
        }
        AdminRequest::Status { tenant } => status::status(context, tenant.as_deref(), output).await,
        AdminRequest::TenantConnection { tenant, client, provider } => {
            connection::show(context, &tenant, client.as_deref(), provider, output).await
        }
        AdminRequest::TenantCreate { name, settings, token_seconds } => {
            tenants::create(context, &name, *settings, token_seconds.map(Duration::from_secs), output).await
        }
        AdminRequest::TenantDelete { tenant, force } => tenants::delete(context, &tenant, force, output).await,
        AdminRequest::TenantDisable { tenant, disabled } => tenants::disable(context, &tenant, disabled, output).await,
        AdminRequest::TenantList => tenants::list(context, output).await,
        AdminRequest::TenantSet { tenant, settings, force } => {
            tenants::set(context, &tenant, settings, force, output).await
        }
        AdminRequest::TenantShow { tenant } => tenants::show(context, &tenant, output).await,
        AdminRequest::TokenCreate { tenant, name, scopes, seconds } => {
            tenants::issue(context, &tenant, name, scopes, Duration::from_secs(seconds), output).await
        }
        AdminRequest::TokenDelete { tenant, id } => tenants::revoke(context, &tenant, &id, output).await,
        AdminRequest::TokenList { tenant } => tenants::tokens(context, tenant.as_deref(), output).await,
        AdminRequest::TokenRotate { tenant, token, seconds, overlap_seconds } => {
            let overlap = overlap_seconds.map(Duration::from_secs);
            tenants::rotate(context, &tenant, token.as_deref(), Duration::from_secs(seconds), overlap, output).await
        }
        AdminRequest::Webhook { request } => webhooks::execute(context, request, output).await,
    }
}

impl AdminContext {
    /// Tells in a tenant's log what an administrator has done to the tenant, or to one of its tokens.
    async fn tell(&self, tenant: &TenantRecord, deed: Deed, about: Subject<'_>) -> Result<(), AdminError> {
        let Subject { kind, id, attributes } = about;
        let event = Event::administration(Action::Administer, kind, id, attributes);
        Ok(self.directory().tell(tenant.home(), Event { deed: Some(deed), ..event }).await?)
    }

    fn directory(&self) -> &Directory {
        self.access.directory()
    }

    /// The index entries that any record should have: the system's own, and tenants' by the settings
    /// that are in force when it is called.
    pub fn entries_of(&self) -> EntriesOf {
        let access = Arc::clone(&self.access);
        Arc::new(move |key, record| {
            if key.tenant == TenantId::SYSTEM {
                return system_records::entries(key, record);
            }
            if crate::deleted::is_kept(&key.resource_type) {
                return crate::deleted::entries(key, record);
            }
            let unknown = || StoreError::Corrupt(format!("there is no tenant {}", key.tenant));
            let tenant = access.tenant_at(key.tenant).ok_or_else(unknown)?;
            let specs = tenant.index_specs(key.resource_type.as_str());
            Ok(index::entries(key, &stored_document(record)?, specs).into_iter().collect())
        })
    }
}

/// Runs a request on a context of this process; its lines come out of the channel. The last is
/// [`Line::Done`] or [`Line::Error`].
pub fn start(context: AdminContext, request: AdminRequest, mut input: Input) -> mpsc::Receiver<Line> {
    let (output, lines) = Output::new();
    tokio::spawn(async move {
        let last = match execute(&context, request, &mut input, &output).await {
            Ok(()) => Line::Done,
            Err(error) => Line::Error(error.to_string()),
        };
        let _ = output.line(last).await;
    });
    lines
}
