//! `token …`: what can be typed about the bearer tokens of tenants.

use std::time::Duration;

use clap::Subcommand;

use super::{Common, Lifetime, lifetime};
use crate::units;

/// `token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Issue a token and print its text, which cannot be shown again
    Create {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// A name for the token, such as that of the program that will use it
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What the token allows: read and write for an identity provider, events for an application that reads the
        /// feed of events
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', default_value = "read,write")]
        scopes: Vec<String>,
        #[command(flatten)]
        lifetime: Lifetime,
        #[command(flatten)]
        common: Common,
    },
    /// List tokens with their ids, dates and status; never their text
    List {
        /// The tenant's name or id; without it the tokens of all tenants
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Issue a token that replaces another, with its name and scopes
    ///
    /// Give the new token to the identity provider and test it. Then delete the old one; with --overlap the old one
    /// expires by itself.
    Rotate {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// The old token's name or id; not needed if the tenant has only one live token
        #[arg(value_name = "TOKEN")]
        token: Option<String>,
        /// Let the old token expire after this time
        #[arg(long, value_name = "DURATION", value_parser = units::duration)]
        overlap: Option<Duration>,
        /// How long the new token lives; without it as long as the old one was to
        #[arg(long, value_name = "DURATION", value_parser = lifetime)]
        lifetime: Option<Duration>,
        #[command(flatten)]
        common: Common,
    },
    /// Revoke a token; it stops working at once
    Delete {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// The token's name or id, as `token list` shows them
        #[arg(value_name = "TOKEN", required_unless_present = "token_id")]
        id: Option<String>,
        /// The same, as an option
        #[arg(long, value_name = "TOKEN", conflicts_with = "id")]
        token_id: Option<String>,
        #[command(flatten)]
        common: Common,
    },
}
