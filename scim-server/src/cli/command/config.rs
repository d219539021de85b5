//! `config …`, `health` and `completions`.

use clap::{Args, Subcommand};
use command_page::installed::Shell;

use crate::cli::settings::{AllSettings, StoreSettings};

/// `config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show each setting with its value and where that is from; passwords are hidden
    ///
    /// Takes every setting as a flag, as `serve` does.
    Show {
        #[command(flatten)]
        settings: AllSettings,
        /// Show only settings that differ from their default
        #[arg(long)]
        changed: bool,
        /// Print a JSON array, for programs
        #[arg(long)]
        json: bool,
    },
    /// Check the settings and the files that they name, as `serve` would read them
    ///
    /// Takes every setting as a flag, as `serve` does. Run it as the server's user before a restart or a reload. The exit
    /// code is 2 if a setting is wrong, and 1 if a file that one names cannot be used.
    Check {
        #[command(flatten)]
        settings: AllSettings,
        /// Print a JSON object, for programs
        #[arg(long)]
        json: bool,
    },
}

/// `health`
#[derive(Debug, Args)]
pub struct HealthArguments {
    #[command(flatten)]
    pub(in crate::cli) settings: StoreSettings,
    /// Print a JSON object, for programs
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// `completions`
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub(in crate::cli) shell: Shell,
}
