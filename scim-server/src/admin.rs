//! Administration: every command of the command line as a value, and the one function that executes it.
//!
//! A command runs in one of two places. While a server has the store open, the command line sends
//! the request to the server's own listener for administrators ([`listen`], [`client`]); else it
//! opens the store and runs it itself. Both call [`execute`], so that each command is written once.

mod access;
mod admin_tokens;
mod agents;
mod api;
pub mod archive;
mod authorize;
mod brake;
mod browse;
pub mod client;
pub mod clients;
pub mod connection;
pub mod console;
mod consumers;
pub mod data_dir;
mod deleted;
mod error;
mod events;
mod hand;
pub mod import;
pub mod indexing;
mod input;
mod issuance;
pub mod lifetime;
pub mod line;
pub mod listen;
mod mapping;
mod names;
pub(crate) mod private;
mod protected;
pub(crate) mod provision;
mod rehearsal;
mod request;
mod requests;
pub mod resources;
mod response;
mod roles;
mod rules;
pub mod schemas;
mod setup_links;
mod signing_keys;
mod source;
mod stale;
mod status;
mod stray;
mod streams;
mod table;
pub mod tenants;
pub mod transfer;
mod undo;
mod webhooks;

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use uuid::Uuid;

pub use self::{
    access::AccessRequest,
    admin_tokens::AdminTokenRequest,
    agents::AgentRequest,
    brake::BrakeRequest,
    browse::{BrowseRequest, NAMED},
    consumers::ConsumerRequest,
    deleted::DeletedRequest,
    error::{AdminError, Fault, chain, is_full},
    events::EventsRequest,
    hand::{HandRequest, UpdateRequest},
    line::{Input, Line, Output},
    mapping::MappingRequest,
    rehearsal::rehearse,
    request::AdminRequest,
    requests::{RequestsQuery, RequestsRequest, RequestsView},
    roles::RoleRequest,
    rules::RulesRequest,
    setup_links::{PATH as SETUP_PATH, SetupLinkRequest},
    signing_keys::SigningKeyRequest,
    source::SourceRequest,
    streams::StreamRequest,
    table::TableRequest,
    undo::UndoRequest,
    webhooks::WebhookRequest,
};
pub use crate::administrator::{Administrator, Role};

use self::console::SignInLinks;
use crate::{
    access::Access,
    author::Author,
    clock::Clock,
    directory::Directory,
    event::{Action, Deed, Event},
    index,
    operation::Operations,
    render::stored_document,
    store::{EntriesOf, ResourceId, Store, StoreError, TenantId, mark},
    system_records,
    tenant::{self, TenantRecord},
    token::Ledger,
    webhook::Sender,
};

/// The chore of the process that does the periodic work on a store. Whoever has its lease is a server that runs.
pub const UPKEEP: &str = "upkeep";

/// After how long the other processes on a shared store do as the directory says. They look for changes twice a second.
const NOTICED: Duration = Duration::from_secs(2);

/// What commands work on.
#[derive(Clone)]
pub struct AdminContext {
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
    /// Who gives the commands.
    pub by: Administrator,
    /// The links to the console; `None` where it is off.
    pub console: Option<Arc<SignInLinks>>,
    /// The log of requests, if there is one.
    pub requests: Option<RequestsView>,
    /// The names of the sinks of the server that this is in, or that runs beside this command; `None` when no server is
    /// known.
    pub sinks: Option<Arc<[&'static str]>>,
}

/// Does what a request says, if its giver may ask for it. What it prints goes to `output` line by line; what it reads (an import)
/// comes from `input`.
pub async fn execute(
    context: &AdminContext,
    request: AdminRequest,
    input: &mut Input,
    output: &Output,
) -> Result<(), AdminError> {
    authorize::authorize(context, &request).await?;
    if let AdminRequest::Delete { dry_run: true, .. } | AdminRequest::TenantDelete { dry_run: true, .. } = &request {
        return rehearsal::tell(context, &request, output).await;
    }
    carry_out(context, request, input, output).await
}

async fn carry_out(
    context: &AdminContext,
    request: AdminRequest,
    input: &mut Input,
    output: &Output,
) -> Result<(), AdminError> {
    match request {
        AdminRequest::AdminToken { request } => admin_tokens::execute(context, request, output).await,
        AdminRequest::Agent { request } => agents::execute(context, request, output).await,
        AdminRequest::Base => output.row(&serde_json::json!({"base": context.base})).await,
        AdminRequest::Brake { tenant, request } => brake::execute(context, &tenant, request, output).await,
        AdminRequest::Browse { request } => browse::execute(context, request, output).await,
        AdminRequest::Console => console::link(context, output).await,
        AdminRequest::Check { repair } => transfer::check(context, repair, output).await,
        AdminRequest::Consumer { request } => consumers::execute(context, request, output).await,
        AdminRequest::Client { tenant, request } => clients::execute(context, &tenant, request, output).await,
        AdminRequest::Events(request) => events::list(context, request, output).await,
        AdminRequest::Export { tenant } => transfer::export(context, tenant.as_deref(), output).await,
        AdminRequest::Import { replace, discard } => import::import(context, replace, discard, input, output).await,
        AdminRequest::Create { tenant, resource_type, resource, members, force } => {
            resources::create(context, &tenant, &resource_type, resource, &members, force, output).await
        }
        AdminRequest::Delete { tenant, resource_type, name, force, .. } => {
            resources::delete(context, &tenant, &resource_type, &name, force, output).await
        }
        AdminRequest::List { tenant, resource_type, filter, limit } => {
            resources::list(context, &tenant, &resource_type, filter.as_deref(), limit, output).await
        }
        AdminRequest::Deleted { tenant, resource_type, request } => {
            deleted::execute(context, &tenant, &resource_type, request, output).await
        }
        AdminRequest::Requests { tenant, request } => requests::execute(context, tenant, request, output).await,
        AdminRequest::Rules { tenant, request } => rules::execute(context, &tenant, request, output).await,
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
        AdminRequest::TenantCreate { name, settings, token_seconds, database } => {
            tenants::create(context, &name, *settings, token_seconds, database, output).await
        }
        AdminRequest::TenantMove { tenant, to } => tenants::move_to(context, &tenant, to, output).await,
        AdminRequest::TenantDelete { tenant, force, .. } => tenants::delete(context, &tenant, force, output).await,
        AdminRequest::TenantDisable { tenant, disabled } => tenants::disable(context, &tenant, disabled, output).await,
        AdminRequest::TenantList => tenants::list(context, output).await,
        AdminRequest::TenantSet { tenant, settings, force } => {
            tenants::set(context, &tenant, settings, force, output).await
        }
        AdminRequest::TenantShow { tenant } => tenants::show(context, &tenant, output).await,
        AdminRequest::TokenCreate { tenant, name, scopes, seconds } => {
            tenants::issue(context, &tenant, name, scopes, seconds, output).await
        }
        AdminRequest::TokenDelete { tenant, id } => tenants::revoke(context, &tenant, &id, output).await,
        AdminRequest::TokenList { tenant } => tenants::tokens(context, tenant.as_deref(), output).await,
        AdminRequest::TokenRotate { tenant, token, seconds, overlap_seconds } => {
            tenants::rotate(context, &tenant, token.as_deref(), seconds, overlap_seconds, output).await
        }
        AdminRequest::Hand { request } => hand::execute(context, request, output).await,
        AdminRequest::Undo(request) => undo::undo(context, request, output).await,
        AdminRequest::SetupLink { request } => setup_links::execute(context, request, output).await,
        AdminRequest::SigningKey { request } => signing_keys::execute(context, request, output).await,
        AdminRequest::Stream { request } => streams::execute(context, request, output).await,
        AdminRequest::Webhook { request } => webhooks::execute(context, request, output).await,
    }
}

impl AdminContext {
    /// The same for the commands of somebody else.
    #[must_use]
    pub fn given_by(&self, by: Administrator) -> Self {
        Self { by, ..self.clone() }
    }

    /// Who changes what the commands change.
    pub fn author(&self) -> Author {
        Author::new(self.by.actor())
    }

    /// The same, who tells in a tenant's log what is done to the tenant, or to something of it.
    pub fn telling(&self, tenant: &TenantRecord, deed: Deed) -> Author {
        self.author().telling(deed).in_log(tenant.home())
    }

    /// Waits until the other processes on a shared store have noticed what was changed in the directory.
    async fn until_noticed(&self) {
        if self.store.is_shared() {
            tokio::time::sleep(NOTICED).await;
        }
    }

    /// Tells in the server's own log what an administrator does to the store, or takes out of it.
    /// It is done all the same when that cannot be written: whose disk is full needs a backup.
    async fn tell_of_store(&self, deed: Deed, tenant: Option<&TenantRecord>) {
        let (kind, id) = match tenant {
            Some(tenant) => (tenant::record::KIND, ResourceId(tenant.id.0)),
            None => ("Store", ResourceId(Uuid::nil())),
        };
        let event = Event { deed: Some(deed), ..Event::new(Action::Administer, &self.by.actor(), kind, id) };
        if let Err(error) = self.directory().tell(TenantId::SYSTEM, event).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, deed = deed.name(), "the server's own log does not take what was done");
        }
    }

    /// The tokens of all tenants, where what is done to one of this tenant's is told in its log.
    fn ledger(&self, tenant: &TenantRecord, deed: Deed) -> Ledger {
        self.directory().ledger().by(&self.telling(tenant, deed))
    }

    /// The tenants, tokens and clients, as the giver of the commands changes them.
    fn directory(&self) -> Directory {
        self.access.directory().by(&self.author())
    }

    /// The index entries that any record should have: the system's own, and tenants' by the settings
    /// that are in force when it is called.
    pub fn entries_of(&self) -> EntriesOf {
        let access = Arc::clone(&self.access);
        Arc::new(move |key, record| {
            if key.tenant == TenantId::SYSTEM {
                return system_records::entries(key, record);
            }
            if crate::brake::is_brake(key)
                || crate::deferred::is_claim(key)
                || crate::sent::is_sent(key)
                || mark::is_of_work(&key.resource_type)
            {
                return Ok(Vec::new());
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
    let about = request.tenant().map(str::to_owned);
    tokio::spawn(mark::within_same(async move {
        let last = match execute(&context, request, &mut input, &output).await {
            Ok(()) => Line::Done,
            Err(error) => Line::Error(error.fault_about(about.as_deref())),
        };
        let _ = output.line(last).await;
    }));
    lines
}
