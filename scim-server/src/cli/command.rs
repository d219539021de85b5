//! Every command and its arguments. The text of `--help` is here; what they do is in [`super::run`].

mod access;
mod admin_token;
mod agent;
mod brake;
mod client;
mod config;
mod consumer;
mod events;
mod lifecycle;
mod mapping;
mod provider;
mod requests;
mod resource;
mod role;
mod schema;
mod setup_link;
mod signing_key;
mod stream;
mod token;
mod transfer;
mod undo;
mod webhook;

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

pub use self::{
    access::{AccessCommand, WhichAccess},
    admin_token::AdminTokenCommand,
    agent::AgentCommand,
    brake::{BrakeCommand, WhichBrake},
    client::{ClientCommand, SecretCommand, TrustCommand},
    config::{CompletionsArguments, ConfigCommand, HealthArguments},
    consumer::{ConsumerCommand, WhichConsumer},
    events::EventsArguments,
    lifecycle::{DeletedArguments, PurgeArguments, RestoreArguments, StatusArguments},
    mapping::MappingCommand,
    provider::ProviderName,
    requests::{ListRequestsArguments, RequestsCommand},
    resource::{
        GroupCommand, HandArguments, ListArguments, MakeArguments, StaleArguments, UserCommand, WhichArguments,
    },
    role::{RoleCommand, WhichRoles},
    schema::SchemaCommand,
    setup_link::SetupLinkCommand,
    signing_key::{KeyAlgorithm, SigningKeyCommand},
    stream::{StreamCommand, WhichStream},
    token::TokenCommand,
    transfer::{
        BackupArguments, BackupRestoreArguments, CheckArguments, ExportArguments, ImportArguments, MigrateArguments,
    },
    undo::UndoArguments,
    webhook::{WebhookCommand, WhichWebhook},
};
use super::{
    reference::ReferencePage,
    settings::{AllSettings, StoreSettings},
};
use crate::{admin::lifetime::OF_TOKENS, token::ledger::LIFETIME, units};

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a store, and in it a tenant with its first token
    ///
    /// Prints the token once; the server cannot show it again. Also creates the administrators' token, in the file
    /// admin.token of the data directory. If the store exists, the command adds a tenant to it.
    Init(InitArguments),
    /// Serve SCIM until told to stop
    ///
    /// SIGTERM and SIGINT finish the requests in flight. SIGHUP reads the certificates and the
    /// configuration file again and opens the audit log again.
    Serve(ServeArguments),
    /// Print a link that signs you in to the console, once
    ///
    /// The link is good for five minutes. The server must be running on the data directory, with --console.
    Console(ConsoleArguments),
    /// Bring a database's schema to the version that this program needs
    ///
    /// Prints the steps that it took. Servers of the previous version can keep running meanwhile.
    Migrate(MigrateArguments),
    /// Create, list, change and delete tenants
    #[command(subcommand, arg_required_else_help = true)]
    Tenant(TenantCommand),
    /// Issue, list, rotate and revoke bearer tokens
    #[command(subcommand, arg_required_else_help = true)]
    Token(TokenCommand),
    /// Issue, list, rotate and delete the tokens of administrators, for programs that use the management API
    #[command(subcommand, arg_required_else_help = true)]
    AdminToken(AdminTokenCommand),
    /// Look at the agents that report to this server (sync-agent), and decide about what they hold back
    #[command(subcommand, arg_required_else_help = true)]
    Agent(AgentCommand),
    /// Make, list, rotate and remove OAuth clients
    #[command(subcommand, arg_required_else_help = true)]
    Client(ClientCommand),
    /// Make, list and remove links with which customers set up their providers
    #[command(subcommand, arg_required_else_help = true)]
    SetupLink(SetupLinkCommand),
    /// Add, list and remove a tenant's own schemas
    #[command(subcommand, arg_required_else_help = true)]
    Schema(SchemaCommand),
    /// Say what an application is told of users: keys for its policies, made of attributes
    #[command(subcommand, arg_required_else_help = true)]
    Access(AccessCommand),
    /// Say which roles the members of which groups have
    #[command(subcommand, arg_required_else_help = true)]
    Role(RoleCommand),
    /// Rewrite what a provider sends: rename, copy, lower-case, default, keep the primary of several
    #[command(subcommand, arg_required_else_help = true)]
    Mapping(MappingCommand),
    /// List and show users; create, change and delete them by hand
    #[command(subcommand, arg_required_else_help = true)]
    User(UserCommand),
    /// List and show groups; create, change and delete them by hand
    #[command(subcommand, arg_required_else_help = true)]
    Group(GroupCommand),
    /// Show the events of a tenant: what was changed, when, and by whom
    ///
    /// The server keeps events for event_retention. Applications read the same events at /{tenant_id}/events/v1.
    Events(EventsArguments),
    /// Search the log of requests: which calls came, what each meant, why it failed, and what to do about it
    #[command(subcommand, arg_required_else_help = true)]
    Requests(RequestsCommand),
    /// Show the state of provisioning, what is wrong, and what to do about it
    ///
    /// The exit code is 1 if a tenant is failing: nobody provisions it, or nobody can, a database is away, or no server runs.
    /// Warnings do not change it.
    Status(StatusArguments),
    /// Look at what the server needs: its clock, certificate, disk, permissions, databases and public URL, by a request through it
    ///
    /// Run it on the server's machine, as its user and with its settings. The exit code is 0 if all is well or there are only
    /// warnings, 1 if a check fails, 2 if the settings cannot be read.
    Doctor(DoctorArguments),
    /// Ask the running server whether it can take requests
    ///
    /// For health checks of containers. The exit code is 1, with the reason, if it cannot or if no server runs.
    Health(HealthArguments),
    /// Show or check the settings, without starting a server
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
    /// Put back what was changed: users and groups become as they were before
    ///
    /// Deleted ones are restored, new ones are deleted, values and members are put back. What somebody else has changed
    /// since is refused; the exit code is then 1. An undo that was interrupted is completed by the same command.
    Undo(UndoArguments),
    /// Look at the brake on mass deprovisioning; let it go on, or put it back
    #[command(subcommand, arg_required_else_help = true)]
    Brake(BrakeCommand),
    /// Create, list, show and delete consumers of a tenant's events
    #[command(subcommand, arg_required_else_help = true)]
    Consumer(ConsumerCommand),
    /// Create, list, test and delete webhooks, which receive each event
    #[command(subcommand, arg_required_else_help = true)]
    Webhook(WebhookCommand),
    /// List, pause and remove streams of security event tokens, which receivers make
    #[command(subcommand, arg_required_else_help = true)]
    Stream(StreamCommand),
    /// List, rotate and remove the keys that sign security event tokens
    #[command(subcommand, arg_required_else_help = true)]
    SigningKey(SigningKeyCommand),
    /// Verify that documents, indexes, memberships and counts agree
    ///
    /// The exit code is 1 if something is wrong and was not repaired. Writes wait while the command runs.
    Check(CheckArguments),
    /// Write one tenant, or all of them, as JSON Lines
    Export(ExportArguments),
    /// Read a file that export or backup has written
    ///
    /// If an import is interrupted, import the same file again: the import continues where it stopped. The tenants of
    /// the file answer 503 until the import is complete.
    Import(ImportArguments),
    /// Write the whole store to a file, in one consistent state
    ///
    /// The file contains password hashes and token digests; only its owner can read it. Its last line shows that the
    /// file is complete.
    Backup(BackupArguments),
    /// Create a store from a backup, in a data directory that has no store
    ///
    /// If a restore is interrupted, start it again: it continues where it stopped. For a database, use `import`.
    Restore(BackupRestoreArguments),
    /// Print the completions of a shell
    Completions(CompletionsArguments),
    /// Write the manual pages into a directory
    #[command(hide = true)]
    Manual {
        /// The directory, which is made.
        directory: PathBuf,
    },
    /// Print a page of the reference, as Markdown
    #[command(hide = true)]
    Reference {
        /// Which page.
        page: ReferencePage,
    },
}

/// `serve`
#[derive(Debug, Args)]
pub struct ServeArguments {
    #[command(flatten)]
    pub(super) settings: AllSettings,
    /// Print the line that says the server is ready as a JSON object, for programs
    #[arg(long)]
    pub(super) json: bool,
}

/// `console`
#[derive(Debug, Args)]
pub struct ConsoleArguments {
    #[command(flatten)]
    pub(super) common: Common,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct DoctorArguments {
    #[command(flatten)]
    pub(super) settings: AllSettings,
    /// Print a JSON array, for programs
    #[arg(long)]
    pub(super) json: bool,
}

/// What every command about a store takes.
#[derive(Debug, Args)]
pub struct Common {
    #[command(flatten)]
    pub(super) settings: StoreSettings,
    /// Print JSON, for programs: an object, or an array from commands that list
    #[arg(long)]
    pub(super) json: bool,
}

/// A tenant, named in one of two ways.
#[derive(Debug, Args)]
pub struct TenantName {
    /// The tenant's name or id
    #[arg(value_name = "TENANT", required_unless_present = "tenant")]
    pub(super) name: Option<String>,
    /// The same, as an option
    #[arg(long, value_name = "TENANT", conflicts_with = "name")]
    pub(super) tenant: Option<String>,
}

/// What is set for a tenant.
#[derive(Debug, Args)]
pub struct TenantSettings {
    /// The rules that apply to the tenant [default: rfc]
    #[arg(long, value_name = "PROFILE")]
    pub(super) profile: Option<ProfileName>,
    /// A JSON file with further settings: schemas, indexes, strict, rate_limit …
    #[arg(long, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
}

/// Where a new tenant is kept.
#[derive(Debug, Args)]
pub struct WhichDatabase {
    /// Of several databases, the number of the one for the tenant: 1 is the first --store [default: the one with the fewest tenants]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::number::<usize>)]
    pub(super) database: Option<usize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ProfileName {
    /// The RFCs, without further restrictions
    Rfc,
    /// The restrictions, quotas and error texts of AWS IAM Identity Center
    IdentityCenter,
    /// The IPSIE profile of the OpenID Foundation, draft 00: account lifecycle, by OAuth with assertions only
    #[value(name = "ipsie-al1")]
    IpsieAl1,
    /// The same with attributes, and without passwords
    #[value(name = "ipsie-al2")]
    IpsieAl2,
}

/// `init`
#[derive(Debug, Args)]
pub struct InitArguments {
    /// The name of the tenant
    #[arg(long, value_name = "NAME")]
    pub(super) tenant: String,
    #[command(flatten)]
    pub(super) settings: TenantSettings,
    #[command(flatten)]
    pub(super) lifetime: Lifetime,
    #[command(flatten)]
    pub(super) database: WhichDatabase,
    #[command(flatten)]
    pub(super) common: Common,
}

/// How long a token lives.
#[derive(Debug, Args)]
pub struct Lifetime {
    /// How long the token lives
    #[arg(long, value_name = "DURATION", default_value = a_year(), value_parser = lifetime)]
    pub(super) lifetime: Duration,
}

/// Who may change a tenant's users and groups.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SourceName {
    Any,
    Directory,
    Manual,
    Scim,
}

/// `tenant …`
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Create a tenant, without a token
    Create {
        #[command(flatten)]
        name: TenantName,
        #[command(flatten)]
        settings: TenantSettings,
        #[command(flatten)]
        database: WhichDatabase,
        #[command(flatten)]
        common: Common,
    },
    /// List the tenants
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show a tenant and its settings
    Show {
        #[command(flatten)]
        name: TenantName,
        #[command(flatten)]
        common: Common,
    },
    /// Change some of a tenant's settings
    #[command(group = ArgGroup::new("what").required(true).multiple(true).args(["profile", "settings"]))]
    Set {
        #[command(flatten)]
        name: TenantName,
        #[command(flatten)]
        settings: TenantSettings,
        /// Remove the schemas that `schemas` in the file does not name
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Print a tenant's endpoint: the base URL for the identity provider
    Endpoint {
        #[command(flatten)]
        name: TenantName,
        #[command(flatten)]
        common: Common,
    },
    /// Print what to paste into an identity provider: the endpoints and the OAuth client
    Connection {
        #[command(flatten)]
        name: TenantName,
        /// The OAuth client's name or id; not needed when there is one only
        #[arg(long)]
        client: Option<String>,
        /// Use this provider's names for the fields
        #[arg(long, value_name = "PROVIDER")]
        provider: Option<ProviderName>,
        #[command(flatten)]
        common: Common,
    },
    /// Choose who may change the tenant's users and groups
    ///
    /// Prints what would be kept and lost, and changes nothing without --confirm.
    Source {
        #[command(flatten)]
        name: TenantName,
        /// manual: administrators; scim: an identity provider; directory: sync-agent; any: whoever may write
        #[arg(long, value_name = "SOURCE")]
        to: SourceName,
        /// The name or id of the only token or OAuth client that may write; a directory needs it
        #[arg(long, value_name = "ID|NAME")]
        writer: Option<String>,
        /// The tenant's name again: do it
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Move a tenant to another database of the store, while it is served
    ///
    /// Ids, versions, events and their numbers stay as they are. At the end, writes get 503 for about two seconds. If
    /// the command is interrupted, the tenant stays where it is, and the command can be started again.
    Move {
        #[command(flatten)]
        name: TenantName,
        /// The number of the database: 1 is the first --store
        #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::number::<usize>)]
        to: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Disable a tenant: its requests get 403
    Disable {
        #[command(flatten)]
        name: TenantName,
        #[command(flatten)]
        common: Common,
    },
    /// Enable a disabled tenant
    Enable {
        #[command(flatten)]
        name: TenantName,
        #[command(flatten)]
        common: Common,
    },
    /// Delete a tenant with everything in it
    Delete {
        #[command(flatten)]
        name: TenantName,
        /// Delete it even if it has live tokens
        #[arg(long)]
        force: bool,
        /// Do not ask for confirmation; --force needs it when there is no terminal
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        common: Common,
    },
}

/// [`LIFETIME`], as it is typed.
fn a_year() -> String {
    format!("{}d", LIFETIME.as_secs() / 86_400)
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = units::duration(text)?;
    if OF_TOKENS.contains(&lifetime) { Ok(lifetime) } else { Err("a token lives from 1s to ten years".to_owned()) }
}
