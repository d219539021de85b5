//! The arguments of `status`, and of the commands about deleted users and groups.

use clap::Args;

use super::Common;

/// Which deleted users or groups.
#[derive(Debug, Args)]
pub struct DeletedArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// Only what this request deleted: its id, as in the audit log, the events and X-Request-Id
    #[arg(long, value_name = "REQUEST")]
    pub(in crate::cli) request: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// What to restore.
#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["id", "request"])]
pub struct RestoreArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// The id, as `deleted` lists it
    #[arg(value_name = "ID")]
    pub(in crate::cli) id: Option<String>,
    /// All that this request deleted: its id, as in the audit log, the events and X-Request-Id
    #[arg(long, value_name = "REQUEST")]
    pub(in crate::cli) request: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// What to purge.
#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["id", "request"])]
pub struct PurgeArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// The id, as `deleted` lists it
    #[arg(value_name = "ID")]
    pub(in crate::cli) id: Option<String>,
    /// All that this request deleted: its id, as in the audit log, the events and X-Request-Id
    #[arg(long, value_name = "REQUEST")]
    pub(in crate::cli) request: Option<String>,
    /// Do not ask for confirmation; without a terminal nothing is asked
    #[arg(long)]
    pub(in crate::cli) yes: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `status`
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The tenant's name or id; without it all tenants
    #[arg(long)]
    pub(in crate::cli) tenant: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}
