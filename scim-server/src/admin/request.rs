//! Every command of the command line as a value.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    admin_tokens::AdminTokenRequest, agents::AgentRequest, brake::BrakeRequest, browse::BrowseRequest,
    clients::ClientRequest, connection::Provider, consumers::ConsumerRequest, deleted::DeletedRequest,
    events::EventsRequest, hand::HandRequest, lifetime, requests::RequestsRequest, rules::RulesRequest,
    setup_links::SetupLinkRequest, signing_keys::SigningKeyRequest, streams::StreamRequest, undo::UndoRequest,
    webhooks::WebhookRequest,
};
use crate::{
    tenant::{self, Settings},
    token::Scopes,
};

/// One command. Its wire form is a JSON object whose `command` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AdminRequest {
    /// About the tokens of administrators.
    AdminToken {
        request: AdminTokenRequest,
    },
    /// About agents that report.
    Agent {
        request: AgentRequest,
    },
    /// Tells what the URLs begin with that clients are given.
    Base,
    /// About the brake on mass deprovisioning.
    Brake {
        tenant: String,
        request: BrakeRequest,
    },
    /// Shows a page of what is large, as the console does.
    Browse {
        request: BrowseRequest,
    },
    /// Makes a link that signs its giver in to the console, once.
    Console,
    /// Compares documents, indexes, memberships and counts.
    Check {
        /// Put right what disagrees.
        #[serde(default)]
        repair: bool,
    },
    /// About consumers of a tenant's events.
    Consumer {
        request: ConsumerRequest,
    },
    /// Does something with the OAuth clients of a tenant.
    Client {
        tenant: String,
        request: ClientRequest,
    },
    /// Makes a user or group by hand.
    Create {
        tenant: String,
        resource_type: String,
        /// The body of a POST.
        resource: Value,
        /// Its members if it is a group, by their ids or names: instead of those in the body.
        #[serde(default)]
        members: Vec<String>,
        /// Also while an identity provider provisions the tenant.
        #[serde(default)]
        force: bool,
    },
    /// Removes a user or group by hand.
    Delete {
        tenant: String,
        resource_type: String,
        /// Its id, `userName` or `displayName`.
        name: String,
        /// Also while an identity provider provisions the tenant.
        #[serde(default)]
        force: bool,
        /// Only tell whether it would be refused.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        dry_run: bool,
    },
    /// About the deleted users or groups of a tenant.
    Deleted {
        tenant: String,
        resource_type: String,
        request: DeletedRequest,
    },
    /// Lists what was changed in a tenant.
    Events(EventsRequest),
    /// Gives out everything, as lines of JSON.
    Export {
        /// Of this tenant; of all when absent.
        tenant: Option<String>,
    },
    /// Takes in what was given out; the lines are the request's input.
    Import {
        /// Remove tenants of the same ids first, instead of refusing.
        #[serde(default)]
        replace: bool,
        /// Discard an interrupted import with everything that it has written, instead of continuing it.
        #[serde(default)]
        discard: bool,
    },
    /// Lists users or groups.
    List {
        tenant: String,
        resource_type: String,
        /// Those that match, as RFC 7644 §3.4.2.2 writes it.
        filter: Option<String>,
        /// At most so many.
        limit: Option<usize>,
    },
    /// About the log of requests.
    Requests {
        /// Its name or id; of all tenants, and of calls to none, when absent.
        tenant: Option<String>,
        request: RequestsRequest,
    },
    /// Adds a schema to those of a tenant.
    SchemaAdd {
        /// Its name or id.
        tenant: String,
        definition: Value,
        /// In the place of the one with the same URN.
        #[serde(default)]
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
        #[serde(default)]
        force: bool,
    },
    /// Shows a user or group.
    Show {
        tenant: String,
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
        provider: Option<Provider>,
    },
    /// Makes a tenant.
    TenantCreate {
        name: String,
        /// What is set for it.
        #[serde(default, deserialize_with = "tenant::read_settings")]
        settings: Box<Settings>,
        /// With a token that lives so many seconds; without a token when absent.
        token_seconds: Option<u64>,
        /// In the database of that number, from 1; in the one with the fewest tenants when absent.
        #[serde(default)]
        database: Option<usize>,
    },
    /// Moves a tenant to another database.
    TenantMove {
        /// Its name or id.
        tenant: String,
        /// The number of the database, from 1.
        to: usize,
    },
    /// Removes a tenant with everything in it.
    TenantDelete {
        /// Its name or id.
        tenant: String,
        /// Also while it has live tokens.
        #[serde(default)]
        force: bool,
        /// Only tell whether it would be refused.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        dry_run: bool,
    },
    /// Disables or enables a tenant.
    TenantDisable {
        /// Its name or id.
        tenant: String,
        /// Which of the two.
        disabled: bool,
    },
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
    TenantShow {
        /// Its name or id.
        tenant: String,
    },
    /// Issues a token.
    TokenCreate {
        tenant: String,
        /// What people call it.
        #[serde(default)]
        name: Option<String>,
        /// What it may do.
        #[serde(default = "all_scopes")]
        scopes: Scopes,
        /// How long it lives.
        #[serde(default = "lifetime::usual")]
        seconds: u64,
    },
    /// Revokes a token.
    TokenDelete {
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
        tenant: String,
        /// The name or id of that other; the only one that lives when absent.
        #[serde(default)]
        token: Option<String>,
        /// How long it lives; as long as that other was to when absent.
        seconds: Option<u64>,
        /// After how long the first ends; it lives on until it is deleted when absent.
        overlap_seconds: Option<u64>,
    },
    /// About what a tenant makes of its users.
    Rules {
        tenant: String,
        request: RulesRequest,
    },
    /// Changes a user or group by hand.
    Hand {
        request: HandRequest,
    },
    /// Puts back what was changed.
    Undo(UndoRequest),
    /// About links with which customers set up their providers.
    SetupLink {
        request: SetupLinkRequest,
    },
    /// About the keys of security event tokens.
    SigningKey {
        request: SigningKeyRequest,
    },
    /// About streams of security event tokens.
    Stream {
        request: StreamRequest,
    },
    /// About webhooks.
    Webhook {
        request: WebhookRequest,
    },
}

fn all_scopes() -> Scopes {
    Scopes::ALL
}

impl AdminRequest {
    /// The resource type that it is about.
    pub(super) fn resource_type(&self) -> Option<&str> {
        match self {
            Self::Create { resource_type, .. }
            | Self::Delete { resource_type, .. }
            | Self::Deleted { resource_type, .. }
            | Self::List { resource_type, .. }
            | Self::Show { resource_type, .. } => Some(resource_type),
            _ => None,
        }
    }

    /// What it is called, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AdminToken { request } => request.name(),
            Self::Agent { request } => request.name(),
            Self::Base => "base",
            Self::Brake { request, .. } => request.name(),
            Self::Browse { request } => request.name(),
            Self::Check { .. } => "check",
            Self::Console => "console",
            Self::Consumer { request } => request.name(),
            Self::Client { request, .. } => request.name(),
            Self::Create { .. } => "create",
            Self::Delete { .. } => "delete",
            Self::Deleted { request, .. } => request.name(),
            Self::Events(_) => "events",
            Self::Export { .. } => "export",
            Self::Import { .. } => "import",
            Self::List { .. } => "list",
            Self::Requests { request, .. } => request.name(),
            Self::Rules { request, .. } => request.name(),
            Self::SchemaAdd { .. } => "schema-add",
            Self::SchemaList { .. } => "schema-list",
            Self::SchemaRemove { .. } => "schema-remove",
            Self::SetupLink { request } => request.name(),
            Self::SigningKey { request } => request.name(),
            Self::Stream { request } => request.name(),
            Self::Show { .. } => "show",
            Self::Status { .. } => "status",
            Self::TenantConnection { .. } => "tenant-connection",
            Self::TenantCreate { .. } => "tenant-create",
            Self::TenantMove { .. } => "tenant-move",
            Self::TenantDelete { .. } => "tenant-delete",
            Self::TenantDisable { .. } => "tenant-disable",
            Self::TenantList => "tenant-list",
            Self::TenantSet { .. } => "tenant-set",
            Self::TenantShow { .. } => "tenant-show",
            Self::TokenCreate { .. } => "token-create",
            Self::TokenDelete { .. } => "token-delete",
            Self::TokenList { .. } => "token-list",
            Self::TokenRotate { .. } => "token-rotate",
            Self::Hand { request } => request.name(),
            Self::Undo(_) => "undo",
            Self::Webhook { request } => request.name(),
        }
    }
}
