//! The arguments of `events`.

use clap::{ArgGroup, Args};

use crate::cli::settings::StoreSettings;

/// `events`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whose").required(true).args(["tenant", "server"]))]
pub struct EventsArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: Option<String>,
    /// The server's own log: its administrators, tenants, keys, exports and imports
    #[arg(long)]
    pub(in crate::cli) server: bool,
    /// Only events after this number, or from this time on (2026-11-28T09:00:00Z)
    #[arg(long, value_name = "NUMBER|TIME")]
    pub(in crate::cli) since: Option<String>,
    /// Only these types, such as user.created,group.*
    #[arg(long, value_name = "TYPES")]
    pub(in crate::cli) types: Option<String>,
    /// Keep printing new events until interrupted
    #[arg(long)]
    pub(in crate::cli) follow: bool,
    #[command(flatten)]
    pub(in crate::cli) settings: StoreSettings,
    /// Print JSON, for programs: each event is an object on a line of its own
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
