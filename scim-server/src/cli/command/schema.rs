//! The arguments of `schema …`.

use std::path::PathBuf;

use clap::Subcommand;

use super::Common;

/// `schema …`
#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// Add a schema: an extension of a resource type, or one with a resource type of its own
    Add {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// A file with the JSON of the definition; - is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace the schema with the same URN
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        common: Common,
    },
    /// List the schemas that were added, and how many resources use them
    List {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a schema that was added
    Remove {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// The schema's URN or name
        #[arg(value_name = "URN|NAME")]
        schema: String,
        /// Remove it even if resources use it; the server then no longer returns its values
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        common: Common,
    },
}
