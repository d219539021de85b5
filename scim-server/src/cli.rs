//! The command line: what can be typed, and what it does.
//!
//! A command is parsed into an [`AdminRequest`] and a way to show what comes back; a session runs
//! it on the running server or on the store itself. Exit codes: 0 done, 1 failed, 2 wrong usage.
//!
//! [`AdminRequest`]: crate::admin::AdminRequest

mod command;
mod engine;
mod files;
mod limits;
mod reference;
mod run;
mod serve;
mod session;
mod settings;
mod show;
mod signals;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};

use crate::{admin::AdminError, config::ConfigError};
use command::Command;

/// The SCIM 2.0 service provider: RFC 7643, RFC 7644 and RFC 9865 for many tenants.
#[derive(Debug, Parser)]
#[command(
    name = "scim-server",
    version,
    disable_help_subcommand = true,
    after_help = "Begin with:\n  scim-server serve --data ./data --first-tenant default\n\nExit codes: 0 done, 1 failed, 2 wrong usage."
)]
struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// Why a command ended badly.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It was done wrong or could not be done: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// Nobody reads what is printed any more: nothing is left to say.
    #[error("standard output is closed")]
    Closed,
    /// It was asked for in a wrong way: exit code 2.
    #[error("{0}")]
    Usage(String),
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// The command line as data, for whoever wants to hold something against it.
pub fn definition() -> clap::Command {
    Cli::command()
}

/// Parses the command line of this process and does what it says.
pub fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::Failed(format!("cannot start threads: {error}"))),
    };
    match runtime.block_on(command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    let code = match failure {
        Failure::Closed => return ExitCode::from(1),
        Failure::Failed(_) => 1,
        Failure::Usage(_) => 2,
    };
    show::complain(&failure.to_string());
    ExitCode::from(code)
}
