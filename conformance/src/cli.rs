//! The command line.

mod arguments;
mod catalogue;
mod clock;
mod config;
mod connection;
mod manner;
pub mod reference;
mod session;

use std::{fs, io::Write, path::Path, process::ExitCode};

use anyhow::{Context, bail};
use clap::{CommandFactory as _, Parser as _};
use command_page::{installed, terminal};

pub use self::arguments::Arguments;
use self::arguments::{Command, RFC};
use crate::{
    advice,
    report::{self, Report},
    run::{Selection, Unknown},
    section,
};

/// Runs the program. Exit codes: 0 conforms, 1 does not, 2 could not run.
pub fn main() -> ExitCode {
    let arguments = config::expand(std::env::args_os().collect(), &Arguments::command());
    match arguments.and_then(|arguments| command(Arguments::parse_from(arguments).command)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("scim-conformance: {}", terminal::lines(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

fn command(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Clean(to) => session::clean(&to),
        Command::Completions { shell } => {
            installed::completions(Arguments::command(), shell, &mut std::io::stdout())?;
            Ok(0)
        }
        Command::Manual { directory } => {
            installed::manual(Arguments::command(), &directory)
                .with_context(|| format!("cannot write to {}", directory.display()))?;
            Ok(0)
        }
        Command::Compare { before, after } => {
            let (text, worse) = report::compare(&read(&before)?, &read(&after)?);
            say(&text)?;
            Ok(u8::from(worse))
        }
        // A finding of a generated case has its subject behind the case's id.
        Command::Explain { id } => explain(id.split(':').next().unwrap_or(&id)),
        Command::List { profile, selection, json } => list(profile.as_deref(), &selection.selection(), json),
        Command::Render { file, report, out } => {
            session::write(&read(&file)?, report, out.as_deref())?;
            Ok(0)
        }
        Command::Run(run) => session::run(&run),
    }
}

fn read(file: &Path) -> anyhow::Result<Report> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is no report; make one with `run --report json --out FILE`", file.display()))
}

fn list(only: Option<&str>, selection: &Selection, as_json: bool) -> anyhow::Result<u8> {
    let shows = catalogue::all().filter(|one| only.is_none_or(|profile| one.profile == profile));
    let chosen = catalogue::chosen(shows, only, selection)?;
    if as_json {
        say(&(serde_json::to_string_pretty(&chosen)? + "\n"))?;
        return Ok(0);
    }
    let mut heading = "";
    for one in &chosen {
        if one.heading != heading {
            say(&format!("\n{} [{}]\n", one.heading, one.area))?;
            heading = one.heading;
        }
        say(&format!("  {:<44} {:<6} {}\n", one.id, one.level, one.requirement))?;
    }
    Ok(0)
}

fn explain(id: &str) -> anyhow::Result<u8> {
    let Some(one) = catalogue::all().find(|one| one.id == id) else {
        bail!("{}", Unknown::new(id, catalogue::all().map(|one| one.id)))
    };
    let needs = if one.needs.is_empty() { "nothing".to_owned() } else { one.needs.join(", ") };
    say(&format!("{}\n\n{}\n\n{}, {} ({})\n", one.id, one.requirement, one.section, one.level, one.heading))?;
    if let Some(link) = section::link(&one.section) {
        say(&format!("{link}\n"))?;
    }
    if let Some(why) = one.why {
        say(&format!("Otherwise: {why}\n"))?;
    }
    if let Some(message) = one.message {
        say(&format!("The administrator then sees: \"{message}\"\n"))?;
    }
    if let Some(advice) = advice::of(&one.section) {
        say(&format!("\nTo change: {}\n", advice.change))?;
        for other in advice.others {
            say(&format!("- {other}\n"))?;
        }
        say("\n")?;
    }
    let profile = if one.profile == RFC { String::new() } else { format!(" --profile {}", one.profile) };
    say(&format!(
        "Needs of the server's discovery: {needs}\nRun it alone: scim-conformance run --url BASE --token-file FILE{profile} --only {}\n",
        one.id
    ))?;
    Ok(0)
}

/// Prints. A reader that stops early, such as `head`, is no error.
fn say(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("Nothing can be printed"),
        _ => Ok(()),
    }
}
