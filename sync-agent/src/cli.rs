//! The command line. Each command has its place in `cli/`; here they are only named and told apart.

pub mod approve;
pub mod once;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::state::held::Decision;

/// Makes a SCIM server agree with a part of an LDAP directory or of Active Directory.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// The configuration file.
    #[arg(long, short, global = true, default_value = "sync-agent.toml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what a run would do, object by object, without doing it.
    Plan {
        /// Write the plan as JSON in place of words.
        #[arg(long)]
        json: bool,
        /// Show every action, and not only some of each kind.
        #[arg(long, short)]
        verbose: bool,
        /// Save the plan, to have exactly it done by `apply FILE`.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Do it once.
    ///
    /// With a file that `plan --out` has saved exactly that plan is done; it is refused when the
    /// directory or the target has moved since.
    Apply {
        /// A saved plan.
        file: Option<PathBuf>,
    },
    /// Have done what a limit of [safety] held back: exactly that, in the next run.
    Approve,
    /// Leave undone what a limit of [safety] held back, and do not ask again about the same.
    Reject,
}

/// The program. Exit code 0: done; 1: done, but some objects have problems; 2: nothing could be done.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::new("warn,sync_agent=info");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .init();
    let outcome = match arguments.command {
        Command::Plan { json, verbose, out } => {
            let form = if json { once::Form::Json } else { once::Form::Words { verbose } };
            once::plan(&arguments.config, form, out.as_deref())
        }
        Command::Apply { file } => once::apply(&arguments.config, file.as_deref()),
        Command::Approve => approve::decide(&arguments.config, Decision::Approved),
        Command::Reject => approve::decide(&arguments.config, Decision::Rejected),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
