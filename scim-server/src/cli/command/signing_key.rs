//! `signing-key …`: what can be typed about the keys that sign security event tokens.

use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use super::Common;
use crate::units;

/// How a key signs.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum KeyAlgorithm {
    /// Ed25519
    #[value(name = "EdDSA")]
    EdDsa,
    /// ECDSA with P-256 and SHA-256
    #[value(name = "ES256")]
    Es256,
}

/// `signing-key …`
#[derive(Debug, Subcommand)]
pub enum SigningKeyCommand {
    /// List the keys that receivers are shown
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Make a key that signs from now on; the one before is shown beside it for a while
    Rotate {
        /// How the new key signs; as the one before, unless you say otherwise
        #[arg(long, value_enum)]
        algorithm: Option<KeyAlgorithm>,
        /// How long the keys before are shown at most, up to 90d; 0s withdraws them at once, as after a leak
        #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = units::duration)]
        overlap: Duration,
        #[command(flatten)]
        common: Common,
    },
    /// Withdraw a key that signs no more, before its time; what it has signed can no longer be verified
    Remove {
        /// The key's id, as the list has it
        #[arg(value_name = "KEY", allow_hyphen_values = true)]
        key_id: String,
        #[command(flatten)]
        common: Common,
    },
}
