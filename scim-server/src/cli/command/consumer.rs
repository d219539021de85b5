//! `consumer …`: what can be typed about consumers of the events.

use clap::{Args, Subcommand};

use super::Common;
use crate::units;

/// Which consumer.
#[derive(Debug, Args)]
pub struct WhichConsumer {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// The consumer's name or id
    #[arg(value_name = "CONSUMER")]
    pub(in crate::cli) name: String,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `consumer …`
#[derive(Debug, Subcommand)]
pub enum ConsumerCommand {
    /// Make a consumer: the server keeps how far it has come
    ///
    /// It begins with what happens from now on, unless --prefill or --after says otherwise.
    Create {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// What to call it: the application that reads
        #[arg(value_name = "NAME")]
        name: String,
        /// Begin with all users and groups as they are now
        #[arg(long)]
        prefill: bool,
        /// Begin behind this number
        #[arg(long, value_name = "NUMBER", conflicts_with = "prefill", allow_negative_numbers = true, value_parser = units::number::<u64>)]
        after: Option<u64>,
        /// Only these types, such as user.created,group.*
        #[arg(long, value_name = "TYPES", value_delimiter = ',')]
        types: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// List consumers, and how far each has come
    List {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        common: Common,
    },
    /// Take the batch from a worker that is dead; the next that asks gets it
    Release(WhichConsumer),
    /// Show a consumer
    Show(WhichConsumer),
    /// Remove a consumer; what it has not read is read by nobody
    Delete(WhichConsumer),
}
