//! `events`: what can be typed about the log of changes.

use clap::Args;

use super::Common;

/// `events`
#[derive(Debug, Args)]
pub struct Events {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// Those after this number, or from this time on (2026-11-28T09:00:00Z); without it all that are kept
    #[arg(long, value_name = "NUMBER|TIME")]
    pub(in crate::cli) since: Option<String>,
    /// Only these types, such as user.created,group.*
    #[arg(long, value_name = "TYPES")]
    pub(in crate::cli) types: Option<String>,
    /// Go on with what happens, until it is interrupted
    #[arg(long)]
    pub(in crate::cli) follow: bool,
    // With --json each event is an object on a line of its own, so that a program can read while it follows.
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}
