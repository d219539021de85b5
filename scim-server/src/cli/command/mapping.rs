//! `mapping …`: what can be typed about rewrites of what a provider sends.

use std::path::PathBuf;

use clap::Subcommand;

use super::Common;

/// `mapping …`
#[derive(Debug, Subcommand)]
pub enum MappingCommand {
    /// Replace all rewrites by those of a file
    Set {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// A JSON file with a list of rewrites, applied in this order; an empty list removes all
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Show what they would do to the users and groups that are stored, and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        common: Common,
    },
    /// List the rewrites
    List {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        common: Common,
    },
    /// Show what the rewrites make of a request that a provider has sent
    Show {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// A JSON file with the body of a POST or PUT
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The resource type that it is about
        #[arg(long = "type", value_name = "TYPE", default_value = "User")]
        resource_type: String,
        #[command(flatten)]
        common: Common,
    },
}
