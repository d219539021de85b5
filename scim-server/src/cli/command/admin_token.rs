//! `admin-token …`: what can be typed about the tokens of administrators.

use std::time::Duration;

use clap::Subcommand;

use super::{Common, Lifetime, lifetime};
use crate::{admin::Role, units};

/// `admin-token …`
#[derive(Debug, Subcommand)]
pub enum AdminTokenCommand {
    /// Issue a token and print its text, which cannot be shown again
    Create {
        /// What events will call whoever uses it, such as the name of a program
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What it allows. viewer: to look; operator: also to handle people, tokens, clients, webhooks, the brake and
        /// what was deleted; administrator: everything; agent: nothing but to report, for a sync-agent
        #[arg(long, value_name = "ROLE", value_parser = Role::parse)]
        role: Role,
        /// The name or id of the only tenant that it is for; without it any tenant, and the server itself
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        lifetime: Lifetime,
        #[command(flatten)]
        common: Common,
    },
    /// List the tokens with their roles, dates and status; never their text
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Issue a token that replaces another, with its name, role and tenant
    ///
    /// Without --overlap the old one lives until you delete it.
    Rotate {
        /// The old token's name or id
        #[arg(value_name = "TOKEN")]
        token: String,
        /// Let the old token expire after this time
        #[arg(long, value_name = "DURATION", value_parser = units::duration)]
        overlap: Option<Duration>,
        /// How long the new token lives; without it as long as the old one was to
        #[arg(long, value_name = "DURATION", value_parser = lifetime)]
        lifetime: Option<Duration>,
        #[command(flatten)]
        common: Common,
    },
    /// Delete a token; it stops working at once
    Delete {
        /// The token's name or id
        #[arg(value_name = "TOKEN")]
        token: String,
        #[command(flatten)]
        common: Common,
    },
}
