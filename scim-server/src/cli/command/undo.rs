//! The arguments of `undo`.

use clap::Args;

use super::Common;

/// `undo`
#[derive(Debug, Args)]
pub struct UndoArguments {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// Put back what happened after this event: its number, as `events` shows it
    #[arg(long, value_name = "SEQUENCE", allow_negative_numbers = true, value_parser = sequence)]
    pub(in crate::cli) since: u64,
    /// Up to this event and no further [default: the newest]
    #[arg(long, value_name = "SEQUENCE", allow_negative_numbers = true, value_parser = sequence)]
    pub(in crate::cli) until: Option<u64>,
    /// Only what this token or client did: its name or id; or admin, for what was done by hand
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) actor: Option<String>,
    /// Show what would be put back, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// The number of an event.
fn sequence(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| {
        "it is the number of an event, and no time: `scim-server events --since TIME` lists the events from a time on, with their numbers".to_owned()
    })
}
