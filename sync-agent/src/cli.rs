//! The command line. Each command has its place in `cli/`; here they are only named and told apart.

pub mod check;
pub mod errors;
pub mod once;
pub mod reference;
pub mod service;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Makes a SCIM server agree with a part of an LDAP directory or of Active Directory.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Arguments {
    /// The configuration file.
    #[arg(long, short, global = true, default_value = "sync-agent.toml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try both sides, and say what works and what does not.
    ///
    /// Connects, binds, reads every user and group once, asks the target what it can do. Writes
    /// nothing. Exit code 1 if something must be changed.
    Check {
        /// Print the findings as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what a run would do, object by object, without doing it.
    ///
    /// Each line is one action with its reason; changes show the old and the new value. Nothing is
    /// written, and no mark is moved: the next run sees the same.
    Plan {
        /// Write the plan as JSON in place of words.
        #[arg(long)]
        json: bool,
        /// Compare everything on both sides, and not only what has changed.
        #[arg(long)]
        full: bool,
    },
    /// Do it once.
    ///
    /// Objects that failed before are tried again at once. Ends with exit code 1 if some objects
    /// have problems; all others are done.
    Apply {
        /// Print what was done as JSON.
        #[arg(long)]
        json: bool,
        /// Compare everything on both sides, and not only what has changed.
        #[arg(long)]
        full: bool,
    },
    /// Run as a daemon, cycle by cycle.
    ///
    /// Hourly by default, as `[schedule]` says. SIGTERM ends it in good order, also in mid-cycle; SIGHUP
    /// reads the configuration again.
    Run,
    /// Say how it stands: the last cycles, the next, what is quarantined and why.
    Status {
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Stop writing until `resume`.
    ///
    /// What changes in the directory meanwhile arrives afterwards. A pause longer than the time of
    /// grace counts as leaving the scope.
    Pause {
        /// Why, for whoever reads the status.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        reason: String,
    },
    /// End a pause.
    Resume,
    /// Let the running daemon begin a cycle now, and wait for its end.
    RunNow {
        /// Compare everything on both sides, and not only what has changed.
        #[arg(long)]
        full: bool,
    },
    /// Bring one user or group to the target now, with its memberships.
    SyncOne {
        /// A login, a name, a DN, or the objectGUID or entryUUID.
        name: String,
    },
    /// Show the last records of the error log, and what to do about them.
    Errors {
        /// So many of them.
        #[arg(long, default_value_t = 20, value_name = "N")]
        last: usize,
        /// Print the records as they are, one JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

/// The program. Exit code 0: done; 1: done, but some objects have problems; 2: it could not begin, or ended early.
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
        Command::Check { json } => check::check(&arguments.config, json),
        Command::Plan { json, full } => once::plan(&arguments.config, json, full),
        Command::Apply { json, full } => once::apply(&arguments.config, json, full),
        Command::Run => service::run(&arguments.config),
        Command::Status { json } => service::status(&arguments.config, json),
        Command::Pause { reason } => service::pause(&arguments.config, reason),
        Command::Resume => service::resume(&arguments.config),
        Command::RunNow { full } => service::run_now(&arguments.config, full),
        Command::SyncOne { name } => service::sync_one(&arguments.config, &name),
        Command::Errors { last, json } => errors::errors(&arguments.config, last, json),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
