//! The arguments of `brake …`.

use clap::{Args, Subcommand};

use super::Common;

/// `brake …`
#[derive(Debug, Subcommand)]
pub enum BrakeCommand {
    /// Show the brake, why it has tripped, and what waits
    Show(WhichBrake),
    /// Let everything go on: events go out, and for the length of the window nothing is counted
    Approve(WhichBrake),
    /// Put back what was deactivated, deleted or taken out of groups, then let the events go out
    ///
    /// What somebody else has changed since is refused; the exit code is then 1.
    Undo {
        #[command(flatten)]
        which: WhichBrake,
        /// Show what would be put back, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which brake.
#[derive(Debug, Args)]
pub struct WhichBrake {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}
