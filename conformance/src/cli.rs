//! The command line.

mod arguments;
mod session;

use std::{fs, io::Write, path::Path, process::ExitCode};

use anyhow::{Context, bail};
use clap::Parser;
use serde_json::{Value, json};

pub use self::arguments::Arguments;
use self::arguments::Command;
use crate::{
    case::{Area, Case},
    cases,
    report::{self, Report},
    run::Selection,
};

/// Runs the program. Exit codes: 0 conforms, 1 does not, 2 could not run.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match command(arguments.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("scim-conformance: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn command(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Clean(to) => session::clean(&to),
        Command::Compare { before, after } => {
            let (text, worse) = report::compare(&read(&before)?, &read(&after)?);
            say(&text)?;
            Ok(u8::from(worse))
        }
        Command::Explain { id } => explain(&id),
        Command::List { selection, json } => list(&selection.into(), json),
        Command::Run(run) => session::run(&run),
    }
}

fn read(file: &Path) -> anyhow::Result<Report> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is no report; make one with `run --report json --out FILE`", file.display()))
}

fn list(selection: &Selection, as_json: bool) -> anyhow::Result<u8> {
    let chosen = selection.cases()?;
    if as_json {
        let cases: Vec<_> = chosen.iter().map(|(area, case)| describe(area, case)).collect();
        say(&(serde_json::to_string_pretty(&cases)? + "\n"))?;
        return Ok(0);
    }
    let mut heading = "";
    for (area, case) in chosen {
        if area.title != heading {
            say(&format!("\n{} [{}]\n", area.title, area.tag))?;
            heading = area.title;
        }
        say(&format!("  {:<44} {:<6} {}\n", case.id, case.level, case.requirement))?;
    }
    Ok(0)
}

fn explain(id: &str) -> anyhow::Result<u8> {
    let Some((area, case)) = cases::all().find(|(_, case)| case.id == id) else {
        bail!("No case has the id \"{id}\". `scim-conformance list` shows all.")
    };
    let needs: Vec<_> = case.needs.iter().map(ToString::to_string).collect();
    let needs = if needs.is_empty() { "nothing".to_owned() } else { needs.join(", ") };
    say(&format!(
        "{}\n\n{}\n\n{}, {} ({})\nNeeds of the server's discovery: {needs}\nRun it alone: scim-conformance run --url BASE --token-file FILE --only {}\n",
        case.id, case.requirement, case.section, case.level, area.title, case.id
    ))?;
    Ok(0)
}

fn describe(area: &Area, case: &Case) -> Value {
    let needs: Vec<_> = case.needs.iter().map(ToString::to_string).collect();
    json!({"id": case.id, "area": area.tag, "section": case.section, "level": case.level,
        "requirement": case.requirement, "needs": needs, "tags": case.tags})
}

/// Prints. A reader that stops early, such as `head`, is no error.
fn say(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("Nothing can be printed"),
        _ => Ok(()),
    }
}
