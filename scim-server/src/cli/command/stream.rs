//! `stream …`: what can be typed about streams of security event tokens.

use clap::{Args, Subcommand};

use super::Common;

/// Which stream.
#[derive(Debug, Args)]
pub struct WhichStream {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// The stream's id
    #[arg(value_name = "STREAM")]
    pub(in crate::cli) id: String,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `stream …`
#[derive(Debug, Subcommand)]
pub enum StreamCommand {
    /// List streams, and how far each receiver is
    List {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        common: Common,
    },
    /// Show a stream: its receiver, what it gets, and how that goes
    Show(WhichStream),
    /// Give a receiver nothing for now; it gets what happens meanwhile when the stream is enabled again
    Pause {
        #[command(flatten)]
        which: WhichStream,
        /// Why: the receiver is told
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Give a receiver tokens again; what is to be sent is tried at once
    Enable(WhichStream),
    /// Remove a stream; what its receiver has not had it never gets
    Delete(WhichStream),
}
