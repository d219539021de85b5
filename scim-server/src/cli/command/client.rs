//! `client …`: what can be typed about OAuth clients.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, Subcommand};

use super::{Common, a_year};
use crate::{admin::lifetime::OF_SECRETS, units};

/// `client …`
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Make a client with its first secret, which is shown this once
    Create {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// What to call the client: whom it is for
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What its tokens may do: scim for all, scim.read, scim.write, scim.events for the feed, scim.introspect for
        /// a gateway that asks what tokens are good for; several with spaces or commas between them
        #[arg(long, value_name = "SCOPE", default_value = "scim")]
        scope: Vec<String>,
        /// Without a secret: for a client that only shows assertions (client trust add)
        #[arg(long)]
        no_secret: bool,
        #[command(flatten)]
        lifetime: SecretLifetime,
        #[command(flatten)]
        common: Common,
    },
    /// List a tenant's clients
    List {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        common: Common,
    },
    /// Show a client with its secrets and trusts; never a secret's text
    Show {
        #[command(flatten)]
        which: WhichClient,
        #[command(flatten)]
        common: Common,
    },
    /// Issue another secret for a client
    ///
    /// Give the new secret to the identity provider and test it; then delete the old one, unless
    /// --overlap ends it by itself.
    Rotate {
        #[command(flatten)]
        which: WhichClient,
        /// End the old secret after this time
        #[arg(long, value_name = "DURATION", value_parser = units::duration)]
        overlap: Option<Duration>,
        /// How long the new secret lives, three years at most; without it as long as the old one was to
        #[arg(long, value_name = "DURATION", value_parser = lifetime)]
        lifetime: Option<Duration>,
        #[command(flatten)]
        common: Common,
    },
    /// Give a client no token from now on; those that it has let nobody in
    Disable {
        #[command(flatten)]
        which: WhichClient,
        #[command(flatten)]
        common: Common,
    },
    /// Give a disabled client tokens again
    Enable {
        #[command(flatten)]
        which: WhichClient,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a client; its tokens let nobody in from now on
    Delete {
        #[command(flatten)]
        which: WhichClient,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a client's secrets
    #[command(subcommand, arg_required_else_help = true)]
    Secret(SecretCommand),
    /// Show why a client was refused lately: each check, what was expected and what came
    Trace {
        #[command(flatten)]
        which: WhichClient,
        #[command(flatten)]
        common: Common,
    },
    /// Say whose signed assertions stand for a client, instead of a secret
    #[command(subcommand, arg_required_else_help = true)]
    Trust(TrustCommand),
}

/// `client trust …`
#[derive(Debug, Subcommand)]
pub enum TrustCommand {
    /// Let a client authenticate by assertions of exactly this issuer, subject and audience (RFC 7523)
    #[command(group = ArgGroup::new("keys").required(true).args(["jwks_uri", "jwks_file"]))]
    Add {
        #[command(flatten)]
        which: WhichClient,
        /// Who signs the assertions: their iss
        #[arg(long, value_name = "TEXT")]
        issuer: String,
        /// Whom they stand for: their sub
        #[arg(long, value_name = "TEXT")]
        subject: String,
        /// Whom they are for: their aud
        #[arg(long, value_name = "TEXT")]
        audience: String,
        /// Where the issuer's public keys are; its host must be in jwks_hosts
        #[arg(long, value_name = "URL")]
        jwks_uri: Option<String>,
        /// A file with the issuer's public keys, as a JWK Set; - is standard input
        #[arg(long, value_name = "FILE")]
        jwks_file: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
    /// Remove a trust; the tokens that it got let nobody in from now on
    Remove {
        #[command(flatten)]
        which: WhichClient,
        /// The trust's id, as `client show` shows it
        #[arg(value_name = "TRUST")]
        trust: String,
        #[command(flatten)]
        common: Common,
    },
}

/// `client secret …`
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Remove a secret; the tokens that it got let nobody in from now on
    Delete {
        #[command(flatten)]
        which: WhichClient,
        /// The secret's id, as `client show` shows it
        #[arg(value_name = "SECRET")]
        secret: String,
        #[command(flatten)]
        common: Common,
    },
}

/// A client of a tenant.
#[derive(Debug, Args)]
pub struct WhichClient {
    /// The tenant's name or id
    #[arg(long)]
    pub(in crate::cli) tenant: String,
    /// The client's name or id
    #[arg(value_name = "CLIENT")]
    pub(in crate::cli) client: String,
}

/// How long a secret lives.
#[derive(Debug, Args)]
pub struct SecretLifetime {
    /// How long the secret lives, three years at most
    #[arg(long, value_name = "DURATION", default_value = a_year(), value_parser = lifetime)]
    pub(in crate::cli) lifetime: Duration,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = units::duration(text)?;
    if OF_SECRETS.contains(&lifetime) { Ok(lifetime) } else { Err("a secret lives from 1s to three years".to_owned()) }
}
