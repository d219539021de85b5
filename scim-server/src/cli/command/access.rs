//! `access …`: what can be typed about access attributes.

use clap::{Args, Subcommand};

use super::Common;

/// Which tenant.
#[derive(Debug, Args)]
pub struct WhichAccess {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `access …`
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    /// Make a key, or give it another value
    ///
    /// A value is one path, such as '${path:enterprise.costCenter}' or '${path:emails[primary eq true].value}', or a
    /// fixed text.
    Set {
        #[command(flatten)]
        which: WhichAccess,
        /// The key, as policies name it
        #[arg(value_name = "KEY")]
        key: String,
        /// Where its value comes from
        #[arg(value_name = "VALUE")]
        value: String,
    },
    /// List the keys
    List(WhichAccess),
    /// Remove a key
    Remove {
        #[command(flatten)]
        which: WhichAccess,
        /// The key
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Remove all keys
    Disable {
        #[command(flatten)]
        which: WhichAccess,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Show what an application is told of a user
    Show {
        #[command(flatten)]
        which: WhichAccess,
        /// The user's id or userName
        #[arg(value_name = "ID|NAME")]
        user: String,
    },
}
