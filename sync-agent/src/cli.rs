//! The command line. Each command has its place in `cli/`; here they are only named and told apart.

pub mod approve;
pub mod explain;
pub mod once;
pub mod scope;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{config::edit::List, state::held::Decision};

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
    /// Say why a user or group is in scope or not, what it becomes, and what the next run would do.
    Explain {
        /// A login, a common name, a DN or an id.
        name: String,
        /// Write JSON in place of words.
        #[arg(long)]
        json: bool,
    },
    /// Show or change who is meant, in the configuration file.
    #[command(subcommand)]
    Scope(ScopeCommand),
}

#[derive(Debug, Subcommand)]
enum ScopeCommand {
    /// Show the lists.
    List,
    /// Add to a list. A running agent takes it up when it is started again.
    Add {
        /// To which.
        #[arg(value_enum)]
        list: ScopeList,
        /// A login or name, a DN, an id, a filter in parentheses, or * for all.
        #[arg(required = true)]
        lines: Vec<String>,
    },
    /// Take out of every list. Users who leave the scope are deactivated after a time of grace.
    Remove {
        /// As the list has it.
        #[arg(required = true)]
        lines: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ScopeList {
    /// A user.
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
        Command::Explain { name, json } => once::explain(&arguments.config, &name, json),
        Command::Scope(command) => {
            let told = match command {
                ScopeCommand::List => scope::list(&arguments.config),
                ScopeCommand::Add { list, lines } => scope::add(&arguments.config, list.into(), &lines),
                ScopeCommand::Remove { lines } => scope::remove(&arguments.config, &lines),
            };
            told.map_err(anyhow::Error::from).and_then(|told| once::print(&told))
        }
        Command::Reject => approve::decide(&arguments.config, Decision::Rejected),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
