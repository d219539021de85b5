//! The arguments of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::PossibleValuesParser};
use command_page::installed::Shell;

use super::{connection::Connection, manner::MannerArguments};
use crate::{profile, report::Format, run::Selection, verdict::Level};

/// Tests any SCIM 2.0 server against RFC 7643, 7644, 6750 and 9865.
#[derive(Debug, Parser)]
#[command(
    name = "scim-conformance",
    version = command_page::version(env!("CARGO_PKG_VERSION")),
    args_override_self = true,
    after_help = "\
Start with:
  scim-conformance run --url https://example.com/scim/v2 --token-file token.txt
Write a report that shows every request, and the summary here:
  scim-conformance run … --report html --out report.html
Fail only for what is new since an earlier report:
  scim-conformance run … --baseline before.json
Test the requests that Entra ID sends:
  scim-conformance run … --profile entra"
)]
pub struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Test a server. Exit code 0: it conforms; 1: it violates a MUST; 2: the test could not run
    Run(Box<Run>),
    /// List the cases, or the steps of a provider's profile, with what each requires
    List {
        /// Only these: `rfc`, or a provider
        #[arg(long, value_name = "NAME", value_parser = profile_names())]
        profile: Option<String>,
        #[command(flatten)]
        selection: SelectionArguments,
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Explain one case or step: what it requires, and the source of the requirement
    Explain {
        /// The id of a case or step, as `list` shows it
        id: String,
    },
    /// Show what changed between two reports. Exit code 1: something got worse
    Compare {
        /// A report made with --report json
        before: PathBuf,
        /// A later report, made in the same way
        after: PathBuf,
    },
    /// Write a JSON report in another form, without running anything
    Render {
        /// A report made with --report json
        file: PathBuf,
        /// The form
        #[arg(long, value_enum, default_value_t)]
        report: Format,
        /// Write it to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Delete the resources that an interrupted run left on a server (their names carry a mark)
    Clean(Box<Connection>),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a directory
    #[command(hide = true)]
    Manual {
        /// The directory, which is made
        directory: PathBuf,
    },
}

/// The profile that is made of the cases.
pub(super) const RFC: &str = "rfc";

fn profile_names() -> PossibleValuesParser {
    PossibleValuesParser::new(std::iter::once(RFC).chain(profile::all().iter().map(|one| one.name.as_str())))
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub manner: MannerArguments,
    /// Test the requirements of the RFCs (rfc), or the requests of a provider
    #[arg(long, value_name = "NAME", default_value = RFC, value_parser = profile_names())]
    pub profile: String,
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// How many cases run at a time; the steps of a provider's profile always run one after the other
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: u16,
    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    pub report: Format,
    /// Write the report to this file, and print only the summary
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// A JSON report of an earlier run: what failed in it does not count for the exit code
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Also measure how long a member is added to and removed from groups of so many members, such as `1000,10000`;
    /// as many users are made. It ends after ten minutes. The figures are notes of the report, and no verdict
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub measure_groups: Vec<u32>,
    /// Write the requests and answers of each case to a file in this directory; the token is hidden
    #[arg(long, value_name = "DIR")]
    pub transcript: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SelectionArguments {
    /// Only these cases; `modify-*` selects all that begin with `modify-`
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// Not these cases
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    skip: Vec<String>,
    /// The lowest level that counts: MUST alone, MUST and SHOULD, or all
    #[arg(long, value_enum)]
    level: Option<Level>,
    /// Only cases of these areas or with these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    tag: Vec<String>,
}

impl SelectionArguments {
    pub(super) fn selection(&self) -> Selection {
        let Self { only, skip, level, tag } = self;
        Selection { only: only.clone(), skip: skip.clone(), level: *level, tags: tag.clone() }
    }
}
