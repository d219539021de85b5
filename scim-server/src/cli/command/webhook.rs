//! `webhook …`: what can be typed about webhooks.

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};

use super::Common;
use crate::units;

/// Which webhook.
#[derive(Debug, Args)]
pub struct WhichWebhook {
    /// The webhook's id
    #[arg(value_name = "WEBHOOK")]
    pub(in crate::cli) id: String,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
}

/// `webhook …`
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Make a webhook; its secret is shown this once
    ///
    /// It gets what happens from now on. Messages are signed as Standard Webhooks 1.0 has it, with the secret (v1)
    /// and with the key whose public part is shown too (v1a).
    #[command(group = ArgGroup::new("whose").required(true).args(["tenant", "all_tenants"]))]
    Create {
        /// The tenant's name or id
        #[arg(long)]
        tenant: Option<String>,
        /// Send the events of all tenants, also of those that are made later
        #[arg(long)]
        all_tenants: bool,
        /// Where messages are sent: https://…
        #[arg(long, value_name = "URL")]
        url: String,
        /// Only these types, such as user.created,group.*
        #[arg(long, value_name = "TYPES", value_delimiter = ',')]
        types: Vec<String>,
        /// At most so many messages a second, 1 to 100000 [default: 10000]
        #[arg(long, value_name = "NUMBER")]
        rate: Option<u32>,
        #[command(flatten)]
        common: Common,
    },
    /// List webhooks
    List {
        /// Those that get this tenant's events; all without it
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Show a webhook, and how far it is
    Show(WhichWebhook),
    /// Change how many messages a second a webhook gets at most
    Update {
        #[command(flatten)]
        which: WhichWebhook,
        /// At most so many, 1 to 100000
        #[arg(long, value_name = "NUMBER")]
        rate: u32,
    },
    /// Remove a webhook
    Delete(WhichWebhook),
    /// Send messages again to a webhook that was disabled; they go on where they ended
    Enable(WhichWebhook),
    /// Send a message that says nothing, and tell whether it was taken
    Test(WhichWebhook),
    /// Give a webhook new keys; the new secret is shown this once
    Rotate {
        #[command(flatten)]
        which: WhichWebhook,
        /// How long messages have the signatures of both
        #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = units::duration)]
        overlap: Duration,
    },
    /// Send the messages of some events again
    Replay {
        #[command(flatten)]
        which: WhichWebhook,
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// The first number
        #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = units::number::<u64>)]
        from: u64,
        /// The last number; the newest without it
        #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = units::number::<u64>)]
        to: Option<u64>,
    },
    /// List the messages that were given up
    DeadLetters {
        #[command(flatten)]
        which: WhichWebhook,
        /// Send them again
        #[arg(long)]
        send_again: bool,
    },
}
