//! The command line. Each command has its place in `cli/`; here they are only named and told apart.

pub mod approve;
mod ask;
pub mod check;
pub mod errors;
pub mod explain;
mod init;
pub mod once;
mod output;
#[cfg(test)]
mod reference;
pub mod scope;
pub mod service;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use command_page::{
    installed::{self, Shell},
    terminal,
};

use crate::{
    config::edit::List,
    cycle::dry_run::{DryRun, PlanForm},
    plan::held_back::Decision,
};

/// Makes a SCIM server agree with a part of an LDAP directory or of Active Directory.
#[derive(Debug, Parser)]
#[command(name = "sync-agent", version = command_page::version(env!("CARGO_PKG_VERSION")), about)]
pub(crate) struct Arguments {
    /// The configuration file.
    #[arg(long, short, global = true, default_value = "sync-agent.toml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first configuration, and check it.
    ///
    /// Looks at the directory and at the target. Asks on a terminal for what no flag says.
    Init(init::Answers),
    /// Check the directory and the target, and say what to change.
    ///
    /// Connects, binds, reads every user and group once, and asks the target what it can do. Writes
    /// nothing. Ends with exit code 1 if you must change something.
    Check {
        /// Print the findings as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what a run would do, object by object, and write nothing.
    ///
    /// Each line is one action with its reason; a change shows the old and the new value. The next run
    /// sees the same changes. A running daemon makes the plan.
    Plan {
        /// Print the plan as JSON.
        #[arg(long)]
        json: bool,
        /// Compare everything in the directory and at the target, and not only what has changed.
        #[arg(long)]
        full: bool,
        /// Show every action, and not only some of each kind.
        #[arg(long, short)]
        verbose: bool,
        /// Save the plan: `apply FILE` then does exactly that.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Synchronise once.
    ///
    /// Tries objects again that failed before. With FILE it does exactly what `plan --out` has saved, and
    /// refuses when the directory or the target has changed since. Ends with exit code 1 if some objects
    /// have problems; all others are done.
    Apply {
        /// A saved plan.
        file: Option<PathBuf>,
        /// Print what was done as JSON.
        #[arg(long)]
        json: bool,
        /// Compare everything in the directory and at the target, and not only what has changed.
        #[arg(long)]
        full: bool,
    },
    /// Run as a daemon.
    ///
    /// Runs a cycle each hour, or as `[schedule]` says. SIGTERM stops it when the requests that are under
    /// way have ended; SIGHUP makes it read the configuration again.
    Run,
    /// Show the last cycles, the next one, and what is in quarantine and why.
    Status {
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Stop writing until `resume`.
    ///
    /// What changes in the directory meanwhile arrives after `resume`. A pause longer than the time of
    /// grace counts as leaving the scope.
    Pause {
        /// Why, for whoever reads the status.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        reason: String,
    },
    /// End a pause.
    Resume,
    /// Start a cycle of the running daemon now, and wait until it ends.
    RunNow {
        /// Compare everything in the directory and at the target, and not only what has changed.
        #[arg(long)]
        full: bool,
    },
    /// Synchronise one user or group now, with its memberships.
    SyncOne {
        /// A login, a name, a DN, or the objectGUID or entryUUID.
        name: String,
    },
    /// Show the last records of the error log, and what to do about them.
    Errors {
        /// How many records.
        #[arg(long, default_value_t = 20, value_name = "N")]
        last: usize,
        /// Print the records as they are, one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show what the limits of `[safety]` hold back.
    Held {
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Approve what the limits of `[safety]` hold back. The next run does exactly that.
    ///
    /// Shows all of it, and asks first on a terminal.
    Approve {
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Reject what the limits of `[safety]` hold back. It is not done, and you are not asked again about
    /// the same.
    ///
    /// Shows all of it, and asks first on a terminal.
    Reject {
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Explain why a user or group is in scope or not, what it becomes, and what the next run would do.
    Explain {
        /// A login, a common name, a DN or an id.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show or change the scope in the configuration file.
    #[command(subcommand)]
    Scope(ScopeCommand),
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages into a directory.
    #[command(hide = true)]
    Manual {
        /// The directory, which is made.
        directory: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum ScopeCommand {
    /// Show the lists.
    List,
    /// Add to a list. A running daemon reads it, and its next cycle uses it.
    Add {
        /// The list.
        #[arg(value_enum)]
        list: ScopeList,
        /// A login or name, a DN, an id, a filter in parentheses, or * for all.
        #[arg(required = true)]
        lines: Vec<String>,
    },
    /// Remove from every list. Users who leave the scope are deactivated after a time of grace.
    Remove {
        /// As it is written in the list.
        #[arg(required = true)]
        lines: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ScopeList {
    User,
    /// A group, with all who are within.
    Group,
    /// A user or group that is never in scope.
    Exclude,
}

impl From<ScopeList> for List {
    fn from(list: ScopeList) -> Self {
        match list {
            ScopeList::User => Self::Users,
            ScopeList::Group => Self::Groups,
            ScopeList::Exclude => Self::Exclude,
        }
    }
}

/// The program. Exit code 0: done; 1: done, but some objects have problems; 2: it could not begin, or ended early.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // sled logs each of its failures several times, and returns it; our own error says it once, with what to do.
    let filter = tracing_subscriber::EnvFilter::new("warn,sync_agent=info,sled=off");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| terminal::Lines(std::io::stderr()))
        .with_ansi(false)
        .without_time()
        .init();
    let outcome = match arguments.command {
        Command::Init(answers) => init::init(&arguments.config, &answers),
        Command::Check { json } => check::check(&arguments.config, json),
        Command::Plan { json, full, verbose, out } => {
            let form = match (json, verbose) {
                (true, _) => PlanForm::Json,
                (false, true) => PlanForm::Full,
                (false, false) => PlanForm::Short,
            };
            once::plan(&arguments.config, DryRun { full, form, file: out.is_some() }, out.as_deref())
        }
        Command::Apply { file, json, full } => once::apply(&arguments.config, file.as_deref(), json, full),
        Command::Run => service::run(&arguments.config),
        Command::Status { json } => service::status(&arguments.config, json),
        Command::Pause { reason } => service::pause(&arguments.config, reason),
        Command::Resume => service::resume(&arguments.config),
        Command::RunNow { full } => service::run_now(&arguments.config, full),
        Command::SyncOne { name } => service::sync_one(&arguments.config, &name),
        Command::Errors { last, json } => errors::errors(&arguments.config, last, json),
        Command::Held { json } => approve::held(&arguments.config, json),
        Command::Approve { yes } => approve::decide(&arguments.config, Decision::Approved, yes),
        Command::Reject { yes } => approve::decide(&arguments.config, Decision::Rejected, yes),
        Command::Explain { name, json } => explain::explain(&arguments.config, &name, json),
        Command::Completions { shell } => installed::completions(Arguments::command(), shell, &mut std::io::stdout())
            .map(|()| ExitCode::SUCCESS)
            .context("the completions cannot be printed"),
        Command::Manual { directory } => installed::manual(Arguments::command(), &directory)
            .map(|()| ExitCode::SUCCESS)
            .with_context(|| format!("cannot write to {}", directory.display())),
        Command::Scope(command) => {
            let told = match command {
                ScopeCommand::List => scope::list(&arguments.config),
                ScopeCommand::Add { list, lines } => scope::add(&arguments.config, list.into(), &lines),
                ScopeCommand::Remove { lines } => scope::remove(&arguments.config, &lines),
            };
            told.map_err(anyhow::Error::from).and_then(|told| output::print(&told))
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {}", terminal::lines(&in_words(&error)));
        ExitCode::from(2)
    })
}

/// An error with its causes, each once: most say their cause themselves.
fn in_words(error: &anyhow::Error) -> String {
    error
        .chain()
        .skip(1)
        .map(ToString::to_string)
        .fold(error.to_string(), |text, cause| if text.contains(&cause) { text } else { format!("{text}: {cause}") })
}

/// The threads of a command that waits for the network.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime does not start")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::in_words;
    use crate::source::DirectoryError;

    #[test]
    fn an_error_is_printed_with_its_causes_and_each_once() {
        let source = ldap3::LdapError::from(io::Error::other(rustls::Error::DecryptError));
        let lost = anyhow::Error::from(DirectoryError::lost("the bind", source));
        let printed = in_words(&lost.context("the cycle ended early"));
        assert!(
            printed.starts_with("the cycle ended early: the connection to the directory was lost during the bind: ")
        );
        assert_eq!(printed.matches("cannot decrypt peer's message").count(), 1, "{printed}");
    }
}
