//! Every command and its arguments. The text of `--help` is here; what they do is in [`super::run`].

mod events;
mod schema;
mod transfer;

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

pub use self::{
    events::Events,
    schema::SchemaCommand,
    transfer::{Backup, Check, Export, Import, Migrate, Restore},
};
use super::{
    reference::Page,
    settings::{AllSettings, StoreSettings},
};
use crate::{token::ledger::LIFETIME, units};

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a store, and a tenant in it with its first token
    ///
    /// The token is shown this once. Also makes the administrators' token, in admin.token in the data
    /// directory. In a store that exists, adds a tenant.
    Init(Init),
    /// Serve SCIM until told to stop
    ///
    /// SIGTERM and SIGINT finish the requests in flight. SIGHUP reads the certificates and the
    /// configuration file again and opens the audit log again.
    Serve(Serve),
    /// Bring a database's schema to the version that this program needs
    ///
    /// Says which steps it has taken. Servers of the version before go on meanwhile.
    Migrate(Migrate),
    /// Make, list, change and remove tenants
    #[command(subcommand, arg_required_else_help = true)]
    Tenant(TenantCommand),
    /// Issue, list, rotate and revoke bearer tokens
    #[command(subcommand, arg_required_else_help = true)]
    Token(TokenCommand),
    /// Add, list and remove a tenant's own schemas
    #[command(subcommand, arg_required_else_help = true)]
    Schema(SchemaCommand),
    /// List and show users; make and remove them by hand
    #[command(subcommand, arg_required_else_help = true)]
    User(UserCommand),
    /// List and show groups; make and remove them by hand
    #[command(subcommand, arg_required_else_help = true)]
    Group(GroupCommand),
    /// Show what was changed in a tenant: when, by whom, and what
    ///
    /// The log is kept for event_retention. With --json each event is an object on a line of its own.
    /// Applications read the same at /{tenant_id}/events/v1.
    Events(Events),
    /// Show how provisioning stands: what is wrong, and what to do about it
    ///
    /// Exits with 1 when a provider cannot get in, or has been silent for too long.
    Status(Status),
    /// Verify that documents, indexes, memberships and counts agree
    ///
    /// Exit code 1 when something is wrong and was not repaired. Writes wait while it runs.
    Check(Check),
    /// Write a tenant, or everything, as JSON Lines
    Export(Export),
    /// Read what export has written
    ///
    /// If an import is interrupted, import the same file again: it goes on where it stopped. Until it
    /// has ended, its tenants answer 503.
    Import(Import),
    /// Write everything to a file, in one consistent state
    ///
    /// The file holds password hashes and token digests, and is readable by its owner only. Its last
    /// line tells whether it is whole.
    Backup(Backup),
    /// Make a store from a backup, in a data directory that has none
    ///
    /// If a restore is interrupted, start it again: it goes on where it stopped. For a database, use `import`.
    Restore(Restore),
    /// Print a page of the reference, as Markdown
    #[command(hide = true)]
    Reference {
        /// Which page.
        page: Page,
    },
}

/// `serve`
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub(super) settings: AllSettings,
    /// Say that the server is ready as a JSON object on one line, for a program
    #[arg(long)]
    pub(super) json: bool,
}

/// What every command about a store takes.
#[derive(Debug, Args)]
pub struct Common {
    #[command(flatten)]
    pub(super) settings: StoreSettings,
    /// Print JSON, for a program: an object, or an array from commands that list
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
    /// The rules that the tenant lives by [default: rfc]
    #[arg(long, value_name = "PROFILE")]
    pub(super) profile: Option<ProfileName>,
    /// A JSON file with further settings: schemas, indexes, strict, rate_limit …
    #[arg(long, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ProfileName {
    /// The RFCs, without other limitations
    Rfc,
    /// The constraints, quotas and error texts of AWS IAM Identity Center
    IdentityCenter,
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// The name of the tenant
    #[arg(long, value_name = "NAME")]
    pub(super) tenant: String,
    #[command(flatten)]
    pub(super) settings: TenantSettings,
    #[command(flatten)]
    pub(super) lifetime: Lifetime,
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

/// `tenant …`
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant, without a token
    Create {
        #[command(flatten)]
        name: TenantName,
        #[command(flatten)]
        settings: TenantSettings,
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
        /// Drop schemas that the file's `schemas` do not name
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Print a tenant's endpoint: what an identity provider is given as the base URL
    Endpoint {
        #[command(flatten)]
        name: TenantName,
        #[command(flatten)]
        common: Common,
    },
    /// Answer 403 to all of a tenant's requests from now on
    Disable {
        #[command(flatten)]
        name: TenantName,
        #[command(flatten)]
        common: Common,
    },
    /// Answer a disabled tenant's requests again
    Enable {
        #[command(flatten)]
        name: TenantName,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a tenant with everything in it
    Delete {
        #[command(flatten)]
        name: TenantName,
        /// Delete it even if it has live tokens
        #[arg(long)]
        force: bool,
        /// Do not ask to type the tenant's name, on a terminal; needed for --force elsewhere
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        common: Common,
    },
}

/// `token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Issue a token; its text is shown this once
    Create {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// What to call the token: whom it is for
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What the token may do: read and write for an identity provider, events for an application that reads the feed
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', default_value = "read,write")]
        scopes: Vec<String>,
        #[command(flatten)]
        lifetime: Lifetime,
        #[command(flatten)]
        common: Common,
    },
    /// List tokens: ids, dates, status; never their text
    List {
        /// The tenant's name or id; all tenants without it
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Issue a token that takes the place of another, with its name and scopes
    ///
    /// Give the new token to the identity provider and test it; then delete the old one, unless
    /// --overlap ends it by itself.
    Rotate {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// The other token's name or id; not needed when it is the only one that lives
        #[arg(value_name = "TOKEN")]
        token: Option<String>,
        /// End the old token after this time
        #[arg(long, value_name = "DURATION", value_parser = units::duration)]
        overlap: Option<Duration>,
        #[command(flatten)]
        lifetime: Lifetime,
        #[command(flatten)]
        common: Common,
    },
    /// Revoke a token, at once
    Delete {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// The token's name or id, as `token list` shows them
        #[arg(value_name = "TOKEN", required_unless_present = "token_id")]
        id: Option<String>,
        /// The same, as an option
        #[arg(long, value_name = "TOKEN", conflicts_with = "id")]
        token_id: Option<String>,
        #[command(flatten)]
        common: Common,
    },
}

/// The parts that `user` and `group` share.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(super) tenant: String,
    /// Only those that match, as in SCIM: 'userName sw "b"'
    #[arg(long)]
    pub(super) filter: Option<String>,
    /// Show at most this many
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Which user or group.
#[derive(Debug, Args)]
pub struct WhichArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(super) tenant: String,
    /// The id, or a user's userName or a group's displayName
    #[arg(value_name = "ID|NAME")]
    pub(super) name: String,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Which deleted users or groups.
#[derive(Debug, Args)]
pub struct DeletedArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(super) tenant: String,
    /// Only what this request deleted: its id, as in the audit log, the events and X-Request-Id
    #[arg(long, value_name = "REQUEST")]
    pub(super) request: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What to restore.
#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["id", "request"])]
pub struct RestoreArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(super) tenant: String,
    /// The id, as `deleted` lists it
    #[arg(value_name = "ID")]
    pub(super) id: Option<String>,
    /// All that this request deleted: its id, as in the audit log, the events and X-Request-Id
    #[arg(long, value_name = "REQUEST")]
    pub(super) request: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What to purge.
#[derive(Debug, Args)]
pub struct PurgeArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(super) tenant: String,
    /// The id, as `deleted` lists it
    #[arg(value_name = "ID")]
    pub(super) id: String,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Where a user or group is made.
#[derive(Debug, Args)]
pub struct MakeArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(super) tenant: String,
    /// A file with the JSON of the resource; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Do it even while an identity provider provisions the tenant
    #[arg(long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

/// `status`
#[derive(Debug, Args)]
pub struct Status {
    /// The tenant's name or id; all without it
    #[arg(long)]
    pub(super) tenant: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// `user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List users
    List(ListArguments),
    /// Show a user
    Show(WhichArguments),
    /// Make a user by hand
    Create {
        /// The userName
        #[arg(long, value_name = "NAME", required_unless_present = "file")]
        user_name: Option<String>,
        /// The given name
        #[arg(long, value_name = "NAME")]
        given_name: Option<String>,
        /// The family name
        #[arg(long, value_name = "NAME")]
        family_name: Option<String>,
        /// The display name
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// The primary email address
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        #[command(flatten)]
        make: MakeArguments,
    },
    /// Remove a user by hand
    Delete {
        #[command(flatten)]
        which: WhichArguments,
        /// Do it even while an identity provider provisions the tenant
        #[arg(long)]
        force: bool,
    },
    /// List the deleted users that can be restored
    Deleted(DeletedArguments),
    /// Restore a deleted user under its old id, with its groups
    Restore(RestoreArguments),
    /// Remove a deleted user for good, before the tenant's restore_window is over
    Purge(PurgeArguments),
}

/// `group …`
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// List groups
    List(ListArguments),
    /// Show a group
    Show(WhichArguments),
    /// Make a group by hand
    Create {
        /// The displayName
        #[arg(long, value_name = "NAME", required_unless_present = "file")]
        display_name: Option<String>,
        /// A member: its id, a user's userName or a group's displayName; may be given several times
        #[arg(long = "member", value_name = "ID|NAME")]
        members: Vec<String>,
        #[command(flatten)]
        make: MakeArguments,
    },
    /// Remove a group by hand
    Delete {
        #[command(flatten)]
        which: WhichArguments,
        /// Do it even while an identity provider provisions the tenant
        #[arg(long)]
        force: bool,
    },
    /// List the deleted groups that can be restored
    Deleted(DeletedArguments),
    /// Restore a deleted group under its old id, with its groups and members
    Restore(RestoreArguments),
    /// Remove a deleted group for good, before the tenant's restore_window is over
    Purge(PurgeArguments),
}

/// [`LIFETIME`], as it is typed.
fn a_year() -> String {
    format!("{}d", LIFETIME.as_secs() / 86_400)
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = units::duration(text)?;
    let range = Duration::from_secs(1)..=Duration::from_secs(10 * 366 * 86_400);
    if range.contains(&lifetime) { Ok(lifetime) } else { Err("a token lives from 1s to ten years".to_owned()) }
}
