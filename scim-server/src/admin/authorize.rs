//! What a command needs of its giver: a role, and the right tenant. The one place where that is decided.

use super::{
    AccessRequest, AdminContext, AdminError, AdminRequest, AgentRequest, BrakeRequest, ConsumerRequest, DeletedRequest,
    HandRequest, MappingRequest, RequestsRequest, Role, RoleRequest, RulesRequest, SetupLinkRequest, SigningKeyRequest,
    StreamRequest, WebhookRequest, clients::ClientRequest,
};
use crate::{agent::AgentError, directory::DirectoryError, store::TenantId};

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matter<'a> {
    /// The tenant with that name or id.
    Tenant(&'a str),
    /// The agent of that name.
    Agent(&'a str),
    /// The webhook with that id.
    Webhook(&'a str),
    /// All tenants, or the server itself.
    Server,
    /// Nothing that is kept.
    Nothing,
}

/// Refuses a command that its giver may not ask for, before anything is done.
pub(super) async fn authorize(context: &AdminContext, request: &AdminRequest) -> Result<(), AdminError> {
    let (by, needs) = (&context.by, request.needs());
    if by.role < needs {
        return Err(AdminError::Forbidden(format!(
            "this needs the role {needs}, and {} has the role {}; ask for a token with that role (`admin-token create --name NAME --role {needs}`)",
            by.actor(),
            by.role
        )));
    }
    let Some(only) = by.tenant else { return Ok(()) };
    if request.matter() == Matter::Nothing || tenant_of(context, request.matter()).await? == Some(only) {
        return Ok(());
    }
    // The same of a tenant that is not there: whoever asks learns nothing of others.
    let theirs = match context.directory().find(&only.to_string()).await {
        Ok(tenant) => tenant.name,
        Err(_) => only.to_string(),
    };
    Err(AdminError::Forbidden(format!(
        "{} may do this in the tenant {theirs} alone, and what was asked for is not in that tenant; name the tenant {theirs}, or use a token that is for all tenants",
        by.actor()
    )))
}

/// The only tenant that a command is about.
async fn tenant_of(context: &AdminContext, matter: Matter<'_>) -> Result<Option<TenantId>, AdminError> {
    match matter {
        Matter::Tenant(name) => match context.directory().find(name).await {
            Ok(tenant) => Ok(Some(tenant.id)),
            Err(DirectoryError::Unknown(_)) => Ok(None),
            Err(error) => Err(error.into()),
        },
        Matter::Agent(name) => match context.agents().find(name).await {
            Ok(agent) => Ok(agent.tenant),
            Err(AgentError::Unknown(_)) => Ok(None),
            Err(error) => Err(error.into()),
        },
        Matter::Webhook(id) => match context.webhook(id).await {
            Ok(webhook) => Ok(webhook.tenant),
            Err(AdminError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        },
        Matter::Server | Matter::Nothing => Ok(None),
    }
}

impl AdminRequest {
    /// The role that its giver must have.
    pub fn needs(&self) -> Role {
        match self {
            Self::Base
            | Self::Browse { .. }
            | Self::Console
            | Self::Events(_)
            | Self::List { .. }
            | Self::SchemaList { .. }
            | Self::Show { .. }
            | Self::Status { .. }
            | Self::TenantConnection { .. }
            | Self::TenantList
            | Self::TenantShow { .. }
            | Self::TokenList { .. }
            | Self::Check { repair: false } => Role::Viewer,
            Self::Create { .. }
            | Self::Delete { .. }
            | Self::TokenCreate { .. }
            | Self::TokenDelete { .. }
            | Self::TokenRotate { .. }
            | Self::Undo(_) => Role::Operator,
            Self::AdminToken { .. }
            | Self::Check { repair: true }
            | Self::Export { .. }
            | Self::Import { .. }
            | Self::SchemaAdd { .. }
            | Self::SchemaRemove { .. }
            | Self::TenantCreate { .. }
            | Self::TenantMove { .. }
            | Self::TenantDelete { .. }
            | Self::TenantDisable { .. }
            | Self::TenantSet { .. } => Role::Administrator,
            Self::Agent { request } => of_agent(request),
            Self::Brake { request, .. } => look_or(Role::Operator, matches!(request, BrakeRequest::Show)),
            Self::Client { request, .. } => {
                let looks =
                    matches!(request, ClientRequest::List | ClientRequest::Show { .. } | ClientRequest::Trace { .. });
                look_or(Role::Operator, looks)
            }
            Self::Consumer { request } => {
                look_or(Role::Operator, matches!(request, ConsumerRequest::List { .. } | ConsumerRequest::Show { .. }))
            }
            Self::Deleted { request, .. } => look_or(Role::Operator, matches!(request, DeletedRequest::List { .. })),
            Self::Hand { request } => of_hand(request),
            Self::Requests { request, .. } => {
                look_or(Role::Operator, !matches!(request, RequestsRequest::Values { .. }))
            }
            Self::Rules { request, .. } => of_rules(request),
            Self::SetupLink { request } => of_setup_link(request),
            Self::SigningKey { request } => look_or(Role::Administrator, *request == SigningKeyRequest::List),
            Self::Stream { request } => {
                look_or(Role::Operator, matches!(request, StreamRequest::List { .. } | StreamRequest::Show { .. }))
            }
            Self::Webhook { request } => of_webhook(request),
        }
    }

    /// The tenant that it is about, as it names it.
    pub fn tenant(&self) -> Option<&str> {
        match self.matter() {
            Matter::Tenant(tenant) => Some(tenant),
            _ => None,
        }
    }

    /// What it is about.
    fn matter(&self) -> Matter<'_> {
        match self {
            Self::Base | Self::Console => Matter::Nothing,
            Self::Agent { request } => Matter::of_agent(request),
            Self::Browse { request } => request.tenant().map_or(Matter::Server, Matter::Tenant),
            Self::AdminToken { .. }
            | Self::Check { .. }
            | Self::Import { .. }
            | Self::SigningKey { .. }
            | Self::TenantCreate { .. }
            | Self::TenantList => Matter::Server,
            Self::Export { tenant }
            | Self::Requests { tenant, .. }
            | Self::Status { tenant }
            | Self::TokenList { tenant } => Matter::of(tenant.as_deref()),
            Self::Events(request) => Matter::of(request.tenant.as_deref()),
            Self::Undo(request) => Matter::Tenant(&request.tenant),
            Self::Brake { tenant, .. }
            | Self::Client { tenant, .. }
            | Self::Create { tenant, .. }
            | Self::Delete { tenant, .. }
            | Self::Deleted { tenant, .. }
            | Self::List { tenant, .. }
            | Self::Rules { tenant, .. }
            | Self::SchemaAdd { tenant, .. }
            | Self::SchemaList { tenant }
            | Self::SchemaRemove { tenant, .. }
            | Self::Show { tenant, .. }
            | Self::TenantConnection { tenant, .. }
            | Self::TenantMove { tenant, .. }
            | Self::TenantDelete { tenant, .. }
            | Self::TenantDisable { tenant, .. }
            | Self::TenantSet { tenant, .. }
            | Self::TenantShow { tenant }
            | Self::TokenCreate { tenant, .. }
            | Self::TokenDelete { tenant, .. }
            | Self::TokenRotate { tenant, .. } => Matter::Tenant(tenant),
            Self::Consumer { request } => Matter::Tenant(request.tenant()),
            Self::Hand { request } => Matter::Tenant(request.tenant()),
            Self::SetupLink { request } => Matter::of(request.tenant()),
            Self::Stream { request } => Matter::Tenant(request.tenant()),
            Self::Webhook { request } => Matter::of_webhook(request),
        }
    }
}

impl<'a> Matter<'a> {
    fn of(tenant: Option<&'a str>) -> Self {
        tenant.map_or(Self::Server, Self::Tenant)
    }

    fn of_agent(request: &'a AgentRequest) -> Self {
        match request {
            AgentRequest::Approve { agent, .. }
            | AgentRequest::Delete { agent }
            | AgentRequest::Reject { agent, .. }
            | AgentRequest::Show { agent } => Self::Agent(agent),
            AgentRequest::List { tenant } => Self::of(tenant.as_deref()),
            // Whose report it is says the token.
            AgentRequest::Report { .. } => Self::Nothing,
        }
    }

    fn of_webhook(request: &'a WebhookRequest) -> Self {
        match request {
            WebhookRequest::Create { tenant, .. } | WebhookRequest::List { tenant } => Self::of(tenant.as_deref()),
            WebhookRequest::DeadLetters { webhook, .. }
            | WebhookRequest::Delete { webhook }
            | WebhookRequest::Enable { webhook }
            | WebhookRequest::Replay { webhook, .. }
            | WebhookRequest::Rotate { webhook, .. }
            | WebhookRequest::Show { webhook }
            | WebhookRequest::Test { webhook }
            | WebhookRequest::Update { webhook, .. } => Self::Webhook(webhook),
        }
    }
}

/// What a command needs that only looks, or does something.
fn look_or(does: Role, looks: bool) -> Role {
    if looks { Role::Viewer } else { does }
}

fn of_agent(request: &AgentRequest) -> Role {
    match request {
        AgentRequest::Report { .. } => Role::Agent,
        AgentRequest::List { .. } | AgentRequest::Show { .. } => Role::Viewer,
        AgentRequest::Approve { .. } | AgentRequest::Delete { .. } | AgentRequest::Reject { .. } => Role::Operator,
    }
}

fn of_hand(request: &HandRequest) -> Role {
    match request {
        HandRequest::ListDisabled { .. } | HandRequest::ListStale { .. } => Role::Viewer,
        HandRequest::Import(table) => look_or(Role::Operator, !table.apply),
        HandRequest::Disable { .. } | HandRequest::Update(_) => Role::Operator,
        // What would be kept and lost is only told until the tenant's name is typed.
        HandRequest::Source(request) => look_or(Role::Administrator, request.confirm.is_none()),
    }
}

fn of_rules(request: &RulesRequest) -> Role {
    let looks = match request {
        RulesRequest::Access(request) => matches!(request, AccessRequest::List | AccessRequest::Show { .. }),
        RulesRequest::Mapping(request) => match request {
            MappingRequest::List | MappingRequest::Show { .. } => true,
            MappingRequest::Set { dry_run, .. } => *dry_run,
        },
        RulesRequest::Role { request, dry_run } => *dry_run || *request == RoleRequest::List,
    };
    look_or(Role::Administrator, looks)
}

/// Whoever makes a link gives away no more than they may do.
fn of_setup_link(request: &SetupLinkRequest) -> Role {
    match request {
        SetupLinkRequest::Create { allows, .. } if allows.mapping => Role::Administrator,
        SetupLinkRequest::List { .. } => Role::Viewer,
        SetupLinkRequest::Create { .. } | SetupLinkRequest::Delete { .. } => Role::Operator,
    }
}

fn of_webhook(request: &WebhookRequest) -> Role {
    let looks = match request {
        WebhookRequest::List { .. } | WebhookRequest::Show { .. } => true,
        WebhookRequest::DeadLetters { send_again, .. } => !send_again,
        _ => false,
    };
    look_or(Role::Operator, looks)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(request: Value, needs: Role, matter: Matter<'_>) {
        let request: AdminRequest = serde_json::from_value(request).unwrap();
        assert_eq!((request.needs(), request.matter()), (needs, matter), "{request:?}");
    }

    #[test]
    fn whoever_only_looks_is_a_viewer() {
        use Matter::{Server, Tenant, Webhook};
        use Role::{Administrator, Operator, Viewer};
        check(json!({"command": "tenant-list"}), Viewer, Server);
        check(json!({"command": "status"}), Viewer, Server);
        check(json!({"command": "events"}), Viewer, Server);
        check(json!({"command": "events", "tenant": "a"}), Viewer, Tenant("a"));
        check(json!({"command": "status", "tenant": "a"}), Viewer, Tenant("a"));
        check(json!({"command": "check", "repair": false}), Viewer, Server);
        check(json!({"command": "check", "repair": true}), Administrator, Server);
        check(json!({"command": "brake", "tenant": "a", "request": "show"}), Viewer, Tenant("a"));
        check(json!({"command": "brake", "tenant": "a", "request": "approve"}), Operator, Tenant("a"));
        let set = |dry_run| json!({"command": "rules", "tenant": "a", "request": {"mapping": {"set": {"rewrites": [], "dry_run": dry_run}}}});
        check(set(true), Viewer, Tenant("a"));
        check(set(false), Administrator, Tenant("a"));
        let link =
            |allows| json!({"command": "setup-link", "request": {"what": "create", "tenant": "a", "allows": allows}});
        check(link(json!(["tokens", "log"])), Operator, Tenant("a"));
        check(link(json!(["mapping"])), Administrator, Tenant("a"));
        let dead = |again| json!({"command": "webhook", "request": {"what": "dead-letters", "webhook": "w", "send_again": again}});
        check(dead(false), Viewer, Webhook("w"));
        check(dead(true), Operator, Webhook("w"));
        let call = |what: &str| json!({"command": "requests", "tenant": "a", "request": {what: {"id": "1"}}});
        check(call("show"), Viewer, Tenant("a"));
        check(call("values"), Operator, Tenant("a"));
        let agent = |what: &str| json!({"command": "agent", "request": {"what": what, "agent": "ad", "plan": "1"}});
        check(agent("approve"), Operator, Matter::Agent("ad"));
        check(json!({"command": "agent", "request": {"what": "show", "agent": "ad"}}), Viewer, Matter::Agent("ad"));
        check(json!({"command": "webhook", "request": {"what": "list", "tenant": null}}), Viewer, Server);
        check(json!({"command": "signing-key", "request": {"what": "list"}}), Viewer, Server);
        check(json!({"command": "admin-token", "request": {"what": "list"}}), Administrator, Server);
        check(json!({"command": "export", "tenant": "a"}), Administrator, Tenant("a"));
    }
}
