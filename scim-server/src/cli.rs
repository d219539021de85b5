//! The command line: commands, their arguments, and what they do.
//!
//! A command is parsed into an [`AdminRequest`] and a way to show what comes back; a session runs
//! it on the running server or on the store itself. Exit codes: 0 done, 1 failed, 2 wrong usage.
//!
//! [`AdminRequest`]: crate::admin::AdminRequest

mod command;
mod csv;
mod descriptors;
mod doctor;
mod effective;
mod engine;
mod fault;
mod files;
mod follow;
mod health;
mod limits;
mod memory;
mod reference;
mod run;
mod serve;
mod session;
mod settings;
mod show;
mod signals;
mod typed;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};
use scim_protocol::error::bounded;

use crate::{admin::AdminError, config::ConfigError};
use command::Command;

/// The SCIM 2.0 service provider: RFC 7643, RFC 7644 and RFC 9865 for many tenants.
#[derive(Debug, Parser)]
#[command(
    name = "scim-server",
    version = command_page::version(env!("CARGO_PKG_VERSION")),
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
    /// The command failed: exit code 1.
    #[error("{said}")]
    Failed {
        /// What is told of it, with what to do.
        said: String,
        /// What it comes from, where that is an error, too.
        source: Option<Cause>,
    },
    /// Nobody reads what is printed any more: nothing is left to say.
    #[error("standard output is closed")]
    Closed,
    /// The command line was wrong: exit code 2.
    #[error("{0}")]
    Usage(String),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Failure {
    /// A failure that nothing else has caused.
    fn said(said: impl Into<String>) -> Self {
        Self::Failed { said: said.into(), source: None }
    }

    /// A failure in these words, with the error that it comes from.
    fn because(said: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::Failed { said: said.into(), source: Some(cause.into()) }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        Self::because(error.to_string(), error)
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
    // Also when what was typed is not understood, the answer has the form that was asked for.
    let json = std::env::args_os().any(|argument| argument == "--json");
    let command = match Cli::try_parse() {
        Ok(Cli { command }) => command,
        Err(error) if json && error.use_stderr() => {
            let message = error.to_string();
            return report(&Failure::Usage(message.trim_start_matches("error: ").trim_end().to_owned()), json);
        }
        Err(error) => {
            let text = error.to_string();
            let told = if error.use_stderr() { bounded(text.clone()) } else { text.clone() };
            let shown = command_page::terminal::lines(&told);
            let _ = if shown == text {
                error.print()
            } else {
                std::io::Write::write_all(&mut std::io::stderr(), shown.as_bytes())
            };
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::because(format!("cannot start threads: {error}"), error), json),
    };
    let taken = {
        let _entered = runtime.enter();
        signals::outlive_file_limit()
    };
    if let Err(error) = taken {
        return report(&Failure::because(format!("cannot take signals: {error}"), error), json);
    }
    match runtime.block_on(command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure, json),
    }
}

fn report(failure: &Failure, json: bool) -> ExitCode {
    let code = match failure {
        Failure::Closed => return ExitCode::from(1),
        Failure::Failed { .. } => 1,
        Failure::Usage(_) => 2,
    };
    show::complain(&failure.to_string(), code, json);
    ExitCode::from(code)
}
