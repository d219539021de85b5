//! `setup-link …`: what can be typed about links with which customers set up their providers.

use std::time::Duration;

use clap::Subcommand;

use super::Common;
use crate::{
    setup_link::{LIFETIME, LONGEST},
    units,
};

/// `setup-link …`
#[derive(Debug, Subcommand)]
pub enum SetupLinkCommand {
    /// Make a link for the administrator of a customer, and print it, this once
    ///
    /// It opens a page with the values to paste into an identity provider, makes the token or OAuth client there, and
    /// shows when the provider calls. It opens in one browser, once.
    Create {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// What to call the link: events name it as who did something [default: made up]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// How long the link and its page live, 90 days at most
        #[arg(long, value_name = "DURATION", default_value = a_week(), value_parser = lifetime)]
        expires: Duration,
        /// What else the page offers: tokens (make further tokens and clients, replace them), mapping (see and change
        /// it), log (the tenant's calls, without names and values); several with commas between them
        #[arg(long = "allow", value_name = "WHAT", value_delimiter = ',')]
        allows: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// List links: whether they were opened, and what was made with them; never their URLs
    List {
        /// The tenant's name or id; without it the links of all tenants
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a link; its page opens nothing from now on, also where it is open
    Delete {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// The link's name or id
        #[arg(value_name = "LINK")]
        link: String,
        #[command(flatten)]
        common: Common,
    },
}

/// [`LIFETIME`], as it is typed.
fn a_week() -> String {
    units::display(LIFETIME)
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = units::duration(text)?;
    let range = Duration::from_secs(1)..=LONGEST;
    if range.contains(&lifetime) { Ok(lifetime) } else { Err("a setup link lives from 1s to 90d".to_owned()) }
}
