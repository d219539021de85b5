//! Each command: the request that it makes, and how its output is shown.

mod access;
mod admin_token;
mod agent;
mod client;
mod lifecycle;
mod mapping;
mod readers;
mod requests;
mod resource;
mod role;
mod setup_link;

use command_page::installed::{completions, manual};
use serde_json::{Map, Value, json};

use super::{
    Failure,
    command::{
        Command, Common, CompletionsArguments, EventsArguments, InitArguments, ProfileName, SchemaCommand, SourceName,
        TenantCommand, TenantName, TenantSettings, TokenCommand,
    },
    definition, doctor, effective, engine,
    files::{self, OutputFile},
    follow, health, reference, serve,
    session::{self, Session},
    show::{self, Show},
    typed,
};
use crate::{
    admin::{AdminRequest, EventsRequest, HandRequest, SourceRequest, connection::Provider},
    profile::Profile,
    tenant::{Settings, SourceKind},
    token::Scopes,
};

impl Command {
    /// Does it.
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Init(init) => init.run().await,
            Self::Serve(serve) => serve::run(serve.settings.0, serve.json).await,
            Self::Console(console) => console.common.run_at_server(AdminRequest::Console, Show::Link).await,
            Self::Migrate(migrate) => engine::migrate(&migrate.common.settings.0, migrate.common.json).await,
            Self::Tenant(command) => command.run().await,
            Self::Token(command) => command.run().await,
            Self::AdminToken(command) => command.run().await,
            Self::Agent(command) => command.run().await,
            Self::Client(command) => command.run().await,
            Self::SetupLink(command) => command.run().await,
            Self::Schema(command) => command.run().await,
            Self::Access(command) => command.run().await,
            Self::Role(command) => command.run().await,
            Self::Mapping(command) => command.run().await,
            Self::User(command) => command.run().await,
            Self::Group(command) => command.run().await,
            Self::Events(events) => events.run().await,
            Self::Requests(command) => command.run().await,
            Self::Consumer(command) => command.run().await,
            Self::Webhook(command) => command.run().await,
            Self::Stream(command) => command.run().await,
            Self::SigningKey(command) => command.run().await,
            Self::Status(status) => {
                status.common.run(AdminRequest::Status { tenant: status.tenant }, Show::Status).await
            }
            Self::Doctor(doctor) => doctor::run(&doctor.settings.0, doctor.json).await,
            Self::Health(health) => health::run(&health.settings.0, health.json).await,
            Self::Config(command) => effective::run(command),
            Self::Undo(undo) => undo.run().await,
            Self::Brake(brake) => brake.run().await,
            Self::Check(check) => {
                let show = Show::Findings { repair: check.repair };
                let session = Session::open_accepting(&check.common.settings.0, check.accept_loss).await?;
                if check.accept_loss.is_some() && matches!(session, Session::Running(_)) {
                    return Err(Failure::said(
                        "a server has this store open, so there is no loss to accept; leave --accept-loss out"
                            .to_owned(),
                    ));
                }
                session::run(session, AdminRequest::Check { repair: check.repair }, show, check.common.json).await
            }
            Self::Export(export) => {
                let Common { settings, json } = export.common;
                let session = Session::open(&settings.0).await?;
                let target = OutputFile { path: &export.file, overwrite: export.overwrite };
                files::export(session, AdminRequest::Export { tenant: export.tenant }, target, json).await
            }
            Self::Import(import) => {
                let session = Session::open(&import.common.settings.0).await?;
                let request = AdminRequest::Import { replace: import.replace, discard: import.discard };
                files::import(session, request, &import.file, import.common.json).await
            }
            Self::Backup(backup) => {
                let Common { settings, json } = backup.common;
                let session = Session::open(&settings.0).await?;
                let target = OutputFile { path: &backup.file, overwrite: backup.overwrite };
                files::export(session, AdminRequest::Export { tenant: None }, target, json).await
            }
            Self::Restore(restore) => {
                files::restore(&restore.common.settings.0, &restore.file, restore.discard, restore.common.json).await
            }
            Self::Completions(arguments) => arguments.run(),
            Self::Manual { directory } => manual(definition(), &directory)
                .map_err(|error| Failure::because(format!("cannot write to {}: {error}", directory.display()), error)),
            Self::Reference { page } => show::write(&reference::page(page)),
        }
    }
}

impl CompletionsArguments {
    fn run(self) -> Result<(), Failure> {
        let mut text = Vec::new();
        completions(definition(), self.shell, &mut text).map_err(|error| Failure::because(error.to_string(), error))?;
        show::write(&String::from_utf8_lossy(&text))
    }
}

impl EventsArguments {
    async fn run(self) -> Result<(), Failure> {
        if self.follow {
            return follow::events(self).await;
        }
        let Self { tenant, since, types, follow, settings, json, .. } = self;
        let request = EventsRequest { tenant, since, types, follow };
        Common { settings, json }.run(AdminRequest::Events(request), Show::Events).await
    }
}

impl Common {
    /// A command that only a running server can do.
    async fn run_at_server(self, request: AdminRequest, show: Show) -> Result<(), Failure> {
        let session = Session::running(&self.settings.0).await?;
        session::run(session, request, show, self.json).await
    }

    async fn run(self, request: AdminRequest, show: Show) -> Result<(), Failure> {
        let session = Session::open(&self.settings.0).await?;
        session::run(session, request, show, self.json).await
    }
}

impl InitArguments {
    async fn run(self) -> Result<(), Failure> {
        let settings = Box::new(self.settings.read()?.build()?);
        let token_seconds = Some(self.lifetime.lifetime.as_secs());
        let request =
            AdminRequest::TenantCreate { name: self.tenant, settings, token_seconds, database: self.database.database };
        let session = Session::create(&self.common.settings.0).await?;
        session::run(session, request, Show::Issued, self.common.json).await
    }
}

impl TenantCommand {
    async fn run(self) -> Result<(), Failure> {
        let (common, request, show) = match self {
            Self::Create { name, settings, database, common } => {
                let settings = Box::new(settings.read()?.build()?);
                let (name, database) = (name.text(), database.database);
                let request = AdminRequest::TenantCreate { name, settings, token_seconds: None, database };
                (common, request, Show::Tenant)
            }
            Self::List { common } => (common, AdminRequest::TenantList, Show::Tenants),
            Self::Show { name, common } => (common, AdminRequest::TenantShow { tenant: name.text() }, Show::Tenant),
            Self::Set { name, settings, force, common } => {
                let request = AdminRequest::TenantSet { tenant: name.text(), settings: settings.read()?.0, force };
                (common, request, Show::Tenant)
            }
            Self::Endpoint { name, common } => {
                (common, AdminRequest::TenantShow { tenant: name.text() }, Show::Endpoint)
            }
            Self::Connection { name, client, provider, common } => {
                let show = if provider.is_some() { Show::Fields } else { Show::Connection };
                let provider = provider.map(Provider::from);
                (common, AdminRequest::TenantConnection { tenant: name.text(), client, provider }, show)
            }
            Self::Source { name, to, writer, confirm, common } => {
                let to = match to {
                    SourceName::Any => None,
                    SourceName::Directory => Some(SourceKind::Directory),
                    SourceName::Manual => Some(SourceKind::Manual),
                    SourceName::Scim => Some(SourceKind::Scim),
                };
                let request = SourceRequest { tenant: name.text(), to, writer, confirm };
                (common, AdminRequest::Hand { request: HandRequest::Source(request) }, Show::Source)
            }
            Self::Move { name, to, common } => {
                (common, AdminRequest::TenantMove { tenant: name.text(), to }, Show::Tenant)
            }
            Self::Disable { name, common } => {
                (common, AdminRequest::TenantDisable { tenant: name.text(), disabled: true }, Show::Tenant)
            }
            Self::Enable { name, common } => {
                (common, AdminRequest::TenantDisable { tenant: name.text(), disabled: false }, Show::Tenant)
            }
            Self::Delete { name, force, yes, common } => {
                let tenant = name.text();
                let request = |dry_run| AdminRequest::TenantDelete { tenant: tenant.clone(), force, dry_run };
                if !yes {
                    if typed::is_asked() {
                        // What is refused is not asked about.
                        session::count(Session::open(&common.settings.0).await?, request(true)).await?;
                    }
                    session::confirm(&tenant, force)?;
                }
                (common, request(false), Show::Deleted)
            }
        };
        common.run(request, show).await
    }
}

impl TokenCommand {
    async fn run(self) -> Result<(), Failure> {
        let (common, request, show) = match self {
            Self::Create { tenant, name, scopes, lifetime, common } => {
                let scopes = Scopes::parse(scopes.iter().map(String::as_str)).map_err(Failure::Usage)?;
                let seconds = lifetime.lifetime.as_secs();
                (common, AdminRequest::TokenCreate { tenant, name, scopes, seconds }, Show::Issued)
            }
            Self::List { tenant, common } => (common, AdminRequest::TokenList { tenant }, Show::Tokens),
            Self::Rotate { tenant, token, overlap, lifetime, common } => {
                let overlap_seconds = overlap.map(|overlap| overlap.as_secs());
                let seconds = lifetime.map(|lifetime| lifetime.as_secs());
                (common, AdminRequest::TokenRotate { tenant, token, seconds, overlap_seconds }, Show::Issued)
            }
            Self::Delete { tenant, id, token_id, common } => {
                let id = id.or(token_id).unwrap_or_default();
                (common, AdminRequest::TokenDelete { tenant, id }, Show::Deleted)
            }
        };
        common.run(request, show).await
    }
}

impl SchemaCommand {
    async fn run(self) -> Result<(), Failure> {
        let (common, request, show) = match self {
            Self::Add { tenant, file, replace, common } => {
                let definition = files::object(&file)?.into();
                (common, AdminRequest::SchemaAdd { tenant, definition, replace }, Show::Schema)
            }
            Self::List { tenant, common } => (common, AdminRequest::SchemaList { tenant }, Show::Schemas),
            Self::Remove { tenant, schema, force, common } => {
                (common, AdminRequest::SchemaRemove { tenant, schema, force }, Show::Deleted)
            }
        };
        common.run(request, show).await
    }
}

/// The settings in the arguments: only those that were given.
struct GivenSettings(Map<String, Value>);

impl TenantSettings {
    fn read(&self) -> Result<GivenSettings, Failure> {
        let mut changes = self.settings.as_deref().map_or_else(|| Ok(Map::new()), files::object)?;
        if let Some(profile) = self.profile {
            let profile = match profile {
                ProfileName::Rfc => Profile::Rfc,
                ProfileName::IdentityCenter => Profile::IdentityCenter,
                ProfileName::IpsieAl1 => Profile::IpsieAl1,
                ProfileName::IpsieAl2 => Profile::IpsieAl2,
            };
            changes.insert("profile".to_owned(), json!(profile));
        }
        Ok(GivenSettings(changes))
    }
}

impl GivenSettings {
    fn build(self) -> Result<Settings, Failure> {
        Settings::read(self.0).map_err(Failure::Usage)
    }
}

impl TenantName {
    fn text(self) -> String {
        self.name.or(self.tenant).unwrap_or_default()
    }
}
